package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

var searchTests = []test{
	{"messages of all applications are looked for, those stored last first", lookedForInAll},
	{"messages of one application are looked for", lookedForInOne},
	{"a look with bounds of time passes over what is out of them", lookedAtOfATime},
	{"a look ends with so many bytes of payloads", lookedIntoSoMuch},
	{"a look does not find what is gone", lookedForWhatIsGone},
	{"messages are found by id and event id in any application", namedInAny},
	{"an attempt is found at the newest endpoints", attemptNamed},
}

// looks are pages and looks of several sizes.
var looks = []fanfare.MessageLook{{Limit: 250, Look: 500}, {Limit: 2, Look: 3}, {Limit: 1, Look: 1}, {Limit: 5, Look: 48}, {Limit: 250, Look: 7}}

// lookFor goes through all that a look finds, as ids.
func (w *world) lookFor(l fanfare.MessageLook) (ids []fanfare.MessageID) {
	w.Helper()
	var before time.Time
	for {
		found, looked, err := w.store.LookForMessages(w.Context(), l)
		w.ok(err)
		if len(found) > l.Limit || looked.Count > l.Look || looked.Count == 0 && looked.Next != "" {
			w.Fatalf("looking at %d for %d finds %d and looks at %d", l.Look, l.Limit, len(found), looked.Count)
		}
		if looked.Count > 0 && (looked.Back.IsZero() || !before.IsZero() && looked.Back.After(before)) {
			w.Fatalf("it looked back to %v, and before that to %v", looked.Back, before)
		}
		before = looked.Back
		for _, msg := range found {
			if msg.Payload != nil {
				w.Fatalf("message %s comes with its payload", msg.ID)
			}
			ids = append(ids, msg.ID)
		}
		if l.Before = looked.Next; looked.Next == "" {
			return ids
		}
	}
}

// wantLook checks what is found of messages, of which the oldest is the first.
func (w *world) wantLook(what string, l fanfare.MessageLook, msgs []*fanfare.Message) {
	w.Helper()
	var want []fanfare.MessageID
	for _, msg := range slices.Backward(msgs) {
		if within(msg.CreatedAt, l.Since, l.Until) && matches(msg, l.EventTypes, l.Channel, l.Tag) && msg.Within(l.Within) && bytes.Contains(msg.Payload, l.Text) {
			want = append(want, msg.ID)
		}
	}
	for _, size := range looks {
		l.Limit, l.Look = size.Limit, size.Look
		same(w, what, w.lookFor(l), want)
	}
}

// severalOf are messages of several applications, in turns, some of which are large.
func (w *world) severalOf(apps ...*fanfare.Application) (msgs []*fanfare.Message) {
	w.Helper()
	for i := range 24 {
		msgs = append(msgs, w.accept(w.draft(apps[i%len(apps)], func(m *fanfare.Message) {
			m.EventType = []string{"a", "a.b", "a.B", "b"}[i%4]
			m.Channels = [][]string{nil, {"eu"}, {"eu", "us"}, {"e"}, {"eu us"}}[i%5]
			m.Tags = [][]string{nil, {"x"}, {"y", "x"}}[i%3]
			m.EventTypeVersion = i % 3
			m.Payload = []byte([]string{`{"order":"o_17"}`, "", "\x00\xffo_17%_", `{"Order":"O_17"}`, "o_1" + string(bytes.Repeat([]byte("7"), 9000))}[i%5])
			if i%7 == 0 {
				m.EventID, m.OrderingKey, m.DeliverAt = m.EventType+string(m.ID), "k", m.CreatedAt.Add(time.Hour)
			}
		})))
	}
	return msgs
}

func lookedForInAll(w *world) {
	app, other := w.application(""), w.application("")
	msgs := w.severalOf(app, other)
	w.severalOf(w.operational())
	for range 2 {
		w.lookInEveryWay("", msgs)
		w.reopen()
	}
	found, looked, err := w.store.LookForMessages(w.Context(), fanfare.MessageLook{Text: []byte("777"), Limit: 1, Look: 100})
	w.ok(err)
	same(w, "a message", found, []*fanfare.Message{head(msgs[19])})
	same(w, "how far it came", looked.Back, msgs[19].CreatedAt)
	_, looked, err = w.store.LookForMessages(w.Context(), fanfare.MessageLook{Until: msgs[0].CreatedAt.Add(-time.Hour), Limit: 9, Look: 9})
	w.ok(err)
	same(w, "what was looked at from before all", looked, fanfare.Looked{})
}

