package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const deliveryColumns = `delivery.message, delivery.endpoint, delivery.state, delivery.rank, delivery.due_at,
		delivery.ordering_key, delivery.attempts, delivery.manual`

func scanDelivery(row *row) (*fanfare.Delivery, error) {
	return &fanfare.Delivery{
		Message:     fanfare.MessageID(row.name(messagePrefix)),
		Endpoint:    fanfare.EndpointID(row.name(endpointPrefix)),
		State:       fanfare.State(row.number()),
		Rank:        row.number(),
		Due:         row.time(),
		OrderingKey: row.text(),
		Attempts:    int(row.number()),
		Manual:      row.truth(),
	}, nil
}

// Deliveries implements [fanfare.Log].
func (s *Store) Deliveries(ctx context.Context, application fanfare.ApplicationID, f fanfare.DeliveryFilter) (ds []*fanfare.Delivery, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	msg, _ := parse(messagePrefix, f.Message)
	ep, _ := parse(endpointPrefix, f.Endpoint)
	if err := s.settleFresh(ctx, msg, ep); err != nil {
		return nil, err
	}
	if f.Message == "" {
		return s.deliveriesToEndpoint(ctx, app, &f)
	}
	err = s.readAll(ctx, func(conn *sqlite.Conn) (err error) {
		ds, err = deliveriesOfMessage(conn, app, &f)
		return err
	})
	return ds, err
}

// messageIs are the conditions on a message that lists of deliveries and
// attempts have in common with lists of messages.
const messageIs = `
		AND (:types IS NULL OR message.event_type IN (SELECT value FROM json_each(:types)) OR EXISTS (
			SELECT 1
			FROM json_each(:types)
			WHERE substr(value, -2) IN ('.*', ':*', '/*')
				AND substr(message.event_type, 1, length(value) - 1) = substr(value, 1, length(value) - 1)))
		AND (:channel IS NULL OR EXISTS (SELECT 1 FROM json_each(message.channels) WHERE value = :channel))
		AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(message.tags) WHERE value = :tag))
		AND (:within IS NULL OR EXISTS (
			SELECT 1
			FROM json_each(message.channels)
			WHERE value IN (SELECT value FROM json_each(:within))))`

func bindMessageIs(stmt *sqlite.Stmt, types []string, channel, tag string) {
	setText(stmt, ":types", stored.List(types))
	setText(stmt, ":channel", channel)
	setText(stmt, ":tag", tag)
}

// ended is the only state that is asked for, if it is among those that the index has.
func ended(states []fanfare.State) (state fanfare.State, ok bool) {
	if len(states) != 1 || states[0] <= fanfare.Delivered {
		return 0, false
	}
	return states[0], true
}

const (
	toEndpoint = `
	FROM delivery
	WHERE delivery.endpoint = :endpoint`

	// endedTo are those of one state, by its index.
	endedTo = `
	FROM delivery INDEXED BY delivery_ended
	WHERE delivery.endpoint = :endpoint
		AND delivery.state = :state
		AND delivery.state > 1`

	deliveryIs = `
		AND :states >> delivery.state & 1
		AND delivery.created_at >= :since
		AND delivery.created_at < :until
		AND :application = (SELECT application FROM endpoint WHERE id = :endpoint)
		AND (:within IS NULL OR EXISTS (SELECT 1 FROM endpoint WHERE id = :endpoint` + endpointIs + `))
		AND (:types IS NULL AND :channel IS NULL AND :tag IS NULL AND :within IS NULL OR EXISTS (
			SELECT 1
			FROM message
			WHERE message.application = :application AND message.id = delivery.message` + messageIs + `))`
)

var (
	listDeliveries = inBounds("SELECT "+deliveryColumns+toEndpoint+deliveryIs, toEndpoint, "delivery.message")
	listEnded      = inBounds("SELECT "+deliveryColumns+endedTo+deliveryIs, endedTo, "delivery.message")
)

func (s *Store) deliveriesToEndpoint(ctx context.Context, app id, f *fanfare.DeliveryFilter) ([]*fanfare.Delivery, error) {
	ep, ok := parse(endpointPrefix, f.Endpoint)
	if !ok {
		return nil, nil
	}
	list := listDeliveries
	state, only := ended(f.States)
	if only {
		list = listEnded
	}
	of := func(stmt *sqlite.Stmt) {
		stmt.SetBytes(":endpoint", ep[:])
		if only {
			stmt.SetInt64(":state", int64(state))
		}
	}
	l, at, err := s.asFar(ctx, list, of, messagePrefix, f.Page, f.Since)
	if err != nil {
		return nil, err
	}
	return readPage(ctx, s, l, at, func(stmt *sqlite.Stmt) {
		of(stmt)
		stmt.SetBytes(":application", app[:])
		stmt.SetInt64(":states", mask(f.States))
		stmt.SetInt64(":since", stored.From(f.Since))
		stmt.SetInt64(":until", stored.To(f.Until))
		bindMessageIs(stmt, f.EventTypes, f.Channel, f.Tag)
		bindWithin(stmt, f.Within)
	}, scanDelivery)
}

