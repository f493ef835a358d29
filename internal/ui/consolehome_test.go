package ui_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

// asOperator lets the visitor into the console, and no longer into the portal.
func (w *world) asOperator() *world {
	w.t.Helper()
	key := &fanfare.Key{Name: "Console: the admin key", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}, ExpiresAt: time.Now().Add(time.Hour)}
	secret, err := w.hub.CreateKey(w.t.Context(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	w.cookie = "fanfare_console=" + secret
	return w
}

func TestConsoleIsShutWithoutLogin(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	msg := w.message(1, `{}`)
	app := "/app/" + string(w.app.ID)
	pages := []string{
		"/", "/issue", "/app", "/app/new", app, app + "/settings", app + "/delete", app + "/expire", app + "/send", app + "/message/" + string(msg.ID),
		app + "/endpoint/" + string(ep.ID), app + "/log", "/message", "/delivery", "/endpoint",
	}
	acts := []string{"/app/new", app + "/settings", app + "/delete", app + "/portal", app + "/link", app + "/expire", app + "/send", app + "/endpoint/" + string(ep.ID) + "/do/pause", "/theme"}
	limited := &fanfare.Key{Name: "limited", Scopes: []fanfare.Scope{fanfare.ScopeReadMessages}}
	own := &fanfare.Key{Name: "own", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}, Application: w.app.ID}
	cookies := []string{"", w.cookie, strings.Replace(w.cookie, "fanfare_portal", "fanfare_console", 1), "fanfare_console=" + adminKey, "fanfare_console=x"}
	for _, k := range []*fanfare.Key{limited, own} {
		secret, err := w.hub.CreateKey(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		cookies = append(cookies, "fanfare_console="+secret)
	}
	before := w.state()
	for _, w.cookie = range cookies {
		for _, path := range pages {
			a := w.send(httptest.NewRequest(http.MethodGet, path, nil))
			if a.Code != http.StatusSeeOther || !strings.HasPrefix(a.Header().Get("Location"), "/login?to=") {
				t.Errorf("GET %s with %q was answered %d, to %q", path, w.cookie, a.Code, a.Header().Get("Location"))
			}
		}
		for _, path := range acts {
			w.post(http.StatusUnauthorized, path, "name", "x", "confirm", w.app.Name).says("Nothing was done")
		}
		w.get(http.StatusUnauthorized, "/stream")
	}
	if after := w.state(); after != before {
		t.Errorf("something was done:\n%s\n%s", before, after)
	}
	w.asOperator()
	for _, path := range pages {
		w.get(http.StatusOK, path)
	}
	w.get(http.StatusNotFound, "/app/nobody").says("nobody")
	w.get(http.StatusNotFound, app+"/nowhere").says("no such page")
}

func TestConsoleIsNotShownInFrames(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	a := w.send(httptest.NewRequest(http.MethodGet, "/", nil))
	policy := a.Header().Get("Content-Security-Policy")
	for _, want := range []string{"frame-ancestors 'none'", "default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s: %s", want, policy)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/app/new", strings.NewReader("name=Other"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if a := w.send(r); a.Code != http.StatusForbidden {
		t.Errorf("a form of another site was answered %d", a.Code)
	}
	if apps, err := w.hub.Applications(t.Context(), fanfare.Page{Limit: 10}); err != nil || len(apps) != 1 {
		t.Errorf("there are %d applications, %v", len(apps), err)
	}
}

// TestFirstRunTicksItself goes through the first minutes, in their order.
func TestFirstRunTicksItself(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	steps := func(want ...string) *doc {
		t.Helper()
		d := w.get(200, "/")
		var got []string
		for _, item := range d.all("li", "") {
			if state, _, ok := strings.Cut(item, " "); ok && (state == "Done" || strings.HasPrefix(item, "To do")) {
				got = append(got, state)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the steps are %q, want %q", got, want)
		}
		return d
	}
	w.endpoint(func(ep *fanfare.Endpoint) { ep.UID = ui.Prepared })
	d := steps("To", "To", "To")
	d.says("curl http://127.0.0.1:8080/api/v1/app/first/msg", "Authorization: Bearer $FANFARE_KEY")
	w.firstCurl(d)
	steps("Done", "To", "To").says("Add an endpoint")
	app, err := w.hub.Application(t.Context(), "first")
	if err != nil {
		t.Fatalf("the command of the page made no application: %v", err)
	}
	w.app = app
	w.endpoint()
	steps("Done", "Done", "To").says("Send an event from here")
	msg, err := w.hub.Send(t.Context(), "first", "hello.world", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	w.attempts(msg, 1)
	steps().lacks("The first minutes", "Bearer").says("hello.world", "Succeeded", "2 messages accepted")
	w.comes("/", "1 delivery that succeeded") // which is counted once it is stored
}

// firstCurl sends what the command on the page would.
func (w *world) firstCurl(d *doc) {
	w.t.Helper()
	_, body, _ := strings.Cut(strings.Join(d.all("code", ""), " "), "-d '")
	body, _, ok := strings.Cut(body, "'")
	if !ok {
		w.t.Fatal("the page has no command")
	}
	r := httptest.NewRequest(http.MethodPost, "/api/v1/app/first/msg", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+adminKey)
	r.Header.Set("Content-Type", "application/json")
	if a := w.send(r); a.Code != http.StatusAccepted {
		w.t.Fatalf("the command was answered %d: %s", a.Code, a.Body)
	}
}

func TestNowLineSaysWhatFails(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	d := w.get(200, "/").says("0 endpoints failing")
	for text, to := range map[string]string{"0 endpoints failing": "/issue", "nothing is overdue": "/queue", "0 under way": "/queue"} {
		if got := w.link(d, text); got != to {
			t.Errorf("%s leads to %s", text, got)
		}
	}
	w.answers(500, "broken")
	w.message(1, `{}`)
	w.awaitFailing()
	w.get(200, "/").says("1 endpoint failing", "What fails", "Books", "500 Internal Server Error", "1 attempt that failed")
}

// awaitFailing waits until the store knows that an endpoint fails.
func (w *world) awaitFailing() {
	w.t.Helper()
	w.until("an endpoint fails", func() bool {
		eps, _, err := w.hub.EveryEndpoint(w.t.Context(), fanfare.EndpointFilter{Which: fanfare.FailingEndpoints, Limit: 1, Look: 100})
		if err != nil {
			w.t.Fatal(err)
		}
		return len(eps) > 0
	})
}

func TestPortalAloneHasNoConsole(t *testing.T) {
	w := newWorld(t, &ui.Options{PortalOnly: true})
	w.get(200, "/portal").says("Nothing is listening yet")
	w.asOperator()
	for _, path := range []string{"/", "/app", "/login", "/inspector", "/issue"} {
		if a := w.send(httptest.NewRequest(http.MethodGet, path, nil)); a.Code != http.StatusNotFound || a.Header().Get("Content-Type") != "application/json" {
			t.Errorf("GET %s was answered %d: %s", path, a.Code, a.Body)
		}
	}
}

// TestRevokedKeyLeadsToTheLogin has the key end while a browser is in the console.
func TestRevokedKeyLeadsToTheLogin(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.get(200, "/endpoint")
	keys, err := w.hub.Keys(t.Context(), fanfare.Page{Limit: 10})
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	if err := w.hub.RevokeKey(t.Context(), keys[0].ID); err != nil {
		t.Fatal(err)
	}
	if to := w.moved("/endpoint?state=failing"); to != "/login?to=%2Fendpoint%3Fstate%3Dfailing" {
		t.Errorf("the page leads to %s", to)
	}
}
