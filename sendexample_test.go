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
)

func TestExampleIsOfTheNewestSchema(t *testing.T) {
	for _, c := range []struct {
		schemas string
		i       int
		want    string
		field   string // of the refusal, if there is one
		says    string
	}{
		{`{"1":{"examples":[{"b": 1.0, "a":2}]}}`, 0, `{"b": 1.0, "a":2}`, "", ""},
		{`{"1":{"examples":[1,"two",null]}}`, 1, `"two"`, "", ""},
		{`{"1":{"examples":[1,"two",null]}}`, 2, `null`, "", ""},
		{`{"1":{"examples":[1]},"2":{"examples":[2]},"10":{"examples":[10]},"9":{"examples":[9]}}`, 0, `10`, "", ""},
		{`{"v2":{"examples":[2]},"v10":{"examples":[10]},"draft":{"examples":[0]}}`, 0, `10`, "", ""},
		{`{"2026-01-01":{"examples":["old"]},"2026-02-01":{"examples":["new"]}}`, 0, `"new"`, "", ""},
		{`{"1":{"example":{"a":[1]}}}`, 7, `{"a":[1]}`, "", ""},
		{`{"1":{"example":false,"examples":[]}}`, 0, `false`, "", ""},
		{`{"1":{"example":1,"examples":[2]}}`, 0, `2`, "", ""},
		{`{"1":{"examples":[1,2]}}`, 2, "", "exampleIndex", "from 0 to 1"},
		{`{"1":{"examples":[1,2]}}`, -1, "", "exampleIndex", "from 0 to 1"},
		{`{"1":{"examples":[1]},"2":{"type":"object","properties":{"id":{"type":"string"}},"required":["id"]}}`, 5, `{"id":"string"}`, "", ""},
		{`{"1":{"type":"number","Examples":[1]}}`, 0, `1`, "", ""},
		{`{"1":{"examples":{"a":{"value":1}},"type":"boolean"}}`, 0, `true`, "", ""},
		{`{"1":true}`, 0, `{}`, "", ""},
		{`{"1":{"type":"string","minLength":100000}}`, 0, "", "eventType", `version "1"`},
		{`{"1":false}`, 0, "", "eventType", `version "1"`},
		{`{"1":null}`, 0, "", "eventType", `version "1"`},
		{`{}`, 0, "", "eventType", "has no schema"},
		{``, 0, "", "eventType", "has no schema"},
		{`[]`, 0, "", "eventType", "not an object"},
		{`{"` + strings.Repeat("v", 100_000) + `":false}`, 0, "", "eventType", "has no example"},
		{`{"1":{"example":null,"type":"boolean"}}`, 0, `true`, "", ""},
	} {
		et := &fanfare.EventType{Name: "x"}
		if c.schemas != "" {
			et.Schemas = []byte(c.schemas)
		}
		got, err := et.Example(c.i)
		var refused *fanfare.InvalidError
		switch {
		case c.field == "" && (err != nil || string(got) != c.want):
			t.Errorf("example %d of %s is %s, %v; want %s", c.i, c.schemas, got, err, c.want)
		case c.field != "" && (!errors.As(err, &refused) || refused.Field != c.field || !strings.Contains(refused.Reason, c.says) || len(refused.Reason) > 200):
			t.Errorf("example %d of %.100s is %s, %.300s; want a refusal of %s that says %q", c.i, c.schemas, got, fmt.Sprint(err), c.field, c.says)
		}
	}
}

