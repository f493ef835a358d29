package postgres

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

// recordMost is how many calls of Record one transaction holds.
const recordMost = 64

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

// recordAll stores what a group of calls reports, the attempts of one delivery one
// after the other. If that fails each call is tried by itself.
func (s *Store) recordAll(group []*note) {
	ctx := context.Background() // once begun it is seen through
	err := s.write(ctx, func(tx pgx.Tx) error {
		var all []*report
		first := 0
		for _, call := range group {
			for i := range call.reports {
				all = append(all, &call.reports[i])
			}
		}
		for len(all) > 0 {
			some, rest := once(all)
			if err := record(ctx, tx, some, first); err != nil {
				return err
			}
			all, first = rest, first+len(some)
		}
		return nil
	})
	if err != nil && len(group) > 1 && !again(err) {
		for _, call := range group {
			s.recordAll([]*note{call})
		}
		return
	}
	for _, call := range group {
		call.err = err
	}
}

// once takes out the reports of deliveries that an earlier one is of too, and puts
// the others in order of delivery, so that no two transactions wait for each other.
func once(all []*report) (some, rest []*report) {
	type way struct{ endpoint, message id }
	seen := make(map[way]bool, len(all))
	for _, r := range all {
		if w := (way{r.endpoint, r.message}); seen[w] {
			rest = append(rest, r)
		} else {
			seen[w] = true
			some = append(some, r)
		}
	}
	slices.SortFunc(some, func(a, b *report) int {
		return cmp.Or(bytes.Compare(a.endpoint[:], b.endpoint[:]), bytes.Compare(a.message[:], b.message[:]))
	})
	return some, rest
}

// insertOutcomes stores the attempts whose deliveries are there, and brings those of
// them that wait to where they stand now. It returns the round of each attempt.
const insertOutcomes = `
	WITH new AS (
		SELECT *
		FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
			$9::integer[], $10::text[], $11::text[], $12::smallint[], $13::bigint[], $14::boolean[], $15::bytea[], $16::bytea[],
			$17::bytea[], $18::smallint[], $19::bigint[], $20::integer[])
			WITH ORDINALITY AS new (endpoint, id, message, number, url, started_at, duration, first_byte,
			status, class, detail, state, next_at, truncated, request_header, response_header,
			response_body, becomes, due_at, attempts, nth)
	), standing AS (
		SELECT delivery.endpoint, delivery.message, delivery.manual, endpoint.ordered, new.id
		FROM new
		JOIN endpoint ON endpoint.id = new.endpoint
		JOIN delivery ON delivery.endpoint = new.endpoint AND delivery.message = new.message
		ORDER BY new.nth
		FOR UPDATE OF delivery
	), stored AS (
		INSERT INTO attempt (endpoint, id, message, place, number, manual, url, started_at, duration, first_byte,
			status, class, detail, state, next_at, truncated, request_header, response_header, response_body)
		SELECT endpoint, id, message, (pg_current_xact_id()::text::bigint << 20) + $21 + nth, number, standing.manual, url,
			started_at, duration, first_byte, status, class, detail, state, next_at, truncated, request_header,
			response_header, response_body
		FROM new
		JOIN standing USING (endpoint, message, id)
		ON CONFLICT DO NOTHING
		RETURNING endpoint, id
	), moved AS (
		UPDATE delivery
		SET state = new.becomes, due_at = new.due_at, attempts = new.attempts,
			rank = CASE WHEN new.becomes = 0 AND standing.ordered THEN 0 ELSE new.due_at END
		FROM new
		JOIN standing USING (endpoint, message, id)
		JOIN stored USING (endpoint, id)
		WHERE delivery.endpoint = new.endpoint AND delivery.message = new.message AND delivery.state = 0
	)
	SELECT endpoint, message, manual
	FROM standing`

// record stores reports of deliveries that are unlike each other. first is how many
// this transaction has stored before.
func record(ctx context.Context, tx pgx.Tx, some []*report, first int) error {
	var o outcomes
	for _, r := range some {
		o.add(r)
	}
	r, err := tx.Query(ctx, insertOutcomes, o.args(first)...)
	if err != nil {
		return err
	}
	type way struct{ endpoint, message id }
	manual := make(map[way]bool, len(some))
	var w way
	var m bool
	if _, err := pgx.ForEachRow(r, []any{&w.endpoint, &w.message, &m}, func() error { manual[w] = m; return nil }); err != nil {
		return err
	}
	for _, r := range some {
		r.Attempt.Manual = manual[way{r.endpoint, r.message}]
	}
	return nil
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

func (o *outcomes) args(first int) []any {
	return []any{o.endpoints, o.ids, o.messages, o.numbers, o.urls, o.startedAt, o.durations, o.firstBytes,
		o.statuses, o.classes, o.details, o.states, o.nextAt, o.truncated, o.requestHeaders, o.responseHeaders,
		o.bodies, o.becomes, o.due, o.attempts, first}
}

// bytesOf is text of any bytes; NULL where there is none.
func bytesOf(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}
