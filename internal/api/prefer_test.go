package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestMinimal(t *testing.T) {
	for line, want := range map[string]bool{
		"return=minimal":                        true,
		`Return = "Minimal"`:                    true,
		"respond-async, return=minimal; x=1":    true,
		"wait=10;return=minimal":                false,
		"return=representation":                 false,
		"return=representation, return=minimal": false,
		"return=minimal\nreturn=representation": true,
		"respond-async\nreturn=minimal":         true,
		"return":                                false,
		"minimal":                               false,
		"returns=minimal":                       false,
		", ,=,;":                                false,
		"":                                      false,
		"handling=lenient,\treturn=\"minimal\"\t": true,
	} {
		h := http.Header{preferHeader: strings.Split(line, "\n")}
		if got := minimal(h); got != want {
			t.Errorf("Prefer: %q is minimal: %v", line, got)
		}
	}
	if minimal(http.Header{}) {
		t.Error("who prefers nothing is taken to want no body")
	}
}

func TestAnAnswerHasNoBodyForWhoPrefersNone(t *testing.T) {
	const prefer, none = "Prefer: return=minimal", ""
	w := newWorld(t)
	w.app("acme")
	for _, c := range []struct{ path, body, want string }{
		{"/msg", `{"eventType":"x","eventId":"a","payload":1}`, none},
		{"/msg/batch", `[{"eventType":"x","eventId":"b","payload":1},{"eventType":"x","eventId":"c","payload":2}]`, none},
		{"/msg/batch", `[{"eventType":"x","eventId":"d","payload":1},{"eventType":"x","eventId":"a","payload":2}]`, `"status":409`},
	} {
		a := w.do("POST", "/api/v1/app/acme"+c.path, c.body, prefer).want(202)
		if c.want == none && (len(a.body) > 0 || a.header.Get("Content-Type") != "") {
			t.Errorf("%s is answered %q with %v", c.path, a.body, a.header)
		}
		if !strings.Contains(string(a.body), c.want) {
			t.Errorf("%s is answered %q, want %q in it", c.path, a.body, c.want)
		}
	}
	for _, ref := range []string{"a", "b", "c", "d"} {
		w.do("GET", "/api/v1/app/acme/msg/"+ref, "").want(200)
	}
	w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"x","eventId":"a","payload":1}`, prefer).want(409)
	if a := w.do("GET", "/api/v1/app/acme", "", prefer).want(200); len(a.body) == 0 {
		t.Error("what is asked for is not shown to who prefers little")
	}

	w.do("POST", "/api/v1/event-type", `{"name":"y","description":"so that the catalogue has one"}`).want(201)
	a := w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"z","payload":1}`, prefer).want(202)
	if a.header.Get("Fanfare-Warnings") == "" || len(a.body) > 0 {
		t.Errorf("a type that is not listed is answered %q with %v", a.body, a.header)
	}
	a = w.do("POST", "/api/v1/app/acme/msg/batch", `[{"eventType":"z","payload":1}]`, prefer).want(202)
	if !strings.Contains(string(a.body), "not in the catalogue") {
		t.Errorf("a batch with a type that is not listed is answered %q", a.body)
	}
}

func TestTheDocumentTellsOfAnswersWithoutABody(t *testing.T) {
	w := newWorld(t)
	paths := w.do("GET", "/openapi.json", "").want(200).object()["paths"].(map[string]any)
	for path, want := range map[string]bool{"/app/{app}/msg": true, "/app/{app}/msg/batch": true, "/app/{app}/endpoint": false} {
		post := paths[base+path].(map[string]any)["post"].(map[string]any)
		var named bool
		for _, p := range post["parameters"].([]any) {
			named = named || p.(map[string]any)["name"] == preferHeader
		}
		text, err := json.Marshal(post["responses"])
		if err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(string(text), "no body"); named != want || told != want {
			t.Errorf("%s: the header is named: %v, the answer told of: %v; want %v", path, named, told, want)
		}
	}
}
