package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

// isPlain reports whether a selection asks for nothing that only a message tells.
func isPlain(s *fanfare.Selection) bool {
	return len(s.EventTypes) == 0 && s.Channel == "" && s.Tag == "" && len(s.Within) == 0
}

// countDeliveriesOf looks at deliveries as walkDeliveries does.
const countDeliveriesOf = `
	SELECT count(*) FILTER (WHERE found), count(*), (array_agg(message ORDER BY message DESC))[1], 0
	FROM (
		SELECT delivery.message,
			CASE
				WHEN NOT delivery.state = ANY(@states) THEN false
				WHEN delivery.created_at < @since OR delivery.created_at >= @until THEN false
				WHEN @class::integer <> 0 AND @class IS DISTINCT FROM (
					SELECT status / 100
					FROM attempt
					WHERE attempt.message = delivery.message AND attempt.endpoint = delivery.endpoint
					ORDER BY id DESC
					LIMIT 1) THEN false
				ELSE `

const inPieces = `
			END AS found` + passedDeliveries

const looked = ") AS looked"

// A delivery has a message: countPlain looks only for those of which the
// payload was removed.
const (
	countPlain = countDeliveriesOf + `NOT EXISTS (
					SELECT 1
					FROM message
					WHERE message.application = @application
						AND message.id = delivery.message
						AND message.payload IS NULL)` + inPieces

	countMessageDeliveries = countDeliveriesOf + `EXISTS (
					SELECT 1
					FROM message
					WHERE message.application = @application
						AND message.id = delivery.message
						AND message.payload IS NOT NULL` + messageIs + ` OFFSET 0)` + inPieces

	countPlainDeliveries = countPlain + soMany + looked
	countPlainEnded      = countPlain + isEnded + soMany + looked
	countDeliveries      = countMessageDeliveries + soMany + looked
	countEnded           = countMessageDeliveries + isEnded + soMany + looked
)

// CountDeliveries implements [fanfare.Counts].
func (s *Store) CountDeliveries(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, w fanfare.Walk) (n int, next fanfare.MessageID, err error) {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return 0, "", nil
	}
	args := walkArgs(app, &w)
	args["endpoint"], args["states"], args["class"] = ep, numbers(w.States), w.StatusClass
	plain := isPlain(&w.Selection)
	state, only := ended(w.States)
	query := countDeliveries
	switch {
	case plain && only:
		query = countPlainEnded
	case plain:
		query = countPlainDeliveries
	case only:
		query = countEnded
	}
	if only {
		args["state"] = int16(state)
	}
	n, _, next, err = s.countWalk(ctx, query, args, &w)
	return n, next, err
}

// countMessages counts expunged ones too, of which it says how many they are.
const countMessages = `
	SELECT count(*) FILTER (WHERE found), count(*), (array_agg(id ORDER BY id DESC))[1], count(*) FILTER (WHERE found AND expunged)
	FROM (
		SELECT message.id, message.payload IS NULL AS expunged,
			CASE
				WHEN message.created_at < @since OR message.created_at >= @until THEN false
				ELSE coalesce(true` + messageIs + `, false)
			END AS found
		FROM message
		WHERE message.application = @application
			AND message.id > @after
			AND message.id <= @to
			AND EXISTS (SELECT 1 FROM application WHERE id = @application)
		ORDER BY message.id
		LIMIT @look) AS looked`

// countIDs counts messages by the index of their ids, and those without a payload by
// that of theirs.
const countIDs = `
	WITH looked AS (
		SELECT count(*) AS n, (array_agg(id ORDER BY id DESC))[1] AS last
		FROM (
			SELECT id
			FROM message
			WHERE application = @application
				AND id > @after
				AND id <= @to
				AND EXISTS (SELECT 1 FROM application WHERE id = @application)
			ORDER BY id
			LIMIT @look) AS passed)
	SELECT n, n, last, (
		SELECT count(*)
		FROM message
		WHERE application = @application
			AND id > @after
			AND id <= last
			AND payload IS NULL)
	FROM looked`

// CountMessages implements [fanfare.Counts]. Of a selection that says nothing of the
// messages it reads none that the table's visibility map has.
func (s *Store) CountMessages(ctx context.Context, application fanfare.ApplicationID, w fanfare.Walk) (n, expunged int, next fanfare.MessageID, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return 0, 0, "", nil
	}
	args := walkArgs(app, &w)
	args["to"] = lastID
	if w.To != "" {
		to, ok := parse(messagePrefix, w.To)
		if !ok {
			return 0, 0, "", nil
		}
		args["to"] = to
	}
	query := countMessages
	if isPlain(&w.Selection) && w.Since.IsZero() && w.Until.IsZero() {
		query = countIDs
	}
	return s.countWalk(ctx, query, args, &w)
}

// countWalk reads how many were found, of them without a payload, and where to go on.
func (s *Store) countWalk(ctx context.Context, query string, args pgx.NamedArgs, w *fanfare.Walk) (n, expunged int, next fanfare.MessageID, err error) {
	looked := 0
	var last *id
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, query, args).Scan(&n, &looked, &last, &expunged)
	})
	if looked == w.Look {
		next = fanfare.MessageID(nameOf(messagePrefix, last))
	}
	return n, expunged, next, unlessNone(err)
}
