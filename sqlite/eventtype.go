package sqlite

import (
	"context"
	"fmt"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const insertEventType = `
	INSERT INTO event_type (id, description, group_name, schemas, feature_flags, archived, deprecated, retry,
		examples, validation, lifecycle, created_at, updated_at, name)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO NOTHING`

// bindEventType binds the parameters of insertEventType and updateEventType.
func bindEventType(bind *binder, t *fanfare.EventType, raw id) {
	bind.id(raw)
	bind.text(t.Description)
	bind.text(t.GroupName)
	bind.asIs(t.Schemas)
	bind.optional(stored.List(t.FeatureFlags))
	bind.truth(t.Archived)
	bind.truth(t.Deprecated)
	bind.optional(stored.Plan(t.Retry))
	bind.asIs(t.Examples)
	bind.optional(string(t.Validation))
	bind.optional(stored.Lifecycle(t))
	bind.time(t.CreatedAt)
	bind.time(t.UpdatedAt)
	bind.text(t.Name)
}

// CreateEventType implements [fanfare.Catalogue].
func (s *Store) CreateEventType(ctx context.Context, t *fanfare.EventType) error {
	raw, ok := parse(eventTypePrefix, t.ID)
	if !ok {
		return fmt.Errorf("event type %q: %q is not an identifier", t.Name, t.ID)
	}
	run := func(w *writer) error {
		err := w.exec(insertEventType, func(bind *binder) { bindEventType(bind, t, raw) })
		if err == nil && w.conn.Changes() == 0 {
			err = fanfare.ErrExists
		}
		return err
	}
	err := s.write(ctx, &job{run: run, grows: true, hot: true})
	if err == nil {
		t.Revision = 1
	}
	return err
}

const eventTypeColumns = `name, id, description, group_name, schemas, feature_flags, archived, deprecated, retry,
	examples, validation, lifecycle, created_at, updated_at, revision`

func scanEventType(row *row) (t *fanfare.EventType, err error) {
	t = &fanfare.EventType{
		Name:        row.text(),
		ID:          fanfare.EventTypeID(row.name(eventTypePrefix)),
		Description: row.text(),
		GroupName:   row.text(),
		Schemas:     row.blob(),
	}
	if t.FeatureFlags, err = stored.ReadList[[]string](row.text()); err != nil {
		return nil, fmt.Errorf("event type %q: feature flags: %w", t.Name, err)
	}
	t.Archived, t.Deprecated = row.truth(), row.truth()
	if t.Retry, err = stored.ReadPlan(row.text()); err != nil {
		return nil, fmt.Errorf("event type %q: retry: %w", t.Name, err)
	}
	t.Examples, t.Validation = row.blob(), fanfare.Validation(row.text())
	if err := stored.ReadLifecycle(row.text(), t); err != nil {
		return nil, fmt.Errorf("event type %q: lifecycle: %w", t.Name, err)
	}
	t.CreatedAt, t.UpdatedAt = row.time(), row.time()
	t.Revision = row.number()
	return t, nil
}

const selectEventType = `
	SELECT ` + eventTypeColumns + `
	FROM event_type
	WHERE name = ?`

// EventType implements [fanfare.Catalogue].
func (s *Store) EventType(ctx context.Context, name string) (*fanfare.EventType, error) {
	return readOne(ctx, s, selectEventType, func(bind *binder) { bind.text(name) }, scanEventType)
}

var listEventTypes = inOrder(`
	SELECT `+eventTypeColumns+`
	FROM event_type
	WHERE archived <= :archived`, "name")

// EventTypes implements [fanfare.Catalogue].
func (s *Store) EventTypes(ctx context.Context, page fanfare.Page, archived bool) ([]*fanfare.EventType, error) {
	bind := func(stmt *sqlite.Stmt) { stmt.SetBool(":archived", archived) }
	return readPage(ctx, s, listEventTypes, afterName(page), bind, scanEventType)
}

var listCheckedTypes = inOrder(`
	SELECT `+eventTypeColumns+`
	FROM event_type
	WHERE (archived = 0 AND validation IS NOT NULL OR lifecycle IS NOT NULL)`, "name")

// CheckedEventTypes implements [fanfare.Checks].
func (s *Store) CheckedEventTypes(ctx context.Context, page fanfare.Page) ([]*fanfare.EventType, error) {
	return readPage(ctx, s, listCheckedTypes, afterName(page), nil, scanEventType)
}

const updateEventType = `
	UPDATE event_type
	SET id = ?, description = ?, group_name = ?, schemas = ?, feature_flags = ?, archived = ?, deprecated = ?, retry = ?,
		examples = ?, validation = ?, lifecycle = ?, created_at = ?, updated_at = ?, revision = revision + 1
	WHERE name = ?`

// selectTypeRevision is -1, which no revision is, if the event type of that name has
// another id, and it matters: the one that is meant was removed.
const selectTypeRevision = `
	SELECT iif(id = ?2 OR ?3 = 0, revision, -1)
	FROM event_type
	WHERE name = ?1`

// UpdateEventType implements [fanfare.Catalogue]. The name says which.
func (s *Store) UpdateEventType(ctx context.Context, t *fanfare.EventType) error {
	raw, ok := parse(eventTypePrefix, t.ID)
	if !ok {
		return fmt.Errorf("event type %q: %q is not an identifier", t.Name, t.ID)
	}
	next := int64(0)
	err := s.note(ctx, func(w *writer) (err error) {
		if next, err = w.nextRevision(selectTypeRevision, t.Revision, func(bind *binder) {
			bind.text(t.Name)
			bind.id(raw)
			bind.number(t.Revision)
		}); err != nil {
			return err
		}
		return w.mustChange(updateEventType, func(bind *binder) { bindEventType(bind, t, raw) })
	})
	if err == nil {
		t.Revision = next
	}
	return err
}

const deleteEventType = `
	DELETE FROM event_type
	WHERE name = ?`

// DeleteEventType implements [fanfare.Catalogue].
func (s *Store) DeleteEventType(ctx context.Context, name string) error {
	return s.DeleteEventTypeAt(ctx, name, 0)
}

// mustChange is exec for a statement that changes a row, or there is ErrNotFound.
func (w *writer) mustChange(query string, parameters func(bind *binder)) error {
	err := w.exec(query, parameters)
	if err == nil && w.conn.Changes() == 0 {
		err = fanfare.ErrNotFound
	}
	return err
}
