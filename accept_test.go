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

func TestEventTypesAndChannelsChoose(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		all := w.receiver("all.example", nil)
		some := w.receiver("some.example", nil)
		w.endpoint(fanfare.Endpoint{URL: all.url, Ordered: true})
		w.endpoint(fanfare.Endpoint{URL: some.url, Ordered: true, EventTypes: []string{"record.*", "random_number:generate"}, Channels: []string{"film"}})
		for n, m := range []fanfare.Message{
			{EventType: "record.created", Channels: []string{"film", "tourism"}},
			{EventType: "record.created"},
			{EventType: "recording.started", Channels: []string{"film"}},
			{EventType: "random_number:generate", Channels: []string{"film"}},
			{EventType: "record.item.added", Channels: []string{"film"}},
		} {
			m.Payload = fmt.Append(nil, n)
			if errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{&m}, nil); err != nil || errs[0] != nil {
				t.Fatal(errs, err)
			}
		}
		synctest.Wait()
		if got, want := all.bodies(), []string{"0", "1", "2", "3", "4"}; !slices.Equal(got, want) {
			t.Errorf("the endpoint for all had %q, want %q", got, want)
		}
		if got, want := some.bodies(), []string{"0", "3", "4"}; !slices.Equal(got, want) {
			t.Errorf("the endpoint for some had %q, want %q", got, want)
		}
	})
}

func TestDeliverAtWaits(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		msg := &fanfare.Message{EventType: "a.b", Payload: []byte("1"), DeliverAt: w.start.Add(time.Hour)}
		if errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
			t.Fatal(errs, err)
		}
		time.Sleep(2 * time.Hour)
		if got := rcv.times(w.start); !slices.Equal(got, []time.Duration{time.Hour}) {
			t.Errorf("it came at %v, want 1h", got)
		}
	})
}

func TestABatchHasOneResultEach(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Ordered: true})
		batch := func() []*fanfare.Message {
			return []*fanfare.Message{
				{EventType: "a.b", Payload: []byte("0"), EventID: "first"},
				{EventType: "a..b", Payload: []byte("1")},
				{EventType: "a.b", Payload: []byte("2"), EventID: "first"},
				{EventType: "a.b", Payload: []byte("3")},
			}
		}
		key := &fanfare.Idempotency{Key: "once", Fingerprint: [32]byte{1}}
		msgs := batch()
		errs, err := w.hub.SendBatch(t.Context(), "acme", msgs, key)
		var invalid *fanfare.InvalidError
		if err != nil || errs[0] != nil || !errors.As(errs[1], &invalid) || !errors.Is(errs[2], fanfare.ErrExists) || errs[3] != nil {
			t.Fatalf("results are %v, %v", errs, err)
		}
		again := batch()
		errs, err = w.hub.SendBatch(t.Context(), "acme", again, key)
		if err != nil || errs[0] != nil || !errors.As(errs[1], &invalid) || !errors.Is(errs[2], fanfare.ErrExists) || errs[3] != nil {
			t.Fatalf("results of the repeat are %v, %v", errs, err)
		}
		if again[0].ID != msgs[0].ID || again[3].ID != msgs[3].ID {
			t.Errorf("the repeat gave ids %s and %s, want %s and %s", again[0].ID, again[3].ID, msgs[0].ID, msgs[3].ID)
		}
		key.Fingerprint[0]++
		if _, err := w.hub.SendBatch(t.Context(), "acme", batch(), key); !errors.Is(err, fanfare.ErrConflict) {
			t.Errorf("another request under the key: %v, want ErrConflict", err)
		}
		synctest.Wait()
		if got, want := rcv.bodies(), []string{"0", "3"}; !slices.Equal(got, want) {
			t.Errorf("received %q, want %q", got, want)
		}
	})
}

