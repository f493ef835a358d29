package pages_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestMendWhatFailed presses what a delivery says is the matter, and sends it again.
func TestMendWhatFailed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world, b *tab) {
		w.answers(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Location", "https://script.googleusercontent.com/macros/echo?x=1")
			rw.WriteHeader(http.StatusFound)
		})
		ep := w.endpoint(`,"description":"The sheet","format":"envelope"`)
		msg := w.send(1, `{"id": 7}`)
		b.open("/portal/message/" + msg.ID + "/to/" + ep.ID)
		b.shows("Given up, because of the last attempt")
		b.shows(`--data-raw '{"id":"` + msg.ID)
		b.press("Count that as success")
		b.shows("That counts as success from now on")
		b.press("Recover failed…")
		b.press("Send 1 message")
		w.until(func() bool {
			ds := w.deliveries(ep.ID)
			return len(ds) == 1 && ds[0].Status == 0
		})
		b.open("/portal/endpoint/" + ep.ID + "/settings")
		if chosen := eval[string](b, `document.querySelector("[name=success]").value`); chosen != "apps-script" {
			t.Errorf("the settings have %q for success", chosen)
		}
		b.open("/portal/endpoint/" + ep.ID + "/transform")
		b.fill("code", "function handler(webhook) { webhook.payload.id = 8; return webhook; }")
		b.press("Try it")
		b.shows("What the script changes")
		b.shows("Changed")
		b.press("Save")
		b.shows("The transformation is saved")
		b.press("Take it away")
		b.shows("save it to have it back")
		b.press("Save")
		b.shows("The transformation is saved")
	})
}

// TestFirstMessageThatTakesLong waits on the page of a new endpoint, and presses nothing.
func TestFirstMessageThatTakesLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.tab(true)
	b.enter(w.link(`{}`))
	w.answers(func(http.ResponseWriter, *http.Request) { time.Sleep(5 * time.Second) })
	b.press("Add endpoint")
	b.fill("url", w.rcv.URL+"/slow")
	b.press("Add endpoint")
	b.shows("No answer yet")
	b.shows("It works")
	if text := eval[string](b, `document.querySelector("main").innerText`); strings.Contains(text, "No answer yet") {
		t.Errorf("it says both: %s", text)
	}
}
