package storetest

import (
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
)

var pollerTests = []test{
	{"a consumer stands where it was put", consumers},
	{"a consumer moves on only from where it is known to stand", consumersMove},
	{"an endpoint has so many consumers", consumersBound},
	{"consumers that are not seen are forgotten", consumersExpire},
	{"consumers go with what they belong to", consumersGo},
	{"attempts are followed in the order in which they were stored", recorded},
	{"no attempt has the place of another that was removed", placesGrow},
}

// consumer makes one, not yet stored, behind msg.
func (w *world) consumer(ep *fanfare.Endpoint, name string, msg *fanfare.Message) *fanfare.Consumer {
	_, at := w.stamp("c_")
	return &fanfare.Consumer{Endpoint: ep.ID, Name: name, After: msg.ID, SeenAt: at, CreatedAt: at}
}

// stands checks how a consumer is stored, also after a restart.
func (w *world) stands(app *fanfare.Application, want *fanfare.Consumer) {
	w.Helper()
	for range 2 {
		got, err := w.store.Consumer(w.Context(), app.ID, want.Endpoint, want.Name)
		w.ok(err)
		same(w, "consumer", got, want)
		w.reopen()
	}
}

func consumers(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	a, b := w.message(app), w.message(app)
	one, two := w.consumer(ep, "one", a), w.consumer(ep, "two", b)
	w.ok(w.store.MoveConsumer(w.Context(), app.ID, two))
	w.ok(w.store.MoveConsumer(w.Context(), app.ID, one))
	w.ok(w.store.MoveConsumer(w.Context(), app.ID, w.consumer(other, "one", b)))
	w.stands(app, one)
	list, err := w.store.Consumers(w.Context(), app.ID, ep.ID, everything)
	w.ok(err)
	same(w, "consumers", list, []*fanfare.Consumer{one, two})
	list, err = w.store.Consumers(w.Context(), app.ID, ep.ID, fanfare.Page{Limit: 5, After: "two"})
	w.ok(err)
	same(w, "consumers before two", list, []*fanfare.Consumer{one})
	w.ok(w.store.DeleteConsumer(w.Context(), app.ID, ep.ID, "one"))
	w.is(w.store.DeleteConsumer(w.Context(), app.ID, ep.ID, "one"), fanfare.ErrNotFound)
	_, err = w.store.Consumer(w.Context(), app.ID, ep.ID, "one")
	w.is(err, fanfare.ErrNotFound)
	stranger := w.application("")
	_, err = w.store.Consumer(w.Context(), stranger.ID, ep.ID, "two")
	w.is(err, fanfare.ErrNotFound)
	w.is(w.store.MoveConsumer(w.Context(), stranger.ID, two), fanfare.ErrNotFound)
	w.is(w.store.DeleteConsumer(w.Context(), stranger.ID, ep.ID, "two"), fanfare.ErrNotFound)
	w.stands(app, two)
}

func consumersMove(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	a, b, c := w.message(app), w.message(app), w.message(app)
	one := w.consumer(ep, "one", b)
	w.ok(w.store.MoveConsumer(w.Context(), app.ID, one))
	back := w.consumer(ep, "one", a)
	w.is(w.store.MoveConsumer(w.Context(), app.ID, back), fanfare.ErrConflict)
	w.stands(app, one)
	back.CreatedAt = one.CreatedAt
	w.ok(w.store.SeekConsumer(w.Context(), app.ID, back))
	same(w, "epoch", back.Epoch, 1)
	w.stands(app, back)
	one.After = c.ID
	w.is(w.store.MoveConsumer(w.Context(), app.ID, one), fanfare.ErrConflict) // it knows nothing of the seek
	w.stands(app, back)
	back.After = c.ID
	w.ok(w.store.MoveConsumer(w.Context(), app.ID, back))
	w.stands(app, back)
	never := w.consumer(ep, "never", a)
	never.Epoch = 3
	w.is(w.store.MoveConsumer(w.Context(), app.ID, never), fanfare.ErrConflict)
}

func consumersBound(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	msg := w.message(app)
	for i := range fanfare.MaxConsumers {
		w.ok(w.store.MoveConsumer(w.Context(), app.ID, w.consumer(ep, fmt.Sprint("c", i), msg)))
	}
	w.is(w.store.MoveConsumer(w.Context(), app.ID, w.consumer(ep, "more", msg)), fanfare.ErrTooMany)
	w.is(w.store.SeekConsumer(w.Context(), app.ID, w.consumer(ep, "more", msg)), fanfare.ErrTooMany)
	w.ok(w.store.MoveConsumer(w.Context(), app.ID, w.consumer(ep, "c7", msg)))
	w.ok(w.store.MoveConsumer(w.Context(), app.ID, w.consumer(other, "more", msg)))
}

