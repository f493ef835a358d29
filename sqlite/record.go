package sqlite

import (
	"context"
	"fmt"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// hotStatements run for every message and attempt, so they are not even looked
// up by their text.
type hotStatements struct {
	message, delivery                          *sqlite.Stmt // accept
	first, standing, attempt, outcome, chained *sqlite.Stmt // record
}

func (h *hotStatements) prepare(conn *sqlite.Conn) (err error) {
	for query, stmt := range map[string]**sqlite.Stmt{
		insertMessage:  &h.message,
		insertDelivery: &h.delivery,
		insertFirst:    &h.first,
		selectStanding: &h.standing,
		insertAttempt:  &h.attempt,
		updateOutcome:  &h.outcome,
		updateChain:    &h.chained,
	} {
		if *stmt, err = conn.Prepare(query); err != nil {
			return err
		}
	}
	return nil
}

// A report is an outcome made ready to be stored.
type report struct {
	*fanfare.Outcome
	id, message, endpoint         id
	requestHeader, responseHeader string
}

// Record implements [fanfare.Queue]. An attempt recorded before changes nothing;
// nor does one whose delivery is gone.
func (s *Store) Record(ctx context.Context, os ...*fanfare.Outcome) error {
	reports := make([]report, 0, len(os))
	j := job{hot: true}
	for _, o := range os {
		r, err := newReport(o)
		if err != nil {
			return err
		}
		if r.endpoint == (id{}) || r.message == (id{}) {
			continue // there is no such endpoint or message
		}
		reports = append(reports, r)
		j.bytes += len(o.Attempt.ResponseBody)
	}
	if len(reports) == 0 {
		return nil
	}
	j.attempts = len(reports)
	j.run = func(w *writer) error {
		for i := range reports {
			if err := reports[i].record(w); err != nil {
				return err
			}
		}
		return nil
	}
	return s.write(ctx, &j)
}

func newReport(o *fanfare.Outcome) (r report, err error) {
	a := o.Attempt
	var ok bool
	r.Outcome = o
	if r.id, ok = parse(attemptPrefix, a.ID); !ok {
		return r, fmt.Errorf("attempt %q: not an identifier", a.ID)
	}
	r.message, _ = parse(messagePrefix, a.Message)
	r.endpoint, _ = parse(endpointPrefix, a.Endpoint)
	r.requestHeader = stored.Header(a.RequestHeader)
	r.responseHeader = stored.Header(a.ResponseHeader)
	return r, nil
}

func (r *report) record(w *writer) error {
	if _, ok, err := w.applicationOf(r.endpoint); !ok || err != nil {
		return err
	}
	if d := w.fresh.by[way{r.endpoint, r.message}]; d != nil {
		return r.recordFirst(w, d)
	}
	var previous int64 // attempt of the delivery; 0: none
	bind := binder{stmt: w.hot.standing}
	bind.id(r.endpoint)
	bind.id(r.message)
	found, err := one(w.hot.standing, func(row *row) { previous, r.Attempt.Manual = row.number(), row.truth() })
	if !found || err != nil {
		return err
	}
	if err := w.insertAttempt(r, previous); err != nil || w.conn.Changes() == 0 {
		return err
	}
	w.newest.raise(r.id)
	return w.updateDelivery(r, w.conn.LastInsertRowID())
}

// recordFirst writes a fresh delivery down as it is after its first attempt.
func (r *report) recordFirst(w *writer, d *freshDelivery) error {
	r.Attempt.Manual = false
	if err := w.insertAttempt(r, 0); err != nil || w.conn.Changes() == 0 {
		return err
	}
	w.newest.raise(r.id)
	bind := binder{stmt: w.hot.first}
	bind.number(w.conn.LastInsertRowID())
	bind.id(r.endpoint)
	bind.id(r.message)
	bind.number(int64(r.Delivery.State))
	bind.time(r.Delivery.Due)
	bind.optional(d.key)
	bind.number(int64(r.Delivery.Attempts))
	bind.number(d.createdAt)
	if err := run(w.hot.first); err != nil {
		return err
	}
	w.fresh.remove(d)
	return nil
}

const insertFirst = `
	INSERT INTO delivery (last_attempt, endpoint, message, state, rank, due_at, ordering_key, attempts, manual, created_at)
	VALUES (?1, ?2, ?3, ?4, iif(?4 = 0 AND (SELECT ordered FROM endpoint WHERE id = ?2), 0, ?5), ?5, ?6, ?7, 0, ?8)`

const selectStanding = `
	SELECT last_attempt, manual
	FROM delivery
	WHERE endpoint = ? AND message = ?`

// insertAttempt does nothing if the attempt is there.
const insertAttempt = `
	INSERT INTO attempt (rowid, endpoint, id, message, previous, number, manual, url, started_at, duration, first_byte,
		status, class, detail, state, next_at, truncated, request_header, response_header, response_body)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO NOTHING`

func (w *writer) insertAttempt(r *report, previous int64) error {
	a := r.Attempt
	w.attemptRow++
	bind := binder{stmt: w.hot.attempt}
	bind.number(w.attemptRow)
	bind.id(r.endpoint)
	bind.id(r.id)
	bind.id(r.message)
	if previous == 0 {
		bind.null()
	} else {
		bind.number(previous)
	}
	bind.number(int64(a.Number))
	bind.truth(a.Manual)
	bind.text(a.URL)
	bind.time(a.StartedAt)
	bind.number(a.Duration.Microseconds())
	bind.number(a.FirstByte.Microseconds())
	bind.number(int64(a.Status))
	bind.text(string(a.Class))
	bind.optional(a.Detail)
	bind.number(int64(a.State))
	bind.time(a.NextAt)
	bind.truth(a.Truncated)
	bind.optional(r.requestHeader)
	bind.optional(r.responseHeader)
	if len(a.ResponseBody) == 0 {
		bind.null()
	} else {
		bind.blob(a.ResponseBody)
	}
	return run(w.hot.attempt)
}

const updateOutcome = `
	UPDATE delivery
	SET state = ?1, rank = iif(?1 = 0 AND (SELECT ordered FROM endpoint WHERE id = ?5), 0, ?2), due_at = ?2, attempts = ?3, last_attempt = ?4
	WHERE endpoint = ?5 AND message = ?6 AND state = 0`

// updateChain is for a delivery that has ended meanwhile.
const updateChain = `
	UPDATE delivery
	SET last_attempt = ?
	WHERE endpoint = ? AND message = ?`

func (w *writer) updateDelivery(r *report, attempt int64) error {
	d := &r.Delivery
	bind := binder{stmt: w.hot.outcome}
	bind.number(int64(d.State))
	bind.time(d.Due)
	bind.number(int64(d.Attempts))
	bind.number(attempt)
	bind.id(r.endpoint)
	bind.id(r.message)
	if err := run(w.hot.outcome); err != nil || w.conn.Changes() > 0 {
		return err
	}
	bind = binder{stmt: w.hot.chained}
	bind.number(attempt)
	bind.id(r.endpoint)
	bind.id(r.message)
	return run(w.hot.chained)
}

// exec runs a statement that gives no rows and is not among the hot ones.
func (w *writer) exec(query string, parameters func(bind *binder)) error {
	stmt, err := w.conn.Prepare(query)
	if err != nil {
		return err
	}
	parameters(&binder{stmt: stmt})
	return run(stmt)
}
