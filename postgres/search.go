package postgres

import (
	"cmp"
	"context"
	"slices"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"github.com/jackc/pgx/v5"
)

// lookForMessages says of each message whether it is found: what costs least is asked
// first. How long a payload is is known without reading it; with those before it come to
// so many bytes, it is not looked into, and the look ends before it.
const (
	lookForMessages = `
	SELECT message.id, message.application, message.created_at, coalesce(octet_length(message.payload), 0),
		CASE
			WHEN message.created_at < @since OR message.created_at >= @until THEN false
			WHEN message.application = @own THEN false
			WHEN NOT EXISTS (SELECT 1 FROM application WHERE id = message.application) THEN false
			WHEN NOT coalesce(true` + messageIs + `, false) THEN false
			ELSE @text::bytea IS NULL OR coalesce(position(@text IN message.payload) > 0, false)
		END,
		message.event_id, message.event_type, message.content_type, message.channels, message.tags,
		message.ordering_key, message.deliver_at, message.event_type_version
	FROM (
		SELECT message.*, sum(octet_length(message.payload)) OVER (ORDER BY message.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS size
		FROM (
			SELECT id, application, created_at, event_id, event_type, content_type, channels, tags, ordering_key, deliver_at, event_type_version, payload
			FROM message
			WHERE id < @before
				AND id >= @floor`

	ofOneApplication = `
				AND application = @application`

	asFarAs = `
			ORDER BY id DESC
			LIMIT @look) AS message) AS message
	WHERE @text IS NULL OR @bytes = 0 OR coalesce(message.size, 0) < @bytes
	ORDER BY message.id DESC`

	lookForMessagesOfAll = lookForMessages + asFarAs
	lookForMessagesOfOne = lookForMessages + ofOneApplication + asFarAs
)

// LookForMessages implements [fanfare.Searches], in the order of ids.
func (s *Store) LookForMessages(ctx context.Context, l fanfare.MessageLook) (found []*fanfare.Message, looked fanfare.Looked, err error) {
	args, ok := lookArgs(&l)
	if !ok {
		return nil, fanfare.Looked{}, nil
	}
	query := lookForMessagesOfAll
	if l.Application != "" {
		query = lookForMessagesOfOne
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, query, args)
		if err != nil {
			return err
		}
		found, looked, err = scanLook(r, &l)
		return err
	})
	return found, looked, unlessNone(err)
}

// lookArgs are the parameters of a look; false: there is nothing of that name.
func lookArgs(l *fanfare.MessageLook) (args pgx.NamedArgs, ok bool) {
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	args = messageArgs(pgx.NamedArgs{
		"since": stored.From(l.Since), "until": stored.To(l.Until), "within": some(l.Within), "look": l.Look, "bytes": l.Bytes,
		"own": &own, "before": lastID, "floor": id{}, "text": []byte(nil),
	}, l.EventTypes, l.Channel, l.Tag)
	if l.Application != "" {
		app, ok := parse(applicationPrefix, l.Application)
		if !ok {
			return nil, false
		}
		args["application"], args["own"] = app, (*id)(nil)
	}
	switch {
	case l.Before != "":
		before, ok := parse(messagePrefix, l.Before)
		if !ok {
			return nil, false
		}
		args["before"] = before
	case !l.Until.IsZero():
		args["before"] = idFrom(l.Until.Add(fanfare.SearchSlack))
	}
	if floor := l.Since.Add(-fanfare.SearchSlack); floor.UnixMilli() > 0 {
		args["floor"] = idFrom(floor)
	}
	if len(l.Text) > 0 {
		args["text"] = l.Text
	}
	return args, true
}

// scanLook goes through what was looked at until enough is found.
func scanLook(r pgx.Rows, l *fanfare.MessageLook) (found []*fanfare.Message, looked fanfare.Looked, err error) {
	defer r.Close()
	size := 0
	enough := func() bool { return len(found) >= l.Limit || l.Bytes > 0 && size >= l.Bytes }
	for !enough() && r.Next() {
		msg := &fanfare.Message{}
		var raw, app id
		var eventID, contentType, key *string
		var createdAt, deliverAt int64
		var length int
		wanted := false
		err := r.Scan(&raw, &app, &createdAt, &length, &wanted, &eventID, &msg.EventType, &contentType, &msg.Channels, &msg.Tags, &key, &deliverAt, &msg.EventTypeVersion)
		if err != nil {
			return nil, fanfare.Looked{}, err
		}
		msg.ID = fanfare.MessageID(fanfare.EncodeID(messagePrefix, raw))
		msg.CreatedAt = stored.Instant(createdAt)
		looked.Count, looked.Back, looked.Next = looked.Count+1, msg.CreatedAt, string(msg.ID)
		if len(l.Text) > 0 {
			size += length
		}
		if wanted {
			msg.Application = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app))
			msg.EventID, msg.ContentType, msg.OrderingKey, msg.DeliverAt = given(eventID), given(contentType), given(key), stored.Instant(deliverAt)
			found = append(found, msg)
		}
	}
	if looked.Count < l.Look && !enough() {
		looked.Next = ""
	}
	return found, looked, r.Err()
}

