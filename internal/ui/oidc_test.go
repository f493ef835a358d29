package ui_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

// A guestbook is a world whose console people enter by an issuer, and its log.
type guestbook struct {
	*world
	is  *issuer
	log *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newGuestbook(t *testing.T, is *issuer, with ...func(*ui.OIDC)) *guestbook {
	t.Helper()
	o := &ui.OIDC{Issuer: is.URL, ClientID: clientID, ClientSecret: clientSecret, Allow: []string{"ann@example.com"}, Loopback: true}
	for _, do := range with {
		do(o)
	}
	log := &lockedBuffer{}
	w := newWorld(t, &ui.Options{BaseURL: "https://hooks.example.com", OIDC: o, Logger: slog.New(slog.NewTextHandler(log, nil))})
	w.cookie = ""
	g := &guestbook{w, is, log}
	t.Cleanup(func() {
		for _, secret := range append(is.sent, clientSecret) {
			if secret != "" && strings.Contains(log.String(), secret) {
				t.Errorf("the log has %s:\n%s", secret, log)
			}
		}
	})
	return g
}

// begin goes to the provider, and returns what it is asked.
func (g *guestbook) begin(to string) url.Values {
	g.t.Helper()
	g.cookie = ""
	a := g.send(httptest.NewRequest(http.MethodGet, "/login/oidc?to="+url.QueryEscape(to), nil))
	at, err := url.Parse(a.Header().Get("Location"))
	if err != nil || a.Code != http.StatusSeeOther || !strings.HasPrefix(at.String(), g.is.URL+"/auth?") {
		g.t.Fatalf("the login began with %d, at %q: %s", a.Code, at, a.Body)
	}
	g.keep(a)
	return at.Query()
}

// keep has the visitor keep a cookie, and returns it.
func (g *guestbook) keep(a *httptest.ResponseRecorder) *http.Cookie {
	for _, c := range a.Result().Cookies() {
		if c.MaxAge >= 0 && c.Expires.After(time.Now()) {
			g.cookie = c.Name + "=" + c.Value
			return c
		}
	}
	return nil
}

// back comes back from the provider.
func (g *guestbook) back(pairs ...string) *httptest.ResponseRecorder {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return g.send(httptest.NewRequest(http.MethodGet, "/login/oidc/callback?"+q.Encode(), nil))
}

// login does all of it, and returns the last answer.
func (g *guestbook) login(to string) *httptest.ResponseRecorder {
	g.t.Helper()
	asked := g.begin(to)
	return g.back("state", asked.Get("state"), "code", g.is.authorize(asked))
}

func (g *guestbook) keys() (all []*fanfare.Key) {
	g.t.Helper()
	all, err := g.hub.Keys(g.t.Context(), fanfare.Page{Limit: fanfare.MaxPage})
	if err != nil {
		g.t.Fatal(err)
	}
	return all
}

// outside fails the test if somebody was let in.
func (g *guestbook) outside(a *httptest.ResponseRecorder, status int, says string) {
	g.t.Helper()
	g.parse(a, "the answer").says(says, "The admin key")
	if a.Code != status || len(g.keys()) > 0 {
		g.t.Errorf("answered %d, want %d; there are %d keys", a.Code, status, len(g.keys()))
	}
	for _, c := range a.Result().Cookies() {
		if c.Name == "fanfare_console" {
			g.t.Errorf("a cookie was set: %v", c)
		}
	}
}

func TestLoginByProvider(t *testing.T) {
	g := newGuestbook(t, newIssuer(t))
	g.get(200, "/login").says("Log in by "+strings.TrimPrefix(g.is.URL, "http://"), "Or with a key").lacks("Not at present")
	asked := g.begin("/catalogue?x=1")
	for name, want := range map[string]string{"response_type": "code", "client_id": clientID, "redirect_uri": "https://hooks.example.com/login/oidc/callback", "scope": "openid email profile", "code_challenge_method": "S256"} {
		if got := asked.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	a := g.back("state", asked.Get("state"), "code", g.is.authorize(asked), "iss", g.is.URL)
	if a.Code != 200 || a.Header().Get("Refresh") != "0; url=/catalogue?x=1" {
		t.Fatalf("answered %d, leads to %q: %s", a.Code, a.Header().Get("Refresh"), a.Body)
	}
	over := false
	for _, c := range a.Result().Cookies() {
		over = over || c.Name == "fanfare_login" && c.Value == "" && c.Path == "/login" && c.Expires.Before(time.Now())
	}
	c := g.keep(a)
	if !over || c.Name != "fanfare_console" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" {
		t.Errorf("the cookies are %v", a.Result().Cookies())
	}
	k := g.keys()[0]
	if in := time.Until(k.ExpiresAt); k.Name != "Console: ann@example.com" || !slices.Equal(k.Scopes, []fanfare.Scope{"admin"}) || in > 12*time.Hour || in < 11*time.Hour {
		t.Errorf("the key is %+v", k)
	}
	g.get(200, "/key").says("ann@example.com")
	g.post(303, "/app/new", "name", "Made by Ann")
	if a := g.form("/leave"); a.Code != http.StatusSeeOther || len(g.keys()) > 0 {
		t.Errorf("leaving was answered %d, and there are %d keys", a.Code, len(g.keys()))
	}
	if a := g.send(httptest.NewRequest(http.MethodGet, "/key", nil)); a.Code != http.StatusSeeOther {
		t.Errorf("after leaving: %d", a.Code)
	}
	entries, err := g.hub.AuditEntries(t.Context(), fanfare.AuditFilter{Page: fanfare.Page{Limit: 10}})
	if err != nil || len(entries) != 3 {
		t.Fatalf("the audit log has %d entries, %v", len(entries), err)
	}
	for i, want := range []string{string(k.ID) + " api-key.revoke", string(k.ID) + " application.create", "oidc api-key.create"} {
		if got := entries[i].Actor + " " + entries[i].Action; got != want || !strings.HasSuffix(entries[i].Detail, "by ann@example.com") {
			t.Errorf("entry %d is %q, %q; want %q", i, got, entries[i].Detail, want)
		}
	}
}

func TestPendingLoginIsKeptApart(t *testing.T) {
	g := newGuestbook(t, newIssuer(t))
	a := g.send(httptest.NewRequest(http.MethodGet, "/login/oidc", nil))
	c := a.Result().Cookies()[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/login" || time.Until(c.Expires) > 10*time.Minute {
		t.Errorf("the cookie is %v", c)
	}
	asked, err := url.Parse(a.Header().Get("Location"))
	if err != nil || strings.Contains(c.Value, asked.Query().Get("state")) {
		t.Errorf("the cookie shows the state: %v", err)
	}
	first, second := g.begin("/"), g.begin("/")
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(first.Get(name)) < 26 || first.Get(name) == second.Get(name) {
			t.Errorf("two logins have the %s %q and %q", name, first.Get(name), second.Get(name))
		}
	}
}

