package fanfare_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// whileAccepting makes a change while a message is stored, but before the Hub
// that stored it has been told so.
func whileAccepting(t *testing.T, change func(w *world, ep *fanfare.Endpoint), answer int, want int) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		gate := make(chan bool)
		var gated atomic.Bool
		w.bend(&bent{accepted: func() {
			if gated.Load() {
				<-gate
			}
		}}, nil)
		rcv := w.receiver("a.test", func(n int, rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(answer) })
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		gated.Store(true)
		done := make(chan bool)
		go func() { w.send("a.b", 1); done <- true }()
		time.Sleep(time.Millisecond)
		change(w, ep)
		synctest.Wait()
		gated.Store(false)
		gate <- true
		<-done
		time.Sleep(time.Hour)
		if n := len(rcv.requests()); n != want {
			t.Errorf("%d requests, want %d", n, want)
		}
	})
}

func TestAPauseHoldsWhatIsJustBeingAccepted(t *testing.T) {
	whileAccepting(t, func(w *world, ep *fanfare.Endpoint) {
		if err := w.hub.PauseEndpoint(context.Background(), ep); err != nil {
			w.t.Fatal(err)
		}
	}, 200, 0)
}

func TestADeletedEndpointIsNotSentWhatIsJustBeingAccepted(t *testing.T) {
	whileAccepting(t, func(w *world, ep *fanfare.Endpoint) {
		if err := w.hub.DeleteEndpoint(context.Background(), ep.Application, ep.ID); err != nil {
			w.t.Fatal(err)
		}
	}, 500, 0)
}

func TestCancellingReachesWhatIsJustBeingAccepted(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		gate := make(chan bool)
		var gated atomic.Bool
		w.bend(&bent{accepted: func() {
			if gated.Load() {
				<-gate
			}
		}}, nil)
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		gated.Store(true)
		go w.send("a.b", 1)
		time.Sleep(time.Millisecond)
		n, err := w.hub.CancelWaiting(t.Context(), ep)
		synctest.Wait()
		gate <- true
		time.Sleep(10 * time.Second)
		if len(rcv.requests()) > 0 {
			t.Errorf("cancelled %d, %v; %d requests", n, err, len(rcv.requests()))
		}
	})
}

// TestALoadThatFindsOnlyWhatArrivesStrandsNothing has a lane read from the store
// while a batch that fills its window is stored there, of which the scheduler
// has not been told yet.
func TestALoadThatFindsOnlyWhatArrivesStrandsNothing(t *testing.T) {
	for _, size := range []int{512, 2000} { // as long as the window, and longer
		t.Run(fmt.Sprint(size), func(t *testing.T) { loadWhatArrives(t, size) })
	}
}

func loadWhatArrives(t *testing.T, size int) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		gate := make(chan bool)
		var gated atomic.Bool
		w.bend(&bent{accepted: func() {
			if gated.Load() {
				<-gate
			}
		}}, nil)
		rcv := w.receiver("a.test", status(500, 200))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "none"}})
		w.send("a.b", 0)
		time.Sleep(time.Second)

		batch := make([]*fanfare.Message, size)
		for i := range batch {
			batch[i] = &fanfare.Message{EventType: "a.b", Payload: fmt.Append(nil, i+1)}
		}
		gated.Store(true)
		done := make(chan error)
		go func() {
			_, err := w.hub.SendBatch(t.Context(), "acme", batch, nil)
			done <- err
		}()
		time.Sleep(time.Millisecond)
		task := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: ep.ID}) // which makes wait what is behind the batch
		time.Sleep(time.Minute)
		w.wantTask(task.ID, fanfare.TaskFinished, 1, 1)
		if n := len(rcv.requests()); n != 1 {
			t.Errorf("%d requests before the batch was accepted, want 1", n)
		}
		gated.Store(false)
		gate <- true
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		times := map[string]int{"0": -1} // it failed once before
		for _, body := range rcv.bodies() {
			times[body]++
		}
		for i := range size + 1 {
			if n := times[fmt.Sprint(i)]; n != 1 {
				t.Fatalf("message %d came %d times, of %d requests", i, n, len(rcv.requests()))
			}
		}
	})
}
