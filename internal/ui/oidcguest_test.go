package ui_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

func TestWhoIsLetIn(t *testing.T) {
	is := newIssuer(t)
	read := []fanfare.Scope{"applications:read", "endpoints:read", "event-types:read", "messages:read"}
	admin := []fanfare.Scope{"admin"}
	for _, c := range []struct {
		name        string
		allow, read []string
		claims      map[string]any
		info        map[string]any
		who         string // "": nobody
		scopes      []fanfare.Scope
		says        string
	}{
		{name: "address", allow: []string{"Ann@Example.com"}, claims: map[string]any{"email": "ann@EXAMPLE.com", "email_verified": true}, who: "ann@EXAMPLE.com", scopes: admin},
		{name: "verified, in words", allow: []string{"ann@example.com"}, claims: map[string]any{"email": "ann@example.com", "email_verified": "true"}, who: "ann@example.com", scopes: admin},
		{name: "unverified", allow: []string{"ann@example.com"}, claims: map[string]any{"email": "ann@example.com", "email_verified": false}, says: "has not verified that the address ann@example.com"},
		{name: "nothing said of whether", allow: []string{"ann@example.com"}, claims: map[string]any{"email": "ann@example.com"}, says: "has not verified"},
		{name: "another", allow: []string{"ann@example.com"}, claims: map[string]any{"email": "bob@example.com", "email_verified": true}, says: "bob@example.com is not among those"},
		{name: "no address", allow: []string{"ann@example.com"}, claims: map[string]any{}, says: "subject 1 is not among those"},
		{name: "looks like it", allow: []string{"kate@example.com"}, claims: map[string]any{"email": "\u212aate@example.com", "email_verified": true}, says: "is not among those"},
		{name: "address in a list", allow: []string{"ann@example.com"}, claims: map[string]any{"email": []string{"ann@example.com"}, "email_verified": true}, says: "is not among those"},
		{name: "domain", allow: []string{"@example.com"}, claims: map[string]any{"email": "bob@Example.com", "email_verified": true}, who: "bob@Example.com", scopes: admin},
		{name: "unverified of a domain", allow: []string{"@example.com"}, claims: map[string]any{"email": "bob@example.com", "email_verified": false}, says: "has not verified"},
		{name: "below the domain", allow: []string{"@example.com"}, claims: map[string]any{"email": "bob@evil.example.com", "email_verified": true}, says: "is not among those"},
		{name: "ends as the domain", allow: []string{"@example.com"}, claims: map[string]any{"email": "bob@notexample.com", "email_verified": true}, says: "is not among those"},
		{name: "two at signs", allow: []string{"@example.com"}, claims: map[string]any{"email": "bob@evil.example@example.com", "email_verified": true}, says: "is not among those"},
		{name: "domain in the name", allow: []string{"@example.com"}, claims: map[string]any{"email": "\"@example.com\"@evil.example", "email_verified": true}, says: "is not among those"},
		{name: "group", allow: []string{"groups=operators"}, claims: map[string]any{"groups": []string{"all", "operators"}, "email": "eve@example.com"}, who: "subject 1", scopes: admin},
		{name: "group, and an address", allow: []string{"groups=operators"}, claims: map[string]any{"groups": []string{"operators"}, "email": "eve@example.com", "email_verified": true}, who: "eve@example.com", scopes: admin},
		{name: "another group", allow: []string{"groups=operators"}, claims: map[string]any{"groups": []string{"operators2"}}, says: "is not among those"},
		{name: "claim of one value", allow: []string{"hd=example.com"}, claims: map[string]any{"hd": "example.com"}, who: "subject 1", scopes: admin},
		{name: "claim that is true", allow: []string{"staff=true"}, claims: map[string]any{"staff": true}, who: "subject 1", scopes: admin},
		{name: "claim of a long name", allow: []string{"https://example.com/roles=ops"}, claims: map[string]any{"https://example.com/roles": []string{"ops"}}, who: "subject 1", scopes: admin},
		{name: "claim within another", allow: []string{"realm_access.roles=ops"}, claims: map[string]any{"realm_access": map[string]any{"roles": []string{"ops"}}}, who: "subject 1", scopes: admin},
		{name: "reader", allow: []string{"ann@example.com"}, read: []string{"groups=readers"}, claims: map[string]any{"groups": "readers"}, who: "subject 1", scopes: read},
		{name: "reader who may more", allow: []string{"groups=operators"}, read: []string{"groups=readers"}, claims: map[string]any{"groups": []string{"readers", "operators"}}, who: "subject 1", scopes: admin},
		{name: "told apart", allow: []string{"ann@example.com"}, claims: map[string]any{}, info: map[string]any{"sub": "1", "email": "ann@example.com", "email_verified": true}, who: "ann@example.com", scopes: admin},
		{name: "group told apart", allow: []string{"groups=operators"}, claims: map[string]any{"email": "ann@example.com", "email_verified": true}, info: map[string]any{"sub": "1", "groups": []string{"operators"}}, who: "ann@example.com", scopes: admin},
		{name: "told of another", allow: []string{"ann@example.com"}, claims: map[string]any{}, info: map[string]any{"sub": "2", "email": "ann@example.com", "email_verified": true}, says: "cannot be trusted"},
		{name: "verified apart only", allow: []string{"ann@example.com"}, claims: map[string]any{"email": "ann@example.com"}, info: map[string]any{"sub": "1", "email": "x@example.com", "email_verified": true}, says: "has not verified"},
		{name: "control characters", allow: []string{"@example.com"}, claims: map[string]any{"email": "a\nb@example.com", "email_verified": true}, says: "is not among those"},
	} {
		t.Run(c.name, func(t *testing.T) {
			is.claims, is.info = map[string]any{"sub": "1"}, c.info
			for name, value := range c.claims {
				is.claims[name] = value
			}
			g := newGuestbook(t, is, func(o *ui.OIDC) { o.Allow, o.AllowRead = c.allow, c.read })
			a := g.login("/")
			if c.who == "" {
				g.outside(a, map[bool]int{true: http.StatusBadGateway, false: http.StatusForbidden}[c.says == "cannot be trusted"], c.says)
				return
			}
			keys := g.keys()
			if a.Code != 200 || len(keys) != 1 || keys[0].Name != "Console: "+c.who || !slices.Equal(keys[0].Scopes, c.scopes) {
				t.Errorf("answered %d, with the keys %+v", a.Code, keys)
			}
		})
	}
}

