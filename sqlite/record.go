package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// hotStatements run for every message and attempt, so they are not even looked
// up by their text.
type hotStatements struct {
	message, attempt, first    inserter
	knownMessage, knownAttempt *sqlite.Stmt // of many, which are stored
	delivery                   *sqlite.Stmt // accept
	standing, outcome, chained *sqlite.Stmt // record
}

func (h *hotStatements) prepare(conn *sqlite.Conn) (err error) {
	for query, stmt := range map[string]**sqlite.Stmt{
		insertDelivery:      &h.delivery,
		selectStoredMessage: &h.knownMessage,
		selectStoredAttempt: &h.knownAttempt,
		selectStanding:      &h.standing,
		updateOutcome:       &h.outcome,
		updateChain:         &h.chained,
	} {
		if *stmt, err = conn.Prepare(query); err != nil {
			return err
		}
	}
	for query, in := range map[string]*inserter{insertMessage: &h.message, insertAttempt: &h.attempt, insertFirst: &h.first} {
		if *in, err = newInserter(conn, query); err != nil {
			return err
		}
	}
	return nil
}

// selectStoredMessage and selectStoredAttempt tell whether a row was stored.
const (
	selectStoredMessage = `SELECT count(*) FROM message WHERE rowid = ?`
	selectStoredAttempt = `SELECT count(*) FROM attempt WHERE rowid = ?`
)

func known(stmt *sqlite.Stmt, rowid int64) (there bool, err error) {
	bind := binder{stmt: stmt}
	bind.number(rowid)
	_, err = one(stmt, func(row *row) { there = row.truth() })
	return there, err
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
		return w.record(reports)
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

// record stores attempts: the first ones of fresh deliveries many at once, others one
// by one.
func (w *writer) record(reports []report) error {
	firsts := make([]first, 0, many)
	for i := range reports {
		r := &reports[i]
		_, ok, err := w.applicationOf(r.endpoint)
		if err != nil {
			return err
		}
		if !ok {
			continue // it has been deleted
		}
		d := w.fresh.by[way{r.endpoint, r.message}]
		again := slices.ContainsFunc(firsts, func(f first) bool { return f.freshDelivery == d })
		if d == nil || again || len(firsts) == many {
			if err := w.recordFirsts(firsts); err != nil {
				return err
			}
			firsts = firsts[:0]
		}
		if d == nil || again {
			if err := r.record(w); err != nil {
				return err
			}
			continue
		}
		firsts = append(firsts, first{report: r, freshDelivery: d})
	}
	return w.recordFirsts(firsts)
}

// record stores an attempt of a delivery that has a row.
func (r *report) record(w *writer) error {
	var previous int64 // attempt of the delivery; 0: none
	bind := binder{stmt: w.hot.standing}
	bind.id(r.endpoint)
	bind.id(r.message)
	found, err := one(w.hot.standing, func(row *row) { previous, r.Attempt.Manual = row.number(), row.truth() })
	if !found || err != nil {
		return err
	}
	w.attemptRow++
	changed, err := w.hot.attempt.insert(1, func(bind *binder, _ int) { r.bind(bind, w.attemptRow, previous) })
	if err != nil || changed == 0 {
		return err
	}
	w.newest.raise(r.id)
	return w.updateDelivery(r, w.attemptRow)
}

// A first is the first attempt of a fresh delivery.
type first struct {
	*report
	*freshDelivery
	row  int64 // of the attempt
	rank int64 // of the delivery, if it waits again
}

// recordFirsts writes fresh deliveries, at most many, down as they are after their
// first attempts.
func (w *writer) recordFirsts(firsts []first) error {
	for i := range firsts {
		w.attemptRow++
		firsts[i].row, firsts[i].Attempt.Manual = w.attemptRow, false
	}
	stored, err := w.hot.attempt.insert(len(firsts), func(bind *binder, i int) { firsts[i].report.bind(bind, firsts[i].row, 0) })
	if err != nil {
		return err
	}
	if stored < len(firsts) {
		if firsts, err = w.thoseStored(firsts); err != nil {
			return err
		}
	}
	for i := range firsts {
		f := &firsts[i]
		if f.rank, err = w.rankAgain(f.report); err != nil {
			return err
		}
	}
	_, err = w.hot.first.insert(len(firsts), func(bind *binder, i int) { firsts[i].bind(bind) })
	if err != nil {
		return err
	}
	for i := range firsts {
		w.newest.raise(firsts[i].report.id)
		w.fresh.remove(firsts[i].freshDelivery)
	}
	return nil
}

// thoseStored leaves out attempts that were recorded before.
func (w *writer) thoseStored(firsts []first) (stored []first, err error) {
	for i := range firsts {
		there, err := known(w.hot.knownAttempt, firsts[i].row)
		if err != nil {
			return nil, err
		}
		if there {
			stored = append(stored, firsts[i])
		}
	}
	return stored, nil
}

const insertFirst = `
	INSERT OR ROLLBACK INTO delivery (last_attempt, endpoint, message, state, rank, due_at, ordering_key, attempts, manual, created_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`

// bind gives insertFirst its values.
func (f *first) bind(bind *binder) {
	r := f.report
	bind.number(f.row)
	bind.id(r.endpoint)
	bind.id(r.message)
	bind.number(int64(r.Delivery.State))
	bind.number(f.rank)
	bind.time(r.Delivery.Due)
	bind.optional(f.key)
	bind.number(int64(r.Delivery.Attempts))
	bind.number(f.createdAt)
}

const selectOrdered = `
	SELECT ordered
	FROM endpoint
	WHERE id = ?`

// rankAgain is the place of a delivery after an attempt: in an ordered lane what waits
// goes before what comes.
func (w *writer) rankAgain(r *report) (rank int64, err error) {
	rank = stored.Micros(r.Delivery.Due)
	if r.Delivery.State != fanfare.Waiting {
		return rank, nil
	}
	stmt, err := w.conn.Prepare(selectOrdered)
	if err != nil {
		return 0, err
	}
	bind := binder{stmt: stmt}
	bind.id(r.endpoint)
	_, err = one(stmt, func(row *row) {
		if row.truth() {
			rank = 0
		}
	})
	return rank, err
}

const selectStanding = `
	SELECT last_attempt, manual
	FROM delivery
	WHERE endpoint = ? AND message = ?`

// insertAttempt does nothing if the attempt is there.
const insertAttempt = `
	INSERT OR ROLLBACK INTO attempt (rowid, endpoint, id, message, previous, number, manual, url, started_at, duration, first_byte,
		status, class, detail, state, next_at, truncated, request_header, response_header, response_body)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO NOTHING`

// bind gives insertAttempt its values; previous is the row of the attempt before, 0 if
// there is none.
func (r *report) bind(bind *binder, row, previous int64) {
	a := r.Attempt
	bind.number(row)
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
