package storetest

import (
	"slices"

	"github.com/fanfarehq/fanfare"
)

var overviewTests = []test{
	{"endpoints of all applications are listed, the newest first", everyEndpoint},
	{"attempts of all applications are listed, those stored last first", recordedBefore},
	{"the newest attempts of several endpoints are read at once", newestAttempts},
}

// everyEndpoint walks with pages and looks of several sizes.
func everyEndpoint(w *world) {
	app, other := w.application(""), w.application("")
	var all, failing, paused, disabled []fanfare.EndpointID
	for i := range 7 {
		ep := w.endpoint([]*fanfare.Application{app, other}[i%2], func(ep *fanfare.Endpoint) { ep.Disabled, ep.Paused = i == 1 || i == 4, i == 2 || i == 4 })
		all = append(all, ep.ID)
		if ep.Disabled {
			disabled = append(disabled, ep.ID)
		} else if ep.Paused {
			paused = append(paused, ep.ID)
		}
		if i%3 == 0 {
			_, at := w.stamp("ep_")
			w.ok(w.store.SetFailingSince(w.Context(), ep.ID, at))
			failing = append(failing, ep.ID)
		}
	}
	w.endpoint(w.operational(), func(ep *fanfare.Endpoint) { ep.Disabled = true })
	for _, ids := range [][]fanfare.EndpointID{all, failing, paused, disabled} {
		slices.Reverse(ids)
	}
	for range 2 {
		for _, f := range []fanfare.EndpointFilter{{Limit: 250, Look: 250}, {Limit: 2, Look: 3}, {Limit: 1, Look: 1}, {Limit: 7, Look: 7}} {
			same(w, "all", w.every(f, fanfare.AnyEndpoint), all)
			same(w, "those that fail", w.every(f, fanfare.FailingEndpoints), failing)
			same(w, "those that are paused", w.every(f, fanfare.PausedEndpoints), paused)
			same(w, "those that are disabled", w.every(f, fanfare.DisabledEndpoints), disabled)
		}
		w.reopen()
	}
	eps, next, err := w.store.EveryEndpoint(w.Context(), fanfare.EndpointFilter{Limit: 1, Look: 4, Which: fanfare.DisabledEndpoints})
	w.ok(err)
	if want, err := w.store.Endpoint(w.Context(), app.ID, string(disabled[0])); err != nil || len(eps) != 1 {
		w.Errorf("looking at four endpoints finds %d disabled ones, want one; %v", len(eps), err)
	} else {
		same(w, "an endpoint", eps[0], want)
		same(w, "how far it came", next, disabled[0])
	}
}

// operational is the application that has no part in what operators are shown of all.
func (w *world) operational() *fanfare.Application {
	w.Helper()
	_, at := w.stamp("app_")
	app := &fanfare.Application{ID: fanfare.OperationalApplication, Name: "Operational", CreatedAt: at, UpdatedAt: at}
	w.ok(w.store.CreateApplication(w.Context(), app))
	return app
}

func (w *world) every(f fanfare.EndpointFilter, which fanfare.EndpointState) (ids []fanfare.EndpointID) {
	w.Helper()
	f.Which = which
	for {
		eps, next, err := w.store.EveryEndpoint(w.Context(), f)
		w.ok(err)
		if len(eps) > f.Limit {
			w.Fatalf("a page of %d has %d endpoints", f.Limit, len(eps))
		}
		for _, ep := range eps {
			ids = append(ids, ep.ID)
		}
		if f.Before = next; next == "" {
			return ids
		}
	}
}

