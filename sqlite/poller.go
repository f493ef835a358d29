package sqlite

import (
	"context"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// maxConsumers bounds the consumers kept in memory; beyond it, they begin anew.
const maxConsumers = 10_000

// consumers keeps those in use in memory, so that a poll that finds nothing new
// reads nothing from disk.
type consumers struct {
	mu      sync.Mutex
	by      map[consumerKey]fanfare.Consumer
	changes int // counts what was dropped, so that what was read before is not kept
}

type consumerKey struct {
	application, endpoint id
	name                  string
}

func (cs *consumers) get(k consumerKey) (c fanfare.Consumer, ok bool, changes int) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c, ok = cs.by[k]
	return c, ok, cs.changes
}

// keep takes in what was read when there had been so many changes.
func (cs *consumers) keep(k consumerKey, c fanfare.Consumer, changes int) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if changes != cs.changes {
		return
	}
	if cs.by == nil || len(cs.by) >= maxConsumers {
		cs.by = make(map[consumerKey]fanfare.Consumer)
	}
	cs.by[k] = c
}

// drop forgets those that drop says yes to.
func (cs *consumers) drop(drop func(k consumerKey) bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.changes++
	for k := range cs.by {
		if drop(k) {
			delete(cs.by, k)
		}
	}
}

func (cs *consumers) dropOne(k consumerKey) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.changes++
	delete(cs.by, k)
}

const consumerColumns = `endpoint, name, after, epoch, seen_at, created_at`

func scanConsumer(row *row) (*fanfare.Consumer, error) {
	c := &fanfare.Consumer{Endpoint: fanfare.EndpointID(row.name(endpointPrefix)), Name: row.text()}
	if after := ids(row.blob()); len(after) == 1 {
		c.After = fanfare.MessageID(fanfare.EncodeID(messagePrefix, after[0]))
	}
	c.Epoch = int(row.number())
	c.SeenAt, c.CreatedAt = row.time(), row.time()
	return c, nil
}

const selectConsumer = `
	SELECT ` + consumerColumns + `
	FROM consumer
	WHERE endpoint = ?1
		AND name = ?2
		AND ?3 = (SELECT application FROM endpoint WHERE id = ?1)`

// Consumer implements [fanfare.Pollers].
func (s *Store) Consumer(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, name string) (*fanfare.Consumer, error) {
	if err := s.broken.Load(); err != nil {
		return nil, *err
	}
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return nil, fanfare.ErrNotFound
	}
	k := consumerKey{app, ep, name}
	kept, ok, changes := s.consumers.get(k)
	if ok {
		return &kept, nil
	}
	c, err := readOne(ctx, s, selectConsumer, func(bind *binder) { bind.id(ep); bind.text(name); bind.id(app) }, scanConsumer)
	if err != nil {
		return nil, err
	}
	s.consumers.keep(k, *c, changes)
	return c, nil
}

var listConsumers = inOrder(`
	SELECT `+consumerColumns+`
	FROM consumer
	WHERE endpoint = :endpoint
		AND :application = (SELECT application FROM endpoint WHERE id = :endpoint)`, "name")

// Consumers implements [fanfare.Pollers].
func (s *Store) Consumers(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, page fanfare.Page) ([]*fanfare.Consumer, error) {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return nil, nil
	}
	return readPage(ctx, s, listConsumers, afterName(page), func(stmt *sqlite.Stmt) {
		stmt.SetBytes(":endpoint", ep[:])
		stmt.SetBytes(":application", app[:])
	}, scanConsumer)
}

const selectStand = `
	SELECT epoch, after > ?3
	FROM consumer
	WHERE endpoint = ?1 AND name = ?2`

const countConsumers = `
	SELECT count(*)
	FROM consumer
	WHERE endpoint = ?`

const upsertConsumer = `
	INSERT INTO consumer (endpoint, name, after, epoch, seen_at, created_at)
	VALUES (?1, ?2, ?3, ?4, ?5, ?6)
	ON CONFLICT DO UPDATE
	SET after = ?3, epoch = ?4, seen_at = ?5`

// MoveConsumer implements [fanfare.Pollers].
func (s *Store) MoveConsumer(ctx context.Context, app fanfare.ApplicationID, c *fanfare.Consumer) error {
	return s.putConsumer(ctx, app, c, false)
}

// SeekConsumer implements [fanfare.Pollers].
func (s *Store) SeekConsumer(ctx context.Context, app fanfare.ApplicationID, c *fanfare.Consumer) error {
	return s.putConsumer(ctx, app, c, true)
}

func (s *Store) putConsumer(ctx context.Context, application fanfare.ApplicationID, c *fanfare.Consumer, seek bool) error {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, c.Endpoint)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	var after []byte
	if raw, ok := parse(messagePrefix, c.After); ok {
		after = raw[:]
	}
	epoch := 0
	run := func(w *writer) (err error) {
		if err := w.mustHaveEndpoint(app, ep); err != nil {
			return err
		}
		if epoch, err = w.stand(ep, c, after, seek); err != nil {
			return err
		}
		return w.exec(upsertConsumer, func(bind *binder) {
			bind.id(ep)
			bind.text(c.Name)
			bind.blob(after)
			bind.number(int64(epoch))
			bind.time(c.SeenAt)
			bind.time(c.CreatedAt)
		})
	}
	defer s.consumers.dropOne(consumerKey{app, ep, c.Name})
	if err := s.write(ctx, &job{run: run, hot: true}); err != nil {
		return err
	}
	if seek {
		c.Epoch = epoch
	}
	return nil
}

