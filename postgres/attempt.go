package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const attemptColumns = `attempt.id, attempt.message, attempt.endpoint, message.event_type, coalesce(` + isTest + `, false), attempt.number, attempt.manual,
		attempt.url, attempt.started_at, attempt.duration, attempt.first_byte, attempt.request_header,
		attempt.status, attempt.response_header, attempt.response_body, attempt.truncated,
		attempt.class, attempt.detail, attempt.state, attempt.next_at`

func scanAttempt(r pgx.Rows) (*fanfare.Attempt, error) {
	a := &fanfare.Attempt{}
	return a, scanAttemptAnd(r, a)
}

// scanAttemptAnd reads an attempt, and what stands behind its columns.
func scanAttemptAnd(r pgx.Rows, a *fanfare.Attempt, more ...any) error {
	var raw, msg, ep id
	var started, duration, firstByte, next int64
	var request, response []byte
	var detail *string
	var state int16
	err := r.Scan(append([]any{&raw, &msg, &ep, &a.EventType, &a.Test, &a.Number, &a.Manual, &a.URL, &started, &duration, &firstByte, &request,
		&a.Status, &response, &a.ResponseBody, &a.Truncated, &a.Class, &detail, &state, &next}, more...)...)
	if err != nil {
		return err
	}
	a.ID = fanfare.AttemptID(fanfare.EncodeID(attemptPrefix, raw))
	a.Message = fanfare.MessageID(fanfare.EncodeID(messagePrefix, msg))
	a.Endpoint = fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, ep))
	a.StartedAt, a.NextAt, a.State = stored.Instant(started), stored.Instant(next), fanfare.State(state)
	a.Duration, a.FirstByte = time.Duration(duration)*time.Microsecond, time.Duration(firstByte)*time.Microsecond
	a.RequestHeader, a.ResponseHeader, a.Detail = stored.ReadHeader(string(request)), stored.ReadHeader(string(response)), given(detail)
	return nil
}

const attemptsWhere = `
	SELECT ` + attemptColumns + `
	FROM attempt
	JOIN message ON message.application = @application AND message.id = attempt.message
	JOIN endpoint ON endpoint.id = attempt.endpoint AND endpoint.application = @application
	WHERE attempt.started_at >= @since
		AND attempt.started_at < @until
		AND (@success::boolean IS NULL OR (attempt.class = 'success') = @success)
		AND (@class::integer = 0 OR attempt.status / 100 = @class)` + endpointIs + messageIs

var (
	listAttemptsTo = inBounds(attemptsWhere+`
		AND attempt.endpoint = @endpoint`, `
	FROM attempt
	WHERE attempt.endpoint = @endpoint`, "attempt.id").readByIndex()
	listAttemptsOf = inOrder(attemptsWhere+`
		AND attempt.message = @message
		AND (@endpoint::uuid IS NULL OR attempt.endpoint = @endpoint)`, "attempt.id")
)

// Attempts implements [fanfare.Log].
func (s *Store) Attempts(ctx context.Context, application fanfare.ApplicationID, f fanfare.AttemptFilter) ([]*fanfare.Attempt, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	args := messageArgs(pgx.NamedArgs{
		"application": app, "since": stored.From(f.Since), "until": stored.To(f.Until), "class": f.StatusClass,
		"endpoint": (*id)(nil), "success": (*bool)(nil), "within": some(f.Within),
	}, f.EventTypes, f.Channel, f.Tag)
	if f.Outcome != fanfare.AnyOutcome {
		good := f.Outcome == fanfare.OnlySuccesses
		args["success"] = &good
	}
	if f.Endpoint != "" {
		ep, ok := parse(endpointPrefix, f.Endpoint)
		if !ok {
			return nil, nil
		}
		args["endpoint"] = &ep
	}
	if f.Message == "" {
		at := afterID(attemptPrefix, f.Page)
		l, err := s.asFar(ctx, listAttemptsTo, &at, attemptPrefix, time.Time{}, args)
		if err != nil {
			return nil, err
		}
		return readPage(ctx, s, l, at, args, scanAttempt)
	}
	msg, ok := parse(messagePrefix, f.Message)
	if !ok {
		return nil, nil
	}
	args["message"] = msg
	return readPage(ctx, s, listAttemptsOf, afterID(attemptPrefix, f.Page), args, scanAttempt)
}

const selectAttempt = `
	SELECT ` + attemptColumns + `
	FROM attempt
	JOIN message ON message.application = $1 AND message.id = attempt.message
	JOIN endpoint ON endpoint.id = attempt.endpoint AND endpoint.application = $1
	WHERE attempt.message = $2 AND attempt.id = $3`

// Attempt implements [fanfare.Log].
func (s *Store) Attempt(ctx context.Context, application fanfare.ApplicationID, message fanfare.MessageID, attempt fanfare.AttemptID) (*fanfare.Attempt, error) {
	app, ok1 := parse(applicationPrefix, application)
	msg, ok2 := parse(messagePrefix, message)
	raw, ok3 := parse(attemptPrefix, attempt)
	if !ok1 || !ok2 || !ok3 {
		return nil, fanfare.ErrNotFound
	}
	return readOne(ctx, s, scanAttempt, selectAttempt, app, msg, raw)
}

const expungeResponse = `
	UPDATE attempt
	SET response_body = NULL, response_header = NULL, truncated = false
	FROM endpoint
	WHERE attempt.message = $2
		AND attempt.id = $3
		AND endpoint.id = attempt.endpoint
		AND endpoint.application = $1`

// ExpungeResponse implements [fanfare.Log].
func (s *Store) ExpungeResponse(ctx context.Context, application fanfare.ApplicationID, message fanfare.MessageID, attempt fanfare.AttemptID) error {
	app, ok1 := parse(applicationPrefix, application)
	msg, ok2 := parse(messagePrefix, message)
	raw, ok3 := parse(attemptPrefix, attempt)
	if !ok1 || !ok2 || !ok3 {
		return fanfare.ErrNotFound
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return mustChange(tx.Exec(ctx, expungeResponse, app, msg, raw))
	})
}
