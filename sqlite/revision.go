package sqlite

import (
	"context"

	"github.com/fanfarehq/fanfare"
)

// after is the revision that follows on the one there is, if what it is derived
// from is that one; 0: it is derived from none.
func after(now, from int64) (next int64, err error) {
	if from != 0 && from != now {
		return 0, fanfare.ErrConflict
	}
	return now + 1, nil
}

// nextRevision is after for the revision that a query reads; ErrNotFound if it finds
// none.
func (w *writer) nextRevision(query string, from int64, parameters func(bind *binder)) (next int64, err error) {
	stmt, err := w.conn.Prepare(query)
	if err != nil {
		return 0, err
	}
	parameters(&binder{stmt: stmt})
	now := int64(0)
	found, err := one(stmt, func(row *row) { now = row.number() })
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, fanfare.ErrNotFound
	}
	return after(now, from)
}

const selectNamedRevision = `
	SELECT revision
	FROM event_type
	WHERE name = ?`

// DeleteEventTypeAt implements [fanfare.Revisions].
func (s *Store) DeleteEventTypeAt(ctx context.Context, name string, revision int64) error {
	return s.note(ctx, func(w *writer) error {
		if _, err := w.nextRevision(selectNamedRevision, revision, func(bind *binder) { bind.text(name) }); err != nil {
			return err
		}
		return w.mustChange(deleteEventType, func(bind *binder) { bind.text(name) })
	})
}
