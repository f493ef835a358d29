package sqlite

import (
	"context"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// pruneChunk is how many messages, and sweepChunk how many rows, one transaction
// removes, so that others get their turn in between.
const (
	pruneChunk = 200
	sweepChunk = 200
)

// A pruning is how far the calls of Prune that belong together have come. So the
// old messages that wait are passed once, not at every call.
type pruning struct {
	mu    sync.Mutex
	until time.Time
	after int64 // rowid
}

// begin returns where the last call for the same time stopped.
func (p *pruning) begin(until time.Time) (after int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.until.Equal(until) {
		return 0
	}
	return p.after
}

func (p *pruning) end(until time.Time, after int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until, p.after = until, after
}

// Prune implements [fanfare.Log]. It looks for what to remove before it writes,
// so that a long search holds up nobody.
func (s *Store) Prune(ctx context.Context, t time.Time, limit int) (n int, err error) {
	if err := s.settleFresh(ctx, id{}, id{}); err != nil {
		return 0, err
	}
	start := s.pruning.begin(t)
	after, again := start, start != 0
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
		if next == 0 { // the end; what is before the start may have ended meanwhile
			if !again {
				break
			}
			again = false
		}
	}
	s.pruning.end(t, after)
	return n, s.expire(ctx)
}

const selectOld = `
	SELECT rowid, created_at, id, endpoints
	FROM message
	WHERE rowid > ?
		AND EXISTS (SELECT 1 FROM application WHERE id = message.application)
	ORDER BY rowid`

// selectWaits finds a delivery only if it waits, and not for a deleted endpoint.
const selectWaits = `
	SELECT 1
	FROM delivery
	WHERE endpoint = ?1
		AND message = ?2
		AND state = 0
		AND EXISTS (SELECT 1 FROM endpoint WHERE id = ?1)`

// prunable finds messages that can be removed, and where to go on looking; zero
// at the end. It looks at them in the order in which they were accepted and stops
// at the first that is too young: an index by age would cost more than anything
// else that is kept of a message. One from a time to come, when a clock was wrong,
// is passed over and stays.
func (s *Store) prunable(ctx context.Context, t time.Time, after int64, limit int) (rowids []int64, next int64, err error) {
	old, wrong := stored.Ceil(t), stored.Ceil(time.Now().Add(time.Hour))
	err = s.readAll(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectOld)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.number(after)
		var failed error
		err = each(stmt, func(row *row) bool {
			rowid, createdAt, msg, endpoints := row.number(), row.number(), row.id(), ids(row.blob())
			if createdAt >= old {
				return createdAt >= wrong
			}
			waits, err := anyWaits(conn, msg, endpoints)
			if failed = err; err != nil {
				return false
			}
			if !waits {
				rowids = append(rowids, rowid)
			}
			next = rowid
			return len(rowids) < limit
		})
		if err == nil {
			err = failed
		}
		if len(rowids) < limit {
			next = 0
		}
		return err
	})
	return rowids, next, err
}

func anyWaits(conn *sqlite.Conn, msg id, endpoints []id) (bool, error) {
	stmt, err := conn.Prepare(selectWaits)
	if err != nil {
		return false, err
	}
	for _, ep := range endpoints {
		bind := binder{stmt: stmt}
		bind.id(ep)
		bind.id(msg)
		waits, err := one(stmt, func(*row) {})
		if waits || err != nil {
			return waits, err
		}
	}
	return false, nil
}

// remove deletes messages with all that belongs to them, but those that wait
// again.
func (s *Store) remove(ctx context.Context, rowids []int64) (n int, err error) {
	if len(rowids) == 0 {
		return 0, nil
	}
	err = s.change(ctx, func(w *writer) error {
		n = 0
		for _, rowid := range rowids {
			removed, err := w.remove(rowid)
			if err != nil {
				return err
			}
			if removed {
				n++
			}
		}
		return w.keepNewest()
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

const selectRemoved = `
	SELECT id, endpoints
	FROM message
	WHERE rowid = ?`

const deleteDelivery = `
	DELETE FROM delivery
	WHERE endpoint = ? AND message = ?
	RETURNING last_attempt`

const deleteAttempt = `
	DELETE FROM attempt
	WHERE rowid = ? AND endpoint = ?
	RETURNING previous`

const deleteMessage = `
	DELETE FROM message
	WHERE rowid = ?`

func (w *writer) remove(rowid int64) (bool, error) {
	var msg id
	var endpoints []id
	err := w.query(selectRemoved, func(bind *binder) { bind.number(rowid) }, func(row *row) {
		msg, endpoints = row.id(), ids(row.blob())
	})
	if err != nil || msg == (id{}) {
		return false, err
	}
	if waits, err := anyWaits(w.conn, msg, endpoints); waits || err != nil {
		return false, err
	}
	for _, ep := range endpoints {
		var last int64
		err := w.query(deleteDelivery, func(bind *binder) { bind.id(ep); bind.id(msg) }, func(row *row) { last = row.number() })
		if err != nil {
			return false, err
		}
		if err := w.removeChain(ep, last); err != nil {
			return false, err
		}
	}
	return true, w.exec(deleteMessage, func(bind *binder) { bind.number(rowid) })
}

// removeChain deletes an attempt and those before it. The attempts of a deleted
// endpoint may be gone before its deliveries are, and their rowids used again.
func (w *writer) removeChain(ep id, attempt int64) error {
	for attempt != 0 {
		var previous int64
		err := w.query(deleteAttempt, func(bind *binder) { bind.number(attempt); bind.id(ep) }, func(row *row) { previous = row.number() })
		if err != nil {
			return err
		}
		attempt = previous
	}
	return nil
}

// query runs a statement and calls scan for every row.
func (w *writer) query(query string, parameters func(bind *binder), scan func(row *row)) error {
	stmt, err := w.conn.Prepare(query)
	if err != nil {
		return err
	}
	parameters(&binder{stmt: stmt})
	return each(stmt, func(row *row) bool { scan(row); return true })
}

const upsertNewest = `
	INSERT OR REPLACE INTO newest (one, id, attempt_row)
	VALUES (1, ?, ?)`

// keepNewest notes the largest id there was, and the largest rowid of an attempt,
// as they may be gone now.
func (w *writer) keepNewest() error {
	newest := w.newest.load()
	return w.exec(upsertNewest, func(bind *binder) { bind.id(newest); bind.number(w.attemptRow) })
}

const expireChunk = 1000

const deleteKeys = `
	DELETE FROM idempotency
	WHERE (application, key) IN (
		SELECT application, key
		FROM idempotency
		WHERE expires_at <= ?
		LIMIT ?)`

const deleteAnswers = `
	DELETE FROM answer
	WHERE (scope, key) IN (
		SELECT scope, key
		FROM answer
		WHERE expires_at <= ?
		LIMIT ?)`

// expire removes the keys and answers whose time is up.
func (s *Store) expire(ctx context.Context) error {
	now := time.Now()
	for _, query := range []string{deleteKeys, deleteAnswers} {
		for n := expireChunk; n == expireChunk; {
			err := s.change(ctx, func(w *writer) error {
				err := w.exec(query, func(bind *binder) { bind.time(now); bind.number(expireChunk) })
				n = w.conn.Changes()
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
