package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const selectUntold = `
	SELECT id, settings, sealed_by
	FROM endpoint
	WHERE paused IS NULL
		AND id > $1
	ORDER BY id
	LIMIT 1000`

const tellPaused = `
	UPDATE endpoint
	SET paused = $2
	WHERE id = $1
		AND paused IS NULL`

// tellAll fills in the column paused of endpoints from before there was one: what their
// sealed settings say no migration could read. What cannot be unsealed is left for who
// reads the endpoint, and is told why.
func (s *Store) tellAll(ctx context.Context) error {
	for last, more := (id{}), true; more; {
		r, err := s.pool.Query(ctx, selectUntold, last)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		var raw id
		var settings []byte
		var sealedBy string
		more = false
		_, err = pgx.ForEachRow(r, []any{&raw, &settings, &sealedBy}, func() error {
			last, more = raw, true
			var ep fanfare.Endpoint
			text, err := s.unseal(endpointPlace(raw), settings, sealedBy)
			if err == nil && stored.ReadSettings(text, &ep) == nil {
				batch.Queue(tellPaused, raw, ep.Paused)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
	}
	return nil
}
