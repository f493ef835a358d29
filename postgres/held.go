package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanfarehq/fanfare"
)

// An event id or idempotency key that a program's open transaction has sent under is
// neither free nor taken until that ends, which may be long. Who wants the same one has
// to wait, and nobody else.

const (
	// lockWait is how long a group waits for what others have locked. Transactions of
	// nodes are over by then.
	lockWait = 250 * time.Millisecond

	// holdGap is how long a call that is held waits before it tries again, and mostHeld how
	// many of them try at once: so they leave connections to others.
	holdGap  = 250 * time.Millisecond
	mostHeld = 4
)

// hurryGroup has a transaction that accepts not wait for long.
const hurryGroup = `
	SELECT set_config('lock_timeout', $1, true)`

// setHeld takes those out of a group that may be what it waited for: each is stored by
// itself, by who called (see [Store.acceptHeld]). It returns the others.
func setHeld(group []*intake) (free []*intake) {
	for _, call := range group {
		if call.held = call.locks(); !call.held {
			free = append(free, call)
		}
	}
	return free
}

// locks reports whether storing a call may have to wait for other transactions.
func (call *intake) locks() bool { return call.key != nil || call.latest || call.named }

// acceptHeld stores a call by itself. It waits for whoever has what it needs for as long
// as for a database that is gone.
func (s *Store) acceptHeld(ctx context.Context, call *intake) error {
	for deadline := time.Now().Add(s.limits.patience); call.held; {
		select {
		case s.held <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		call.held = false
		s.acceptAll([]*intake{call})
		<-s.held
		if !call.held {
			break
		}
		if time.Now().Add(holdGap).After(deadline) {
			return fmt.Errorf("%w: an open transaction has sent under the same event id or idempotency key", fanfare.ErrAway)
		}
		select {
		case <-time.After(holdGap):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// isLocked reports whether err says that a row was locked for too long.
func isLocked(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && fault.Code == codeLocked
}
