package sqlite

import (
	"cmp"
	"context"
	"slices"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// walkedDeliveries says of each delivery whether it is found: what costs least is asked
// first.
const walkedDeliveries = `
	SELECT ` + deliveryColumns + `,
		CASE
			WHEN NOT (:states >> delivery.state & 1) THEN 0
			WHEN delivery.created_at < :since OR delivery.created_at >= :until THEN 0
			WHEN :class <> 0 AND :class IS NOT (SELECT status / 100 FROM attempt WHERE rowid = delivery.last_attempt) THEN 0
			ELSE EXISTS (
				SELECT 1
				FROM message
				WHERE message.application = :application
					AND message.id = delivery.message
					AND message.payload IS NOT NULL` + messageIs + `)
		END`

const (
	soMany = `
		AND delivery.message > :after
		AND :application = (SELECT application FROM endpoint WHERE id = :endpoint)
	ORDER BY delivery.message
	LIMIT :look`

	walkDeliveries = walkedDeliveries + toEndpoint + soMany
	walkEnded      = walkedDeliveries + endedTo + soMany
)

// WalkDeliveries implements [fanfare.Tasks].
func (s *Store) WalkDeliveries(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, w fanfare.Walk) (found []*fanfare.Delivery, next fanfare.MessageID, err error) {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return nil, "", nil
	}
	if err := s.settleFresh(ctx, id{}, ep); err != nil {
		return nil, "", err
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		query := walkDeliveries
		state, only := ended(w.States)
		if only {
			query = walkEnded
		}
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		bindWalk(stmt, app, &w)
		if only {
			stmt.SetInt64(":state", int64(state))
		}
		stmt.SetBytes(":endpoint", ep[:])
		stmt.SetInt64(":states", mask(w.States))
		stmt.SetInt64(":class", int64(w.StatusClass))
		found, next, err = walk(stmt, &w, func(row *row) (*fanfare.Delivery, fanfare.MessageID, error) {
			d, err := scanDelivery(row)
			if err != nil {
				return nil, "", err
			}
			if !row.truth() {
				return nil, d.Message, nil
			}
			return d, d.Message, nil
		})
		return err
	})
	return found, next, err
}

// walk scans rows until enough is found, and says where to go on; "": there are no
// more. What scan gives of one that is not found is nil.
func walk[T any](stmt *sqlite.Stmt, w *fanfare.Walk, scan func(row *row) (*T, fanfare.MessageID, error)) (found []*T, next fanfare.MessageID, err error) {
	looked := 0
	var wrong error
	err = each(stmt, func(row *row) bool {
		var v *T
		if v, next, wrong = scan(row); wrong != nil {
			return false
		}
		looked++
		if v != nil {
			found = append(found, v)
		}
		return len(found) < w.Limit
	})
	if looked < w.Look && len(found) < w.Limit {
		next = ""
	}
	return found, next, cmp.Or(err, wrong)
}

func bindWalk(stmt *sqlite.Stmt, app id, w *fanfare.Walk) {
	bindSpan(stmt, app, w)
	bindMessageIs(stmt, w.EventTypes, w.Channel, w.Tag)
	bindWithin(stmt, w.Within)
}

// walkMessages is walkDeliveries for messages. Whether there is a payload is told
// from the head of a row, without reading it, and so are the versions 0 and 1; to
// larger ones a payload is passed over.
const walkMessages = `
	SELECT message.id, message.event_type, message.channels, message.tags, message.ordering_key,
		message.deliver_at, message.created_at, message.event_type_version, message.endpoints,
		CASE
			WHEN message.created_at < :since OR message.created_at >= :until THEN 0
			WHEN message.payload IS NULL THEN 0
			ELSE true` + messageIs + `
		END
	FROM message
	WHERE message.application = :application
		AND message.id > :after
		AND EXISTS (SELECT 1 FROM application WHERE id = :application)
	ORDER BY message.id
	LIMIT :look`

// WalkMessages implements [fanfare.Tasks].
func (s *Store) WalkMessages(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, w fanfare.Walk) (found []*fanfare.Message, next fanfare.MessageID, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, "", nil
	}
	ep, _ := parse(endpointPrefix, endpoint)
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(walkMessages)
		if err != nil {
			return err
		}
		bindWalk(stmt, app, &w)
		found, next, err = walk(stmt, &w, func(row *row) (*fanfare.Message, fanfare.MessageID, error) {
			msg, endpoints, err := scanPassed(row)
			if err != nil {
				return nil, "", err
			}
			msg.Application = application
			if !row.truth() || slices.Contains(endpoints, ep) {
				return nil, msg.ID, nil
			}
			return msg, msg.ID, nil
		})
		return err
	})
	return found, next, err
}

// scanPassed reads a message without its payload, and the endpoints it lists.
func scanPassed(row *row) (msg *fanfare.Message, endpoints []id, err error) {
	msg = &fanfare.Message{ID: fanfare.MessageID(row.name(messagePrefix)), EventType: row.text()}
	if msg.Channels, err = stored.ReadList[[]string](row.text()); err == nil {
		msg.Tags, err = stored.ReadList[[]string](row.text())
	}
	if err != nil {
		return nil, nil, err
	}
	msg.OrderingKey = row.text()
	msg.DeliverAt, msg.CreatedAt = row.time(), row.time()
	msg.EventTypeVersion = int(row.number())
	return msg, ids(row.blob()), nil
}
