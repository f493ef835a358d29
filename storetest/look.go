package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// lookAsFar has lists look at so many only, found or not, page after page.
func lookAsFar(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	msgs := w.assortment(app, ep, other)
	w.assortment(w.application(""))
	since := msgs[5].CreatedAt
	for _, states := range [][]fanfare.State{nil, {fanfare.Cancelled}, {fanfare.GivenUp}} {
		for _, types := range [][]string{nil, {"b"}, {"none"}} {
			for _, from := range []time.Time{{}, since} {
				what := fmt.Sprint(states, types, from)
				n := w.looks("messages "+what, len(msgs), func(p fanfare.Page) (ids []string) {
					found, err := w.store.Messages(w.Context(), app.ID, fanfare.MessageFilter{Page: p, States: states, EventTypes: types, Since: from})
					w.ok(err)
					return each(found, func(msg *fanfare.Message) string { return string(msg.ID) })
				})
				if from.IsZero() && n < len(msgs) {
					w.Errorf("messages %s: %d are looked at one by one in %d pages", what, len(msgs), n)
				}
				w.looks("deliveries "+what, len(msgs), func(p fanfare.Page) (ids []string) {
					found, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: p, Endpoint: ep.ID, States: states, EventTypes: types, Since: from})
					w.ok(err)
					return each(found, func(d *fanfare.Delivery) string { return string(d.Message) })
				})
			}
			for _, outcome := range []fanfare.OutcomeFilter{fanfare.AnyOutcome, fanfare.OnlyFailures} {
				w.looks(fmt.Sprint("attempts ", types, outcome), len(msgs), func(p fanfare.Page) (ids []string) {
					found, err := w.store.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: p, Endpoint: ep.ID, Outcome: outcome, EventTypes: types})
					w.ok(err)
					return each(found, func(a *fanfare.Attempt) string { return string(a.ID) })
				})
			}
		}
	}
	nowhere := &fanfare.Look{Most: 1, Last: "before"}
	_, err := w.store.Messages(w.Context(), w.application("").ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 1, Look: nowhere}})
	w.ok(err)
	same(w, "how far among none", nowhere.Last, "")
}

// looks reads a list of n things, of which some are found, with looks of several sizes. It
// returns how many pages there were of those that looked at one thing.
func (w *world) looks(what string, n int, read func(fanfare.Page) []string) (single int) {
	w.Helper()
	for _, ascending := range []bool{true, false} {
		want := read(fanfare.Page{Limit: fanfare.MaxPage, Ascending: ascending})
		for _, p := range []fanfare.Page{{Limit: 2, Look: &fanfare.Look{Most: 1}}, {Limit: 2, Look: &fanfare.Look{Most: 7}}, {Limit: 250, Look: &fanfare.Look{Most: 5}}, {Limit: 3, Look: &fanfare.Look{Most: n}}, {Limit: 250, Look: &fanfare.Look{Most: n + 1}}} {
			p.Ascending = ascending
			var got []string
			pages := 0
			for ; pages <= n+1; pages++ {
				found := read(p)
				got = append(got, found...)
				if len(found) > min(p.Limit, p.Look.Most) {
					w.Fatalf("%s: a page of %d that looks at %d has %d", what, p.Limit, p.Look.Most, len(found))
				}
				if p.After = p.Look.Last; len(found) == p.Limit {
					p.After = found[len(found)-1]
				}
				if p.After == "" {
					break
				}
			}
			if p.Look.Most == 1 {
				single = pages
			}
			if !slices.Equal(got, want) {
				w.Errorf("%s: looking at %d at a time finds %q, want %q", what, p.Look.Most, got, want)
			}
		}
	}
	return single
}
