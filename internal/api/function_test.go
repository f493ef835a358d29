package api

import (
	"context"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestTheKindOfAFunctionIsNotChanged(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/api/v1/app", `{"name":"Acme","uid":"acme"}`).want(201)
	index := &fanfare.Endpoint{Application: "acme", UID: "index"}
	if err := w.hub.Subscribe(t.Context(), index, func(context.Context, *fanfare.Message) error { return nil }); err != nil {
		t.Fatal(err)
	}
	w.do("POST", "/api/v1/app/acme/endpoint", `{"uid":"hook","url":"https://example.com/"}`).want(201)
	for _, c := range []struct{ method, of, body, reason string }{
		{"PATCH", "index", `{"kind":"webhook","url":"https://example.com/"}`, "stays one"},
		{"PATCH", "index", `{"kind":"poller"}`, "stays one"},
		{"PUT", "index", `{"kind":"webhook","url":"https://example.com/","uid":"index"}`, "stays one"},
		{"PATCH", "hook", `{"kind":"function"}`, "Hub.Subscribe"},
		{"PUT", "hook", `{"kind":"function","url":"https://example.com/","uid":"hook"}`, "Hub.Subscribe"},
	} {
		a := w.do(c.method, "/api/v1/app/acme/endpoint/"+c.of, c.body).want(422)
		if text := string(a.body); !strings.Contains(text, `"kind"`) || !strings.Contains(text, c.reason) {
			t.Errorf("%s %s %s: %s; want a mistake in kind with %q", c.method, c.of, c.body, text, c.reason)
		}
	}
	w.do("PATCH", "/api/v1/app/acme/endpoint/index", `{"description":"found"}`).want(200).has(map[string]any{"kind": "function", "description": "found"})
	w.do("PATCH", "/api/v1/app/acme/endpoint/hook", `{"description":"found"}`).want(200).has(map[string]any{"kind": "webhook"})
}
