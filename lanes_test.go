package fanfare_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestLanesTellWhatTheSchedulerHasToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		gate := make(chan struct{})
		rcv := w.receiver("slow.example", func(int, http.ResponseWriter, *http.Request) { <-gate })
		ep := &fanfare.Endpoint{Application: w.app.ID, URL: rcv.url, MaxInFlight: 2}
		if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until Run has begun
		if lanes, all, err := w.hub.Lanes(t.Context()); err != nil || all != 0 || len(lanes) != 0 {
			t.Errorf("with nothing to do: %v, %d, %v", lanes, all, err)
		}
		began := time.Now()
		for range 5 {
			if _, err := w.hub.Send(t.Context(), "acme", "a.b", 1); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		lanes, all, err := w.hub.Lanes(t.Context())
		if err != nil || all != 1 || len(lanes) != 1 {
			t.Fatalf("%v, %d, %v", lanes, all, err)
		}
		l := lanes[0]
		if l.Endpoint != ep.ID || l.Application != w.app.ID || l.Waiting != 3 || l.InFlight != 2 || l.Paused || l.OldestDue.Before(began) {
			t.Errorf("%+v", l)
		}
		if err := w.hub.PauseEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if lanes, _, _ := w.hub.Lanes(t.Context()); len(lanes) != 1 || !lanes[0].Paused {
			t.Errorf("paused: %+v", lanes)
		}
		close(gate)
	})
}

func TestLanesOfAHubThatDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.close()
		if _, _, err := w.hub.Lanes(t.Context()); !errors.Is(err, fanfare.ErrNotFound) {
			t.Errorf("%v, want ErrNotFound", err)
		}
	})
}
