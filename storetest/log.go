package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

var logTests = []test{
	{"an expunged payload is gone for good", expunge},
	{"an empty reference is nobody's", emptyReference},
	{"stats count an endpoint's deliveries by state", stats},
	{"the newest identifier is remembered", newest},
	{"what is accepted goes by its own time", clockSteppedBack},
}

var filterTests = []test{
	{"a list looks as far as it is told", lookAsFar},
	{"messages", filterMessages},
	{"deliveries", filterDeliveries},
	{"attempts", filterAttempts},
}

var pageTests = []test{
	{"both ways without gaps or repeats", pagesBothWays},
	{"while rows are inserted", pagesWhileInserting},
	{"behind what is no identifier", pagesBehindNonsense},
}

func expunge(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	msg := w.accept(w.draft(app, func(m *fanfare.Message) { m.EventID, m.Tags = "order-1", []string{"t"} }), ep)
	w.ok(w.store.ExpungePayload(w.Context(), app.ID, msg.ID))
	want := cloneMessage(msg)
	want.Payload = nil
	for range 2 {
		got, err := w.store.Message(w.Context(), app.ID, "order-1")
		w.ok(err)
		same(w, "message", got, want)
		list, err := w.store.Messages(w.Context(), app.ID, fanfare.MessageFilter{Page: everything})
		w.ok(err)
		same(w, "messages", list, []*fanfare.Message{want})
		same(w, "what waits", w.waiting(ep), []fanfare.MessageID{msg.ID})
		w.reopen()
		w.ok(w.store.ExpungePayload(w.Context(), app.ID, msg.ID))
	}
}

func emptyReference(w *world) {
	app := w.application("")
	w.endpoint(app)
	w.message(app)
	_, err := w.store.Application(w.Context(), "")
	w.is(err, fanfare.ErrNotFound)
	_, err = w.store.Endpoint(w.Context(), app.ID, "")
	w.is(err, fanfare.ErrNotFound)
	_, err = w.store.Message(w.Context(), app.ID, "")
	w.is(err, fanfare.ErrNotFound)
}

func stats(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	var msgs []*fanfare.Message
	for _, state := range []fanfare.State{fanfare.Delivered, fanfare.Waiting, fanfare.Delivered, fanfare.GivenUp, fanfare.Cancelled, fanfare.Delivered} {
		msg := w.message(app, ep, other)
		if state == fanfare.Cancelled {
			_, err := w.store.Cancel(w.Context(), app.ID, msg.ID)
			w.ok(err)
		} else {
			w.record(msg, ep, state)
		}
		msgs = append(msgs, msg)
	}
	count := func(app fanfare.ApplicationID, ep fanfare.EndpointID, since, until time.Time) map[fanfare.State]int {
		w.Helper()
		got, err := w.store.Stats(w.Context(), app, ep, since, until)
		w.ok(err)
		return counts(got)
	}
	whole := map[fanfare.State]int{fanfare.Delivered: 3, fanfare.Waiting: 1, fanfare.GivenUp: 1, fanfare.Cancelled: 1}
	same(w, "whole", count(app.ID, ep.ID, time.Time{}, time.Time{}), whole)
	part := map[fanfare.State]int{fanfare.Waiting: 1, fanfare.Delivered: 1, fanfare.GivenUp: 1}
	same(w, "part", count(app.ID, ep.ID, msgs[1].CreatedAt, msgs[4].CreatedAt), part)
	same(w, "other", count(app.ID, other.ID, time.Time{}, time.Time{}), map[fanfare.State]int{fanfare.Waiting: 5, fanfare.Cancelled: 1})
	same(w, "by another application", count(w.application("").ID, ep.ID, time.Time{}, time.Time{}), nil)
	same(w, "unknown", count(app.ID, "ep_01JCQ4E2M07000G00000000004", time.Time{}, time.Time{}), nil)
}

// counts leaves out the states of which there is nothing: whether they are in
// the map is the store's to decide.
func counts(stats map[fanfare.State]int) map[fanfare.State]int {
	all := map[fanfare.State]int{}
	for s, n := range stats {
		if n != 0 {
			all[s] = n
		}
	}
	return all
}

