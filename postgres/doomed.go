package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// A sweeper removes the rows of what was deleted, which nobody can reach any more.
type sweeper struct {
	wake chan struct{} // has room for one
	end  context.CancelFunc
	done sync.WaitGroup
}

func (w *sweeper) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// sweepAgain is how long after a sweep that failed the next one comes.
const sweepAgain = time.Minute

// sweep removes rows whenever it is roused, until ctx ends.
func (s *Store) sweep(ctx context.Context) {
	for {
		var again <-chan time.Time
		if s.sweepAll(ctx) != nil {
			again = time.After(sweepAgain)
		}
		select {
		case <-s.sweeping.wake:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Store) sweepAll(ctx context.Context) error {
	for {
		what, endpoint := id{}, false
		err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			return conn.QueryRow(ctx, "SELECT id, kind = 'endpoint' FROM doomed LIMIT 1").Scan(&what, &endpoint)
		})
		if isAnswer(err) {
			return nil
		}
		if err != nil {
			return err
		}
		of := []string{
			"DELETE FROM message WHERE id IN (SELECT id FROM message WHERE application = $1 LIMIT $2)",
			"DELETE FROM event_id WHERE (application, event_id, event_type_version) IN (SELECT application, event_id, event_type_version FROM event_id WHERE application = $1 LIMIT $2)",
		}
		if endpoint {
			of = []string{
				"DELETE FROM attempt WHERE (endpoint, id) IN (SELECT endpoint, id FROM attempt WHERE endpoint = $1 LIMIT $2)",
				"DELETE FROM delivery WHERE (endpoint, message) IN (SELECT endpoint, message FROM delivery WHERE endpoint = $1 LIMIT $2)",
			}
		}
		if err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error { return keepNewest(ctx, tx) }); err != nil {
			return err
		}
		for _, query := range of {
			if _, err := s.removeAll(ctx, query, what, removeChunk); err != nil {
				return err
			}
		}
		err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "DELETE FROM doomed WHERE id = $1", what)
			return err
		})
		if err != nil {
			return err
		}
	}
}
