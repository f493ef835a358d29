package storetest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

var acceptTests = []test{
	{"a message comes back as it was accepted", messageComesBack},
	{"payloads come back byte for byte", payloadsComeBack},
	{"messages get their deliveries", messagesGetDeliveries},
	{"a delivery may be a manual one from the start", acceptManual},
	{"an event id is taken once an application", eventIDTaken},
	{"an event id is taken once in a batch", eventIDTakenInBatch},
	{"no application accepts nothing", acceptUnknownApplication},
	{"a delivery to an endpoint deleted meanwhile is left out", acceptDeletedEndpoint},
	{"a repeat stores nothing and gives the first ids", acceptRepeat},
	{"another request under the same key is a conflict", acceptConflict},
	{"keys are per application", acceptKeysPerApplication},
	{"a key outlives its messages", acceptKeyOutlives},
	{"a refusal does not use up the key", acceptRefusedKey},
	{"an ended context stores all or nothing", acceptEndedContext},
	{"a large fan-out is one batch", acceptFanOut},
	{"the latest of a key takes the place of the one before", latestReplaces},
	{"the latest of a key leaves what was tried or asked for", latestLeavesOthers},
	{"the latest of a batch is left", latestInBatch},
	{"a delivery keeps an ordering key of its own", ownKeys},
}

func messageComesBack(w *world) {
	app := w.application("")
	msg := w.draft(app, func(m *fanfare.Message) {
		m.EventID, m.EventType, m.ContentType = "order-1 ~!", "record/created:v2", "application/xml"
		m.Channels, m.Tags, m.OrderingKey = []string{"z", "a b", "%"}, []string{"t2", "t1", "_"}, "customer 7 é"
		m.DeliverAt = m.CreatedAt.Add(time.Hour + 1999*time.Nanosecond)
		m.CreatedAt = m.CreatedAt.Add(123456789).In(time.FixedZone("", -7200))
	})
	w.accept(msg)
	check := func() {
		w.Helper()
		for _, ref := range []string{string(msg.ID), msg.EventID} {
			got, err := w.store.Message(w.Context(), app.ID, ref)
			w.ok(err)
			same(w, ref, got, cloneMessage(msg))
		}
	}
	check()
	w.reopen()
	check()
}

func payloadsComeBack(w *world) {
	app := w.application("")
	var msgs []*fanfare.Message
	for _, p := range payloads {
		msgs = append(msgs, w.accept(w.draft(app, func(m *fanfare.Message) { m.Payload = []byte(p) })))
	}
	// No payload at all is an empty one: nil says that it was expunged.
	none := w.accept(w.draft(app, func(m *fanfare.Message) { m.Payload = nil }))
	check := func() {
		w.Helper()
		list, err := w.store.Messages(w.Context(), app.ID, fanfare.MessageFilter{Page: everything})
		w.ok(err)
		for i, msg := range msgs {
			got, err := w.store.Message(w.Context(), app.ID, string(msg.ID))
			w.ok(err)
			for _, p := range [][]byte{got.Payload, list[i].Payload} {
				if p == nil || string(p) != payloads[i] {
					w.Errorf("payload %.40q came back as %.40q", payloads[i], p)
				}
			}
		}
		got, err := w.store.Message(w.Context(), app.ID, string(none.ID))
		w.ok(err)
		same(w, "payload that was none is nil", got.Payload == nil, false)
	}
	check()
	w.reopen()
	check()
}

// payloads are bytes that a store could be tempted to tidy up.
var payloads = []string{
	"", "\x00", "null", "\"\\u0000\"", "\"\\ud800\"", "12345678901234567890", "-0", "1.0", "1e400",
	`{"a":1,"a":2}`, `{ "b" : 1 , "a" : 2 }`, "{}\n", `{"__proto__":{"x":1},"constructor":{"prototype":1}}`,
	"</script><img src=x onerror=alert(1)>\u2028", "{{7*7}}${7*7}=cmd|' /C calc'!A0", "\xff\xfe\x00{", "\xef\xbb\xbf{}",
	"{\"a\":1}\n{\"a\":2}\n", "a=1&b=%00", "<?xml version='1.0'?><a/>", "\x1f\x8b\x08", strings.Repeat("\x00\xff", 1<<19),
	`{"k":"` + strings.Repeat("x", 200<<10) + `"}`,
}

