package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const upsertEndpointTallies = `
	INSERT INTO endpoint_tally (sheet, endpoint, begins_at, succeeded, failed)
	SELECT $1, one.endpoint, one.begins_at, one.succeeded, one.failed
	FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) AS one (endpoint, begins_at, succeeded, failed)
	ON CONFLICT (endpoint, begins_at, sheet) DO UPDATE SET
		succeeded = excluded.succeeded,
		failed = excluded.failed`

// KeepEndpointTallies implements [fanfare.EndpointTallies].
func (s *Store) KeepEndpointTallies(ctx context.Context, sheet [16]byte, some []fanfare.EndpointTally) error {
	var eps []id
	var begins, succeeded, failed []int64
	for _, t := range some {
		ep, ok := parse(endpointPrefix, t.Endpoint)
		if !ok {
			continue // there is no such endpoint
		}
		eps, begins = append(eps, ep), append(begins, stored.Micros(t.Begins))
		succeeded, failed = append(succeeded, t.Succeeded), append(failed, t.Failed)
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, upsertEndpointTallies, sheet, eps, begins, succeeded, failed)
		return err
	})
}

// A sum of bigint is numeric.
const selectEndpointTallies = `
	SELECT endpoint, begins_at, sum(succeeded)::bigint, sum(failed)::bigint
	FROM endpoint_tally
	WHERE endpoint = ANY($1)
		AND begins_at >= $2
		AND sheet <> ALL($3)
	GROUP BY endpoint, begins_at
	ORDER BY endpoint, begins_at`

// EndpointTallies implements [fanfare.EndpointTallies].
func (s *Store) EndpointTallies(ctx context.Context, but [][16]byte, eps []fanfare.EndpointID, since time.Time) (all []fanfare.EndpointTally, err error) {
	if but == nil {
		but = [][16]byte{} // nil is NULL, and nothing is known to be another than that
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, selectEndpointTallies, endpointIDs(eps), stored.From(since), but)
		all, err = rows(r, err, func(r pgx.Rows) (t fanfare.EndpointTally, err error) {
			var ep id
			var begins int64
			err = r.Scan(&ep, &begins, &t.Succeeded, &t.Failed)
			t.Endpoint, t.Begins = fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, ep)), stored.Instant(begins)
			return t, err
		})
		return err
	})
	return all, err
}

// tallyPiece is how many counts one transaction removes, so that it does not take long.
const tallyPiece = 10_000

const deleteEndpointTallies = `
	DELETE FROM endpoint_tally
	WHERE (endpoint, begins_at, sheet) IN (
		SELECT endpoint, begins_at, sheet
		FROM endpoint_tally
		WHERE begins_at < $1
		LIMIT $2)`

// PruneEndpointTallies implements [fanfare.EndpointTallies].
func (s *Store) PruneEndpointTallies(ctx context.Context, t time.Time) error {
	for removed := int64(tallyPiece); removed == tallyPiece; {
		err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, deleteEndpointTallies, stored.Ceil(t), tallyPiece)
			removed = tag.RowsAffected()
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
