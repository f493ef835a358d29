package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const messageColumns = `message.id, message.application, message.event_id, message.event_type, message.content_type,
		message.channels, message.tags, message.ordering_key, message.deliver_at, message.created_at,
		message.checksum, message.payload, message.event_type_version`

// scanMessage reads a message, which is Damaged if it is not what was stored.
func scanMessage(row *row) (*fanfare.Message, error) {
	msg := &fanfare.Message{
		ID:          fanfare.MessageID(row.name(messagePrefix)),
		Application: fanfare.ApplicationID(row.name(applicationPrefix)),
		EventID:     row.text(),
		EventType:   row.text(),
		ContentType: row.text(),
	}
	var err1, err2 error
	msg.Channels, err1 = stored.ReadList[[]string](row.text())
	msg.Tags, err2 = stored.ReadList[[]string](row.text())
	msg.OrderingKey = row.text()
	msg.DeliverAt, msg.CreatedAt = row.time(), row.time()
	checksum := uint32(row.number())
	msg.Payload = row.blob()
	msg.EventTypeVersion = int(row.number())
	same := msg.Payload == nil || crc32.Checksum(msg.Payload, castagnoli) == checksum
	if err1 != nil || err2 != nil || !same {
		msg.Damaged, msg.Payload = true, nil
	}
	return msg, nil
}

const selectMessage = `
	SELECT ` + messageColumns + `
	FROM message
	WHERE application = ?1
		AND id = ?2
		AND EXISTS (SELECT 1 FROM application WHERE id = ?1)`

const selectMessageByEventID = `
	SELECT ` + messageColumns + `
	FROM message
	WHERE application = ?1
		AND event_id = ?2
		AND EXISTS (SELECT 1 FROM application WHERE id = ?1)
	ORDER BY event_type_version DESC
	LIMIT 1`

// Message implements [fanfare.Log]. An id goes before an event id.
func (s *Store) Message(ctx context.Context, application fanfare.ApplicationID, ref string) (msg *fanfare.Message, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		if raw, ok := parse(messagePrefix, ref); ok {
			msg, err = findMessage(conn, selectMessage, func(bind *binder) { bind.id(app); bind.id(raw) })
			if !errors.Is(err, fanfare.ErrNotFound) {
				return err
			}
		}
		msg, err = findMessage(conn, selectMessageByEventID, func(bind *binder) { bind.id(app); bind.text(ref) })
		return err
	})
	return msg, err
}

func findMessage(conn *sqlite.Conn, query string, parameters func(bind *binder)) (*fanfare.Message, error) {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	parameters(&binder{stmt: stmt})
	msg, err := scanOne(stmt, scanMessage)
	if err == nil && msg.Damaged {
		err = fmt.Errorf("message %s: %w", msg.ID, fanfare.ErrDamaged)
	}
	return msg, err
}

const messagesWhere = `
	SELECT ` + messageColumns + `
	FROM message
	WHERE message.application = :application
		AND message.created_at >= :since
		AND message.created_at < :until
		AND EXISTS (SELECT 1 FROM application WHERE id = :application)` + messageIs

const messagesOf = `FROM message
	WHERE message.application = :application`

var listMessages = inBounds(messagesWhere, messagesOf, "message.id")

// listMessagesInState picks them by their deliveries, of which there is one at most
// to each endpoint of the application.
var listMessagesInState = inBounds(messagesWhere+`
		AND EXISTS (
			SELECT 1
			FROM endpoint CROSS JOIN delivery ON delivery.endpoint = endpoint.id AND delivery.message = message.id
			WHERE endpoint.application = :application
				AND :states >> delivery.state & 1`+endpointIs+`)`, messagesOf, "message.id")

// Messages implements [fanfare.Log].
func (s *Store) Messages(ctx context.Context, application fanfare.ApplicationID, f fanfare.MessageFilter) ([]*fanfare.Message, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	list := listMessages
	if len(f.States) > 0 {
		list = listMessagesInState
		if err := s.settleFresh(ctx, id{}, id{}); err != nil {
			return nil, err
		}
	}
	l, at, err := s.asFar(ctx, list, func(stmt *sqlite.Stmt) { stmt.SetBytes(":application", app[:]) }, messagePrefix, f.Page, f.Since)
	if err != nil {
		return nil, err
	}
	size := 0
	return readPageUntil(ctx, s, l, at, func(stmt *sqlite.Stmt) {
		stmt.SetBytes(":application", app[:])
		stmt.SetInt64(":since", stored.From(f.Since))
		stmt.SetInt64(":until", stored.To(f.Until))
		bindMessageIs(stmt, f.EventTypes, f.Channel, f.Tag)
		bindWithin(stmt, f.Within)
		if len(f.States) > 0 {
			stmt.SetInt64(":states", mask(f.States))
		}
	}, scanMessage, func(msg *fanfare.Message) (full bool) {
		size += len(msg.Payload)
		return f.Bytes > 0 && size >= f.Bytes
	})
}

// NamedMessages implements [fanfare.Log].
func (s *Store) NamedMessages(ctx context.Context, application fanfare.ApplicationID, names []fanfare.MessageID) (msgs []*fanfare.Message, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	err = s.readAll(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectMessage)
		if err != nil {
			return err
		}
		for _, name := range names {
			raw, ok := parse(messagePrefix, name)
			if !ok {
				continue
			}
			bind := binder{stmt: stmt}
			bind.id(app)
			bind.id(raw)
			if err := scanEach(stmt, scanMessage, func(msg *fanfare.Message) bool { msgs = append(msgs, msg); return true }); err != nil {
				return err
			}
		}
		return nil
	})
	return msgs, err
}

const expungePayload = `
	UPDATE message
	SET payload = NULL
	WHERE rowid = ?`

// ExpungePayload implements [fanfare.Log]. What the payload stood on is
// overwritten in the database; in the WAL it lasts until that is used again.
func (s *Store) ExpungePayload(ctx context.Context, application fanfare.ApplicationID, message fanfare.MessageID) error {
	app, ok1 := parse(applicationPrefix, application)
	msg, ok2 := parse(messagePrefix, message)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	return s.change(ctx, func(w *writer) error {
		p, err := w.place(app, msg)
		if err != nil {
			return err
		}
		return w.overwriting(func() error {
			return w.exec(expungePayload, func(bind *binder) { bind.number(p.rowid) })
		})
	})
}

// overwriting runs f so that what it removes is overwritten in the database.
func (w *writer) overwriting(f func() error) error {
	if err := w.secureDelete("PRAGMA secure_delete = ON"); err != nil {
		return err
	}
	return cmp.Or(f(), w.secureDelete("PRAGMA secure_delete = OFF"))
}

func (w *writer) secureDelete(query string) error {
	stmt, err := w.conn.Prepare(query)
	if err != nil {
		return err
	}
	_, err = one(stmt, func(*row) {})
	return err
}
