package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/fanfarehq/fanfare"
)

var revisionTests = []test{
	{"what an application is derived from is compared", func(w *world) { w.revised(w.revisedApplication()) }},
	{"what an endpoint is derived from is compared", func(w *world) { w.revised(w.revisedEndpoint()) }},
	{"what an event type is derived from is compared", func(w *world) { w.revised(w.revisedEventType()) }},
	{"an event type that came back is another", eventTypeCameBack},
	{"failing is no revision", failingIsNoRevision},
	{"of those who change the same at once one does", oneAtOnce},
}

// A revised thing is an application, an endpoint or an event type: what is done
// with it by its revision.
type revised struct {
	update func(revision int64) (now int64, err error) // now as the argument has it afterwards
	stored func() (int64, error)
	remove func(revision int64) error
}

func (w *world) revisedApplication() revised {
	app := w.application("")
	same(w, "revision of what is new", app.Revision, 1)
	return revised{
		func(revision int64) (int64, error) {
			c := *app
			c.Revision = revision
			err := w.store.UpdateApplication(w.Context(), &c)
			return c.Revision, err
		},
		func() (int64, error) {
			now, err := w.store.Application(w.Context(), string(app.ID))
			if err != nil {
				return 0, err
			}
			return now.Revision, nil
		},
		func(revision int64) error { return w.store.DeleteApplicationAt(w.Context(), app.ID, revision) },
	}
}

func (w *world) revisedEndpoint() revised {
	app := w.application("")
	ep := w.endpoint(app)
	same(w, "revision of what is new", ep.Revision, 1)
	return revised{
		func(revision int64) (int64, error) {
			c := *ep
			c.Revision = revision
			err := w.store.UpdateEndpoint(w.Context(), &c)
			return c.Revision, err
		},
		func() (int64, error) {
			now, err := w.store.Endpoint(w.Context(), app.ID, string(ep.ID))
			if err != nil {
				return 0, err
			}
			return now.Revision, nil
		},
		func(revision int64) error { return w.store.DeleteEndpointAt(w.Context(), app.ID, ep.ID, revision) },
	}
}

func (w *world) revisedEventType() revised {
	t := w.eventType("record.created")
	same(w, "revision of what is new", t.Revision, 1)
	return revised{
		func(revision int64) (int64, error) {
			c := *t
			c.Revision = revision
			err := w.store.UpdateEventType(w.Context(), &c)
			return c.Revision, err
		},
		func() (int64, error) {
			now, err := w.store.EventType(w.Context(), t.Name)
			if err != nil {
				return 0, err
			}
			return now.Revision, nil
		},
		func(revision int64) error { return w.store.DeleteEventTypeAt(w.Context(), t.Name, revision) },
	}
}

func (w *world) revised(r revised) {
	want := int64(1)
	stands := func() {
		w.Helper()
		now, err := r.stored()
		w.ok(err)
		same(w, "revision", now, want)
	}
	for _, from := range []int64{1, 2, 0} { // 0 is not compared
		now, err := r.update(from)
		w.ok(err)
		want++
		same(w, "revision as it is told", now, want)
		stands()
	}
	w.reopen()
	for _, other := range []int64{1, 3, 5, -1, 1 << 40} {
		now, err := r.update(other)
		w.is(err, fanfare.ErrConflict)
		same(w, "revision of an argument that was refused", now, other)
		w.is(r.remove(other), fanfare.ErrConflict)
		stands()
	}
	w.ok(r.remove(want))
	_, err := r.stored()
	w.is(err, fanfare.ErrNotFound)
	for _, gone := range []int64{0, want} {
		w.is(r.remove(gone), fanfare.ErrNotFound)
		_, err := r.update(gone)
		w.is(err, fanfare.ErrNotFound)
	}
}

func eventTypeCameBack(w *world) {
	t := w.eventType("record.created")
	w.ok(w.store.DeleteEventType(w.Context(), t.Name))
	again := w.eventType(t.Name)
	w.is(w.store.UpdateEventType(w.Context(), t), fanfare.ErrConflict)
	w.ok(w.store.UpdateEventType(w.Context(), again))
}

func failingIsNoRevision(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	w.ok(w.store.SetFailingSince(w.Context(), ep.ID, start))
	ep.FailingSince = start // else the update would end it
	w.ok(w.store.UpdateEndpoint(w.Context(), ep))
}

func oneAtOnce(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	for range 20 {
		var won, lost atomic.Int64
		var wg sync.WaitGroup
		ctx := context.WithoutCancel(w.Context())
		for range 8 {
			c := cloneEndpoint(ep)
			wg.Go(func() {
				switch err := w.store.UpdateEndpoint(ctx, c); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, fanfare.ErrConflict):
					lost.Add(1)
				}
			})
		}
		wg.Wait()
		same(w, "how many did, and did not", [2]int64{won.Load(), lost.Load()}, [2]int64{1, 7})
		ep.Revision++
	}
}
