package ui_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

// logIn opens the console with a key, by its form.
func (w *world) logIn(key string) *http.Cookie {
	w.t.Helper()
	w.cookie = ""
	a := w.form("/login", "key", key, "to", "/catalogue")
	if a.Code != http.StatusSeeOther || a.Header().Get("Location") != "/catalogue" {
		w.t.Fatalf("the login was answered %d, %q: %s", a.Code, a.Header().Get("Location"), a.Body)
	}
	for _, c := range a.Result().Cookies() {
		w.cookie = c.Name + "=" + c.Value
		return c
	}
	w.t.Fatal("the login sets no cookie")
	return nil
}

// form sends one as a browser does, and returns the answer.
func (w *world) form(path string, pairs ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return w.send(r)
}

func (w *world) key(scopes ...fanfare.Scope) (secret string, k *fanfare.Key) {
	w.t.Helper()
	k = &fanfare.Key{Name: "Ops", Scopes: scopes}
	secret, err := w.hub.CreateKey(w.t.Context(), k)
	if err != nil {
		w.t.Fatal(err)
	}
	return secret, k
}

func TestLoginMakesAKeyForTheBrowserAlone(t *testing.T) {
	w := newWorld(t, &ui.Options{BaseURL: "https://hooks.example.com"})
	c := w.logIn(adminKey)
	if c.Value == adminKey || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" {
		t.Errorf("the cookie is %v", c)
	}
	if in := time.Until(c.Expires); in < 11*time.Hour || in > 12*time.Hour {
		t.Errorf("the cookie ends in %v, want 12 h", in)
	}
	b, err := w.hub.Identify(t.Context(), c.Value)
	if err != nil || b.Key == nil || b.Key.Name != "Console: the admin key" {
		t.Fatalf("the cookie is of %+v, %v", b, err)
	}
	w.get(200, "/catalogue")
	if a := w.form("/leave"); a.Code != http.StatusSeeOther || a.Header().Get("Location") != "/login" {
		t.Errorf("leaving was answered %d", a.Code)
	}
	if _, err := w.hub.Key(t.Context(), b.Key.ID); err == nil {
		t.Error("the key of the login is still good after leaving")
	}
	entries, err := w.hub.AuditEntries(t.Context(), fanfare.AuditFilter{Page: fanfare.Page{Limit: 10}})
	if err != nil || len(entries) != 2 || entries[0].Action != "api-key.revoke" || entries[0].Actor != string(b.Key.ID) || entries[1].Action != "api-key.create" || entries[1].Actor != "admin" {
		t.Errorf("the audit log has %+v, %v", entries, err)
	}
}

