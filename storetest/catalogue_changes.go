package storetest

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

var eventTypeTests = []test{
	{"an event type comes back as it was stored", eventTypeComesBack},
	{"a name is taken once", eventTypeTaken},
	{"archived ones are listed only if asked for", archivedEventTypes},
}

func orderingFlips(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	first, second, third := w.message(app, ep), w.message(app, ep), w.message(app, ep)
	ended := w.message(app, ep)
	w.record(ended, ep, fanfare.GivenUp)
	w.record(first, ep, fanfare.Waiting) // is due a minute later than the others
	byTime := []fanfare.MessageID{second.ID, third.ID, first.ID}
	same(w, "unordered", w.waiting(ep), byTime)

	ep.Ordered = true
	w.ok(w.store.UpdateEndpoint(w.Context(), ep))
	same(w, "ordered", w.waiting(ep), []fanfare.MessageID{first.ID, second.ID, third.ID})
	same(w, "rank in an ordered lane", w.delivery(first, ep).Rank, 0)

	// What waits keeps its place when something else is changed.
	ep.URL = "https://example.org"
	w.ok(w.store.UpdateEndpoint(w.Context(), ep))
	same(w, "still ordered", w.waiting(ep), []fanfare.MessageID{first.ID, second.ID, third.ID})

	ep.Ordered = false
	w.ok(w.store.UpdateEndpoint(w.Context(), ep))
	same(w, "unordered again", w.waiting(ep), byTime)
	d := w.delivery(first, ep)
	same(w, "rank by time", d.Rank, d.Due.UnixMicro())
}

func updateFailing(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	since := time.Unix(1.7e9, 0).UTC()
	w.ok(w.store.SetFailingSince(w.Context(), ep.ID, since))
	for _, c := range []struct{ given, want time.Time }{{since.Add(-time.Hour), since}, {time.Time{}, time.Time{}}, {since, time.Time{}}} {
		ep.FailingSince = c.given
		w.ok(w.store.UpdateEndpoint(w.Context(), ep))
		got, err := w.store.Endpoint(w.Context(), app.ID, string(ep.ID))
		w.ok(err)
		same(w, "failing since", got.FailingSince, c.want)
	}
}

func setFailingSince(w *world) {
	app := w.application("")
	ep := w.endpoint(app, ordered)
	other := w.endpoint(app)
	check := func(want time.Time) {
		w.Helper()
		got, err := w.store.Endpoint(w.Context(), app.ID, string(ep.ID))
		w.ok(err)
		c := cloneEndpoint(ep)
		c.FailingSince = want
		same(w, "endpoint", got, c)
	}
	since := time.Date(2026, 5, 1, 0, 0, 0, 1234, time.UTC)
	w.ok(w.store.SetFailingSince(w.Context(), ep.ID, since))
	check(since.Truncate(time.Microsecond))
	w.reopen()
	check(since.Truncate(time.Microsecond))
	w.ok(w.store.SetFailingSince(w.Context(), ep.ID, time.Time{}))
	check(time.Time{})
	got, err := w.store.Endpoint(w.Context(), app.ID, string(other.ID))
	w.ok(err)
	same(w, "the other endpoint", got, cloneEndpoint(other))
}

func deleteEndpoint(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	waits, ended := w.message(app, ep, other), w.message(app, ep, other)
	w.record(waits, ep, fanfare.Waiting)
	gone := w.record(ended, ep, fanfare.Delivered)
	stays := w.record(ended, other, fanfare.Delivered)
	w.ok(w.store.DeleteEndpoint(w.Context(), app.ID, ep.ID))

	_, err := w.store.Endpoint(w.Context(), app.ID, string(ep.ID))
	w.is(err, fanfare.ErrNotFound)
	same(w, "what waits", w.waiting(ep), nil)
	for _, msg := range []*fanfare.Message{waits, ended} {
		same(w, "its delivery", w.delivery(msg, ep), nil)
		if w.delivery(msg, other) == nil {
			w.Error("a delivery to the other endpoint is gone")
		}
	}
	_, err = w.store.Attempt(w.Context(), app.ID, ended.ID, gone.ID)
	w.is(err, fanfare.ErrNotFound)
	attempts, err := w.store.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: everything, Message: ended.ID})
	w.ok(err)
	same(w, "attempts that stay", attempts, []*fanfare.Attempt{cloneAttempt(stays)})
	lanes, err := w.store.Lanes(w.Context())
	w.ok(err)
	same(w, "lanes", lanes, []fanfare.Lane{{Application: app.ID, Endpoint: other.ID}})
	w.is(w.store.DeleteEndpoint(w.Context(), app.ID, ep.ID), fanfare.ErrNotFound)
}

