package sqlite

import (
	"context"
	"fmt"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const auditPrefix = "audit_"

const insertAudit = `
	INSERT INTO audit (id, at, actor, action, application, object, address, refused, fields, detail)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// AddAudit implements [fanfare.AuditLog].
func (s *Store) AddAudit(ctx context.Context, e *fanfare.AuditEntry) error {
	raw, ok := parse(auditPrefix, e.ID)
	if !ok {
		return fmt.Errorf("audit entry %q: not an identifier", e.ID)
	}
	run := func(w *writer) error {
		return w.exec(insertAudit, func(bind *binder) {
			bind.id(raw)
			bind.time(e.At)
			bind.text(e.Actor)
			bind.text(e.Action)
			bind.optional(e.Application)
			bind.optional(e.Object)
			bind.optional(e.Address)
			bind.truth(e.Refused)
			bind.optional(stored.List(e.Fields))
			bind.optional(e.Detail)
		})
	}
	return s.write(ctx, &job{run: run, grows: true, hot: true})
}

var listAudit = inOrder(`
	SELECT id, at, actor, action, application, object, address, refused, fields, detail
	FROM audit
	WHERE +at >= :since
		AND +at < :until
		AND (:actor IS NULL OR actor = :actor)
		AND (:object IS NULL OR object = :object OR application = :object)`, "id")

// AuditEntries implements [fanfare.AuditLog]. There are so few entries that a
// filter looks at all of them, in order: the index by time would have them sorted.
func (s *Store) AuditEntries(ctx context.Context, f fanfare.AuditFilter) ([]*fanfare.AuditEntry, error) {
	return readPage(ctx, s, listAudit, afterID(auditPrefix, f.Page), func(stmt *sqlite.Stmt) {
		stmt.SetInt64(":since", stored.From(f.Since))
		stmt.SetInt64(":until", stored.To(f.Until))
		setText(stmt, ":actor", f.Actor)
		setText(stmt, ":object", f.Object)
	}, scanAudit)
}

func scanAudit(row *row) (*fanfare.AuditEntry, error) {
	e := &fanfare.AuditEntry{
		ID: fanfare.AuditID(row.name(auditPrefix)), At: row.time(),
		Actor: row.text(), Action: row.text(), Application: row.text(), Object: row.text(), Address: row.text(), Refused: row.truth(),
	}
	var err error
	if e.Fields, err = stored.ReadList[[]string](row.text()); err != nil {
		return nil, fmt.Errorf("audit entry %s: fields: %w", e.ID, err)
	}
	e.Detail = row.text()
	return e, nil
}

const deleteOldAudit = `
	DELETE FROM audit
	WHERE id IN (
		SELECT id
		FROM audit
		WHERE at < ?
		LIMIT ?)`

// deleteAuditBeyond removes some of the oldest, behind so many newer ones.
const deleteAuditBeyond = `
	DELETE FROM audit
	WHERE id IN (
		SELECT id
		FROM audit
		WHERE refused = ?
		ORDER BY id DESC
		LIMIT ? OFFSET ?)`

// PruneAudit implements [fanfare.AuditLog].
func (s *Store) PruneAudit(ctx context.Context, keep fanfare.AuditKeep) (total int, err error) {
	for _, step := range []func(w *writer) error{
		func(w *writer) error {
			return w.exec(deleteOldAudit, func(bind *binder) { bind.number(stored.From(keep.Since)); bind.number(expireChunk) })
		},
		func(w *writer) error { return w.dropAuditBeyond(false, keep.Done) },
		func(w *writer) error { return w.dropAuditBeyond(true, keep.Refused) },
	} {
		for n := expireChunk; n == expireChunk; {
			err := s.note(ctx, func(w *writer) error {
				err := step(w)
				n = w.conn.Changes()
				return err
			})
			if err != nil {
				return total, err
			}
			total += n
		}
	}
	return total, nil
}

func (w *writer) dropAuditBeyond(refused bool, most int) error {
	return w.exec(deleteAuditBeyond, func(bind *binder) {
		bind.truth(refused)
		bind.number(expireChunk)
		bind.number(int64(most))
	})
}
