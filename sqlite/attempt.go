package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const attemptsWhere = `
	SELECT attempt.id, attempt.message, attempt.endpoint, message.event_type, ` + isTest + `, attempt.number, attempt.manual,
		attempt.url, attempt.started_at, attempt.duration, attempt.first_byte, attempt.request_header,
		attempt.status, attempt.response_header, attempt.response_body, attempt.truncated,
		attempt.class, attempt.detail, attempt.state, attempt.next_at
	FROM attempt
	CROSS JOIN message ON message.application = :application AND message.id = attempt.message
	WHERE attempt.endpoint = :endpoint
		AND attempt.started_at >= :since
		AND attempt.started_at < :until
		AND (:success IS NULL OR (attempt.class = 'success') = :success)
		AND (:class = 0 OR attempt.status / 100 = :class)
		AND :application = (SELECT application FROM endpoint WHERE id = :endpoint)
		AND (:within IS NULL OR EXISTS (SELECT 1 FROM endpoint WHERE id = :endpoint` + endpointIs + `))` + messageIs

var listAttempts = inBounds(attemptsWhere, `FROM attempt
	WHERE attempt.endpoint = :endpoint`, "attempt.id")

const selectAttempt = attemptsWhere + `
		AND attempt.id = :id`

func scanAttempt(row *row) (*fanfare.Attempt, error) {
	return &fanfare.Attempt{
		ID:             fanfare.AttemptID(row.name(attemptPrefix)),
		Message:        fanfare.MessageID(row.name(messagePrefix)),
		Endpoint:       fanfare.EndpointID(row.name(endpointPrefix)),
		EventType:      row.text(),
		Test:           row.truth(),
		Number:         int(row.number()),
		Manual:         row.truth(),
		URL:            row.text(),
		StartedAt:      row.time(),
		Duration:       time.Duration(row.number()) * time.Microsecond,
		FirstByte:      time.Duration(row.number()) * time.Microsecond,
		RequestHeader:  stored.ReadHeader(row.text()),
		Status:         int(row.number()),
		ResponseHeader: stored.ReadHeader(row.text()),
		ResponseBody:   row.blob(),
		Truncated:      row.truth(),
		Class:          fanfare.Class(row.text()),
		Detail:         row.text(),
		State:          fanfare.State(row.number()),
		NextAt:         row.time(),
	}, nil
}

func bindAttempts(stmt *sqlite.Stmt, app, ep id, f *fanfare.AttemptFilter) {
	stmt.SetBytes(":application", app[:])
	stmt.SetBytes(":endpoint", ep[:])
	stmt.SetInt64(":since", stored.From(f.Since))
	stmt.SetInt64(":until", stored.To(f.Until))
	if f.Outcome == fanfare.AnyOutcome {
		stmt.SetNull(":success")
	} else {
		stmt.SetBool(":success", f.Outcome == fanfare.OnlySuccesses)
	}
	stmt.SetInt64(":class", int64(f.StatusClass))
	bindMessageIs(stmt, f.EventTypes, f.Channel, f.Tag)
	bindWithin(stmt, f.Within)
}

// Attempts implements [fanfare.Log].
func (s *Store) Attempts(ctx context.Context, application fanfare.ApplicationID, f fanfare.AttemptFilter) (as []*fanfare.Attempt, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	if f.Message == "" {
		return s.attemptsAtEndpoint(ctx, app, &f)
	}
	err = s.readAll(ctx, func(conn *sqlite.Conn) (err error) {
		as, err = attemptsOfMessage(conn, app, &f)
		return err
	})
	return as, err
}

func (s *Store) attemptsAtEndpoint(ctx context.Context, app id, f *fanfare.AttemptFilter) ([]*fanfare.Attempt, error) {
	ep, ok := parse(endpointPrefix, f.Endpoint)
	if !ok {
		return nil, nil
	}
	l, at, err := s.asFar(ctx, listAttempts, func(stmt *sqlite.Stmt) { stmt.SetBytes(":endpoint", ep[:]) }, attemptPrefix, f.Page, time.Time{})
	if err != nil {
		return nil, err
	}
	return readPage(ctx, s, l, at, func(stmt *sqlite.Stmt) { bindAttempts(stmt, app, ep, f) }, scanAttempt)
}

// attemptsOfMessage walks the chains of attempts of all the message's deliveries
// for their ids, and then reads as many attempts as make a page.
func attemptsOfMessage(conn *sqlite.Conn, app id, f *fanfare.AttemptFilter) (as []*fanfare.Attempt, err error) {
	all, err := chains(conn, app, &fanfare.DeliveryFilter{Message: f.Message, Endpoint: f.Endpoint, Within: f.Within})
	if err != nil {
		return nil, err
	}
	stmt, err := conn.Prepare(selectAttempt)
	if err != nil {
		return nil, err
	}
	for _, l := range behind(all, func(l link) id { return l.attempt }, attemptPrefix, f.Page) {
		if len(as) >= f.Limit {
			break
		}
		bindAttempts(stmt, app, l.endpoint, f)
		stmt.SetBytes(":id", l.attempt[:])
		err := scanEach(stmt, scanAttempt, func(a *fanfare.Attempt) bool { as = append(as, a); return true })
		if err != nil {
			return nil, err
		}
	}
	return as, nil
}

// A link is one attempt in the chain of those of a delivery.
type link struct{ endpoint, attempt id }

const selectChain = `
	WITH RECURSIVE chain (rowid) AS (
		SELECT last_attempt
		FROM delivery
		WHERE endpoint = ? AND message = ?
		UNION ALL
		SELECT attempt.previous
		FROM chain
		JOIN attempt ON attempt.rowid = chain.rowid)
	SELECT attempt.id
	FROM chain
	JOIN attempt ON attempt.rowid = chain.rowid`

// chains finds all attempts of a message, or those at one endpoint.
func chains(conn *sqlite.Conn, app id, f *fanfare.DeliveryFilter) (all []link, err error) {
	endpoints, err := endpointsOfMessage(conn, app, f)
	if err != nil {
		return nil, err
	}
	stmt, err := conn.Prepare(selectChain)
	if err != nil {
		return nil, err
	}
	msg, _ := parse(messagePrefix, f.Message)
	for _, ep := range endpoints {
		bind := binder{stmt: stmt}
		bind.id(ep)
		bind.id(msg)
		err := each(stmt, func(row *row) bool {
			all = append(all, link{ep, row.id()})
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Attempt implements [fanfare.Log].
func (s *Store) Attempt(ctx context.Context, application fanfare.ApplicationID, message fanfare.MessageID, attempt fanfare.AttemptID) (a *fanfare.Attempt, err error) {
	app, ok1 := parse(applicationPrefix, application)
	raw, ok2 := parse(attemptPrefix, attempt)
	if !ok1 || !ok2 {
		return nil, fanfare.ErrNotFound
	}
	err = s.readAll(ctx, func(conn *sqlite.Conn) error {
		endpoints, err := endpointsOfMessage(conn, app, &fanfare.DeliveryFilter{Message: message})
		if err != nil {
			return err
		}
		stmt, err := conn.Prepare(selectAttempt)
		if err != nil {
			return err
		}
		for _, ep := range endpoints {
			bindAttempts(stmt, app, ep, &fanfare.AttemptFilter{})
			stmt.SetBytes(":id", raw[:])
			a, err = scanOne(stmt, scanAttempt)
			if err == nil && a.Message != message {
				err = fanfare.ErrNotFound
			}
			if !errors.Is(err, fanfare.ErrNotFound) {
				return err
			}
		}
		return fanfare.ErrNotFound
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}
