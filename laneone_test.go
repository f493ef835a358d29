package fanfare_test

import (
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestWhatWaitsIsTriedNow has twelve deliveries fail, each to be tried again in an hour,
// and the receiver mended.
func TestWhatWaitsIsTriedNow(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var well atomic.Bool
		rcv := w.receiver("a.test", func(n int, rw http.ResponseWriter, r *http.Request) {
			if !well.Load() {
				rw.WriteHeader(500)
			}
		})
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Delays: []time.Duration{time.Hour, time.Hour}}})
		for range 12 {
			w.send("a.b", 1)
			synctest.Wait()
			time.Sleep(5 * time.Second)
		}
		start := time.Now()
		tried := func() int { return len(rcv.times(start)) }
		before := tried()
		lane, err := w.hub.Lane(t.Context(), ep)
		if err != nil || !lane.Probing || lane.Waiting != 12 || !lane.NextProbe.After(time.Now()) {
			t.Errorf("while it fails: %+v, %v", lane, err)
		}
		if some, err := w.hub.TryNow(t.Context(), ep); !some || err != nil {
			t.Errorf("%v, %v", some, err)
		}
		synctest.Wait()
		if n := tried() - before; n != 1 {
			t.Errorf("while it fails %d are tried at once, want 1", n)
		}
		time.Sleep(time.Minute)
		if n := tried() - before; n != 1 {
			t.Errorf("after it has failed again %d were tried, want 1", n)
		}
		well.Store(true)
		if some, err := w.hub.TryNow(t.Context(), ep); !some || err != nil {
			t.Errorf("%v, %v", some, err)
		}
		synctest.Wait()
		if n := tried() - before; n != 13 {
			t.Errorf("once it is well %d are tried at once, want 13", n)
		}
		if some, err := w.hub.TryNow(t.Context(), ep); some || err != nil {
			t.Errorf("with nothing that waits: %v, %v", some, err)
		}
	})
}

func TestOnlyWhatIsSentToIsTriedNow(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", status(500))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: again})
		w.send("a.b", 1)
		synctest.Wait()
		ep = w.reload(ep)
		if err := w.hub.PauseEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		var invalid *fanfare.InvalidError
		if _, err := w.hub.TryNow(t.Context(), ep); !errors.As(err, &invalid) {
			t.Errorf("paused: %v", err)
		}
		w.close()
		if _, err := w.hub.Lane(t.Context(), ep); !errors.Is(err, fanfare.ErrNotFound) {
			t.Errorf("without Run: %v, want ErrNotFound", err)
		}
		if got := rcv.bodies(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("it had %q", got)
		}
	})
}
