package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const taskPrefix = "qtask_"

const insertTask = `
	INSERT INTO task (id, application, endpoint, kind, state, revision, total, done, at_endpoint, at_message,
		selection, error, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

const forgetTasks = `
	DELETE FROM task
	WHERE state <> 0 AND (updated_at < $1 OR id IN (
		SELECT id
		FROM task
		WHERE state <> 0 AND updated_at >= $1
		ORDER BY id DESC
		OFFSET $2))`

// CreateTask implements [fanfare.Tasks].
func (s *Store) CreateTask(ctx context.Context, t *fanfare.Task, keep fanfare.TaskKeep) error {
	raw, ok := parse(taskPrefix, t.ID)
	if !ok {
		return fmt.Errorf("task %q: not an identifier", t.ID)
	}
	app, ok := parse(applicationPrefix, t.Application)
	if !ok {
		return fanfare.ErrNotFound
	}
	return s.write(ctx, func(tx pgx.Tx) error {
		if err := serially(ctx, tx, "task "+string(t.Application)); err != nil {
			return err
		}
		if err := mustHaveApplication(ctx, tx, app); err != nil {
			return err
		}
		running := 0
		err := tx.QueryRow(ctx, "SELECT count(*) FROM task WHERE application = $1 AND state = 0", app).Scan(&running)
		if err == nil && t.State == fanfare.TaskRunning && running >= fanfare.MaxRunningTasks {
			err = fanfare.ErrTooMany
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, insertTask, raw, app, idOf(endpointPrefix, t.Endpoint), string(t.Kind), int16(t.State), t.Revision, t.Total, t.Done,
			idOf(endpointPrefix, t.At.Endpoint), idOf(messagePrefix, t.At.Message), stored.Selection(&t.Selection), optional(t.Error),
			stored.Micros(t.CreatedAt), stored.Micros(t.UpdatedAt))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, forgetTasks, stored.From(keep.Since), keep.Most)
		return err
	})
}

const taskColumns = `id, application, endpoint, kind, state, revision, total, done, at_endpoint, at_message,
		selection, error, created_at, updated_at`

func scanTask(r pgx.Rows) (*fanfare.Task, error) {
	t := &fanfare.Task{}
	var raw, app id
	var ep, atEndpoint, atMessage *id
	var state int16
	var selection string
	var failed *string
	var created, updated int64
	err := r.Scan(&raw, &app, &ep, &t.Kind, &state, &t.Revision, &t.Total, &t.Done, &atEndpoint, &atMessage, &selection, &failed, &created, &updated)
	if err != nil {
		return nil, err
	}
	t.ID = fanfare.TaskID(fanfare.EncodeID(taskPrefix, raw))
	t.Application = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app))
	t.Endpoint, t.State, t.Error = fanfare.EndpointID(nameOf(endpointPrefix, ep)), fanfare.TaskState(state), given(failed)
	t.At = fanfare.TaskPlace{
		Endpoint: fanfare.EndpointID(nameOf(endpointPrefix, atEndpoint)), Message: fanfare.MessageID(nameOf(messagePrefix, atMessage)),
	}
	t.CreatedAt, t.UpdatedAt = stored.Instant(created), stored.Instant(updated)
	if t.Selection, err = stored.ReadSelection(selection); err != nil {
		return nil, fmt.Errorf("task %s: selection: %w", t.ID, err)
	}
	return t, nil
}

// Task implements [fanfare.Tasks].
func (s *Store) Task(ctx context.Context, task fanfare.TaskID) (*fanfare.Task, error) {
	raw, ok := parse(taskPrefix, task)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	return readOne(ctx, s, scanTask, "SELECT "+taskColumns+" FROM task WHERE id = $1", raw)
}

const tasksWhere = `
		AND (@application::uuid IS NULL OR application = @application)
		AND (@kinds::text[] IS NULL OR kind = ANY(@kinds))
		AND (@states::smallint[] IS NULL OR state = ANY(@states))`

var (
	listTasks = inOrder(`
	SELECT `+taskColumns+`
	FROM task
	WHERE true`+tasksWhere, "id")

	// listTasksRunning is for the one who carries them out, and looks at no others.
	listTasksRunning = inOrder(`
	SELECT `+taskColumns+`
	FROM task
	WHERE state = 0`+tasksWhere, "id")
)

// Tasks implements [fanfare.Tasks].
func (s *Store) Tasks(ctx context.Context, f fanfare.TaskFilter) ([]*fanfare.Task, error) {
	args := pgx.NamedArgs{"application": (*id)(nil), "kinds": some(words[string](f.Kinds)), "states": ([]int16)(nil)}
	if f.Application != "" {
		app, ok := parse(applicationPrefix, f.Application)
		if !ok {
			return nil, nil
		}
		args["application"] = &app
	}
	if len(f.States) > 0 {
		var states []int16
		for _, s := range f.States {
			states = append(states, int16(s))
		}
		args["states"] = states
	}
	l := listTasks
	if slices.Equal(f.States, []fanfare.TaskState{fanfare.TaskRunning}) {
		l = listTasksRunning
	}
	return readPage(ctx, s, l, afterID(taskPrefix, f.Page), args, scanTask)
}

// updateTask does nothing if the task has been changed since it was read.
const updateTask = `
	UPDATE task
	SET revision = revision + 1, state = $1, at_endpoint = $2, at_message = $3, error = $4, updated_at = $5
	WHERE id = $6 AND revision = $7 AND state = 0
	RETURNING application`

// StepTask implements [fanfare.Tasks].
func (s *Store) StepTask(ctx context.Context, step *fanfare.TaskStep) (ok bool, err error) {
	raw, known := parse(taskPrefix, step.Task)
	if !known {
		return false, nil
	}
	err = s.write(ctx, func(tx pgx.Tx) error {
		ok = false
		r, err := tx.Query(ctx, updateTask, int16(step.State), idOf(endpointPrefix, step.At.Endpoint), idOf(messagePrefix, step.At.Message),
			optional(step.Error), stored.Micros(step.Time), raw, step.Revision)
		if err != nil {
			return err
		}
		apps, err := pgx.CollectRows(r, pgx.RowTo[id])
		if err != nil || len(apps) == 0 {
			return err
		}
		ok = true
		done := int64(0)
		for _, work := range []func() (int64, error){
			func() (int64, error) { return onceMore(ctx, tx, apps[0], step.Again) },
			func() (int64, error) { return deliver(ctx, tx, apps[0], step.New) },
			func() (int64, error) { return expunge(ctx, tx, apps[0], step.Expunge) },
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
	for _, d := range ds {
		ep, ok1 := parse(endpointPrefix, d.Endpoint)
		msg, ok2 := parse(messagePrefix, d.Message)
		if ok1 && ok2 {
			endpoints, messages = append(endpoints, ep), append(messages, msg)
			states, due = append(states, int16(d.State)), append(due, stored.Micros(d.Due))
		}
	}
	tag, err := tx.Exec(ctx, updateAgain, app, endpoints, messages, states, due)
	return tag.RowsAffected(), err
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
		tag, err := tx.Exec(ctx, insertNew, ep, msg, shardOf(ep), stored.Micros(d.Due), p.createdAt, p.key, app)
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