func messagesGetDeliveries(w *world) {
	app := w.application("")
	plain, inOrder := w.endpoint(app), w.endpoint(app, ordered)
	msg := w.draft(app, func(m *fanfare.Message) { m.OrderingKey = "k" })
	w.accept(msg, inOrder, plain)
	check := func() {
		w.Helper()
		got, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Message: msg.ID})
		w.ok(err)
		same(w, "deliveries", got, []*fanfare.Delivery{
			{Message: msg.ID, Endpoint: plain.ID, Rank: msg.CreatedAt.UnixMicro(), Due: msg.CreatedAt, OrderingKey: "k"},
			{Message: msg.ID, Endpoint: inOrder.ID, Due: msg.CreatedAt, OrderingKey: "k"},
		})
	}
	check()
	w.reopen()
	check()
}

func acceptManual(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	in := intake(w.draft(app), ep)
	in.Deliveries[0].Manual = true
	_, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{in}, nil)
	w.ok(err)
	w.reopen()
	same(w, "what waits", w.waiting(ep), []fanfare.MessageID{in.Message.ID})
	same(w, "manual", w.delivery(in.Message, ep).Manual, true)
	same(w, "manual, of its attempt", w.record(in.Message, ep, fanfare.Delivered).Manual, true)
}

func eventIDTaken(w *world) {
	app, other := w.application(""), w.application("")
	ep := w.endpoint(app)
	event := func(m *fanfare.Message) { m.EventID = "order-1" }
	first := w.accept(w.draft(app, event), ep)
	w.accept(w.draft(other, event))
	w.message(app)
	w.message(app) // no event id is taken more than once

	again, fresh := intake(w.draft(app, event), ep), intake(w.draft(app), ep)
	_, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{again, fresh}, nil)
	w.ok(err)
	w.is(again.Err, fanfare.ErrExists)
	w.ok(fresh.Err)
	same(w, "what waits", w.waiting(ep), []fanfare.MessageID{first.ID, fresh.Message.ID})
	got, err := w.store.Message(w.Context(), app.ID, "order-1")
	w.ok(err)
	same(w, "message by event id", got.ID, first.ID)
}

func eventIDTakenInBatch(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	event := func(m *fanfare.Message) { m.EventID = "order-1" }
	one, two := intake(w.draft(app, event), ep), intake(w.draft(app, event), ep)
	_, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{one, two}, nil)
	w.ok(err)
	w.ok(one.Err)
	w.is(two.Err, fanfare.ErrExists)
	same(w, "what waits", w.waiting(ep), []fanfare.MessageID{one.Message.ID})
	_, err = w.store.Message(w.Context(), app.ID, string(two.Message.ID))
	w.is(err, fanfare.ErrNotFound)
}

func acceptUnknownApplication(w *world) {
	msg := w.draft(&fanfare.Application{ID: "app_01JCQ4E2M07000G00000000004"})
	_, err := w.store.Accept(w.Context(), msg.Application, []*fanfare.Intake{intake(msg)}, nil)
	w.is(err, fanfare.ErrNotFound)
	newest, err := w.store.Newest(w.Context())
	w.ok(err)
	same(w, "newest", newest, [16]byte{})
}

// Whoever made the deliveries looked at the endpoints some time before. One that
// is deleted between that and Accept ends as if it had been deleted just after.
func acceptDeletedEndpoint(w *world) {
	app := w.application("")
	ep, gone := w.endpoint(app), w.endpoint(app)
	theirs := w.endpoint(w.application(""))
	w.ok(w.store.DeleteEndpoint(w.Context(), app.ID, gone.ID))
	msg := w.message(app, ep, gone, theirs)
	ds, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Message: msg.ID})
	w.ok(err)
	same(w, "endpoints", each(ds, func(d *fanfare.Delivery) fanfare.EndpointID { return d.Endpoint }), []fanfare.EndpointID{ep.ID})
	lanes, err := w.store.Lanes(w.Context())
	w.ok(err)
	same(w, "lanes", lanes, []fanfare.Lane{{Application: app.ID, Endpoint: ep.ID}})
}

