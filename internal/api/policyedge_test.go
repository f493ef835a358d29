package api

import (
	"reflect"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestPlansThatCannotBe(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	for policy, loc := range map[string][]any{
		`"retry":{"delays":[]}`:                                 {"body", "retry", "delays"},
		`"retry":{"delays":[5,1]}`:                              {"body", "retry", "delays"},
		`"retryByType":{"a.b":{"delays":[5,1]}}`:                {"body", "retry", "delays"},
		`"retry":{"formula":"n^4+","times":3}`:                  {"body", "retry", "formula"},
		`"retry":{"formula":"n^4+5"}`:                           {"body", "retry", "times"},
		`"retry":{"formula":"n^4+5","times":3,"preset":"none"}`: {"body", "retry"},
		`"onPause":"drop"`:                                      {"body", "onPause"},
		`"success":{"redirects":"always"}`:                      {"body", "success", "redirects"},
	} {
		var got struct{ Detail []struct{ Loc []any } }
		w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in",`+policy+`}`).want(422).decode(&got)
		if len(got.Detail) != 1 || !reflect.DeepEqual(got.Detail[0].Loc, loc) {
			t.Errorf("%s: refused for %v, want %v", policy, got.Detail, loc)
		}
	}
}

func TestAFormulaIsShownAsItsDelays(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	path := "/api/v1/app/acme/endpoint/ep"
	made := map[string]any{"retry": map[string]any{"delays": []any{6, 21, 86}}}
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in","uid":"ep","retry":{"formula":"n^4+5","times":3}}`).want(201).has(made)
	w.do("GET", path, "").want(200).has(made)
	w.do("GET", path+"/retry-plan?event_type=a.b", "").want(200).has(map[string]any{"delays": []any{6, 21, 86}, "attempts": 4})
	w.do("PATCH", path, `{"retryByType":{"a.*":{"formula":"2*n","times":2}}}`).want(200).
		has(map[string]any{"retryByType": map[string]any{"a.*": map[string]any{"delays": []any{2, 4}}}})
	w.do("PATCH", "/api/v1/app/acme", `{"retry":{"formula":"60","times":2}}`).want(200).has(map[string]any{"retry": map[string]any{"delays": []any{60, 60}}})
	w.do("POST", "/api/v1/event-type", `{"name":"a.b","description":"","retry":{"formula":"60","times":1}}`).want(201).has(map[string]any{"retry": map[string]any{"delays": []any{60}}})
}

func TestWhatAPauseDoesIsSetAndShown(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	path := "/api/v1/app/acme/endpoint/ep"
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in","uid":"ep"}`).want(201).has(map[string]any{"onPause": "hold"})
	for _, word := range fanfare.OnPauses {
		w.do("PATCH", path, `{"onPause":"`+word+`"}`).want(200).has(map[string]any{"onPause": word})
		w.do("GET", path, "").want(200).has(map[string]any{"onPause": word})
	}
	w.do("PUT", path, `{"url":"https://example.com/in","uid":"ep"}`).want(200).has(map[string]any{"onPause": "cancel"})
	w.do("PATCH", path, `{"onPause":null}`).want(200).has(map[string]any{"onPause": "hold"})
}
