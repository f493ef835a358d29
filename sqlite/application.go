package sqlite

import (
	"context"
	"fmt"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const insertApplication = `
	INSERT INTO application (id, uid, name, rate_limit, metadata, retry, alert_email, created_at, updated_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO NOTHING`

// CreateApplication implements [fanfare.Catalogue].
func (s *Store) CreateApplication(ctx context.Context, app *fanfare.Application) error {
	raw, ok := parse(applicationPrefix, app.ID)
	if !ok {
		return fmt.Errorf("application %q: not an identifier", app.ID)
	}
	run := func(w *writer) error {
		err := w.exec(insertApplication, func(bind *binder) {
			bind.id(raw)
			bind.optional(app.UID)
			bind.text(app.Name)
			bind.number(int64(app.RateLimit))
			bind.optional(stored.List(app.Metadata))
			bind.optional(stored.Plan(app.Retry))
			bind.text(app.AlertEmail)
			bind.time(app.CreatedAt)
			bind.time(app.UpdatedAt)
		})
		if err == nil && w.conn.Changes() == 0 {
			err = fanfare.ErrExists
		}
		return err
	}
	err := s.write(ctx, &job{run: run, grows: true, hot: true})
	if err == nil {
		app.Revision = 1
	}
	return err
}

const applicationColumns = `id, uid, name, rate_limit, metadata, retry, alert_email, created_at, updated_at, revision`

func scanApplication(row *row) (app *fanfare.Application, err error) {
	app = &fanfare.Application{
		ID:        fanfare.ApplicationID(row.name(applicationPrefix)),
		UID:       row.text(),
		Name:      row.text(),
		RateLimit: int(row.number()),
	}
	if app.Metadata, err = stored.ReadList[map[string]string](row.text()); err != nil {
		return nil, fmt.Errorf("application %s: metadata: %w", app.ID, err)
	}
	if app.Retry, err = stored.ReadPlan(row.text()); err != nil {
		return nil, fmt.Errorf("application %s: retry: %w", app.ID, err)
	}
	app.AlertEmail = row.text()
	app.CreatedAt, app.UpdatedAt = row.time(), row.time()
	app.Revision = row.number()
	return app, nil
}

const selectApplication = `
	SELECT ` + applicationColumns + `
	FROM application
	WHERE id = ?1 OR uid = ?2
	ORDER BY id = ?1 DESC
	LIMIT 1`

// Application implements [fanfare.Catalogue]. An id goes before a uid.
func (s *Store) Application(ctx context.Context, ref string) (*fanfare.Application, error) {
	return readOne(ctx, s, selectApplication, func(bind *binder) { bindRef(bind, applicationPrefix, ref) }, scanApplication)
}

// bindRef binds what may be an id and may be a uid.
func bindRef(bind *binder, prefix, ref string) {
	if raw, ok := parse(prefix, ref); ok {
		bind.id(raw)
	} else {
		bind.null()
	}
	bind.optional(ref)
}

var listApplications = inOrder(`
	SELECT `+applicationColumns+`
	FROM application
	WHERE (NOT :endpoints OR EXISTS (SELECT 1 FROM endpoint WHERE endpoint.application = application.id))
		AND (NOT :enabled OR EXISTS (SELECT 1 FROM endpoint WHERE endpoint.application = application.id AND disabled = 0)
			OR NOT EXISTS (SELECT 1 FROM endpoint WHERE endpoint.application = application.id))
		AND (:only IS NULL OR id = :only)`, "id")

// Applications implements [fanfare.Catalogue].
func (s *Store) Applications(ctx context.Context, page fanfare.Page) ([]*fanfare.Application, error) {
	return s.ApplicationsBy(ctx, fanfare.ApplicationFilter{Page: page})
}

// ApplicationsBy implements [fanfare.ApplicationLists].
func (s *Store) ApplicationsBy(ctx context.Context, f fanfare.ApplicationFilter) ([]*fanfare.Application, error) {
	only, ok := parse(applicationPrefix, f.Only)
	if !ok && f.Only != "" {
		return nil, nil
	}
	return readPage(ctx, s, listApplications, afterID(applicationPrefix, f.Page), func(stmt *sqlite.Stmt) {
		stmt.SetBool(":endpoints", f.WithEndpoints)
		stmt.SetBool(":enabled", f.WithEnabled)
		setID(stmt, ":only", only)
	}, scanApplication)
}

// updateApplication does nothing if another has the uid.
const updateApplication = `
	UPDATE OR IGNORE application
	SET uid = ?, name = ?, rate_limit = ?, metadata = ?, retry = ?, alert_email = ?, created_at = ?, updated_at = ?, revision = revision + 1
	WHERE id = ?`

// UpdateApplication implements [fanfare.Catalogue].
func (s *Store) UpdateApplication(ctx context.Context, app *fanfare.Application) error {
	raw, ok := parse(applicationPrefix, app.ID)
	if !ok {
		return fanfare.ErrNotFound
	}
	next := int64(0)
	err := s.note(ctx, func(w *writer) (err error) {
		if next, err = w.nextRevision(selectApplicationRevision, app.Revision, func(bind *binder) { bind.id(raw) }); err != nil {
			return err
		}
		err = w.exec(updateApplication, func(bind *binder) {
			bind.optional(app.UID)
			bind.text(app.Name)
			bind.number(int64(app.RateLimit))
			bind.optional(stored.List(app.Metadata))
			bind.optional(stored.Plan(app.Retry))
			bind.text(app.AlertEmail)
			bind.time(app.CreatedAt)
			bind.time(app.UpdatedAt)
			bind.id(raw)
		})
		if err == nil && w.conn.Changes() == 0 {
			err = fanfare.ErrExists
		}
		return err
	})
	if err == nil {
		app.Revision = next
	}
	return err
}

const selectApplicationRevision = `
	SELECT revision
	FROM application
	WHERE id = ?`

const doomApplication = `
	INSERT INTO doomed (id, kind)
	SELECT id, 'endpoint'
	FROM endpoint
	WHERE application = ?1
	UNION ALL
	SELECT ?1, 'application'`

const deleteEndpointsOf = `
	DELETE FROM endpoint
	WHERE application = ?`

const deleteKeysOf = `
	DELETE FROM key
	WHERE application = ?`

const deleteSessionsOf = `
	DELETE FROM session
	WHERE application = ?`

const deleteApplication = `
	DELETE FROM application
	WHERE id = ?`

// DeleteApplication implements [fanfare.Catalogue]. From then on nothing of the
// application can be reached; its rows are removed afterwards, a few at a time.
func (s *Store) DeleteApplication(ctx context.Context, application fanfare.ApplicationID) error {
	return s.DeleteApplicationAt(ctx, application, 0)
}

// DeleteApplicationAt implements [fanfare.Revisions].
func (s *Store) DeleteApplicationAt(ctx context.Context, application fanfare.ApplicationID, revision int64) error {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return fanfare.ErrNotFound
	}
	defer s.consumers.drop(func(k consumerKey) bool { return k.application == app })
	return s.change(ctx, func(w *writer) error {
		if _, err := w.nextRevision(selectApplicationRevision, revision, func(bind *binder) { bind.id(app) }); err != nil {
			return err
		}
		clear(w.live)
		for _, query := range []string{doomApplication, deleteConsumersOf, deleteEndpointsOf, deleteTasksOf, deleteKeysOf, deleteSourcesOf, deleteMutesOf, deleteSessionsOf, deleteApplication} {
			if err := w.exec(query, func(bind *binder) { bind.id(app) }); err != nil {
				return err
			}
		}
		return w.doom()
	})
}
