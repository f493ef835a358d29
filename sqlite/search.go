package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// lookForMessages says of each message whether it is found: what costs least is asked
// first. A payload's length stands in the head of its row, so that no payload is read but
// those that are looked into.
const lookForMessages = `
	SELECT message.rowid, message.id, message.application, message.created_at, length(message.payload),
		CASE
			WHEN message.created_at < :since OR message.created_at >= :until THEN 0
			WHEN message.application = :own THEN 0
			WHEN NOT EXISTS (SELECT 1 FROM application WHERE id = message.application) THEN 0
			WHEN NOT (true` + messageIs + `) THEN 0
			ELSE :text IS NULL OR instr(message.payload, :text) > 0
		END,
		message.event_id, message.event_type, message.content_type, message.channels, message.tags,
		message.ordering_key, message.deliver_at, message.event_type_version
	FROM message`

const lookForMessagesOfAll = lookForMessages + `
	WHERE message.rowid < :before
	ORDER BY message.rowid DESC
	LIMIT :look`

const lookForMessagesOfOne = lookForMessages + `
	WHERE message.application = :application
		AND message.id < :before
	ORDER BY message.id DESC
	LIMIT :look`

// LookForMessages implements [fanfare.Searches]. All messages are in the order of their
// rowids, those of one application in that of their ids.
func (s *Store) LookForMessages(ctx context.Context, l fanfare.MessageLook) (found []*fanfare.Message, looked fanfare.Looked, err error) {
	err = s.readAll(ctx, func(conn *sqlite.Conn) error {
		query := lookForMessagesOfAll
		if l.Application != "" {
			query = lookForMessagesOfOne
		}
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		if there, err := bindLook(conn, stmt, &l); !there || err != nil {
			return err
		}
		found, looked, err = scanLook(stmt, &l)
		return err
	})
	return found, looked, err
}

// bindLook gives a look its parameters; false: there is nothing of that name.
func bindLook(conn *sqlite.Conn, stmt *sqlite.Stmt, l *fanfare.MessageLook) (there bool, err error) {
	if l.Application != "" {
		app, ok1 := parse(applicationPrefix, l.Application)
		before, ok2 := edge(messagePrefix, fanfare.Page{After: l.Before})
		if !ok1 || !ok2 {
			return false, nil
		}
		if l.Before == "" && !l.Until.IsZero() {
			first := idFrom(l.Until.Add(fanfare.SearchSlack))
			before = first[:]
		}
		stmt.SetBytes(":application", app[:])
		stmt.SetBytes(":before", before)
		stmt.SetNull(":own")
	} else {
		before, err := strconv.ParseInt(cmp.Or(l.Before, strconv.FormatInt(math.MaxInt64, 10)), 10, 64)
		if err != nil {
			return false, nil
		}
		if l.Before == "" && !l.Until.IsZero() {
			if before, err = firstFrom(conn, stored.Ceil(l.Until.Add(fanfare.SearchSlack))); err != nil {
				return false, err
			}
		}
		own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
		stmt.SetInt64(":before", before)
		stmt.SetBytes(":own", own[:])
	}
	stmt.SetInt64(":since", stored.From(l.Since))
	stmt.SetInt64(":until", stored.To(l.Until))
	stmt.SetInt64(":look", int64(l.Look))
	bindMessageIs(stmt, l.EventTypes, l.Channel, l.Tag)
	bindWithin(stmt, l.Within)
	if len(l.Text) > 0 {
		stmt.SetBytes(":text", l.Text)
	} else {
		stmt.SetNull(":text")
	}
	return true, nil
}

// idFrom is the smallest identifier of something made at t or later: identifiers begin
// with the milliseconds.
func idFrom(t time.Time) (raw id) {
	binary.BigEndian.PutUint64(raw[:], uint64(max(0, t.UnixMilli()))<<16)
	return raw
}

// scanLook looks at messages until enough is found, or looked into.
func scanLook(stmt *sqlite.Stmt, l *fanfare.MessageLook) (found []*fanfare.Message, looked fanfare.Looked, err error) {
	floor := int64(math.MinInt64)
	if !l.Since.IsZero() {
		floor = stored.From(l.Since.Add(-fanfare.SearchSlack))
	}
	size, ended := 0, false
	enough := func() bool { return len(found) >= l.Limit || l.Bytes > 0 && size >= l.Bytes }
	var wrong error
	err = each(stmt, func(row *row) (more bool) {
		rowid := row.number()
		msg := &fanfare.Message{ID: fanfare.MessageID(row.name(messagePrefix)), Application: fanfare.ApplicationID(row.name(applicationPrefix))}
		at := row.number()
		if ended = at < floor; ended {
			return false
		}
		msg.CreatedAt = stored.Instant(at)
		looked.Count, looked.Back, looked.Next = looked.Count+1, msg.CreatedAt, string(msg.ID)
		if l.Application == "" {
			looked.Next = strconv.FormatInt(rowid, 10)
		}
		if n := int(row.number()); len(l.Text) > 0 {
			size += n
		}
		if row.truth() {
			if wrong = scanHead(row, msg); wrong != nil {
				return false
			}
			found = append(found, msg)
		}
		return !enough()
	})
	if ended || looked.Count < l.Look && !enough() {
		looked.Next = ""
	}
	return found, looked, cmp.Or(err, wrong)
}