func TestSendExampleGoesToOneEndpoint(t *testing.T) {
	for name, ordered := range map[string]bool{"ordered": true, "unordered": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				asked, other := w.receiver("asked.example", status(503, 200)), w.receiver("other.example", nil)
				ep := w.endpoint(fanfare.Endpoint{URL: asked.url, Ordered: ordered, EventTypes: []string{"never.sent"}, Channels: []string{"north"}})
				w.endpoint(fanfare.Endpoint{URL: other.url})
				et := &fanfare.EventType{Name: "record.created", Schemas: []byte(`{"1":{"examples":[1,{"id": 7.0}]}}`)}
				msg, err := w.hub.SendExample(t.Context(), ep, et, 1)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				if got, want := asked.bodies(), []string{`{"id": 7.0}`, `{"id": 7.0}`}; !slices.Equal(got, want) {
					t.Fatalf("the endpoint got %q, want %q", got, want)
				}
				if got := other.bodies(); got != nil {
					t.Errorf("another endpoint got %q", got)
				}
				for _, r := range asked.requests() {
					if id := r.header.Get("Webhook-Id"); id != string(msg.ID) {
						t.Errorf("webhook-id is %q, want %q", id, msg.ID)
					}
				}
				as := w.attempts(msg)
				if len(as) != 2 || !as[0].Manual || as[0].EventType != "record.created" || as[1].Class != fanfare.ClassSuccess {
					t.Errorf("the attempts are %+v", as)
				}
				if d := w.delivery(msg); d.State != fanfare.Delivered || d.Endpoint != ep.ID {
					t.Errorf("the delivery is %+v", d)
				}
			})
		})
	}
}

func TestSendExampleToAnEndpointThatDoesNotTake(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.example", nil)
		et := &fanfare.EventType{Name: "x", Schemas: []byte(`{"1":{"examples":[1]}}`)}
		paused := w.endpoint(fanfare.Endpoint{URL: rcv.url, Paused: true})
		msg, err := w.hub.SendExample(t.Context(), paused, et, 0)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if d := w.delivery(msg); d.State != fanfare.Waiting || len(rcv.bodies()) > 0 {
			t.Errorf("while paused it is %v, and the receiver got %q", d.State, rcv.bodies())
		}
		if err := w.hub.ResumeEndpoint(t.Context(), paused); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if d := w.delivery(msg); d.State != fanfare.Delivered {
			t.Errorf("after the pause it is %v", d.State)
		}

		disabled := w.endpoint(fanfare.Endpoint{URL: rcv.url, Disabled: true})
		var refused *fanfare.InvalidError
		if _, err := w.hub.SendExample(t.Context(), disabled, et, 0); !errors.As(err, &refused) || refused.Field != "endpoint" {
			t.Errorf("to a disabled endpoint: %v", err)
		}
		stranger := *paused
		stranger.Application = "app_00000000000000000000000000"
		if _, err := w.hub.SendExample(t.Context(), &stranger, et, 0); !errors.Is(err, fanfare.ErrNotFound) {
			t.Errorf("in an application that is not there: %v", err)
		}
		if all, err := w.hub.Messages(t.Context(), w.app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 10}}); err != nil || len(all) != 1 {
			t.Errorf("there are %d messages, %v; want 1", len(all), err)
		}
	})
}

func TestWantedSeesEveryChange(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		wanted := func(want bool, eventType string, channels ...string) {
			t.Helper()
			got, err := w.hub.Wanted(t.Context(), "acme", eventType, channels)
			if got != want || err != nil {
				t.Errorf("%s on %q is wanted: %v, %v; want %v", eventType, channels, got, err, want)
			}
		}
		wanted(false, "record.created")
		ep := w.endpoint(fanfare.Endpoint{URL: "http://a.example/", EventTypes: []string{"record.*"}, Channels: []string{"north"}})
		wanted(true, "record.created", "south", "north")
		wanted(false, "record.created", "south")
		wanted(false, "record.created")
		wanted(false, "user.created", "north")
		ep.Disabled = true
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		wanted(false, "record.created", "north")
		ep.Disabled, ep.Paused = false, true
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		wanted(true, "record.created", "north")
		if err := w.hub.DeleteEndpoint(t.Context(), w.app.ID, ep.ID); err != nil {
			t.Fatal(err)
		}
		wanted(false, "record.created", "north")

		if _, err := w.hub.Wanted(t.Context(), "nobody", "x", nil); !errors.Is(err, fanfare.ErrNotFound) {
			t.Errorf("of no application: %v", err)
		}
		var refused *fanfare.InvalidError
		if _, err := w.hub.Wanted(t.Context(), "acme", "a b", nil); !errors.As(err, &refused) || refused.Field != "eventType" {
			t.Errorf("of no event type: %v", err)
		}
		if _, err := w.hub.Wanted(t.Context(), "acme", "x", []string{""}); !errors.As(err, &refused) || refused.Field != "channels" {
			t.Errorf("on no channel: %v", err)
		}
	})
}