// TestWhoIsNotLetInIsNoted finds those in the audit log who were known and refused.
func TestWhoIsNotLetInIsNoted(t *testing.T) {
	is := newIssuer(t)
	is.claims = map[string]any{"sub": "7", "email": "eve@example.com", "email_verified": true}
	g := newGuestbook(t, is)
	g.outside(g.login("/"), 403, "eve@example.com is not among those")
	entries, err := g.hub.AuditEntries(t.Context(), fanfare.AuditFilter{Page: fanfare.Page{Limit: 10}})
	if err != nil || len(entries) != 1 || !entries[0].Refused || entries[0].Actor != "oidc" || entries[0].Detail != "by eve@example.com" || entries[0].Address == "" {
		t.Errorf("the audit log has %+v, %v", entries, err)
	}
}

func TestProviderHasToBeAsItShould(t *testing.T) {
	good := ui.OIDC{Issuer: "https://accounts.example.com", ClientID: "x", Allow: []string{"@example.com"}}
	if _, err := ui.New(nil, nil, &ui.Options{OIDC: &good}); err != nil {
		t.Fatal(err)
	}
	for field, bend := range map[string][]func(*ui.OIDC){
		"oidc.issuer": {
			func(o *ui.OIDC) { o.Issuer = "" }, func(o *ui.OIDC) { o.Issuer = "accounts.example.com" }, func(o *ui.OIDC) { o.Issuer = "http://accounts.example.com" },
			func(o *ui.OIDC) { o.Issuer, o.Loopback = "http://accounts.example.com", true }, func(o *ui.OIDC) { o.Issuer = "http://127.0.0.1:5556" },
			func(o *ui.OIDC) { o.Issuer = "https://u:p@accounts.example.com" }, func(o *ui.OIDC) { o.Issuer = "https://accounts.example.com/?x=1" }, func(o *ui.OIDC) { o.Issuer = "file:///etc/passwd" },
		},
		"oidc.clientId":  {func(o *ui.OIDC) { o.ClientID = "" }},
		"oidc.scopes":    {func(o *ui.OIDC) { o.Scopes = []fanfare.Scope{"everything"} }, func(o *ui.OIDC) { o.Scopes = []fanfare.Scope{"portal", "portal"} }},
		"oidc.allow":     {func(o *ui.OIDC) { o.Allow = nil }, func(o *ui.OIDC) { o.Allow = []string{"everybody"} }, func(o *ui.OIDC) { o.Allow = []string{"@"} }, func(o *ui.OIDC) { o.Allow = []string{"groups="} }, func(o *ui.OIDC) { o.Allow = []string{""} }, func(o *ui.OIDC) { o.Allow = []string{"a@b@c"} }},
		"oidc.allowRead": {func(o *ui.OIDC) { o.AllowRead = []string{"*"} }},
	} {
		for i, do := range bend {
			o := good
			do(&o)
			_, err := ui.New(nil, nil, &ui.Options{OIDC: &o})
			if wrong, ok := errors.AsType[*fanfare.InvalidError](err); !ok || wrong.Field != field {
				t.Errorf("%s, %d: %+v is answered %v", field, i, o, err)
			}
		}
	}
}