// scanHead reads the rest of a message, without its payload.
func scanHead(row *row, msg *fanfare.Message) (err error) {
	msg.EventID, msg.EventType, msg.ContentType = row.text(), row.text(), row.text()
	if msg.Channels, err = stored.ReadList[[]string](row.text()); err != nil {
		return err
	}
	if msg.Tags, err = stored.ReadList[[]string](row.text()); err != nil {
		return err
	}
	msg.OrderingKey, msg.DeliverAt, msg.EventTypeVersion = row.text(), row.time(), int(row.number())
	return nil
}

const (
	selectLastRowid = `
	SELECT max(rowid)
	FROM message`

	selectFrom = `
	SELECT rowid, created_at
	FROM message
	WHERE rowid >= ?
	ORDER BY rowid
	LIMIT 1`
)

// firstFrom finds the rowid from which on messages were created at a time or later, by
// halves: there is no index by age.
func firstFrom(conn *sqlite.Conn, at int64) (rowid int64, err error) {
	last, err := conn.Prepare(selectLastRowid)
	if err != nil {
		return 0, err
	}
	from, err := conn.Prepare(selectFrom)
	if err != nil {
		return 0, err
	}
	low, high := int64(1), int64(1)
	if _, err := one(last, func(row *row) { high = row.number() + 1 }); err != nil {
		return 0, err
	}
	for low < high {
		middle := low + (high-low)/2
		there, created := middle, int64(math.MaxInt64)
		from.BindInt64(1, middle)
		if _, err := one(from, func(row *row) { there, created = row.number(), row.number() }); err != nil {
			return 0, err
		}
		if created >= at {
			high = middle
		} else {
			low = there + 1
		}
	}
	return low, nil
}

const selectApplicationsBefore = `
	SELECT id
	FROM application
	WHERE id < ?
	ORDER BY id DESC
	LIMIT ?`

const attemptNamed = `
	SELECT newest.application, newest.id, attempt.message
	FROM (
		SELECT id, application
		FROM endpoint
		ORDER BY id DESC
		LIMIT ?2) AS newest
	CROSS JOIN attempt
	WHERE attempt.endpoint = newest.id
		AND attempt.id = ?1
		AND newest.application <> ?3
	LIMIT 1`

// AttemptNamed implements [fanfare.Searches].
func (s *Store) AttemptNamed(ctx context.Context, attempt fanfare.AttemptID, look int) (lane fanfare.Lane, message fanfare.MessageID, err error) {
	raw, ok := parse(attemptPrefix, attempt)
	if !ok {
		return lane, "", fanfare.ErrNotFound
	}
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	err = s.readAll(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(attemptNamed)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.id(raw)
		bind.number(int64(look))
		bind.id(own)
		found, err := one(stmt, func(row *row) {
			lane.Application = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, row.id()))
			lane.Endpoint = fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, row.id()))
			message = fanfare.MessageID(fanfare.EncodeID(messagePrefix, row.id()))
		})
		if err == nil && !found {
			err = fanfare.ErrNotFound
		}
		return err
	})
	return lane, message, err
}

// MessagesNamed implements [fanfare.Searches].
func (s *Store) MessagesNamed(ctx context.Context, ref string, before fanfare.ApplicationID, look int) (found []*fanfare.Message, next fanfare.ApplicationID, err error) {
	edge := bytes.Repeat([]byte{0xff}, len(id{})+1)
	if before != "" {
		at, ok := parse(applicationPrefix, before)
		if !ok {
			return nil, "", nil
		}
		edge = at[:]
	}
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	err = s.readAll(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectApplicationsBefore)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.blob(edge)
		bind.number(int64(look))
		looked := 0
		var wrong error
		err = each(stmt, func(row *row) bool {
			app := row.id()
			looked, next = looked+1, fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app))
			if app == own {
				return true
			}
			msg, err := messageNamed(conn, app, ref)
			switch {
			case err == nil:
				msg.Payload = nil
				found = append(found, msg)
			case !errors.Is(err, fanfare.ErrNotFound):
				wrong = err
			}
			return wrong == nil
		})
		if looked < look {
			next = ""
		}
		return cmp.Or(err, wrong)
	})
	return found, next, err
}

// messageNamed finds a message of an application by id or event id, damaged or not.
func messageNamed(conn *sqlite.Conn, app id, ref string) (msg *fanfare.Message, err error) {
	err = fanfare.ErrNotFound
	if raw, ok := parse(messagePrefix, ref); ok {
		msg, err = findMessage(conn, selectMessage, func(bind *binder) { bind.id(app); bind.id(raw) })
	}
	if errors.Is(err, fanfare.ErrNotFound) {
		msg, err = findMessage(conn, selectMessageByEventID, func(bind *binder) { bind.id(app); bind.text(ref) })
	}
	if errors.Is(err, fanfare.ErrDamaged) {
		err = nil
	}
	return msg, err
}
