package sqlite

import (
	"bytes"
	"context"
	"slices"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

// selectLanes hops through the index delivery_waiting from endpoint to endpoint.
// One that was deleted has no row any more, so its deliveries are no lane.
const selectLanes = `
	WITH RECURSIVE lane (endpoint) AS (
		SELECT min(endpoint)
		FROM delivery INDEXED BY delivery_waiting
		WHERE state = 0
		UNION ALL
		SELECT (
			SELECT min(delivery.endpoint)
			FROM delivery INDEXED BY delivery_waiting
			WHERE state = 0 AND delivery.endpoint > lane.endpoint)
		FROM lane
		WHERE lane.endpoint IS NOT NULL)
	SELECT endpoint.application, endpoint.id
	FROM lane
	JOIN endpoint ON endpoint.id = lane.endpoint`

// Lanes implements [fanfare.Queue], in order of endpoint.
func (s *Store) Lanes(ctx context.Context) (lanes []fanfare.Lane, err error) {
	if err := s.settleFresh(ctx, id{}, id{}); err != nil {
		return nil, err
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectLanes)
		if err != nil {
			return err
		}
		return each(stmt, func(row *row) bool {
			lanes = append(lanes, fanfare.Lane{
				Application: fanfare.ApplicationID(row.name(applicationPrefix)),
				Endpoint:    fanfare.EndpointID(row.name(endpointPrefix)),
			})
			return true
		})
	})
	return lanes, err
}

const selectWaiting = `
	SELECT ` + deliveryColumns + `
	FROM delivery INDEXED BY delivery_waiting
	WHERE endpoint = ?1
		AND state = 0
		AND (rank, message) > (?2, ?3)
		AND EXISTS (SELECT 1 FROM endpoint WHERE id = ?1)
	ORDER BY rank, message
	LIMIT ?4`

const selectWaitingOfKey = `
	SELECT ` + deliveryColumns + `
	FROM delivery INDEXED BY delivery_keyed
	WHERE endpoint = ?1
		AND state = 0
		AND ordering_key = ?5
		AND (rank, message) > (?2, ?3)
		AND EXISTS (SELECT 1 FROM endpoint WHERE id = ?1)
	ORDER BY rank, message
	LIMIT ?4`

const selectWaitingWithoutKey = `
	SELECT ` + deliveryColumns + `
	FROM delivery INDEXED BY delivery_waiting
	WHERE endpoint = ?1
		AND state = 0
		AND ordering_key IS NULL
		AND (rank, message) > (?2, ?3)
		AND EXISTS (SELECT 1 FROM endpoint WHERE id = ?1)
	ORDER BY rank, message
	LIMIT ?4`

// Waiting implements [fanfare.Queue].
func (s *Store) Waiting(ctx context.Context, q fanfare.WaitingQuery) (ds []*fanfare.Delivery, err error) {
	ep, ok := parse(endpointPrefix, q.Endpoint)
	if !ok {
		return nil, nil
	}
	fresh, err := s.freshBehind(ctx, ep, &q)
	if err != nil {
		return nil, err
	}
	query := selectWaiting
	switch {
	case q.Key != nil && *q.Key == "":
		query = selectWaitingWithoutKey
	case q.Key != nil:
		query = selectWaitingOfKey
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.id(ep)
		bind.number(q.AfterRank)
		if after, ok := parse(messagePrefix, q.AfterMessage); ok {
			bind.id(after)
		} else {
			bind.blob(nil)
		}
		bind.number(int64(q.Limit))
		if query == selectWaitingOfKey {
			bind.text(*q.Key)
		}
		ds, err = scanAll(stmt, scanDelivery)
		return err
	})
	return mergeWaiting(fresh, ds, q.Limit), err
}

// A place is what the writer needs to know of a message.
type place struct {
	rowid     int64
	createdAt int64
	endpoints []byte
}

const selectPlace = `
	SELECT rowid, created_at, endpoints
	FROM message
	WHERE application = ? AND id = ?`

// place finds a message of an application; ErrNotFound.
func (w *writer) place(app, msg id) (p place, err error) {
	if err := w.mustHaveApplication(app); err != nil {
		return p, err
	}
	err = w.query(selectPlace, func(bind *binder) { bind.id(app); bind.id(msg) }, func(row *row) {
		p = place{row.number(), row.number(), row.blob()}
	})
	if err == nil && p.rowid == 0 {
		err = fanfare.ErrNotFound
	}
	return p, err
}

const upsertDelivery = `
	INSERT INTO delivery (endpoint, message, state, rank, due_at, ordering_key, attempts, manual, created_at)
	VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (endpoint, message) DO UPDATE
	SET state = 0, rank = excluded.rank, due_at = excluded.due_at, attempts = excluded.attempts, manual = excluded.manual`

