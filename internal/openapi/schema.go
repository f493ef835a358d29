package openapi

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// schema writes the schema of a body so that it stands for itself: what it refers
// to is put under its $defs.
func (r *reader) schema(value any, path []string) (json.RawMessage, error) {
	b := &bundle{reader: r, names: make(map[string]string), taken: make(map[string]bool)}
	value, err := r.follow(value, path)
	if err != nil {
		return nil, err
	}
	out, err := b.convert(value, path)
	if err != nil {
		return nil, err
	}
	defs := make(map[string]any)
	for i := 0; i < len(b.found); i++ { // converting finds more
		target, err := r.lookUp(b.found[i], path)
		if err != nil {
			return nil, err
		}
		if defs[b.names[b.found[i]]], err = b.convert(target, path); err != nil {
			return nil, err
		}
	}
	if o, ok := out.(map[string]any); ok && len(defs) > 0 {
		o["$defs"] = defs
	}
	return r.write(out, path)
}

// follow leads to what a body is that is nothing but a reference.
func (r *reader) follow(value any, path []string) (any, error) {
	for range maxHops {
		o, _ := value.(map[string]any)
		ref, ok := o["$ref"].(string)
		if !ok || len(o) > 1 && r.dialect == draft2020 {
			return value, nil
		}
		var err error
		if value, err = r.lookUp(ref, path); err != nil {
			return nil, err
		}
	}
	return nil, refuse(path, "leads through more than %d references", maxHops)
}

// A bundle is a schema with what it refers to.
type bundle struct {
	*reader
	found []string          // references, in the order in which they were met
	names map[string]string // what each is called under $defs
	taken map[string]bool   // those names
}

// refer is what a reference becomes.
func (b *bundle) refer(ref string) string {
	name, ok := b.names[ref]
	if !ok {
		parts := tokens(strings.TrimPrefix(ref, "#/"))
		base := parts[len(parts)-1]
		name = base
		for i := 2; b.taken[name]; i++ {
			name = base + "_" + strconv.Itoa(i)
		}
		b.taken[name], b.names[ref] = true, name
		b.found = append(b.found, ref)
	}
	return "#/$defs/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// What the words of JSON Schema hold: one schema, or several by name or in order.
// "items" may hold one or several.
var (
	single = []string{"items", "additionalProperties", "additionalItems", "not", "if", "then", "else", "contains",
		"propertyNames", "unevaluatedItems", "unevaluatedProperties", "contentSchema"}
	byName  = []string{"properties", "patternProperties", "dependentSchemas"}
	inOrder = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	dropped = []string{"discriminator", "xml", "externalDocs", "$defs", "definitions", "$id", "$anchor", "$schema"}
)

// convert copies a schema as JSON Schema has it.
func (b *bundle) convert(value any, path []string) (any, error) {
	s, ok := value.(map[string]any)
	if !ok {
		if _, ok := value.(bool); ok {
			return value, nil
		}
		return nil, refuse(path, "must be a schema, which is an object")
	}
	if b.left -= 16; b.left < 0 {
		return nil, tooMuch(path)
	}
	out := make(map[string]any, len(s))
	if ref, ok := s["$ref"].(string); ok {
		if _, err := b.lookUp(ref, path); err != nil {
			return nil, err
		}
		out["$ref"] = b.refer(ref)
		if b.dialect != draft2020 {
			return out, nil // what stands beside it means nothing
		}
	}
	if b.dialect == draft07 {
		s = fromDraft07(s)
	}
	for _, word := range slices.Sorted(maps.Keys(s)) {
		if word == "$ref" || slices.Contains(dropped, word) || strings.HasPrefix(word, "x-") {
			continue
		}
		v, err := b.word(word, s[word], path)
		if err != nil {
			return nil, err
		}
		out[word] = v
	}
	if b.dialect == openapi30 {
		return modern(out), nil
	}
	return out, nil
}

// word converts what stands under a word of a schema.
func (b *bundle) word(word string, v any, path []string) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if slices.Contains(byName, word) {
			out := make(map[string]any, len(v))
			for _, name := range slices.Sorted(maps.Keys(v)) {
				var err error
				if out[name], err = b.convert(v[name], append(path, word, name)); err != nil {
					return nil, err
				}
			}
			return out, nil
		}
		if slices.Contains(single, word) {
			return b.convert(v, append(path, word))
		}
	case []any:
		if slices.Contains(inOrder, word) || word == "items" {
			out := make([]any, len(v))
			for i := range v {
				var err error
				if out[i], err = b.convert(v[i], append(path, word, strconv.Itoa(i))); err != nil {
					return nil, err
				}
			}
			return out, nil
		}
	}
	return v, nil
}

// fromDraft07 is a schema of draft 7 in the words of 2020-12, if it has others.
func fromDraft07(s map[string]any) map[string]any {
	s = maps.Clone(s)
	if list, ok := s["items"].([]any); ok {
		s["prefixItems"] = list
		delete(s, "items")
		if rest, ok := s["additionalItems"]; ok {
			s["items"] = rest
		}
	}
	delete(s, "additionalItems")
	depends, ok := s["dependencies"].(map[string]any)
	if !ok {
		return s
	}
	delete(s, "dependencies")
	required, schemas := map[string]any{}, map[string]any{}
	for name, v := range depends {
		if _, ok := v.([]any); ok {
			required[name] = v
		} else {
			schemas[name] = v
		}
	}
	if len(required) > 0 {
		s["dependentRequired"] = required
	}
	if len(schemas) > 0 {
		s["dependentSchemas"] = schemas
	}
	return s
}

// modern makes JSON Schema of a schema of OpenAPI 3.0: nullable becomes a type,
// exclusive bounds become numbers, and the example one of examples.
func modern(s map[string]any) any {
	for exclusive, bound := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
		if is, ok := s[exclusive].(bool); ok {
			delete(s, exclusive)
			if is && s[bound] != nil {
				s[exclusive] = s[bound]
				delete(s, bound)
			}
		}
	}
	if v, ok := s["example"]; ok && s["examples"] == nil {
		s["examples"] = []any{v}
		delete(s, "example")
	}
	nullable := s["nullable"] == true
	delete(s, "nullable")
	if !nullable {
		return s
	}
	if t, ok := s["type"].(string); ok {
		s["type"] = []any{t, "null"}
		if list, ok := s["enum"].([]any); ok && !slices.Contains(list, nil) {
			s["enum"] = append(slices.Clone(list), nil)
		}
		return s
	}
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}}
}

// write writes a value as JSON, as long as there is room.
func (r *reader) write(v any, path []string) (json.RawMessage, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, refuse(path, "cannot be written as JSON: %v", err)
	}
	if r.left -= len(text); r.left < 0 {
		return nil, tooMuch(path)
	}
	return text, nil
}

func tooMuch(path []string) error {
	return refuse(path, "makes all schemas together larger than %d MiB, with what they share; import fewer webhooks at once", maxSchemas>>20)
}

// tokens are the names of a JSON Pointer in a fragment, without its first slash.
func tokens(pointer string) []string {
	parts := strings.Split(pointer, "/")
	for i, name := range parts {
		if plain, err := url.PathUnescape(name); err == nil {
			name = plain
		}
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	}
	return parts
}

func child(at any, name string) (any, bool) {
	switch at := at.(type) {
	case map[string]any:
		v, ok := at[name]
		return v, ok
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(at) {
			return at[i], true
		}
	}
	return nil, false
}
