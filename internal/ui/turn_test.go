package ui_test

import (
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// probed makes an endpoint that fails, for which eighteen deliveries wait: twelve for an
// hour, as they were tried, and the others for their lane. It returns the last.
func (w *world) probed() (ep *fanfare.Endpoint, last *fanfare.Message) {
	w.t.Helper()
	w.answers(503, "no")
	ep = w.endpoint(func(ep *fanfare.Endpoint) {
		ep.Description, ep.Retry = "Books", fanfare.Retry{Delays: []time.Duration{time.Hour, time.Hour}}
	})
	send := func(n int) {
		for range n {
			var err error
			if last, err = w.hub.Send(w.t.Context(), "acme", "record.created", []byte(`{}`)); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	send(12)
	w.until("it is tried with one at a time", func() bool {
		l, err := w.hub.Lane(w.t.Context(), ep)
		return err == nil && l.Probing && l.Waiting == 12 && !w.stored(ep).FailingSince.IsZero()
	})
	send(6)
	return ep, last
}

func TestWhatIsHeldByItsLaneSaysSo(t *testing.T) {
	w := newWorld(t, nil)
	ep, msg := w.probed()
	words := "waits: the endpoint is being tried with one delivery at a time, "
	portal := "/portal/endpoint/" + string(ep.ID)
	w.comes("/portal/message/"+string(msg.ID)+"/to/"+string(ep.ID), words, "What waits is sent by itself").lacks("next try")
	w.comes(portal, words, "What waits is sent by itself")
	w.get(200, "/portal/message/"+string(msg.ID)).says("waits: the endpoint fails, and may be tried with one delivery at a time")
	w.get(200, "/portal/log").says("waits: the endpoint fails, and may be tried with one delivery at a time")
	w.asOperator()
	w.get(200, "/app/acme/message/"+string(msg.ID)).says("waits: the endpoint fails, and may be tried with one delivery at a time")
	w.comes("/queue", "the endpoint is being tried with one delivery at a time, the next in about")
	if err := w.hub.PauseEndpoint(t.Context(), w.stored(ep)); err != nil {
		t.Fatal(err)
	}
	w.get(200, "/app/acme/message/"+string(msg.ID)+"/to/"+string(ep.ID)).says("once the endpoint is resumed").lacks("next try", words, "Try now")
}

func TestWhatWaitsIsTriedNow(t *testing.T) {
	for _, name := range []string{"portal", "console", "issue", "question"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			ep, _ := w.probed()
			at := "/portal/endpoint/" + string(ep.ID)
			switch name {
			case "console":
				w.asOperator()
				at = "/app/acme/endpoint/" + string(ep.ID)
			case "issue":
				w.asOperator()
				at = "/issue"
			case "question":
				d := w.get(200, at+"/confirm/retry").says("has been given up", "18 deliveries wait")
				at = d.path
			}
			w.answers(200, "yes")
			w.submit(303, w.comes(at, "Try now"), "Try now").says("The endpoint is tried at once")
			w.until("all are delivered", func() bool { return w.stands(ep, fanfare.Delivered) == 18 })
			if name == "portal" {
				w.post(303, at+"/do/try").says("Nothing waits for this endpoint")
			}
		})
	}
}

func TestAnAddressThatTheEndpointHasIsNotProposed(t *testing.T) {
	w := newWorld(t, nil)
	w.answers(301, "", "Location", w.rcv.URL+"/new")
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Retry = fanfare.Retry{Delays: []time.Duration{time.Hour}} })
	w.message(1, `{}`)
	at := "/portal/endpoint/" + string(ep.ID)
	d := w.comes(at, "Use "+w.rcv.URL+"/new")
	w.answers(200, "yes")
	d = w.submit(303, d, "Use "+w.rcv.URL+"/new").says("The endpoint has the new URL. What waits is sent there by itself")
	d.says("The endpoint has that URL by now").lacks("Use "+w.rcv.URL, "when you say so below")
	w.submit(303, w.comes(at, "Try now"), "Try now").says("The endpoint is tried at once")
	w.until("it is delivered", func() bool { return w.stands(ep, fanfare.Delivered) == 1 })
}
