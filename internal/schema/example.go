package schema

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Bounds on examples that are made.
const (
	maxMade      = 1000 // values
	maxMadeDepth = 16
	maxMadeText  = 1024 // characters of a string
	maxMadeItems = 16   // of a list
)

// Example makes a small document that fits a schema, from its own examples and
// defaults where it has them. It is not ok if the schema wants what cannot be
// guessed.
func Example(text []byte) (_ json.RawMessage, ok bool) {
	if len(text) > MaxText {
		return nil, false
	}
	doc, err := read(text)
	if err != nil {
		return nil, false
	}
	compiled, err := Compile(text)
	for _, sparse := range []bool{false, true} {
		m := maker{root: doc, left: maxMade, sparse: sparse, busy: map[string]bool{"#": true}}
		v, ok := m.value(doc, 0)
		if !ok {
			continue
		}
		made, wrong := json.Marshal(v)
		if wrong == nil && (err != nil || compiled.Check(made) == nil) {
			return made, true
		}
	}
	return nil, false
}

// A maker makes values that fit the schemas of a document.
type maker struct {
	root   any
	left   int
	sparse bool            // leave out what is not required
	busy   map[string]bool // references being followed
}

// value makes a value that fits a schema, as far as can be told from it alone.
func (m *maker) value(schema any, depth int) (v any, ok bool) {
	s, isObject := schema.(map[string]any)
	if m.left--; m.left < 0 || depth > maxMadeDepth || !isObject && schema != true {
		return nil, false
	}
	if v, ok := given(s); ok {
		return v, true
	}
	if ref, ok := s["$ref"].(string); ok {
		return m.referred(ref, s, depth)
	}
	for _, word := range []string{"oneOf", "anyOf"} {
		alternatives, _ := s[word].([]any)
		for _, one := range alternatives {
			if v, ok := m.value(merged(without(s, word), one), depth+1); ok {
				return v, true
			}
		}
		if len(alternatives) > 0 {
			return nil, false
		}
	}
	if all, _ := s["allOf"].([]any); len(all) > 0 {
		return m.value(m.together(without(s, "allOf"), all), depth+1)
	}
	return m.typed(s, depth)
}

// together is what fits all of them.
func (m *maker) together(s map[string]any, all []any) any {
	if m.left -= len(all); m.left < 0 {
		return false
	}
	for _, one := range all {
		both, ok := merged(s, m.target(one)).(map[string]any)
		if !ok {
			return false
		}
		s = both
	}
	return s
}

// given is a value that the schema itself names.
func given(s map[string]any) (v any, ok bool) {
	if v, ok := s["const"]; ok {
		return v, true
	}
	for _, word := range []string{"examples", "enum"} {
		if list, _ := s[word].([]any); len(list) > 0 {
			return list[0], true
		}
	}
	for _, word := range []string{"example", "default"} {
		if v := s[word]; v != nil { // null stands for none in what programs write
			return v, true
		}
	}
	return nil, false
}

func (m *maker) referred(ref string, s map[string]any, depth int) (v any, ok bool) {
	if m.busy[ref] {
		return nil, false
	}
	m.busy[ref] = true
	defer delete(m.busy, ref)
	return m.value(merged(without(s, "$ref"), lookUp(m.root, ref)), depth+1)
}

// target is a schema, or else what it refers to.
func (m *maker) target(schema any) any {
	if s, ok := schema.(map[string]any); ok && len(s) == 1 {
		if ref, ok := s["$ref"].(string); ok {
			return lookUp(m.root, ref)
		}
	}
	return schema
}

