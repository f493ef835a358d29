package storetest

import (
	"time"

	"github.com/fanfarehq/fanfare"
)

// latest accepts a message with one delivery to ep, the latest of key, that is due
// after a while. It returns the delivery as Accept has left it.
func (w *world) latest(app *fanfare.Application, ep *fanfare.Endpoint, key string, after time.Duration) *fanfare.Delivery {
	w.Helper()
	in := intake(w.draft(app), ep)
	d := &in.Deliveries[0]
	d.Latest, d.OrderingKey = true, key
	d.Due = in.Message.CreatedAt.Add(after)
	d.Rank = fanfare.RankOf(ep.Ordered, d.Due)
	_, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{in}, nil)
	w.ok(err)
	w.ok(in.Err)
	return d
}

func latestReplaces(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	first := w.latest(app, ep, "k", time.Minute)
	same(w, "replaced by the first", first.Replaced, "")
	l, elsewhere := w.latest(app, ep, "l", time.Minute), w.latest(app, other, "k", time.Minute)

	second := w.latest(app, ep, "k", time.Hour)
	same(w, "replaced", second.Replaced, first.Message)
	same(w, "due when the first was", second.Due.Equal(first.Due), true)
	third := w.latest(app, ep, "k", time.Second)
	same(w, "replaced", third.Replaced, second.Message)
	same(w, "due earlier than the one it replaces", third.Due.Before(second.Due), true)

	w.reopen()
	same(w, "what waits", w.waiting(ep), []fanfare.MessageID{third.Message, l.Message})
	same(w, "what waits elsewhere", w.waiting(other), []fanfare.MessageID{elsewhere.Message})
	gone := w.delivery(&fanfare.Message{ID: first.Message, Application: app.ID}, ep)
	same(w, "the first is", gone.State, fanfare.Cancelled)
}

func latestLeavesOthers(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	tried := w.latest(app, ep, "k", time.Minute)
	w.record(&fanfare.Message{ID: tried.Message, Application: app.ID}, ep, fanfare.Waiting)
	ended := w.latest(app, ep, "l", time.Minute)
	w.record(&fanfare.Message{ID: ended.Message, Application: app.ID}, ep, fanfare.Delivered)
	same(w, "replaced beside one that was tried", w.latest(app, ep, "k", time.Minute).Replaced, "")
	same(w, "replaced beside one that has ended", w.latest(app, ep, "l", time.Minute).Replaced, "")

	asked := w.draft(app, func(m *fanfare.Message) { m.OrderingKey = "m" })
	w.accept(asked, ep)
	w.ok(w.store.Resend(w.Context(), app.ID, &fanfare.Delivery{Message: asked.ID, Endpoint: ep.ID, Manual: true, Due: asked.CreatedAt}))
	same(w, "replaced beside one that was asked for", w.latest(app, ep, "m", time.Minute).Replaced, "")
}

func latestInBatch(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	var batch []*fanfare.Intake
	for range 3 {
		in := intake(w.draft(app), ep)
		in.Deliveries[0].Latest, in.Deliveries[0].OrderingKey = true, "k"
		batch = append(batch, in)
	}
	_, err := w.store.Accept(w.Context(), app.ID, batch, nil)
	w.ok(err)
	same(w, "what waits", w.waiting(ep), []fanfare.MessageID{batch[2].Message.ID})
	same(w, "replaced by the last", batch[2].Deliveries[0].Replaced, batch[1].Message.ID)
}
