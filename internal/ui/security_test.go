package ui_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

func TestPagesSayWhatBrowsersMayDo(t *testing.T) {
	w := newWorld(t, &ui.Options{Portal: ui.Portal{Logo: "https://acme.example/logo.svg", Frames: []string{"https://app.example.com"}}})
	for _, path := range []string{"/portal", "/portal/log", "/portal/nowhere"} {
		h := w.send(httptest.NewRequest(http.MethodGet, path, nil)).Header()
		want := "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: https://acme.example; base-uri 'none'; form-action 'self'; frame-ancestors 'self' https://app.example.com; require-trusted-types-for 'script'; trusted-types fanfare"
		if got := h.Get("Content-Security-Policy"); got != want {
			t.Errorf("the policy of %s is %q", path, got)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("the headers of %s are %v", path, h)
		}
	}
	plain := newWorld(t, nil)
	if got := plain.send(httptest.NewRequest(http.MethodGet, "/portal", nil)).Header().Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors 'self';") {
		t.Errorf("unless told otherwise the policy is %q", got)
	}
}

func TestCookieIsForThePortalAlone(t *testing.T) {
	for _, c := range []struct {
		opt  ui.Options
		want string
	}{
		{ui.Options{}, "Path=/portal; HttpOnly; SameSite=Lax"},
		{ui.Options{BaseURL: "https://hooks.example.com/x/"}, "Path=/x/portal; HttpOnly; Secure; SameSite=Lax"},
		{ui.Options{BaseURL: "https://hooks.example.com", Portal: ui.Portal{Frames: []string{"https://a.example"}}}, "Path=/portal; HttpOnly; Secure; SameSite=None; Partitioned"},
	} {
		w := newWorld(t, &c.opt)
		token, err := w.hub.CreateSession(t.Context(), &fanfare.Session{Application: w.app.ID}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		a := w.send(httptest.NewRequest(http.MethodGet, "/portal?key="+token, nil))
		got := regexp.MustCompile(`Expires=[^;]*; `).ReplaceAllString(a.Header().Get("Set-Cookie"), "")
		if want := "fanfare_portal=" + token + "; " + c.want; got != want {
			t.Errorf("the cookie is %q, want %q", got, want)
		}
		if to := a.Header().Get("Location"); a.Code != http.StatusSeeOther || strings.Contains(to, token) {
			t.Errorf("the link leads on to %q", to)
		}
	}
}

// TestOtherSitesCannotWrite sends what a form on another site would, with the cookie.
func TestOtherSitesCannotWrite(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	before := w.state()
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://elsewhere.example"}, {"Origin", "null"}} {
		for _, path := range []string{"/portal/endpoint/" + string(ep.ID) + "/do/delete", "/portal/endpoint/" + string(ep.ID) + "/do/pause", "/portal/leave", "/portal/enter", "/portal/theme"} {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("key=x&theme=dark"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(header[0], header[1])
			if a := w.send(r); a.Code != http.StatusForbidden || a.Header().Get("Set-Cookie") != "" {
				t.Errorf("%s with %v is answered %d", path, header, a.Code)
			}
		}
	}
	if after := w.state(); after != before {
		t.Errorf("another site has changed\n%s\nto\n%s", before, after)
	}
}

func TestOnlySessionsOpenThePortal(t *testing.T) {
	w := newWorld(t, nil)
	w.cookie = ""
	key, err := w.hub.CreateKey(t.Context(), &fanfare.Key{Name: "x", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}})
	if err != nil {
		t.Fatal(err)
	}
	w.get(403, "/portal?key="+key).says("That is an API key")
	w.get(401, "/portal?key=fan_sess_no").says("This link has expired")
	w.cookie = "fanfare_portal=" + key
	w.get(401, "/portal/log")
	w.cookie = "fanfare_portal=" + w.enter()
	other := &fanfare.Application{Name: "Other"}
	if err := w.hub.CreateApplication(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	ep := &fanfare.Endpoint{Application: other.ID, URL: w.rcv.URL}
	if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	w.get(404, "/portal/endpoint/"+string(ep.ID)).says("Not found")
}

// TestAfterAForm stays on the site, whatever the form says that it was on.
func TestAfterAForm(t *testing.T) {
	w := newWorld(t, nil)
	for here, want := range map[string]string{
		"/portal/log?type=x": "/portal/log?type=x", "//elsewhere.example": "/portal", "https://elsewhere.example/portal": "/portal",
		"/portal.elsewhere.example": "/portal", `/portal/\elsewhere.example`: "/portal", "/portal": "/portal",
	} {
		r := httptest.NewRequest(http.MethodPost, "/portal/theme", strings.NewReader("theme=dark&here="+here))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if got := w.send(r).Header().Get("Location"); got != want {
			t.Errorf("after a form on %q one is at %q, want %q", here, got, want)
		}
	}
}

// TestAfterAFormOfTheConsole stays on the site too, also from a page that there is not.
func TestAfterAFormOfTheConsole(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	for here, want := range map[string]string{
		"/issue?at=x": "/issue?at=x", "//elsewhere.example/x": "/", "///elsewhere.example": "/", `/\elsewhere.example`: "/", "https://elsewhere.example": "/",
	} {
		r := httptest.NewRequest(http.MethodPost, "/theme", strings.NewReader("theme=dark&here="+here))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if got := w.send(r).Header().Get("Location"); got != want {
			t.Errorf("after a form on %q one is at %q, want %q", here, got, want)
		}
	}
	d := w.parse(w.asks(http.MethodGet, "//elsewhere.example/x", browser), "//elsewhere.example/x").says("There is no such page")
	w.submit(http.StatusSeeOther, d, "Dark")
}

func TestFilesAreKeptForGood(t *testing.T) {
	w := newWorld(t, nil)
	d := w.get(200, "/portal")
	total := len(d.text)
	for _, path := range append(d.all("script", "src"), d.all("link", "href")[1:]...) {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		a := w.send(r)
		if a.Code != 200 || a.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || a.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %d %v", path, a.Code, a.Header())
		}
		if strings.HasSuffix(path, ".js") && a.Body.Len() > 40<<10 {
			t.Errorf("the script has %d bytes", a.Body.Len())
		}
		total += a.Body.Len()
		r.Header.Set("If-None-Match", a.Header().Get("ETag"))
		if again := w.send(r); again.Code != http.StatusNotModified {
			t.Errorf("%s is sent again: %d", path, again.Code)
		}
	}
	if total > 100<<10 {
		t.Errorf("a first page takes %d bytes", total)
	}
	t.Logf("a first page takes %d bytes", total)
}

