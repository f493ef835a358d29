package api

import (
	"reflect"
	"testing"
)

func TestVersionsOfASchemaAreCompared(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/api/v1/event-type", `{"name":"a.b","description":"","schemas":{
		"1":{"required":["id"],"properties":{"id":{"type":"integer"},"gone":{}}},
		"2":{"properties":{"id":{"type":"string"},"new":{"type":"boolean"}}}}}`).want(201)
	want := map[string]any{
		"from": "1", "to": "2",
		"added":    []any{map[string]any{"path": "/new", "type": "boolean", "required": false}},
		"removed":  []any{map[string]any{"path": "/gone", "type": "any", "required": false}},
		"retyped":  []any{map[string]any{"path": "/id", "from": "integer", "to": "string"}},
		"required": []any{}, "optional": []any{"/id"},
	}
	w.do("GET", "/api/v1/event-type/a.b/diff", "").want(200).has(want)
	w.do("GET", "/api/v1/event-type/a.b/diff?from=1&to=2", "").want(200).has(want)
	var got struct{ Detail []struct{ Loc []any } }
	w.do("GET", "/api/v1/event-type/a.b/diff?from=7", "").want(422).decode(&got)
	if want := []any{"query", "from"}; len(got.Detail) != 1 || !reflect.DeepEqual(got.Detail[0].Loc, want) {
		t.Errorf("refused for %v, want %v", got.Detail, want)
	}
	w.do("GET", "/api/v1/event-type/b.c/diff", "").want(404)
}