// lookUp finds what a local reference points to; nil if nothing.
func lookUp(root any, ref string) any {
	if !strings.HasPrefix(ref, "#") {
		return nil
	}
	for _, name := range pointer(ref) {
		switch at := root.(type) {
		case map[string]any:
			root = at[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			root = at[i]
		default:
			return nil
		}
	}
	return root
}

func without(s map[string]any, word string) map[string]any {
	c := maps.Clone(s)
	delete(c, word)
	return c
}

// merged is what fits both, roughly: properties and required are put together,
// of other words those of more go before.
func merged(s map[string]any, more any) any {
	add, ok := more.(map[string]any)
	if !ok {
		if more == true {
			return s
		}
		return more
	}
	c := maps.Clone(s)
	for word, v := range add {
		switch was := c[word].(type) {
		case map[string]any:
			if m, ok := v.(map[string]any); ok && word == "properties" {
				both := maps.Clone(was)
				maps.Copy(both, m)
				v = both
			}
		case []any:
			if list, ok := v.([]any); ok && word == "required" {
				v = slices.Concat(was, list)
			}
		}
		c[word] = v
	}
	return c
}

// typed makes a value of the schema's type, or of the type its words are about.
func (m *maker) typed(s map[string]any, depth int) (v any, ok bool) {
	switch typeOf(s) {
	case "object":
		return m.object(s, depth)
	case "array":
		return m.array(s, depth)
	case "string":
		return text(s)
	case "integer", "number":
		return numeral(s), true
	case "boolean":
		return true, true
	case "null":
		return nil, true
	}
	return nil, false
}

func typeOf(s map[string]any) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		for _, one := range t {
			if name, ok := one.(string); ok && name != "null" {
				return name
			}
		}
		return "null"
	}
	for word, t := range map[string]string{"items": "array", "prefixItems": "array", "pattern": "string", "minLength": "string",
		"format": "string", "minimum": "number", "maximum": "number", "multipleOf": "number"} {
		if s[word] != nil && s["properties"] == nil && s["required"] == nil {
			return t
		}
	}
	return "object"
}

func (m *maker) object(s map[string]any, depth int) (v any, ok bool) {
	out, properties, required := make(map[string]any), make(map[string]any), make(map[string]bool)
	names, _ := s["required"].([]any)
	for _, name := range names {
		if name, ok := name.(string); ok {
			required[name] = true
			properties[name] = orAny(s["additionalProperties"])
		}
	}
	known, _ := s["properties"].(map[string]any)
	maps.Copy(properties, known)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if m.sparse && !required[name] {
			continue
		}
		if v, ok := m.value(properties[name], depth+1); ok {
			out[name] = v
		} else if required[name] {
			return nil, false
		}
	}
	return out, true
}

// orAny is schema if it is one, or else one that anything fits.
func orAny(schema any) any {
	if s, ok := schema.(map[string]any); ok {
		return s
	}
	return true
}

func (m *maker) array(s map[string]any, depth int) (v any, ok bool) {
	out := []any{}
	first, _ := s["prefixItems"].([]any)
	least := int(min(numberOf(s, "minItems", 0), maxMadeItems+1))
	most := int(min(numberOf(s, "maxItems", maxMadeItems), maxMadeItems))
	want := max(least, len(first))
	if s["items"] != nil && !m.sparse {
		want = max(want, 1)
	}
	if least > maxMadeItems {
		return nil, false
	}
	for i := range min(want, most) {
		schema := orAny(s["items"])
		if i < len(first) {
			schema = first[i]
		}
		v, ok := m.value(schema, depth+1)
		if !ok {
			return out, i >= least
		}
		out = append(out, v)
	}
	return out, true
}

// numeral makes a number between the bounds.
func numeral(s map[string]any) any {
	n := numberOf(s, "minimum", numberOf(s, "exclusiveMinimum", math.Inf(-1)))
	if s["exclusiveMinimum"] != nil && s["minimum"] == nil {
		n++
	}
	most := numberOf(s, "maximum", numberOf(s, "exclusiveMaximum", math.Inf(1)))
	switch {
	case !math.IsInf(n, -1):
	case most >= 1:
		n = 1
	default:
		n = most - 1
	}
	if step := numberOf(s, "multipleOf", 0); step > 0 {
		n = math.Ceil(n/step) * step
	}
	if typeOf(s) == "integer" {
		n = math.Ceil(n)
	}
	return json.Number(strconv.FormatFloat(n, 'f', -1, 64))
}

func numberOf(s map[string]any, word string, otherwise float64) float64 {
	if n, ok := s[word].(json.Number); ok {
		if f, err := n.Float64(); err == nil {
			return f
		}
	}
	return otherwise
}
