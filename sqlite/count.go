package sqlite

import (
	"context"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// isPlain reports whether a selection asks for nothing that only a message tells.
func isPlain(s *fanfare.Selection) bool {
	return len(s.EventTypes) == 0 && s.Channel == "" && s.Tag == "" && len(s.Within) == 0
}

// countDeliveriesOf looks at deliveries as walkDeliveries does, ordered by the key.
const countDeliveriesOf = `
	SELECT total(found), count(*), max(message)
	FROM (
		SELECT delivery.message,
			CASE
				WHEN NOT (:states >> delivery.state & 1) THEN 0
				WHEN delivery.created_at < :since OR delivery.created_at >= :until THEN 0
				WHEN :class <> 0 AND :class IS NOT (SELECT status / 100 FROM attempt WHERE rowid = delivery.last_attempt) THEN 0
				ELSE `

const inPieces = `
			END AS found`

// A delivery has a message: countPlain looks only for those of which the
// payload was removed.
const (
	countPlain = countDeliveriesOf + `NOT EXISTS (
					SELECT 1
					FROM message INDEXED BY message_expunged
					WHERE message.application = :application
						AND message.id = delivery.message
						AND message.payload IS NULL)` + inPieces

	countMessageDeliveries = countDeliveriesOf + `EXISTS (
					SELECT 1
					FROM message
					WHERE message.application = :application
						AND message.id = delivery.message
						AND message.payload IS NOT NULL` + messageIs + `)` + inPieces

	countPlainDeliveries = countPlain + toEndpoint + soMany + ")"
	countPlainEnded      = countPlain + endedTo + soMany + ")"
	countDeliveries      = countMessageDeliveries + toEndpoint + soMany + ")"
	countEnded           = countMessageDeliveries + endedTo + soMany + ")"
)

// CountDeliveries implements [fanfare.Counts].
func (s *Store) CountDeliveries(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, w fanfare.Walk) (n int, next fanfare.MessageID, err error) {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return 0, "", nil
	}
	if err := s.settleFresh(ctx, id{}, ep); err != nil {
		return 0, "", err
	}
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
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		if plain {
			bindSpan(stmt, app, &w)
		} else {
			bindWalk(stmt, app, &w)
		}
		if only {
			stmt.SetInt64(":state", int64(state))
		}
		stmt.SetBytes(":endpoint", ep[:])
		stmt.SetInt64(":states", mask(w.States))
		stmt.SetInt64(":class", int64(w.StatusClass))
		n, next, err = counted(stmt, &w, func(*row) {})
		return err
	})
	return n, next, err
}

// counted scans how many were found, what else there is, and where to go on.
func counted(stmt *sqlite.Stmt, w *fanfare.Walk, scan func(row *row)) (n int, next fanfare.MessageID, err error) {
	_, err = one(stmt, func(row *row) {
		n = int(row.number())
		looked := row.number()
		if last := row.id(); looked == int64(w.Look) {
			next = fanfare.MessageID(fanfare.EncodeID(messagePrefix, last))
		}
		scan(row)
	})
	return n, next, err
}

const countMessages = `
	SELECT total(found), count(*), max(id), total(found AND expunged)
	FROM (
		SELECT message.id, message.payload IS NULL AS expunged,
			CASE
				WHEN message.created_at < :since OR message.created_at >= :until THEN 0
				ELSE true` + messageIs + `
			END AS found
		FROM message
		WHERE message.application = :application
			AND message.id > :after
			AND message.id <= :to
			AND EXISTS (SELECT 1 FROM application WHERE id = :application)
		ORDER BY message.id
		LIMIT :look)`

// countIDs counts messages by the index of their ids, and those without a payload by
// that of theirs.
const countIDs = `
	WITH looked AS (
		SELECT count(*) AS n, max(id) AS last
		FROM (
			SELECT id
			FROM message INDEXED BY message_id
			WHERE application = :application
				AND id > :after
				AND id <= :to
				AND EXISTS (SELECT 1 FROM application WHERE id = :application)
			ORDER BY id
			LIMIT :look))
	SELECT n, n, last, (
		SELECT count(*)
		FROM message INDEXED BY message_expunged
		WHERE application = :application
			AND id > :after
			AND id <= last
			AND payload IS NULL)
	FROM looked`

// CountMessages implements [fanfare.Counts]. Of a selection that says nothing of the
// messages it reads none.
func (s *Store) CountMessages(ctx context.Context, application fanfare.ApplicationID, w fanfare.Walk) (n, expunged int, next fanfare.MessageID, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return 0, 0, "", nil
	}
	to, ok := edge(messagePrefix, fanfare.Page{After: string(w.To)})
	if !ok {
		return 0, 0, "", nil
	}
	query := countMessages
	if isPlain(&w.Selection) && w.Since.IsZero() && w.Until.IsZero() {
		query = countIDs
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		if query == countMessages {
			bindWalk(stmt, app, &w)
		} else {
			bindPassed(stmt, app, &w)
		}
		stmt.SetBytes(":to", to)
		n, next, err = counted(stmt, &w, func(row *row) { expunged = int(row.number()) })
		return err
	})
	return n, expunged, next, err
}

// bindPassed binds what a walk passes over.
func bindPassed(stmt *sqlite.Stmt, app id, w *fanfare.Walk) {
	after, _ := parse(messagePrefix, w.After)
	stmt.SetBytes(":application", app[:])
	stmt.SetBytes(":after", after[:])
	stmt.SetInt64(":look", int64(w.Look))
}

// bindSpan also binds the span of time.
func bindSpan(stmt *sqlite.Stmt, app id, w *fanfare.Walk) {
	bindPassed(stmt, app, w)
	stmt.SetInt64(":since", stored.From(w.Since))
	stmt.SetInt64(":until", stored.To(w.Until))
}
