package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

// walkedDeliveries says of each delivery whether it is found: what costs least is asked
// first.
const walkedDeliveries = `
	SELECT ` + deliveryColumns + `,
		CASE
			WHEN NOT delivery.state = ANY(@states) THEN false
			WHEN delivery.created_at < @since OR delivery.created_at >= @until THEN false
			WHEN @class::integer <> 0 AND @class IS DISTINCT FROM (
				SELECT status / 100
				FROM attempt
				WHERE attempt.message = delivery.message AND attempt.endpoint = delivery.endpoint
				ORDER BY id DESC
				LIMIT 1) THEN false
			ELSE EXISTS (
				SELECT 1
				FROM message
				WHERE message.application = @application
					AND message.id = delivery.message
					AND message.payload IS NOT NULL` + messageIs + ` OFFSET 0)
		END` + passedDeliveries

const (
	passedDeliveries = toEndpoint + `
		AND delivery.message > @after
		AND @application = (SELECT application FROM endpoint WHERE id = @endpoint)`

	soMany = `
	ORDER BY delivery.message
	LIMIT @look`

	walkDeliveries = walkedDeliveries + soMany
	walkEnded      = walkedDeliveries + isEnded + soMany
)

// WalkDeliveries implements [fanfare.Tasks].
func (s *Store) WalkDeliveries(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, w fanfare.Walk) (found []*fanfare.Delivery, next fanfare.MessageID, err error) {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return nil, "", nil
	}
	args := walkArgs(app, &w)
	args["endpoint"], args["states"], args["class"] = ep, numbers(w.States), w.StatusClass
	query := walkDeliveries
	if state, only := ended(w.States); only {
		query, args["state"] = walkEnded, int16(state)
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, query, args)
		found, next, err = walk(r, err, &w, func(r pgx.Rows) (*fanfare.Delivery, fanfare.MessageID, error) {
			wanted := false
			d, err := scanDeliveryAnd(r, &wanted)
			if err != nil || !wanted {
				return nil, d.Message, err
			}
			return d, d.Message, nil
		})
		return err
	})
	return found, next, unlessNone(err)
}

// walk scans rows until enough is found, and says where to go on; "": there are no
// more. What scan gives of one that is not found is nil.
func walk[T any](r pgx.Rows, err error, w *fanfare.Walk, scan func(r pgx.Rows) (*T, fanfare.MessageID, error)) (found []*T, next fanfare.MessageID, _ error) {
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	looked := 0
	for len(found) < w.Limit && r.Next() {
		v, at, err := scan(r)
		if err != nil {
			return nil, "", err
		}
		next = at
		looked++
		if v != nil {
			found = append(found, v)
		}
	}
	if looked < w.Look && len(found) < w.Limit {
		next = ""
	}
	return found, next, r.Err()
}

func walkArgs(app id, w *fanfare.Walk) pgx.NamedArgs {
	after, _ := parse(messagePrefix, w.After)
	return messageArgs(pgx.NamedArgs{
		"application": app, "after": after, "since": stored.From(w.Since), "until": stored.To(w.Until), "look": w.Look, "within": some(w.Within),
	}, w.EventTypes, w.Channel, w.Tag)
}

// walkMessages is walkDeliveries for messages.
const walkMessages = `
	SELECT message.id, message.event_type, message.channels, message.tags, message.ordering_key,
		message.deliver_at, message.created_at, message.event_type_version,
		CASE
			WHEN message.created_at < @since OR message.created_at >= @until THEN false
			WHEN message.payload IS NULL THEN false
			WHEN @endpoint::uuid = ANY(message.endpoints) THEN false
			ELSE coalesce(true` + messageIs + `, false)
		END
	FROM message
	WHERE message.application = @application
		AND message.id > @after
		AND EXISTS (SELECT 1 FROM application WHERE id = @application)
	ORDER BY message.id
	LIMIT @look`

// WalkMessages implements [fanfare.Tasks].
func (s *Store) WalkMessages(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, w fanfare.Walk) (found []*fanfare.Message, next fanfare.MessageID, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, "", nil
	}
	args := walkArgs(app, &w)
	args["endpoint"] = idOf(endpointPrefix, endpoint)
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, walkMessages, args)
		found, next, err = walk(r, err, &w, func(r pgx.Rows) (*fanfare.Message, fanfare.MessageID, error) {
			msg := &fanfare.Message{Application: application}
			var raw id
			var key *string
			var deliverAt, createdAt int64
			wanted := false
			if err := r.Scan(&raw, &msg.EventType, &msg.Channels, &msg.Tags, &key, &deliverAt, &createdAt, &msg.EventTypeVersion, &wanted); err != nil {
				return nil, "", err
			}
			msg.ID = fanfare.MessageID(fanfare.EncodeID(messagePrefix, raw))
			msg.OrderingKey, msg.DeliverAt, msg.CreatedAt = given(key), stored.Instant(deliverAt), stored.Instant(createdAt)
			if !wanted {
				return nil, msg.ID, nil
			}
			return msg, msg.ID, nil
		})
		return err
	})
	return found, next, unlessNone(err)
}
