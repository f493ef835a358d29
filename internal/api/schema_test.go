package api

import (
	"errors"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// A schema is as much of one as the tests look at.
type schema struct {
	Ref        string `json:"$ref"`
	Required   []string
	Properties map[string]*schema
	Items      *schema
}

// A schemaWalk compares types with their schemas, at every depth.
type schemaWalk struct {
	t     *testing.T
	named map[string]*schema
	seen  map[reflect.Type]bool
}

// membersOf are the JSON members of a struct, as the decoder finds them:
// embedded fields lend theirs, whether their types are exported or not.
func membersOf(t reflect.Type) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			for name, of := range membersOf(inner) {
				if all[name] == nil {
					all[name] = of
				}
			}
		case f.IsExported():
			all[name] = f.Type
		}
	}
	return all
}

func (w *schemaWalk) resolve(s *schema) *schema {
	if s != nil && s.Ref != "" {
		return w.named[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return s
}

func (w *schemaWalk) compare(where string, t reflect.Type, s *schema) {
	for strings.HasPrefix(t.Name(), "field[") || t.Kind() == reflect.Pointer {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		} else {
			t = t.Field(1).Type
		}
	}
	s = w.resolve(s)
	switch {
	case s == nil:
		w.t.Errorf("%s has no schema", where)
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		w.compare(where+"[]", t.Elem(), s.Items)
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() && !w.seen[t]:
		w.seen[t] = true
		members := membersOf(t)
		for name, of := range members {
			if s.Properties[name] == nil {
				w.t.Errorf("%s: %v takes %q, and the schema does not say so", where, t, name)
				continue
			}
			w.compare(where+"."+name, of, s.Properties[name])
		}
		for name := range s.Properties {
			if members[name] == nil {
				w.t.Errorf("%s: the schema has %q, and %v does not", where, name, t)
			}
		}
	}
}

func TestSchemasAreComplete(t *testing.T) {
	w := newWorld(t)
	a := w.send(httptest.NewRequest("GET", "/openapi.json", nil)).want(200)
	if strings.Contains(string(a.body), `"type":[""`) {
		t.Error("a member that may be anything is given the type \"\"")
	}
	type content map[string]struct{ Schema *schema }
	var doc struct {
		Components struct{ Schemas map[string]*schema }
		Paths      map[string]map[string]struct {
			RequestBody struct{ Content content }
			Responses   map[string]struct{ Content content }
		}
	}
	a.decode(&doc)
	walk := &schemaWalk{t, doc.Components.Schemas, map[reflect.Type]bool{}}
	for _, rt := range w.api.(*server).routes {
		op := doc.Paths[base+rt.path][strings.ToLower(rt.method)]
		where := rt.method + " " + rt.path
		if rt.in != reflect.TypeFor[none]() {
			s := op.RequestBody.Content["application/json"].Schema
			walk.compare(where+" in", rt.in, s)
			takesWhatItSays(t, where, rt.in, walk.resolve(s))
		}
		for status, response := range op.Responses {
			for _, c := range response.Content {
				if status[0] == '2' && rt.out != reflect.TypeFor[none]() {
					walk.compare(where+" out", rt.out, c.Schema)
				}
			}
		}
	}
	for name, s := range doc.Components.Schemas {
		if len(s.Properties) == 0 && name != "EmptyOut" {
			t.Errorf("%s has no properties", name)
		}
	}
}

// takesWhatItSays holds the schema to the decoder itself.
func takesWhatItSays(t *testing.T, where string, in reflect.Type, s *schema) {
	t.Helper()
	for name := range s.Properties {
		body := `{"` + name + `":null}`
		if err := json.Unmarshal([]byte(body), reflect.New(in).Interface(), json.RejectUnknownMembers(true)); errors.Is(err, json.ErrUnknownName) {
			t.Errorf("%s: the schema has %q, which is not decoded", where, name)
		}
	}
}
