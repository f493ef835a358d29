package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

// A note is a call of Record under way.
type note struct {
	reports []report
	err     error
}

// A report is an outcome made ready to be stored.
type report struct {
	*fanfare.Outcome
	id, message, endpoint id
}

// Record implements [fanfare.Queue]. An attempt recorded before changes nothing;
// nor does one whose delivery is gone.
func (s *Store) Record(ctx context.Context, os ...*fanfare.Outcome) error {
	call := &note{}
	for _, o := range os {
		r, err := newReport(o)
		if err != nil {
			return err
		}
		if r.endpoint != (id{}) && r.message != (id{}) {
			call.reports = append(call.reports, r)
		}
	}
	if len(call.reports) == 0 {
		return nil
	}
	if err := s.recording.run(ctx, call); err != nil {
		return err
	}
	return call.err
}

// A way names a delivery.
type way struct{ endpoint, message id }

func (r *report) way() way { return way{r.endpoint, r.message} }

func newReport(o *fanfare.Outcome) (r report, err error) {
	var ok bool
	r.Outcome = o
	if r.id, ok = parse(attemptPrefix, o.Attempt.ID); !ok {
		return r, fmt.Errorf("attempt %q: not an identifier", o.Attempt.ID)
	}
	r.message, _ = parse(messagePrefix, o.Attempt.Message)
	r.endpoint, _ = parse(endpointPrefix, o.Attempt.Endpoint)
	return r, nil
}

// size implements [job].
func (call *note) size() (n int) {
	const attempt = 1000
	for _, r := range call.reports {
		n += attempt + len(r.Attempt.ResponseBody)
	}
	return n
}

// recordAll stores what a group of calls reports. If that fails each half of it is tried
// by itself, in their order, unless the database is at fault.
func (s *Store) recordAll(group []*note) {
	var all []*report
	for _, call := range group {
		for i := range call.reports {
			all = append(all, &call.reports[i])
		}
	}
	err := s.recordTogether(all)
	if half := len(group) / 2; err != nil && half > 0 && !again(err) && !errors.Is(err, fanfare.ErrFenced) {
		s.recordAll(group[:half])
		s.recordAll(group[half:])
		return
	}
	for _, call := range group {
		call.err = err
	}
}

// recordTogether stores reports. Nearly all are of deliveries that wait; the others take
// another transaction.
func (s *Store) recordTogether(all []*report) error {
	node, err := s.fence()
	if err != nil {
		return err
	}
	others, err := s.recordIn(node, all, true)
	if err == nil && len(others) > 0 {
		_, err = s.recordIn(node, others, false)
	}
	return err
}

// recordIn stores reports in one transaction, those of one delivery one after the other.
// If it may be quick it leaves out, and returns, those whose deliveries do not wait.
func (s *Store) recordIn(node *id, all []*report, quick bool) (others []*report, err error) {
	fenced := false
	patient := line{pool: s.pool, patience: s.limits.patience, limit: s.limits.write}
	err = s.sendOver(context.Background(), patient, func(batch *pgx.Batch, end string) { // once begun it is seen through
		fenced, others = false, nil
		batch.Queue(planByIndex)
		if node != nil {
			batch.Queue(lockNode, *node).Exec(func(tag pgconn.CommandTag) error {
				fenced = tag.RowsAffected() == 0 // and then nothing is stored
				return nil
			})
		}
		some, rest := once(all)
		if quick && end == "" && len(rest) == 0 {
			record(batch, insertWaiting, node, some, 0, func(r *report) { others = append(others, r) })
			return
		}
		for ; len(some) > 0; some, rest = once(rest) {
			record(batch, insertOutcomes+end+outcomesEnd, node, some, len(all)-len(rest)-len(some), func(*report) {})
		}
	})
	if err == nil && fenced {
		err = fmt.Errorf("node %s: %w", fanfare.EncodeID(nodePrefix, *node), fanfare.ErrFenced)
	}
	return others, err
}

// lockNode keeps the node's row from being removed before the transaction ends.
const lockNode = `
	SELECT 1
	FROM node
	WHERE id = $1
	FOR KEY SHARE`

