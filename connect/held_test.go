package connect_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/connect"
)

// TestHeld has many want a connection that takes its time to make.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type conn struct{ n int }
		made, closed, dead := 0, 0, 0
		h := connect.Held[*conn]{
			Open: func(ctx context.Context) (*conn, error) {
				select {
				case <-time.After(time.Second):
					made++
					return &conn{made}, nil
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			},
			Alive: func(c *conn) bool { return c.n != dead },
			Close: func(*conn) { closed++ },
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if c, err := h.Take(t.Context()); err != nil || c.n != 1 {
					t.Errorf("%v, %v", c, err)
				}
			})
		}
		wg.Go(func() {
			hasty, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := h.Take(hasty); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who could not wait has %v", err)
			}
		})
		wg.Wait()
		dead = 1
		second, err := h.Take(t.Context())
		if err != nil || second.n != 2 || closed != 1 {
			t.Errorf("%v, %v; %d are closed", second, err, closed)
		}
		h.Drop(&conn{1})
		if again, err := h.Take(t.Context()); err != nil || again != second {
			t.Errorf("another's end has ended it: %v, %v", again, err)
		}
		h.Drop(second)
		h.End()
		h.End()
		if closed != 2 {
			t.Errorf("%d are closed", closed)
		}
	})
}
