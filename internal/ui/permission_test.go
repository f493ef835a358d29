package ui_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// An action is something that a page lets one do, and what that takes.
type action struct {
	capability fanfare.Capability
	page       string // where its control is, in terms of {ep} and {msg}
	control    string // what the control leads to
	form       string // what a POST there says; "": it leads to a page
}

var actions = []action{
	{fanfare.ManageEndpoint, "/portal", "/portal/endpoint/new", ""},
	{fanfare.ManageEndpoint, "/portal/endpoint/new?kind=poller", "/portal/endpoint/new", "kind=poller&do=add"},
	{fanfare.ManageEndpoint, "/portal/endpoint/{ep}", "/portal/endpoint/{ep}/do/pause", "x=1"},
	{fanfare.ManageEndpoint, "/portal/endpoint/{ep}/settings", "/portal/endpoint/{ep}/settings", "url=http://127.0.0.1:9999/x"},
	{fanfare.ManageEndpoint, "/portal/endpoint/{ep}/settings", "/portal/endpoint/{ep}/confirm/disable", ""},
	{fanfare.ManageEndpoint, "/portal/endpoint/{ep}/confirm/disable", "/portal/endpoint/{ep}/do/disable", "x=1"},
	{fanfare.ManageEndpoint, "/portal/endpoint/{ep}/confirm/delete", "/portal/endpoint/{ep}/do/delete", "x=1"},
	{fanfare.ManageEndpointSecret, "/portal/endpoint/{ep}/confirm/rotate", "/portal/endpoint/{ep}/do/rotate", "x=1"},
	{fanfare.ViewEndpointSecret, "/portal/endpoint/{ep}/settings", "/portal/endpoint/{ep}/secret", "x=1"},
	{fanfare.ManageTransformations, "/portal/endpoint/{ep}/transform", "save", "do=save&code=x"},
	{fanfare.CreateAttempts, "/portal/endpoint/{ep}", "/portal/endpoint/{ep}/test", ""},
	{fanfare.CreateAttempts, "/portal/endpoint/{ep}/test", "/portal/endpoint/{ep}/test", "eventType=ping"},
	{fanfare.CreateAttempts, "/portal/endpoint/{ep}/confirm/recover", "/portal/endpoint/{ep}/do/recover", "since=2026-01-02T00:00:00Z"},
	{fanfare.CreateAttempts, "/portal/endpoint/{ep}/confirm/retry", "/portal/endpoint/{ep}/do/retry", "since=2026-01-02T00:00:00Z"},
	{fanfare.ManageEndpoint, "/portal/endpoint/{ep}", "/portal/endpoint/{ep}/confirm/cancel", ""},
	{fanfare.ManageEndpoint, "/portal/endpoint/{ep}/confirm/cancel", "/portal/endpoint/{ep}/do/cancel", "x=1"},
	{fanfare.CreateAttempts, "/portal/message/{msg}/to/{ep}", "/portal/message/{msg}/to/{ep}/resend", "x=1"},
	{fanfare.CreateAttempts, "/portal/message/{msg}/to/{ep}", "/portal/message/{msg}/to/{ep}/edit", ""},
	{fanfare.CreateAttempts, "/portal/message/{msg}/to/{ep}/edit", "/portal/message/{msg}/to/{ep}/edit", "where=&payload={}"},
	{fanfare.ManageEndpoint, "/portal/settings", "/portal/settings/alert", "alertEmail=yogi@example.com"},
	{fanfare.ManageKeys, "/portal/settings", "/portal/settings/key", "name=k&scope=messages:read&days=30"},
	{fanfare.ManageEndpoint, "/portal/inbox/start", "/portal/inbox/start", "x=1"},
	{fanfare.CreateAttempts, "/portal/catalogue/record.created", "/portal/catalogue/record.created/send", "endpoint={ep}"},
}

// TestCapabilities goes through all that can be done, with a session that has just the
// capability it takes and with one that has all others: the latter is shown no control
// for it, and is refused when it asks all the same, and nothing has changed.
func TestCapabilities(t *testing.T) {
	for _, a := range actions {
		t.Run(string(a.capability)+" "+a.control, func(t *testing.T) {
			w := newWorld(t, nil)
			if err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: "record.created", Examples: []byte(`[{"a":1}]`)}); err != nil {
				t.Fatal(err)
			}
			w.answers(500, "no")
			ep := w.endpoint()
			msg := w.message(1, `{"a":1}`)
			fill := strings.NewReplacer("{ep}", string(ep.ID), "{msg}", string(msg.ID)).Replace
			page, control, form := fill(a.page), fill(a.control), fill(a.form)

			var others []fanfare.Capability
			for _, c := range fanfare.Capabilities() {
				if with := (&fanfare.Session{Capabilities: []fanfare.Capability{c}}); !with.Has(a.capability) {
					others = append(others, c)
				}
			}
			w.enter(others...)
			before := w.state()
			status, body := w.open(page)
			if status == 200 && shows(w, page, body, control) {
				t.Errorf("with all but %s, %s has a control for %s", a.capability, page, control)
			}
			if form != "" {
				target := control
				if control == "save" {
					target = page
				}
				if got := w.ask(target, form); got != http.StatusForbidden {
					t.Errorf("with all but %s, POST %s is answered %d", a.capability, target, got)
				}
			}
			if after := w.state(); after != before {
				t.Errorf("with all but %s, something changed:\n%s\n%s", a.capability, before, after)
			}

			w.enter(a.capability)
			if status, body := w.open(page); status != 200 || !shows(w, page, body, control) {
				t.Errorf("with %s, %s (%d) has no control for %s", a.capability, page, status, control)
			}
			if form != "" {
				target := control
				if control == "save" {
					target = page
				}
				if got := w.ask(target, form); got != http.StatusSeeOther && got != http.StatusOK {
					t.Errorf("with %s, POST %s is answered %d", a.capability, target, got)
				}
			}
		})
	}
}

// shows reports whether a page has a form, a link or a button for something.
func shows(w *world, page string, a *httptest.ResponseRecorder, control string) bool {
	d := w.parse(a, page)
	for _, c := range slices.Concat(d.all("form", "action"), d.all("a", "href"), d.all("button", "value")) {
		if c == control && (c != page || len(d.all("form", "action")) > 0 && slices.Contains(d.all("form", "action"), control) && hasButton(d, control)) {
			return true
		}
	}
	return false
}

func hasButton(d *doc, action string) (has bool) {
	for _, form := range d.forms() {
		has = has || form.action == action && form.buttons > 0
	}
	return has
}

func (w *world) open(path string) (int, *httptest.ResponseRecorder) {
	a := w.send(httptest.NewRequest(http.MethodGet, path, nil))
	return a.Code, a
}

func (w *world) ask(path, form string) int {
	values, err := url.ParseQuery(form)
	if err != nil {
		w.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.send(r).Code
}
