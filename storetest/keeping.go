package storetest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

var pruneTests = []test{
	{"what is old and does not wait goes", pruneOld},
	{"a limit is kept, and fewer means done", pruneLimit},
	{"an event id is free again", pruneEventID},
}

var keepingTests = []test{
	{"an answer is remembered once", answers},
	{"a request that has begun is remembered until it has ended", begunRequests},
	{"a setting is kept", settings},
}

func pruneOld(w *world) {
	app, other := w.application(""), w.application("")
	ep, second := w.endpoint(app), w.endpoint(app)
	ended, waits, half := w.message(app, ep), w.message(app, ep), w.message(app, ep, second)
	nowhere, theirs := w.message(app), w.message(other)
	young := w.message(app)
	gone := w.record(ended, ep, fanfare.Delivered)
	w.record(waits, ep, fanfare.Waiting)
	w.record(half, ep, fanfare.GivenUp)
	want := w.photograph(app)

	n, err := w.store.Prune(w.Context(), young.CreatedAt, 100)
	w.ok(err)
	same(w, "messages pruned", n, 3)
	for _, msg := range []*fanfare.Message{ended, nowhere, theirs} {
		_, err := w.store.Message(w.Context(), msg.Application, string(msg.ID))
		w.is(err, fanfare.ErrNotFound)
	}
	_, err = w.store.Attempt(w.Context(), app.ID, ended.ID, gone.ID)
	w.is(err, fanfare.ErrNotFound)
	attempts, err := w.store.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: everything, Endpoint: ep.ID})
	w.ok(err)
	same(w, "attempts left", len(attempts), 2)
	ds, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Endpoint: ep.ID})
	w.ok(err)
	same(w, "deliveries left", each(ds, func(d *fanfare.Delivery) fanfare.MessageID { return d.Message }), []fanfare.MessageID{waits.ID, half.ID})
	stats, err := w.store.Stats(w.Context(), app.ID, ep.ID, time.Time{}, time.Time{})
	w.ok(err)
	same(w, "stats", counts(stats), map[fanfare.State]int{fanfare.Waiting: 1, fanfare.GivenUp: 1})

	want.Messages = []*fanfare.Message{want.Messages[1], want.Messages[2], want.Messages[4]}
	want.Deliveries, want.Attempts = want.Deliveries[1:], want.Attempts[1:]
	same(w, "what is left", w.photograph(app), want)
	w.reopen()
	same(w, "what is left", w.photograph(app), want)
	n, err = w.store.Prune(w.Context(), young.CreatedAt, 100)
	w.ok(err)
	same(w, "messages pruned the second time", n, 0)
	n, err = w.store.Prune(w.Context(), young.CreatedAt.Add(time.Microsecond), 100)
	w.ok(err)
	same(w, "messages pruned a microsecond later", n, 1)
}

func pruneLimit(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	var left []fanfare.MessageID
	for i := range 12 {
		if i%2 == 0 {
			w.message(app, ep) // waits, and must not stand in the way
		} else {
			left = append(left, w.message(app).ID)
		}
	}
	before := start.Add(time.Hour)
	for _, want := range []int{4, 2, 0} {
		n, err := w.store.Prune(w.Context(), before, 4)
		w.ok(err)
		same(w, "messages pruned", n, want)
		left = left[n:]
		for _, id := range left { // the oldest go first
			_, err := w.store.Message(w.Context(), app.ID, string(id))
			w.ok(err)
		}
	}
	same(w, "how many wait", len(w.waiting(ep)), 6)
}

func pruneEventID(w *world) {
	app := w.application("")
	event := func(m *fanfare.Message) { m.EventID = "order-1" }
	w.accept(w.draft(app, event))
	_, err := w.store.Prune(w.Context(), start.Add(time.Hour), 10)
	w.ok(err)
	_, err = w.store.Message(w.Context(), app.ID, "order-1")
	w.is(err, fanfare.ErrNotFound)
	again := w.accept(w.draft(app, event))
	got, err := w.store.Message(w.Context(), app.ID, "order-1")
	w.ok(err)
	same(w, "message", got.ID, again.ID)
}

func answers(w *world) {
	want := &fanfare.Answer{Fingerprint: [32]byte{1, 31: 2}, Status: 202, Body: []byte("\x00\xff{}")}
	w.ok(w.store.Remember(w.Context(), "ab", "c", want))
	w.is(w.store.Remember(w.Context(), "ab", "c", &fanfare.Answer{Status: 500}), fanfare.ErrExists)
	for _, other := range [][2]string{{"a", "bc"}, {"ab", "C"}, {"", "abc"}, {"c", "ab"}} {
		_, err := w.store.Answer(w.Context(), other[0], other[1])
		w.is(err, fanfare.ErrNotFound)
	}
	w.ok(w.store.Remember(w.Context(), "a", "bc", &fanfare.Answer{Status: 404}))
	for range 2 {
		got, err := w.store.Answer(w.Context(), "ab", "c")
		w.ok(err)
		same(w, "answer", got, want)
		got, err = w.store.Answer(w.Context(), "a", "bc")
		w.ok(err)
		same(w, "answer without a body", got, &fanfare.Answer{Status: 404})
		_, err = w.store.Prune(w.Context(), start.AddDate(1, 0, 0), 10) // answers have their own time
		w.ok(err)
		w.reopen()
	}
}

