// Package storetest is the contract that every [fanfare.Store] must pass: [Run]
// checks it sentence by sentence, by random histories that are compared with a
// [Model], and under concurrency. It knows nothing of any particular store.
//
// Where the comments in package fanfare leave something open, this is settled
// here:
//
//   - Times come back in UTC, to the microsecond, rounded down; the zero time
//     comes back zero. Durations are kept to the microsecond.
//   - No slice or map and an empty one are the same thing, but for a message's
//     Payload, which is nil once it was expunged and never otherwise.
//   - Payloads, bodies, settings, schemas and the values of an attempt's headers
//     are kept byte for byte, whatever they are. All other text is valid UTF-8
//     without NUL when it is stored; in a look-up it can be anything, and is then
//     not found.
//   - A list of what is not there is empty. Everything else that names an
//     application, endpoint or message that is not there, or is another's, is
//     ErrNotFound, with the same text in both cases.
//   - An argument is left as it was, but for Intake.Err, an attempt's Manual and
//     the Revision of what is stored, and is not held on to; what is returned is the
//     caller's.
//   - A zero Since or Until does not restrict, in Stats too.
//   - Once a delivery has ended, its Due and Rank mean nothing.
//   - The ordering key of a delivery is its message's.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fanfarehq/fanfare"
)

// An Opener opens the store of that name: an empty one the first time, and after
// it was closed the same one again with all that it held. Names are unlike each
// other, and of letters, digits and hyphens. The suite closes what it opens. Several
// tests open theirs at the same time.
type Opener func(t testing.TB, name string) fanfare.Store

// Run checks that stores keep the contract, each test on a new one. The random
// histories are rapid's: -rapid.checks=10000 runs more of them.
func Run(t *testing.T, open Opener) {
	run(t, open, groups, func(*testing.T, test) bool { return true })
}

// A group of tests is about one thing.
type group struct {
	name  string
	tests []test
}

var groups = []group{
	{"catalogue", catalogueTests},
	{"event types", eventTypeTests},
	{"revisions", revisionTests},
	{"retries and handshakes", settingTests},
	{"schemas", schemaTests},
	{"versions", versionTests},
	{"accept", acceptTests},
	{"record", recordTests},
	{"many", manyTests},
	{"lanes", laneTests},
	{"again", againTests},
	{"log", logTests},
	{"filters", filterTests},
	{"within", withinTests},
	{"pages", pageTests},
	{"prune", pruneTests},
	{"keeping", keepingTests},
	{"audit", auditTests},
	{"access", accessTests},
	{"tasks", taskTests},
	{"exports", exportTests},
	{"usage", usageTests},
	{"pollers", pollerTests},
	{"overview", overviewTests},
	{"searches", searchTests},
	{"sources", sourceTests},
	{"mutes", muteTests},
	{"tallies", tallyTests},
	{"tallies of endpoints", endpointTallyTests},
	{"concurrency", concurrencyTests},
}

// run does what Run does with those tests of groups that are wanted.
func run(t *testing.T, open Opener, groups []group, wanted func(*testing.T, test) bool) {
	for i, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for j, test := range g.tests {
				if !wanted(t, test) {
					continue
				}
				t.Run(test.name, func(t *testing.T) {
					test.run(newWorld(t, open, fmt.Sprintf("contract-%d-%d", i, j)))
				})
			}
		})
	}
	t.Run("random histories", func(t *testing.T) {
		t.Parallel()
		histories(t, open)
	})
}

type test struct {
	name string
	run  func(w *world)
}

// A world is a store under test and the means to fill it. What it makes is a
// second older each time than what it makes next, by id and by time.
type world struct {
	*testing.T
	store fanfare.Store
	open  func() fanfare.Store
	ids
}

func newWorld(t *testing.T, open Opener, name string) *world {
	w := &world{T: t, open: func() fanfare.Store { return open(t, name) }}
	w.store = w.open()
	t.Cleanup(func() { w.ok(w.store.Close()) })
	return w
}

