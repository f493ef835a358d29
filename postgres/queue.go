package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

// selectLanes hops through the index delivery_waiting from endpoint to endpoint. One
// that was deleted has no row any more, so its deliveries are no lane.
const selectLanes = `
	WITH RECURSIVE lane (shard, endpoint) AS (
		(SELECT shard, endpoint
		FROM delivery
		WHERE state = 0
		ORDER BY shard, endpoint
		LIMIT 1)
		UNION ALL
		SELECT next.shard, next.endpoint
		FROM lane
		CROSS JOIN LATERAL (
			SELECT delivery.shard, delivery.endpoint
			FROM delivery
			WHERE state = 0 AND (delivery.shard, delivery.endpoint) > (lane.shard, lane.endpoint)
			ORDER BY delivery.shard, delivery.endpoint
			LIMIT 1) AS next)
	SELECT endpoint.application, endpoint.id
	FROM lane
	JOIN endpoint ON endpoint.id = lane.endpoint
	ORDER BY endpoint.id`

// selectLanesOf does so within each of some shards.
const selectLanesOf = `
	WITH RECURSIVE lane (shard, endpoint) AS (
		SELECT first.shard, first.endpoint
		FROM unnest($1::smallint[]) AS wanted (shard)
		CROSS JOIN LATERAL (
			SELECT delivery.shard, delivery.endpoint
			FROM delivery
			WHERE state = 0 AND delivery.shard = wanted.shard
			ORDER BY delivery.endpoint
			LIMIT 1) AS first
		UNION ALL
		SELECT next.shard, next.endpoint
		FROM lane
		CROSS JOIN LATERAL (
			SELECT delivery.shard, delivery.endpoint
			FROM delivery
			WHERE state = 0 AND delivery.shard = lane.shard AND delivery.endpoint > lane.endpoint
			ORDER BY delivery.endpoint
			LIMIT 1) AS next)
	SELECT endpoint.application, endpoint.id
	FROM lane
	JOIN endpoint ON endpoint.id = lane.endpoint
	ORDER BY endpoint.id`

// Lanes implements [fanfare.Queue], in order of endpoint.
func (s *Store) Lanes(ctx context.Context) ([]fanfare.Lane, error) {
	return s.lanes(ctx, selectLanes)
}

// LanesOf implements [fanfare.Shared].
func (s *Store) LanesOf(ctx context.Context, some []int) ([]fanfare.Lane, error) {
	return s.lanes(ctx, selectLanesOf, some)
}

func (s *Store) lanes(ctx context.Context, query string, args ...any) (lanes []fanfare.Lane, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, query, args...)
		lanes, err = rows(r, err, func(r pgx.Rows) (fanfare.Lane, error) {
			var app, ep id
			err := r.Scan(&app, &ep)
			return fanfare.Lane{
				Application: fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app)),
				Endpoint:    fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, ep)),
			}, err
		})
		return err
	})
	return lanes, err
}

const waitingWhere = `
	SELECT ` + deliveryColumns + `
	FROM delivery
	WHERE shard = $5
		AND endpoint = $1
		AND state = 0
		AND (rank, message) > ($2, $3)
		AND EXISTS (SELECT 1 FROM endpoint WHERE id = $1)`

const waitingEnd = `
	ORDER BY rank, message
	LIMIT $4`

const (
	selectWaiting           = waitingWhere + waitingEnd
	selectWaitingOfKey      = waitingWhere + " AND ordering_key = $6" + waitingEnd
	selectWaitingWithoutKey = waitingWhere + " AND ordering_key IS NULL" + waitingEnd
)

// Waiting implements [fanfare.Queue].
func (s *Store) Waiting(ctx context.Context, q fanfare.WaitingQuery) (ds []*fanfare.Delivery, err error) {
	ep, ok := parse(endpointPrefix, q.Endpoint)
	if !ok {
		return nil, nil
	}
	after, _ := parse(messagePrefix, q.AfterMessage)
	query, args := selectWaiting, []any{ep, q.AfterRank, after, q.Limit, shardOf(ep)}
	switch {
	case q.Key != nil && *q.Key == "":
		query = selectWaitingWithoutKey
	case q.Key != nil:
		query, args = selectWaitingOfKey, append(args, *q.Key)
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return readByIndex(ctx, conn, func(r pgx.Rows) (err error) {
			ds, err = rows(r, nil, scanDelivery)
			return err
		}, query, args...)
	})
	return ds, err
}

// readByIndex asks for the first of many rows in the order of an index, where there is one
// index only that has them so: how often a value is there is not looked at. Left to itself the
// planner may well sort all of them, as it knows little of one endpoint among partitions.
func readByIndex(ctx context.Context, conn *pgx.Conn, read func(pgx.Rows) error, query string, args ...any) error {
	batch := &pgx.Batch{}
	batch.Queue(planByIndex)
	batch.Queue(query, args...).Query(read)
	return conn.SendBatch(ctx, batch).Close()
}

const lockEndpoint = `
	SELECT 1
	FROM endpoint
	WHERE id = $1 AND application = $2
	FOR KEY SHARE`