// lookInEveryWay looks for messages by all there is to look for them by.
func (w *world) lookInEveryWay(app fanfare.ApplicationID, msgs []*fanfare.Message) {
	w.Helper()
	for _, text := range []string{"", "o_17", "O", "777777", "%", "\x00", "\xff", "none"} {
		w.wantLook("with "+text, fanfare.MessageLook{Application: app, Text: []byte(text)}, msgs)
	}
	for _, sub := range subsets {
		l := fanfare.MessageLook{Application: app, EventTypes: sub.types, Channel: sub.channel, Tag: sub.tag}
		w.wantLook("some", l, msgs)
		l.Text, l.Within = []byte("o_17"), []string{"eu", "us"}
		w.wantLook("some within", l, msgs)
	}
	early, late := msgs[5].CreatedAt, msgs[18].CreatedAt
	for _, bounds := range [][2]time.Time{{early}, {{}, late}, {early, late}, {early, early}, {late.Add(time.Hour)}, {time.Unix(0, 0), late}} {
		l := fanfare.MessageLook{Application: app, Since: bounds[0], Until: bounds[1]}
		w.wantLook("of a time", l, msgs)
		l.Text = []byte("o_17")
		w.wantLook("of a time, with", l, msgs)
	}
}

func lookedForInOne(w *world) {
	app, other := w.application(""), w.application("")
	msgs := slices.DeleteFunc(w.severalOf(app, other), func(msg *fanfare.Message) bool { return msg.Application != app.ID })
	for len(msgs) < 19 {
		msgs = append(msgs, w.message(app))
	}
	for range 2 {
		w.lookInEveryWay(app.ID, msgs)
		w.reopen()
	}
	own := w.operational()
	w.wantLook("of the operational one", fanfare.MessageLook{Application: own.ID}, []*fanfare.Message{w.message(own)})
	for _, nobody := range []fanfare.ApplicationID{"app_00000000000000000000000000", "acme"} {
		w.wantLook("of nobody", fanfare.MessageLook{Application: nobody}, nil)
	}
	w.wantLook("of an empty one", fanfare.MessageLook{Application: w.application("").ID}, nil)
}

// lookedAtOfATime has messages of two times, half an hour apart.
func lookedAtOfATime(w *world) {
	app := w.application("")
	early := w.message(app)
	const later = 60
	first := early.CreatedAt.Add(30 * time.Minute)
	for i := range later {
		at := first.Add(time.Duration(i) * time.Second)
		w.accept(w.draft(app, func(m *fanfare.Message) { m.ID, m.CreatedAt = fanfare.MessageID(idAt("msg_", at)), at }))
	}
	for _, of := range []fanfare.ApplicationID{"", app.ID} {
		found, looked, err := w.store.LookForMessages(w.Context(), fanfare.MessageLook{Application: of, Until: first.Add(-time.Minute), Limit: 1, Look: 2})
		w.ok(err)
		same(w, "from before", each(found, func(m *fanfare.Message) fanfare.MessageID { return m.ID }), []fanfare.MessageID{early.ID})
		same(w, "how many were looked at", looked.Count, 1)
		found, looked, err = w.store.LookForMessages(w.Context(), fanfare.MessageLook{Application: of, Since: first, Limit: 100, Look: 61})
		w.ok(err)
		same(w, "how many are found", len(found), later)
		same(w, "how far it came", looked, fanfare.Looked{Count: later, Back: first})
	}
}

func lookedIntoSoMuch(w *world) {
	app := w.application("")
	var msgs []*fanfare.Message
	for range 10 {
		msgs = append(msgs, w.accept(w.draft(app, func(m *fanfare.Message) { m.Payload = bytes.Repeat([]byte("n"), 1000) })))
	}
	for _, of := range []fanfare.ApplicationID{"", app.ID} {
		l := fanfare.MessageLook{Application: of, Text: []byte("x"), Limit: 10, Look: 100, Bytes: 2500}
		for i, want := range []int{3, 3, 3, 1} {
			_, looked, err := w.store.LookForMessages(w.Context(), l)
			w.ok(err)
			if looked.Count != want || (looked.Next == "") != (i == 3) {
				w.Errorf("look %d of %q came to %d messages and goes on at %q, want %d", i, of, looked.Count, looked.Next, want)
			}
			l.Before = looked.Next
		}
		l = fanfare.MessageLook{Application: of, Limit: 10, Look: 100, Bytes: 1}
		same(w, "with nothing to look into", w.lookFor(l), each(reversed(msgs), func(m *fanfare.Message) fanfare.MessageID { return m.ID }))
	}
}

func reversed[T any](all []T) []T {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}