// fence is the node whose row must be there for what is reported to be stored; nil:
// without a node there is no fence. One whose lease has run out stores nothing.
func (s *Store) fence() (node *id, err error) {
	node = s.member.node()
	if node == nil && s.wasNode.Load() {
		err = fanfare.ErrFenced
	}
	return node, err
}

// once takes out the reports of deliveries that an earlier one is of too, and puts
// the others in order of delivery, so that no two transactions wait for each other.
func once(all []*report) (some, rest []*report) {
	seen := make(map[way]bool, len(all))
	for _, r := range all {
		if seen[r.way()] {
			rest = append(rest, r)
		} else {
			seen[r.way()] = true
			some = append(some, r)
		}
	}
	slices.SortFunc(some, func(a, b *report) int {
		return cmp.Or(bytes.Compare(a.endpoint[:], b.endpoint[:]), bytes.Compare(a.message[:], b.message[:]))
	})
	return some, rest
}

// newOutcomes are the rows that are to be stored.
const newOutcomes = `unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
			$9::integer[], $10::text[], $11::text[], $12::smallint[], $13::bigint[], $14::boolean[], $15::bytea[], $16::bytea[],
			$17::bytea[], $18::smallint[], $19::bigint[], $20::integer[])
			WITH ORDINALITY AS new (endpoint, id, message, number, url, started_at, duration, first_byte,
			status, class, detail, state, next_at, truncated, request_header, response_header,
			response_body, becomes, due_at, attempts, nth)`

// insertAttempts stores those of what comes before it.
const insertAttempts = `
		INSERT INTO attempt (endpoint, id, message, place, number, manual, url, started_at, duration, first_byte,
			status, class, detail, state, next_at, truncated, request_header, response_header, response_body)
		SELECT endpoint, id, message,
			(pg_current_xact_id()::text::bigint << 20) + (SELECT n FROM counter WHERE name = 'place') + $21 + nth, number, manual, url,
			started_at, duration, first_byte, status, class, detail, state, next_at, truncated, request_header,
			response_header, response_body`

// insertWaiting brings the deliveries that wait to where they stand now, and stores the
// attempts of these. It returns the round of each. Looking first how they stand, as
// insertOutcomes does, takes a fifth to a third longer. The state is hidden from the
// planner, which else may look for the delivery among all that wait.
const insertWaiting = `
	WITH new AS MATERIALIZED (
		SELECT *
		FROM ` + newOutcomes + `
	), moved AS (
		UPDATE delivery
		SET state = new.becomes, due_at = new.due_at, attempts = new.attempts,
			rank = CASE WHEN new.becomes = 0 AND (SELECT ordered FROM endpoint WHERE endpoint.id = new.endpoint) THEN 0 ELSE new.due_at END
		FROM new
		WHERE delivery.endpoint = new.endpoint AND delivery.message = new.message
			AND CASE WHEN delivery.state = 0 THEN true END
			AND EXISTS (SELECT 1 FROM endpoint WHERE endpoint.id = new.endpoint)
			AND ($22::uuid IS NULL
				OR EXISTS (SELECT 1 FROM node WHERE id = $22) AND EXISTS (SELECT 1 FROM shard WHERE shard.id = delivery.shard AND shard.owner = $22))
		RETURNING new.*, delivery.manual
	), stored AS (` + insertAttempts + `
		FROM moved
	)
	SELECT endpoint, message, manual
	FROM moved`

// insertOutcomes stores the attempts whose deliveries are there, and brings those of
// them that wait to where they stand now. It returns the round of each attempt. Each
// step takes over the columns of the one before, so that it joins nothing but a delivery
// by its key. Between its two parts comes unlessThere where some may have been stored
// before.
const insertOutcomes = `
	WITH standing AS (
		SELECT new.*, there.manual, (SELECT ordered FROM endpoint WHERE endpoint.id = new.endpoint) AS ordered
		FROM ` + newOutcomes + `
		CROSS JOIN LATERAL (
			SELECT delivery.manual, delivery.shard
			FROM delivery
			WHERE delivery.endpoint = new.endpoint AND delivery.message = new.message
			LIMIT 1
			FOR UPDATE) AS there
		WHERE $22::uuid IS NULL
			OR EXISTS (SELECT 1 FROM node WHERE id = $22) AND EXISTS (SELECT 1 FROM shard WHERE shard.id = there.shard AND shard.owner = $22)
	), stored AS (` + insertAttempts + `
		FROM standing
		WHERE ordered IS NOT NULL`

