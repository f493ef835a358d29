package storetest

import (
	"github.com/fanfarehq/fanfare"
)

var manyTests = []test{
	{"of many messages those are left out that are there", acceptMany},
	{"many first attempts are recorded together", recordMany},
}

// acceptMany stores messages at once of which three have an event id that is taken, and
// one that of another among them.
func acceptMany(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	w.accept(w.draft(app, func(m *fanfare.Message) { m.EventID = "taken" }))
	var in []*fanfare.Intake
	var want []fanfare.MessageID
	for i := range 21 {
		event := map[int]string{3: "taken", 5: "new", 9: "taken", 12: "new", 20: "taken"}[i]
		msg := w.draft(app, func(m *fanfare.Message) { m.EventID = event })
		in = append(in, intake(msg, ep))
		if event != "taken" && i != 12 {
			want = append(want, msg.ID)
		}
	}
	_, err := w.store.Accept(w.Context(), app.ID, in, nil)
	w.ok(err)
	for i := range in {
		if want := i == 3 || i == 9 || i == 12 || i == 20; want != (in[i].Err == fanfare.ErrExists) {
			w.Errorf("message %d: %v", i, in[i].Err)
		}
	}
	for range 2 {
		same(w, "waiting", w.waiting(ep), want)
		last, err := w.store.Message(w.Context(), app.ID, string(want[len(want)-1]))
		w.ok(err)
		same(w, "payload of the last", string(last.Payload), string(in[19].Message.Payload))
		w.reopen()
	}
}

// recordMany records the first attempts of messages to two lanes at once, with
// every way that they may end, some of them said twice.
func recordMany(w *world) {
	app := w.application("")
	plain, ordered := w.endpoint(app), w.endpoint(app, func(ep *fanfare.Endpoint) { ep.Ordered = true })
	var outcomes []*fanfare.Outcome
	want := map[fanfare.EndpointID][]fanfare.Delivery{}
	for i := range 11 {
		msg := w.message(app, plain, ordered)
		for _, ep := range []*fanfare.Endpoint{plain, ordered} {
			o := w.outcome(msg, ep, []fanfare.State{fanfare.Delivered, fanfare.Delivered, fanfare.Waiting, fanfare.GivenUp}[i%4])
			outcomes = append(outcomes, o)
			if i%5 == 0 {
				outcomes = append(outcomes, o)
			}
			want[ep.ID] = append(want[ep.ID], o.Delivery)
		}
	}
	w.ok(w.store.Record(w.Context(), outcomes...))
	for range 2 {
		for _, ep := range []*fanfare.Endpoint{plain, ordered} {
			ds, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Endpoint: ep.ID})
			w.ok(err)
			got := each(ds, func(d *fanfare.Delivery) fanfare.Delivery { return *d })
			same(w, "deliveries", got, want[ep.ID])
			list, err := w.store.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: everything, Endpoint: ep.ID})
			w.ok(err)
			same(w, "attempts", len(list), 11)
		}
		w.reopen()
	}
}