// TestTokensThatAreNotBelieved has the issuer, or whoever plays it, send tokens each of
// which has one thing wrong.
func TestTokensThatAreNotBelieved(t *testing.T) {
	is := newIssuer(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, bend := range map[string]func(*ticket){
		"another issuer":         func(tk *ticket) { tk.claims["iss"] = "https://evil.example" },
		"another audience":       func(tk *ticket) { tk.claims["aud"] = "another" },
		"among audiences":        func(tk *ticket) { tk.claims["aud"] = []string{clientID, "another"} },
		"for another party":      func(tk *ticket) { tk.claims["azp"] = "another" },
		"expired":                func(tk *ticket) { tk.claims["exp"] = time.Now().Add(-time.Minute).Unix() },
		"without expiry":         func(tk *ticket) { delete(tk.claims, "exp") },
		"not valid yet":          func(tk *ticket) { tk.claims["nbf"] = time.Now().Add(time.Hour).Unix() },
		"another nonce":          func(tk *ticket) { tk.claims["nonce"] = "another" },
		"without nonce":          func(tk *ticket) { delete(tk.claims, "nonce") },
		"without subject":        func(tk *ticket) { delete(tk.claims, "sub") },
		"signed by another":      func(tk *ticket) { tk.key = other },
		"of another key":         func(tk *ticket) { tk.head["kid"] = "2"; tk.key = other },
		"unsigned":               func(tk *ticket) { tk.head["alg"] = "none" },
		"HMAC of the public key": func(tk *ticket) { tk.head["alg"] = "HS256"; tk.secret = is.publicPEM() },
		"HMAC of the secret":     func(tk *ticket) { tk.head["alg"] = "HS256"; tk.secret = []byte(clientSecret) },
		"garbage":                func(tk *ticket) { tk.raw = "a.b.c" },
		"key in the head": func(tk *ticket) {
			tk.head["jwk"] = map[string]any{"kty": "RSA", "n": encode(other.N.Bytes()), "e": "AQAB"}
			tk.key = other
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuestbook(t, is)
			is.bend = bend
			defer func() { is.bend = nil }()
			g.outside(g.login("/"), http.StatusBadGateway, "cannot be trusted")
		})
	}
}

