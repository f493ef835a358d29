package ui_test

import (
	"errors"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestHeadSaysHowMuchSucceeds(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	page := "/portal/endpoint/" + string(ep.ID)
	long := time.Now().UTC().Add(-25 * time.Hour)
	old := &fanfare.Message{ID: fanfare.MessageID(fanfare.EncodeID("msg_", [16]byte{1})), Application: w.app.ID, EventType: "a", Payload: []byte("1"), CreatedAt: long}
	in := &fanfare.Intake{Message: old, Deliveries: []fanfare.Delivery{{Message: old.ID, Endpoint: ep.ID, Due: long, Rank: fanfare.RankOf(false, long)}}}
	if _, err := w.store.Accept(t.Context(), w.app.ID, []*fanfare.Intake{in}, nil); err != nil || in.Err != nil {
		t.Fatal(err, in.Err)
	}
	w.get(200, page).lacks("delivery in 24 hours", "deliveries in 24 hours")
	for range 2 {
		w.message(1, `{}`)
	}
	w.get(200, page).says("100 % of 2 deliveries in 24 hours succeeded")
	w.answers(500, "broken")
	w.message(1, `{}`)
	for _, tab := range []string{"", "/settings", "/test", "/transform"} {
		w.get(200, page+tab).says("66.6 % of 3 deliveries in 24 hours succeeded")
	}
	if err := w.hub.PauseEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	w.message(0, `{}`)
	w.get(200, page).says("50 % of 4 deliveries in 24 hours succeeded, 1 waits")
	w.asOperator()
	w.get(200, "/app/"+string(w.app.ID)+"/endpoint/"+string(ep.ID)).says("50 % of 4 deliveries in 24 hours succeeded, 1 waits")
}

// TestHeadLooksAtTheNewest has more deliveries than are looked at, of which the older half
// failed.
func TestHeadLooksAtTheNewest(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Paused = true })
	const all = 1200
	msgs := make([]*fanfare.Message, all)
	for i := range msgs {
		msgs[i] = &fanfare.Message{EventType: "a", Payload: []byte("1")}
	}
	if errs, err := w.hub.SendBatch(t.Context(), "acme", msgs, nil); err != nil || errors.Join(errs...) != nil {
		t.Fatal(err, errors.Join(errs...))
	}
	var outcomes []*fanfare.Outcome
	for i, msg := range msgs {
		state := fanfare.Delivered
		if i < all/2 {
			state = fanfare.GivenUp
		}
		outcomes = append(outcomes, &fanfare.Outcome{
			Attempt:  &fanfare.Attempt{ID: fanfare.AttemptID(fanfare.EncodeID("atmpt_", [16]byte{1, 14: byte(i >> 8), 15: byte(i)})), Message: msg.ID, Endpoint: ep.ID, EventType: "a", Number: 1, StartedAt: time.Now(), State: state},
			Delivery: fanfare.Delivery{Message: msg.ID, Endpoint: ep.ID, State: state, Attempts: 1},
		})
	}
	if err := w.store.Record(t.Context(), outcomes...); err != nil {
		t.Fatal(err)
	}
	w.get(200, "/portal/endpoint/"+string(ep.ID)).says("60 % of the newest 1,000 deliveries succeeded")
}
