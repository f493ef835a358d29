package expression

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Bounds of one evaluation.
const (
	maxCost     = 25_000    // in CEL's units, of which a call takes one for each bytesAUnit it looks at
	maxProduced = 256 << 10 // bytes of a string that an expression makes
	bytesAUnit  = 16
	readingFree = 64 << 10 // bytes of a payload that may be looked at, beside readingMost times all of them
	readingMost = 4
)

// costs tells CEL what calls take. What it reckons itself leaves out what is nested.
type costs struct{}

// CallCost is cost.ActualCostEstimator's.
func (costs) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	n := size(result)
	for _, v := range args {
		n += size(v)
	}
	if function == "@matches" { // the pattern is tried at each byte
		n += size(args[0]) * size(args[1]) / 4
	}
	cost := uint64(1 + n/bytesAUnit)
	return &cost
}

// size is how much there is to look at in a value, in bytes.
func size(v ref.Val) int {
	switch v := v.(type) {
	case types.String:
		return len(v)
	case types.Bytes:
		return len(v)
	case *object:
		return len(v.text)
	case *array:
		return len(v.text)
	case traits.Lister:
		return sizeOfAll(v.Iterator(), nil)
	case traits.Mapper:
		return sizeOfAll(v.Iterator(), v)
	}
	return 1
}

// sizeOfAll is the size of what it goes through, and of the values at it in of if
// that is not nil.
func sizeOfAll(it traits.Iterator, of traits.Mapper) int {
	n := 1
	for it.HasNext() == types.True && n < maxCost*bytesAUnit {
		next := it.Next()
		n += bytesAUnit/2 + size(next)
		if of != nil {
			n += size(of.Get(next))
		}
	}
	return n
}

// A reading is what may still be looked at of a payload, in bytes: what is nested
// deeply is looked at once for each level.
type reading struct {
	left  int // bytes
	parts int // members and elements that were found
}

// maxParts bounds these: each becomes a value in memory.
const maxParts = 5_000

func newReading(payload []byte) reading {
	return reading{left: readingFree + readingMost*len(payload)}
}

// part says whether one more may be found.
func (r *reading) part() bool {
	r.parts++
	return r.parts <= maxParts
}

var errTooLong = types.NewErr("the cost limit of reading is exceeded")

// take says whether so much more may be looked at.
func (r *reading) take(n int) bool {
	r.left -= n
	return r.left >= 0
}