func lookedForWhatIsGone(w *world) {
	app, other := w.application(""), w.application("")
	kept, expunged := w.message(other), w.message(other)
	w.message(app)
	w.ok(w.store.ExpungePayload(w.Context(), other.ID, expunged.ID))
	w.ok(w.store.DeleteApplication(w.Context(), app.ID))
	expunged.Payload = nil
	both := []*fanfare.Message{kept, expunged}
	w.wantLook("all", fanfare.MessageLook{}, both)
	w.wantLook("of one", fanfare.MessageLook{Application: other.ID}, both)
	w.wantLook("with a payload", fanfare.MessageLook{Text: []byte("n")}, both)
	w.wantLook("of the one that is gone", fanfare.MessageLook{Application: app.ID}, nil)
}

func namedInAny(w *world) {
	named := func(m *fanfare.Message) { m.EventID = "e-1" }
	first, second, third := w.application(""), w.application(""), w.application("")
	a, b, other := w.accept(w.draft(first, named)), w.accept(w.draft(third, named)), w.message(second)
	w.accept(w.draft(w.operational(), named))
	odd := w.accept(w.draft(second, func(m *fanfare.Message) { m.EventID = string(a.ID) }))
	w.accept(w.draft(first, func(m *fanfare.Message) { m.EventID = string(a.ID) }))
	w.accept(w.rendition(third, 0))
	later := w.accept(w.rendition(third, 2))
	find := func(ref string, look int) (ids []fanfare.MessageID) {
		w.Helper()
		var before fanfare.ApplicationID
		for range 10 {
			found, next, err := w.store.MessagesNamed(w.Context(), ref, before, look)
			w.ok(err)
			for _, msg := range found {
				if msg.Payload != nil {
					w.Errorf("message %s comes with its payload", msg.ID)
				}
				ids = append(ids, msg.ID)
			}
			if before = next; next == "" {
				slices.Sort(ids)
				return ids
			}
		}
		w.Fatal("it does not come to an end")
		return nil
	}
	for _, look := range []int{1, 2, 3, 100} {
		same(w, "by event id", find("e-1", look), []fanfare.MessageID{a.ID, b.ID})
		same(w, "by id", find(string(other.ID), look), []fanfare.MessageID{other.ID})
		same(w, "by an id that is an event id too", find(string(a.ID), look), []fanfare.MessageID{a.ID, odd.ID})
		same(w, "by the event id of versions", find(later.EventID, look), []fanfare.MessageID{later.ID})
		for _, ref := range []string{"e-2", "", "\x00", "%", "msg_00000000000000000000000000"} {
			same(w, "by "+ref, find(ref, look), nil)
		}
	}
	found, _, err := w.store.MessagesNamed(w.Context(), string(a.ID), "", 100)
	w.ok(err)
	same(w, "the newest application first", each(found, func(m *fanfare.Message) fanfare.MessageID { return m.ID }), []fanfare.MessageID{odd.ID, a.ID})
	found, _, err = w.store.MessagesNamed(w.Context(), string(other.ID), "", 100)
	w.ok(err)
	same(w, "a message", found, []*fanfare.Message{head(other)})
	w.ok(w.store.DeleteApplication(w.Context(), first.ID))
	same(w, "of an application that is gone", find("e-1", 2), []fanfare.MessageID{b.ID})
}

func attemptNamed(w *world) {
	app, operational := w.application(""), w.operational()
	ep, newer, own := w.endpoint(app), w.endpoint(w.application("")), w.endpoint(operational)
	named := func(a *fanfare.Attempt, look int) string {
		w.Helper()
		lane, msg, err := w.store.AttemptNamed(w.Context(), a.ID, look)
		if err != nil {
			same(w, "what is said of it", fmt.Sprint(errors.Is(err, fanfare.ErrNotFound), lane, msg), "true { }")
			return ""
		}
		return fmt.Sprint(lane, msg)
	}
	a := w.record(w.message(app, ep), ep, fanfare.Delivered)
	same(w, "an attempt", named(a, 10), fmt.Sprint(fanfare.Lane{Application: ep.Application, Endpoint: ep.ID}, a.Message))
	same(w, "at the newest two", named(a, 2), "")
	same(w, "of nothing", named(&fanfare.Attempt{ID: "atmpt_00000000000000000000000000"}, 10), "")
	same(w, "of what is no id", named(&fanfare.Attempt{ID: "x"}, 10), "")
	same(w, "an operational one", named(w.record(w.message(operational, own), own, fanfare.Delivered), 10), "")
	w.ok(w.store.DeleteEndpoint(w.Context(), newer.Application, newer.ID))
	w.ok(w.store.DeleteEndpoint(w.Context(), ep.Application, ep.ID))
	same(w, "of an endpoint that is gone", named(a, 10), "")
}