// reopen closes the store and opens it again.
func (w *world) reopen() {
	w.Helper()
	w.ok(w.store.Close())
	w.store = w.open()
}

// start is the second that stamps count from. It lies so little behind that
// nothing stored under one is too old to be kept.
var start = time.Now().UTC().Truncate(time.Second).Add(-2 * time.Hour)

// ids makes identifiers that grow, with the times that belong to them.
type ids struct{ made atomic.Int64 }

// stamp makes an identifier and the time it was made at.
func (g *ids) stamp(prefix string) (string, time.Time) {
	at := start.Add(time.Duration(g.made.Add(1)) * time.Second)
	return idAt(prefix, at), at
}

// idAt makes the identifier of something made at that time: a version 7 UUID.
func idAt(prefix string, at time.Time) string {
	raw := [16]byte{6: 0x70, 8: 0x80, 15: 1}
	for i, ms := 5, at.UnixMilli(); i >= 0; i, ms = i-1, ms>>8 {
		raw[i] = byte(ms)
	}
	return fanfare.EncodeID(prefix, raw)
}

func (w *world) application(uid string) *fanfare.Application {
	w.Helper()
	id, at := w.stamp("app_")
	app := &fanfare.Application{ID: fanfare.ApplicationID(id), UID: uid, Name: "Acme", CreatedAt: at, UpdatedAt: at}
	w.ok(w.store.CreateApplication(w.Context(), app))
	return app
}

