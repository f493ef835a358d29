package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

// updateTask does nothing if the task has been changed since it was read.
const updateTask = `
	UPDATE task
	SET revision = revision + 1, state = $1, at_endpoint = $2, at_message = $3, at_attempt = $4, at_probe = $5, error = $6, expires_at = $7, updated_at = $8
	WHERE id = $9 AND revision = $10 AND state = 0
	RETURNING application, parts`

// StepTask implements [fanfare.Tasks].
func (s *Store) StepTask(ctx context.Context, step *fanfare.TaskStep) (ok bool, err error) {
	raw, known := parse(taskPrefix, step.Task)
	if !known {
		return false, nil
	}
	done := exists("SELECT 1 FROM task WHERE id = $1 AND revision = $2 AND updated_at = $3", raw, step.Revision+1, stored.Micros(step.Time))
	err = s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		ok = false
		r, err := tx.Query(ctx, updateTask, int16(step.State), idOf(endpointPrefix, step.At.Endpoint), idOf(messagePrefix, step.At.Message),
			idOf(attemptPrefix, step.At.Attempt), idOf(messagePrefix, step.At.Probe), optional(step.Error), stored.Micros(step.Expires), stored.Micros(step.Time), raw, step.Revision)
		if err != nil {
			return err
		}
		var app id
		var parts int64
		tag, err := pgx.ForEachRow(r, []any{&app, &parts}, func() error { return nil })
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		ok = true
		if err := s.addPart(ctx, tx, raw, parts, step.Part); err != nil {
			return err
		}
		done := -int64(step.Undone)
		for _, work := range []func() (int64, error){
			func() (int64, error) { return onceMore(ctx, tx, app, step.Again) },
			func() (int64, error) { return deliver(ctx, tx, app, step.New) },
			func() (int64, error) { return expunge(ctx, tx, app, step.Expunge) },
		} {
			n, err := work()
			if err != nil {
				return err
			}
			done += n
		}
		_, err = tx.Exec(ctx, "UPDATE task SET done = done + $2 WHERE id = $1", raw, done)
		return err
	})
	return ok && err == nil, err
}

const updateAgain = `
	WITH standing AS (
		SELECT delivery.endpoint, delivery.message, endpoint.ordered, new.due_at
		FROM unnest($2::uuid[], $3::uuid[], $4::smallint[], $5::bigint[]) AS new (endpoint, message, state, due_at)
		JOIN endpoint ON endpoint.id = new.endpoint AND endpoint.application = $1
		JOIN delivery ON delivery.endpoint = new.endpoint AND delivery.message = new.message AND delivery.state = new.state
		ORDER BY delivery.endpoint, delivery.message
		FOR UPDATE OF delivery
	)
	UPDATE delivery
	SET state = 0, attempts = 0, manual = true, due_at = standing.due_at, rank = CASE WHEN standing.ordered THEN 0 ELSE standing.due_at END
	FROM standing
	WHERE delivery.endpoint = standing.endpoint AND delivery.message = standing.message`

// onceMore makes deliveries wait again.
func onceMore(ctx context.Context, tx pgx.Tx, app id, ds []*fanfare.Delivery) (int64, error) {
	if len(ds) == 0 {
		return 0, nil
	}
	var endpoints, messages []id
	var states []int16
	var due []int64
	var twice []*fanfare.Delivery // a statement changes a row once
	seen := make(map[way]bool)
	for _, d := range ds {
		ep, ok1 := parse(endpointPrefix, d.Endpoint)
		msg, ok2 := parse(messagePrefix, d.Message)
		switch w := (way{ep, msg}); {
		case !ok1 || !ok2:
		case seen[w]:
			twice = append(twice, d)
		default:
			seen[w] = true
			endpoints, messages = append(endpoints, ep), append(messages, msg)
			states, due = append(states, int16(d.State)), append(due, stored.Micros(d.Due))
		}
	}
	tag, err := tx.Exec(ctx, updateAgain, app, endpoints, messages, states, due)
	if err != nil {
		return 0, err
	}
	more, err := onceMore(ctx, tx, app, twice)
	return tag.RowsAffected() + more, err
}

const insertNew = `
	INSERT INTO delivery (endpoint, message, shard, state, manual, attempts, rank, due_at, created_at, ordering_key)
	SELECT endpoint.id, $2, $3, 0, true, 0, CASE WHEN endpoint.ordered THEN 0 ELSE $4::bigint END, $4, $5, $6
	FROM endpoint
	WHERE id = $1 AND application = $7
	ON CONFLICT DO NOTHING`

// deliver makes deliveries that there are none of yet.
func deliver(ctx context.Context, tx pgx.Tx, app id, ds []*fanfare.Delivery) (done int64, err error) {
	for _, d := range ds {
		ep, ok1 := parse(endpointPrefix, d.Endpoint)
		msg, ok2 := parse(messagePrefix, d.Message)
		if !ok1 || !ok2 {
			continue
		}
		p, err := findPlace(ctx, tx, app, msg)
		if isAnswer(err) || err == nil && slices.Contains(p.endpoints, ep) {
			continue
		}
		if err != nil {
			return 0, err
		}
		tag, err := tx.Exec(ctx, insertNew, ep, msg, shardOf(ep), stored.Micros(d.Due), p.createdAt, optional(d.OrderingKey), app)
		if err != nil {
			return 0, err
		}
		if tag.RowsAffected() == 0 {
			continue
		}
		done++
		if _, err := tx.Exec(ctx, addEndpoint, app, msg, ep); err != nil {
			return 0, err
		}
	}
	return done, nil
}

func expunge(ctx context.Context, tx pgx.Tx, app id, messages []fanfare.MessageID) (int64, error) {
	var wanted []id
	for _, m := range messages {
		if msg, ok := parse(messagePrefix, m); ok {
			wanted = append(wanted, msg)
		}
	}
	if wanted == nil {
		return 0, nil
	}
	tag, err := tx.Exec(ctx, "UPDATE message SET payload = NULL WHERE application = $1 AND id = ANY($2) AND payload IS NOT NULL", app, wanted)
	return tag.RowsAffected(), err
}