func deleteApplication(w *world) {
	app, other := w.application("acme"), w.application("")
	ep, otherEP := w.endpoint(app), w.endpoint(other)
	event := func(m *fanfare.Message) { m.EventID = "order-1" }
	msg := w.accept(w.draft(app, event), ep)
	attempt := w.record(msg, ep, fanfare.Waiting)
	w.record(w.accept(w.draft(other, event), otherEP), otherEP, fanfare.Waiting)
	key := &fanfare.Idempotency{Key: "k"}
	_, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{intake(w.draft(app), ep)}, key)
	w.ok(err)
	before := w.photograph(other)
	w.ok(w.store.DeleteApplication(w.Context(), app.ID))

	w.is(w.store.DeleteApplication(w.Context(), app.ID), fanfare.ErrNotFound)
	same(w, "what is left of it", w.photograph(app), photograph{})
	_, err = w.store.Attempt(w.Context(), app.ID, msg.ID, attempt.ID)
	w.is(err, fanfare.ErrNotFound)
	_, err = w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{intake(w.draft(app))}, key)
	w.is(err, fanfare.ErrNotFound)
	same(w, "what waits", w.waiting(ep), nil)
	lanes, err := w.store.Lanes(w.Context())
	w.ok(err)
	same(w, "lanes", lanes, []fanfare.Lane{{Application: other.ID, Endpoint: otherEP.ID}})
	w.reopen()
	same(w, "the other application", w.photograph(other), before)
	w.application("acme") // its uid is free
}

// nothingShared scribbles over what it gave to the store and got from it.
func nothingShared(w *world) {
	app := w.application("")
	ep := w.endpoint(app, func(ep *fanfare.Endpoint) {
		ep.Channels, ep.Metadata = []string{"eu"}, map[string]string{"a": "b"}
		ep.Retry.Delays = []time.Duration{time.Second}
		ep.Auth.Basic, ep.Auth.OAuth2 = &fanfare.BasicAuth{Username: "a"}, &fanfare.OAuth2{Scopes: []string{"s"}}
	})
	msg := w.draft(app, func(m *fanfare.Message) { m.Channels, m.Tags = []string{"eu"}, []string{"t"} })
	w.accept(msg, ep)
	o := w.outcome(msg, ep, fanfare.Delivered)
	o.Attempt.ResponseBody = []byte("fine")
	o.Attempt.ResponseHeader = []fanfare.Header{{Name: "Date", Value: "today"}}
	w.ok(w.store.Record(w.Context(), o))
	value := []byte("value")
	w.ok(w.store.SetSetting(w.Context(), "s", value))
	before := written(w.photograph(app))

	for _, p := range []photograph{w.photograph(app), {Endpoints: []*fanfare.Endpoint{ep}, Messages: []*fanfare.Message{msg}, Attempts: []*fanfare.Attempt{o.Attempt}}} {
		for _, ep := range p.Endpoints {
			ep.Auth.Basic.Username, ep.Auth.OAuth2.Scopes[0], ep.Auth.OAuth2.Audience = "x", "x", "x"
			ep.URL, ep.Channels[0], ep.Metadata["a"], ep.Secrets[0].Text, ep.Retry.Delays[0] = "x", "x", "x", "x", 0
		}
		for _, msg := range p.Messages {
			msg.EventType, msg.Payload[0], msg.Channels[0], msg.Tags[0] = "x", 'x', "x", "x"
		}
		for _, a := range p.Attempts {
			a.URL, a.ResponseBody[0], a.ResponseHeader[0].Value = "x", 'x', "x"
		}
		for _, d := range p.Deliveries {
			d.State, d.Attempts = fanfare.Cancelled, 99
		}
	}
	value[0] = 'x'
	same(w, "what the store holds", written(w.photograph(app)), before)
	got, err := w.store.Setting(w.Context(), "s")
	w.ok(err)
	same(w, "setting", string(got), "value")
}

