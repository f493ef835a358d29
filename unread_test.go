package fanfare_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/fanfarehq/fanfare"
)

// A readerOf is a store that counts how messages are read of it.
type readerOf struct {
	fanfare.Store
	alone, together atomic.Int64
	broken          bool // nothing can be read together
}

func (r *readerOf) Message(ctx context.Context, app fanfare.ApplicationID, ref string) (*fanfare.Message, error) {
	r.alone.Add(1)
	return r.Store.Message(ctx, app, ref)
}

func (r *readerOf) NamedMessages(ctx context.Context, app fanfare.ApplicationID, ids []fanfare.MessageID) ([]*fanfare.Message, error) {
	r.together.Add(1)
	if r.broken {
		return nil, fanfare.ErrDamaged
	}
	return r.Store.NamedMessages(ctx, app, ids)
}

// TestWhatWasStoredBeforeIsReadTogether starts on a store with 100 messages that wait for
// two endpoints: up to 64 at a time are read together, for both where they start at once. If that fails each is read by itself.
func TestWhatWasStoredBeforeIsReadTogether(t *testing.T) {
	for _, c := range []struct {
		broken bool
		alone  int64
	}{{false, 0}, {true, 200}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			defer w.close()
			var received [2]*receiver
			for i, host := range []string{"a.test", "b.test"} {
				received[i] = w.receiver(host, nil)
				w.endpoint(fanfare.Endpoint{URL: received[i].url, MaxInFlight: 1000})
			}
			synctest.Wait()
			if err := w.stop(); err != nil {
				t.Fatal(err)
			}
			for i := range 100 {
				w.send("a.b", i)
			}
			s := &readerOf{Store: w.store, broken: c.broken}
			w.runOn(s)
			synctest.Wait()
			for _, rcv := range received {
				if n := len(rcv.bodies()); n != 100 {
					t.Errorf("%d of 100 messages arrived", n)
				}
			}
			if alone, together := s.alone.Load(), s.together.Load(); alone != c.alone || together < 2 || together > 4 {
				t.Errorf("with %+v: %d were read alone, and some together %d times", c, alone, together)
			}
		})
	}
}
