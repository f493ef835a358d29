package sqlite

import (
	"context"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const upsertTally = `
	INSERT INTO tally (begins_at, hub, accepted, delivered, given_up, failed)
	VALUES (?, ?, ?, ?, ?, ?)
	ON CONFLICT (begins_at, hub) DO UPDATE SET
		accepted = excluded.accepted,
		delivered = excluded.delivered,
		given_up = excluded.given_up,
		failed = excluded.failed`

// KeepTallies implements [fanfare.Tallies].
func (s *Store) KeepTallies(ctx context.Context, hub [16]byte, some []fanfare.Tally) error {
	run := func(w *writer) error {
		for _, t := range some {
			err := w.exec(upsertTally, func(bind *binder) {
				bind.time(t.Begins)
				bind.id(hub)
				bind.number(t.Accepted)
				bind.number(t.Delivered)
				bind.number(t.GivenUp)
				bind.number(t.Failed)
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	return s.write(ctx, &job{run: run, grows: true, hot: true})
}

const selectTallies = `
	SELECT begins_at, sum(accepted), sum(delivered), sum(given_up), sum(failed)
	FROM tally
	WHERE begins_at >= ? AND begins_at < ? AND hub <> ?
	GROUP BY begins_at
	ORDER BY begins_at`

// Tallies implements [fanfare.Tallies].
func (s *Store) Tallies(ctx context.Context, but [16]byte, since, until time.Time) (all []fanfare.Tally, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectTallies)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.number(stored.From(since))
		bind.number(stored.To(until))
		bind.id(but)
		return each(stmt, func(row *row) bool {
			all = append(all, fanfare.Tally{Begins: row.time(), Accepted: row.number(), Delivered: row.number(), GivenUp: row.number(), Failed: row.number()})
			return true
		})
	})
	return all, err
}

const deleteTallies = `
	DELETE FROM tally
	WHERE begins_at < ?`

// PruneTallies implements [fanfare.Tallies].
func (s *Store) PruneTallies(ctx context.Context, t time.Time) error {
	return s.note(ctx, func(w *writer) error {
		return w.exec(deleteTallies, func(bind *binder) { bind.number(stored.Ceil(t)) })
	})
}
