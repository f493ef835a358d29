package ui_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestWhatFailedIsMended looks at deliveries that failed for all kinds of causes, and at
// what there is to press or where to go because of them.
func TestWhatFailedIsMended(t *testing.T) {
	for _, f := range []struct {
		name   string
		status int
		header []string
		button string // "": there is none
		link   string // what it leads to on the pages of the endpoint; "": there is none
		lacks  string
	}{
		{"a script that has run", 302, []string{"Location", "https://script.googleusercontent.com/macros/echo?x=1"}, "Count that as success", "", "Use https://script"},
		{"a login", 302, []string{"Location", "https://accounts.google.com/ServiceLogin"}, "", "", "Use https://accounts"},
		{"a redirect", 308, []string{"Location", "https://www.example.com/hook"}, "Use https://www.example.com/hook", "", "Count that"},
		{"nothing there", 404, nil, "", "/settings#f-url", ""},
		{"not let in", 401, nil, "", "/settings#f-headers", ""},
		{"too many", 429, []string{"Retry-After", "1"}, "", "/settings#f-rateLimit", ""},
		{"a fault", 500, nil, "", "", "/settings#f-"},
	} {
		t.Run(f.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.answers(f.status, "", f.header...)
			ep := w.endpoint()
			msg := w.message(1, `{}`)
			at := "/portal/endpoint/" + string(ep.ID)
			path := "/portal/message/" + string(msg.ID) + "/to/" + string(ep.ID)
			d := w.comes(path, "because of the last attempt")
			if f.button != "" {
				d.says(f.button)
			}
			if f.lacks != "" {
				d.lacks(f.lacks)
			}
			if links := d.all("a", "href"); f.link != "" && !slices.Contains(links, at+f.link) {
				t.Errorf("nothing leads to %s: %q", f.link, links)
			}
			if name, ok := strings.CutPrefix(f.link, "/settings#"); ok && !slices.Contains(slices.Concat(w.get(200, at+"/settings").all("input", "id"), w.get(200, at+"/settings").all("textarea", "id")), name) {
				t.Errorf("the settings have no %s", name)
			}
			w.enter(fanfare.ViewBase)
			if d := w.get(200, path); len(d.forms()) > 2 || slices.Contains(d.all("a", "href"), at+f.link) && f.link != "" {
				t.Errorf("whoever may only look is offered to change something: %+v", d.forms())
			}
		})
	}
}

func TestWhatAScriptAnswersIsCountedAsSuccess(t *testing.T) {
	w := newWorld(t, nil)
	w.answers(302, "", "Location", "https://script.googleusercontent.com/macros/echo?x=1")
	ep := w.endpoint()
	msg := w.message(1, `{}`)
	path := "/portal/message/" + string(msg.ID) + "/to/" + string(ep.ID)
	w.submit(200, w.get(200, "/portal/endpoint/new"), "Check the URL", "url", w.rcv.URL).says("apps-script").lacks("Use https://script")
	w.submit(303, w.get(200, path), "Count that as success").says("That counts as success from now on")
	w.get(200, path).says("counts that as success by now").lacks("Count that as success")
	w.submit(303, w.get(200, path), "Resend")
	w.attempts(msg, 2)
	w.comes(path, "Delivered")

	at := "/portal/endpoint/" + string(ep.ID) + "/settings"
	w.submit(303, w.get(200, at), "Save", "description", "The sheet")
	if now := w.stored(ep); now.Success.Preset != "apps-script" || now.Description != "The sheet" {
		t.Errorf("to save has made of it %+v", now)
	}
	w.submit(303, w.get(200, at), "Save", "success", "")
	if now := w.stored(ep); now.Success.Preset != "" {
		t.Errorf("what counts is %+v", now.Success)
	}
}

// TestWhatNoFormSaysIsKept saves the settings of an endpoint that has conditions of its own.
func TestWhatNoFormSaysIsKept(t *testing.T) {
	w := newWorld(t, nil)
	own := fanfare.Success{Statuses: "200-207", Contains: "ok"}
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Success = own })
	at := "/portal/endpoint/" + string(ep.ID) + "/settings"
	w.submit(303, w.get(200, at).says("As it was set, by other conditions"), "Save", "description", "Strict")
	if now := w.stored(ep); now.Success != own || now.Description != "Strict" {
		t.Errorf("to save has made of it %+v", now)
	}
}

func TestASlowReceiverIsGivenTime(t *testing.T) {
	w := newWorld(t, nil)
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	w.mu.Lock()
	w.answer = func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-ended:
		case <-r.Context().Done():
		}
	}
	w.mu.Unlock()
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Timeout = time.Second })
	msg := w.message(1, `{}`)
	path := "/portal/message/" + string(msg.ID) + "/to/" + string(ep.ID)
	w.submit(303, w.get(200, path).says("There was no answer within"), "Give it 60 s to answer").says("has 60 s to answer from now on")
	if now := w.stored(ep); now.Timeout != time.Minute {
		t.Errorf("it has %v to answer", now.Timeout)
	}
	at := "/portal/endpoint/" + string(ep.ID) + "/settings"
	w.submit(422, w.get(200, at), "Save", "timeout", "61").says("a number from 1 to 60")
	w.submit(303, w.get(200, at), "Save", "timeout", "2.5")
	if now := w.stored(ep); now.Timeout != 2500*time.Millisecond {
		t.Errorf("it has %v to answer", now.Timeout)
	}
	w.submit(303, w.get(200, at), "Save", "timeout", "")
	if now := w.stored(ep); now.Timeout != 0 {
		t.Errorf("it has %v to answer", now.Timeout)
	}
}

// TestAScriptIsCorrectedOnWhatItFailedFor goes from a delivery to the script that failed.
func TestAScriptIsCorrectedOnWhatItFailedFor(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Transformation = "breaks" })
	msg := w.message(1, `{"size":"small"}`)
	for range 21 { // what can be tried on are the newest
		w.message(0, `{}`)
	}
	path := "/portal/message/" + string(msg.ID) + "/to/" + string(ep.ID)
	var to string
	for _, link := range w.get(200, path).says("The endpoint's transformation failed").all("a", "href") {
		if strings.Contains(link, "/transform?") {
			to = link
		}
	}
	if to == "" {
		t.Fatal("nothing leads to the script")
	}
	w.submit(200, w.get(200, to), "Try it", "code", "x").says(`"size": "LARGE"`)
}

func TestAPausedEndpointIsResumedWhereItIsWaitedFor(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Paused = true })
	msg := w.message(0, `{}`)
	w.submit(303, w.get(200, "/portal/message/"+string(msg.ID)+"/to/"+string(ep.ID)), "Resume the endpoint").says("The endpoint is resumed")
	w.attempts(msg, 1)
}