// written puts a photograph into words, which share no memory with anything.
func written(p photograph) string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (w *world) eventType(name string) *fanfare.EventType {
	w.Helper()
	id, at := w.stamp("evtype_")
	t := &fanfare.EventType{ID: fanfare.EventTypeID(id), Name: name, CreatedAt: at, UpdatedAt: at}
	w.ok(w.store.CreateEventType(w.Context(), t))
	return t
}

func eventTypeComesBack(w *world) {
	t := w.eventType("record.created")
	check := func() {
		w.Helper()
		got, err := w.store.EventType(w.Context(), t.Name)
		w.ok(err)
		same(w, "event type", got, cloneEventType(t))
	}
	check()
	t.Description, t.GroupName = "a “record” came to be", "record"
	t.Schemas = json.RawMessage("{ \"1\" : {\"b\":1, \"a\":12345678901234567890,\"a\":\"\\ud800\"} }\n")
	t.FeatureFlags, t.Archived, t.Deprecated = []string{"beta", "alpha"}, true, true
	t.Examples, t.Validation = json.RawMessage("[ 1.0 ]\n"), fanfare.ValidationReject
	t.UpdatedAt = t.UpdatedAt.Add(time.Nanosecond * 1999)
	w.ok(w.store.UpdateEventType(w.Context(), t))
	check()
	w.reopen()
	check()
	t.Schemas, t.FeatureFlags, t.Examples, t.Validation = nil, nil, nil, fanfare.ValidationWarn
	w.ok(w.store.UpdateEventType(w.Context(), t))
	check()
	w.ok(w.store.DeleteEventType(w.Context(), t.Name))
	_, err := w.store.EventType(w.Context(), t.Name)
	w.is(err, fanfare.ErrNotFound)
	w.is(w.store.DeleteEventType(w.Context(), t.Name), fanfare.ErrNotFound)
	w.is(w.store.UpdateEventType(w.Context(), t), fanfare.ErrNotFound)
	w.eventType(t.Name)
}

func eventTypeTaken(w *world) {
	t := w.eventType("record.created")
	again := *t
	again.ID, again.Description = "evtype_01JCQ4E2M07000G00000000004", "another"
	w.is(w.store.CreateEventType(w.Context(), &again), fanfare.ErrExists)
	got, err := w.store.EventType(w.Context(), t.Name)
	w.ok(err)
	same(w, "the first", got, cloneEventType(t))
	w.eventType("Record.created") // case tells names apart
}

func archivedEventTypes(w *world) {
	names := []string{"B", "a", "a.b", "a/b", "a:b", "ab", "z"} // in order of their bytes
	for _, name := range []string{"z", "a/b", "a", "ab", "B", "a:b", "a.b"} {
		t := w.eventType(name)
		if t.Archived = name == "a:b"; t.Archived {
			w.ok(w.store.UpdateEventType(w.Context(), t))
		}
	}
	list := func(page fanfare.Page, archived bool) []string {
		w.Helper()
		types, err := w.store.EventTypes(w.Context(), page, archived)
		w.ok(err)
		return each(types, func(t *fanfare.EventType) string { return t.Name })
	}
	slices.Sort(names)
	same(w, "all", list(everything, true), names)
	current := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "a:b" })
	same(w, "current", list(everything, false), current)
	same(w, "behind one that is not listed", list(fanfare.Page{Limit: 2, After: "a:b", Ascending: true}, false), []string{"ab", "z"})
	slices.Reverse(current)
	same(w, "backwards", list(fanfare.Page{Limit: 3}, false), current[:3])
	same(w, "backwards behind", list(fanfare.Page{Limit: 9, After: current[2]}, false), current[3:])
}
