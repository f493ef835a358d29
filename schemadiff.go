package fanfare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A SchemaDiff is what a version of an event type's schema has otherwise than
// another. Looked at are properties, items and what is required, also through allOf
// and references within the schema; what anyOf, oneOf or a condition may allow is not.
type SchemaDiff struct {
	From, To string // the versions
	Added    []SchemaField
	Removed  []SchemaField
	Retyped  []Retyped
	Required []string // paths of what was optional and must be there now
	Optional []string // paths of what was required and may be missing now
}

// A SchemaField is a property, or what a list has in it. Its path is as a JSON
// pointer, with "*" for each item of a list; "" is the payload itself. What is below
// a field that was added or removed as a whole is not listed.
type SchemaField struct {
	Path     string
	Type     string // as the schema has it, "any" where it says none; several are divided by "|"
	Required bool
}

// A Retyped field has another type than before.
type Retyped struct{ Path, From, To string }

// Bounds on what is compared.
const (
	maxSchemaFields = 5000
	maxSchemaDepth  = 32
	maxSchemaWork   = 1 << 20 // words looked at and bytes of paths: references can make much of little
)

// Diff compares two versions of t's schema; to "" is the newest, and from "" the one
// before. A version that there is none of is an *InvalidError of "from" or "to".
func (t *EventType) Diff(from, to string) (*SchemaDiff, error) {
	all, err := t.versions()
	if err != nil {
		return nil, err
	}
	names := slices.SortedFunc(maps.Keys(all), compareVersions)
	if len(names) == 0 {
		return nil, &InvalidError{"from", "the event type has no schema; give it one in schemas"}
	}
	if to == "" {
		to = names[len(names)-1]
	}
	if !slices.Contains(names, to) {
		return nil, noVersion("to", to, names)
	}
	if i := slices.Index(names, to); from == "" && i > 0 {
		from = names[i-1]
	} else if from == "" {
		return nil, &InvalidError{"from", fmt.Sprintf("there is no version before %q", bound(to, 32))}
	}
	if !slices.Contains(names, from) {
		return nil, noVersion("from", from, names)
	}
	return diffOf(from, all[from], to, all[to])
}

// DiffSince compares the newest version of t's schema with that of the same event type as
// it was; nil: it is the same, or one of the two has none.
func (t *EventType) DiffSince(was *EventType) (*SchemaDiff, error) {
	from, before, err := was.newestSchema()
	if err != nil {
		return nil, err
	}
	to, after, err := t.newestSchema()
	if err != nil || before == nil || after == nil || bytes.Equal(before, after) {
		return nil, err
	}
	return diffOf(from, before, to, after)
}

// diffOf compares two schemas, which are called from and to.
func diffOf(from string, old json.RawMessage, to string, changed json.RawMessage) (*SchemaDiff, error) {
	before, err := fieldsOf(old)
	if err != nil {
		return nil, &InvalidError{"from", err.Error()}
	}
	after, err := fieldsOf(changed)
	if err != nil {
		return nil, &InvalidError{"to", err.Error()}
	}
	d := &SchemaDiff{From: from, To: to, Added: lacking(before, after), Removed: lacking(after, before)}
	for _, path := range slices.Sorted(maps.Keys(before)) {
		old := before[path]
		now, ok := after[path]
		if !ok {
			continue
		}
		if old.Type != now.Type {
			d.Retyped = append(d.Retyped, Retyped{path, old.Type, now.Type})
		}
		switch {
		case now.Required && !old.Required:
			d.Required = append(d.Required, path)
		case old.Required && !now.Required:
			d.Optional = append(d.Optional, path)
		}
	}
	return d, nil
}

// noVersion says which versions there are.
func noVersion(field, name string, names []string) error {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = strconv.Quote(bound(n, 32))
	}
	return &InvalidError{field, fmt.Sprintf("there is no version %q; there are %s", bound(name, 32), strings.Join(quoted, ", "))}
}

