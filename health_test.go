package fanfare_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// again has one retry.
var again = fanfare.Retry{Delays: []time.Duration{time.Hour}}

func TestAPauseDoesNotCountAsFailing(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart=%v", restart), func(t *testing.T) {
			opt := &fanfare.Options{DisableAfter: 5 * time.Hour}
			inBubble(t, opt, func(t *testing.T, w *world) {
				rcv := w.receiver("a.test", status(500))
				ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: again})
				w.send("a.b", 1)
				time.Sleep(30 * time.Minute)
				ep = w.reload(ep)
				if err := w.hub.PauseEndpoint(t.Context(), ep); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Hour)
				if restart {
					w.close()
					w.run(opt)
				}
				ep = w.reload(ep)
				resumed := time.Now()
				if err := w.hub.ResumeEndpoint(t.Context(), ep); err != nil {
					t.Fatal(err)
				}
				for range 4 {
					time.Sleep(time.Hour)
					w.send("a.b", 1)
				}
				time.Sleep(30 * time.Minute)
				if ep = w.reload(ep); ep.Disabled || !ep.FailingSince.Equal(resumed) {
					t.Errorf("4.5 h after resuming: disabled %v, failing since %v; want false, %v", ep.Disabled, ep.FailingSince, resumed)
				}
				time.Sleep(time.Hour)
				if ep = w.reload(ep); !ep.Disabled {
					t.Error("5.5 h after resuming it is not disabled")
				}
			})
		})
	}
}

func TestResumingIsNotedWithoutAnAttempt(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", status(500))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "none"}})
		w.send("a.b", 1)
		synctest.Wait()
		ep = w.reload(ep)
		if ep.FailingSince.IsZero() {
			t.Fatal("it does not fail")
		}
		if err := w.hub.PauseEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		if err := w.hub.ResumeEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if since := w.reload(ep).FailingSince; !since.IsZero() {
			t.Errorf("failing since %v, want never", since)
		}
	})
}

// TestTheLastNoteOfAnEndpointsHealthStays has the note of a failure take longer
// than the note of the success after it.
func TestTheLastNoteOfAnEndpointsHealthStays(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var notes []time.Time
		w.bend(&bent{note: func(since time.Time) {
			notes = append(notes, since)
			if !since.IsZero() {
				time.Sleep(time.Minute)
			}
		}}, nil)
		rcv := w.receiver("a.test", status(500, 500, 200))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Delays: []time.Duration{time.Second, time.Second}}})
		w.send("a.b", 1)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(notes) != 2 || !notes[0].Equal(w.start) || !notes[1].IsZero() {
			t.Errorf("noted %v, want %v and then never", notes, w.start)
		}
		if since := w.reload(ep).FailingSince; !since.IsZero() {
			t.Errorf("failing since %v, want never", since)
		}
	})
}
