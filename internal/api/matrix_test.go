package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// A caller is someone who calls routes.
type caller struct {
	name, token  string
	refused      bool // is nobody, or nobody any more
	admin        bool
	scope        fanfare.Scope
	capabilities []fanfare.Capability
	only         string // uid of the application let into; "": all
	narrow       bool   // is let into some channels only
	portal       bool   // has a portal's key, which needs both scope and capability
}

// want is the status that a route answers a caller, about the application of that
// uid. What is reached answers 200.
func (who *caller) want(grant, path, app string) int {
	words := strings.Fields(grant)
	if words[0] == "open" {
		return 200
	}
	if who.refused {
		return 401
	}
	if words[0] == "anyone" {
		return 200
	}
	within := strings.Contains(path, "{app}")
	switch {
	case who.only != "" && within && who.only != app:
		return 404
	case who.only != "" && !within && !strings.Contains(grant, " to all"):
		return 403
	case who.narrow && !strings.HasSuffix(grant, " in channels"):
		return 403
	case who.portal && who.scope != fanfare.Scope(words[0]):
		return 403
	case who.portal: // what its session could do goes on
	case who.admin, who.scope == "admin", who.scope == fanfare.Scope(words[0]):
		return 200
	}
	// What a capability brings with it.
	enough := map[string][]fanfare.Capability{
		"ViewBase":              fanfare.Capabilities(),
		"ViewEndpointSecret":    {"ViewEndpointSecret", "ManageEndpointSecret", "ManageEndpoint"},
		"ManageEndpointSecret":  {"ManageEndpointSecret", "ManageEndpoint"},
		"CreateAttempts":        {"CreateAttempts"},
		"ManageEndpoint":        {"ManageEndpoint"},
		"ManageTransformations": {"ManageTransformations"},
		"ManageKeys":            {"ManageKeys"},
	}
	for _, capability := range who.capabilities {
		if slices.Contains(enough[words[1]], capability) {
			return 200
		}
	}
	return 403
}