func begunRequests(w *world) {
	begun := &fanfare.Answer{Fingerprint: [32]byte{1}}
	ended := &fanfare.Answer{Fingerprint: [32]byte{1}, Status: 201, Body: []byte("{}")}
	want := func(answer *fanfare.Answer) {
		w.Helper()
		for range 2 {
			got, err := w.store.Answer(w.Context(), "s", "k")
			if answer == nil {
				w.is(err, fanfare.ErrNotFound)
			} else {
				w.ok(err)
				same(w, "answer", got, answer)
			}
			w.reopen()
		}
	}
	begin := func() error { return w.store.Remember(w.Context(), "s", "k", begun) }
	w.ok(w.store.Forget(w.Context(), "s", "k")) // nothing
	w.ok(begin())
	want(begun)
	w.is(begin(), fanfare.ErrExists)
	w.ok(w.store.Forget(w.Context(), "s", "K"))
	w.ok(w.store.Forget(w.Context(), "sk", ""))
	want(begun)
	w.ok(w.store.Forget(w.Context(), "s", "k"))
	want(nil)
	w.ok(begin())
	w.ok(w.store.Remember(w.Context(), "s", "k", ended))
	want(ended)
	w.is(begin(), fanfare.ErrExists)
	w.is(w.store.Remember(w.Context(), "s", "k", &fanfare.Answer{Status: 202}), fanfare.ErrExists)
	w.ok(w.store.Forget(w.Context(), "s", "k"))
	want(ended)
}

func settings(w *world) {
	_, err := w.store.Setting(w.Context(), "s")
	w.is(err, fanfare.ErrNotFound)
	w.ok(w.store.SetSetting(w.Context(), "S", []byte("other")))
	for _, value := range []string{"one", "\x00\xff", "", strings.Repeat("x", 1<<20)} {
		w.ok(w.store.SetSetting(w.Context(), "s", []byte(value)))
		for range 2 {
			got, err := w.store.Setting(w.Context(), "s")
			w.ok(err)
			same(w, "setting", string(got), value)
			w.reopen()
		}
	}
	got, err := w.store.Setting(w.Context(), "S")
	w.ok(err)
	same(w, "the other setting", string(got), "other")
}

// RunExpiry checks that keys and answers are kept for 24 hours and no longer. It
// moves the clock, so the store must be one that works in a synctest bubble.
func RunExpiry(t *testing.T, open Opener) {
	tests := []test{
		{"an idempotency key is free after a day", keyExpires},
		{"an answer is forgotten after a day", answerExpires},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, pruned := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, open, strings.ReplaceAll(test.name, " ", "-")+map[bool]string{true: "-pruned"}[pruned])
					if pruned {
						time.AfterFunc(24*time.Hour-time.Second, func() { w.store.Prune(w.Context(), time.Time{}, 1) })
						time.AfterFunc(24*time.Hour, func() { w.store.Prune(w.Context(), time.Time{}, 1) })
					}
					test.run(w)
				})
			}
		})
	}
}

func keyExpires(w *world) {
	app := w.application("")
	key := &fanfare.Idempotency{Key: "k"}
	accept := func(fingerprint byte) (*fanfare.Message, []fanfare.MessageID) {
		w.Helper()
		key.Fingerprint[0] = fingerprint
		msg := w.draft(app)
		earlier, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{intake(msg)}, key)
		w.ok(err)
		return msg, earlier
	}
	first, _ := accept(1)
	time.Sleep(24*time.Hour - time.Millisecond)
	_, earlier := accept(1)
	same(w, "ids just before", earlier, []fanfare.MessageID{first.ID})
	time.Sleep(2 * time.Millisecond)
	second, earlier := accept(2)
	same(w, "ids after a day", earlier, nil)
	_, earlier = accept(2)
	same(w, "ids of the new request", earlier, []fanfare.MessageID{second.ID})
}

func answerExpires(w *world) {
	w.ok(w.store.Remember(w.Context(), "s", "k", &fanfare.Answer{Status: 200}))
	time.Sleep(24*time.Hour - time.Millisecond)
	_, err := w.store.Answer(w.Context(), "s", "k")
	w.ok(err)
	w.is(w.store.Remember(w.Context(), "s", "k", &fanfare.Answer{Status: 201}), fanfare.ErrExists)
	time.Sleep(2 * time.Millisecond)
	_, err = w.store.Answer(w.Context(), "s", "k")
	w.is(err, fanfare.ErrNotFound)
	w.ok(w.store.Remember(w.Context(), "s", "k", &fanfare.Answer{Status: 202}))
	got, err := w.store.Answer(w.Context(), "s", "k")
	w.ok(err)
	same(w, "status", got.Status, 202)
	w.ok(w.store.Remember(w.Context(), "s", "begun", &fanfare.Answer{}))
	time.Sleep(24*time.Hour + time.Millisecond)
	w.ok(w.store.Remember(w.Context(), "s", "begun", &fanfare.Answer{}))
}