// TestLoginsThatAreNotEnded comes back otherwise than by the provider, or not as the one
// who began.
func TestLoginsThatAreNotEnded(t *testing.T) {
	is := newIssuer(t)
	t.Run("another state", func(t *testing.T) {
		g := newGuestbook(t, is)
		asked := g.begin("/")
		g.outside(g.back("state", "another", "code", is.authorize(asked)), 400, "begun no such login")
	})
	t.Run("no state", func(t *testing.T) {
		g := newGuestbook(t, is)
		g.outside(g.back("code", is.authorize(g.begin("/"))), 400, "begun no such login")
	})
	t.Run("another browser", func(t *testing.T) {
		g := newGuestbook(t, is)
		asked := g.begin("/")
		g.cookie = ""
		g.outside(g.back("state", asked.Get("state"), "code", is.authorize(asked)), 400, "begun no such login at https://hooks.example.com")
	})
	t.Run("with the cookie of another login", func(t *testing.T) {
		g := newGuestbook(t, is)
		asked := g.begin("/")
		g.begin("/")
		g.outside(g.back("state", asked.Get("state"), "code", is.authorize(asked)), 400, "begun no such login")
	})
	t.Run("cookie of one's own", func(t *testing.T) {
		g := newGuestbook(t, is)
		asked := g.begin("/")
		value := strings.TrimPrefix(g.cookie, "fanfare_login=")
		for _, wrong := range []string{"", "x", value[1:], value[:len(value)-4] + "AAAA", encode([]byte(`{"State":"x","Nonce":"x","Verifier":"x","Until":"2099-01-01T00:00:00Z"}`))} {
			g.cookie = "fanfare_login=" + wrong
			g.outside(g.back("state", asked.Get("state"), "code", is.authorize(asked)), 400, "begun no such login")
		}
	})
	t.Run("code of another login", func(t *testing.T) {
		g := newGuestbook(t, is)
		stolen := is.authorize(g.begin("/"))
		g.outside(g.back("state", g.begin("/").Get("state"), "code", stolen), 400, "does not take the code")
	})
	t.Run("another provider", func(t *testing.T) {
		g := newGuestbook(t, is)
		asked := g.begin("/")
		g.outside(g.back("state", asked.Get("state"), "code", is.authorize(asked), "iss", "https://evil.example"), 400, "another provider")
	})
	t.Run("no code", func(t *testing.T) {
		g := newGuestbook(t, is)
		g.outside(g.back("state", g.begin("/").Get("state")), 400, "no code")
	})
	t.Run("declined", func(t *testing.T) {
		g := newGuestbook(t, is)
		g.outside(g.back("state", g.begin("/").Get("state"), "error", "access_denied", "error_description", "secret words"), 403, "it was declined there")
	})
	t.Run("failed", func(t *testing.T) {
		g := newGuestbook(t, is)
		a := g.back("state", g.begin("/").Get("state"), "error", "<script>alert(1)</script>"+strings.Repeat("x", 500))
		if g.outside(a, 502, "could not do it"); strings.Contains(a.Body.String(), "<script>alert") {
			t.Error("the page has what the address says as it is")
		}
	})
	t.Run("failed without a login", func(t *testing.T) {
		g := newGuestbook(t, is)
		a := g.back("error", "call_this_number")
		if g.outside(a, 400, "begun no such login"); strings.Contains(a.Body.String(), "call_this") {
			t.Error("the page says what anybody wrote into a link")
		}
	})
	t.Run("too late", func(t *testing.T) {
		if err := ui.FitsAfter(10 * time.Minute); err == nil {
			t.Error("an answer after ten minutes fits")
		}
		if err := ui.FitsAfter(10*time.Minute - 1); err != nil {
			t.Errorf("an answer within ten minutes does not: %v", err)
		}
	})
	t.Run("again", func(t *testing.T) {
		g := newGuestbook(t, is)
		asked := g.begin("/")
		kept, code := g.cookie, is.authorize(asked)
		if a := g.back("state", asked.Get("state"), "code", code); a.Code != 200 {
			t.Fatalf("the first time: %d", a.Code)
		}
		for _, k := range g.keys() {
			if err := g.hub.RevokeKey(t.Context(), k.ID); err != nil {
				t.Fatal(err)
			}
		}
		g.cookie = kept
		g.outside(g.back("state", asked.Get("state"), "code", code), 400, "does not take the code")
	})
}

