package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const messageColumns = `message.id, message.application, message.event_id, message.event_type, message.content_type,
		message.channels, message.tags, message.ordering_key, message.deliver_at, message.created_at,
		message.checksum, message.payload, message.event_type_version`

// scanMessage reads a message, which is Damaged if its payload is not what was stored.
func scanMessage(r pgx.Rows) (*fanfare.Message, error) {
	msg := &fanfare.Message{}
	var raw, app id
	var eventID, contentType, key *string
	var deliverAt, createdAt, checksum int64
	err := r.Scan(&raw, &app, &eventID, &msg.EventType, &contentType, &msg.Channels, &msg.Tags, &key, &deliverAt, &createdAt, &checksum, &msg.Payload, &msg.EventTypeVersion)
	if err != nil {
		return nil, err
	}
	msg.ID = fanfare.MessageID(fanfare.EncodeID(messagePrefix, raw))
	msg.Application = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app))
	msg.EventID, msg.ContentType, msg.OrderingKey = given(eventID), given(contentType), given(key)
	msg.DeliverAt, msg.CreatedAt = stored.Instant(deliverAt), stored.Instant(createdAt)
	if msg.Payload != nil && int64(crc32.Checksum(msg.Payload, castagnoli)) != checksum {
		msg.Damaged, msg.Payload = true, nil
	}
	return msg, nil
}

const selectMessage = `
	SELECT ` + messageColumns + `
	FROM message
	WHERE application = $1
		AND id = $2
		AND EXISTS (SELECT 1 FROM application WHERE id = $1)`

const selectMessageByEventID = `
	SELECT ` + messageColumns + `
	FROM event_id
	JOIN message ON message.application = event_id.application AND message.id = event_id.message
	WHERE event_id.application = $1
		AND event_id.event_id = $2
		AND EXISTS (SELECT 1 FROM application WHERE id = $1)
	ORDER BY event_id.event_type_version DESC
	LIMIT 1`

// Message implements [fanfare.Log]. An id goes before an event id.
func (s *Store) Message(ctx context.Context, application fanfare.ApplicationID, ref string) (*fanfare.Message, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	if raw, ok := parse(messagePrefix, ref); ok {
		msg, err := readOne(ctx, s, scanMessage, selectMessage, app, raw)
		if !errors.Is(err, fanfare.ErrNotFound) {
			return whole(msg, err)
		}
	}
	return whole(readOne(ctx, s, scanMessage, selectMessageByEventID, app, ref))
}

// whole makes it an error that a message is damaged, beside what is left of it.
func whole(msg *fanfare.Message, err error) (*fanfare.Message, error) {
	if err == nil && msg.Damaged {
		err = fmt.Errorf("message %s: %w", msg.ID, fanfare.ErrDamaged)
	}
	return msg, err
}

// messageIs are the conditions on a message that lists of deliveries and attempts
// have in common with lists of messages.
const messageIs = `
		AND (@types::text[] IS NULL OR message.event_type = ANY(@types) OR EXISTS (
			SELECT 1
			FROM unnest(@types::text[]) AS pattern
			WHERE right(pattern, 2) IN ('.*', ':*', '/*') AND starts_with(message.event_type, left(pattern, -1))))
		AND (@channel::text IS NULL OR @channel = ANY(message.channels))
		AND (@tag::text IS NULL OR @tag = ANY(message.tags))
		AND (@within::text[] IS NULL OR message.channels && @within)`

// messageArgs sets their parameters. args has within, unless nothing narrows.
func messageArgs(args pgx.NamedArgs, types []string, channel, tag string) pgx.NamedArgs {
	args["types"], args["channel"], args["tag"] = some(types), optional(channel), optional(tag)
	if args["within"] == nil {
		args["within"] = []string(nil)
	}
	return args
}