const outcomesEnd = `
		RETURNING id
	), moved AS (
		UPDATE delivery
		SET state = standing.becomes, due_at = standing.due_at, attempts = standing.attempts,
			rank = CASE WHEN standing.becomes = 0 AND standing.ordered THEN 0 ELSE standing.due_at END
		FROM standing
		WHERE delivery.endpoint = standing.endpoint AND delivery.message = standing.message
			AND CASE WHEN delivery.state = 0 THEN standing.id IN (SELECT id FROM stored) END
	)
	SELECT endpoint, message, manual
	FROM standing`

// record queues reports of deliveries that are unlike each other. first is how many this
// transaction has stored before, and missing is called with each that was not stored.
func record(batch *pgx.Batch, insert string, node *id, some []*report, first int, missing func(r *report)) {
	var o outcomes
	for _, r := range some {
		o.add(r)
	}
	batch.Queue(insert, o.args(first, node)...).Query(func(rows pgx.Rows) error {
		manual := make(map[way]bool, len(some))
		var w way
		var m bool
		if _, err := pgx.ForEachRow(rows, []any{&w.endpoint, &w.message, &m}, func() error { manual[w] = m; return nil }); err != nil {
			return err
		}
		for _, r := range some {
			var stored bool
			if r.Attempt.Manual, stored = manual[r.way()]; !stored {
				missing(r)
			}
		}
		return nil
	})
}

// outcomes are the columns of some.
type outcomes struct {
	endpoints, ids, messages                 []id
	numbers, statuses, attempts              []int32
	urls, classes                            []string
	startedAt, durations, firstBytes, nextAt []int64
	due                                      []int64
	details                                  []*string
	requestHeaders, responseHeaders          [][]byte
	states, becomes                          []int16
	truncated                                []bool
	bodies                                   [][]byte
}

func (o *outcomes) add(r *report) {
	a, d := r.Attempt, &r.Delivery
	o.endpoints, o.ids, o.messages = append(o.endpoints, r.endpoint), append(o.ids, r.id), append(o.messages, r.message)
	o.numbers, o.statuses = append(o.numbers, int32(a.Number)), append(o.statuses, int32(a.Status))
	o.urls, o.classes, o.details = append(o.urls, a.URL), append(o.classes, string(a.Class)), append(o.details, optional(a.Detail))
	o.startedAt, o.durations = append(o.startedAt, stored.Micros(a.StartedAt)), append(o.durations, a.Duration.Microseconds())
	o.firstBytes, o.nextAt = append(o.firstBytes, a.FirstByte.Microseconds()), append(o.nextAt, stored.Micros(a.NextAt))
	o.states, o.truncated = append(o.states, int16(a.State)), append(o.truncated, a.Truncated)
	o.requestHeaders = append(o.requestHeaders, bytesOf(stored.Header(a.RequestHeader)))
	o.responseHeaders = append(o.responseHeaders, bytesOf(stored.Header(a.ResponseHeader)))
	o.bodies = append(o.bodies, bytesOf(string(a.ResponseBody)))
	o.becomes, o.due, o.attempts = append(o.becomes, int16(d.State)), append(o.due, stored.Micros(d.Due)), append(o.attempts, int32(d.Attempts))
}

func (o *outcomes) args(first int, node *id) []any {
	return []any{o.endpoints, o.ids, o.messages, o.numbers, o.urls, o.startedAt, o.durations, o.firstBytes,
		o.statuses, o.classes, o.details, o.states, o.nextAt, o.truncated, o.requestHeaders, o.responseHeaders,
		o.bodies, o.becomes, o.due, o.attempts, first, node}
}

// bytesOf is text of any bytes; NULL where there is none.
func bytesOf(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}