func consumersExpire(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	msg := w.message(app)
	var all []*fanfare.Consumer
	for i := range 5 {
		all = append(all, w.consumer(ep, fmt.Sprint(i), msg))
		w.ok(w.store.MoveConsumer(w.Context(), app.ID, all[i]))
	}
	n, err := w.store.ExpireConsumers(w.Context(), all[3].SeenAt, 2)
	w.ok(err)
	same(w, "forgotten", n, 2)
	n, err = w.store.ExpireConsumers(w.Context(), all[3].SeenAt, 2)
	w.ok(err)
	same(w, "forgotten then", n, 1)
	_, err = w.store.Consumer(w.Context(), app.ID, ep.ID, "0")
	w.is(err, fanfare.ErrNotFound)
	list, err := w.store.Consumers(w.Context(), app.ID, ep.ID, everything)
	w.ok(err)
	same(w, "consumers", list, all[3:])
}

func consumersGo(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	msg := w.message(app)
	for _, at := range []*fanfare.Endpoint{ep, other} {
		w.ok(w.store.MoveConsumer(w.Context(), app.ID, w.consumer(at, "one", msg)))
		_, err := w.store.Consumer(w.Context(), app.ID, at.ID, "one")
		w.ok(err)
	}
	w.ok(w.store.DeleteEndpoint(w.Context(), app.ID, ep.ID))
	_, err := w.store.Consumer(w.Context(), app.ID, ep.ID, "one")
	w.is(err, fanfare.ErrNotFound)
	_, err = w.store.Consumer(w.Context(), app.ID, other.ID, "one")
	w.ok(err)
	w.ok(w.store.DeleteApplication(w.Context(), app.ID))
	_, err = w.store.Consumer(w.Context(), app.ID, other.ID, "one")
	w.is(err, fanfare.ErrNotFound)
	n, err := w.store.ExpireConsumers(w.Context(), start.Add(24*time.Hour), 10)
	w.ok(err)
	same(w, "left behind", n, 0)
}

// follow reads what was recorded behind a place, some at a time.
func (w *world) follow(app fanfare.ApplicationID, after fanfare.Place) (got []fanfare.AttemptID, next fanfare.Place) {
	w.Helper()
	for {
		some, next, err := w.store.Recorded(w.Context(), app, after, 2)
		w.ok(err)
		for _, r := range some {
			if r.Place <= after || r.Place > next {
				w.Fatalf("an attempt behind %d has the place %d; it was looked as far as %d", after, r.Place, next)
			}
			got = append(got, r.ID)
		}
		if next == after {
			return got, next
		}
		after = next
	}
}

// settleIn is how long it may take until what was recorded is shown, which it is not
// while something that began before may still be stored.
const settleIn = time.Minute

// followed reads what was recorded behind a place, once there are so many attempts.
func (w *world) followed(app fanfare.ApplicationID, after fanfare.Place, n int) (got []fanfare.AttemptID, next fanfare.Place) {
	w.Helper()
	for deadline := time.Now().Add(settleIn); ; time.Sleep(5 * time.Millisecond) {
		if got, next = w.follow(app, after); len(got) >= n || time.Now().After(deadline) {
			return got, next
		}
	}
}

func recorded(w *world) {
	app, other := w.application(""), w.application("")
	ep, theirs := w.endpoint(app), w.endpoint(other)
	var all, mine []fanfare.AttemptID
	late := w.outcome(w.message(app, ep), ep, fanfare.Waiting) // begun first, recorded last
	for range 4 {
		a := w.record(w.message(app, ep), ep, fanfare.Delivered)
		b := w.record(w.message(other, theirs), theirs, fanfare.Waiting)
		all, mine = append(all, a.ID, b.ID), append(mine, a.ID)
	}
	_, middle := w.followed("", 0, len(all))
	w.ok(w.store.Record(w.Context(), late))
	all, mine = append(all, late.Attempt.ID), append(mine, late.Attempt.ID)
	for range 2 {
		got, last := w.followed("", 0, len(all))
		same(w, "all", got, all)
		got, _ = w.follow(app.ID, 0)
		same(w, "of one application", got, mine)
		got, _ = w.follow(app.ID, middle)
		same(w, "behind a place", got, mine[4:])
		newest, err := w.store.LastRecorded(w.Context())
		w.ok(err)
		same(w, "the last place", newest, last)
		w.reopen()
	}
	some, _, err := w.store.Recorded(w.Context(), app.ID, middle, 5)
	w.ok(err)
	want, err := w.store.Attempt(w.Context(), app.ID, late.Attempt.Message, late.Attempt.ID)
	w.ok(err)
	same(w, "the attempt", some[0].Attempt, want)
}

func placesGrow(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	w.record(w.message(app, other), other, fanfare.Delivered)
	for range 3 {
		w.record(w.message(app, ep), ep, fanfare.Delivered)
	}
	_, last := w.followed(app.ID, 0, 4)
	w.ok(w.store.DeleteEndpoint(w.Context(), app.ID, ep.ID))
	w.message(app, other) // and the writer removes rows beside
	w.reopen()
	newest, err := w.store.LastRecorded(w.Context())
	w.ok(err)
	same(w, "the last place", newest, last)
	a := w.record(w.message(app, other), other, fanfare.Delivered)
	got, _ := w.followed(app.ID, last, 1)
	same(w, "behind what was removed", got, []fanfare.AttemptID{a.ID})
}
