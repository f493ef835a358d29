package sqlite

import (
	"cmp"
	"context"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// channelsOf is an endpoint's column channels.
func channelsOf(ep *fanfare.Endpoint) string {
	if len(ep.Channels) == 0 {
		return "[]"
	}
	return stored.List(ep.Channels)
}

// isWithin is the condition that an endpoint has some of the channels in :within, and
// no others; endpointIs that it has if there are such channels.
const (
	isWithin = `json_array_length(endpoint.channels) > 0 AND NOT EXISTS (
			SELECT 1
			FROM json_each(endpoint.channels)
			WHERE value NOT IN (SELECT value FROM json_each(:within)))`

	endpointIs = `
		AND (:within IS NULL OR ` + isWithin + `)`
)

func bindWithin(stmt *sqlite.Stmt, within []string) {
	setText(stmt, ":within", stored.List(within))
}

var listEndpointsWithin = inOrder(`
	SELECT `+endpointColumns+`
	FROM endpoint
	WHERE application = :application`+endpointIs, "id")

// EndpointsWithin implements [fanfare.Views].
func (s *Store) EndpointsWithin(ctx context.Context, application fanfare.ApplicationID, within []string, page fanfare.Page) ([]*fanfare.Endpoint, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	return readPage(ctx, s, listEndpointsWithin, afterID(endpointPrefix, page), func(stmt *sqlite.Stmt) {
		stmt.SetBytes(":application", app[:])
		bindWithin(stmt, within)
	}, s.scanEndpoint)
}

const selectWithin = `
	SELECT 1
	FROM endpoint
	WHERE id = :id
		AND ` + isWithin

// endpointsWithin leaves those of some endpoints that are within.
func endpointsWithin(conn *sqlite.Conn, endpoints []id, within []string) (some []id, err error) {
	stmt, err := conn.Prepare(selectWithin)
	if err != nil {
		return nil, err
	}
	for _, ep := range endpoints {
		stmt.SetBytes(":id", ep[:])
		bindWithin(stmt, within)
		found, err := one(stmt, func(*row) {})
		if err != nil {
			return nil, err
		}
		if found {
			some = append(some, ep)
		}
	}
	return some, nil
}

const countWithin = `
	SELECT delivery.state, count(*)
	FROM (
		SELECT message, state, created_at
		FROM delivery
		WHERE endpoint = :endpoint
		ORDER BY message DESC
		LIMIT :limit) AS delivery
	WHERE delivery.created_at >= :since
		AND delivery.created_at < :until
		AND NOT EXISTS (SELECT 1 FROM message INDEXED BY message_test WHERE ` + isTest + ` AND message.application = :application AND message.id = delivery.message)
		AND EXISTS (SELECT 1 FROM endpoint WHERE id = :endpoint AND application = :application` + endpointIs + `)
		AND (:within IS NULL OR EXISTS (
			SELECT 1
			FROM message
			WHERE message.application = :application AND message.id = delivery.message` + messageIs + `))
	GROUP BY delivery.state`

// CountWithin implements [fanfare.Views]; a state without deliveries is not in the map.
func (s *Store) CountWithin(ctx context.Context, application fanfare.ApplicationID, f fanfare.DeliveryFilter) (map[fanfare.State]int, error) {
	counts := make(map[fanfare.State]int)
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, f.Endpoint)
	if !ok1 || !ok2 {
		return counts, nil
	}
	if err := s.settleFresh(ctx, id{}, ep); err != nil {
		return nil, err
	}
	err := s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(countWithin)
		if err != nil {
			return err
		}
		stmt.SetBytes(":application", app[:])
		stmt.SetBytes(":endpoint", ep[:])
		stmt.SetInt64(":since", stored.From(f.Since))
		stmt.SetInt64(":until", stored.To(f.Until))
		stmt.SetInt64(":limit", int64(cmp.Or(f.Limit, -1)))
		bindMessageIs(stmt, nil, "", "")
		bindWithin(stmt, f.Within)
		return each(stmt, func(row *row) bool {
			counts[fanfare.State(row.number())] = int(row.number())
			return true
		})
	})
	return counts, err
}

const countWaiting = `
	SELECT count(*)
	FROM (
		SELECT message
		FROM delivery INDEXED BY delivery_waiting
		WHERE endpoint = :endpoint AND state = 0
		ORDER BY rank, message
		LIMIT :limit) AS first
	WHERE EXISTS (SELECT 1 FROM endpoint WHERE id = :endpoint AND application = :application` + endpointIs + `)
		AND (:within IS NULL OR EXISTS (
			SELECT 1
			FROM message
			WHERE message.application = :application AND message.id = first.message` + messageIs + `))`

// CountWaiting implements [fanfare.Views].
func (s *Store) CountWaiting(ctx context.Context, application fanfare.ApplicationID, f fanfare.DeliveryFilter) (n int, err error) {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, f.Endpoint)
	if !ok1 || !ok2 {
		return 0, nil
	}
	if err := s.settleFresh(ctx, id{}, ep); err != nil {
		return 0, err
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(countWaiting)
		if err != nil {
			return err
		}
		stmt.SetBytes(":application", app[:])
		stmt.SetBytes(":endpoint", ep[:])
		stmt.SetInt64(":limit", int64(f.Limit))
		bindMessageIs(stmt, nil, "", "")
		bindWithin(stmt, f.Within)
		_, err = one(stmt, func(row *row) { n = int(row.number()) })
		return err
	})
	return n, err
}

const selectMessageWithin = `
	SELECT 1
	FROM message
	WHERE rowid = :rowid` + messageIs

// endpointsWithin leaves those of a message's endpoints that are within; ErrNotFound
// if the message is not.
func (w *writer) endpointsWithin(p place, endpoints []id, within []string) ([]id, error) {
	stmt, err := w.conn.Prepare(selectMessageWithin)
	if err != nil {
		return nil, err
	}
	stmt.SetInt64(":rowid", p.rowid)
	bindMessageIs(stmt, nil, "", "")
	bindWithin(stmt, within)
	found, err := one(stmt, func(*row) {})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fanfare.ErrNotFound
	}
	return endpointsWithin(w.conn, endpoints, within)
}
