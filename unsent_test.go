package fanfare_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// unsent is what is said of the endpoints that msg was not sent to, by uid.
func (w *world) unsent(msg *fanfare.Message, channels ...string) (lines []string, more int) {
	w.t.Helper()
	all, more, err := w.hub.Unsent(w.t.Context(), msg, channels)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, u := range all {
		lines = append(lines, u.Endpoint.UID+": "+u.Why)
	}
	return lines, more
}

func TestWhyAnEndpointWasNotSentAMessage(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.eventType(fanfare.EventType{Name: "order.paid", Schemas: []byte(`{"1":{},"2":{}}`)})
		rcv := w.receiver("all.example", nil)
		w.endpoint(fanfare.Endpoint{UID: "all", URL: rcv.url})
		never := fanfare.Endpoint{URL: "http://never.example/"}
		for uid, change := range map[string]func(ep *fanfare.Endpoint){
			"disabled": func(ep *fanfare.Endpoint) { ep.Disabled = true },
			"paused":   func(ep *fanfare.Endpoint) { ep.Paused, ep.OnPause = true, fanfare.OnPauseCancel },
			"types":    func(ep *fanfare.Endpoint) { ep.EventTypes = []string{"order.sent", "stock.*"} },
			"channels": func(ep *fanfare.Endpoint) { ep.Channels = []string{"eu"} },
			"filter":   func(ep *fanfare.Endpoint) { ep.Filter = "payload.total > 100" },
			"lacking":  func(ep *fanfare.Endpoint) { ep.Filter = "payload.status == 'open'" },
			"pinned":   func(ep *fanfare.Endpoint) { ep.EventTypeVersions = map[string]int{"order.paid": 1} },
			"poller":   func(ep *fanfare.Endpoint) { ep.Kind, ep.URL = fanfare.KindPoller, "" },
			"changed":  func(ep *fanfare.Endpoint) { ep.EventTypes = []string{"stock.*"} },
		} {
			ep := never
			ep.UID = uid
			change(&ep)
			w.endpoint(ep)
		}
		time.Sleep(time.Second)
		msg := w.send("order.paid", map[string]int{"total": 3})
		time.Sleep(time.Second)
		w.endpoint(fanfare.Endpoint{UID: "later", URL: never.URL})
		changed, err := w.hub.Endpoint(t.Context(), w.app.ID, "changed")
		if err != nil {
			t.Fatal(err)
		}
		changed.EventTypes = nil
		if err := w.hub.UpdateEndpoint(t.Context(), changed); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got, more := w.unsent(msg)
		slices.Sort(got)
		want := []string{
			"changed: it would be sent it now, and was changed since",
			"channels: it wants the channels eu",
			"disabled: it is disabled",
			"filter: the filter does not match",
			"lacking: the filter does not match: the message has no status",
			"later: it was added after the message",
			"paused: it is paused, and takes nothing meanwhile",
			"pinned: it wants version 1 of order.paid",
			"poller: it is a poller: the message is there for whoever polls",
			"types: it wants order.sent, stock.*, and this is order.paid",
		}
		if !slices.Equal(got, want) || more != 0 {
			t.Errorf("%d more, and\n%q; want\n%q", more, got, want)
		}
		if got, _ := w.unsent(msg, "eu", "us"); !slices.Equal(got, []string{"channels: it wants the channels eu"}) {
			t.Errorf("who is let into two channels is told %q", got)
		}

		old := w.renditions("order.paid", "event-1", 1)[0]
		if got, _ := w.unsent(old); !slices.Contains(got, "all: it wants the current version of order.paid, which is 2") || slices.ContainsFunc(got, func(line string) bool { return line[:4] == "pinn" }) {
			t.Errorf("of version 1: %q", got)
		}
		if err := w.hub.Resend(t.Context(), msg, changed); err != nil {
			t.Fatal(err)
		}
		if err := w.hub.ExpungePayload(t.Context(), w.app.ID, msg.ID); err != nil {
			t.Fatal(err)
		}
		if msg, err = w.hub.Message(t.Context(), w.app.ID, string(msg.ID)); err != nil {
			t.Fatal(err)
		}
		if got, _ := w.unsent(msg); len(got) != 9 || !slices.Contains(got, "filter: the payload that its filter would be asked about is no more") {
			t.Errorf("without a payload, and sent again to one: %q", got)
		}
	})
}

func TestNotAllThatWereNotSentAMessageAreTold(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		for i := range fanfare.MaxUnsent + 3 {
			w.endpoint(fanfare.Endpoint{UID: fmt.Sprintf("no-%02d", i), URL: "http://never.example/", EventTypes: []string{"b"}})
			time.Sleep(time.Millisecond)
		}
		got, more := w.unsent(w.send("a", nil))
		if len(got) != fanfare.MaxUnsent || more != 3 || got[0] != "no-00: it wants b, and this is a" || got[19] != "no-19: it wants b, and this is a" {
			t.Errorf("%d more, and %q", more, got)
		}
	})
}

// TestManyWereSentTheMessage has more deliveries of it than a page holds.
func TestManyWereSentTheMessage(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("all.example", nil)
		for range fanfare.MaxPage + 1 {
			w.endpoint(fanfare.Endpoint{URL: rcv.url})
		}
		w.endpoint(fanfare.Endpoint{UID: "off", URL: rcv.url, Disabled: true})
		msg := w.send("order.paid", 1)
		time.Sleep(time.Second)
		if lines, more := w.unsent(msg); !slices.Equal(lines, []string{"off: it is disabled"}) || more != 0 {
			t.Errorf("it was not sent to %q and %d others", lines, more)
		}
	})
}