// mustHaveEndpoint returns ErrNotFound if the application has no such endpoint, and
// keeps it from being deleted before this transaction ends.
func mustHaveEndpoint(ctx context.Context, tx pgx.Tx, app, ep id) error {
	return mustChange(tx.Exec(ctx, lockEndpoint, ep, app))
}

// A place is what must be known of a message to make a delivery of it.
type place struct {
	createdAt int64
	endpoints []id
}

const selectPlace = `
	SELECT created_at, endpoints
	FROM message
	WHERE application = $1
		AND id = $2
		AND EXISTS (SELECT 1 FROM application WHERE id = $1)
	FOR UPDATE OF message`

// place finds a message of an application, and locks it; ErrNotFound.
func findPlace(ctx context.Context, tx pgx.Tx, app, msg id) (p place, err error) {
	err = tx.QueryRow(ctx, selectPlace, app, msg).Scan(&p.createdAt, &p.endpoints)
	if errors.Is(err, pgx.ErrNoRows) {
		err = fanfare.ErrNotFound
	}
	return p, err
}

const upsertDelivery = `
	INSERT INTO delivery AS old (endpoint, message, shard, state, manual, attempts, rank, due_at, created_at, ordering_key)
	VALUES ($1, $2, $3, 0, $4, $5, $6, $7, $8, $9)
	ON CONFLICT (endpoint, message) DO UPDATE
	SET state = 0, rank = excluded.rank, due_at = excluded.due_at, attempts = excluded.attempts, manual = excluded.manual`

const addEndpoint = `
	UPDATE message
	SET endpoints = endpoints || $3::uuid
	WHERE application = $1 AND id = $2 AND NOT $3 = ANY(endpoints)`

// Resend implements [fanfare.Queue].
func (s *Store) Resend(ctx context.Context, application fanfare.ApplicationID, d *fanfare.Delivery) error {
	app, ok1 := parse(applicationPrefix, application)
	msg, ok2 := parse(messagePrefix, d.Message)
	ep, ok3 := parse(endpointPrefix, d.Endpoint)
	if !ok1 || !ok2 || !ok3 {
		return fanfare.ErrNotFound
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		p, err := findPlace(ctx, tx, app, msg)
		if err != nil {
			return err
		}
		if err := mustHaveEndpoint(ctx, tx, app, ep); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, upsertDelivery, ep, msg, shardOf(ep), d.Manual, d.Attempts, d.Rank, stored.Micros(d.Due), p.createdAt, optional(d.OrderingKey)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, addEndpoint, app, msg, ep)
		return err
	})
}

const cancelOne = `
	UPDATE delivery
	SET state = 3
	FROM endpoint
	WHERE delivery.endpoint = ANY($1)
		AND delivery.message = $2
		AND delivery.state = 0
		AND endpoint.id = delivery.endpoint
		AND endpoint.application = $3
		AND ($4::text[] IS NULL OR endpoint.channels <> '{}' AND endpoint.channels <@ $4)
	RETURNING delivery.endpoint`

// Cancel implements [fanfare.Queue].
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
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		p, err := findPlace(ctx, tx, app, msg)
		if err != nil {
			return err
		}
		if err := mustBeWithin(ctx, tx, msg, within); err != nil {
			return err
		}
		r, err := tx.Query(ctx, cancelOne, p.endpoints, msg, app, some(within))
		these, err := rows(r, err, func(r pgx.Rows) (fanfare.EndpointID, error) {
			var ep id
			err := r.Scan(&ep)
			return fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, ep)), err
		})
		ended = append(ended, these...) // those of an earlier try wait no more either
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(ended)
	return slices.Compact(ended), nil
}

// cancelChunk is how many deliveries one transaction of CancelLane ends.
const cancelChunk = 1000

const cancelSome = `
	UPDATE delivery
	SET state = 3
	WHERE endpoint = $1 AND state = 0 AND message IN (
		SELECT message
		FROM delivery
		WHERE shard = $4 AND endpoint = $1 AND state = 0 AND message <= $2
		ORDER BY message
		LIMIT $3)`

// CancelLane implements [fanfare.Queue]. It ends those that wait when it is called,
// in several transactions: if it fails, n is how many it has ended.
func (s *Store) CancelLane(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID) (n int, err error) {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return 0, fanfare.ErrNotFound
	}
	newest, err := s.Newest(ctx)
	if err != nil {
		return 0, err
	}
	for {
		some := 0
		err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := mustHaveEndpoint(ctx, tx, app, ep); err != nil {
				return err
			}
			tag, err := tx.Exec(ctx, cancelSome, ep, newest, cancelChunk, shardOf(ep))
			some = int(tag.RowsAffected())
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

// selectNewest looks at the attempts that were stored last: one with a larger id
// among those before them began as long ago as an attempt lasts.
const selectNewest = `
	SELECT greatest(
		(SELECT id FROM message ORDER BY id DESC LIMIT 1),
		(SELECT id FROM (SELECT id FROM attempt ORDER BY place DESC LIMIT 1000) AS last ORDER BY id DESC LIMIT 1),
		(SELECT id FROM newest))`

// Newest implements [fanfare.Store].
func (s *Store) Newest(ctx context.Context) (newest [16]byte, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, selectNewest).Scan(&newest) })
	return newest, err
}
