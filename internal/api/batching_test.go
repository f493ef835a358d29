package api

import (
	"reflect"
	"testing"
)

func TestABatchIsTakenAndShown(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	list, path := "/api/v1/app/acme/endpoint", "/api/v1/app/acme/endpoint/ep"
	batch := func(size, window float64) map[string]any {
		return map[string]any{"batch": map[string]any{"size": size, "windowSeconds": window}}
	}
	none := map[string]any{"batch": nil}
	w.do("POST", list, `{"url":"https://example.com/in","uid":"ep"}`).want(201).has(none)
	w.do("PATCH", path, `{"batch":{"size":100,"windowSeconds":2.5}}`).want(200).has(batch(100, 2.5))
	was := w.do("GET", path, "").want(200).has(batch(100, 2.5))
	w.do("PUT", path, string(was.body)).want(200).has(batch(100, 2.5))
	w.do("PUT", path, `{"url":"https://example.com/in","uid":"ep"}`).want(200).has(batch(100, 2.5)) // from a client that does not know it
	w.do("PATCH", path, `{"batch":null}`).want(200).has(none)
	for wrong, loc := range map[string][]any{
		`{"batch":{"size":1,"windowSeconds":1}}`:                      {"body", "batch", "size"},
		`{"batch":{"size":100}}`:                                      {"body", "batch", "windowSeconds"},
		`{"batch":{"size":2,"windowSeconds":1e300}}`:                  {"body", "batch", "windowSeconds"},
		`{"batch":{"size":2,"window":1}}`:                             {"body", "batch", "window"},
		`{"batch":{"size":2,"windowSeconds":1},"ordered":true}`:       {"body", "batch"},
		`{"batch":{"size":2,"windowSeconds":1},"format":"form"}`:      {"body", "batch"},
		`{"batch":{"size":2,"windowSeconds":1},"signature":"github"}`: {"body", "batch"},
	} {
		var got struct{ Detail []struct{ Loc []any } }
		w.do("PATCH", path, wrong).want(422).decode(&got)
		if len(got.Detail) != 1 || !reflect.DeepEqual(got.Detail[0].Loc, loc) {
			t.Errorf("%s: refused for %v, want %v", wrong, got.Detail, loc)
		}
	}
	w.do("GET", path, "").want(200).has(none)
}

func TestTheDocumentDescribesABatch(t *testing.T) {
	w := newWorld(t)
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]map[string]any
				Required   []string
			}
		}
	}
	w.do("GET", "/openapi.json", "").want(200).decode(&doc)
	for _, name := range []string{"EndpointIn", "EndpointPatch", "EndpointOut"} {
		if doc.Components.Schemas[name].Properties["batch"] == nil {
			t.Errorf("%s has no batch", name)
		}
	}
	got := doc.Components.Schemas["Batching"]
	if got.Properties["size"]["type"] != "integer" || got.Properties["windowSeconds"]["type"] != "number" {
		t.Errorf("a batch is described as %+v", got)
	}
}
