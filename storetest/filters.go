package storetest

import (
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// assortment makes messages that differ in all that filters look at, with a
// delivery in each state and attempts of several outcomes.
func (w *world) assortment(app *fanfare.Application, eps ...*fanfare.Endpoint) []*fanfare.Message {
	w.Helper()
	var msgs []*fanfare.Message
	states := []fanfare.State{fanfare.Waiting, fanfare.Delivered, fanfare.GivenUp}
	statuses := []int{0, 200, 204, 301, 404, 410, 500, 503}
	for i := range 24 {
		msg := w.accept(w.draft(app, func(m *fanfare.Message) {
			m.EventType = []string{"a", "a.b", "a.B", "b"}[i%4]
			m.Channels = [][]string{nil, {"eu"}, {"eu", "us"}, {"e"}, {"eu us"}}[i%5]
			m.Tags = [][]string{nil, {"x"}, {"y", "x"}}[i%3]
		}), eps...)
		for j, ep := range eps {
			o := w.outcome(msg, ep, states[(i+j)%3])
			o.Attempt.Status, o.Attempt.Class = statuses[(i+j)%8], fanfare.ClassStatus
			if (i+j)%8 == 1 || (i+j)%8 == 2 || (i+j)%8 == 3 && i%2 == 0 {
				o.Attempt.Class = fanfare.ClassSuccess
			}
			w.ok(w.store.Record(w.Context(), o))
		}
		msgs = append(msgs, msg)
	}
	_, err := w.store.Cancel(w.Context(), app.ID, msgs[0].ID)
	w.ok(err)
	return msgs
}

// subsets are event types, channels and tags to ask for.
var subsets = []struct {
	types        []string
	channel, tag string
}{
	{}, {types: []string{"a"}}, {types: []string{"a.b", "b", "b"}}, {types: []string{"none", "\x00"}}, {types: []string{"a.*", "%"}}, {types: []string{"b.*", "*", "a*"}}, {types: []string{"b", "a.*"}},
	{channel: "eu"}, {channel: "e"}, {channel: "%"}, {channel: "eu us"}, {channel: `"`}, {tag: "x"}, {tag: "y"}, {tag: "X"}, {tag: "\xff"},
	{types: []string{"a", "a.b"}, channel: "eu", tag: "x"},
}

func filterMessages(w *world) {
	app := w.application("")
	msgs := w.assortment(app)
	w.assortment(w.application(""))
	for _, sub := range subsets {
		for _, bounds := range [][2]time.Time{{}, {msgs[5].CreatedAt}, {{}, msgs[20].CreatedAt}, {msgs[5].CreatedAt, msgs[20].CreatedAt}, {msgs[5].CreatedAt, msgs[5].CreatedAt}} {
			f := fanfare.MessageFilter{Page: everything, Since: bounds[0], Until: bounds[1], EventTypes: sub.types, Channel: sub.channel, Tag: sub.tag}
			var want []*fanfare.Message
			for _, msg := range msgs {
				if within(msg.CreatedAt, f.Since, f.Until) && matches(msg, f.EventTypes, f.Channel, f.Tag) {
					want = append(want, cloneMessage(msg))
				}
			}
			got, err := w.store.Messages(w.Context(), app.ID, f)
			w.ok(err)
			same(w, "messages", got, want)
			f.Limit, f.Ascending = 2, false
			slices.Reverse(want)
			for i := 0; i+2 <= len(want); i += 2 {
				got, err := w.store.Messages(w.Context(), app.ID, f)
				w.ok(err)
				same(w, "two messages", got, want[i:i+2])
				f.After = string(got[1].ID)
			}
		}
	}
}

func filterDeliveries(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	msgs := w.assortment(app, ep, other)
	ds, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Endpoint: ep.ID})
	w.ok(err)
	same(w, "how many", len(ds), len(msgs))
	for _, sub := range subsets {
		for _, states := range [][]fanfare.State{nil, {fanfare.Waiting}, {fanfare.Cancelled, fanfare.Delivered}, {fanfare.GivenUp}} {
			for _, bounds := range [][2]time.Time{{}, {msgs[5].CreatedAt, msgs[20].CreatedAt}} {
				f := fanfare.DeliveryFilter{
					Page: everything, Endpoint: ep.ID, States: states, Since: bounds[0], Until: bounds[1],
					EventTypes: sub.types, Channel: sub.channel, Tag: sub.tag,
				}
				var want []*fanfare.Delivery
				for i, d := range ds {
					if (states == nil || slices.Contains(states, d.State)) && within(msgs[i].CreatedAt, f.Since, f.Until) &&
						matches(msgs[i], f.EventTypes, f.Channel, f.Tag) {
						want = append(want, d)
					}
				}
				got, err := w.store.Deliveries(w.Context(), app.ID, f)
				w.ok(err)
				same(w, "deliveries", got, want)
			}
		}
	}
	got, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Message: msgs[0].ID, States: []fanfare.State{fanfare.Cancelled}})
	w.ok(err)
	same(w, "of a message", each(got, func(d *fanfare.Delivery) fanfare.EndpointID { return d.Endpoint }), []fanfare.EndpointID{ep.ID})
	got, err = w.store.Deliveries(w.Context(), w.application("").ID, fanfare.DeliveryFilter{Page: everything, Endpoint: ep.ID})
	w.ok(err)
	same(w, "another's", got, nil)
}