func newest(w *world) {
	check := func(when, prefix, id string) {
		w.Helper()
		for range 2 {
			got, err := w.store.Newest(w.Context())
			w.ok(err)
			want, _ := fanfare.DecodeID(prefix, id)
			same(w, when, got, want)
			w.reopen()
		}
	}
	check("empty", "", "")
	app := w.application("")
	ep := w.endpoint(app)
	check("an endpoint", "", "")
	msg := w.message(app, ep)
	check("a message", "msg_", string(msg.ID))
	a := w.record(msg, ep, fanfare.Delivered)
	check("an attempt", "atmpt_", string(a.ID))
	older := w.draft(app, func(m *fanfare.Message) { m.ID = fanfare.MessageID(idAt("msg_", start)) })
	w.accept(older)
	check("an older message", "atmpt_", string(a.ID))
	n, err := w.store.Prune(w.Context(), start.AddDate(1, 0, 0), 10)
	w.ok(err)
	same(w, "messages pruned", n, 2)
	check("nothing left", "atmpt_", string(a.ID))
	msg = w.message(app)
	w.ok(w.store.DeleteApplication(w.Context(), app.ID))
	check("deleted", "msg_", string(msg.ID))
}

// clockSteppedBack has messages whose times and identifiers disagree, as when
// the clock was set back: times are what filters and pruning go by, and what is
// too young is not pruned for the sake of what was stored after it.
func clockSteppedBack(w *world) {
	app := w.application("")
	first := w.message(app)
	back := w.accept(w.draft(app, func(m *fanfare.Message) { m.CreatedAt = m.CreatedAt.Add(-time.Hour) }))
	got, err := w.store.Messages(w.Context(), app.ID, fanfare.MessageFilter{Page: everything, Until: first.CreatedAt})
	w.ok(err)
	same(w, "accepted before the first", each(got, messageID), []fanfare.MessageID{back.ID})
	n, err := w.store.Prune(w.Context(), first.CreatedAt, 10)
	w.ok(err)
	got, err = w.store.Messages(w.Context(), app.ID, fanfare.MessageFilter{Page: everything})
	w.ok(err)
	if !slices.Contains(each(got, messageID), first.ID) || len(got) != 2-n {
		w.Errorf("after %d messages were pruned %v are left, want the first, and the other or not", n, each(got, messageID))
	}
	more, err := w.store.Prune(w.Context(), first.CreatedAt.Add(time.Microsecond), 10)
	w.ok(err)
	same(w, "messages pruned in the end", n+more, 2)
}

func messageID(msg *fanfare.Message) fanfare.MessageID { return msg.ID }

func pagesBothWays(w *world) {
	app := w.application("")
	eps := []*fanfare.Endpoint{w.endpoint(app), w.endpoint(app), w.endpoint(app), w.endpoint(app), w.endpoint(app)}
	for range 5 {
		msg := w.message(app, eps...)
		w.record(msg, eps[0], fanfare.Waiting)
		w.message(w.application("")) // another's, in between
	}
	msgs, err := w.store.Messages(w.Context(), app.ID, fanfare.MessageFilter{Page: everything})
	w.ok(err)
	for name, list := range lists(w, app.ID, msgs[0].ID, eps[0].ID) {
		want, err := list(everything)
		w.ok(err)
		if len(want) < 5 || !slices.IsSorted(want) {
			w.Fatalf("%s: the whole is %v", name, want)
		}
		for _, ascending := range []bool{true, false} {
			for limit := 1; limit <= len(want)+1; limit++ {
				page := fanfare.Page{Limit: limit, Ascending: ascending}
				var got []string
				for {
					part, err := list(page)
					w.ok(err)
					if len(part) > limit {
						w.Fatalf("%s: a page of %d has %d entries", name, limit, len(part))
					}
					got = append(got, part...)
					if len(part) < limit || len(got) > len(want) {
						break
					}
					page.After = part[len(part)-1]
				}
				same(w, fmt.Sprintf("%s in pages of %d", name, limit), got, want)
			}
			slices.Reverse(want)
		}
	}
}

