package fanfare_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestWhatFailedIsSentAgainOnceTheEndpointIsHealthy begins a recovery of 600 deliveries
// while the receiver is down, for ten minutes.
func TestWhatFailedIsSentAgainOnceTheEndpointIsHealthy(t *testing.T) {
	for name, ep := range map[string]fanfare.Endpoint{
		"never tried again": {Retry: fanfare.Retry{Preset: "none"}},
		"tried again":       {},
		"in order":          {Retry: fanfare.Retry{Preset: "none"}, Ordered: true},
		"in order, again":   {Ordered: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				well := w.start.Add(10 * time.Minute)
				rcv := w.receiver("a.test", func(_ int, rw http.ResponseWriter, _ *http.Request) {
					if time.Now().Before(well) {
						rw.WriteHeader(500)
					}
				})
				ep.URL = rcv.url
				to := w.endpoint(ep)
				w.past(600, to, fanfare.GivenUp)
				task := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: to.ID, Selection: fanfare.Selection{WhenHealthy: true}})
				time.Sleep(well.Sub(w.start) - time.Nanosecond)
				if before := len(rcv.requests()); before < 2 || before > 20 {
					t.Errorf("while it was down there were %d requests in ten minutes, at %v", before, rcv.times(w.start))
				}
				waiting := 1 // for its verdict, or for another that says no more
				if ep.Retry.Preset == "" && !ep.Ordered {
					waiting = 7 // each to be tried again
				}
				w.wantTask(task.ID, fanfare.TaskRunning, 600, waiting)
				time.Sleep(2 * time.Hour)
				var took []string
				for _, r := range rcv.requests() {
					if !r.at.Before(well) {
						took = append(took, r.body)
					}
				}
				for i := range 600 {
					switch {
					case len(took) != 600:
						t.Fatalf("it took %d, not each of 600 once", len(took))
					case ep.Ordered && took[i] != fmt.Sprint(i):
						t.Fatalf("as %d it took %s", i, took[i])
					case !slices.Contains(took, fmt.Sprint(i)):
						t.Fatalf("it did not take %d", i)
					}
				}
				w.wantTask(task.ID, fanfare.TaskFinished, 600, 600)
			})
		})
	}
}

// TestOneThatIsAlwaysRefusedDoesNotHoldUpTheOthers has the first delivery refused whenever
// it is tried.
func TestOneThatIsAlwaysRefusedDoesNotHoldUpTheOthers(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		rcv.server.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			text := make([]byte, 8)
			n, _ := r.Body.Read(text)
			if string(text[:n]) == "0" {
				rw.WriteHeader(400)
				return
			}
			rcv.mu.Lock()
			rcv.got = append(rcv.got, request{body: string(text[:n])})
			rcv.mu.Unlock()
		})
		to := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "none"}})
		w.past(5, to, fanfare.GivenUp)
		task := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: to.ID, Selection: fanfare.Selection{WhenHealthy: true}})
		time.Sleep(10 * time.Minute)
		got := rcv.bodies()
		slices.Sort(got)
		if want := []string{"1", "2", "3", "4"}; !slices.Equal(got, want) {
			t.Errorf("it took %q, want %q", got, want)
		}
		w.wantTask(task.ID, fanfare.TaskFinished, 5, 5)
	})
}

// TestWhatAProbeHasCostIsCountedOnceThroughARestart restarts between a probe that was
// refused and the next piece.
func TestWhatAProbeHasCostIsCountedOnceThroughARestart(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", status(500, 200))
		to := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "none"}})
		w.past(5, to, fanfare.GivenUp)
		task := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: to.ID, Selection: fanfare.Selection{WhenHealthy: true}})
		time.Sleep(30 * time.Second)
		w.wantTask(task.ID, fanfare.TaskRunning, 5, 1)
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		w.run(nil)
		time.Sleep(10 * time.Minute)
		w.wantTask(task.ID, fanfare.TaskFinished, 5, 5)
		if n := len(rcv.requests()); n != 6 {
			t.Errorf("%d requests, want one that was refused, and each of 5 once", n)
		}
	})
}

// TestARecoveryWaitsWhileItsEndpointIsPaused, and holds up no other task meanwhile; and
// goes on when the endpoint is resumed.
func TestARecoveryWaitsWhileItsEndpointIsPaused(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		to := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "none"}, Paused: true})
		other := w.endpoint(fanfare.Endpoint{URL: rcv.url, EventTypes: []string{"no.such"}})
		w.past(20, to, fanfare.GivenUp)
		w.past(3, other, fanfare.GivenUp)
		held := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: to.ID, Selection: fanfare.Selection{WhenHealthy: true}})
		plain := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: other.ID})
		time.Sleep(time.Hour)
		w.wantTask(plain.ID, fanfare.TaskFinished, 3, 3)
		w.wantTask(held.ID, fanfare.TaskRunning, 20, 0)
		if n := len(rcv.requests()); n != 3 {
			t.Errorf("%d requests while it is paused", n)
		}
		if err := w.hub.ResumeEndpoint(t.Context(), w.reload(to)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		w.wantTask(held.ID, fanfare.TaskFinished, 20, 20)
		if n := len(rcv.requests()); n != 23 {
			t.Errorf("%d requests in all", n)
		}
	})
}

// TestManyThatWaitHoldUpNobody has recoveries of many applications wait, and one of another
// application go on meanwhile.
func TestManyThatWaitHoldUpNobody(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		for i := range 200 {
			app := &fanfare.Application{Name: fmt.Sprintf("Shop %d", i)}
			if err := w.hub.CreateApplication(t.Context(), app); err != nil {
				t.Fatal(err)
			}
			ep := &fanfare.Endpoint{Application: app.ID, URL: rcv.url, Paused: true}
			if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
			w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Application: app.ID, Endpoint: ep.ID, Selection: fanfare.Selection{WhenHealthy: true}})
		}
		to := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "none"}})
		w.past(500, to, fanfare.GivenUp)
		plain := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: to.ID})
		time.Sleep(time.Second)
		w.wantTask(plain.ID, fanfare.TaskFinished, 500, 500)
	})
}

func TestOnlyARecoveryWaitsForItsEndpoint(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		to := w.endpoint(fanfare.Endpoint{URL: "http://a.test/"})
		for _, kind := range []fanfare.TaskKind{fanfare.TaskReplayMissing, fanfare.TaskBulkReplay} {
			task := fanfare.Task{Kind: kind, Application: w.app.ID, Endpoint: to.ID, Selection: fanfare.Selection{WhenHealthy: true}}
			_, _, err := w.hub.PlanTask(t.Context(), &task, 0)
			if invalid, ok := err.(*fanfare.InvalidError); !ok || invalid.Field != "whenHealthy" {
				t.Errorf("%s: %v", kind, err)
			}
		}
	})
}

func TestARecoveryOfADeletedEndpointFails(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		to := w.endpoint(fanfare.Endpoint{URL: "http://a.test/", Disabled: true})
		w.past(3, to, fanfare.GivenUp)
		task := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: to.ID, Selection: fanfare.Selection{WhenHealthy: true}})
		time.Sleep(time.Minute)
		w.wantTask(task.ID, fanfare.TaskRunning, 3, 0)
		if err := w.hub.DeleteEndpoint(t.Context(), w.app.ID, to.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := w.wantTask(task.ID, fanfare.TaskFailed, 3, 0).Error; got != "the endpoint was deleted" {
			t.Errorf("it says %q", got)
		}
	})
}