func TestBadInputIsRefusedInWords(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		long := strings.Repeat("x", 300)
		eps := map[string]fanfare.Endpoint{
			"url":              {URL: "ftp://receiver.example/"},
			"eventTypes":       {URL: "http://receiver.example/", EventTypes: []string{"a*"}},
			"channels":         {URL: "http://receiver.example/", Channels: []string{""}},
			"uid":              {URL: "http://receiver.example/", UID: "a/b"},
			"headers":          {URL: "http://receiver.example/", Headers: map[string]string{"Host": "x"}},
			"metadata":         {URL: "http://receiver.example/", Metadata: map[string]string{"a": "\x00"}},
			"secret":           {URL: "http://receiver.example/", Secrets: []fanfare.Secret{{Text: "whsec_c2hvcnQ="}}},
			"timeout":          {URL: "http://receiver.example/", Timeout: time.Millisecond},
			"rateLimit":        {URL: "http://receiver.example/", RateLimit: -1},
			"retry":            {URL: "http://receiver.example/", Retry: fanfare.Retry{Preset: "none", Delays: []time.Duration{time.Hour}}},
			"retry.preset":     {URL: "http://receiver.example/", Retry: fanfare.Retry{Preset: "sometimes"}},
			"retry.delays":     {URL: "http://receiver.example/", Retry: fanfare.Retry{Delays: []time.Duration{-1}}},
			"format":           {URL: "http://receiver.example/", Format: "xml"},
			"success.statuses": {URL: "http://receiver.example/", Success: fanfare.Success{Statuses: "100-999"}},
		}
		for field, ep := range eps {
			ep.Application = w.app.ID
			var invalid *fanfare.InvalidError
			if err := w.hub.CreateEndpoint(t.Context(), &ep); !errors.As(err, &invalid) || invalid.Field != field {
				t.Errorf("%s: %v", field, err)
			}
		}
		for _, name := range []string{"", ".", "a..b", ".a", "a.", long, "a b", "a\x00", "ü", "a。b", "a.*"} {
			var invalid *fanfare.InvalidError
			if _, err := w.hub.Send(t.Context(), "acme", name, 1); !errors.As(err, &invalid) || invalid.Field != "eventType" {
				t.Errorf("event type %q: %v", name, err)
			}
		}
		if _, err := w.hub.Send(t.Context(), "nobody", "a.b", 1); !errors.Is(err, fanfare.ErrNotFound) {
			t.Errorf("an unknown application: %v", err)
		}
		var invalid *fanfare.InvalidError
		if _, err := w.hub.Send(t.Context(), "acme", "a.b", make([]byte, 1<<20+1)); !errors.As(err, &invalid) {
			t.Errorf("a payload over 1 MiB: %v", err)
		}
		if _, err := w.hub.Send(t.Context(), "acme", "a.b", make([]byte, 1<<20)); err != nil {
			t.Errorf("a payload of 1 MiB: %v", err)
		}
		if _, err := w.hub.Send(t.Context(), "acme", "a.b", func() {}); !errors.As(err, &invalid) {
			t.Errorf("a func as payload: %v", err)
		}
	})
}

// TestIdentifiersGrowWhoeverMakesThem has the clock step back between two processes,
// of which the second does not Run.
func TestIdentifiersGrowWhoeverMakesThem(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		time.Sleep(24 * time.Hour)
		newest := w.past(1, nil, 0, func(_ int, msg *fanfare.Message) {
			raw, _ := fanfare.DecodeID("msg_", string(msg.ID))
			raw[0]++ // a year and more ahead
			msg.ID = fanfare.MessageID(fanfare.EncodeID("msg_", raw))
		})[0]
		_, last, _ := strings.Cut(string(newest.ID), "_")
		for name, makes := range map[string]func(hub *fanfare.Hub) (string, error){
			"a message": func(hub *fanfare.Hub) (string, error) {
				msg, err := hub.Send(t.Context(), "acme", "a.b", 1)
				if err != nil {
					return "", err
				}
				return string(msg.ID), nil
			},
			"an application": func(hub *fanfare.Hub) (string, error) {
				app := &fanfare.Application{Name: "Other"}
				err := hub.CreateApplication(t.Context(), app)
				return string(app.ID), err
			},
			"an endpoint": func(hub *fanfare.Hub) (string, error) {
				ep := &fanfare.Endpoint{Application: w.app.ID, Kind: fanfare.KindPoller}
				err := hub.CreateEndpoint(t.Context(), ep)
				return string(ep.ID), err
			},
			"an event type": func(hub *fanfare.Hub) (string, error) {
				et := &fanfare.EventType{Name: "a.b"}
				err := hub.CreateEventType(t.Context(), et)
				return string(et.ID), err
			},
			"a task": func(hub *fanfare.Hub) (string, error) {
				task := &fanfare.Task{Kind: fanfare.TaskPurge, Application: w.app.ID}
				err := hub.StartTask(t.Context(), task)
				return string(task.ID), err
			},
			"a key": func(hub *fanfare.Hub) (string, error) {
				key := &fanfare.Key{Name: "a", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}}
				_, err := hub.CreateKey(t.Context(), key)
				return string(key.ID), err
			},
		} {
			id, err := makes(fanfare.New(w.store, nil))
			if _, digits, _ := strings.Cut(id, "_"); err != nil || digits <= last {
				t.Errorf("%s is %q, %v, which is not behind %s", name, id, err, newest.ID)
			}
		}
	})
}