// stand decides whether a consumer may be put where c says, and what its epoch is
// then. ErrTooMany: there are too many already for a new one.
func (w *writer) stand(ep id, c *fanfare.Consumer, after []byte, seek bool) (epoch int, err error) {
	kept, further, there := int64(0), false, false
	err = w.query(selectStand, func(bind *binder) { bind.id(ep); bind.text(c.Name); bind.blob(after) }, func(row *row) {
		kept, further, there = row.number(), row.truth(), true
	})
	switch {
	case err != nil:
		return 0, err
	case there && seek:
		return int(kept) + 1, nil
	case further, int64(c.Epoch) != kept && !seek: // a new one's is 0
		return 0, fanfare.ErrConflict
	case there:
		return c.Epoch, nil
	}
	n := int64(0)
	err = w.query(countConsumers, func(bind *binder) { bind.id(ep) }, func(row *row) { n = row.number() })
	if err == nil && n >= fanfare.MaxConsumers {
		err = fanfare.ErrTooMany
	}
	if seek {
		epoch = 1
	}
	return epoch, err
}

const deleteConsumer = `
	DELETE FROM consumer
	WHERE endpoint = ? AND name = ?`

// DeleteConsumer implements [fanfare.Pollers].
func (s *Store) DeleteConsumer(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, name string) error {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	defer s.consumers.dropOne(consumerKey{app, ep, name})
	return s.note(ctx, func(w *writer) error {
		if err := w.mustHaveEndpoint(app, ep); err != nil {
			return err
		}
		return w.mustChange(deleteConsumer, func(bind *binder) { bind.id(ep); bind.text(name) })
	})
}

const deleteOldConsumers = `
	DELETE FROM consumer
	WHERE (endpoint, name) IN (
		SELECT endpoint, name
		FROM consumer
		WHERE seen_at < ?
		LIMIT ?)`

// ExpireConsumers implements [fanfare.Pollers].
func (s *Store) ExpireConsumers(ctx context.Context, t time.Time, limit int) (n int, err error) {
	defer s.consumers.drop(func(consumerKey) bool { return true })
	err = s.note(ctx, func(w *writer) error {
		err := w.exec(deleteOldConsumers, func(bind *binder) { bind.number(stored.Ceil(t)); bind.number(int64(limit)) })
		n = w.conn.Changes()
		return err
	})
	return n, err
}

// Both run within the transaction that deletes what they belong to.
const (
	deleteConsumersAt = `
	DELETE FROM consumer
	WHERE endpoint = ?`

	deleteConsumersOf = `
	DELETE FROM consumer
	WHERE endpoint IN (SELECT id FROM endpoint WHERE application = ?)`
)

// selectRecorded looks at attempts without reading more of them than it takes to
// know whose they are.
const selectRecorded = `
	SELECT attempt.rowid, attempt.endpoint, attempt.id, endpoint.application
	FROM attempt
	LEFT JOIN endpoint ON endpoint.id = attempt.endpoint
	WHERE attempt.rowid > ?
	ORDER BY attempt.rowid
	LIMIT ?`

// Recorded implements [fanfare.Pollers]. The rowids of attempts are their places:
// the one writer gives them out, and none twice.
func (s *Store) Recorded(ctx context.Context, application fanfare.ApplicationID, after fanfare.Place, limit int) (some []fanfare.Record, next fanfare.Place, err error) {
	return s.RecordedWithin(ctx, application, nil, after, limit)
}

// RecordedWithin implements [fanfare.Views].
func (s *Store) RecordedWithin(ctx context.Context, application fanfare.ApplicationID, within []string, after fanfare.Place, limit int) (some []fanfare.Record, next fanfare.Place, err error) {
	of, _ := parse(applicationPrefix, application)
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	next = after
	err = s.readAll(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectRecorded)
		if err != nil {
			return err
		}
		full, err := conn.Prepare(selectAttempt)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.number(int64(after))
		bind.number(int64(limit))
		var failed error
		err = each(stmt, func(at *row) bool {
			next = fanfare.Place(at.number())
			ep, attempt, app := at.id(), at.id(), at.id()
			if app == (id{}) || application != "" && app != of || application == "" && app == own {
				return true
			}
			bindAttempts(full, app, ep, &fanfare.AttemptFilter{Within: within})
			full.SetBytes(":id", attempt[:])
			failed = scanEach(full, scanAttempt, func(a *fanfare.Attempt) bool {
				some = append(some, fanfare.Record{Place: next, Attempt: a})
				return true
			})
			return failed == nil
		})
		if err == nil {
			err = failed
		}
		return err
	})
	return some, next, err
}

const selectLastRecorded = `
	SELECT max(ifnull((SELECT max(rowid) FROM attempt), 0), ifnull((SELECT attempt_row FROM newest), 0))`

// LastRecorded implements [fanfare.Pollers].
func (s *Store) LastRecorded(ctx context.Context) (last fanfare.Place, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) (err error) {
		last, err = lastRecorded(conn)
		return err
	})
	return last, err
}

func lastRecorded(conn *sqlite.Conn) (last fanfare.Place, err error) {
	stmt, err := conn.Prepare(selectLastRecorded)
	if err != nil {
		return 0, err
	}
	_, err = one(stmt, func(row *row) { last = fanfare.Place(row.number()) })
	return last, err
}
