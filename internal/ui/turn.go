package ui

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A turn is how what waits for an endpoint that fails comes to be tried.
type turn struct {
	Waits, Probing, InFlight bool
	NextProbe, HoldUntil     time.Time
}

// notHere is the API's code for an endpoint to which another server sends, or none at present.
const notHere = "not_here"

// turnOf is that of an endpoint; nil: it does not fail, it is sent nothing at present, or
// this server does not know.
func (v *visit) turnOf(ep *endpointOut) (*turn, error) {
	if ep.FailingSince.IsZero() || ep.Disabled || ep.Paused || !v.reaches("GET /app/{app}/endpoint/{endpoint}/lane") {
		return nil, nil
	}
	t := &turn{}
	err := v.read(t, v.of("endpoint", ep.ID, "lane"))
	if told, refused := errors.AsType[*refusal](err); refused && (told.Status == http.StatusServiceUnavailable || told.Status == http.StatusNotFound) {
		return nil, nil // another server sends to it, or it was deleted just now
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// turn is that of the lane.
func (l *laneOut) turn() *turn {
	return &turn{Waits: l.Waiting > 0 || l.More, Probing: l.Probing, InFlight: l.InFlight > 0, NextProbe: l.NextProbe, HoldUntil: l.HoldUntil}
}

// words say when something is tried next; "": as each delivery's own time comes.
func (t *turn) words(now time.Time) string {
	switch {
	case t.HoldUntil.After(now):
		return "the receiver has asked to be left alone, for another " + long(t.HoldUntil.Sub(now))
	case !t.Probing:
		return ""
	case t.InFlight:
		return "the endpoint is being tried with one delivery at a time, and one is under way"
	case t.NextProbe.After(now):
		return "the endpoint is being tried with one delivery at a time, the next in about " + long(t.NextProbe.Sub(now))
	}
	return "the endpoint is being tried with one delivery at a time, the next now"
}

// nextTry is when a delivery to ep is tried next, or what it waits for if its time has come.
// t is nil where it is not known.
func (v *visit) nextTry(at time.Time, ep *endpointOut, t *turn) when {
	w := v.when(at)
	if at.IsZero() || ep.Kind == fanfare.KindPoller {
		return w
	}
	words := ""
	if t != nil {
		words = t.words(v.now)
	}
	switch {
	case ep.Disabled:
		w.Instead = "once the endpoint is enabled"
	case ep.Paused:
		w.Instead = "once the endpoint is resumed"
	case at.After(v.now) && (words == "" || !t.NextProbe.After(at) && !t.HoldUntil.After(at)):
	case words != "":
		w.Instead = "waits: " + words
	case !ep.FailingSince.IsZero():
		w.Instead = "waits: the endpoint fails, and may be tried with one delivery at a time"
	default:
		w.Instead = "now"
	}
	return w
}

// sayTurn adds to why an endpoint fails what becomes of what waits for it, and a button
// that has it tried.
func (v *visit) sayTurn(w *why, ep *endpointOut, t *turn) {
	if t == nil || !t.Waits || ep.Paused || ep.Disabled {
		return
	}
	then := "What waits is sent by itself, each delivery at its time."
	if words := t.words(v.now); words != "" {
		then = fmt.Sprintf("What waits is sent by itself: %s.", words)
	}
	w.Then = then
	if v.may(fanfare.CreateAttempts) && v.reaches("POST /app/{app}/endpoint/{endpoint}/try-now") {
		w.Acts = append(w.Acts, v.act("/endpoint/"+ep.ID+"/do/try", "Try now", ""))
	}
}

// tryNow has what waits for the endpoint tried at once.
func (v *visit) tryNow(ep string) error {
	var out struct{ Waits bool }
	err := v.ask(http.MethodPost, v.of("endpoint", ep, "try-now"), nil, struct{}{}, &out)
	if told, refused := errors.AsType[*refusal](err); refused && told.Code == notHere {
		return v.to("/endpoint/"+ep, "elsewhere")
	}
	if err != nil {
		return err
	}
	if !out.Waits {
		return v.to("/endpoint/"+ep, "nothingwaits")
	}
	return v.to("/endpoint/"+ep, "tried")
}