func TestTooManyComeBack(t *testing.T) {
	g := newGuestbook(t, newIssuer(t))
	for range 20 {
		g.back("state", "x")
	}
	if a := g.back("state", "x"); a.Code != http.StatusTooManyRequests || a.Header().Get("Retry-After") == "" {
		t.Errorf("the 21st within a minute is answered %d", a.Code)
	}
}

func TestLoginByProviderLeadsToOwnPagesOnly(t *testing.T) {
	is := newIssuer(t)
	for _, to := range []string{"//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/" + strings.Repeat("x", 2000)} {
		if a := newGuestbook(t, is).login(to); a.Header().Get("Refresh") != "0; url=/" {
			t.Errorf("%.40q leads to %q", to, a.Header().Get("Refresh"))
		}
	}
}

func TestLoginsOfOnePersonAreBounded(t *testing.T) {
	g := newGuestbook(t, newIssuer(t))
	for i := range 20 {
		if err := ui.LetIn(t.Context(), g.hub, "ann@example.com"); err != nil {
			t.Fatal(i, err)
		}
	}
	if a := g.login("/"); a.Code != 200 {
		t.Fatalf("answered %d", a.Code)
	}
	keys := g.keys()
	if len(keys) != 20 {
		t.Errorf("there are %d keys, want 20", len(keys))
	}
	if g.login("/"); len(g.keys()) != 20 || g.keys()[19].ID == keys[19].ID {
		t.Error("the oldest is not the one that ended")
	}
}

func TestLoginsEndWithTheProvider(t *testing.T) {
	g := newGuestbook(t, newIssuer(t))
	g.keep(g.login("/"))
	g.get(200, "/key")
	plain := newWorld(t, nil)
	secret, err := plain.hub.CreateKey(t.Context(), &fanfare.Key{Name: "Console: ann@example.com", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}})
	if err != nil {
		t.Fatal(err)
	}
	plain.cookie = "fanfare_console=" + secret
	if a := plain.send(httptest.NewRequest(http.MethodGet, "/key", nil)); a.Code != http.StatusSeeOther {
		t.Errorf("where there is no provider, a login by it is answered %d", a.Code)
	}
}
