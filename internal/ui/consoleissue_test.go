package ui_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"unicode/utf8"

	"github.com/fanfarehq/fanfare"
)

// moved is where an address leads.
func (w *world) moved(path string) string {
	w.t.Helper()
	a := w.send(httptest.NewRequest(http.MethodGet, path, nil))
	if a.Code != http.StatusSeeOther {
		w.t.Fatalf("GET %s was answered %d: %s", path, a.Code, a.Body)
	}
	return a.Header().Get("Location")
}

func (w *world) stored(ep *fanfare.Endpoint) *fanfare.Endpoint {
	w.t.Helper()
	now, err := w.hub.Endpoint(w.t.Context(), ep.Application, string(ep.ID))
	if err != nil {
		w.t.Fatal(err)
	}
	return now
}

func TestIssuesAreFailuresByTheirCause(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.get(200, "/issue").says("Nothing fails")
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	w.message(1, `{}`)
	w.answers(404, "no")
	w.message(1, `{}`)
	w.message(1, `{}`)
	w.answers(301, "", "Location", "https://www.example.com/hook")
	w.message(1, `{}`)
	w.awaitFailing()
	d := w.get(200, "/issue").says(
		"Books of Acme", "failing since",
		"301 Moved Permanently", "points to https://www.example.com/hook", "1 of the newest 4 attempts", "Use https://www.example.com/hook",
		"404 Not Found", "Check the URL", "2 of the newest 4 attempts").lacks("200 OK", "Nothing fails")
	w.get(200, w.link(d, "Recover failed…")).says("3 deliveries were given up")
	w.submit(303, d, "Use https://www.example.com/hook").says("The endpoint has the new URL")
	if now := w.stored(ep); now.URL != "https://www.example.com/hook" {
		t.Errorf("the endpoint has the URL %s", now.URL)
	}
	w.submit(303, d, "Pause").says("The endpoint is paused")
	if !w.stored(ep).Paused {
		t.Error("the endpoint is not paused")
	}
}

func TestEndpointDisabledForFailingIsAnIssue(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.answers(410, "")
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Put away"; ep.Disabled = true })
	w.message(1, `{}`)
	w.until("the endpoint is disabled", func() bool { return w.stored(ep).Disabled })
	d := w.get(200, "/issue").says("Disabled by Fanfare", "Books").lacks("Put away", "nothing but failures")
	w.submit(303, d, "Enable again").says("The endpoint is enabled again")
	if now := w.stored(ep); now.Disabled {
		t.Error("the endpoint is still disabled")
	}
}

func TestEndpointsOfAllApplicationsAreListed(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.get(200, "/endpoint").says("no endpoints yet")
	books := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	w.answers(500, "")
	w.message(1, `{}`)
	w.awaitFailing()
	other := &fanfare.Application{Name: "Other"}
	if err := w.hub.CreateApplication(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	w.app = other
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Shelf"; ep.Disabled = true })
	d := w.get(200, "/endpoint").says("Books", "Failing for", "Acme", "Shelf", "Disabled", "Other")
	w.get(200, "/endpoint?state=failing").says("Books").lacks("Shelf")
	w.get(200, "/endpoint?state=disabled").says("Shelf").lacks("Books")
	w.submit(303, d, "Pause").says("The endpoint is paused", "Books")
	if !w.stored(books).Paused {
		t.Error("the endpoint is not paused")
	}
	d = w.get(200, "/endpoint").says("Paused")
	w.submit(303, d, "Resume").says("The endpoint is resumed")
	if w.stored(books).Paused {
		t.Error("the endpoint is still paused")
	}
	w.submit(303, w.get(200, "/endpoint?state=disabled"), "Enable").says("The endpoint is enabled again", "Shelf")
	w.get(200, w.link(d, "Edit")).says("Save")
	w.get(200, "/endpoint?state=disabled").says("Nothing like that")
}

// TestSecretURLsAreForThoseWhoMaySendThere has the URL of an endpoint be what lets in.
func TestSecretURLsAreForThoseWhoMaySendThere(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.URL += "/in?token=kD83hsT0qPz71LmX" })
	w.answers(500, "")
	w.message(1, `{}`)
	w.awaitFailing()
	pages := []string{"/endpoint", "/endpoint?search=token", "/delivery", "/issue"}
	for _, at := range pages {
		w.get(200, at).says("kD83hsT0qPz71LmX")
	}
	w.visitor(nil, fanfare.ScopeReadApplications, fanfare.ScopeReadEndpoints, fanfare.ScopeReadMessages)
	for _, at := range pages {
		w.get(200, at).lacks("kD83hsT0qPz71LmX")
	}
	w.get(200, "/endpoint?search=kD83hsT0").says("Nothing like that")
}

// TestWhatReceiversAnswerIsText has one point to what is no text.
func TestWhatReceiversAnswerIsText(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint()
	w.answers(301, "", "Location", "/x\xff\xfe<b>\xc3")
	w.message(1, `{}`)
	w.awaitFailing()
	for _, at := range []string{"/issue", "/delivery", "/"} {
		if d := w.get(200, at); !utf8.ValidString(d.text) {
			t.Errorf("%s is no UTF-8", at)
		}
	}
	w.get(200, "/issue").says("points to /x\uFFFD<b>\uFFFD")
}
