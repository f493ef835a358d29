package sqlite

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

const messageColumns = `message.id, message.application, message.event_id, message.event_type, message.content_type,
		message.channels, message.tags, message.ordering_key, message.deliver_at, message.created_at,
		message.checksum, message.payload`

// scanMessage reads a message, and fails if its payload is not what was stored.
func scanMessage(row *row) (msg *fanfare.Message, err error) {
	msg = &fanfare.Message{
		ID:          fanfare.MessageID(row.name(messagePrefix)),
		Application: fanfare.ApplicationID(row.name(applicationPrefix)),
		EventID:     row.text(),
		EventType:   row.text(),
		ContentType: row.text(),
	}
	if msg.Channels, err = unlist[[]string](row.text()); err != nil {
		return nil, fmt.Errorf("message %s: channels: %w: %w", msg.ID, fanfare.ErrDamaged, err)
	}
	if msg.Tags, err = unlist[[]string](row.text()); err != nil {
		return nil, fmt.Errorf("message %s: tags: %w: %w", msg.ID, fanfare.ErrDamaged, err)
	}
	msg.OrderingKey = row.text()
	msg.DeliverAt, msg.CreatedAt = row.time(), row.time()
	checksum := uint32(row.number())
	msg.Payload = row.blob()
	if msg.Payload != nil && crc32.Checksum(msg.Payload, castagnoli) != checksum {
		return nil, fmt.Errorf("message %s: the payload: %w", msg.ID, fanfare.ErrDamaged)
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
		AND EXISTS (SELECT 1 FROM application WHERE id = ?1)`

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
	return scanOne(stmt, scanMessage)
}

const messagesWhere = `
	SELECT ` + messageColumns + `
	FROM message
	WHERE message.application = :application
		AND message.created_at >= :since
		AND message.created_at < :until
		AND EXISTS (SELECT 1 FROM application WHERE id = :application)` + messageIs

const selectMessagesUp = messagesWhere + `
		AND message.id > :after
	ORDER BY message.id
	LIMIT :limit`

const selectMessagesDown = messagesWhere + `
		AND message.id < :after
	ORDER BY message.id DESC
	LIMIT :limit`

// Messages implements [fanfare.Log].
func (s *Store) Messages(ctx context.Context, application fanfare.ApplicationID, f fanfare.MessageFilter) (msgs []*fanfare.Message, err error) {
	app, ok := parse(applicationPrefix, application)
	after, sure := afterID(messagePrefix, f.Page)
	if !ok || !sure {
		return nil, nil
	}
	query := selectMessagesDown
	if f.Ascending {
		query = selectMessagesUp
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		stmt.SetBytes(":application", app[:])
		stmt.SetInt64(":since", from(f.Since))
		stmt.SetInt64(":until", to(f.Until))
		bindMessageIs(stmt, f.EventTypes, f.Channel, f.Tag)
		stmt.SetBytes(":after", after)
		stmt.SetInt64(":limit", int64(f.Limit))
		msgs, err = scanAll(stmt, scanMessage)
		return err
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
		if err := w.secureDelete("PRAGMA secure_delete = ON"); err != nil {
			return err
		}
		err = w.exec(expungePayload, func(bind *binder) { bind.number(p.rowid) })
		if off := w.secureDelete("PRAGMA secure_delete = OFF"); err == nil {
			err = off
		}
		return err
	})
}

func (w *writer) secureDelete(query string) error {
	stmt, err := w.conn.Prepare(query)
	if err != nil {
		return err
	}
	_, err = one(stmt, func(*row) {})
	return err
}