func recordedBefore(w *world) {
	app, other := w.application(""), w.application("")
	ep, theirs := w.endpoint(app), w.endpoint(other)
	owner := map[fanfare.AttemptID]fanfare.ApplicationID{}
	var all, good []fanfare.AttemptID
	late := w.outcome(w.message(app, ep), ep, fanfare.Waiting) // begun first, recorded last
	for i := range 3 {
		a := w.record(w.message(app, ep), ep, fanfare.Waiting)
		state := fanfare.Delivered
		if i == 1 {
			state = fanfare.GivenUp
		}
		o := w.outcome(w.message(other, theirs), theirs, state)
		if state == fanfare.Delivered {
			good = append(good, o.Attempt.ID)
		}
		w.ok(w.store.Record(w.Context(), o))
		all = append(all, a.ID, o.Attempt.ID)
		owner[a.ID], owner[o.Attempt.ID] = app.ID, other.ID
	}
	w.ok(w.store.Record(w.Context(), late))
	all, owner[late.Attempt.ID] = append(all, late.Attempt.ID), app.ID
	own := w.operational()
	ours := w.endpoint(own)
	w.record(w.message(own, ours), ours, fanfare.Delivered)
	bad := slices.DeleteFunc(slices.Clone(all), func(id fanfare.AttemptID) bool { return slices.Contains(good, id) })
	for _, ids := range [][]fanfare.AttemptID{all, good, bad} {
		slices.Reverse(ids)
	}
	for range 2 {
		for _, f := range []fanfare.RecentFilter{{Limit: 250, Look: 250}, {Limit: 2, Look: 3}, {Limit: 1, Look: 1}} {
			same(w, "all", w.recent(f, fanfare.AnyOutcome, owner), all)
			same(w, "successes", w.recent(f, fanfare.OnlySuccesses, owner), good)
			same(w, "failures", w.recent(f, fanfare.OnlyFailures, owner), bad)
		}
		w.reopen()
	}
	w.ok(w.store.DeleteEndpoint(w.Context(), other.ID, theirs.ID))
	left := slices.DeleteFunc(all, func(id fanfare.AttemptID) bool { return owner[id] == other.ID })
	same(w, "without those of an endpoint that is gone", w.recent(fanfare.RecentFilter{Limit: 3, Look: 3}, fanfare.AnyOutcome, owner), left)
}

func (w *world) recent(f fanfare.RecentFilter, outcome fanfare.OutcomeFilter, owner map[fanfare.AttemptID]fanfare.ApplicationID) (ids []fanfare.AttemptID) {
	w.Helper()
	f.Outcome = outcome
	for {
		some, next, err := w.store.RecordedBefore(w.Context(), f)
		w.ok(err)
		if len(some) > f.Limit {
			w.Fatalf("a page of %d has %d attempts", f.Limit, len(some))
		}
		for _, r := range some {
			if r.Application != owner[r.ID] || f.Before != 0 && r.Place >= f.Before || r.Place < next {
				w.Fatalf("attempt %s is at %d and of %s; it was looked from %d as far as %d", r.ID, r.Place, r.Application, f.Before, next)
			}
			ids = append(ids, r.ID)
		}
		if f.Before = next; next == 0 {
			return ids
		}
	}
}

func newestAttempts(w *world) {
	app, other := w.application(""), w.application("")
	ep, theirs, idle, left := w.endpoint(app), w.endpoint(other), w.endpoint(app), w.endpoint(app)
	want := map[fanfare.EndpointID][]*fanfare.Attempt{}
	for range 4 {
		test := w.draft(app)
		test.Tags = []string{fanfare.TestTag}
		msg := w.accept(test, ep, left)
		w.record(msg, left, fanfare.GivenUp)
		o := w.outcome(msg, ep, fanfare.GivenUp)
		o.Attempt.ResponseBody = []byte("no")
		w.ok(w.store.Record(w.Context(), o))
		a := *o.Attempt
		a.ResponseBody = nil
		want[ep.ID] = append(want[ep.ID], &a)
		want[theirs.ID] = append(want[theirs.ID], w.record(w.message(other, theirs), theirs, fanfare.Delivered))
	}
	for id, as := range want {
		as = as[1:]
		slices.Reverse(as)
		want[id] = as
	}
	own := w.operational()
	ours := w.endpoint(own)
	w.record(w.message(own, ours), ours, fanfare.Delivered)
	ids := []fanfare.EndpointID{theirs.ID, idle.ID, "ep_none", ep.ID, ours.ID}
	for range 2 {
		of, err := w.store.NewestAttempts(w.Context(), ids, 3)
		w.ok(err)
		same(w, "the newest three of each", of, want)
		w.reopen()
	}
	of, err := w.store.NewestAttempts(w.Context(), nil, 3)
	w.ok(err)
	same(w, "those of no endpoints", len(of), 0)
}