func acceptRepeat(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	w.accept(w.draft(app, func(m *fanfare.Message) { m.EventID = "taken" }))
	key := &fanfare.Idempotency{Key: `"k~ 1"`, Fingerprint: [32]byte{0, 255, 1}}
	batch := func() []*fanfare.Intake {
		return []*fanfare.Intake{
			intake(w.draft(app), ep),
			intake(w.draft(app, func(m *fanfare.Message) { m.EventID = "taken" }), ep),
			intake(w.draft(app, func(m *fanfare.Message) { m.EventID = "new" }), ep),
		}
	}
	in := batch()
	earlier, err := w.store.Accept(w.Context(), app.ID, in, key)
	w.ok(err)
	same(w, "ids the first time", earlier, nil)
	want := []fanfare.MessageID{in[0].Message.ID, "", in[2].Message.ID}
	before := w.photograph(app)
	for range 2 {
		earlier, err = w.store.Accept(w.Context(), app.ID, batch(), key)
		w.ok(err)
		same(w, "ids of the repeat", earlier, want)
		same(w, "the application", w.photograph(app), before)
		w.reopen()
	}
}

func acceptConflict(w *world) {
	app := w.application("")
	key := &fanfare.Idempotency{Key: "k", Fingerprint: [32]byte{31: 1}}
	_, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{intake(w.draft(app))}, key)
	w.ok(err)
	before := w.photograph(app)
	_, err = w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{intake(w.draft(app))}, &fanfare.Idempotency{Key: "k"})
	w.is(err, fanfare.ErrConflict)
	same(w, "the application", w.photograph(app), before)
	_, err = w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{intake(w.draft(app))}, &fanfare.Idempotency{Key: "K"})
	w.ok(err) // case tells keys apart
}

func acceptKeysPerApplication(w *world) {
	for range 2 {
		app := w.application("")
		earlier, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{intake(w.draft(app))}, &fanfare.Idempotency{Key: "k"})
		w.ok(err)
		same(w, "earlier ids", earlier, nil)
	}
}

func acceptKeyOutlives(w *world) {
	app := w.application("")
	key := &fanfare.Idempotency{Key: "k"}
	in := intake(w.draft(app))
	_, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{in}, key)
	w.ok(err)
	n, err := w.store.Prune(w.Context(), in.Message.CreatedAt.Add(time.Hour), 10)
	w.ok(err)
	same(w, "messages pruned", n, 1)
	earlier, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{intake(w.draft(app))}, key)
	w.ok(err)
	same(w, "ids of the repeat", earlier, []fanfare.MessageID{in.Message.ID})
}

func acceptRefusedKey(w *world) {
	key := &fanfare.Idempotency{Key: "k"}
	id, at := w.stamp("app_")
	app := &fanfare.Application{ID: fanfare.ApplicationID(id), Name: "A", CreatedAt: at, UpdatedAt: at}
	in := intake(w.draft(app))
	_, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{in}, key)
	w.is(err, fanfare.ErrNotFound)
	w.ok(w.store.CreateApplication(w.Context(), app))
	earlier, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{in}, key)
	w.ok(err)
	same(w, "earlier ids", earlier, nil)
}

// acceptEndedContext ends the caller's patience before and while Accept runs:
// whatever it returns must be true.
func acceptEndedContext(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	for i := range 50 {
		ctx, cancel := context.WithCancel(w.Context())
		if i == 0 {
			cancel()
		} else {
			time.AfterFunc(time.Duration(i)*20*time.Microsecond, cancel)
		}
		msg := w.draft(app)
		_, err := w.store.Accept(ctx, app.ID, []*fanfare.Intake{intake(msg, ep)}, nil)
		cancel()
		_, found := w.store.Message(w.Context(), app.ID, string(msg.ID))
		switch {
		case err == nil && found != nil:
			w.Fatalf("accepted, yet the message is %v", found)
		case err != nil && !errors.Is(found, fanfare.ErrNotFound):
			w.Fatalf("not accepted (%v), yet the message is there", err)
		case err != nil && !errors.Is(err, context.Canceled):
			w.Fatal(err)
		}
	}
}

func acceptFanOut(w *world) {
	app := w.application("")
	var eps []*fanfare.Endpoint
	for range 60 {
		eps = append(eps, w.endpoint(app))
	}
	var in []*fanfare.Intake
	for range 50 {
		msg := w.draft(app, func(m *fanfare.Message) { m.Payload = bytes.Repeat([]byte("x"), 1000) })
		in = append(in, intake(msg, eps...))
	}
	_, err := w.store.Accept(w.Context(), app.ID, in, nil)
	w.ok(err)
	for _, ep := range eps {
		same(w, "what waits", w.waiting(ep), each(in, func(in *fanfare.Intake) fanfare.MessageID { return in.Message.ID }))
	}
}