// lacking are the fields of b that a has not, but for those below another.
func lacking(a, b map[string]SchemaField) (some []SchemaField) {
	for _, path := range slices.Sorted(maps.Keys(b)) {
		_, has := a[path]
		_, above := a[path[:max(strings.LastIndexByte(path, '/'), 0)]]
		if !has && above {
			some = append(some, b[path])
		}
	}
	return some
}

// A schemaWalk collects the fields of a schema.
type schemaWalk struct {
	root   any
	fields map[string]SchemaField
	work   int
}

func fieldsOf(text json.RawMessage) (map[string]SchemaField, error) {
	w := &schemaWalk{fields: make(map[string]SchemaField)}
	if err := json.Unmarshal(text, &w.root); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	err := w.walk(w.root, "", true, 0)
	return w.fields, err
}

// walk notes the field at path, and what is below it. A reference is followed as
// deep as a payload could be read, so that one to itself ends.
func (w *schemaWalk) walk(schema any, path string, required bool, depth int) error {
	s := shape{below: make(map[string]any), required: make(map[string]bool)}
	w.work += len(path)
	w.gather(schema, &s, 0)
	if len(w.fields) >= maxSchemaFields || w.work > maxSchemaWork {
		return fmt.Errorf("has more than %d properties, or as much by its references, which is too much to compare", maxSchemaFields)
	}
	w.fields[path] = SchemaField{path, s.kind(), required}
	if depth == maxSchemaDepth {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.below)) {
		if err := w.walk(s.below[name], path+"/"+escaped(name), s.required[name], depth+1); err != nil {
			return err
		}
	}
	if s.items != nil {
		return w.walk(s.items, path+"/*", false, depth+1)
	}
	return nil
}

// A shape is what a schema says of a value, with all that it refers to.
type shape struct {
	types    []string
	below    map[string]any // schemas by property
	required map[string]bool
	items    any
}

func (s *shape) kind() string {
	switch {
	case len(s.types) > 0:
		slices.Sort(s.types)
		return strings.Join(slices.Compact(s.types), "|")
	case len(s.below) > 0:
		return "object"
	case s.items != nil:
		return "array"
	}
	return "any"
}

func (w *schemaWalk) gather(schema any, s *shape, depth int) {
	if schema == false {
		s.types = append(s.types, "never")
	}
	words, ok := schema.(map[string]any)
	properties, _ := words["properties"].(map[string]any)
	w.work += 1 + len(properties) + len(listOf(words["required"])) + len(listOf(words["type"]))
	if !ok || depth == maxSchemaDepth || w.work > maxSchemaWork {
		return
	}
	if ref, ok := words["$ref"].(string); ok {
		w.gather(w.lookUp(ref), s, depth+1)
	}
	for _, part := range listOf(words["allOf"]) {
		w.gather(part, s, depth+1)
	}
	if name, ok := words["type"].(string); ok {
		s.types = append(s.types, name)
	}
	for _, name := range listOf(words["type"]) {
		if name, ok := name.(string); ok {
			s.types = append(s.types, name)
		}
	}
	for _, name := range listOf(words["required"]) {
		if name, ok := name.(string); ok {
			s.required[name] = true
			if _, ok := s.below[name]; !ok {
				s.below[name] = true // which says nothing of it
			}
		}
	}
	maps.Copy(s.below, properties)
	if items := words["items"]; items != nil {
		s.items = items
	}
}

// lookUp is the schema that a reference within this one leads to; nil: none.
func (w *schemaWalk) lookUp(ref string) any {
	at, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil
	}
	p, ok := parsePointer(at)
	if !ok {
		return nil
	}
	here := w.root
	for _, part := range p {
		switch v := here.(type) {
		case map[string]any:
			here = v[part]
		default:
			return nil
		}
	}
	return here
}

func listOf(v any) []any {
	list, _ := v.([]any)
	return list
}

// escaped is a name as it stands in a JSON pointer.
func escaped(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
