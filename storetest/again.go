package storetest

import (
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

var againTests = []test{
	{"a resend begins a new round", resendExisting},
	{"a resend makes a delivery where there was none", resendNew},
	{"cancelling a message ends what waits of it", cancelMessage},
	{"cancelling a lane ends what waits in it", cancelLane},
}

func resendExisting(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	for _, state := range []fanfare.State{fanfare.Waiting, fanfare.Delivered, fanfare.GivenUp, fanfare.Cancelled} {
		msg := w.draft(app, func(m *fanfare.Message) { m.OrderingKey = "k" })
		w.accept(msg, ep)
		if state == fanfare.Cancelled {
			_, err := w.store.Cancel(w.Context(), app.ID, msg.ID)
			w.ok(err)
		} else {
			w.record(msg, ep, state)
		}
		due := msg.CreatedAt.Add(time.Hour + 1999)
		d := fanfare.Delivery{Message: msg.ID, Endpoint: ep.ID, Due: due, Rank: due.UnixMicro(), OrderingKey: "k", Manual: true}
		w.ok(w.store.Resend(w.Context(), app.ID, &d))
		same(w, "delivery that was "+state.String(), w.delivery(msg, ep), cloneDelivery(&d))
		same(w, "it waits", slices.Contains(w.waiting(ep), msg.ID), true)
	}
	w.reopen()
	same(w, "how many wait", len(w.waiting(ep)), 4)
}

func resendNew(w *world) {
	app := w.application("")
	ep := w.endpoint(app, ordered)
	msg := w.message(app)
	d := fanfare.Delivery{Message: msg.ID, Endpoint: ep.ID, Due: msg.CreatedAt, Manual: true}
	w.ok(w.store.Resend(w.Context(), app.ID, &d))
	same(w, "delivery", w.delivery(msg, ep), &d)
	lanes, err := w.store.Lanes(w.Context())
	w.ok(err)
	same(w, "lanes", lanes, []fanfare.Lane{{Application: app.ID, Endpoint: ep.ID}})
}

func cancelMessage(w *world) {
	app := w.application("")
	a, b, c := w.endpoint(app), w.endpoint(app), w.endpoint(app)
	msg, other := w.message(app, a, b, c), w.message(app, a)
	w.record(msg, a, fanfare.Waiting)
	w.record(msg, b, fanfare.Delivered)
	got, err := w.store.Cancel(w.Context(), app.ID, msg.ID)
	w.ok(err)
	slices.Sort(got)
	same(w, "endpoints", got, []fanfare.EndpointID{a.ID, c.ID})
	want := &fanfare.Delivery{Message: msg.ID, Endpoint: a.ID, State: fanfare.Cancelled, Attempts: 1}
	same(w, "delivery", w.delivery(msg, a), want)
	same(w, "delivered", w.delivery(msg, b).State, fanfare.Delivered)
	same(w, "cancelled", w.delivery(msg, c).State, fanfare.Cancelled)
	same(w, "what waits", w.waiting(a), []fanfare.MessageID{other.ID})
	got, err = w.store.Cancel(w.Context(), app.ID, msg.ID)
	w.ok(err)
	same(w, "endpoints the second time", got, nil)
}

func cancelLane(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	one, two, ended := w.message(app, ep, other), w.message(app, ep, other), w.message(app, ep)
	w.record(ended, ep, fanfare.GivenUp)
	n, err := w.store.CancelLane(w.Context(), app.ID, ep.ID)
	w.ok(err)
	same(w, "cancelled", n, 2)
	for _, msg := range []*fanfare.Message{one, two} {
		same(w, "state", w.delivery(msg, ep).State, fanfare.Cancelled)
	}
	same(w, "given up", w.delivery(ended, ep).State, fanfare.GivenUp)
	same(w, "what waits", w.waiting(ep), nil)
	same(w, "what waits elsewhere", w.waiting(other), []fanfare.MessageID{one.ID, two.ID})
	n, err = w.store.CancelLane(w.Context(), app.ID, ep.ID)
	w.ok(err)
	same(w, "cancelled the second time", n, 0)
}
