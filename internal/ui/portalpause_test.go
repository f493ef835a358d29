package ui_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// waits makes an endpoint for which one delivery waits, in an hour.
func (w *world) waits(with ...func(*fanfare.Endpoint)) *fanfare.Endpoint {
	w.t.Helper()
	w.answers(500, "no")
	ep := w.endpoint(append(with, func(ep *fanfare.Endpoint) {
		ep.Description, ep.Retry = "Books", fanfare.Retry{Delays: []time.Duration{time.Hour}}
	})...)
	w.message(1, `{}`)
	return ep
}

// stands is how many deliveries to an endpoint stand so.
func (w *world) stands(ep *fanfare.Endpoint, state fanfare.State) (n int) {
	w.t.Helper()
	all, err := w.hub.Deliveries(w.t.Context(), ep.Application, fanfare.DeliveryFilter{Endpoint: ep.ID, Page: fanfare.Page{Limit: 100}})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range all {
		if d.State == state {
			n++
		}
	}
	return n
}

func TestAPauseCancelsWhatWaitsIfOneSaysSo(t *testing.T) {
	for name, base := range map[string]string{"portal": "/portal", "console": "/app/acme"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			if name == "console" {
				w.asOperator()
			}
			ep := w.waits()
			at := base + "/endpoint/" + string(ep.ID)
			d := w.get(200, w.link(w.get(200, at), "Pause and cancel…")).says("Pause it and cancel what waits?", "1 delivery waits for it, and would be cancelled", "cannot be undone", "waits until it is resumed")
			if w.stored(ep).Paused || w.stands(ep, fanfare.Waiting) != 1 {
				t.Error("the page that asks has done it")
			}
			w.submit(303, d, "Pause it and cancel 1 delivery").says("The endpoint is paused, and what waited for it is cancelled", "Cancelled")
			if !w.stored(ep).Paused || w.stands(ep, fanfare.Cancelled) != 1 {
				t.Errorf("it is paused: %v, and cancelled are %d", w.stored(ep).Paused, w.stands(ep, fanfare.Cancelled))
			}
			w.get(200, at+"/confirm/cancel").says("Cancel what waits?", "No delivery waits for it at present").lacks("Cancel 0")
			if _, err := w.hub.Send(t.Context(), "acme", "record.created", []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
			w.until("it waits", func() bool { return w.stands(ep, fanfare.Waiting) == 1 })
			d = w.get(200, w.link(w.get(200, at).says("Resume").lacks("Pause and cancel"), "Cancel what waits…"))
			w.submit(303, d, "Cancel 1 delivery").says("what waited for it is cancelled")
			if !w.stored(ep).Paused || w.stands(ep, fanfare.Cancelled) != 2 {
				t.Errorf("it is paused: %v, and cancelled are %d", w.stored(ep).Paused, w.stands(ep, fanfare.Cancelled))
			}
			w.submit(303, w.get(200, at), "Resume").says("The endpoint is resumed")
			d = w.get(200, at+"/confirm/cancel").says("No delivery waits for it")
			w.submit(303, d, "Pause it").says("The endpoint is paused")
		})
	}
}

// TestAPauseThatCancelsAlwaysAsks has an endpoint whose settings say that a pause cancels
// what waits: nowhere is there a button that does so at once.
func TestAPauseThatCancelsAlwaysAsks(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	ep := w.waits(func(ep *fanfare.Endpoint) { ep.OnPause = fanfare.OnPauseCancel })
	w.awaitFailing()
	w.queue("Books")
	for _, path := range []string{"/app/acme/endpoint/" + string(ep.ID), "/endpoint", "/queue", "/issue", "/issue/of/acme/" + string(ep.ID)} {
		d := w.get(200, path)
		for _, action := range d.all("form", "action") {
			if strings.HasSuffix(action, "/do/pause") {
				t.Errorf("%s has a button for %s", path, action)
			}
		}
		w.get(200, w.link(d, "Pause and cancel…")).says("1 delivery waits for it", "What comes while it is paused is not for it")
	}
	w.submit(303, w.get(200, "/app/acme/endpoint/"+string(ep.ID)+"/confirm/cancel"), "Pause it and cancel 1 delivery").says("What comes while it is paused is not for this endpoint", "Resume").lacks("Cancel what waits…")
	if w.stands(ep, fanfare.Cancelled) != 1 {
		t.Error("what waited is not cancelled")
	}
}

// TestALaneIsEmptiedFromTheQueue, where what waits is seen.
func TestALaneIsEmptiedFromTheQueue(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	ep := w.waits()
	d := w.get(200, w.link(w.queue("Books"), "Pause and cancel…")).says("1 delivery waits for it")
	w.submit(303, d, "Pause it and cancel 1 delivery")
	if !w.stored(ep).Paused || w.stands(ep, fanfare.Cancelled) != 1 {
		t.Errorf("it is paused: %v, and cancelled are %d", w.stored(ep).Paused, w.stands(ep, fanfare.Cancelled))
	}
}

// TestWhatAPausedEndpointGaveUpIsPutInLine, in the portal as in the console.
func TestWhatAPausedEndpointGaveUpIsPutInLine(t *testing.T) {
	w := newWorld(t, nil)
	w.answers(500, "no")
	ep := w.endpoint()
	w.message(1, `{}`)
	at := "/portal/endpoint/" + string(ep.ID)
	w.submit(303, w.get(200, at), "Pause").says("Paused")
	d := w.get(200, w.link(w.get(200, at), "Retry all when healthy…")).says("1 delivery was given up", "with none while it is paused")
	w.submit(303, d, "Retry 1 message").says("What had failed is in line")
	if got := w.lined(); len(got) != 1 {
		t.Errorf("in line are %q", got)
	}
	w.get(200, at+"/confirm/retry?since=2100-01-01T00:00:00Z").lacks("Retry 1")
}
