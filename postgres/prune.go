package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare/internal/stored"
)

// pruneChunk is how many messages one transaction removes.
const pruneChunk = 200

// A pruning is how far the calls of Prune that belong together have come. So the
// old messages that wait are passed once, not at every call.
type pruning struct {
	mu    sync.Mutex
	until time.Time
	after id
}

// begin returns where the last call for the same time stopped.
func (p *pruning) begin(until time.Time) (after id) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until.Equal(until) {
		after = p.after
	}
	return after
}

func (p *pruning) end(until time.Time, after id) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until, p.after = until, after
}

// Prune implements [fanfare.Log]. Whole weeks it drops; of the others it looks for what
// to remove before it locks it.
func (s *Store) Prune(ctx context.Context, t time.Time, limit int) (n int, err error) {
	if err := s.makePartitions(ctx, time.Now()); err != nil {
		return 0, err
	}
	if n, err = s.dropPartitions(ctx, t); err != nil {
		return n, err
	}
	start := s.pruning.begin(t)
	after, again := start, start != id{}
	for n < limit {
		old, next, err := s.prunable(ctx, t, after, min(limit-n, pruneChunk))
		if err != nil {
			return n, err
		}
		removed, err := s.remove(ctx, old)
		n += removed
		if err != nil {
			return n, err
		}
		after = next
		if next == (id{}) { // the end; what is before the start may have ended meanwhile
			if !again {
				break
			}
			again = false
		}
	}
	s.pruning.end(t, after)
	return n, s.expire(ctx)
}

// waits is a condition on a message: that a delivery of it waits, and not for an
// endpoint that was deleted.
const waits = `EXISTS (
		SELECT 1
		FROM delivery
		JOIN endpoint ON endpoint.id = delivery.endpoint
		WHERE delivery.endpoint = ANY(message.endpoints) AND delivery.message = message.id AND delivery.state = 0)`

const selectOld = `
	SELECT id, created_at, ` + waits + `
	FROM message
	WHERE id > $1
		AND EXISTS (SELECT 1 FROM application WHERE id = message.application)
	ORDER BY id
	LIMIT $2`

// prunable finds messages that can be removed, and where to go on looking; zero at
// the end. It looks at them by age and stops at the first that is too young; one
// from a time to come, when a clock was wrong, is passed over and stays.
func (s *Store) prunable(ctx context.Context, t time.Time, after id, limit int) (old []id, next id, err error) {
	young, wrong := stored.Ceil(t), stored.Ceil(time.Now().Add(time.Hour))
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		old, next = nil, after
		for {
			looked, end := 0, false
			r, err := conn.Query(ctx, selectOld, next, limit)
			if err != nil {
				return err
			}
			var msg id
			var created int64
			var waiting bool
			_, err = pgx.ForEachRow(r, []any{&msg, &created, &waiting}, func() error {
				looked++
				switch {
				case end || created >= young && created < wrong:
					end = true
					return nil
				case created < young && !waiting && len(old) < limit:
					old = append(old, msg)
				case created < young && !waiting:
					return nil
				}
				next = msg
				return nil
			})
			if err != nil || len(old) >= limit {
				return err
			}
			if end || looked < limit {
				next = id{}
				return nil
			}
		}
	})
	return old, next, err
}

// remove deletes messages with all that belongs to them, but those that wait again.
func (s *Store) remove(ctx context.Context, old []id) (n int, err error) {
	if len(old) == 0 {
		return 0, nil
	}
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		r, err := tx.Query(ctx, "SELECT id FROM message WHERE id = ANY($1) AND NOT "+waits+" FOR UPDATE OF message", old)
		if err != nil {
			return err
		}
		gone, err := pgx.CollectRows(r, pgx.RowTo[id])
		if err != nil {
			return err
		}
		n = len(gone)
		if err := keepNewest(ctx, tx); err != nil {
			return err
		}
		for _, query := range []string{
			"DELETE FROM delivery USING message WHERE message.id = ANY($1) AND delivery.endpoint = ANY(message.endpoints) AND delivery.message = message.id",
			"DELETE FROM attempt WHERE message = ANY($1)",
			"DELETE FROM event_id USING message WHERE message.id = ANY($1) AND event_id.application = message.application AND event_id.event_id = message.event_id AND event_id.event_type_version = message.event_type_version AND event_id.message = message.id",
			"DELETE FROM message WHERE id = ANY($1)",
		} {
			if _, err := tx.Exec(ctx, query, gone); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

const updateNewest = `
	UPDATE newest
	SET id = greatest(id, (` + selectNewest + `)),
		place = greatest(place, (SELECT place FROM attempt ORDER BY place DESC LIMIT 1))`

// keepNewest notes the largest id there was, and the largest place, before what has
// them may be removed.
func keepNewest(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, updateNewest)
	return err
}

const deleteKeys = `
	DELETE FROM idempotency
	WHERE (application, key) IN (
		SELECT application, key
		FROM idempotency
		WHERE expires_at <= $1
		LIMIT $2)`

const deleteAnswers = `
	DELETE FROM answer
	WHERE (scope, key) IN (
		SELECT scope, key
		FROM answer
		WHERE expires_at <= $1
		LIMIT $2)`

const deleteChanges = `
	DELETE FROM change
	WHERE n IN (
		SELECT n
		FROM change
		WHERE made_at < now() - interval '1 hour'
		ORDER BY n
		LIMIT $1)`

// expire removes the keys and answers whose time is up, and changes that every node
// has heard of.
func (s *Store) expire(ctx context.Context) error {
	now := stored.Micros(time.Now())
	for _, query := range []string{deleteKeys, deleteAnswers} {
		if _, err := s.removeAll(ctx, query, now, removeChunk); err != nil {
			return err
		}
	}
	_, err := s.removeAll(ctx, deleteChanges, removeChunk)
	return err
}