func (w *world) endpoint(app *fanfare.Application, change ...func(*fanfare.Endpoint)) *fanfare.Endpoint {
	w.Helper()
	id, at := w.stamp("ep_")
	ep := &fanfare.Endpoint{
		ID: fanfare.EndpointID(id), Application: app.ID, URL: "https://example.com/in",
		Secrets: []fanfare.Secret{{Text: "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}, CreatedAt: at, UpdatedAt: at,
	}
	for _, c := range change {
		c(ep)
	}
	w.ok(w.store.CreateEndpoint(w.Context(), ep))
	return ep
}

func ordered(ep *fanfare.Endpoint) { ep.Ordered = true }

// draft makes a message, not yet stored.
func (w *world) draft(app *fanfare.Application, change ...func(*fanfare.Message)) *fanfare.Message {
	id, at := w.stamp("msg_")
	msg := &fanfare.Message{
		ID: fanfare.MessageID(id), Application: app.ID, EventType: "record.created",
		Payload: []byte(`{"n":1}`), CreatedAt: at,
	}
	for _, c := range change {
		c(msg)
	}
	return msg
}

// intake makes ready to store msg, due at once at each of the endpoints.
func intake(msg *fanfare.Message, eps ...*fanfare.Endpoint) *fanfare.Intake {
	in := &fanfare.Intake{Message: msg}
	for _, ep := range eps {
		in.Deliveries = append(in.Deliveries, fanfare.Delivery{
			Message: msg.ID, Endpoint: ep.ID, Due: msg.CreatedAt,
			Rank: fanfare.RankOf(ep.Ordered, msg.CreatedAt), OrderingKey: msg.OrderingKey,
		})
	}
	return in
}

// accept stores a message that goes to eps.
func (w *world) accept(msg *fanfare.Message, eps ...*fanfare.Endpoint) *fanfare.Message {
	w.Helper()
	in := intake(msg, eps...)
	earlier, err := w.store.Accept(w.Context(), msg.Application, []*fanfare.Intake{in}, nil)
	w.ok(err)
	w.ok(in.Err)
	same(w, "earlier ids", earlier, nil)
	return msg
}

// message stores a plain message to eps.
func (w *world) message(app *fanfare.Application, eps ...*fanfare.Endpoint) *fanfare.Message {
	w.Helper()
	return w.accept(w.draft(app), eps...)
}

// outcome makes an attempt at msg after which its delivery is in that state.
func (w *world) outcome(msg *fanfare.Message, ep *fanfare.Endpoint, state fanfare.State) *fanfare.Outcome {
	id, at := w.stamp("atmpt_")
	o := &fanfare.Outcome{
		Attempt: &fanfare.Attempt{
			ID: fanfare.AttemptID(id), Message: msg.ID, Endpoint: ep.ID, EventType: msg.EventType, Test: msg.IsTest(),
			Number: 1, URL: ep.URL, StartedAt: at, Duration: 30 * time.Millisecond,
			Status: 503, Class: fanfare.ClassStatus, State: state,
		},
		Delivery: fanfare.Delivery{Message: msg.ID, Endpoint: ep.ID, State: state, OrderingKey: msg.OrderingKey, Attempts: 1},
	}
	if state == fanfare.Waiting {
		o.Attempt.NextAt = at.Add(time.Minute)
		o.Delivery.Due, o.Delivery.Rank = o.Attempt.NextAt, fanfare.RankOf(ep.Ordered, o.Attempt.NextAt)
	}
	if state == fanfare.Delivered {
		o.Attempt.Status, o.Attempt.Class = 204, fanfare.ClassSuccess
	}
	return o
}

// record stores an attempt at msg after which its delivery is in that state.
func (w *world) record(msg *fanfare.Message, ep *fanfare.Endpoint, state fanfare.State) *fanfare.Attempt {
	w.Helper()
	o := w.outcome(msg, ep, state)
	w.ok(w.store.Record(w.Context(), o))
	return o.Attempt
}

// delivery reads the delivery of msg to ep; nil if there is none.
func (w *world) delivery(msg *fanfare.Message, ep *fanfare.Endpoint) *fanfare.Delivery {
	w.Helper()
	ds, err := w.store.Deliveries(w.Context(), msg.Application, fanfare.DeliveryFilter{Page: everything, Message: msg.ID})
	w.ok(err)
	for _, d := range ds {
		if d.Endpoint == ep.ID {
			return d
		}
	}
	return nil
}

// waiting reads what waits for ep, in order.
func (w *world) waiting(ep *fanfare.Endpoint) []fanfare.MessageID {
	w.Helper()
	ds, err := w.store.Waiting(w.Context(), fanfare.WaitingQuery{Endpoint: ep.ID, Limit: 1000})
	w.ok(err)
	return each(ds, func(d *fanfare.Delivery) fanfare.MessageID { return d.Message })
}

// everything is the first page, as large as it may be, the oldest first.
var everything = fanfare.Page{Limit: fanfare.MaxPage, Ascending: true}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// is checks the kind of an error.
func (w *world) is(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("the error is %v, want %v", err, want)
	}
}

func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, likeness...); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// likeness is how what stores return is compared.
var likeness = []cmp.Option{
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) && a.Location() == b.Location() }),
	cmp.FilterPath(isPayload, cmp.Comparer(func(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) })),
	cmp.FilterPath(func(p cmp.Path) bool { return !isPayload(p) }, cmp.Comparer(bytes.Equal)),
	cmp.FilterPath(func(p cmp.Path) bool { return !isBytes(p) }, cmpopts.EquateEmpty()),
	cmp.Transformer("meaning", func(d fanfare.Delivery) fanfare.Delivery {
		if d.State != fanfare.Waiting {
			d.Due, d.Rank = time.Time{}, 0
		}
		return d
	}),
}

func isBytes(p cmp.Path) bool {
	t := p.Last().Type()
	return t != nil && t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

func isPayload(p cmp.Path) bool {
	field, ok := p.Last().(cmp.StructField)
	return ok && field.Name() == "Payload"
}

func each[T, U any](list []T, f func(T) U) []U {
	var all []U
	for _, v := range list {
		all = append(all, f(v))
	}
	return all
}
