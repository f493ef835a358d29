package storetest

import (
	"time"

	"github.com/fanfarehq/fanfare"
)

// ownKeys has deliveries of one message under several keys: made at once, by a
// resend and by a task, tried, and asked for again.
func ownKeys(w *world) {
	app := w.application("")
	plain, keyed, keyless := w.endpoint(app, ordered), w.endpoint(app, ordered), w.endpoint(app, ordered)
	resent, missing := w.endpoint(app, ordered), w.endpoint(app, ordered)
	msg := w.draft(app, func(m *fanfare.Message) { m.OrderingKey = "k" })
	in := intake(msg, plain, keyed, keyless)
	in.Deliveries[1].OrderingKey, in.Deliveries[2].OrderingKey = "own", ""
	_, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{in}, nil)
	w.ok(err)
	w.ok(w.store.Resend(w.Context(), app.ID, &fanfare.Delivery{Message: msg.ID, Endpoint: resent.ID, Due: msg.CreatedAt, OrderingKey: "resent"}))
	w.step(w.task(app), fanfare.TaskStep{New: []*fanfare.Delivery{{Message: msg.ID, Endpoint: missing.ID, Due: msg.CreatedAt, OrderingKey: "missing"}}})
	keys := []struct {
		ep  *fanfare.Endpoint
		key string
	}{{plain, "k"}, {keyed, "own"}, {keyless, ""}, {resent, "resent"}, {missing, "missing"}}
	check := func(when string) {
		w.Helper()
		for _, k := range keys {
			same(w, "key "+when, w.delivery(msg, k.ep).OrderingKey, k.key)
			for _, key := range []string{k.key, "other"} {
				ds, err := w.store.Waiting(w.Context(), fanfare.WaitingQuery{Endpoint: k.ep.ID, Key: &key, Limit: 10})
				w.ok(err)
				want := 0
				if key == k.key {
					want = 1
				}
				same(w, "what waits under "+key+" "+when, len(ds), want)
			}
		}
	}
	check("at first")
	w.reopen()
	check("after a restart")
	for _, k := range keys {
		w.record(msg, k.ep, fanfare.Waiting)
	}
	check("after an attempt")
	for _, k := range keys {
		w.ok(w.store.Resend(w.Context(), app.ID, &fanfare.Delivery{Message: msg.ID, Endpoint: k.ep.ID, Due: msg.CreatedAt.Add(time.Second), OrderingKey: "new"}))
	}
	check("after it was resent")
}
