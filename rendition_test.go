package fanfare_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

func TestWhichVersionsAnEndpointWants(t *testing.T) {
	pinned := &fanfare.Endpoint{EventTypeVersions: map[string]int{"a": 1, "b": 2}}
	for _, test := range []struct {
		ep               *fanfare.Endpoint
		eventType        string
		version, current int
		want             bool
	}{
		{&fanfare.Endpoint{}, "a", 0, 0, true},
		{&fanfare.Endpoint{}, "a", 0, 2, true},
		{&fanfare.Endpoint{}, "a", 2, 2, true},
		{&fanfare.Endpoint{}, "a", 1, 2, false},
		{&fanfare.Endpoint{}, "a", 3, 2, false},
		{&fanfare.Endpoint{}, "a", 1, 0, true}, // the catalogue has forgotten
		{pinned, "c", 0, 2, true},
		{pinned, "c", 1, 2, false},
		{pinned, "a", 0, 0, true}, // there is one rendition at most
		{pinned, "a", 0, 1, true},
		{pinned, "a", 0, 2, false},
		{pinned, "a", 1, 2, true},
		{pinned, "a", 2, 2, false},
		{pinned, "a", 1, 0, true},
		{pinned, "a", 2, 0, false},
		{pinned, "b", 1, 2, false},
		{pinned, "b", 2, 1, true},
	} {
		if got := test.ep.WantsVersion(test.eventType, test.version, test.current); got != test.want {
			t.Errorf("pins %v: %s %d, of which %d is current: %t, want %t",
				test.ep.EventTypeVersions, test.eventType, test.version, test.current, got, test.want)
		}
	}
}

// renditions sends an event in each of these versions, 0 being none, under one event
// id, and returns the messages.
func (w *world) renditions(eventType, eventID string, versions ...int) []*fanfare.Message {
	w.t.Helper()
	var msgs []*fanfare.Message
	for _, v := range versions {
		msgs = append(msgs, &fanfare.Message{EventType: eventType, EventID: eventID, EventTypeVersion: v, Payload: fmt.Appendf(nil, `{"v":%d}`, v)})
	}
	errs, err := w.hub.SendBatch(w.t.Context(), "acme", msgs, nil)
	if err = errors.Join(append(errs, err)...); err != nil {
		w.t.Fatal(err)
	}
	return msgs
}

// versions are what rcv was told of the versions of what it was sent, and the bodies.
func (rcv *receiver) versions() []string {
	var all []string
	for _, r := range rcv.requests() {
		all = append(all, strings.Join(r.header.Values(webhook.HeaderEventTypeVersion), "+")+" "+r.body)
	}
	return all
}

func TestEachEndpointIsSentItsRendition(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(`{"1":{},"2":{},"draft":{}}`)})
		one, two, none := w.receiver("one.example", nil), w.receiver("two.example", nil), w.receiver("none.example", nil)
		w.endpoint(fanfare.Endpoint{URL: one.url, EventTypeVersions: map[string]int{"a": 1}})
		w.endpoint(fanfare.Endpoint{URL: two.url, EventTypeVersions: map[string]int{"a": 2}, Signature: "github", Secrets: []fanfare.Secret{{Text: "0123456789"}}})
		unpinned := w.endpoint(fanfare.Endpoint{URL: none.url})
		is := func(what string, rcv *receiver, want ...string) {
			t.Helper()
			synctest.Wait()
			if got := rcv.versions(); !slices.Equal(got, want) {
				t.Errorf("%s was sent %q, want %q", what, got, want)
			}
		}
		w.renditions("a", "event-1", 1, 2)
		is("who pins 1", one, `1 {"v":1}`)
		is("who pins 2", two, `2 {"v":2}`)
		is("who pins none", none, `2 {"v":2}`)

		w.renditions("a", "event-2", 0)
		w.renditions("a", "event-2", 1)
		is("who pins 1", one, `1 {"v":1}`, `1 {"v":1}`)
		is("who pins 2", two, `2 {"v":2}`, ` {"v":0}`)
		is("who pins none", none, `2 {"v":2}`, ` {"v":0}`)

		w.renditions("b", "event-3", 0)
		is("who pins 1", one, `1 {"v":1}`, `1 {"v":1}`, ` {"v":0}`)

		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(`{"1":{},"2":{}}`), CurrentVersion: 1})
		msgs := w.renditions("a", "event-4", 2, 1)
		is("who pins 2", two, `2 {"v":2}`, ` {"v":0}`, ` {"v":0}`, `2 {"v":2}`)
		is("who pins none", none, `2 {"v":2}`, ` {"v":0}`, ` {"v":0}`, `1 {"v":1}`)

		unpinned.EventTypeVersions = map[string]int{"a": 2}
		if err := w.hub.UpdateEndpoint(t.Context(), w.changed(unpinned)); err != nil {
			t.Fatal(err)
		}
		w.renditions("a", "event-5", 1, 2)
		is("who pins 2 by now", none, `2 {"v":2}`, ` {"v":0}`, ` {"v":0}`, `1 {"v":1}`, `2 {"v":2}`)
		if err := w.hub.Resend(t.Context(), msgs[1], unpinned); err != nil {
			t.Fatal(err)
		}
		is("to whom version 1 is sent again", none, `2 {"v":2}`, ` {"v":0}`, ` {"v":0}`, `1 {"v":1}`, `2 {"v":2}`, `1 {"v":1}`)
	})
}