func filterAttempts(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	msgs := w.assortment(app, ep, other)
	byID := map[fanfare.MessageID]*fanfare.Message{}
	var all []*fanfare.Attempt
	for _, msg := range msgs {
		byID[msg.ID] = msg
		as, err := w.store.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: everything, Message: msg.ID})
		w.ok(err)
		same(w, "attempts at a message", len(as), 2)
		all = append(all, as...)
	}
	for _, f := range attemptFilters(msgs[7], ep, all) {
		var want []*fanfare.Attempt
		for _, a := range all {
			success := a.Class == fanfare.ClassSuccess
			if (f.Message == "" || a.Message == f.Message) && (f.Endpoint == "" || a.Endpoint == f.Endpoint) &&
				(f.Outcome == fanfare.AnyOutcome || success == (f.Outcome == fanfare.OnlySuccesses)) &&
				(f.StatusClass == 0 || f.StatusClass == a.Status/100) && within(a.StartedAt, f.Since, f.Until) &&
				matches(byID[a.Message], f.EventTypes, f.Channel, f.Tag) {
				want = append(want, a)
			}
		}
		got, err := w.store.Attempts(w.Context(), app.ID, f)
		w.ok(err)
		same(w, "attempts", got, want)
		got, err = w.store.Attempts(w.Context(), w.application("").ID, f)
		w.ok(err)
		same(w, "another's", got, nil)
	}
}

func attemptFilters(msg *fanfare.Message, ep *fanfare.Endpoint, all []*fanfare.Attempt) []fanfare.AttemptFilter {
	var fs []fanfare.AttemptFilter
	for _, which := range []fanfare.AttemptFilter{{Message: msg.ID}, {Endpoint: ep.ID}, {Message: msg.ID, Endpoint: ep.ID}} {
		which.Page = everything
		for _, outcome := range []fanfare.OutcomeFilter{fanfare.AnyOutcome, fanfare.OnlySuccesses, fanfare.OnlyFailures} {
			for class := range 6 {
				which.Outcome, which.StatusClass = outcome, class
				fs = append(fs, which)
			}
		}
		which.Outcome, which.StatusClass = fanfare.AnyOutcome, 0
		for _, sub := range subsets {
			which.EventTypes, which.Channel, which.Tag = sub.types, sub.channel, sub.tag
			fs = append(fs, which)
		}
		which.EventTypes, which.Channel, which.Tag = nil, "", ""
		which.Since, which.Until = all[9].StartedAt, all[30].StartedAt
		fs = append(fs, which)
	}
	return fs
}
