package fanfare_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A recorderOf is a store whose Record is another.
type recorderOf struct {
	fanfare.Store
	record func(ctx context.Context, s fanfare.Store, os []*fanfare.Outcome) error
}

func (r *recorderOf) Record(ctx context.Context, os ...*fanfare.Outcome) error {
	return r.record(ctx, r.Store, os)
}

// gathering has n attempts that went well recorded at once: first, the record of one
// waits for the others to be made. record is what becomes of those others.
func gathering(t *testing.T, w *world, n int, record func(ctx context.Context, s fanfare.Store, os []*fanfare.Outcome) error) *receiver {
	t.Helper()
	gate := make(chan bool)
	first := true
	w.runOn(&recorderOf{w.store, func(ctx context.Context, s fanfare.Store, os []*fanfare.Outcome) error {
		if first {
			first = false
			<-gate
			return s.Record(ctx, os...)
		}
		return record(ctx, s, os)
	}})
	rcv := w.receiver("a.test", nil)
	w.endpoint(fanfare.Endpoint{URL: rcv.url, MaxInFlight: 1000})
	w.send("a.b", 0)
	synctest.Wait() // it is alone at the gate
	for i := range n {
		w.send("a.b", i+1)
	}
	synctest.Wait()
	close(gate)
	return rcv
}

// runOn ends the Hub, and starts another on s.
func (w *world) runOn(s fanfare.Store) {
	w.stop()
	w.hub = fanfare.New(s, &fanfare.Options{
		Dial: w.net.DialContext, AllowLoopback: true, PerHost: 1000, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.hub.Run(ctx) }()
	w.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
}

// TestARecordThatFailsHoldsUpNoOther has one attempt of a hundred that the store does not
// take: the others are stored in their order, with few tries.
func TestARecordThatFailsHoldsUpNoOther(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		calls := 0
		var poisoned fanfare.MessageID
		var want, stored []fanfare.MessageID
		gathering(t, w, 100, func(ctx context.Context, s fanfare.Store, os []*fanfare.Outcome) error {
			calls++
			if poisoned == "" {
				poisoned = os[37].Attempt.Message
				for _, o := range slices.Concat(os[:37], os[38:]) {
					want = append(want, o.Attempt.Message)
				}
			}
			for _, o := range os {
				if o.Attempt.Message == poisoned {
					return errors.New("a column refuses it")
				}
			}
			for _, o := range os {
				stored = append(stored, o.Attempt.Message)
			}
			return s.Record(ctx, os...)
		})
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if len(want) != 99 || !slices.Equal(stored, want) {
			t.Errorf("%d attempts were stored, and %d were to be, in their order", len(stored), len(want))
		}
		if most := 2 * 7; calls > 1+most {
			t.Errorf("the store was asked %d times; halving takes %d", calls, 1+most)
		}
	})
}

// TestAStoreThatIsAwayIsNotAskedForEach has the store take twenty seconds to say that it
// is away: who waits for a hundred records does not wait as long for each.
func TestAStoreThatIsAwayIsNotAskedForEach(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		calls := 0
		rcv := gathering(t, w, 100, func(ctx context.Context, s fanfare.Store, os []*fanfare.Outcome) error {
			if calls++; calls > 3 {
				return s.Record(ctx, os...)
			}
			time.Sleep(20 * time.Second)
			return errors.New("the database does not answer")
		})
		time.Sleep(25 * time.Second)
		if n := len(rcv.requests()); n != 201 {
			t.Errorf("%d requests; the scheduler waits for some of 100 attempts whose record has failed", n)
		}
		time.Sleep(5 * time.Minute)
		if n := w.hub.Counters().Delivered; n != 101 {
			t.Errorf("%d deliveries were recorded in the end, want 101", n)
		}
	})
}