// changed is ep with the revision it has by now.
func (w *world) changed(ep *fanfare.Endpoint) *fanfare.Endpoint {
	ep.Revision = w.reload(ep).Revision
	return ep
}

func TestVersionsThatThereAreNot(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(`{"1":{},"v3":{},"draft":{}}`)})
		w.eventType(fanfare.EventType{Name: "bare"})
		w.eventType(fanfare.EventType{Name: "draft", Schemas: []byte(`{"draft":{}}`)})
		const none = `the event type has no versions; give it a schema for each in schemas, such as {"1": {}}`
		for _, test := range []struct {
			eventType string
			version   int
			want      string
		}{
			{"a", 1, ""},
			{"a", 3, ""},
			{"a", 2, "there is no version 2; there are 1, 3"},
			{"a", -1, "from 1 to 2147483647, or none"},
			{"a", fanfare.MaxEventTypeVersion + 1, "from 1 to 2147483647, or none"},
			{"bare", 1, none},
			{"draft", 1, none},
			{"unknown", 1, none},
		} {
			msg := &fanfare.Message{EventType: test.eventType, EventTypeVersion: test.version, Payload: []byte(`{}`)}
			errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			var wrong *fanfare.InvalidError
			if errors.As(errs[0], &wrong) {
				got = wrong.Reason
				if wrong.Field != "eventTypeVersion" {
					t.Errorf("%s %d is refused for %s", test.eventType, test.version, wrong.Field)
				}
			}
			if got != test.want {
				t.Errorf("%s %d: %q, want %q", test.eventType, test.version, got, test.want)
			}
		}
	})
}

// TestOneEventOncePerVersion is what makes sending each rendition again safe.
func TestOneEventOncePerVersion(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(`{"1":{},"2":{}}`)})
		first := w.renditions("a", "e", 1, 2)
		again := &fanfare.Message{EventType: "a", EventID: "e", EventTypeVersion: 1, Payload: []byte(`{}`)}
		errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{again}, nil)
		if err != nil || !errors.Is(errs[0], fanfare.ErrExists) {
			t.Errorf("version 1 again: %v, %v", errs, err)
		}
		found := func(want *fanfare.Message) {
			t.Helper()
			msg, err := w.hub.Message(t.Context(), w.app.ID, "e")
			if err != nil || msg.ID != want.ID || msg.EventTypeVersion != want.EventTypeVersion {
				t.Errorf("found %+v, %v; want %+v", msg, err, want)
			}
		}
		found(first[1])
		w.renditions("a", "e", 0)
		found(first[1])
	})
}

func TestPayloadsAreCheckedByTheirVersion(t *testing.T) {
	const schemas = `{"1":{"required":["one"]},"2":{"required":["two"]},"3":{"type":7}}`
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.example", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		refused := func(version int, payload string) string {
			t.Helper()
			msg := &fanfare.Message{EventType: "a", EventTypeVersion: version, Payload: []byte(payload)}
			errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if errs[0] == nil {
				return ""
			}
			return errs[0].Error()
		}
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(schemas), Validation: fanfare.ValidationReject, CurrentVersion: 2})
		for _, test := range []struct {
			version int
			payload string
			want    string
		}{
			{0, `{"two":2}`, ""},
			{0, `{"one":1}`, `version "2" of the schema of a wants it: at /two`},
			{1, `{"one":1}`, ""},
			{1, `{"two":2}`, `version "1" of the schema of a wants it: at /one`},
			{2, `{"one":1}`, `version "2" of the schema of a wants it: at /two`},
			{3, `{}`, "eventTypeVersion: the schema of version 3 cannot be used by this program"},
		} {
			got := refused(test.version, test.payload)
			if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("%s of version %d: %q, want %q", test.payload, test.version, got, test.want)
			}
		}
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(schemas), Validation: fanfare.ValidationReject, CurrentVersion: 1})
		if got := refused(0, `{"one":1}`); got != "" {
			t.Errorf("once version 1 is current: %s", got)
		}
	})
}

