package postgres

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

func partPlace(task id, number int64) string {
	return fmt.Sprintf("task_part/%s/%d/content", strings.ToUpper(hex.EncodeToString(task[:])), number)
}

const addExported = `
	UPDATE task
	SET parts = parts + 1, lines = lines + $2, damaged = damaged + $3, size = size + $4, done = done + $5
	WHERE id = $1`

// addPart stores what a step has written, behind the parts that there are.
func (s *Store) addPart(ctx context.Context, tx pgx.Tx, task id, number int64, p *fanfare.Part) error {
	if p == nil {
		return nil
	}
	content, sealedBy, err := s.seal(ctx, tx, partPlace(task, number), p.Content)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO task_part (task, number, sealed_by, content) VALUES ($1, $2, $3, $4)", task, number, sealedBy, content)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, addExported, task, p.Lines, p.Damaged, len(p.Content), p.Messages)
	return err
}

const selectPart = `
	SELECT sealed_by, content
	FROM task_part
	WHERE task = $1
		AND number = $2
		AND EXISTS (
			SELECT 1
			FROM task
			WHERE id = $1
				AND (state = 0 OR state = 1 AND expires_at > $3))`

// TaskPart implements [fanfare.Exports].
func (s *Store) TaskPart(ctx context.Context, task fanfare.TaskID, n int) ([]byte, error) {
	raw, ok := parse(taskPrefix, task)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	return readOne(ctx, s, func(r pgx.Rows) (content []byte, err error) {
		var sealedBy string
		if err := r.Scan(&sealedBy, &content); err != nil {
			return nil, err
		}
		return s.unseal(partPlace(raw, int64(n)), content, sealedBy)
	}, selectPart, raw, n, stored.Micros(time.Now()))
}

// ExpireTask implements [fanfare.Exports].
func (s *Store) ExpireTask(ctx context.Context, task fanfare.TaskID, t time.Time) error {
	raw, ok := parse(taskPrefix, task)
	if !ok {
		return fanfare.ErrNotFound
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return mustChange(tx.Exec(ctx, "UPDATE task SET expires_at = $2 WHERE id = $1 AND state = 1", raw, stored.Micros(t)))
	})
}

// deleteSwept finds parts by the index alone, and what is to be known of a task once
// for all of its parts.
const deleteSwept = `
	DELETE FROM task_part
	WHERE (task, number) IN (
		SELECT task, number
		FROM task_part
		WHERE task IN (
			SELECT task
			FROM (SELECT DISTINCT task FROM task_part) AS written
			WHERE NOT EXISTS (
				SELECT 1
				FROM task
				WHERE id = written.task
					AND (state = 0 OR state = 1 AND expires_at > $1)))
		LIMIT $2)`

// SweepParts implements [fanfare.Exports].
func (s *Store) SweepParts(ctx context.Context, now time.Time, limit int) (n int, err error) {
	some := false
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM task_part)").Scan(&some)
	})
	if err != nil || !some {
		return 0, err
	}
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, deleteSwept, stored.Ceil(now), limit)
		n = int(tag.RowsAffected())
		return err
	})
	return n, err
}

const selectExpunged = `
	SELECT id
	FROM message
	WHERE application = $1
		AND id = ANY($2)
		AND payload IS NULL
		AND EXISTS (SELECT 1 FROM application WHERE id = $1)`

// Expunged implements [fanfare.Exports].
func (s *Store) Expunged(ctx context.Context, application fanfare.ApplicationID, names []fanfare.MessageID) (gone []fanfare.MessageID, err error) {
	app, ok := parse(applicationPrefix, application)
	wanted := messageIDs(names)
	if !ok || len(wanted) == 0 {
		return nil, nil
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, selectExpunged, app, wanted)
		gone, err = rows(r, err, func(r pgx.Rows) (fanfare.MessageID, error) {
			var raw id
			err := r.Scan(&raw)
			return fanfare.MessageID(fanfare.EncodeID(messagePrefix, raw)), err
		})
		return err
	})
	return gone, unlessNone(err)
}

// messageIDs are those of the names that can be a message's.
func messageIDs(names []fanfare.MessageID) (all []id) {
	for _, name := range names {
		if raw, ok := parse(messagePrefix, name); ok {
			all = append(all, raw)
		}
	}
	return all
}