const messagesWhere = `
	SELECT ` + messageColumns + `
	FROM message
	WHERE message.application = @application
		AND message.created_at >= @since
		AND message.created_at < @until
		AND EXISTS (SELECT 1 FROM application WHERE id = @application)` + messageIs

const messagesOf = `
	FROM message
	WHERE message.application = @application`

var (
	listMessages = inBounds(messagesWhere, messagesOf, "message.id")

	// listMessagesInState picks them by their deliveries.
	listMessagesInState = inBounds(messagesWhere+`
		AND EXISTS (
			SELECT 1
			FROM delivery
			WHERE delivery.endpoint = ANY(message.endpoints)
				AND delivery.message = message.id
				AND delivery.state = ANY(@states)`+toEndpointThere+`)`, messagesOf, "message.id")
)

// messagePiece is how many messages are read at once of a page that ends with so many
// bytes.
const messagePiece = 25

// Messages implements [fanfare.Log].
func (s *Store) Messages(ctx context.Context, application fanfare.ApplicationID, f fanfare.MessageFilter) ([]*fanfare.Message, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	args := messageArgs(pgx.NamedArgs{"application": app, "since": stored.From(f.Since), "until": stored.To(f.Until), "within": some(f.Within)}, f.EventTypes, f.Channel, f.Tag)
	l := listMessages
	if len(f.States) > 0 {
		l, args["states"] = listMessagesInState, numbers(f.States)
	}
	at := afterID(messagePrefix, f.Page)
	as, err := s.asFar(ctx, l, &at, messagePrefix, f.Since, args)
	if err != nil {
		return nil, err
	}
	if f.Bytes == 0 {
		return readPage(ctx, s, as, at, args, scanMessage)
	}
	return s.messagesUntil(ctx, as, &f, at, args)
}

// messagesUntil reads a page until it has so many bytes, a piece at a time: what is
// asked for the server sends, and payloads may be large.
func (s *Store) messagesUntil(ctx context.Context, l list, f *fanfare.MessageFilter, at cursor, args pgx.NamedArgs) (page []*fanfare.Message, err error) {
	for size := 0; ; {
		at.page.Limit = min(f.Limit-len(page), messagePiece)
		piece, err := readPage(ctx, s, l, at, args, scanMessage)
		if err != nil {
			return nil, err
		}
		for _, msg := range piece {
			page = append(page, msg)
			if size += len(msg.Payload); size >= f.Bytes {
				return page, nil
			}
		}
		if len(piece) < at.page.Limit || len(page) == f.Limit {
			return page, nil
		}
		at.after, _ = parse(messagePrefix, page[len(page)-1].ID)
	}
}

const selectNamed = `
	SELECT ` + messageColumns + `
	FROM message
	WHERE application = $1
		AND id = ANY($2)
		AND EXISTS (SELECT 1 FROM application WHERE id = $1)
	ORDER BY id`

// NamedMessages implements [fanfare.Log].
func (s *Store) NamedMessages(ctx context.Context, application fanfare.ApplicationID, names []fanfare.MessageID) (msgs []*fanfare.Message, err error) {
	app, ok := parse(applicationPrefix, application)
	wanted := messageIDs(names)
	if !ok || len(wanted) == 0 {
		return nil, nil
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, selectNamed, app, wanted)
		msgs, err = rows(r, err, scanMessage)
		return err
	})
	return msgs, unlessNone(err)
}

const expungePayload = `
	UPDATE message
	SET payload = NULL
	WHERE application = $1
		AND id = $2
		AND EXISTS (SELECT 1 FROM application WHERE id = $1)`

// ExpungePayload implements [fanfare.Log]. What was stored is overwritten when the
// database next vacuums the table.
func (s *Store) ExpungePayload(ctx context.Context, application fanfare.ApplicationID, message fanfare.MessageID) error {
	app, ok1 := parse(applicationPrefix, application)
	msg, ok2 := parse(messagePrefix, message)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error { return mustChange(tx.Exec(ctx, expungePayload, app, msg)) })
}
