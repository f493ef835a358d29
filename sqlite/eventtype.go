package sqlite

import (
	"context"
	"fmt"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

const insertEventType = `
	INSERT INTO event_type (id, description, group_name, schemas, feature_flags, archived, deprecated, retry,
		examples, validation, created_at, updated_at, name)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO NOTHING`

// bindEventType binds the parameters of insertEventType and updateEventType.
func bindEventType(bind *binder, t *fanfare.EventType, raw id) {
	bind.id(raw)
	bind.text(t.Description)
	bind.text(t.GroupName)
	bind.asIs(t.Schemas)
	bind.optional(list(t.FeatureFlags))
	bind.truth(t.Archived)
	bind.truth(t.Deprecated)
	bind.optional(planText(t.Retry))
	bind.asIs(t.Examples)
	bind.optional(string(t.Validation))
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
	return s.write(ctx, &job{run: run, grows: true, hot: true})
}

const eventTypeColumns = `name, id, description, group_name, schemas, feature_flags, archived, deprecated, retry,
	examples, validation, created_at, updated_at`

func scanEventType(row *row) (t *fanfare.EventType, err error) {
	t = &fanfare.EventType{
		Name:        row.text(),
		ID:          fanfare.EventTypeID(row.name(eventTypePrefix)),
		Description: row.text(),
		GroupName:   row.text(),
		Schemas:     row.blob(),
	}
	if t.FeatureFlags, err = unlist[[]string](row.text()); err != nil {
		return nil, fmt.Errorf("event type %q: feature flags: %w", t.Name, err)
	}
	t.Archived, t.Deprecated = row.truth(), row.truth()
	if t.Retry, err = readPlan(row.text()); err != nil {
		return nil, fmt.Errorf("event type %q: retry: %w", t.Name, err)
	}
	t.Examples, t.Validation = row.blob(), fanfare.Validation(row.text())
	t.CreatedAt, t.UpdatedAt = row.time(), row.time()
	return t, nil
}

const selectEventType = `
	SELECT ` + eventTypeColumns + `
	FROM event_type
	WHERE name = ?`

// EventType implements [fanfare.Catalogue].
func (s *Store) EventType(ctx context.Context, name string) (t *fanfare.EventType, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectEventType)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.text(name)
		t, err = scanOne(stmt, scanEventType)
		return err
	})
	return t, err
}

const selectEventTypesUp = `
	SELECT ` + eventTypeColumns + `
	FROM event_type
	WHERE name > ?1 AND archived <= ?2
	ORDER BY name
	LIMIT ?3`

const selectEventTypesDown = `
	SELECT ` + eventTypeColumns + `
	FROM event_type
	WHERE (?1 = '' OR name < ?1) AND archived <= ?2
	ORDER BY name DESC
	LIMIT ?3`

// EventTypes implements [fanfare.Catalogue].
func (s *Store) EventTypes(ctx context.Context, page fanfare.Page, archived bool) (ts []*fanfare.EventType, err error) {
	query := selectEventTypesDown
	if page.Ascending {
		query = selectEventTypesUp
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.text(page.After)
		bind.truth(archived)
		bind.number(int64(page.Limit))
		ts, err = scanAll(stmt, scanEventType)
		return err
	})
	return ts, err
}

const selectCheckedUp = `
	SELECT ` + eventTypeColumns + `
	FROM event_type
	WHERE name > ?1 AND archived = 0 AND validation IS NOT NULL
	ORDER BY name
	LIMIT ?2`

const selectCheckedDown = `
	SELECT ` + eventTypeColumns + `
	FROM event_type
	WHERE (?1 = '' OR name < ?1) AND archived = 0 AND validation IS NOT NULL
	ORDER BY name DESC
	LIMIT ?2`

// CheckedEventTypes implements [fanfare.Checks].
func (s *Store) CheckedEventTypes(ctx context.Context, page fanfare.Page) (ts []*fanfare.EventType, err error) {
	query := selectCheckedDown
	if page.Ascending {
		query = selectCheckedUp
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.text(page.After)
		bind.number(int64(page.Limit))
		ts, err = scanAll(stmt, scanEventType)
		return err
	})
	return ts, err
}

const updateEventType = `
	UPDATE event_type
	SET id = ?, description = ?, group_name = ?, schemas = ?, feature_flags = ?, archived = ?, deprecated = ?, retry = ?,
		examples = ?, validation = ?, created_at = ?, updated_at = ?
	WHERE name = ?`

// UpdateEventType implements [fanfare.Catalogue]. The name says which.
func (s *Store) UpdateEventType(ctx context.Context, t *fanfare.EventType) error {
	raw, ok := parse(eventTypePrefix, t.ID)
	if !ok {
		return fmt.Errorf("event type %q: %q is not an identifier", t.Name, t.ID)
	}
	return s.note(ctx, func(w *writer) error {
		return w.mustChange(updateEventType, func(bind *binder) { bindEventType(bind, t, raw) })
	})
}

const deleteEventType = `
	DELETE FROM event_type
	WHERE name = ?`

// DeleteEventType implements [fanfare.Catalogue].
func (s *Store) DeleteEventType(ctx context.Context, name string) error {
	return s.note(ctx, func(w *writer) error {
		return w.mustChange(deleteEventType, func(bind *binder) { bind.text(name) })
	})
}

// mustChange is exec for a statement that changes a row, or there is ErrNotFound.
func (w *writer) mustChange(query string, parameters func(bind *binder)) error {
	err := w.exec(query, parameters)
	if err == nil && w.conn.Changes() == 0 {
		err = fanfare.ErrNotFound
	}
	return err
}