func TestLoginEndsWithItsKey(t *testing.T) {
	w := newWorld(t, nil)
	secret, k := w.key(fanfare.ScopeAdmin)
	w.logIn(secret)
	w.get(200, "/catalogue")
	if err := w.hub.RevokeKey(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	a := w.send(httptest.NewRequest(http.MethodGet, "/catalogue?search=x", nil))
	if a.Code != http.StatusSeeOther || a.Header().Get("Location") != "/login?to=%2Fcatalogue%3Fsearch%3Dx" {
		t.Errorf("after the key was revoked: %d, %q", a.Code, a.Header().Get("Location"))
	}
	w.logIn(adminKey)
	if err := ui.EndLogins(t.Context(), w.hub); err != nil {
		t.Fatal(err)
	}
	if a := w.send(httptest.NewRequest(http.MethodGet, "/catalogue", nil)); a.Code != http.StatusSeeOther {
		t.Errorf("after the admin key was replaced: %d", a.Code)
	}
}

func TestLoginIsNoLongerThanItsKey(t *testing.T) {
	w := newWorld(t, nil)
	k := &fanfare.Key{Name: "Ops", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}, ExpiresAt: time.Now().Add(time.Hour)}
	secret, err := w.hub.CreateKey(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	if c := w.logIn(secret); time.Until(c.Expires) > time.Hour {
		t.Errorf("the login ends at %v, its key at %v", c.Expires, k.ExpiresAt)
	}
}

func TestLoginRefuses(t *testing.T) {
	w := newWorld(t, nil)
	session := w.enter(fanfare.Capabilities()...)
	less, _ := w.key(fanfare.ScopeReadEndpoints)
	narrow, err := w.hub.CreateKey(t.Context(), &fanfare.Key{Name: "One", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}, Application: w.app.ID})
	if err != nil {
		t.Fatal(err)
	}
	w.cookie = ""
	for _, c := range []struct {
		key    string
		status int
		says   string
	}{
		{"", 401, "not valid"}, {"fan_admin_wrong", 401, "not valid"}, {session, 403, "opens a portal"}, {strings.Repeat("x", 10_000), 401, "not valid"},
	} {
		a := w.form("/login", "key", c.key)
		if d := w.parse(a, "/login").says(c.says); a.Code != c.status || len(a.Result().Cookies()) > 0 {
			t.Errorf("%q was answered %d with %d cookies: %s", c.key, a.Code, len(a.Result().Cookies()), d.words())
		} else if c.key != "" && strings.Contains(d.text, c.key) {
			t.Errorf("the page repeats the key %s", c.key)
		}
	}
	// A portal's cookie, or a key that was not made by a login, is none.
	for _, value := range []string{session, less, narrow, "x"} {
		w.cookie = "fanfare_console=" + value
		if a := w.send(httptest.NewRequest(http.MethodGet, "/catalogue", nil)); a.Code != http.StatusSeeOther {
			t.Errorf("with the cookie %s: %d", value, a.Code)
		}
	}
}

// TestLoginOpensWhatItsKeyDoes gives the browser a key of the same scopes, application and
// channels.
func TestLoginOpensWhatItsKeyDoes(t *testing.T) {
	w := newWorld(t, nil)
	of := &fanfare.Key{Name: "One", Scopes: []fanfare.Scope{fanfare.ScopeReadApplications, fanfare.ScopeReadMessages}, Application: w.app.ID, Channels: []string{"eu"}}
	secret, err := w.hub.CreateKey(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	w.cookie = ""
	a := w.form("/login", "key", secret)
	if a.Code != http.StatusSeeOther || len(a.Result().Cookies()) != 1 {
		t.Fatalf("the login was answered %d: %s", a.Code, a.Body)
	}
	w.cookie = "fanfare_console=" + a.Result().Cookies()[0].Value
	b, err := w.hub.Identify(t.Context(), a.Result().Cookies()[0].Value)
	if err != nil || b.Key.Name != "Console: "+string(of.ID) || !slices.Equal(b.Key.Scopes, of.Scopes) || b.Key.Application != of.Application || !slices.Equal(b.Key.Channels, of.Channels) {
		t.Errorf("the cookie is of %+v, %v", b, err)
	}
	w.get(200, "/app").says("Acme")
	w.get(403, "/key").says("is not part of the one application")
	if a := w.form("/leave"); a.Code != http.StatusSeeOther {
		t.Errorf("leaving was answered %d", a.Code)
	}
	if _, err := w.hub.Key(t.Context(), b.Key.ID); err == nil {
		t.Error("the key of the login is still good after leaving")
	}
	entries, err := w.hub.AuditEntries(t.Context(), fanfare.AuditFilter{Page: fanfare.Page{Limit: 10}})
	if err != nil || len(entries) != 2 || entries[1].Actor != string(of.ID) || entries[1].Action != "api-key.create" || entries[1].Object != string(b.Key.ID) || entries[0].Action != "api-key.revoke" {
		t.Errorf("the audit log has %+v, %v", entries, err)
	}
}

func TestLoginIsRateLimited(t *testing.T) {
	w := newWorld(t, nil)
	w.cookie = ""
	var codes []int
	for range 21 {
		codes = append(codes, w.form("/login", "key", "wrong").Code)
	}
	if codes[19] != http.StatusUnauthorized || codes[20] != http.StatusTooManyRequests {
		t.Errorf("answered %v", codes)
	}
	if a := w.form("/login", "key", adminKey); a.Code != http.StatusTooManyRequests || a.Header().Get("Retry-After") == "" {
		t.Errorf("the right key was then answered %d", a.Code)
	}
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader("key="+adminKey))
	r.RemoteAddr = "198.51.100.7:1"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a := w.send(r); a.Code != http.StatusSeeOther {
		t.Errorf("from another address: %d", a.Code)
	}
}

