package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Grammar is what things of each kind may say of themselves.
type Grammar struct {
	kinds   [4]*Schema
	schemas map[string]*Schema // by name, for those that point to others
}

// A Schema is as much of a JSON Schema as a server's description of its API uses.
type Schema struct {
	Ref        string             `json:"$ref"`
	Type       types              `json:"type"`
	Enum       []any              `json:"enum"`
	Properties map[string]*Schema `json:"properties"`
	Required   []string           `json:"required"`
	Items      *Schema            `json:"items"`
	Additional *Schema            `json:"additionalProperties"`
}

// types are the words of "type": one, or a list.
type types []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *types) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*t = types{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(t))
}

// refPrefix leads to the schemas within an OpenAPI document.
const refPrefix = "#/components/schemas/"

// Aliases are fields that only repeat another one under a second name.
var Aliases = map[string]string{"filterTypes": "eventTypes", "throttleRate": "rateLimit", "featureFlag": "featureFlags"}

// NewGrammar reads a server's OpenAPI document.
func NewGrammar(openapi []byte) (*Grammar, error) {
	var doc struct {
		Components struct{ Schemas map[string]*Schema }
		Paths      map[string]struct {
			Post struct {
				RequestBody struct {
					Content map[string]struct{ Schema *Schema }
				}
			}
		}
	}
	if err := json.Unmarshal(openapi, &doc); err != nil {
		return nil, fmt.Errorf("the server's description of its API: %w", err)
	}
	g := &Grammar{schemas: doc.Components.Schemas}
	for kind, path := range map[Kind]string{
		EventType: "/api/v1/event-type", Application: "/api/v1/app", Endpoint: "/api/v1/app/{app}/endpoint",
	} {
		s := g.resolve(doc.Paths[path].Post.RequestBody.Content["application/json"].Schema)
		if s == nil || len(s.Properties) == 0 {
			return nil, errors.New("the server's description of its API does not say how to make an " + kind.String())
		}
		g.kinds[kind] = s
	}
	g.kinds[Source] = g.resolve(doc.Paths["/api/v1/app/{app}/source"].Post.RequestBody.Content["application/json"].Schema) // which older servers have not
	return g, nil
}

// resolve follows a reference.
func (g *Grammar) resolve(s *Schema) *Schema {
	for range 8 {
		if s == nil || s.Ref == "" {
			return s
		}
		s = g.schemas[strings.TrimPrefix(s.Ref, refPrefix)]
	}
	return nil
}

// Fields are the names of the fields that things of a kind have, in order, without
// those that name them and those that only repeat another.
func (g *Grammar) Fields(k Kind) []string {
	var names []string
	if g.kinds[k] == nil {
		return nil
	}
	for name := range g.kinds[k].Properties {
		if name != k.identity() && Aliases[name] == "" && !slices.Contains(meaningless, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// meaningless are fields that the API takes for the sake of old clients.
var meaningless = []string{"version"}

// is reports whether the schema admits a type; one that names none admits all.
func (s *Schema) is(name string) bool {
	return len(s.Type) == 0 || slices.Contains(s.Type, name)
}

// wants says in words what the schema admits.
func (s *Schema) wants() string {
	words := map[string]string{
		"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
		"array": "a list", "object": "fields of its own, a line each",
	}
	for _, t := range s.Type {
		if word, ok := words[t]; ok {
			return word
		}
	}
	return "something else"
}

// nearest is the name most like one that does not exist, "" if none is near.
func nearest(name string, names []string) string {
	best, distance := "", max(2, len(name)/3)+1
	for _, candidate := range slices.Sorted(slices.Values(names)) {
		if d := edits(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// edits counts how many characters must be changed, added or taken away to make a
// into b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// suggestion ends a sentence about a name that does not exist.
func suggestion(name string, names []string) string {
	if len(name) > 64 {
		return ""
	}
	if near := nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	slices.Sort(names)
	return "; there are " + strings.Join(names, ", ")
}
