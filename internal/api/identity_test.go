package api

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// TestDocumentSaysWhoMayCall: as it is.
func TestDocumentSaysWhoMayCall(t *testing.T) {
	w := newWorld(t)
	for op, said := range w.operations() {
		grant := grants[strings.Replace(op, base, "", 1)]
		got := "open"
		if security, _ := said["security"].([]any); security != nil {
			capability := said["x-portal-capability"]
			if capability == nil {
				capability = "-"
			}
			scope := any("anyone")
			if scopes := security[0].(map[string]any)["key"].([]any); len(scopes) > 0 {
				scope = scopes[0]
			}
			got = fmt.Sprint(scope, " ", capability)
		}
		if said["x-in-channels"] == true {
			got += " in channels"
		}
		if got != strings.Replace(grant, " to all", "", 1) {
			t.Errorf("%s: the document says %q, and it takes %q", op, got, grant)
		}
	}
}

// BenchmarkLetIn measures what it costs to settle who asks, and whether they may.
func BenchmarkLetIn(b *testing.B) {
	store := storetest.NewModel()
	hub := fanfare.New(store, nil)
	s := New(hub, store, &Options{KeyHash: HashKey(testKey)}).(*server)
	app := &fanfare.Application{Name: "acme", UID: "acme"}
	if err := hub.CreateApplication(b.Context(), app); err != nil {
		b.Fatal(err)
	}
	key := func(of fanfare.ApplicationID) string {
		secret, err := hub.CreateKey(b.Context(), &fanfare.Key{Name: "k", Application: of, Scopes: []fanfare.Scope{fanfare.ScopeWriteMessages}})
		if err != nil {
			b.Fatal(err)
		}
		return secret
	}
	for _, arm := range []struct{ name, secret string }{
		{"admin key", testKey}, {"key", key("")}, {"key of one application", key(app.ID)},
	} {
		b.Run(arm.name, func(b *testing.B) {
			r := httptest.NewRequest("POST", "/api/v1/app/acme/msg", nil)
			r.Header.Set("Authorization", "Bearer "+arm.secret)
			rt := &route{access: access{scope: fanfare.ScopeWriteMessages}}
			b.ReportAllocs()
			for b.Loop() {
				r.SetPathValue("app", "acme")
				c := &call{server: s, r: r, route: rt}
				var err error
				if c.who, err = s.authenticate(r); err == nil {
					err = c.authorize()
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
