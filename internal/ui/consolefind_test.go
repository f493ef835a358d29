package ui_test

import (
	"testing"

	"github.com/fanfarehq/fanfare"
)

// TestGoFindsNothingThatIsNotTheirs has somebody with little of a key look for everything.
func TestGoFindsNothingThatIsNotTheirs(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	msg := w.message(1, `{}`)
	attempt := w.attempts(msg, 1)[0].ID
	key := &fanfare.Key{Name: "limited", Scopes: []fanfare.Scope{fanfare.ScopeReadEventTypes}}
	secret, err := w.hub.CreateKey(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	w.logIn(secret)
	for _, id := range []string{string(ep.ID), string(msg.ID), string(attempt), string(w.app.ID), "acme", "src_00000000000000000000000000"} {
		w.get(200, "/go?q="+id).lacks("Books", "Acme", "Attempt "+id)
	}
}