func TestVersionsInCloudEvents(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(`{"7":{}}`)})
		whole, binary := w.receiver("whole.example", nil), w.receiver("binary.example", nil)
		w.endpoint(fanfare.Endpoint{URL: whole.url, Format: "cloudevents"})
		w.endpoint(fanfare.Endpoint{URL: binary.url, Format: "cloudevents-binary"})
		w.renditions("a", "", 7)
		synctest.Wait()
		w.renditions("a", "", 0)
		synctest.Wait()
		if got := whole.bodies(); !strings.Contains(got[0], `"eventtypeversion":7,`) || strings.Contains(got[1], "eventtypeversion") {
			t.Errorf("sent %q", got)
		}
		const name = "Ce-Eventtypeversion"
		if got := binary.requests(); got[0].header.Get(name) != "7" || got[1].header.Values(name) != nil {
			t.Errorf("sent %v, %v", got[0].header, got[1].header)
		}
	})
	refusedEndpoint(t, "headers", fanfare.Endpoint{Format: "cloudevents-binary", Headers: map[string]string{"CE-EventTypeVersion": "1"}})
}

// refusedEndpoint makes sure that no such endpoint can be made, for what is in a
// field.
func refusedEndpoint(t *testing.T, field string, ep fanfare.Endpoint) {
	t.Helper()
	inBubble(t, nil, func(t *testing.T, w *world) {
		ep.Application, ep.URL = w.app.ID, "http://a.example/"
		var wrong *fanfare.InvalidError
		if err := w.hub.CreateEndpoint(t.Context(), &ep); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%+v: %v, want a refusal of %s", ep, err, field)
		}
	})
}

func TestPinsHaveBounds(t *testing.T) {
	many := map[string]int{}
	for i := range fanfare.MaxPins + 1 {
		many[fmt.Sprint("t", i)] = 1
	}
	for _, pins := range []map[string]int{{"": 1}, {"a.*": 1}, {"a b": 1}, {"a": 0}, {"a": -1}, {"a": fanfare.MaxEventTypeVersion + 1}, many} {
		refusedEndpoint(t, "eventTypeVersions", fanfare.Endpoint{EventTypeVersions: pins})
	}
	refusedEndpoint(t, "headers", fanfare.Endpoint{Headers: map[string]string{"deprecation": "@1"}})
	refusedEndpoint(t, "headers", fanfare.Endpoint{Headers: map[string]string{"Sunset": "now"}})
}

// TestMissedRenditions replays to an endpoint that has pinned a version, and to a
// poller, what came before.
func TestMissedRenditions(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(`{"1":{},"2":{}}`)})
		poller := w.endpoint(fanfare.Endpoint{Kind: fanfare.KindPoller, EventTypeVersions: map[string]int{"a": 1}})
		msgs := w.renditions("a", "e", 1, 2)
		w.renditions("a", "", 0)
		time.Sleep(time.Second)
		rcv, current := w.receiver("one.example", nil), w.receiver("current.example", nil)
		pinned := w.endpoint(fanfare.Endpoint{URL: rcv.url, EventTypeVersions: map[string]int{"a": 1}})
		unpinned := w.endpoint(fanfare.Endpoint{URL: current.url})
		for _, ep := range []*fanfare.Endpoint{pinned, unpinned} {
			task := &fanfare.Task{Kind: fanfare.TaskReplayMissing, Application: w.app.ID, Endpoint: ep.ID, Selection: fanfare.Selection{Since: w.start}}
			if err := w.hub.StartTask(t.Context(), task); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		if got, want := rcv.versions(), []string{`1 {"v":1}`}; !slices.Equal(got, want) {
			t.Errorf("who pins 1 was sent %q, want %q", got, want)
		}
		got := current.versions()
		slices.Sort(got)
		if want := []string{` {"v":0}`, `2 {"v":2}`}; !slices.Equal(got, want) {
			t.Errorf("who pins none was sent %q, want %q", got, want)
		}
		p, err := w.hub.Poller(t.Context(), "acme", string(poller.ID))
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Read(t.Context(), fanfare.PollQuery{After: p.Start(), Limit: 10})
		if err != nil || len(b.Messages) != 1 || b.Messages[0].ID != msgs[0].ID || b.Messages[0].EventTypeVersion != 1 {
			t.Errorf("polled %+v, %v", b, err)
		}
	})
}

func TestExamplesOfThePinnedVersion(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		typ := &fanfare.EventType{Name: "a", Examples: []byte(`[{"own":true}]`), Schemas: []byte(`{"1":{"example":{"v":1}},"2":{"example":{"v":2}}}`)}
		w.eventType(*typ)
		rcv := w.receiver("a.example", nil)
		for _, pins := range []map[string]int{nil, {"a": 1}, {"a": 2}, {"a": 3}} {
			ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, EventTypeVersions: pins})
			if _, err := w.hub.SendExample(t.Context(), ep, typ, 0); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if got, want := rcv.versions(), []string{` {"own":true}`, `1 {"v":1}`, ` {"own":true}`, ` {"own":true}`}; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}
