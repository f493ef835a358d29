package expression

import (
	"math"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// earthRadius is the mean one, in metres (IUGG).
const earthRadius = 6_371_008.8

// places declares distance and within. Latitudes and longitudes are in degrees.
func places() cel.EnvOption {
	number := cel.DynType
	four := []*cel.Type{number, number, number, number}
	return cel.Lib(functions{
		cel.Function("distance", cel.Overload("distance_points", four, cel.DoubleType, cel.FunctionBinding(func(args ...ref.Val) ref.Val {
			n, err := numbers(args)
			if err != nil {
				return err
			}
			return types.Double(distance(n[0], n[1], n[2], n[3]))
		}))),
		cel.Function("within",
			cel.Overload("within_circle", append(four[:4:4], number), cel.BoolType, cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				n, err := numbers(args)
				if err != nil {
					return err
				}
				return types.Bool(distance(n[0], n[1], n[2], n[3]) <= n[4])
			})),
			cel.Overload("within_polygon", []*cel.Type{number, number, cel.ListType(cel.DynType)}, cel.BoolType, cel.FunctionBinding(withinPolygon))),
	})
}

// functions are options for the environment.
type functions []cel.EnvOption

// CompileOptions is cel.Library's.
func (f functions) CompileOptions() []cel.EnvOption { return f }

// ProgramOptions is cel.Library's.
func (f functions) ProgramOptions() []cel.ProgramOption { return nil }

// numbers are the values as doubles.
func numbers(args []ref.Val) ([]float64, *types.Err) {
	all := make([]float64, len(args))
	for i, v := range args {
		switch n := v.(type) {
		case types.Double:
			all[i] = float64(n)
		case types.Int:
			all[i] = float64(n)
		case types.Uint:
			all[i] = float64(n)
		default:
			return nil, types.NewErr("a place is numbers, in degrees").(*types.Err)
		}
	}
	return all, nil
}

// distance is the length of the great circle between two points (haversine).
func distance(lat, lon, lat2, lon2 float64) float64 {
	const degree = math.Pi / 180
	a := math.Sin((lat2 - lat) * degree / 2)
	b := math.Sin((lon2 - lon) * degree / 2)
	h := a*a + math.Cos(lat*degree)*math.Cos(lat2*degree)*b*b
	return 2 * earthRadius * math.Asin(math.Sqrt(min(1, h)))
}

// withinPolygon reports whether a point is inside a polygon of points, whose edges are
// straight on a map of latitudes and longitudes and do not cross the 180th meridian.
func withinPolygon(args ...ref.Val) ref.Val {
	point, err := numbers(args[:2])
	if err != nil {
		return err
	}
	list, ok := args[2].(traits.Lister)
	if !ok {
		return types.NewErr("a polygon is a list of [latitude, longitude]")
	}
	var corners [][]float64
	for it := list.Iterator(); it.HasNext() == types.True; {
		pair, ok := it.Next().(traits.Lister)
		if !ok || pair.Size() != types.Int(2) {
			return types.NewErr("a polygon is a list of [latitude, longitude]")
		}
		corner, err := numbers([]ref.Val{pair.Get(types.Int(0)), pair.Get(types.Int(1))})
		if err != nil {
			return err
		}
		corners = append(corners, corner)
	}
	inside := false
	for i, a := range corners {
		b := corners[(i+1)%len(corners)]
		if (a[0] > point[0]) != (b[0] > point[0]) && point[1] < a[1]+(point[0]-a[0])/(b[0]-a[0])*(b[1]-a[1]) {
			inside = !inside
		}
	}
	return types.Bool(inside)
}
