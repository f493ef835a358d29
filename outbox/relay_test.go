package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/outbox"
)

// Three relays that lose every third answer, at one outbox that is written to
// meanwhile: each message is accepted once, and those of one writer in order.
func TestSeveralRelaysAcceptEachMessageOnceAndInOrder(t *testing.T) {
	inBoth(t, func(t *testing.T, w *world) {
		const writers, each = 3, 80
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var relays, sending sync.WaitGroup
		for range 3 {
			r := w.relay(&forgetful{Sender: w.hub, every: 3})
			relays.Go(func() {
				for ; ctx.Err() == nil; time.Sleep(time.Millisecond) { // Drain gives the lease back, so that all take turns
					if _, err := r.Drain(ctx); err != nil && !errors.Is(err, errLost) && ctx.Err() == nil {
						t.Error(err)
					}
				}
			})
		}
		for writer := range writers {
			sending.Go(func() {
				for i := range each {
					if err := outbox.Send(ctx, w.db, "acme", event(fmt.Sprintf("%d%03d", writer+1, i))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		sending.Wait()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if n, _ := w.left(); n == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the outbox was not drained")
			}
		}
		stop()
		relays.Wait()
		var got []string
		for after := ""; ; {
			msgs, err := w.hub.Messages(t.Context(), w.app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: fanfare.MaxPage, Ascending: true, After: after}})
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, payloads(msgs)...)
			if len(msgs) < fanfare.MaxPage {
				break
			}
			after = string(msgs[len(msgs)-1].ID)
		}
		var want []string
		for writer := range writers {
			for i := range each {
				want = append(want, fmt.Sprintf("%d%03d", writer+1, i))
			}
		}
		slices.SortStableFunc(got, func(a, b string) int { return int(a[0]) - int(b[0]) })
		if !slices.Equal(got, want) {
			t.Errorf("the Hub has %d: %v\nwant %d", len(got), got, len(want))
		}
	})
}

// An away sender fails until it is back.
type away struct {
	outbox.Sender
	mu    sync.Mutex
	calls int
	back  int // the call it is back at
}

func (a *away) SendBatch(ctx context.Context, app string, msgs []*fanfare.Message, key *fanfare.Idempotency) ([]error, error) {
	a.mu.Lock()
	a.calls++
	fails := a.calls < a.back
	a.mu.Unlock()
	if fails {
		return nil, errors.New("nobody there")
	}
	return a.Sender.SendBatch(ctx, app, msgs, key)
}

func TestRunGoesOnWhenTheHubIsBack(t *testing.T) {
	inBoth(t, func(t *testing.T, w *world) {
		ctx, stop := context.WithCancel(t.Context())
		to := &away{Sender: w.hub, back: 3}
		r := w.relay(to)
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		w.send("acme", event("1"))
		r.Wake()
		failed := false
		for deadline := time.Now().Add(time.Minute); r.Stats().Accepted < 1; time.Sleep(time.Millisecond) {
			failed = failed || r.Stats().Failing != nil && r.Stats().Lag > 0
			if time.Now().After(deadline) {
				t.Fatalf("not accepted: %+v", r.Stats())
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if !failed {
			t.Error("while the Hub was away the stats did not say so")
		}
		// The lease was given back: another relay begins at once.
		w.send("acme", event("2"))
		w.drain(w.hub, 1)
		if got := payloads(w.accepted()); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("the Hub has %v", got)
		}
	})
}

func TestRunEndsWhenTheStoreHasBroken(t *testing.T) {
	w := newWorld(t, outbox.SQLite)
	w.send("acme", event("1"))
	if err := w.relay(broken{}).Run(t.Context()); !errors.Is(err, fanfare.ErrBroken) {
		t.Errorf("Run returned %v", err)
	}
}

type broken struct{}

func (broken) SendBatch(context.Context, string, []*fanfare.Message, *fanfare.Idempotency) ([]error, error) {
	return nil, fanfare.ErrBroken
}

func TestOneRelayWorksAndTheOtherStandsBy(t *testing.T) {
	inBoth(t, func(t *testing.T, w *world) {
		holding, resume := make(chan bool), make(chan bool)
		w.send("acme", event("1"))
		first := w.relay(pausing{w.hub, holding, resume})
		var wg sync.WaitGroup
		wg.Go(func() {
			if n, err := first.Drain(t.Context()); n != 1 || err != nil {
				t.Errorf("the first: %d, %v", n, err)
			}
		})
		<-holding
		second := w.drain(w.hub, 0)
		if !second.Stats().Standby {
			t.Error("the second does not stand by")
		}
		close(resume)
		wg.Wait()
	})
}

// A pausing sender says that it was called, and goes on when told.
type pausing struct {
	outbox.Sender
	holding, resume chan bool
}

func (p pausing) SendBatch(ctx context.Context, app string, msgs []*fanfare.Message, key *fanfare.Idempotency) ([]error, error) {
	p.holding <- true
	<-p.resume
	return p.Sender.SendBatch(ctx, app, msgs, key)
}