// callers are one of each kind there can be, to a world with the applications
// acme and other. It sleeps for as long as it takes for some to expire.
func callers(w *world) []*caller {
	app := func(uid string) fanfare.ApplicationID {
		if uid == "" {
			return ""
		}
		app, err := w.hub.Application(w.t.Context(), uid)
		if err != nil {
			w.t.Fatal(err)
		}
		return app.ID
	}
	all := []*caller{
		{name: "nobody", refused: true},
		{name: "garbage", token: "secret", refused: true},
		{name: "never made", token: "fan_key_" + strings.Repeat("0", 49), refused: true},
		{name: "admin key", token: testKey, admin: true},
	}
	key := func(name, only string, scope fanfare.Scope, end time.Time) (*caller, *fanfare.Key) {
		k := &fanfare.Key{Name: "k", Scopes: []fanfare.Scope{scope}, Application: app(only), ExpiresAt: end}
		secret, err := w.hub.CreateKey(w.t.Context(), k)
		if err != nil {
			w.t.Fatal(err)
		}
		who := &caller{name: name, token: secret, scope: scope, only: only}
		all = append(all, who)
		return who, k
	}
	session := func(name, only string, capabilities ...fanfare.Capability) (*caller, *fanfare.Session) {
		s := &fanfare.Session{Application: app(only), Capabilities: capabilities, Label: name}
		token, err := w.hub.CreateSession(w.t.Context(), s, 4*time.Hour)
		if err != nil {
			w.t.Fatal(err)
		}
		who := &caller{name: name, token: token, capabilities: append(capabilities, fanfare.ViewBase), only: only}
		all = append(all, who)
		return who, s
	}
	for _, scope := range fanfare.Scopes() {
		for _, only := range []string{"", "acme", "other"} {
			key(fmt.Sprintf("key with %s of %q", scope, only), only, scope, time.Time{})
		}
	}
	mistyped := *all[4]
	for _, who := range all[4:] {
		k := &fanfare.Key{Name: "k", Scopes: []fanfare.Scope{who.scope}, Application: app(who.only), Channels: []string{"eu"}}
		secret, err := w.hub.CreateKey(w.t.Context(), k)
		w.ok(err)
		all = append(all, &caller{name: who.name + " in channels", token: secret, scope: who.scope, only: who.only, narrow: true})
	}
	for scope, capability := range map[fanfare.Scope]fanfare.Capability{
		"messages:read": "ViewBase", "endpoints:read": "ViewBase", "event-types:read": "ViewBase", "messages:write": "CreateAttempts", "endpoints:write": "ManageEndpoint",
	} {
		for _, channels := range [][]string{nil, {"eu"}} {
			k := &fanfare.Key{Name: "k", Scopes: []fanfare.Scope{scope}, Application: app("acme"), Channels: channels, Portal: true}
			secret, err := w.hub.CreateKey(w.t.Context(), k)
			w.ok(err)
			all = append(all, &caller{
				name: fmt.Sprintf("portal's key with %s in channels %v", scope, channels), token: secret, scope: scope,
				capabilities: []fanfare.Capability{"ViewBase", capability}, only: "acme", narrow: channels != nil, portal: true,
			})
		}
	}
	mistyped.name, mistyped.token, mistyped.refused = "mistyped key", mistyped.token[:len(mistyped.token)-1]+"!", true
	expired, _ := key("expired key", "", "admin", time.Now().Add(time.Hour))
	revoked, k := key("revoked key", "", "admin", time.Time{})
	for _, capability := range fanfare.Capabilities() {
		session("session with "+string(capability), "acme", capability)
	}
	session("session with all", "acme", fanfare.Capabilities()...)
	session("session of another", "other", fanfare.Capabilities()...)
	narrow := &fanfare.Session{Application: app("acme"), Capabilities: fanfare.Capabilities(), Channels: []string{"eu"}}
	token, err := w.hub.CreateSession(w.t.Context(), narrow, 4*time.Hour)
	w.ok(err)
	all = append(all, &caller{name: "session in channels", token: token, capabilities: fanfare.Capabilities(), only: "acme", narrow: true})
	ended, _ := session("session that was ended", "acme", fanfare.Capabilities()...)
	left, s := session("session that was logged out", "acme", fanfare.Capabilities()...)
	for _, who := range []*caller{expired, revoked, ended, left} {
		w.as(who.token, "GET", "/api/v1/event-type", "").want(200) // known before
		who.refused = true
	}
	w.ok(w.hub.RevokeKey(w.t.Context(), k.ID))
	w.ok(w.hub.ExpireSessions(w.t.Context(), app("acme"), []string{ended.name}, 0))
	w.ok(w.hub.EndSession(w.t.Context(), s))
	time.Sleep(time.Hour)
	late := caller{name: "session that expired", refused: true}
	late.token, err = w.hub.CreateSession(w.t.Context(), &fanfare.Session{Application: app("acme")}, time.Hour)
	w.ok(err)
	time.Sleep(time.Hour)
	return append(all, &mistyped, &late)
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// as sends a request with that key or token.
func (w *world) as(token, method, path, body string, headers ...string) *answer {
	w.t.Helper()
	if token == "" {
		return w.do(method, path, body, append(headers, "Authorization: -")...)
	}
	return w.do(method, path, body, append(headers, "Authorization: Bearer "+token)...)
}

// TestWhoMayCallWhat asks every route as every kind of caller.
func TestWhoMayCallWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOn(t, storetest.NewModel(), &fanfare.Options{})
		acme := w.app("acme")
		w.app("other")
		everyone := callers(w)
		routes := w.api.(*server).routes
		for _, rt := range routes {
			op := rt.method + " " + rt.path
			grant := grants[op]
			if grant == "" {
				t.Errorf("%s is not in the table of who may call what", op)
				continue
			}
			reached := false
			rt.serve = func(c *call) error {
				reached = true
				if own := c.who.application(); own != "" && strings.Contains(rt.path, "{app}") && c.r.PathValue("app") != string(own) {
					t.Errorf("%s: the path says %q to its handler, not the id", op, c.r.PathValue("app"))
				}
				return nil
			}
			for _, ref := range []string{"acme", acme} {
				for _, who := range everyone {
					reached = false
					path := filled.Replace(strings.ReplaceAll(rt.path, "{app}", ref))
					a := w.as(who.token, rt.method, base+path, "")
					if want := who.want(grant, rt.path, "acme"); want == 200 && (!reached || a.status >= 300) || want != 200 && (reached || a.status != want) {
						t.Errorf("%s of %s by %s: %d, reached %v, want %d: %s", op, ref, who.name, a.status, reached, want, a.body)
					}
				}
			}
		}
		for op := range grants {
			if !slices.ContainsFunc(routes, func(rt *route) bool { return rt.method+" "+rt.path == op }) {
				t.Errorf("%s is in the table, and there is no such route", op)
			}
		}
		t.Logf("%d routes, %d callers", len(routes), len(everyone))
	})
}

// filled fills in what is not an application.
var filled = strings.NewReplacer("{endpoint}", "ep", "{msg}", "m", "{attempt}", "a", "{name}", "record.created", "{", "", "}", "")

// TestUndeclaredRoutesAreForAdmins: a route that says nothing is open to nobody
// else.
func TestUndeclaredRoutesAreForAdmins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOn(t, storetest.NewModel(), &fanfare.Options{})
		w.app("acme")
		w.app("other")
		everyone := callers(w)
		for _, rt := range []*route{on("GET /new", "New", isAlive), on("GET /app/{app}/new", "New", isAlive)} {
			s := w.api.(*server)
			s.metrics.watch(rt)
			s.mux.HandleFunc(rt.method+" "+base+rt.path, s.handle(rt))
			for _, who := range everyone {
				want := who.want("admin -", rt.path, "acme")
				if want == 200 {
					want = 204
				}
				if a := w.as(who.token, "GET", base+strings.ReplaceAll(rt.path, "{app}", "acme"), ""); a.status != want {
					t.Errorf("%s by %s: %d, want %d", rt.path, who.name, a.status, want)
				}
			}
		}
	})
}