// lists are all the lists there are, as identifiers.
func lists(w *world, app fanfare.ApplicationID, msg fanfare.MessageID, ep fanfare.EndpointID) map[string]func(fanfare.Page) ([]string, error) {
	ctx, s := w.Context(), w.store
	return map[string]func(fanfare.Page) ([]string, error){
		"applications": func(page fanfare.Page) ([]string, error) {
			list, err := s.Applications(ctx, page)
			return each(list, func(app *fanfare.Application) string { return string(app.ID) }), err
		},
		"endpoints": func(page fanfare.Page) ([]string, error) {
			list, err := s.Endpoints(ctx, app, page)
			return each(list, func(ep *fanfare.Endpoint) string { return string(ep.ID) }), err
		},
		"messages": func(page fanfare.Page) ([]string, error) {
			list, err := s.Messages(ctx, app, fanfare.MessageFilter{Page: page})
			return each(list, func(msg *fanfare.Message) string { return string(msg.ID) }), err
		},
		"deliveries of a message": func(page fanfare.Page) ([]string, error) {
			list, err := s.Deliveries(ctx, app, fanfare.DeliveryFilter{Page: page, Message: msg})
			return each(list, func(d *fanfare.Delivery) string { return string(d.Endpoint) }), err
		},
		"deliveries to an endpoint": func(page fanfare.Page) ([]string, error) {
			list, err := s.Deliveries(ctx, app, fanfare.DeliveryFilter{Page: page, Endpoint: ep})
			return each(list, func(d *fanfare.Delivery) string { return string(d.Message) }), err
		},
		"attempts at an endpoint": func(page fanfare.Page) ([]string, error) {
			list, err := s.Attempts(ctx, app, fanfare.AttemptFilter{Page: page, Endpoint: ep})
			return each(list, func(a *fanfare.Attempt) string { return string(a.ID) }), err
		},
	}
}

// pagesWhileInserting reads while messages come and go: of those that are there
// all the time, none is missed or seen twice.
func pagesWhileInserting(w *world) {
	for _, ascending := range []bool{true, false} {
		app := w.application("")
		ep := w.endpoint(app)
		var want, got []fanfare.MessageID
		for range 6 {
			w.message(app) // will be pruned
			want = append(want, w.message(app, ep).ID)
		}
		page := fanfare.Page{Limit: 2, Ascending: ascending}
		for more := 8; ; more-- {
			list, err := w.store.Messages(w.Context(), app.ID, fanfare.MessageFilter{Page: page})
			w.ok(err)
			got = append(got, each(list, messageID)...)
			if len(list) < page.Limit {
				break
			}
			page.After = string(got[len(got)-1])
			if more > 0 {
				w.message(app, ep)
			}
			_, err = w.store.Prune(w.Context(), start.AddDate(1, 0, 0), 1)
			w.ok(err)
		}
		if !ascending {
			slices.Reverse(got)
		}
		for i := range got[1:] {
			if got[i] >= got[i+1] {
				w.Errorf("%s comes before %s", got[i], got[i+1])
			}
		}
		for _, id := range want {
			if !slices.Contains(got, id) {
				w.Errorf("missed %s", id)
			}
		}
	}
}

// What lies behind a text that is no identifier is the store's to say, but it
// says it without a fault.
func pagesBehindNonsense(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	msg := w.message(app, ep)
	for name, list := range lists(w, app.ID, msg.ID, ep.ID) {
		for _, after := range []string{"x", "\x00", "\xff", "msg_", "🎺", string(make([]byte, 10_000))} {
			_, err := list(fanfare.Page{Limit: 1, After: after})
			if invalid := new(fanfare.InvalidError); err != nil && !errors.As(err, &invalid) {
				w.Errorf("%s behind %.20q: %v", name, after, err)
			}
		}
	}
}
