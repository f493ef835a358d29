package fanfare_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// saysTest is what each of the requests says of being a test.
func saysTest(rcv *receiver) (all []string) {
	for _, r := range rcv.requests() {
		all = append(all, r.header.Get("Webhook-Test"))
	}
	return all
}

// TestTestsSayWhatTheyAre in each attempt, whoever sends them, and are signed, retried and
// kept like events, but are no part of what is counted.
func TestTestsSayWhatTheyAre(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.example", status(503, 200, 200, 200, 200))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		before := tallies(t, w.hub)
		example, err := w.hub.SendExample(t.Context(), ep, &fanfare.EventType{Name: "a.b", Schemas: []byte(`{"1":{"examples":[1]}}`)}, 0)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		alone := &fanfare.Message{EventType: "a.b", Payload: []byte("2"), Tags: []string{"mine", fanfare.TestTag}}
		if err := w.hub.SendTo(t.Context(), ep, alone); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		theirs := &fanfare.Message{EventType: "a.b", Payload: []byte("3"), Tags: []string{fanfare.TestTag}}
		if errs, err := w.hub.SendBatch(t.Context(), string(ep.Application), []*fanfare.Message{theirs}, nil); err != nil || errs[0] != nil {
			t.Fatal(errs, err)
		}
		time.Sleep(time.Hour)
		sameTallies(t, "after tests alone", tallies(t, w.hub), before...)
		event := w.send("a.b", 4)
		time.Sleep(time.Hour)
		if got, want := saysTest(rcv), []string{"true", "true", "true", "true", ""}; !slices.Equal(got, want) {
			t.Errorf("the attempts say %q, want %q", got, want)
		}
		for _, msg := range []*fanfare.Message{example, alone, theirs, event} {
			stored, err := w.hub.Message(t.Context(), ep.Application, string(msg.ID))
			if err != nil || stored.IsTest() != (msg != event) {
				t.Errorf("%s: %+v, %v", msg.Payload, stored, err)
			}
		}
		stats, err := w.hub.EndpointStats(t.Context(), ep.Application, ep.ID, time.Time{}, time.Time{})
		if err != nil || stats[fanfare.Delivered] != 1 {
			t.Errorf("the stats are %v, %v; want those of the event", stats, err)
		}
		if got := tallies(t, w.hub); len(got) != len(before)+1 || got[len(before)].Accepted != 1 || got[len(before)].Delivered != 1 || got[len(before)].Failed != 0 {
			t.Errorf("counted: %+v", got)
		}
	})
}

// TestBatchOfTests says what it is: a test does not go together with an event.
func TestBatchOfTests(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.example", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Batch: fanfare.Batching{Size: 2, Window: time.Minute}})
		send := func(tags ...[]string) {
			t.Helper()
			var msgs []*fanfare.Message
			for _, tag := range tags {
				msgs = append(msgs, &fanfare.Message{EventType: "a.b", Payload: []byte("1"), Tags: tag})
			}
			if errs, err := w.hub.SendBatch(t.Context(), string(ep.Application), msgs, nil); err != nil || errs[0] != nil || errs[1] != nil {
				t.Fatal(errs, err)
			}
			time.Sleep(10 * time.Minute)
		}
		test := []string{fanfare.TestTag}
		send(test, test)
		send(test, nil)
		if got, want := saysTest(rcv), []string{"true", "true", ""}; !slices.Equal(got, want) {
			t.Errorf("the batches say %q, want %q", got, want)
		}
	})
}
