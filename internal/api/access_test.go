package api

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// TestAccessSaysWhoMayCallWhat: what the API says to each kind of caller of what it opens
// to them is what the table of who may call what has.
func TestAccessSaysWhoMayCallWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOn(t, storetest.NewModel(), &fanfare.Options{})
		w.app("acme")
		w.app("other")
		for _, who := range callers(w) {
			a := w.as(who.token, "GET", "/api/v1/auth/access", "")
			if who.refused {
				a.want(401)
				continue
			}
			var out accessOut
			if err := json.Unmarshal(a.want(200).body, &out); err != nil {
				t.Fatal(err)
			}
			said := map[string]bool{}
			for _, rt := range out.Routes {
				said[rt.Route] = rt.Refused == nil
				if rt.Refused != nil && *rt.Refused == "" {
					t.Errorf("%s: %s is refused for no reason", who.name, rt.Route)
				}
			}
			if len(said) != len(grants) {
				t.Errorf("%s is told of %d routes, want %d", who.name, len(said), len(grants))
			}
			for op, grant := range grants {
				own := who.only
				if own == "" {
					own = "acme"
				}
				if want := who.want(grant, op, own) == 200; said[op] != want {
					t.Errorf("%s is told %v of %s, want %v", who.name, said[op], op, want)
				}
			}
		}
	})
}

func TestAccessSaysWhoseItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOn(t, storetest.NewModel(), &fanfare.Options{})
		app := w.app("acme")
		end := time.Now().Add(time.Hour).UTC()
		k := &fanfare.Key{Name: "Ops", Scopes: []fanfare.Scope{"messages:read"}, Application: fanfare.ApplicationID(app), Channels: []string{"eu"}, ExpiresAt: end}
		secret, err := w.hub.CreateKey(t.Context(), k)
		w.ok(err)
		token, err := w.hub.CreateSession(t.Context(), &fanfare.Session{Application: fanfare.ApplicationID(app), Capabilities: []fanfare.Capability{"ViewBase"}}, time.Hour)
		w.ok(err)
		own := &fanfare.Key{Name: "Own", Scopes: []fanfare.Scope{"endpoints:read"}, Application: fanfare.ApplicationID(app), Portal: true}
		ours, err := w.hub.CreateKey(t.Context(), own)
		w.ok(err)
		for token, want := range map[string]string{
			ours:    `{"kind":"key","id":"` + string(own.ID) + `","name":"Own","portal":true,"scopes":["endpoints:read"],"capabilities":[],"application":"` + app + `","channels":null,"expiresAt":null,"routes":[`,
			testKey: `{"kind":"admin","id":null,"name":null,"portal":false,"scopes":["admin"],"capabilities":[],"application":null,"channels":null,"expiresAt":null,"routes":[`,
			secret:  `{"kind":"key","id":"` + string(k.ID) + `","name":"Ops","portal":false,"scopes":["messages:read"],"capabilities":[],"application":"` + app + `","channels":["eu"],"expiresAt":"` + end.Format(time.RFC3339Nano) + `","routes":[`,
			token:   `{"kind":"session","id":null,"name":null,"portal":false,"scopes":[],"capabilities":["ViewBase"],"application":"` + app + `","channels":null,"expiresAt":"`,
		} {
			if got := string(w.as(token, "GET", "/api/v1/auth/access", "").want(200).body); !strings.HasPrefix(got, want) {
				t.Errorf("it says %.300s\nwant %s", got, want)
			}
		}
	})
}

// BenchmarkAccess measures what it costs to say what a key opens, as each page of the
// console asks.
func BenchmarkAccess(b *testing.B) {
	store := storetest.NewModel()
	hub := fanfare.New(store, nil)
	s := New(hub, store, &Options{KeyHash: HashKey(testKey)})
	key, err := hub.CreateKey(b.Context(), &fanfare.Key{Name: "k", Scopes: []fanfare.Scope{fanfare.ScopeReadMessages}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r := httptest.NewRequest("GET", "/api/v1/auth/access", nil)
		r.Header.Set("Authorization", "Bearer "+key)
		a := httptest.NewRecorder()
		if s.ServeHTTP(a, r); a.Code != 200 {
			b.Fatal(a.Code, a.Body)
		}
	}
}