// Resend implements [fanfare.Queue].
func (s *Store) Resend(ctx context.Context, application fanfare.ApplicationID, d *fanfare.Delivery) error {
	app, ok1 := parse(applicationPrefix, application)
	msg, ok2 := parse(messagePrefix, d.Message)
	ep, ok3 := parse(endpointPrefix, d.Endpoint)
	if !ok1 || !ok2 || !ok3 {
		return fanfare.ErrNotFound
	}
	return s.change(ctx, func(w *writer) error {
		p, err := w.place(app, msg)
		if err != nil {
			return err
		}
		if err := w.mustHaveEndpoint(app, ep); err != nil {
			return err
		}
		err = w.exec(upsertDelivery, func(bind *binder) {
			bind.id(ep)
			bind.id(msg)
			bind.number(d.Rank)
			bind.time(d.Due)
			bind.optional(d.OrderingKey)
			bind.number(int64(d.Attempts))
			bind.truth(d.Manual)
			bind.number(p.createdAt)
		})
		if err != nil {
			return err
		}
		return w.addEndpoint(&p, ep)
	})
}

const updateEndpointsOfMessage = `
	UPDATE message
	SET endpoints = ?
	WHERE rowid = ?`

// addEndpoint notes that a message has a delivery to an endpoint.
func (w *writer) addEndpoint(p *place, ep id) error {
	if slices.Contains(ids(p.endpoints), ep) {
		return nil
	}
	return w.exec(updateEndpointsOfMessage, func(bind *binder) {
		bind.blob(append(p.endpoints, ep[:]...))
		bind.number(p.rowid)
	})
}

// mustHaveApplication returns ErrNotFound if there is no such application.
func (w *writer) mustHaveApplication(app id) error {
	ok, err := w.hasApplication(app)
	if err == nil && !ok {
		err = fanfare.ErrNotFound
	}
	return err
}

// mustHaveEndpoint returns ErrNotFound if the application has no such endpoint.
func (w *writer) mustHaveEndpoint(app, ep id) error {
	ok, err := w.hasEndpoint(app, ep)
	if err == nil && !ok {
		err = fanfare.ErrNotFound
	}
	return err
}

const cancelOne = `
	UPDATE delivery
	SET state = 3
	WHERE endpoint = ? AND message = ? AND state = 0`

// Cancel implements [fanfare.Queue]; the endpoints are in order.
func (s *Store) Cancel(ctx context.Context, application fanfare.ApplicationID, message fanfare.MessageID) (ended []fanfare.EndpointID, err error) {
	return s.CancelWithin(ctx, application, message, nil)
}

// CancelWithin implements [fanfare.Views].
func (s *Store) CancelWithin(ctx context.Context, application fanfare.ApplicationID, message fanfare.MessageID, within []string) (ended []fanfare.EndpointID, err error) {
	app, ok1 := parse(applicationPrefix, application)
	msg, ok2 := parse(messagePrefix, message)
	if !ok1 || !ok2 {
		return nil, fanfare.ErrNotFound
	}
	err = s.change(ctx, func(w *writer) error {
		ended = nil
		p, err := w.place(app, msg)
		if err != nil {
			return err
		}
		endpoints := ids(p.endpoints)
		if len(within) > 0 {
			if endpoints, err = w.endpointsWithin(p, endpoints, within); err != nil {
				return err
			}
		}
		slices.SortFunc(endpoints, func(a, b id) int { return bytes.Compare(a[:], b[:]) })
		for _, ep := range endpoints {
			if ok, err := w.hasEndpoint(app, ep); err != nil {
				return err
			} else if !ok {
				continue
			}
			if err := w.exec(cancelOne, func(bind *binder) { bind.id(ep); bind.id(msg) }); err != nil {
				return err
			}
			if w.conn.Changes() > 0 {
				ended = append(ended, fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, ep)))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}

// cancelChunk is how many deliveries one transaction of CancelLane ends, so that
// others get their turn in between.
const cancelChunk = 1000

const cancelSome = `
	UPDATE delivery
	SET state = 3
	WHERE endpoint = ?1 AND message IN (
		SELECT message
		FROM delivery INDEXED BY delivery_waiting
		WHERE endpoint = ?1 AND state = 0 AND message <= ?2
		LIMIT ?3)`

// CancelLane implements [fanfare.Queue]. It ends those that wait when it is
// called, in several transactions: if it fails, n is how many it has ended.
func (s *Store) CancelLane(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID) (n int, err error) {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return 0, fanfare.ErrNotFound
	}
	newest := s.writer.newest.load()
	for {
		some := 0
		err := s.change(ctx, func(w *writer) error {
			if err := w.mustHaveEndpoint(app, ep); err != nil {
				return err
			}
			err := w.exec(cancelSome, func(bind *binder) { bind.id(ep); bind.id(newest); bind.number(cancelChunk) })
			some = w.conn.Changes()
			return err
		})
		if err != nil {
			return n, err
		}
		n += some
		if some < cancelChunk {
			return n, nil
		}
	}
}
