package api

import (
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestEveryPresetIsTakenAndShown(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	path := "/api/v1/app/acme/endpoint/ep"
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in","uid":"ep","success":{"preset":"slack"}}`).want(201).
		has(map[string]any{"success": map[string]any{"preset": "slack"}, "retry": map[string]any{"preset": "inherit"}})
	for field, presets := range map[string][]string{"retry": append([]string{inherit}, fanfare.RetryPresets...), "success": fanfare.SuccessPresets} {
		for _, name := range presets {
			policy := `{"` + field + `":{"preset":"` + name + `"}}`
			w.do("PATCH", path, policy).want(200)
			w.do("GET", path, "").want(200).has(map[string]any{field: map[string]any{"preset": name}})
		}
	}
	was := w.do("GET", path, "").want(200)
	if again := w.do("PUT", path, string(was.body)).want(200); !reflect.DeepEqual(again.object()["success"], was.object()["success"]) {
		t.Errorf("what was read and put back is %s, was %s", again.body, was.body)
	}
	w.do("PATCH", path, `{"success":{"statuses":"204"}}`).want(200).has(map[string]any{"success": map[string]any{"statuses": "204"}})
	w.do("PATCH", path, `{"success":null}`).want(200).has(map[string]any{"success": map[string]any{"statuses": "200-299"}})
}

func TestWrongPresetsAreRefused(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	for policy, loc := range map[string][]any{
		`"success":{"preset":"Slack"}`:                    {"body", "success", "preset"},
		`"success":{"preset":1}`:                          {"body", "success", "preset"},
		`"success":{"preset":"slack","statuses":"200"}`:   {"body", "success"},
		`"success":{"preset":"default","contains":"ok"}`:  {"body", "success"},
		`"retry":{"preset":"hourly"}`:                     {"body", "retry", "preset"},
		`"retry":{"preset":"wufoo","delays":[1]}`:         {"body", "retry"},
		`"retry":{"preset":"wufoo"},"success":{"set":""}`: {"body", "success", "set"},
	} {
		var got struct{ Detail []struct{ Loc []any } }
		w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in",`+policy+`}`).want(422).decode(&got)
		if len(got.Detail) != 1 || !reflect.DeepEqual(got.Detail[0].Loc, loc) {
			t.Errorf("%s: refused for %v, want %v", policy, got.Detail, loc)
		}
	}
}

func TestTheDocumentNamesEveryPreset(t *testing.T) {
	w := newWorld(t)
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Enum []string }
			}
		}
	}
	w.send(httptest.NewRequest("GET", "/openapi.json", nil)).want(200).decode(&doc)
	for name, want := range map[string][]string{"RetryIn": append([]string{inherit}, fanfare.RetryPresets...), "SuccessIn": fanfare.SuccessPresets} {
		if got := doc.Components.Schemas[name].Properties["preset"].Enum; !reflect.DeepEqual(got, want) {
			t.Errorf("%s.preset is one of %q, want %q", name, got, want)
		}
	}
}
