package fanfare_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

func (b *bent) CancelLane(ctx context.Context, app fanfare.ApplicationID, ep fanfare.EndpointID) (int, error) {
	n, err := b.Store.CancelLane(ctx, app, ep)
	if b.emptied != nil {
		return b.emptied(n)
	}
	return n, err
}

// states counts how an endpoint's deliveries stand.
func (w *world) states(ep *fanfare.Endpoint) map[fanfare.State]int {
	w.t.Helper()
	stats, err := w.hub.EndpointStats(w.t.Context(), ep.Application, ep.ID, time.Time{}, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	return stats
}

// TestWhatWasCancelledBeforeAFailureIsNotSent has the store fail after it has ended
// some of a lane.
func TestWhatWasCancelledBeforeAFailureIsNotSent(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		broken := errors.New("the disk fails")
		w.bend(&bent{emptied: func(n int) (int, error) { return n, broken }}, nil)
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Paused: true})
		w.send("a.b", 1)
		w.send("a.b", 2)
		time.Sleep(time.Second)
		if n, err := w.hub.CancelWaiting(t.Context(), ep); n != 2 || !errors.Is(err, broken) {
			t.Errorf("cancelled %d, %v; want 2 and the failure", n, err)
		}
		if err := w.hub.ResumeEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if n := len(rcv.requests()); n != 0 {
			t.Errorf("%d requests of cancelled deliveries", n)
		}
	})
}

// TestTasksMakeNothingWaitForPollers which are sent nothing, so that it would wait
// for ever.
func TestTasksMakeNothingWaitForPollers(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		poller := w.endpoint(fanfare.Endpoint{Kind: fanfare.KindPoller})
		webhook := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.past(3, poller, fanfare.GivenUp)
		w.past(2, webhook, fanfare.GivenUp)
		for _, kind := range []fanfare.TaskKind{fanfare.TaskRecover, fanfare.TaskReplayMissing, fanfare.TaskBulkReplay} {
			task := fanfare.Task{Kind: kind, Application: w.app.ID, Endpoint: poller.ID}
			var invalid *fanfare.InvalidError
			if err := w.hub.StartTask(t.Context(), &task); !errors.As(err, &invalid) || invalid.Field != "endpoint" {
				t.Errorf("%s: %v", kind, err)
			}
		}
		all := w.startTask(fanfare.Task{Kind: fanfare.TaskBulkReplay})
		time.Sleep(time.Minute)
		w.wantTask(all.ID, fanfare.TaskFinished, 2, 2)
		if got := w.states(poller); got[fanfare.Waiting] != 0 || got[fanfare.GivenUp] != 3 {
			t.Errorf("of the poller there are %v", got)
		}
	})
}

// TestATaskOfAnEndpointThatBecomesAPollerFails as it can do nothing more.
func TestATaskOfAnEndpointThatBecomesAPollerFails(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		ep := w.endpoint(fanfare.Endpoint{URL: "http://a.test/", Paused: true})
		w.past(600, ep, fanfare.GivenUp)
		w.bend(&bent{step: func(step *fanfare.TaskStep) error {
			if step.State == fanfare.TaskRunning && step.Revision == 0 {
				now := *ep
				now.Kind = fanfare.KindPoller
				return w.store.UpdateEndpoint(context.Background(), &now)
			}
			return nil
		}}, nil)
		task := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: ep.ID})
		time.Sleep(time.Hour)
		if got := w.wantTask(task.ID, fanfare.TaskFailed, 600, 250).Error; got != "the endpoint has become a poller, which is sent nothing" {
			t.Errorf("it says %q", got)
		}
	})
}

