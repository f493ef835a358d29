package storetest

import (
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

var againTests = []test{
	{"a resend begins a new round", resendExisting},
	{"a resend makes a delivery where there was none", resendNew},
	{"recovering makes what was given up wait again", recoverGivenUp},
	{"recovering goes a piece at a time", recoverInPieces},
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

func recoverGivenUp(w *world) {
	for _, isOrdered := range []bool{false, true} {
		app := w.application("")
		ep := w.endpoint(app, func(ep *fanfare.Endpoint) { ep.Ordered = isOrdered })
		other := w.endpoint(app)
		give := func() *fanfare.Message {
			msg := w.draft(app, func(m *fanfare.Message) { m.OrderingKey = "k" })
			w.accept(msg, ep, other)
			w.record(msg, other, fanfare.GivenUp)
			w.record(msg, ep, fanfare.GivenUp)
			return msg
		}
		early, first, second, late := give(), give(), give(), give()
		delivered := w.message(app, ep)
		w.record(delivered, ep, fanfare.Delivered)
		cancelled := w.message(app, ep)
		_, err := w.store.Cancel(w.Context(), app.ID, cancelled.ID)
		w.ok(err)

		due := start.Add(time.Hour + 1999)
		span := fanfare.Span{Since: first.CreatedAt, Until: late.CreatedAt, Limit: 10}
		n, last, err := w.store.Recover(w.Context(), ep, span, due)
		w.ok(err)
		same(w, "recovered", n, 2)
		same(w, "last", last, "")
		same(w, "what waits", w.waiting(ep), []fanfare.MessageID{first.ID, second.ID})
		want := &fanfare.Delivery{Message: first.ID, Endpoint: ep.ID, Due: stored(due), Rank: fanfare.RankOf(isOrdered, due), OrderingKey: "k", Manual: true}
		same(w, "delivery", w.delivery(first, ep), want)
		same(w, "too early", w.delivery(early, ep).State, fanfare.GivenUp)
		same(w, "too late", w.delivery(late, ep).State, fanfare.GivenUp)
		same(w, "the other endpoint", w.delivery(first, other).State, fanfare.GivenUp)
		same(w, "delivered", w.delivery(delivered, ep).State, fanfare.Delivered)
		same(w, "cancelled", w.delivery(cancelled, ep).State, fanfare.Cancelled)

		n, _, err = w.store.Recover(w.Context(), ep, fanfare.Span{Limit: 10}, due)
		w.ok(err)
		same(w, "recovered without bounds", n, 2)
	}
}

func recoverInPieces(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	var want []fanfare.MessageID
	for i := range 11 {
		msg := w.message(app, ep)
		if i%3 == 1 {
			w.record(msg, ep, fanfare.Delivered)
			continue
		}
		w.record(msg, ep, fanfare.GivenUp)
		want = append(want, msg.ID)
	}
	span := fanfare.Span{Limit: 3}
	for done := 0; done < len(want); {
		n, last, err := w.store.Recover(w.Context(), ep, span, start)
		w.ok(err)
		same(w, "recovered", n, min(3, len(want)-done))
		done += n
		same(w, "what waits", w.waiting(ep), want[:done])
		if done == len(want) {
			same(w, "last of all", last, "")
		} else {
			same(w, "last", last, want[done-1])
		}
		// What is given up again meanwhile is not recovered a second time.
		w.record(&fanfare.Message{ID: want[0]}, ep, fanfare.GivenUp)
		want, done, span.After = want[1:], done-1, last
	}
	// A piece that ends with the last one says so.
	one := w.message(app, ep)
	w.record(one, ep, fanfare.GivenUp)
	n, last, err := w.store.Recover(w.Context(), ep, fanfare.Span{Since: one.CreatedAt, Limit: 1}, start)
	w.ok(err)
	same(w, "recovered", n, 1)
	same(w, "last", last, "")
	n, last, err = w.store.Recover(w.Context(), ep, fanfare.Span{Since: one.CreatedAt, Limit: 1}, start)
	w.ok(err)
	same(w, "recovered when nothing is left", n, 0)
	same(w, "last", last, "")
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