const selectEndpointsOfMessage = `
	SELECT message.endpoints
	FROM message
	WHERE message.application = :application
		AND message.id = :message
		AND message.created_at >= :since
		AND message.created_at < :until
		AND EXISTS (SELECT 1 FROM application WHERE id = :application)` + messageIs

const selectDelivery = `
	SELECT ` + deliveryColumns + `
	FROM delivery
	WHERE delivery.endpoint = ?1
		AND delivery.message = ?2
		AND EXISTS (SELECT 1 FROM endpoint WHERE id = ?1)`

func deliveriesOfMessage(conn *sqlite.Conn, app id, f *fanfare.DeliveryFilter) (ds []*fanfare.Delivery, err error) {
	endpoints, err := endpointsOfMessage(conn, app, f)
	if err != nil {
		return nil, err
	}
	stmt, err := conn.Prepare(selectDelivery)
	if err != nil {
		return nil, err
	}
	msg, _ := parse(messagePrefix, f.Message)
	for _, ep := range behind(endpoints, func(ep id) id { return ep }, endpointPrefix, f.Page) {
		if len(ds) >= f.Limit {
			break
		}
		bind := binder{stmt: stmt}
		bind.id(ep)
		bind.id(msg)
		err := scanEach(stmt, scanDelivery, func(d *fanfare.Delivery) bool {
			if mask(f.States)>>d.State&1 != 0 {
				ds = append(ds, d)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return ds, nil
}

// endpointsOfMessage gives those a message has deliveries to, or none if the
// message is not what the filter asks for.
func endpointsOfMessage(conn *sqlite.Conn, app id, f *fanfare.DeliveryFilter) (endpoints []id, err error) {
	msg, ok := parse(messagePrefix, f.Message)
	if !ok {
		return nil, nil
	}
	stmt, err := conn.Prepare(selectEndpointsOfMessage)
	if err != nil {
		return nil, err
	}
	stmt.SetBytes(":application", app[:])
	stmt.SetBytes(":message", msg[:])
	stmt.SetInt64(":since", stored.From(f.Since))
	stmt.SetInt64(":until", stored.To(f.Until))
	bindMessageIs(stmt, f.EventTypes, f.Channel, f.Tag)
	bindWithin(stmt, f.Within)
	_, err = one(stmt, func(row *row) { endpoints = ids(row.blob()) })
	if f.Endpoint != "" {
		only, _ := parse(endpointPrefix, f.Endpoint)
		endpoints = slices.DeleteFunc(endpoints, func(ep id) bool { return ep != only })
	}
	if err != nil || len(f.Within) == 0 {
		return endpoints, err
	}
	return endpointsWithin(conn, endpoints, f.Within)
}

// isTest is what the index message_test has: the tags of a message as JSON have
// [fanfare.TestTag] among them.
const isTest = `instr(message.tags, '"` + fanfare.TestTag + `"') > 0`

const selectStats = `
	SELECT state, count(*)
	FROM delivery
	WHERE endpoint = ?1
		AND created_at >= ?2
		AND created_at < ?3
		AND ?4 = (SELECT application FROM endpoint WHERE id = ?1)
		AND message NOT IN (SELECT message.id FROM message INDEXED BY message_test WHERE ` + isTest + ` AND message.application = ?4)
	GROUP BY state`

// Stats implements [fanfare.Log]; a state without deliveries is not in the map.
func (s *Store) Stats(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, since, until time.Time) (map[fanfare.State]int, error) {
	stats := make(map[fanfare.State]int)
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return stats, nil
	}
	if err := s.settleFresh(ctx, id{}, ep); err != nil {
		return nil, err
	}
	err := s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectStats)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.id(ep)
		bind.number(stored.From(since))
		bind.number(stored.To(until))
		bind.id(app)
		return each(stmt, func(row *row) bool {
			stats[fanfare.State(row.number())] = int(row.number())
			return true
		})
	})
	return stats, err
}

// mask has a bit for each of the states; all if none is named.
func mask(states []fanfare.State) int64 {
	if len(states) == 0 {
		return 1<<(fanfare.Cancelled+1) - 1
	}
	var m int64
	for _, s := range states {
		m |= 1 << s
	}
	return m
}
