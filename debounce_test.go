package fanfare_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// keyed sends a message of an ordering key.
func (w *world) keyed(eventType, key, payload string) *fanfare.Message {
	w.t.Helper()
	msg := &fanfare.Message{EventType: eventType, OrderingKey: key, Payload: []byte(payload)}
	errs, err := w.hub.SendBatch(w.t.Context(), "acme", []*fanfare.Message{msg}, nil)
	if err != nil || errs[0] != nil {
		w.t.Fatal(err, errs)
	}
	return msg
}

func TestDebounceSendsTheLatestOfAWindow(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Debounce: 10 * time.Second})
		first := w.keyed("record.updated", "7", "1")
		time.Sleep(4 * time.Second)
		w.keyed("record.updated", "8", "2") // another key
		time.Sleep(time.Millisecond)
		w.keyed("record.deleted", "7", "3") // another type
		w.keyed("record.updated", "7", "4")
		time.Sleep(4 * time.Second)
		last := w.keyed("record.updated", "7", "5")
		time.Sleep(1900 * time.Millisecond)
		if got := rcv.bodies(); len(got) > 0 {
			t.Errorf("%q came before the window has ended", got)
		}
		time.Sleep(200 * time.Millisecond)
		if got, want := rcv.bodies(), []string{"5"}; !slices.Equal(got, want) {
			t.Errorf("%q came, want %q", got, want)
		}
		time.Sleep(10 * time.Second)
		if got, want := rcv.bodies(), []string{"5", "2", "3"}; !slices.Equal(got, want) {
			t.Errorf("%q came, want %q", got, want)
		}
		if a, b := w.delivery(first).State, w.delivery(last).State; a != fanfare.Cancelled || b != fanfare.Delivered {
			t.Errorf("the first is %v and the last %v", a, b)
		}
		w.keyed("record.updated", "7", "6") // a new window
		time.Sleep(9 * time.Second)
		if n := len(rcv.bodies()); n != 3 {
			t.Errorf("%d requests; the next one did not wait", n)
		}
		time.Sleep(2 * time.Second)
		if got := rcv.bodies(); got[len(got)-1] != "6" {
			t.Errorf("%q came, want 6 as the last", got)
		}
	})
}

func TestDebounceLeavesWhatHasATimeOfItsOwn(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Debounce: 10 * time.Second})
		msg := &fanfare.Message{EventType: "a.b", OrderingKey: "7", Payload: []byte("1"), DeliverAt: time.Now().Add(5 * time.Second)}
		if errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
			t.Fatal(err, errs)
		}
		w.keyed("a.b", "7", "2")
		time.Sleep(6 * time.Second)
		if got, want := rcv.bodies(), []string{"1"}; !slices.Equal(got, want) {
			t.Errorf("%q came after 6 s, want %q", got, want)
		}
		time.Sleep(5 * time.Second)
		if got, want := rcv.bodies(), []string{"1", "2"}; !slices.Equal(got, want) {
			t.Errorf("%q came, want %q", got, want)
		}
	})
}

// TestDebounceUnderConcurrency has many senders of one key: however their messages
// overtake each other on the way to the scheduler, one a window is sent, and the last
// one is among them.
func TestDebounceUnderConcurrency(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Debounce: time.Second})
		for range 5 {
			done := make(chan bool)
			for i := range 40 {
				go func() { w.keyed("a.b", "7", fmt.Sprint(i)); done <- true }()
			}
			for range 40 {
				<-done
			}
			time.Sleep(2 * time.Second)
		}
		w.keyed("a.b", "7", `"last"`)
		time.Sleep(2 * time.Second)
		got := rcv.bodies()
		if len(got) != 6 || got[5] != `"last"` {
			t.Errorf("%q came, want 6, the last one last", got)
		}
	})
}

// TestDebounceWhenTheLaterOneIsFirst has the scheduler hear of a message after it has
// heard of the one that replaced it.
func TestDebounceWhenTheLaterOneIsFirst(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		gate, gated := make(chan bool), true
		w.bend(&bent{accepted: func() {
			if gated {
				gated = false
				<-gate
			}
		}}, nil)
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Debounce: time.Second})
		go w.keyed("a.b", "7", "1")
		synctest.Wait()
		w.keyed("a.b", "7", "2")
		synctest.Wait()
		gate <- true
		time.Sleep(time.Minute)
		if got, want := rcv.bodies(), []string{"2"}; !slices.Equal(got, want) {
			t.Errorf("%q came, want %q", got, want)
		}
	})
}

func TestDebounceAcrossARestart(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Debounce: 10 * time.Second})
		w.keyed("a.b", "7", "1")
		w.keyed("a.b", "7", "2")
		w.stop()
		w.run(nil)
		w.keyed("a.b", "7", "3")
		time.Sleep(11 * time.Second)
		if got, want := rcv.bodies(), []string{"3"}; !slices.Equal(got, want) {
			t.Errorf("%q came, want %q", got, want)
		}
	})
}

func TestDebounceIsNotForOrderedEndpoints(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		for _, ep := range []fanfare.Endpoint{
			{Debounce: time.Second, Ordered: true}, {Debounce: time.Millisecond}, {Debounce: -time.Second}, {Debounce: 25 * time.Hour},
		} {
			ep.Application, ep.URL = w.app.ID, "http://a.test/"
			var wrong *fanfare.InvalidError
			if err := w.hub.CreateEndpoint(t.Context(), &ep); !errors.As(err, &wrong) || wrong.Field != "debounce" {
				t.Errorf("debounce %v, ordered %v: %v", ep.Debounce, ep.Ordered, err)
			}
		}
	})
}
