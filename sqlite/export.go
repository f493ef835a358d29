package sqlite

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

func partPlace(task id, number int64) string {
	return fmt.Sprintf("task_part/%s/%d/content", strings.ToUpper(hex.EncodeToString(task[:])), number)
}

const insertPart = `
	INSERT INTO task_part (task, number, sealed_by, content)
	VALUES (?, ?, ?, ?)`

const addExported = `
	UPDATE task
	SET parts = parts + 1, lines = lines + ?, damaged = damaged + ?, size = size + ?, done = done + ?
	WHERE id = ?`

// addPart stores what a step has written, behind the parts that there are.
func (w *writer) addPart(task id, number int64, p *fanfare.Part) error {
	if p == nil {
		return nil
	}
	content, sealedBy := w.seal(partPlace(task, number), p.Content)
	err := w.exec(insertPart, func(bind *binder) {
		bind.id(task)
		bind.number(number)
		bind.text(sealedBy)
		bind.blob(content)
	})
	if err != nil {
		return err
	}
	return w.exec(addExported, func(bind *binder) {
		bind.number(int64(p.Lines))
		bind.number(int64(p.Damaged))
		bind.number(int64(len(p.Content)))
		bind.number(int64(p.Messages))
		bind.id(task)
	})
}

const selectPart = `
	SELECT sealed_by, content
	FROM task_part
	WHERE task = ?1
		AND number = ?2
		AND EXISTS (
			SELECT 1
			FROM task
			WHERE id = ?1
				AND (state = 0 OR state = 1 AND expires_at > ?3))`

// TaskPart implements [fanfare.Exports].
func (s *Store) TaskPart(ctx context.Context, task fanfare.TaskID, n int) (content []byte, err error) {
	raw, ok := parse(taskPrefix, task)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	part, err := readOne(ctx, s, selectPart, func(bind *binder) {
		bind.id(raw)
		bind.number(int64(n))
		bind.time(time.Now())
	}, func(row *row) (*[]byte, error) {
		sealedBy := row.text()
		content, err := s.unseal(partPlace(raw, int64(n)), row.blob(), sealedBy)
		return &content, err
	})
	if err != nil {
		return nil, err
	}
	return *part, nil
}

const expireTask = `
	UPDATE task
	SET expires_at = ?
	WHERE id = ? AND state = 1`

// ExpireTask implements [fanfare.Exports].
func (s *Store) ExpireTask(ctx context.Context, task fanfare.TaskID, t time.Time) error {
	raw, ok := parse(taskPrefix, task)
	if !ok {
		return fanfare.ErrNotFound
	}
	return s.note(ctx, func(w *writer) error {
		return w.mustChange(expireTask, func(bind *binder) { bind.time(t); bind.id(raw) })
	})
}

// selectSwept finds parts by the index alone, and what is to be known of a task once
// for all of its parts.
const selectSwept = `
	SELECT rowid
	FROM task_part INDEXED BY task_part_number
	WHERE task IN (
		SELECT task
		FROM (SELECT DISTINCT task FROM task_part INDEXED BY task_part_number) AS written
		WHERE NOT EXISTS (
			SELECT 1
			FROM task
			WHERE id = written.task
				AND (state = 0 OR state = 1 AND expires_at > ?)))
	LIMIT ?`

const deletePart = `
	DELETE FROM task_part
	WHERE rowid = ?`

// SweepParts implements [fanfare.Exports]. What is removed is overwritten in the
// database, as what is expunged is. It looks for that before it writes.
func (s *Store) SweepParts(ctx context.Context, now time.Time, limit int) (n int, err error) {
	var swept []int64
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectSwept)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.number(stored.Ceil(now))
		bind.number(int64(limit))
		return each(stmt, func(row *row) bool { swept = append(swept, row.number()); return true })
	})
	if err != nil || len(swept) == 0 {
		return 0, err
	}
	err = s.note(ctx, func(w *writer) error {
		return w.overwriting(func() error {
			for _, rowid := range swept {
				if err := w.exec(deletePart, func(bind *binder) { bind.number(rowid) }); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return 0, err
	}
	return len(swept), nil
}

const selectExpunged = `
	SELECT 1
	FROM message INDEXED BY message_expunged
	WHERE application = ?1
		AND id = ?2
		AND payload IS NULL
		AND EXISTS (SELECT 1 FROM application WHERE id = ?1)`

// Expunged implements [fanfare.Exports].
func (s *Store) Expunged(ctx context.Context, application fanfare.ApplicationID, ids []fanfare.MessageID) (gone []fanfare.MessageID, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	err = s.readAll(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectExpunged)
		if err != nil {
			return err
		}
		for _, name := range ids {
			raw, ok := parse(messagePrefix, name)
			if !ok {
				continue
			}
			bind := binder{stmt: stmt}
			bind.id(app)
			bind.id(raw)
			found, err := one(stmt, func(*row) {})
			if err != nil {
				return err
			}
			if found {
				gone = append(gone, name)
			}
		}
		return nil
	})
	return gone, err
}
