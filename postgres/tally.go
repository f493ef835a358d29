package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const upsertTallies = `
	INSERT INTO tally (hub, begins_at, accepted, delivered, given_up, failed)
	SELECT $1, one.begins_at, one.accepted, one.delivered, one.given_up, one.failed
	FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS one (begins_at, accepted, delivered, given_up, failed)
	ON CONFLICT (begins_at, hub) DO UPDATE SET
		accepted = excluded.accepted,
		delivered = excluded.delivered,
		given_up = excluded.given_up,
		failed = excluded.failed`

// KeepTallies implements [fanfare.Tallies].
func (s *Store) KeepTallies(ctx context.Context, hub [16]byte, some []fanfare.Tally) error {
	var columns [5][]int64
	for _, t := range some {
		for i, n := range []int64{stored.Micros(t.Begins), t.Accepted, t.Delivered, t.GivenUp, t.Failed} {
			columns[i] = append(columns[i], n)
		}
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, upsertTallies, hub, columns[0], columns[1], columns[2], columns[3], columns[4])
		return err
	})
}

// A sum of bigint is numeric.
const selectTallies = `
	SELECT begins_at, sum(accepted)::bigint, sum(delivered)::bigint, sum(given_up)::bigint, sum(failed)::bigint
	FROM tally
	WHERE begins_at >= $1 AND begins_at < $2 AND hub <> $3
	GROUP BY begins_at
	ORDER BY begins_at`

// Tallies implements [fanfare.Tallies].
func (s *Store) Tallies(ctx context.Context, but [16]byte, since, until time.Time) (all []fanfare.Tally, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, selectTallies, stored.From(since), stored.To(until), but)
		all, err = rows(r, err, func(r pgx.Rows) (t fanfare.Tally, err error) {
			var begins int64
			err = r.Scan(&begins, &t.Accepted, &t.Delivered, &t.GivenUp, &t.Failed)
			t.Begins = stored.Instant(begins)
			return t, err
		})
		return err
	})
	return all, err
}

// PruneTallies implements [fanfare.Tallies].
func (s *Store) PruneTallies(ctx context.Context, t time.Time) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM tally WHERE begins_at < $1", stored.Ceil(t))
		return err
	})
}