func TestAccentCanBeRead(t *testing.T) {
	for _, accent := range []string{"#ffff00", "#000000", "#ffffff", "#3451d1", "#ff0000", "#808080"} {
		w := newWorld(t, &ui.Options{Portal: ui.Portal{Accent: accent}})
		for _, path := range w.get(200, "/portal").all("link", "href") {
			if strings.Contains(path, "theme.") {
				css := w.send(httptest.NewRequest(http.MethodGet, path, nil)).Body.String()
				m := regexp.MustCompile(`--accent:light-dark\((#\w{6}),(#\w{6})\);--on-accent:light-dark\((#\w{6}),(#\w{6})\)`).FindStringSubmatch(css)
				if m == nil {
					t.Fatalf("the colours of %s are %q", accent, css)
				}
				for _, pair := range [][2]string{{m[1], "#f3f4f7"}, {m[2], "#23282f"}, {m[1], m[3]}, {m[2], m[4]}} {
					if c := ui.Contrast(pair[0], pair[1]); c < 4.5 {
						t.Errorf("of %s, %s on %s has a contrast of %.2f", accent, pair[0], pair[1], c)
					}
				}
			}
		}
	}
	for _, bad := range []ui.Portal{{Accent: "red"}, {Logo: "javascript:alert(1)"}, {Frames: []string{"*"}}, {Frames: []string{"https://a.example/"}}, {Frames: []string{"https://a.example; script-src *"}}} {
		if _, err := ui.New(nil, nil, &ui.Options{Portal: bad}); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
