package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const insertEventType = `
	INSERT INTO event_type (id, description, group_name, schemas, feature_flags, archived, deprecated, retry,
		examples, validation, created_at, updated_at, name, lifecycle, revision)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1)
	ON CONFLICT DO NOTHING`

// eventTypeArgs are the parameters of insertEventType and updateEventType.
func eventTypeArgs(t *fanfare.EventType, raw id) []any {
	return []any{
		raw, t.Description, t.GroupName, t.Schemas, optional(stored.List(t.FeatureFlags)), t.Archived, t.Deprecated,
		optional(stored.Plan(t.Retry)), t.Examples, optional(string(t.Validation)), stored.Micros(t.CreatedAt), stored.Micros(t.UpdatedAt), t.Name,
		optional(stored.Lifecycle(t)),
	}
}

// CreateEventType implements [fanfare.Catalogue].
func (s *Store) CreateEventType(ctx context.Context, t *fanfare.EventType) error {
	raw, ok := parse(eventTypePrefix, t.ID)
	if !ok {
		return fmt.Errorf("event type %q: %q is not an identifier", t.Name, t.ID)
	}
	done := exists("SELECT 1 FROM event_type WHERE name = $1 AND id = $2", t.Name, raw)
	err := s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		if err := mustInsert(tx.Exec(ctx, insertEventType, eventTypeArgs(t, raw)...)); err != nil {
			return err
		}
		return changed(ctx, tx, id{})
	})
	if err == nil {
		t.Revision = 1
	}
	return err
}

const eventTypeColumns = `name, id, description, group_name, schemas, feature_flags, archived, deprecated, retry,
	examples, validation, lifecycle, created_at, updated_at, revision`

func scanEventType(r pgx.Rows) (*fanfare.EventType, error) {
	t := &fanfare.EventType{}
	var raw id
	var flags, retry, validation, lifecycle *string
	var created, updated int64
	err := r.Scan(&t.Name, &raw, &t.Description, &t.GroupName, &t.Schemas, &flags, &t.Archived, &t.Deprecated, &retry,
		&t.Examples, &validation, &lifecycle, &created, &updated, &t.Revision)
	if err != nil {
		return nil, err
	}
	t.ID, t.Validation = fanfare.EventTypeID(fanfare.EncodeID(eventTypePrefix, raw)), fanfare.Validation(given(validation))
	t.CreatedAt, t.UpdatedAt = stored.Instant(created), stored.Instant(updated)
	if t.FeatureFlags, err = stored.ReadList[[]string](given(flags)); err != nil {
		return nil, fmt.Errorf("event type %q: feature flags: %w", t.Name, err)
	}
	if t.Retry, err = stored.ReadPlan(given(retry)); err != nil {
		return nil, fmt.Errorf("event type %q: retry: %w", t.Name, err)
	}
	if err := stored.ReadLifecycle(given(lifecycle), t); err != nil {
		return nil, fmt.Errorf("event type %q: lifecycle: %w", t.Name, err)
	}
	return t, nil
}

const selectEventType = `
	SELECT ` + eventTypeColumns + `
	FROM event_type
	WHERE name = $1`

// EventType implements [fanfare.Catalogue].
func (s *Store) EventType(ctx context.Context, name string) (*fanfare.EventType, error) {
	return readOne(ctx, s, scanEventType, selectEventType, name)
}

var listEventTypes = inOrder(`
	SELECT `+eventTypeColumns+`
	FROM event_type
	WHERE (@archived::boolean OR NOT archived)`, "name")

// EventTypes implements [fanfare.Catalogue].
func (s *Store) EventTypes(ctx context.Context, page fanfare.Page, archived bool) ([]*fanfare.EventType, error) {
	return readPage(ctx, s, listEventTypes, afterName(page), pgx.NamedArgs{"archived": archived}, scanEventType)
}

var listCheckedTypes = inOrder(`
	SELECT `+eventTypeColumns+`
	FROM event_type
	WHERE (validation IS NOT NULL AND NOT archived OR lifecycle IS NOT NULL)`, "name")

// CheckedEventTypes implements [fanfare.Checks].
func (s *Store) CheckedEventTypes(ctx context.Context, page fanfare.Page) ([]*fanfare.EventType, error) {
	return readPage(ctx, s, listCheckedTypes, afterName(page), nil, scanEventType)
}

const updateEventType = `
	UPDATE event_type
	SET id = $1, description = $2, group_name = $3, schemas = $4, feature_flags = $5, archived = $6, deprecated = $7, retry = $8,
		examples = $9, validation = $10, created_at = $11, updated_at = $12, lifecycle = $14, revision = $15
	WHERE name = $13`

const lockEventType = `
	SELECT revision
	FROM event_type
	WHERE name = $1
	FOR UPDATE`

// lockSameType is lockEventType, but for -1, which no revision is, if the event type
// of that name has another id, and it matters: the one that is meant was removed.
const lockSameType = `
	SELECT CASE WHEN id = $2 OR $3::bigint = 0 THEN revision ELSE -1 END
	FROM event_type
	WHERE name = $1
	FOR UPDATE`

// UpdateEventType implements [fanfare.Catalogue]. The name says which.
func (s *Store) UpdateEventType(ctx context.Context, t *fanfare.EventType) error {
	raw, ok := parse(eventTypePrefix, t.ID)
	if !ok {
		return fmt.Errorf("event type %q: %q is not an identifier", t.Name, t.ID)
	}
	next := t.Revision + 1
	done := exists("SELECT 1 FROM event_type WHERE name = $1 AND revision = $2 AND updated_at = $3", t.Name, next, stored.Micros(t.UpdatedAt))
	err := s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) (err error) {
		if next, err = nextRevision(ctx, tx, t.Revision, lockSameType, t.Name, raw, t.Revision); err != nil {
			return err
		}
		if err := mustChange(tx.Exec(ctx, updateEventType, append(eventTypeArgs(t, raw), next)...)); err != nil {
			return err
		}
		return changed(ctx, tx, id{})
	})
	if err == nil {
		t.Revision = next
	}
	return err
}

// DeleteEventType implements [fanfare.Catalogue].
func (s *Store) DeleteEventType(ctx context.Context, name string) error {
	return s.DeleteEventTypeAt(ctx, name, 0)
}

// DeleteEventTypeAt implements [fanfare.Revisions].
func (s *Store) DeleteEventTypeAt(ctx context.Context, name string, revision int64) error {
	done := gone("SELECT 1 FROM event_type WHERE name = $1", name)
	return s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := nextRevision(ctx, tx, revision, lockEventType, name); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM event_type WHERE name = $1", name); err != nil {
			return err
		}
		return changed(ctx, tx, id{})
	})
}
