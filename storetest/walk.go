package storetest

import (
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// selections are what to walk through.
func selections(msgs []*fanfare.Message) (all []fanfare.Selection) {
	for i, sub := range subsets {
		for j, bounds := range [][2]time.Time{{}, {msgs[5].CreatedAt}, {{}, msgs[20].CreatedAt}, {msgs[5].CreatedAt, msgs[20].CreatedAt}} {
			s := fanfare.Selection{Since: bounds[0], Until: bounds[1], EventTypes: sub.types, Channel: sub.channel, Tag: sub.tag}
			s.States = [][]fanfare.State{nil, {fanfare.GivenUp}, {fanfare.Waiting, fanfare.Delivered}, {fanfare.Cancelled}}[(i+j)%4]
			s.StatusClass = []int{0, 0, 2, 5, 4}[(i+2*j)%5]
			all = append(all, s)
		}
	}
	return all
}

// wholeWalk goes on from piece to piece until the end.
func wholeWalk[T any](w *world, look, limit int, piece func(fanfare.Walk) ([]*T, fanfare.MessageID, error)) (all []*T) {
	w.Helper()
	walk := fanfare.Walk{Look: look, Limit: limit}
	for range 100 {
		found, next, err := piece(walk)
		w.ok(err)
		if len(found) > limit || next != "" && next <= walk.After {
			w.Fatalf("%d found of at most %d, from %q to %q", len(found), limit, walk.After, next)
		}
		all = append(all, found...)
		if next == "" {
			return all
		}
		walk.After = next
	}
	w.Fatal("the walk does not end")
	return nil
}

func walkDeliveries(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	msgs := w.assortment(app, ep, other)
	w.ok(w.store.ExpungePayload(w.Context(), app.ID, msgs[7].ID))
	msgs = append(msgs, w.message(app, ep), w.message(app)) // one without an attempt, and one for nobody
	ds := make([]*fanfare.Delivery, len(msgs))
	class := make([]int, len(msgs)) // of the last attempt
	for i, msg := range msgs {
		ds[i] = w.delivery(msg, ep)
		as, err := w.store.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: fanfare.Page{Limit: 1}, Message: msg.ID, Endpoint: ep.ID})
		w.ok(err)
		if len(as) > 0 {
			class[i] = as[0].Status / 100
		}
	}
	for n, s := range selections(msgs) {
		var want []*fanfare.Delivery
		for i, msg := range msgs {
			if ds[i] != nil && i != 7 && within(msg.CreatedAt, s.Since, s.Until) && matches(msg, s.EventTypes, s.Channel, s.Tag) &&
				(s.States == nil || slices.Contains(s.States, ds[i].State)) && (s.StatusClass == 0 || class[i] == s.StatusClass) {
				want = append(want, ds[i])
			}
		}
		size := sizes[n%len(sizes)]
		got := wholeWalk(w, size[0], size[1], func(walk fanfare.Walk) ([]*fanfare.Delivery, fanfare.MessageID, error) {
			walk.Selection = s
			return w.store.WalkDeliveries(w.Context(), app.ID, ep.ID, walk)
		})
		same(w, "deliveries", got, want)
	}
}

// sizes are how much a walk looks at and finds at a time.
var sizes = [][2]int{{100, 100}, {3, 100}, {100, 2}, {5, 1}, {1, 1}}

func walkMessages(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	msgs := slices.Concat(w.assortment(app, ep, other), w.assortment(app, other))
	w.ok(w.store.ExpungePayload(w.Context(), app.ID, msgs[7].ID))
	w.ok(w.store.ExpungePayload(w.Context(), app.ID, msgs[30].ID))
	for n, s := range selections(msgs) {
		for _, without := range []fanfare.EndpointID{"", ep.ID} {
			var want []*fanfare.Message
			for i, msg := range msgs {
				if i != 7 && i != 30 && (without == "" || i >= 24) && within(msg.CreatedAt, s.Since, s.Until) && matches(msg, s.EventTypes, s.Channel, s.Tag) {
					msg = cloneMessage(msg)
					msg.Payload = nil
					want = append(want, msg)
				}
			}
			size := sizes[n%len(sizes)]
			got := wholeWalk(w, size[0], size[1], func(walk fanfare.Walk) ([]*fanfare.Message, fanfare.MessageID, error) {
				walk.Selection = s
				return w.store.WalkMessages(w.Context(), app.ID, without, walk)
			})
			same(w, "messages", got, want)
		}
	}
}
