package postgres

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

// Hurry shortens how long a store waits for its database.
func (s *Store) Hurry(patience, write time.Duration) {
	s.limits = limits{patience: patience, write: write, read: patience}
}

// MakePartitions makes the partitions of the week that t is in and of those after it.
func (s *Store) MakePartitions(ctx context.Context, t time.Time) error {
	return s.makePartitions(ctx, t)
}

// Read runs a query on a connection of the store.
func (s *Store) Read(ctx context.Context, query string) error {
	return s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, query)
		return err
	})
}

// Write calls f in a transaction of the store.
func (s *Store) Write(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	return s.write(ctx, f)
}

// ProcessOf is how a node says which process it is, of one of this machine.
func ProcessOf(pid int) string {
	_, start, _ := stat(pid) // one that has ended has none
	return (&process{ownProcess.place, pid, start}).String()
}

// Twin is another node on the connections of s, which must outlast it. It is not closed.
func (s *Store) Twin() *Store {
	twin := &Store{pool: s.pool, leasing: s.leasing, limits: s.limits}
	twin.keys.Store(s.keys.Load())
	return twin
}

// Warn has the COMMIT of tx taken for one that the database warned of.
func (s *Store) Warn(tx pgx.Tx) { s.warned.Store(tx.Conn().PgConn(), true) }

// PlanWaiting is how the database goes about Waiting, as it plans once for all endpoints.
func (s *Store) PlanWaiting(ctx context.Context, q fanfare.WaitingQuery) (plan string, err error) {
	ep, _ := parse(endpointPrefix, q.Endpoint)
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "PREPARE planned AS "+selectWaiting); err != nil {
			return err
		}
		explain := fmt.Sprintf("EXPLAIN (ANALYZE, TIMING OFF) EXECUTE planned ('%x', 0, '%x', %d, %d)", ep, id{}, q.Limit, shardOf(ep))
		err := readByIndex(ctx, conn, func(r pgx.Rows) error {
			var line string
			_, err := pgx.ForEachRow(r, []any{&line}, func() error { plan += line + "\n"; return nil })
			return err
		}, explain)
		_, wrong := conn.Exec(ctx, "DEALLOCATE planned")
		return cmp.Or(err, wrong)
	})
	return plan, err
}
