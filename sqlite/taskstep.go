package sqlite

import (
	"context"
	"slices"

	"github.com/fanfarehq/fanfare"
)

// updateTask does nothing if the task has been changed since it was read.
const updateTask = `
	UPDATE task
	SET revision = revision + 1, state = ?, at_endpoint = ?, at_message = ?, at_attempt = ?, at_probe = ?, error = ?, expires_at = ?, updated_at = ?
	WHERE id = ? AND revision = ? AND state = 0
	RETURNING application, parts`

const addDone = `
	UPDATE task
	SET done = done + ?
	WHERE id = ?`

// StepTask implements [fanfare.Tasks].
func (s *Store) StepTask(ctx context.Context, step *fanfare.TaskStep) (ok bool, err error) {
	raw, known := parse(taskPrefix, step.Task)
	if !known {
		return false, nil
	}
	run := func(w *writer) error {
		ok = false
		var app id
		var parts int64
		err := w.query(updateTask, func(bind *binder) {
			bind.number(int64(step.State))
			bindPlace(bind, step.At)
			bind.optional(step.Error)
			bind.time(step.Expires)
			bind.time(step.Time)
			bind.id(raw)
			bind.number(int64(step.Revision))
		}, func(row *row) { app, parts, ok = row.id(), row.number(), true })
		if err != nil || !ok {
			return err
		}
		if err := w.addPart(raw, parts, step.Part); err != nil {
			return err
		}
		done, err := w.work(app, step)
		if done -= step.Undone; err != nil || done == 0 {
			return err
		}
		return w.exec(addDone, func(bind *binder) { bind.number(int64(done)); bind.id(raw) })
	}
	// Fresh deliveries are not touched: what waits again has a row, and what is
	// new is to an endpoint that the message does not list.
	err = s.write(ctx, &job{run: run, hot: true, grows: len(step.New) > 0 || step.Part != nil})
	return ok && err == nil, err
}

// work does a step's piece of work, and returns how many rows it has changed.
func (w *writer) work(app id, step *fanfare.TaskStep) (done int, err error) {
	for _, d := range step.Again {
		n, err := w.again(app, d)
		if err != nil {
			return 0, err
		}
		done += n
	}
	for _, d := range step.New {
		n, err := w.deliver(app, d)
		if err != nil {
			return 0, err
		}
		done += n
	}
	if len(step.Expunge) == 0 {
		return done, nil
	}
	n, err := w.expunge(app, step.Expunge)
	return done + n, err
}

const updateAgain = `
	UPDATE delivery
	SET state = 0, attempts = 0, manual = 1, due_at = ?1, rank = iif((SELECT ordered FROM endpoint WHERE id = ?2), 0, ?1)
	WHERE endpoint = ?2 AND message = ?3 AND state = ?4`

func (w *writer) again(app id, d *fanfare.Delivery) (int, error) {
	ep, ok1 := parse(endpointPrefix, d.Endpoint)
	msg, ok2 := parse(messagePrefix, d.Message)
	if !ok1 || !ok2 {
		return 0, nil
	}
	if ok, err := w.hasEndpoint(app, ep); !ok || err != nil {
		return 0, err
	}
	err := w.exec(updateAgain, func(bind *binder) {
		bind.time(d.Due)
		bind.id(ep)
		bind.id(msg)
		bind.number(int64(d.State))
	})
	return w.conn.Changes(), err
}

const insertNew = `
	INSERT INTO delivery (endpoint, message, state, rank, due_at, ordering_key, attempts, manual, created_at)
	VALUES (?1, ?2, 0, iif((SELECT ordered FROM endpoint WHERE id = ?1), 0, ?3), ?3, ?4, 0, 1, ?5)
	ON CONFLICT DO NOTHING`

// deliver makes a delivery that there is none of yet.
func (w *writer) deliver(app id, d *fanfare.Delivery) (int, error) {
	ep, ok1 := parse(endpointPrefix, d.Endpoint)
	msg, ok2 := parse(messagePrefix, d.Message)
	if !ok1 || !ok2 {
		return 0, nil
	}
	if ok, err := w.hasEndpoint(app, ep); !ok || err != nil {
		return 0, err
	}
	var p place
	err := w.query(selectPlace, func(bind *binder) { bind.id(app); bind.id(msg) }, func(row *row) {
		p = place{row.number(), row.number(), row.blob()}
	})
	if err != nil || p.rowid == 0 || slices.Contains(ids(p.endpoints), ep) {
		return 0, err
	}
	err = w.exec(insertNew, func(bind *binder) {
		bind.id(ep)
		bind.id(msg)
		bind.time(d.Due)
		bind.optional(d.OrderingKey)
		bind.number(p.createdAt)
	})
	if err != nil {
		return 0, err
	}
	return 1, w.addEndpoint(&p, ep)
}

const expungeMessage = `
	UPDATE message
	SET payload = NULL
	WHERE application = ? AND id = ? AND payload IS NOT NULL`

func (w *writer) expunge(app id, messages []fanfare.MessageID) (done int, err error) {
	err = w.overwriting(func() error {
		done = 0
		for _, message := range messages {
			msg, ok := parse(messagePrefix, message)
			if !ok {
				continue
			}
			if err := w.exec(expungeMessage, func(bind *binder) { bind.id(app); bind.id(msg) }); err != nil {
				return err
			}
			done += w.conn.Changes()
		}
		return nil
	})
	return done, err
}

const expungeResponse = `
	UPDATE attempt
	SET response_header = NULL, response_body = NULL, truncated = 0
	WHERE endpoint = ? AND id = ? AND message = ?`

// ExpungeResponse implements [fanfare.Log].
func (s *Store) ExpungeResponse(ctx context.Context, application fanfare.ApplicationID, message fanfare.MessageID, attempt fanfare.AttemptID) error {
	app, ok1 := parse(applicationPrefix, application)
	msg, ok2 := parse(messagePrefix, message)
	raw, ok3 := parse(attemptPrefix, attempt)
	if !ok1 || !ok2 || !ok3 {
		return fanfare.ErrNotFound
	}
	return s.note(ctx, func(w *writer) error {
		p, err := w.place(app, msg)
		if err != nil {
			return err
		}
		done := 0
		err = w.overwriting(func() error {
			for _, ep := range ids(p.endpoints) {
				if ok, err := w.hasEndpoint(app, ep); err != nil {
					return err
				} else if !ok {
					continue
				}
				if err := w.exec(expungeResponse, func(bind *binder) { bind.id(ep); bind.id(raw); bind.id(msg) }); err != nil {
					return err
				}
				done += w.conn.Changes()
			}
			return nil
		})
		if err == nil && done == 0 {
			err = fanfare.ErrNotFound
		}
		return err
	})
}
