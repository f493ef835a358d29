//go:build linux

package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/pgtest"
)

// TestACrashLosesNothingAcknowledged kills the server while messages are accepted and
// attempts recorded. Nobody who calls is told of it, for it is back in time.
func TestACrashLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	const callers, crashes = 12, 3
	mine := pgtest.Start(t)
	url, err := mine.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := newShop(t, openAt(t, url, nil), 7)
	stop := make(chan struct{})
	kept := make([][]*fanfare.Intake, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := int64(c); ; i += callers {
				select {
				case <-stop:
					return
				default:
				}
				in := s.intake(i)
				if c%3 == 0 {
					in.Message.EventID = string(in.Message.ID)
				}
				var key *fanfare.Idempotency
				if c%3 == 1 {
					key = &fanfare.Idempotency{Key: string(in.Message.ID)}
				}
				earlier, err := s.store.Accept(t.Context(), s.app, []*fanfare.Intake{in}, key)
				if err != nil || in.Err != nil || earlier != nil {
					t.Errorf("accepting %s: %v, %v, and it was there: %v", in.Message.ID, err, in.Err, earlier)
					return
				}
				if err := s.recordErr(in); err != nil {
					t.Errorf("recording %s: %v", in.Message.ID, err)
					return
				}
				kept[c] = append(kept[c], in)
			}
		})
	}
	for range crashes {
		time.Sleep(150 * time.Millisecond)
		mine.Kill()
		if err := mine.Boot(); err != nil {
			t.Error(err)
			break
		}
	}
	time.Sleep(100 * time.Millisecond)
	close(stop)
	wg.Wait()

	acknowledged := 0
	for _, some := range kept {
		for _, in := range some {
			acknowledged++
			attempts, err := s.store.Attempts(t.Context(), s.app, fanfare.AttemptFilter{Message: in.Message.ID, Page: fanfare.Page{Limit: 5}})
			if err != nil || len(attempts) != 1 {
				t.Fatalf("message %s has %d attempts (%v), want 1", in.Message.ID, len(attempts), err)
			}
		}
	}
	messages, deliveries, attempts, repeated := 0, 0, 0, 0
	row(t, url, `SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM delivery WHERE state = 1), (SELECT count(*) FROM attempt),
		(SELECT coalesce(sum(n), 0)::bigint FROM counter WHERE name LIKE 'repeat %')`, &messages, &deliveries, &attempts, &repeated)
	if messages != acknowledged || deliveries != acknowledged || attempts != acknowledged {
		t.Errorf("%d messages, %d delivered, %d attempts; %d were acknowledged", messages, deliveries, attempts, acknowledged)
	}
	t.Logf("%d messages; %d transactions were repeated", acknowledged, repeated)
}
