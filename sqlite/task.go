package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const taskPrefix = "qtask_"

const insertTask = `
	INSERT INTO task (` + taskColumns + `)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

const countTasksRunning = `
	SELECT count(*)
	FROM task INDEXED BY task_running
	WHERE state = 0 AND application = ?`

const forgetTasksBefore = `
	DELETE FROM task
	WHERE state <> 0 AND updated_at < ?`

const forgetTasksBeyond = `
	DELETE FROM task
	WHERE id IN (
		SELECT id
		FROM task
		WHERE state <> 0
		ORDER BY id DESC
		LIMIT -1 OFFSET ?)`

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
	run := func(w *writer) error {
		if err := w.mustHaveApplication(app); err != nil {
			return err
		}
		running := int64(0)
		err := w.query(countTasksRunning, func(bind *binder) { bind.id(app) }, func(row *row) { running = row.number() })
		if err == nil && t.State == fanfare.TaskRunning && running >= fanfare.MaxRunningTasks {
			err = fanfare.ErrTooMany
		}
		if err != nil {
			return err
		}
		err = w.exec(insertTask, func(bind *binder) {
			bind.id(raw)
			bind.id(app)
			bindName(bind, endpointPrefix, t.Endpoint)
			bind.text(string(t.Kind))
			bind.number(int64(t.State))
			bind.number(int64(t.Revision))
			bind.number(int64(t.Total))
			bind.number(int64(t.Done))
			bindPlace(bind, t.At)
			bind.text(stored.Selection(&t.Selection))
			bind.optional(t.Error)
			bind.number(int64(t.Export.Parts))
			bind.number(int64(t.Export.Lines))
			bind.number(int64(t.Export.Damaged))
			bind.number(t.Export.Size)
			bind.time(t.Export.ExpiresAt)
			bind.time(t.CreatedAt)
			bind.time(t.UpdatedAt)
		})
		if err == nil {
			err = w.exec(forgetTasksBefore, func(bind *binder) { bind.number(stored.From(keep.Since)) })
		}
		if err == nil {
			err = w.exec(forgetTasksBeyond, func(bind *binder) { bind.number(int64(keep.Most)) })
		}
		return err
	}
	return s.write(ctx, &job{run: run, grows: true, hot: true})
}

// bindName binds an id that may be none, which is NULL.
func bindName[T ~string](bind *binder, prefix string, name T) {
	if raw, ok := parse(prefix, name); ok {
		bind.id(raw)
	} else {
		bind.null()
	}
}

func bindPlace(bind *binder, at fanfare.TaskPlace) {
	bindName(bind, endpointPrefix, at.Endpoint)
	bindName(bind, messagePrefix, at.Message)
	bindName(bind, attemptPrefix, at.Attempt)
	bindName(bind, messagePrefix, at.Probe)
}

const taskColumns = `id, application, endpoint, kind, state, revision, total, done, at_endpoint, at_message, at_attempt, at_probe,
		selection, error, parts, lines, damaged, size, expires_at, created_at, updated_at`

func scanTask(row *row) (*fanfare.Task, error) {
	t := &fanfare.Task{
		ID:          fanfare.TaskID(row.name(taskPrefix)),
		Application: fanfare.ApplicationID(row.name(applicationPrefix)),
		Endpoint:    fanfare.EndpointID(row.optionalName(endpointPrefix)),
		Kind:        fanfare.TaskKind(row.text()),
		State:       fanfare.TaskState(row.number()),
		Revision:    int(row.number()),
		Total:       int(row.number()),
		Done:        int(row.number()),
		At: fanfare.TaskPlace{
			Endpoint: fanfare.EndpointID(row.optionalName(endpointPrefix)),
			Message:  fanfare.MessageID(row.optionalName(messagePrefix)),
			Attempt:  fanfare.AttemptID(row.optionalName(attemptPrefix)),
			Probe:    fanfare.MessageID(row.optionalName(messagePrefix)),
		},
	}
	var err error
	if t.Selection, err = stored.ReadSelection(row.text()); err != nil {
		return nil, fmt.Errorf("task %s: selection: %w", t.ID, err)
	}
	t.Error = row.text()
	t.Export = fanfare.Export{
		Parts: int(row.number()), Lines: int(row.number()), Damaged: int(row.number()), Size: row.number(), ExpiresAt: row.time(),
	}
	t.CreatedAt, t.UpdatedAt = row.time(), row.time()
	return t, nil
}

// optionalName reads an id as text; "" if it is NULL.
func (r *row) optionalName(prefix string) string {
	if r.stmt.ColumnIsNull(r.n) {
		r.n++
		return ""
	}
	return r.name(prefix)
}

const selectTask = `
	SELECT ` + taskColumns + `
	FROM task
	WHERE id = ?`

// Task implements [fanfare.Tasks].
func (s *Store) Task(ctx context.Context, task fanfare.TaskID) (*fanfare.Task, error) {
	raw, ok := parse(taskPrefix, task)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	return readOne(ctx, s, selectTask, func(bind *binder) { bind.id(raw) }, scanTask)
}

const tasksWhere = `
		AND (:application IS NULL OR application = :application)
		AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds)))
		AND :states >> state & 1
		AND (:within IS NULL OR json_array_length(selection, '$.within') > 0 AND NOT EXISTS (
			SELECT 1
			FROM json_each(selection, '$.within')
			WHERE value NOT IN (SELECT value FROM json_each(:within))))`

var (
	listTasks = inOrder(`
	SELECT `+taskColumns+`
	FROM task
	WHERE true`+tasksWhere, "id")

	// listTasksRunning is for the one who carries them out, and looks at no others.
	listTasksRunning = inOrder(`
	SELECT `+taskColumns+`
	FROM task INDEXED BY task_running
	WHERE state = 0`+tasksWhere, "id")
)

// Tasks implements [fanfare.Tasks].
func (s *Store) Tasks(ctx context.Context, f fanfare.TaskFilter) ([]*fanfare.Task, error) {
	app, ok := parse(applicationPrefix, f.Application)
	if !ok && f.Application != "" {
		return nil, nil
	}
	l := listTasks
	if slices.Equal(f.States, []fanfare.TaskState{fanfare.TaskRunning}) {
		l = listTasksRunning
	}
	return readPage(ctx, s, l, afterID(taskPrefix, f.Page), func(stmt *sqlite.Stmt) {
		setID(stmt, ":application", app)
		setText(stmt, ":kinds", stored.List(words[string](f.Kinds)))
		stmt.SetInt64(":states", taskMask(f.States))
		bindWithin(stmt, f.Within)
	}, scanTask)
}

// taskMask has a bit for each of the states; all if none is named.
func taskMask(states []fanfare.TaskState) (m int64) {
	for _, s := range states {
		m |= 1 << s
	}
	if len(states) == 0 {
		m = 1<<(fanfare.TaskCancelled+1) - 1
	}
	return m
}

const deleteTasksOf = `
	DELETE FROM task
	WHERE application = ?`
