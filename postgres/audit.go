package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const auditPrefix = "audit_"

const insertAudit = `
	INSERT INTO audit (id, at, actor, action, application, object, address, refused, fields, detail)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
	ON CONFLICT DO NOTHING`

// AddAudit implements [fanfare.AuditLog].
func (s *Store) AddAudit(ctx context.Context, e *fanfare.AuditEntry) error {
	raw, ok := parse(auditPrefix, e.ID)
	if !ok {
		return fmt.Errorf("audit entry %q: not an identifier", e.ID)
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, insertAudit, raw, stored.Micros(e.At), e.Actor, e.Action, optional(e.Application), optional(e.Object),
			optional(e.Address), e.Refused, optional(stored.List(e.Fields)), optional(e.Detail))
		return err
	})
}

var listAudit = inOrder(`
	SELECT id, at, actor, action, application, object, address, refused, fields, detail
	FROM audit
	WHERE at >= @since
		AND at < @until
		AND (@actor::text IS NULL OR actor = @actor)
		AND (@object::text IS NULL OR object = @object OR application = @object)`, "id")

// AuditEntries implements [fanfare.AuditLog].
func (s *Store) AuditEntries(ctx context.Context, f fanfare.AuditFilter) ([]*fanfare.AuditEntry, error) {
	args := pgx.NamedArgs{"since": stored.From(f.Since), "until": stored.To(f.Until), "actor": optional(f.Actor), "object": optional(f.Object)}
	return readPage(ctx, s, listAudit, afterID(auditPrefix, f.Page), args, scanAudit)
}

func scanAudit(r pgx.Rows) (*fanfare.AuditEntry, error) {
	e := &fanfare.AuditEntry{}
	var raw id
	var at int64
	var application, object, address, fields, detail *string
	err := r.Scan(&raw, &at, &e.Actor, &e.Action, &application, &object, &address, &e.Refused, &fields, &detail)
	if err != nil {
		return nil, err
	}
	e.ID, e.At = fanfare.AuditID(fanfare.EncodeID(auditPrefix, raw)), stored.Instant(at)
	e.Application, e.Object, e.Address, e.Detail = given(application), given(object), given(address), given(detail)
	if e.Fields, err = stored.ReadList[[]string](given(fields)); err != nil {
		return nil, fmt.Errorf("audit entry %s: fields: %w", e.ID, err)
	}
	return e, nil
}

const deleteOldAudit = `
	DELETE FROM audit
	WHERE id IN (SELECT id FROM audit WHERE at < $1 LIMIT $2)`

// deleteAuditBeyond removes some of the oldest, behind so many newer ones.
const deleteAuditBeyond = `
	DELETE FROM audit
	WHERE id IN (
		SELECT id
		FROM audit
		WHERE refused = $1
		ORDER BY id DESC
		LIMIT $2 OFFSET $3)`

// PruneAudit implements [fanfare.AuditLog].
func (s *Store) PruneAudit(ctx context.Context, keep fanfare.AuditKeep) (total int, err error) {
	for _, step := range []struct {
		query string
		args  []any
	}{
		{deleteOldAudit, []any{stored.From(keep.Since), removeChunk}},
		{deleteAuditBeyond, []any{false, removeChunk, keep.Done}},
		{deleteAuditBeyond, []any{true, removeChunk, keep.Refused}},
	} {
		n, err := s.removeAll(ctx, step.query, step.args...)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// removeChunk is how many rows one transaction removes at most.
const removeChunk = 1000

// removeAll runs a statement that removes up to removeChunk rows until it finds no
// more of them.
func (s *Store) removeAll(ctx context.Context, query string, args ...any) (total int, err error) {
	for {
		n := 0
		err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, query, args...)
			n = int(tag.RowsAffected())
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
		if n < removeChunk {
			return total, nil
		}
	}
}
