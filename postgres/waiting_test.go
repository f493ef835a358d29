//go:build linux

package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
)

var waitingFlag = flag.Int("waiting", 0, "how many deliveries TestClaim has wait; 0: it is skipped")

// TestClaim measures what doc/operating.md reckons with for the death of a node: how fast
// one reads the lanes of shards that it has taken, and their windows, with so many
// deliveries waiting. A window is that of package internal/lane.
func TestClaim(t *testing.T) {
	if *waitingFlag == 0 {
		t.Skip("it takes minutes: say how many deliveries wait with -waiting")
	}
	const window = 512
	for _, each := range []int{1000, 100, 10} {
		t.Run(fmt.Sprintf("%d an endpoint", each), func(t *testing.T) {
			url := database(t)
			store := openAt(t, url, nil)
			makeWaiting(t, url, store, each)
			var all []int
			for shard := range fanfare.Shards {
				all = append(all, shard)
			}
			begun := time.Now()
			lanes, err := store.LanesOf(t.Context(), all)
			if err != nil {
				t.Fatal(err)
			}
			listed := time.Since(begun)
			if len(lanes) != *waitingFlag/each {
				t.Fatalf("%d lanes", len(lanes))
			}
			for _, readers := range []int{1, 16} {
				begun := time.Now()
				n := readWindows(t, store, lanes, window, readers)
				took := time.Since(begun)
				t.Logf("%d lanes listed in %v; %d deliveries read in %v by %d at once: %.0f/s", len(lanes), listed, n, took, readers, float64(n)/took.Seconds())
			}
		})
	}
}

// readWindows reads the first window of each lane, and counts what is in them.
func readWindows(t *testing.T, store *postgres.Store, lanes []fanfare.Lane, window, readers int) int {
	var next, read atomic.Int64
	var all sync.WaitGroup
	for range readers {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(lanes)); i = next.Add(1) - 1 {
				ds, err := store.Waiting(t.Context(), fanfare.WaitingQuery{Endpoint: lanes[i].Endpoint, Limit: window})
				if err != nil || len(ds) == 0 {
					t.Errorf("%d of a lane: %v", len(ds), err)
					return
				}
				read.Add(int64(len(ds)))
			}
		})
	}
	all.Wait()
	return int(read.Load())
}

// makeWaiting makes endpoints, and so many deliveries to each, of messages that take
// turns between them.
func makeWaiting(t *testing.T, url string, store *postgres.Store, each int) {
	t.Helper()
	newShop(t, store, 1)
	endpoints := *waitingFlag / each
	execute(t, url, fmt.Sprintf(multiply, 1, endpoints-1))
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	r, err := conn.Query(t.Context(), "SELECT id FROM endpoint")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(r, pgx.RowTo[[16]byte])
	if err != nil {
		t.Fatal(err)
	}
	shards := make([]int16, len(ids))
	for i, id := range ids {
		shards[i] = int16(store.ShardOf(fanfare.EndpointID(fanfare.EncodeID("ep_", id))))
	}
	begun, n := time.Now(), 0
	columns := []string{"endpoint", "message", "shard", "state", "manual", "attempts", "rank", "due_at", "created_at"}
	_, err = conn.CopyFrom(t.Context(), pgx.Identifier{"delivery"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		if n == endpoints*each {
			return nil, nil
		}
		i := n % endpoints
		at := begun.Add(time.Duration(n/10) * time.Millisecond)
		msg := [16]byte{6: 0x70, 8: 0x80}
		ms := at.UnixMilli()
		for b := range 6 {
			msg[b] = byte(ms >> (8 * (5 - b)))
		}
		for b := range 4 {
			msg[12+b] = byte(n >> (8 * (3 - b)))
		}
		n++
		return []any{ids[i], msg, shards[i], int16(fanfare.Waiting), false, 0, fanfare.RankOf(false, at), at.UnixMicro(), at.UnixMicro()}, nil
	}))
	if err == nil {
		_, err = conn.Exec(t.Context(), "ANALYZE delivery, endpoint")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestAWindowIsReadByTheIndex though the planner takes the endpoint for one of many with
// little to do: else all that waits is sorted for each window of it.
func TestAWindowIsReadByTheIndex(t *testing.T) {
	url := database(t)
	store := openAt(t, url, nil)
	ep := newShop(t, store, 1).eps[0]
	execute(t, url, fmt.Sprintf(multiply, 1, 200))
	const waits = `
		INSERT INTO delivery (endpoint, message, shard, state, manual, attempts, rank, due_at, created_at)
		SELECT id, (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint + n), 12, '0') || substr(md5(n::text || id::text), 13))::uuid, %d, 0, false, 0, n, n, n
		FROM endpoint, generate_series(1, %d) AS n
		WHERE %s`
	execute(t, url, fmt.Sprintf(waits, store.ShardOf(ep), 10, "uid IS NOT NULL"))
	execute(t, url, "ANALYZE delivery, endpoint")
	execute(t, url, fmt.Sprintf(waits, store.ShardOf(ep), 5000, "uid IS NULL"))
	for range 10 {
		plan, err := store.PlanWaiting(t.Context(), fanfare.WaitingQuery{Endpoint: ep, Limit: 100})
		if err != nil || !strings.Contains(plan, "Merge Append") || strings.Contains(plan, "Sort Method") {
			t.Fatalf("%v\n%s", err, plan)
		}
	}
}
