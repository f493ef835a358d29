package sqlite

import (
	"cmp"
	"context"
	"slices"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// updateTask does nothing if the task has been changed since it was read.
const updateTask = `
	UPDATE task
	SET revision = revision + 1, state = ?, at_endpoint = ?, at_message = ?, error = ?, updated_at = ?
	WHERE id = ? AND revision = ? AND state = 0
	RETURNING application`

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
		err := w.query(updateTask, func(bind *binder) {
			bind.number(int64(step.State))
			bindPlace(bind, step.At)
			bind.optional(step.Error)
			bind.time(step.Time)
			bind.id(raw)
			bind.number(int64(step.Revision))
		}, func(row *row) { app, ok = row.id(), true })
		if err != nil || !ok {
			return err
		}
		done, err := w.work(app, step)
		if err != nil || done == 0 {
			return err
		}
		return w.exec(addDone, func(bind *binder) { bind.number(int64(done)); bind.id(raw) })
	}
	// Fresh deliveries are not touched: what waits again has a row, and what is
	// new is to an endpoint that the message does not list.
	err = s.write(ctx, &job{run: run, hot: true, grows: len(step.New) > 0})
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

// walkDeliveries looks at so many deliveries, and says of each whether it is found:
// what costs least is asked first.
const walkDeliveries = `
	SELECT ` + deliveryColumns + `,
		CASE
			WHEN NOT (:states >> delivery.state & 1) THEN 0
			WHEN delivery.created_at < :since OR delivery.created_at >= :until THEN 0
			WHEN :class <> 0 AND :class IS NOT (SELECT status / 100 FROM attempt WHERE rowid = delivery.last_attempt) THEN 0
			ELSE EXISTS (
				SELECT 1
				FROM message
				WHERE message.application = :application
					AND message.id = delivery.message
					AND message.payload IS NOT NULL` + messageIs + `)
		END
	FROM delivery
	WHERE delivery.endpoint = :endpoint
		AND delivery.message > :after
		AND :application = (SELECT application FROM endpoint WHERE id = :endpoint)
	ORDER BY delivery.message
	LIMIT :look`

// WalkDeliveries implements [fanfare.Tasks].
func (s *Store) WalkDeliveries(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, w fanfare.Walk) (found []*fanfare.Delivery, next fanfare.MessageID, err error) {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return nil, "", nil
	}
	if err := s.settleFresh(ctx, id{}, ep); err != nil {
		return nil, "", err
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(walkDeliveries)
		if err != nil {
			return err
		}
		bindWalk(stmt, app, &w)
		stmt.SetBytes(":endpoint", ep[:])
		stmt.SetInt64(":states", mask(w.States))
		stmt.SetInt64(":class", int64(w.StatusClass))
		found, next, err = walk(stmt, &w, func(row *row) (*fanfare.Delivery, fanfare.MessageID, error) {
			d, err := scanDelivery(row)
			if err != nil {
				return nil, "", err
			}
			if !row.truth() {
				return nil, d.Message, nil
			}
			return d, d.Message, nil
		})
		return err
	})
	return found, next, err
}

// walk scans rows until enough is found, and says where to go on; "": there are no
// more. What scan gives of one that is not found is nil.
func walk[T any](stmt *sqlite.Stmt, w *fanfare.Walk, scan func(row *row) (*T, fanfare.MessageID, error)) (found []*T, next fanfare.MessageID, err error) {
	looked := 0
	var wrong error
	err = each(stmt, func(row *row) bool {
		var v *T
		if v, next, wrong = scan(row); wrong != nil {
			return false
		}
		looked++
		if v != nil {
			found = append(found, v)
		}
		return len(found) < w.Limit
	})
	if looked < w.Look && len(found) < w.Limit {
		next = ""
	}
	return found, next, cmp.Or(err, wrong)
}

func bindWalk(stmt *sqlite.Stmt, app id, w *fanfare.Walk) {
	after, _ := parse(messagePrefix, w.After)
	stmt.SetBytes(":application", app[:])
	stmt.SetBytes(":after", after[:])
	stmt.SetInt64(":since", stored.From(w.Since))
	stmt.SetInt64(":until", stored.To(w.Until))
	stmt.SetInt64(":look", int64(w.Look))
	bindMessageIs(stmt, w.EventTypes, w.Channel, w.Tag)
}

// walkMessages is walkDeliveries for messages. Whether there is a payload is told
// from the head of a row, without reading it.
const walkMessages = `
	SELECT message.id, message.event_type, message.channels, message.tags, message.ordering_key,
		message.deliver_at, message.created_at, message.endpoints,
		CASE
			WHEN message.created_at < :since OR message.created_at >= :until THEN 0
			WHEN message.payload IS NULL THEN 0
			ELSE true` + messageIs + `
		END
	FROM message
	WHERE message.application = :application
		AND message.id > :after
		AND EXISTS (SELECT 1 FROM application WHERE id = :application)
	ORDER BY message.id
	LIMIT :look`

// WalkMessages implements [fanfare.Tasks].
func (s *Store) WalkMessages(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, w fanfare.Walk) (found []*fanfare.Message, next fanfare.MessageID, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, "", nil
	}
	ep, _ := parse(endpointPrefix, endpoint)
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(walkMessages)
		if err != nil {
			return err
		}
		bindWalk(stmt, app, &w)
		found, next, err = walk(stmt, &w, func(row *row) (*fanfare.Message, fanfare.MessageID, error) {
			msg, endpoints, err := scanPassed(row)
			if err != nil {
				return nil, "", err
			}
			msg.Application = application
			if !row.truth() || slices.Contains(endpoints, ep) {
				return nil, msg.ID, nil
			}
			return msg, msg.ID, nil
		})
		return err
	})
	return found, next, err
}

// scanPassed reads a message without its payload, and the endpoints it lists.
func scanPassed(row *row) (msg *fanfare.Message, endpoints []id, err error) {
	msg = &fanfare.Message{ID: fanfare.MessageID(row.name(messagePrefix)), EventType: row.text()}
	if msg.Channels, err = stored.ReadList[[]string](row.text()); err == nil {
		msg.Tags, err = stored.ReadList[[]string](row.text())
	}
	if err != nil {
		return nil, nil, err
	}
	msg.OrderingKey = row.text()
	msg.DeliverAt, msg.CreatedAt = row.time(), row.time()
	return msg, ids(row.blob()), nil
}
