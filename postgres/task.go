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
	INSERT INTO task (` + taskColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`

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
	done := exists("SELECT 1 FROM task WHERE id = $1", raw)
	return s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
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
			idOf(endpointPrefix, t.At.Endpoint), idOf(messagePrefix, t.At.Message), idOf(attemptPrefix, t.At.Attempt), idOf(messagePrefix, t.At.Probe),
			stored.Selection(&t.Selection), optional(t.Error),
			t.Export.Parts, t.Export.Lines, t.Export.Damaged, t.Export.Size, stored.Micros(t.Export.ExpiresAt),
			stored.Micros(t.CreatedAt), stored.Micros(t.UpdatedAt))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, forgetTasks, stored.From(keep.Since), keep.Most)
		return err
	})
}

const taskColumns = `id, application, endpoint, kind, state, revision, total, done, at_endpoint, at_message, at_attempt, at_probe,
		selection, error, parts, lines, damaged, size, expires_at, created_at, updated_at`

func scanTask(r pgx.Rows) (*fanfare.Task, error) {
	t := &fanfare.Task{}
	var raw, app id
	var ep, atEndpoint, atMessage, atAttempt, atProbe *id
	var state int16
	var selection string
	var failed *string
	var expires, created, updated int64
	e := &t.Export
	err := r.Scan(&raw, &app, &ep, &t.Kind, &state, &t.Revision, &t.Total, &t.Done, &atEndpoint, &atMessage, &atAttempt, &atProbe,
		&selection, &failed, &e.Parts, &e.Lines, &e.Damaged, &e.Size, &expires, &created, &updated)
	if err != nil {
		return nil, err
	}
	t.ID = fanfare.TaskID(fanfare.EncodeID(taskPrefix, raw))
	t.Application = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app))
	t.Endpoint, t.State, t.Error = fanfare.EndpointID(nameOf(endpointPrefix, ep)), fanfare.TaskState(state), given(failed)
	t.At = fanfare.TaskPlace{
		Endpoint: fanfare.EndpointID(nameOf(endpointPrefix, atEndpoint)), Message: fanfare.MessageID(nameOf(messagePrefix, atMessage)),
		Attempt: fanfare.AttemptID(nameOf(attemptPrefix, atAttempt)), Probe: fanfare.MessageID(nameOf(messagePrefix, atProbe)),
	}
	e.ExpiresAt, t.CreatedAt, t.UpdatedAt = stored.Instant(expires), stored.Instant(created), stored.Instant(updated)
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
		AND (@states::smallint[] IS NULL OR state = ANY(@states))
		AND (@within::text IS NULL OR selection::jsonb -> 'within' <@ @within::text::jsonb)`

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
	args := pgx.NamedArgs{"application": (*id)(nil), "kinds": some(words[string](f.Kinds)), "states": ([]int16)(nil), "within": optional(stored.List(f.Within))}
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
