package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const insertApplication = `
	INSERT INTO application (uid, name, rate_limit, metadata, retry, alert_email, created_at, updated_at, id, revision)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)
	ON CONFLICT DO NOTHING`

// applicationArgs are the parameters of insertApplication and updateApplication.
func applicationArgs(app *fanfare.Application, raw id) []any {
	return []any{
		optional(app.UID), app.Name, app.RateLimit, optional(stored.List(app.Metadata)), optional(stored.Plan(app.Retry)),
		app.AlertEmail, stored.Micros(app.CreatedAt), stored.Micros(app.UpdatedAt), raw,
	}
}

// CreateApplication implements [fanfare.Catalogue].
func (s *Store) CreateApplication(ctx context.Context, app *fanfare.Application) error {
	raw, ok := parse(applicationPrefix, app.ID)
	if !ok {
		return fmt.Errorf("application %q: not an identifier", app.ID)
	}
	done := exists("SELECT 1 FROM application WHERE id = $1", raw)
	err := s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		return mustInsert(tx.Exec(ctx, insertApplication, applicationArgs(app, raw)...))
	})
	if err == nil {
		app.Revision = 1
	}
	return err
}

const applicationColumns = `id, uid, name, rate_limit, metadata, retry, alert_email, created_at, updated_at, revision`

func scanApplication(r pgx.Rows) (*fanfare.Application, error) {
	app := &fanfare.Application{}
	var raw id
	var uid, metadata, retry *string
	var created, updated int64
	err := r.Scan(&raw, &uid, &app.Name, &app.RateLimit, &metadata, &retry, &app.AlertEmail, &created, &updated, &app.Revision)
	if err != nil {
		return nil, err
	}
	app.ID, app.UID = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, raw)), given(uid)
	app.CreatedAt, app.UpdatedAt = stored.Instant(created), stored.Instant(updated)
	if app.Metadata, err = stored.ReadList[map[string]string](given(metadata)); err != nil {
		return nil, fmt.Errorf("application %s: metadata: %w", app.ID, err)
	}
	if app.Retry, err = stored.ReadPlan(given(retry)); err != nil {
		return nil, fmt.Errorf("application %s: retry: %w", app.ID, err)
	}
	return app, nil
}

const selectApplication = `
	SELECT ` + applicationColumns + `
	FROM application
	WHERE id = $1 OR uid = $2
	ORDER BY id = $1 DESC NULLS LAST
	LIMIT 1`

// Application implements [fanfare.Catalogue]. An id goes before a uid.
func (s *Store) Application(ctx context.Context, ref string) (*fanfare.Application, error) {
	raw, uid := refOf(applicationPrefix, ref)
	return readOne(ctx, s, scanApplication, selectApplication, raw, uid)
}

// refOf is what may be an id and may be a uid; NULL for what it cannot be.
func refOf(prefix, ref string) (raw *id, uid *string) {
	if v, ok := parse(prefix, ref); ok {
		raw = &v
	}
	return raw, optional(ref)
}

var listApplications = inOrder(`
	SELECT `+applicationColumns+`
	FROM application
	WHERE (NOT @endpoints::boolean OR EXISTS (SELECT 1 FROM endpoint WHERE endpoint.application = application.id))
		AND (NOT @enabled::boolean OR EXISTS (SELECT 1 FROM endpoint WHERE endpoint.application = application.id AND NOT disabled)
			OR NOT EXISTS (SELECT 1 FROM endpoint WHERE endpoint.application = application.id))
		AND (@only::uuid IS NULL OR id = @only)`, "id")

// Applications implements [fanfare.Catalogue].
func (s *Store) Applications(ctx context.Context, page fanfare.Page) ([]*fanfare.Application, error) {
	return s.ApplicationsBy(ctx, fanfare.ApplicationFilter{Page: page})
}

// ApplicationsBy implements [fanfare.ApplicationLists].
func (s *Store) ApplicationsBy(ctx context.Context, f fanfare.ApplicationFilter) ([]*fanfare.Application, error) {
	args := pgx.NamedArgs{"endpoints": f.WithEndpoints, "enabled": f.WithEnabled, "only": (*id)(nil)}
	if f.Only != "" {
		only, ok := parse(applicationPrefix, f.Only)
		if !ok {
			return nil, nil
		}
		args["only"] = &only
	}
	return readPage(ctx, s, listApplications, afterID(applicationPrefix, f.Page), args, scanApplication)
}

const updateApplication = `
	UPDATE application
	SET uid = $1, name = $2, rate_limit = $3, metadata = $4, retry = $5, alert_email = $6, created_at = $7, updated_at = $8, revision = $10
	WHERE id = $9`

const lockApplication = `
	SELECT revision
	FROM application
	WHERE id = $1
	FOR NO KEY UPDATE`

// UpdateApplication implements [fanfare.Catalogue].
func (s *Store) UpdateApplication(ctx context.Context, app *fanfare.Application) error {
	raw, ok := parse(applicationPrefix, app.ID)
	if !ok {
		return fanfare.ErrNotFound
	}
	next := app.Revision + 1
	done := exists("SELECT 1 FROM application WHERE id = $1 AND revision = $2 AND updated_at = $3", raw, next, stored.Micros(app.UpdatedAt))
	err := s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) (err error) {
		if next, err = nextRevision(ctx, tx, app.Revision, lockApplication, raw); err != nil {
			return err
		}
		if err := mustChange(tx.Exec(ctx, updateApplication, append(applicationArgs(app, raw), next)...)); err != nil {
			return err
		}
		return changed(ctx, tx, raw)
	})
	if err == nil {
		app.Revision = next
	}
	return err
}

// goneWith removes what is an application's own and small, itself included.
var goneWith = []string{
	`INSERT INTO doomed (id, kind) SELECT id, 'endpoint' FROM endpoint WHERE application = $1 ON CONFLICT DO NOTHING`,
	`INSERT INTO doomed (id, kind) VALUES ($1, 'application') ON CONFLICT DO NOTHING`,
	`DELETE FROM consumer WHERE endpoint IN (SELECT id FROM endpoint WHERE application = $1)`,
	`DELETE FROM endpoint WHERE application = $1`,
	`DELETE FROM task WHERE application = $1`,
	`DELETE FROM key WHERE application = $1`,
	`DELETE FROM session WHERE application = $1`,
	`DELETE FROM source WHERE application = $1`,
	`DELETE FROM mute WHERE application = $1`,
	`DELETE FROM application WHERE id = $1`,
}

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
	done := gone("SELECT 1 FROM application WHERE id = $1", app)
	err := s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := nextRevision(ctx, tx, revision, lockApplication, app); err != nil {
			return err
		}
		for _, query := range goneWith {
			if _, err := tx.Exec(ctx, query, app); err != nil {
				return err
			}
		}
		return changed(ctx, tx, app)
	})
	if err == nil {
		s.sweeping.rouse()
	}
	return err
}
