package storetest

import (
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

var usageTests = []test{
	{"messages and deliveries are counted by event type", usage},
	{"messages are found by how a delivery stands", messagesByState},
	{"tests are listed and not counted", testsDoNotCount},
}

func usage(w *world) {
	app, other := w.application(""), w.application("")
	msgs := w.assortment(app, w.endpoint(app), w.endpoint(app))
	w.assortment(other, w.endpoint(other))
	w.message(app) // of another type, to nobody
	last := w.message(app, w.endpoint(app))
	check := func(what string, app fanfare.ApplicationID, since, until time.Time, most int, wantTotal fanfare.Usage, wantTop ...fanfare.Usage) {
		w.Helper()
		total, top, err := w.store.Usage(w.Context(), app, since, until, most)
		w.ok(err)
		same(w, what, total, wantTotal)
		same(w, what+", by type", top, wantTop)
	}
	kind := last.EventType
	for range 2 {
		check("all of an application", app.ID, time.Time{}, time.Time{}, 0, fanfare.Usage{Messages: 26, Deliveries: 49})
		check("its two first types", app.ID, time.Time{}, time.Time{}, 2, fanfare.Usage{Messages: 26, Deliveries: 49},
			fanfare.Usage{EventType: "a", Messages: 6, Deliveries: 12}, fanfare.Usage{EventType: "a.B", Messages: 6, Deliveries: 12})
		check("some of it", app.ID, msgs[1].CreatedAt, msgs[4].CreatedAt, 9, fanfare.Usage{Messages: 3, Deliveries: 6},
			fanfare.Usage{EventType: "a.B", Messages: 1, Deliveries: 2}, fanfare.Usage{EventType: "a.b", Messages: 1, Deliveries: 2}, fanfare.Usage{EventType: "b", Messages: 1, Deliveries: 2})
		check("the end of it", app.ID, last.CreatedAt, time.Time{}, 9, fanfare.Usage{Messages: 1, Deliveries: 1}, fanfare.Usage{EventType: kind, Messages: 1, Deliveries: 1})
		check("all of all", "", time.Time{}, time.Time{}, 1, fanfare.Usage{Messages: 50, Deliveries: 73}, fanfare.Usage{EventType: "a", Messages: 12, Deliveries: 18})
		check("nobody's", "app_0000000000000000000000000Z", time.Time{}, time.Time{}, 1, fanfare.Usage{})
		check("what is no identifier", "\x00", time.Time{}, time.Time{}, 1, fanfare.Usage{})
		w.reopen()
	}
	w.ok(w.store.DeleteApplication(w.Context(), other.ID))
	check("all that is left", "", time.Time{}, time.Time{}, 0, fanfare.Usage{Messages: 26, Deliveries: 49})
}

func testsDoNotCount(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	event := w.message(app, ep)
	test := w.draft(app)
	test.Tags = []string{"x", fanfare.TestTag}
	w.accept(test, ep)
	like := w.draft(app)
	like.Tags = []string{fanfare.TestTag + "s", "a " + fanfare.TestTag}
	w.accept(like, ep)
	check := func(state fanfare.State) {
		w.Helper()
		want := map[fanfare.State]int{state: 2}
		stats, err := w.store.Stats(w.Context(), app.ID, ep.ID, time.Time{}, time.Time{})
		w.ok(err)
		same(w, "stats", counts(stats), want)
		stats, err = w.store.CountWithin(w.Context(), app.ID, fanfare.DeliveryFilter{Endpoint: ep.ID, Page: fanfare.Page{Limit: 3}})
		w.ok(err)
		same(w, "of the newest", counts(stats), want)
		total, top, err := w.store.Usage(w.Context(), app.ID, time.Time{}, time.Time{}, 9)
		w.ok(err)
		same(w, "usage", total, fanfare.Usage{Messages: 2, Deliveries: 2})
		same(w, "by type", top, []fanfare.Usage{{EventType: event.EventType, Messages: 2, Deliveries: 2}})
		list, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Endpoint: ep.ID})
		w.ok(err)
		same(w, "listed", len(list), 3)
	}
	check(fanfare.Waiting)
	for _, msg := range []*fanfare.Message{event, test, like} {
		w.record(msg, ep, fanfare.Delivered)
	}
	w.reopen()
	check(fanfare.Delivered)
}

func messagesByState(w *world) {
	app := w.application("")
	ep, gone := w.endpoint(app), w.endpoint(app)
	msgs := w.assortment(app, ep, gone)
	other := w.application("")
	w.assortment(other, w.endpoint(other))
	msgs = append(msgs, w.message(app), w.message(app, ep)) // to nobody, and fresh
	all := []fanfare.State{fanfare.Waiting, fanfare.Delivered, fanfare.GivenUp, fanfare.Cancelled}
	check := func() {
		w.Helper()
		stands := map[fanfare.MessageID][]fanfare.State{}
		for _, msg := range msgs {
			ds, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Message: msg.ID})
			w.ok(err)
			for _, d := range ds {
				stands[msg.ID] = append(stands[msg.ID], d.State)
			}
		}
		for _, states := range [][]fanfare.State{all, {fanfare.Waiting, fanfare.GivenUp}, {fanfare.Waiting}, {fanfare.Delivered}, {fanfare.GivenUp}, {fanfare.Cancelled}} {
			var want []*fanfare.Message
			for _, msg := range msgs {
				if slices.ContainsFunc(stands[msg.ID], func(s fanfare.State) bool { return slices.Contains(states, s) }) && slices.Contains(msg.Tags, "x") {
					want = append(want, cloneMessage(msg))
				}
			}
			f := fanfare.MessageFilter{Page: everything, States: states, Tag: "x"}
			got, err := w.store.Messages(w.Context(), app.ID, f)
			w.ok(err)
			same(w, "messages", got, want)
			slices.Reverse(want)
			f.Limit, f.Ascending = 2, false
			got, err = w.store.Messages(w.Context(), app.ID, f)
			w.ok(err)
			same(w, "the two newest", got, want[:min(2, len(want))])
		}
	}
	fresh, err := w.store.Messages(w.Context(), app.ID, fanfare.MessageFilter{Page: everything, States: []fanfare.State{fanfare.Waiting}, Since: msgs[24].CreatedAt})
	w.ok(err)
	same(w, "what is fresh", fresh, []*fanfare.Message{cloneMessage(msgs[25])})
	check()
	w.ok(w.store.DeleteEndpoint(w.Context(), app.ID, gone.ID))
	check()
}