func TestLoginLeadsToOwnPagesOnly(t *testing.T) {
	for _, to := range []string{"//evil.example", "///evil.example", "https://evil.example/", "/\\evil.example", "evil", "", "javascript:alert(1)", "/\r\nX: y"} {
		w := newWorld(t, nil)
		w.cookie = ""
		if a := w.form("/login", "key", adminKey, "to", to); a.Header().Get("Location") != "/" {
			t.Errorf("%q leads to %q", to, a.Header().Get("Location"))
		}
	}
}

func TestOldLoginsDoNotAddUp(t *testing.T) {
	w := newWorld(t, nil)
	begun := time.Now().Add(-13 * time.Hour)
	old := &fanfare.Key{ID: fanfare.KeyID(fanfare.EncodeID("key_", [16]byte{6: 0x70, 8: 0x80})), Name: "Console: the admin key", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}, CreatedAt: begun, ExpiresAt: begun.Add(12 * time.Hour)}
	if err := w.store.CreateKey(t.Context(), old, 10); err != nil {
		t.Fatal(err)
	}
	w.logIn(adminKey)
	keys, err := w.hub.Keys(t.Context(), fanfare.Page{Limit: 10})
	if err != nil || len(keys) != 1 || slices.ContainsFunc(keys, func(k *fanfare.Key) bool { return k.ID == old.ID }) {
		t.Errorf("there are %d keys, %v", len(keys), err)
	}
}

// consoleReads are the pages of the second half of the console that need no more than a
// login.
var consoleReads = []string{"/catalogue", "/catalogue/new", "/catalogue/import", "/task", "/task/new", "/queue", "/source", "/recipe", "/inspector", "/setting", "/key", "/operational", "/audit", "/app/acme/source", "/app/acme/source/new"}

func TestConsoleIsClosedToOthers(t *testing.T) {
	w := newWorld(t, nil)
	portal := w.cookie
	for _, cookie := range []string{"", portal} {
		w.cookie = cookie
		for _, path := range consoleReads {
			if a := w.send(httptest.NewRequest(http.MethodGet, path, nil)); a.Code != http.StatusSeeOther || !strings.HasPrefix(a.Header().Get("Location"), "/login?") {
				t.Errorf("GET %s with %q: %d, %q", path, cookie, a.Code, a.Header().Get("Location"))
			}
		}
		for _, path := range []string{"/catalogue/new", "/catalogue/import", "/task/new", "/key", "/key/key_1/revoked", "/inspector", "/inspector/x/answer", "/app/acme/source/new", "/app/acme/source/x/do/rotate", "/leave"} {
			if a := w.form(path, "name", "x"); a.Code != http.StatusUnauthorized {
				t.Errorf("POST %s with %q: %d", path, cookie, a.Code)
			}
		}
	}
	w.logIn(adminKey)
	for _, path := range consoleReads {
		d := w.get(200, path)
		if h := d.all("h1", ""); len(h) != 1 || h[0] == "" {
			t.Errorf("%s has the headings %q", path, h)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/key", strings.NewReader("name=x&scope=admin"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if a := w.send(r); a.Code != http.StatusForbidden {
		t.Errorf("a form from another site was answered %d", a.Code)
	}
}
