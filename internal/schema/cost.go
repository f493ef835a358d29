package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// budget is the work one check may cost. A unit is what the library takes thirty
// to two hundred nanoseconds for, so that a check ends within a second.
const budget = 4_000_000

// Units of work.
const (
	lookCost   = 16 // looking at a value with a schema
	numberCost = 16 // comparing numbers, which it does exactly
)

// A meter counts down the work of a check.
type meter struct{ left int }

// spent is what charge panics with: there is no other way out of the library.
type spent struct{}

func (m *meter) charge(units int) {
	if units < 0 || units > m.left {
		panic(spent{})
	}
	m.left -= units
}

// prepare makes every schema that can be reached pay for those below it before
// they are looked at. A schema whose type or enum does not fit returns before its
// own turn, so none pays for itself.
func (s *compiled) prepare() error {
	w := walker{found: []*jsonschema.Schema{s.root}, heights: make(map[*jsonschema.Schema]int)}
	for i := 0; i < len(w.found); i++ {
		if _, err := w.height(w.found[i]); err != nil {
			return err
		}
	}
	s.cost = ownCost(s.root)
	for one := range w.heights {
		s.payAhead(one)
	}
	return nil
}

func (s *compiled) payAhead(one *jsonschema.Schema) {
	same, inner := sameCost(one), memberCost(one)
	var own *jsonschema.Format
	if own = one.Format; own == nil {
		own = &jsonschema.Format{Name: "any", Validate: func(any) error { return nil }}
	}
	unique := one.UniqueItems
	one.Format = &jsonschema.Format{Name: own.Name, Validate: func(v any) error {
		switch v := v.(type) {
		case map[string]any:
			s.meter.charge(same + len(v)*inner)
		case []any:
			s.meter.charge(same + len(v)*inner)
			if unique {
				s.meter.charge(min(len(v), 20) * sizeOf(v))
			}
		case string:
			s.meter.charge(same + len(v)/16)
		default:
			s.meter.charge(same + 4*numberCost)
		}
		return own.Validate(v)
	}}
}

// ownCost is that of looking at a value, but for what lies in it.
func ownCost(one *jsonschema.Schema) int {
	cost := lookCost + len(one.Required)
	if one.Enum != nil {
		cost += sizeOf(one.Enum.Values)
	}
	if one.Const != nil {
		cost += sizeOf(*one.Const)
	}
	for _, names := range one.DependentRequired {
		cost += 1 + len(names)
	}
	for _, needs := range one.Dependencies {
		if names, ok := needs.([]string); ok {
			cost += 1 + len(names)
		}
	}
	return cost
}

// sizeOf is what it costs to compare v with another value, or to hash it.
func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return 1 + len(v)/32
	case json.Number:
		return numberCost
	case []any:
		size := 1
		for _, item := range v {
			size += sizeOf(item)
		}
		return size
	case map[string]any:
		size := 1
		for name, item := range v {
			size += 2 + len(name)/32 + sizeOf(item)
		}
		return size
	}
	return 1
}

// sameCost is that of the schemas that look at the same value.
func sameCost(one *jsonschema.Schema) int {
	cost := 0
	for _, below := range same(one) {
		cost += ownCost(below)
	}
	return cost
}

// memberCost is that of the schemas that may look at one member of a value. What
// is evaluated already is kept track of for each schema that looks on.
func memberCost(one *jsonschema.Schema) int {
	cost := 1 + len(same(one))
	largest := 0
	for _, below := range one.Properties {
		largest = max(largest, ownCost(below))
	}
	for _, below := range one.PrefixItems {
		largest = max(largest, ownCost(below))
	}
	for _, below := range one.PatternProperties {
		cost += 2 + ownCost(below)
	}
	for _, below := range anyMember(one) {
		cost += ownCost(below)
	}
	return cost + largest
}

// same lists the schemas that look at the same value as one.
func same(one *jsonschema.Schema) []*jsonschema.Schema {
	list := []*jsonschema.Schema{one.Ref, one.Not, one.If, one.Then, one.Else}
	list = append(append(append(list, one.AllOf...), one.AnyOf...), one.OneOf...)
	for _, below := range one.DependentSchemas {
		list = append(list, below)
	}
	for _, needs := range one.Dependencies {
		if below, ok := needs.(*jsonschema.Schema); ok {
			list = append(list, below)
		}
	}
	return present(list)
}

// anyMember lists the schemas that look at any member of a value.
func anyMember(one *jsonschema.Schema) []*jsonschema.Schema {
	list := []*jsonschema.Schema{one.PropertyNames, one.UnevaluatedProperties, one.Contains, one.Items2020, one.UnevaluatedItems}
	for _, v := range []any{one.AdditionalProperties, one.AdditionalItems, one.Items} {
		switch v := v.(type) {
		case *jsonschema.Schema:
			list = append(list, v)
		case []*jsonschema.Schema:
			list = append(list, v...)
		}
	}
	return present(list)
}

func present(list []*jsonschema.Schema) []*jsonschema.Schema {
	kept := list[:0]
	for _, one := range list {
		if one != nil {
			kept = append(kept, one)
		}
	}
	return kept
}

// A walker goes over all schemas that can be reached.
type walker struct {
	found   []*jsonschema.Schema       // that look into values, some of them more than once
	heights map[*jsonschema.Schema]int // of those looked at; -1: it is being looked at
}

// height is how many schemas that look at the same value lie below one. It
// refuses circles among them, in which the library would run for ever.
func (w *walker) height(one *jsonschema.Schema) (int, error) {
	at := &Violation{Path: pointer(one.Location)}
	if known, ok := w.heights[one]; ok {
		if known < 0 {
			at.Reason = "refers to itself in a circle that never goes into the value"
			return 0, at
		}
		return known, nil
	}
	switch {
	case !strings.HasPrefix(one.Location, location+"#"):
		return 0, &Violation{Reason: "refers to " + quoted(one.Location) + ", which is not within it; put that under $defs"}
	case one.DynamicRef != nil || one.RecursiveRef != nil:
		at.Reason = "$dynamicRef and $recursiveRef are not known here; use $ref"
		return 0, at
	}
	w.heights[one] = -1
	height := 0
	for _, below := range same(one) {
		h, err := w.height(below)
		if err != nil {
			return 0, err
		}
		height = max(height, h+1)
	}
	if height > maxNest {
		at.Reason = fmt.Sprintf("more than %d references, allOf and the like lie within one another", maxNest)
		return 0, at
	}
	w.heights[one] = height
	w.found = append(append(w.found, anyMember(one)...), one.PrefixItems...)
	w.found = slices.AppendSeq(w.found, maps.Values(one.Properties))
	w.found = slices.AppendSeq(w.found, maps.Values(one.PatternProperties))
	return height, nil
}
