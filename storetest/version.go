package storetest

import (
	"fmt"
	"maps"
	"time"

	"github.com/fanfarehq/fanfare"
)

var versionTests = []test{
	{"what an event type says of its versions comes back", lifecycleComesBack},
	{"event types that say something of their versions are listed", lifecyclesAreListed},
	{"the versions that an endpoint pins come back", pinsComeBack},
	{"an event id is taken once for each version", eventIDPerVersion},
	{"an event id is free again in the version that was pruned", prunedVersion},
	{"a walk tells the versions", walkTellsVersions},
}

func lifecycleComesBack(w *world) {
	t := w.eventType("a")
	check := func() {
		w.Helper()
		got, err := w.store.EventType(w.Context(), t.Name)
		w.ok(err)
		same(w, "event type", got, cloneEventType(t))
	}
	at := time.Unix(1.7e9, 1999).In(time.FixedZone("", 3600))
	one := map[int]fanfare.Retirement{1: {DeprecatedAt: at}, fanfare.MaxEventTypeVersion: {DeprecatedAt: at, SunsetAt: at.Add(time.Hour)}}
	for _, l := range []fanfare.EventType{
		{CurrentVersion: 7},
		{Deprecated: true, DeprecatedAt: at},
		{DeprecatedAt: at, SunsetAt: at.Add(time.Hour)},
		{Versions: one},
		{CurrentVersion: 1, Versions: one, DeprecatedAt: at},
		{},
	} {
		t.CurrentVersion, t.Versions = l.CurrentVersion, l.Versions
		t.Deprecated, t.DeprecatedAt, t.SunsetAt = l.Deprecated, l.DeprecatedAt, l.SunsetAt
		w.ok(w.store.UpdateEventType(w.Context(), t))
		check()
		w.reopen()
		check()
	}
	again := *t
	again.Name, again.Versions = "b", maps.Clone(one)
	w.ok(w.store.CreateEventType(w.Context(), &again))
	clear(again.Versions) // which is the caller's
	got, err := w.store.EventType(w.Context(), "b")
	w.ok(err)
	same(w, "versions of what is created with some", len(got.Versions), 2)
}

func lifecyclesAreListed(w *world) {
	for name, change := range map[string]func(*fanfare.EventType){
		"at":      func(t *fanfare.EventType) { t.DeprecatedAt = t.CreatedAt },
		"current": func(t *fanfare.EventType) { t.CurrentVersion = 1 },
		"gone":    func(t *fanfare.EventType) { t.DeprecatedAt, t.Archived = t.CreatedAt, true },
		"none":    func(t *fanfare.EventType) {},
		"off":     func(t *fanfare.EventType) { t.Archived, t.Validation = true, fanfare.ValidationWarn },
		"version": func(t *fanfare.EventType) {
			t.Versions = map[int]fanfare.Retirement{1: {DeprecatedAt: t.CreatedAt}}
		},
		"warn": func(t *fanfare.EventType) { t.Validation = fanfare.ValidationWarn },
	} {
		t := w.eventType(name)
		change(t)
		w.ok(w.store.UpdateEventType(w.Context(), t))
	}
	types, err := w.store.CheckedEventTypes(w.Context(), everything)
	w.ok(err)
	same(w, "listed", each(types, func(t *fanfare.EventType) string { return t.Name }), []string{"at", "current", "gone", "version", "warn"})
	types, err = w.store.CheckedEventTypes(w.Context(), fanfare.Page{Limit: 2, After: "version"})
	w.ok(err)
	same(w, "listed backwards", each(types, func(t *fanfare.EventType) string { return t.Name }), []string{"gone", "current"})
}

func pinsComeBack(w *world) {
	app := w.application("")
	ep := w.endpoint(app, func(ep *fanfare.Endpoint) {
		ep.EventTypeVersions = map[string]int{"a": 1, "b/c:d": fanfare.MaxEventTypeVersion}
	})
	check := func() {
		w.Helper()
		got, err := w.store.Endpoint(w.Context(), app.ID, string(ep.ID))
		w.ok(err)
		same(w, "endpoint", got, cloneEndpoint(ep))
	}
	check()
	w.reopen()
	check()
	ep.EventTypeVersions = nil
	w.ok(w.store.UpdateEndpoint(w.Context(), ep))
	check()
}

// rendition is a message of a version, under one event id.
func (w *world) rendition(app *fanfare.Application, version int) *fanfare.Message {
	return w.draft(app, func(m *fanfare.Message) {
		m.EventID, m.EventTypeVersion, m.Payload = "order-1", version, fmt.Appendf(nil, "%d", version)
	})
}

func eventIDPerVersion(w *world) {
	app, other := w.application(""), w.application("")
	ep := w.endpoint(app)
	is := func(want *fanfare.Message) {
		w.Helper()
		got, err := w.store.Message(w.Context(), app.ID, "order-1")
		w.ok(err)
		same(w, "by event id", got, cloneMessage(want))
	}
	two := w.accept(w.rendition(app, 2), ep)
	is(two)
	none := w.accept(w.rendition(app, 0), ep)
	is(two)
	again, large, twice := intake(w.rendition(app, 2), ep), intake(w.rendition(app, fanfare.MaxEventTypeVersion), ep), intake(w.rendition(app, fanfare.MaxEventTypeVersion), ep)
	_, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{again, large, twice, intake(w.rendition(app, 1))}, nil)
	w.ok(err)
	w.is(again.Err, fanfare.ErrExists)
	w.ok(large.Err)
	w.is(twice.Err, fanfare.ErrExists)
	w.accept(w.rendition(other, 2))
	is(large.Message)
	w.reopen()
	is(large.Message)
	same(w, "what waits", w.waiting(ep), []fanfare.MessageID{two.ID, none.ID, large.Message.ID})
	list, err := w.store.Messages(w.Context(), app.ID, fanfare.MessageFilter{Page: everything})
	w.ok(err)
	same(w, "listed", each(list, func(m *fanfare.Message) int { return m.EventTypeVersion }), []int{2, 0, fanfare.MaxEventTypeVersion, 1})
}

func prunedVersion(w *world) {
	app := w.application("")
	one := w.accept(w.rendition(app, 1))
	two := w.accept(w.rendition(app, 2), w.endpoint(app)) // which waits, and stays
	_, err := w.store.Prune(w.Context(), two.CreatedAt.Add(time.Second), 100)
	w.ok(err)
	_, err = w.store.Message(w.Context(), app.ID, string(one.ID))
	w.is(err, fanfare.ErrNotFound)
	w.accept(w.rendition(app, 1))
	in := intake(w.rendition(app, 2))
	_, err = w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{in}, nil)
	w.ok(err)
	w.is(in.Err, fanfare.ErrExists)
}

func walkTellsVersions(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	for _, version := range []int{0, 1, 2} {
		w.accept(w.rendition(app, version))
	}
	msgs, _, err := w.store.WalkMessages(w.Context(), app.ID, ep.ID, fanfare.Walk{Limit: 10, Look: 10})
	w.ok(err)
	same(w, "versions", each(msgs, func(m *fanfare.Message) int { return m.EventTypeVersion }), []int{0, 1, 2})
}