// TestWhatWaitsForAPollerIsCancelled when it becomes one, and, where a crash came
// between, at the next start.
func TestWhatWaitsForAPollerIsCancelled(t *testing.T) {
	for _, crash := range []bool{false, true} {
		inBubble(t, nil, func(t *testing.T, w *world) {
			rcv := w.receiver("a.test", nil)
			ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Paused: true})
			w.send("a.b", 1)
			w.send("a.b", 2)
			time.Sleep(time.Second)
			ep.Kind, ep.Paused = fanfare.KindPoller, false
			if crash {
				w.close()
				if err := w.store.UpdateEndpoint(t.Context(), ep); err != nil {
					t.Fatal(err)
				}
				w.run(nil)
				time.Sleep(time.Second)
			} else if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
			if got := w.states(ep); got[fanfare.Waiting] != 0 || got[fanfare.Cancelled] != 2 {
				t.Errorf("crash %v: there are %v", crash, got)
			}
			ep = w.reload(ep)
			ep.Kind = ""
			if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
			w.send("a.b", 3)
			time.Sleep(time.Hour)
			if got := rcv.bodies(); !slices.Equal(got, []string{"3"}) {
				t.Errorf("crash %v: once it is a webhook again it is sent %q", crash, got)
			}
		})
	}
}

// TestGoneIsSaidOfAnAddress and of no other that the endpoint has been given
// meanwhile.
func TestGoneIsSaidOfAnAddress(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		before := w.receiver("a.test", slowly(5*time.Second, http.StatusGone))
		after := w.receiver("b.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: before.url})
		w.send("a.b", 1)
		time.Sleep(time.Second)
		ep.URL = after.url
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if now := w.reload(ep); now.Disabled {
			t.Errorf("disabled: %s", now.DisabledReason)
		}
		w.send("a.b", 2)
		time.Sleep(time.Second)
		if got := after.bodies(); !slices.Equal(got, []string{"2"}) {
			t.Errorf("the new address got %q", got)
		}
	})
}

// TestAnApplicationsNewSettingsHoldInTheEnd though its endpoints cannot be read just
// after it was changed.
func TestAnApplicationsNewSettingsHoldInTheEnd(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var failures atomic.Int32
		w.bend(&bent{endpoints: func() error {
			if failures.Add(-1) >= 0 {
				return errors.New("busy")
			}
			return nil
		}}, nil)
		rcv := w.receiver("a.test", status(500))
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.app.Retry = own("1h")
		if err := w.hub.UpdateApplication(t.Context(), w.app); err != nil {
			t.Fatal(err)
		}
		w.app.Retry.Delays = append(w.app.Retry.Delays, time.Hour, time.Hour)
		if err := w.hub.UpdateApplication(t.Context(), w.app); err != nil {
			t.Fatal(err)
		}
		w.send("a.b", 1)
		time.Sleep(time.Minute)
		failures.Store(3)
		w.app.Retry = fanfare.Retry{Preset: "none"}
		if err := w.hub.UpdateApplication(t.Context(), w.app); err == nil {
			t.Error("it does not say that it is not in force yet")
		}
		time.Sleep(10 * time.Hour)
		if n := len(rcv.requests()); n != 2 {
			t.Errorf("%d requests, want 2: there is to be no retry after the one that was planned", n)
		}
	})
}

// TestWhatWasStoredAsTheHubBeganIsSent stores a message for a Hub that is not running,
// which begins to run, and looks for what there is, while the message counts as arriving.
func TestWhatWasStoredAsTheHubBeganIsSent(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		synctest.Wait()
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		msg := &fanfare.Message{ID: "msg_03E6NKXC01R05AVR7WTVMBCE7W", Application: w.app.ID, EventType: "a.b", Payload: []byte("1"), CreatedAt: now}
		in := []*fanfare.Intake{{Message: msg, Deliveries: []fanfare.Delivery{{Message: msg.ID, Endpoint: ep.ID, Due: now}}}}
		w.prepare(nil)
		w.hub.Expect(in)
		if _, err := w.store.Accept(t.Context(), w.app.ID, in, nil); err != nil {
			t.Fatal(err)
		}
		w.begin()
		synctest.Wait()
		if n := len(rcv.requests()); n != 0 {
			t.Fatalf("it was sent %d times while it was arriving: nothing is tested", n)
		}
		w.hub.Leave(t.Context(), in)
		synctest.Wait()
		if n := len(rcv.requests()); n != 1 {
			t.Errorf("it was sent %d times, want once", n)
		}
	})
}