// messagesNamed looks an event id up in each of some applications, as its index leads
// with them.
const messagesNamed = `
	SELECT ` + messageColumns + `
	FROM unnest(@applications::uuid[]) AS owner (id)
	CROSS JOIN LATERAL (
		SELECT event_id.message
		FROM event_id
		WHERE event_id.application = owner.id
			AND event_id.event_id = @ref
		ORDER BY event_id.event_type_version DESC
		LIMIT 1) AS named
	JOIN message ON message.application = owner.id AND message.id = named.message
	ORDER BY owner.id DESC`

const selectApplicationsBefore = `
	SELECT id
	FROM application
	WHERE id < $1
	ORDER BY id DESC
	LIMIT $2`

const selectAnyMessage = `
	SELECT ` + messageColumns + `
	FROM message
	WHERE id = $1
		AND application = ANY($2)`

const attemptNamed = `
	SELECT newest.application, newest.id, attempt.message
	FROM (
		SELECT id, application
		FROM endpoint
		ORDER BY id DESC
		LIMIT $2) AS newest
	CROSS JOIN LATERAL (
		SELECT message
		FROM attempt
		WHERE attempt.endpoint = newest.id AND attempt.id = $1
		LIMIT 1) AS attempt
	WHERE newest.application <> $3
	LIMIT 1`

// AttemptNamed implements [fanfare.Searches].
func (s *Store) AttemptNamed(ctx context.Context, attempt fanfare.AttemptID, look int) (lane fanfare.Lane, message fanfare.MessageID, err error) {
	raw, ok := parse(attemptPrefix, attempt)
	if !ok {
		return lane, "", fanfare.ErrNotFound
	}
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	lane, err = readOne(ctx, s, func(r pgx.Rows) (lane fanfare.Lane, err error) {
		var app, ep, msg id
		err = r.Scan(&app, &ep, &msg)
		lane.Application = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app))
		lane.Endpoint = fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, ep))
		message = fanfare.MessageID(fanfare.EncodeID(messagePrefix, msg))
		return lane, err
	}, attemptNamed, raw, look, own)
	return lane, message, err
}

// MessagesNamed implements [fanfare.Searches].
func (s *Store) MessagesNamed(ctx context.Context, ref string, before fanfare.ApplicationID, look int) (found []*fanfare.Message, next fanfare.ApplicationID, err error) {
	at := cursor{after: lastID}
	if before != "" {
		at = afterID(applicationPrefix, fanfare.Page{After: string(before)})
	}
	if at.nowhere {
		return nil, "", nil
	}
	raw, isID := parse(messagePrefix, ref)
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		found, next = nil, ""
		r, err := conn.Query(ctx, selectApplicationsBefore, at.after, look)
		if err != nil {
			return err
		}
		apps, err := pgx.CollectRows(r, pgx.RowTo[id])
		if err != nil {
			return err
		}
		if len(apps) == look {
			next = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, apps[look-1]))
		}
		apps = slices.DeleteFunc(apps, func(app id) bool { return app == own })
		if isID {
			r, err := conn.Query(ctx, selectAnyMessage, raw, apps)
			if found, err = rows(r, err, scanMessage); err != nil {
				return err
			}
		}
		r, err = conn.Query(ctx, messagesNamed, pgx.NamedArgs{"applications": apps, "ref": ref})
		named, err := rows(r, err, scanMessage)
		for _, msg := range named { // an id goes before an event id
			if len(found) == 0 || found[0].Application != msg.Application {
				found = append(found, msg)
			}
		}
		return err
	})
	slices.SortStableFunc(found, func(a, b *fanfare.Message) int { return cmp.Compare(b.Application, a.Application) })
	for _, msg := range found {
		msg.Payload = nil
	}
	return found, next, unlessNone(err)
}