// away is a site whose provider is not there at first.
func away(t *testing.T) (*guestbook, *ui.Handler, func()) {
	var here atomic.Bool
	g := newGuestbook(t, newIssuer(t, func(there http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !here.Load() {
				panic(http.ErrAbortHandler)
			}
			there.ServeHTTP(w, r)
		})
	}))
	return g, g.pages, func() { here.Store(true) }
}

func TestProviderThatIsAwayAtFirst(t *testing.T) {
	g, pages, comes := away(t)
	g.get(200, "/login").says("Not at present: It does not answer", "Or with a key")
	a := g.send(httptest.NewRequest(http.MethodGet, "/login/oidc?to=/key", nil))
	g.outside(a, http.StatusServiceUnavailable, "Not at present")
	if n := strings.Count(g.log.String(), "cannot be used"); n != 1 {
		t.Errorf("it was asked %d times within ten seconds: %s", n, g.log)
	}
	g.logIn(adminKey)
	g.cookie = ""
	comes()
	pages.AskAgain()
	g.get(200, "/login").lacks("Not at present")
	if a := g.login("/"); a.Code != 200 {
		t.Errorf("once it is there, a login is answered %d", a.Code)
	}
}

func TestProviderThatGoesAway(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"cut off":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "does not answer this server"},
		"slow":     {func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() }, "does not answer this server"},
		"too much": {func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, io.LimitReader(zeros{}, 8<<20)) }, "does not answer this server"},
		"error":    {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `{"access_token":"at-leak"}`, 500) }, "gives this server no token"},
		"refused": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			io.WriteString(w, `{"error":"invalid_client","error_description":"at-leak"}`)
		}, "gives this server no token"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "gives this server no token"},
		"no ID token": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"access_token":"at-leak","token_type":"Bearer"}`)
		}, "cannot be trusted"},
		"nothing": {func(http.ResponseWriter, *http.Request) {}, "does not answer this server"},
	} {
		t.Run(name, func(t *testing.T) {
			is := newIssuer(t)
			is.answer, is.sent = c.answer, []string{"at-leak"}
			g := newGuestbook(t, is)
			asked := g.begin("/")
			if name == "slow" {
				g.pages.Hurry(50 * time.Millisecond)
			}
			g.outside(g.back("state", asked.Get("state"), "code", is.authorize(asked)), http.StatusBadGateway, c.says)
			if !strings.Contains(g.log.String(), "login by the OpenID provider failed") {
				t.Errorf("the log says %s", g.log)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestProviderThatIsAnother is found where the issuer should be, and is not it, or leads
// astray.
func TestProviderThatIsAnother(t *testing.T) {
	for name, c := range map[string]struct{ from, to, says string }{
		"another issuer":     {`"issuer":"http://`, `"issuer":"http://x`, "goes by another address"},
		"codes without TLS":  {`"token_endpoint":"http://127.0.0.1`, `"token_endpoint":"http://192.0.2.1`, "does not answer"},
		"people without TLS": {`"authorization_endpoint":"http://127.0.0.1`, `"authorization_endpoint":"http://192.0.2.1`, "does not answer"},
		"a script":           {`"authorization_endpoint":"http://127.0.0.1`, `"authorization_endpoint":"javascript://127.0.0.1`, "does not answer"},
		"too much":           {`{`, `{"x":"` + strings.Repeat("x", 2<<20) + `",`, "does not answer"},
		"no JSON":            {`{`, `<`, "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuestbook(t, newIssuer(t, func(there http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					a := httptest.NewRecorder()
					there.ServeHTTP(a, r)
					w.Header().Set("Content-Type", "application/json")
					io.WriteString(w, strings.Replace(a.Body.String(), c.from, c.to, 1))
				})
			}))
			g.outside(g.send(httptest.NewRequest(http.MethodGet, "/login/oidc", nil)), http.StatusServiceUnavailable, c.says)
		})
	}
}
