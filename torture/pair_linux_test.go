package torture

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/pgtest"
)

// A pair is a PostgreSQL and its synchronous standby, which change their roles.
type pair struct {
	servers [2]*pgtest.Server
	first   int // which of them is the primary
}

// pairNames are the names by which one is told to wait for the other.
var pairNames = [2]string{"a", "b"}

func newPair(t *testing.T) *pair {
	t.Helper()
	settings := []string{
		"wal_log_hints = on", "wal_keep_size = 128MB", "wal_retrieve_retry_interval = 500ms",
		"max_wal_size = 64MB", "min_wal_size = 32MB", // little to go through for who comes back
	}
	p := &pair{}
	p.servers[0] = pgtest.Start(t, settings...)
	if err := p.primary().Exec(t.Context(), "CREATE DATABASE fanfare"); err != nil {
		t.Fatal(err)
	}
	p.servers[1] = p.primary().Standby(t, pairNames[1])
	p.pairUp(t)
	return p
}

func (p *pair) primary() *pgtest.Server { return p.servers[p.first] }
func (p *pair) standby() *pgtest.Server { return p.servers[1-p.first] }

// url names both, and is of the one that writes.
func (p *pair) url() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/fanfare?sslmode=disable&target_session_attrs=read-write",
		p.servers[0].Port, p.servers[1].Port)
}

// inSyncAt is whether the standby is waited for, and has on its disk all up to a place.
const inSyncAt = `
	SELECT EXISTS (
		SELECT 1
		FROM pg_stat_replication
		WHERE sync_state = 'sync' AND state = 'streaming' AND flush_lsn >= '%s')`

// pairUp has the primary wait for the standby with whatever it commits, and returns
// when the standby has what was committed before, too.
func (p *pair) pairUp(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	if err := p.primary().Set(ctx, "synchronous_standby_names", pairNames[1-p.first]); err != nil {
		t.Fatal(err)
	}
	var now string
	var there bool
	err := until(ctx, 30*time.Second, func() bool {
		if now == "" {
			if err := p.primary().Row(ctx, "SELECT pg_current_wal_lsn()::text WHERE current_setting('synchronous_standby_names') <> ''", &now); err != nil {
				return false // it has not read its settings yet
			}
		}
		err := p.primary().Row(ctx, fmt.Sprintf(inSyncAt, now), &there)
		return err == nil && there
	})
	if err != nil {
		t.Fatalf("the standby does not catch up: %v", err)
	}
}

// promote makes the standby the primary. For want of a standby of its own it waits for
// none, until pairUp.
func (p *pair) promote(t *testing.T) {
	t.Helper()
	err := p.standby().Set(t.Context(), "synchronous_standby_names", "")
	if err == nil {
		err = p.standby().Promote(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	p.first = 1 - p.first
}

// rejoin makes the one that was the primary the standby of the other: it has ended.
func (p *pair) rejoin(t *testing.T, rewind bool) {
	t.Helper()
	join := p.standby().Refill
	if rewind {
		// Only a checkpoint tells pg_rewind that histories have parted.
		if err := p.primary().Exec(t.Context(), "CHECKPOINT"); err != nil {
			t.Fatal(err)
		}
		join = p.standby().Rewind
	}
	if err := join(p.primary(), pairNames[1-p.first]); err != nil {
		t.Fatal(err)
	}
	p.pairUp(t)
}

// part has the standby receive nothing any more.
func (p *pair) part(t *testing.T) {
	t.Helper()
	if err := p.standby().Set(t.Context(), "primary_conninfo", ""); err != nil {
		t.Fatal(err)
	}
	gone := false
	err := until(t.Context(), 10*time.Second, func() bool {
		err := p.primary().Row(t.Context(), "SELECT count(*) = 0 FROM pg_stat_replication", &gone)
		return err == nil && gone
	})
	if err != nil {
		t.Fatalf("the standby goes on to receive: %v", err)
	}
}

// cancelWaits has the primary give up waiting for its standby, again and again, with
// whatever it has committed alone, and returns how often it did.
func (p *pair) cancelWaits(ctx context.Context, long time.Duration) (n int) {
	for end := time.Now().Add(long); time.Now().Before(end); pause(ctx, 20*time.Millisecond) {
		cancelled := 0
		if err := p.primary().Row(ctx, "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", &cancelled); err == nil {
			n += cancelled
		}
	}
	return n
}
