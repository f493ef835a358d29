package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const deliveryColumns = `delivery.message, delivery.endpoint, delivery.state, delivery.rank, delivery.due_at,
		delivery.ordering_key, delivery.attempts, delivery.manual`

func scanDelivery(r pgx.Rows) (*fanfare.Delivery, error) { return scanDeliveryAnd(r) }

// scanDeliveryAnd reads a delivery, and what stands behind its columns.
func scanDeliveryAnd(r pgx.Rows, more ...any) (*fanfare.Delivery, error) {
	d := &fanfare.Delivery{}
	var msg, ep id
	var state int16
	var due int64
	var key *string
	if err := r.Scan(append([]any{&msg, &ep, &state, &d.Rank, &due, &key, &d.Attempts, &d.Manual}, more...)...); err != nil {
		return d, err
	}
	d.Message = fanfare.MessageID(fanfare.EncodeID(messagePrefix, msg))
	d.Endpoint = fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, ep))
	d.State, d.Due, d.OrderingKey = fanfare.State(state), stored.Instant(due), given(key)
	return d, nil
}

// isEnded are the conditions of the index delivery_ended, of deliveries that all stand so.
const isEnded = `
		AND delivery.state = @state
		AND delivery.state > 1`

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
	WHERE delivery.endpoint = @endpoint`

	deliveriesTo = `
	SELECT ` + deliveryColumns + toEndpoint + `
		AND delivery.state = ANY(@states)
		AND delivery.created_at >= @since
		AND delivery.created_at < @until
		AND @application = (SELECT application FROM endpoint WHERE id = @endpoint)
		AND (@within::text[] IS NULL OR EXISTS (SELECT 1 FROM endpoint WHERE id = @endpoint` + endpointIs + `))
		AND (@types::text[] IS NULL AND @channel::text IS NULL AND @tag::text IS NULL AND @within IS NULL OR EXISTS (
			SELECT 1
			FROM message
			WHERE message.application = @application AND message.id = delivery.message` + messageIs + `))`
)

var (
	listDeliveriesTo = inBounds(deliveriesTo, toEndpoint, "delivery.message")
	listEndedTo      = inBounds(deliveriesTo+isEnded, toEndpoint+isEnded, "delivery.message")
)

var listDeliveriesOf = inOrder(`
	SELECT `+deliveryColumns+`
	FROM message
	JOIN delivery ON delivery.endpoint = ANY(message.endpoints) AND delivery.message = message.id
	JOIN endpoint ON endpoint.id = delivery.endpoint
	WHERE message.application = @application
		AND message.id = @message
		AND (@endpoint::uuid IS NULL OR delivery.endpoint = @endpoint)
		AND delivery.state = ANY(@states)
		AND message.created_at >= @since
		AND message.created_at < @until
		AND EXISTS (SELECT 1 FROM application WHERE id = @application)`+endpointIs+messageIs, "delivery.endpoint")

// Deliveries implements [fanfare.Log].
func (s *Store) Deliveries(ctx context.Context, application fanfare.ApplicationID, f fanfare.DeliveryFilter) ([]*fanfare.Delivery, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	args := messageArgs(pgx.NamedArgs{
		"application": app, "states": numbers(f.States), "since": stored.From(f.Since), "until": stored.To(f.Until), "endpoint": (*id)(nil),
		"within": some(f.Within),
	}, f.EventTypes, f.Channel, f.Tag)
	if f.Endpoint != "" {
		ep, ok := parse(endpointPrefix, f.Endpoint)
		if !ok {
			return nil, nil
		}
		args["endpoint"] = &ep
	}
	if f.Message == "" {
		at := afterID(messagePrefix, f.Page)
		to := listDeliveriesTo
		if state, only := ended(f.States); only {
			to, args["state"] = listEndedTo, int16(state)
		}
		l, err := s.asFar(ctx, to, &at, messagePrefix, f.Since, args)
		if err != nil {
			return nil, err
		}
		return readPage(ctx, s, l, at, args, scanDelivery)
	}
	msg, ok := parse(messagePrefix, f.Message)
	if !ok {
		return nil, nil
	}
	args["message"] = msg
	return readPage(ctx, s, listDeliveriesOf, afterID(endpointPrefix, f.Page), args, scanDelivery)
}

// numbers are states as the database keeps them; all if none is named.
func numbers(states []fanfare.State) []int16 {
	if len(states) == 0 {
		states = []fanfare.State{fanfare.Waiting, fanfare.Delivered, fanfare.GivenUp, fanfare.Cancelled}
	}
	all := make([]int16, len(states))
	for i, s := range states {
		all[i] = int16(s)
	}
	return all
}

// isTest is what the index message_test has.
const isTest = `'` + fanfare.TestTag + `' = ANY(message.tags)`

const selectStats = `
	SELECT state, count(*)
	FROM delivery
	WHERE endpoint = $1
		AND created_at >= $2
		AND created_at < $3
		AND $4 = (SELECT application FROM endpoint WHERE id = $1)
		AND message NOT IN (SELECT message.id FROM message WHERE ` + isTest + ` AND message.application = $4)
	GROUP BY state`

// Stats implements [fanfare.Log]; a state without deliveries is not in the map.
func (s *Store) Stats(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, since, until time.Time) (map[fanfare.State]int, error) {
	stats := make(map[fanfare.State]int)
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return stats, nil
	}
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, selectStats, ep, stored.From(since), stored.To(until), app)
		if err != nil {
			return err
		}
		var state int16
		var n int
		_, err = pgx.ForEachRow(r, []any{&state, &n}, func() error { stats[fanfare.State(state)] = n; return nil })
		return err
	})
	return stats, err
}
