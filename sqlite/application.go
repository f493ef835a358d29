package sqlite

import (
	"context"
	"fmt"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

const insertApplication = `
	INSERT INTO application (id, uid, name, rate_limit, metadata, retry, created_at, updated_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?)
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
			bind.optional(list(app.Metadata))
			bind.optional(planText(app.Retry))
			bind.time(app.CreatedAt)
			bind.time(app.UpdatedAt)
		})
		if err == nil && w.conn.Changes() == 0 {
			err = fanfare.ErrExists
		}
		return err
	}
	return s.write(ctx, &job{run: run, grows: true, hot: true})
}

const applicationColumns = `id, uid, name, rate_limit, metadata, retry, created_at, updated_at`

func scanApplication(row *row) (app *fanfare.Application, err error) {
	app = &fanfare.Application{
		ID:        fanfare.ApplicationID(row.name(applicationPrefix)),
		UID:       row.text(),
		Name:      row.text(),
		RateLimit: int(row.number()),
	}
	if app.Metadata, err = unlist[map[string]string](row.text()); err != nil {
		return nil, fmt.Errorf("application %s: metadata: %w", app.ID, err)
	}
	if app.Retry, err = readPlan(row.text()); err != nil {
		return nil, fmt.Errorf("application %s: retry: %w", app.ID, err)
	}
	app.CreatedAt, app.UpdatedAt = row.time(), row.time()
	return app, nil
}

const selectApplication = `
	SELECT ` + applicationColumns + `
	FROM application
	WHERE id = ?1 OR uid = ?2
	ORDER BY id = ?1 DESC
	LIMIT 1`

// Application implements [fanfare.Catalogue]. An id goes before a uid.
func (s *Store) Application(ctx context.Context, ref string) (app *fanfare.Application, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectApplication)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bindRef(&bind, applicationPrefix, ref)
		app, err = scanOne(stmt, scanApplication)
		return err
	})
	return app, err
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

// scanOne reads the only row; ErrNotFound if there is none.
func scanOne[T any](stmt *sqlite.Stmt, scan func(row *row) (*T, error)) (*T, error) {
	all, err := scanAll(stmt, scan)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fanfare.ErrNotFound
	}
	return all[0], nil
}

// scanAll reads all rows.
func scanAll[T any](stmt *sqlite.Stmt, scan func(row *row) (*T, error)) (all []*T, err error) {
	var wrong error
	err = each(stmt, func(row *row) bool {
		var v *T
		v, wrong = scan(row)
		all = append(all, v)
		return wrong == nil
	})
	if err == nil {
		err = wrong
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

const selectApplicationsUp = `
	SELECT ` + applicationColumns + `
	FROM application
	WHERE id > ?
	ORDER BY id
	LIMIT ?`

const selectApplicationsDown = `
	SELECT ` + applicationColumns + `
	FROM application
	WHERE id < ?
	ORDER BY id DESC
	LIMIT ?`

// Applications implements [fanfare.Catalogue].
func (s *Store) Applications(ctx context.Context, page fanfare.Page) (apps []*fanfare.Application, err error) {
	after, sure := afterID(applicationPrefix, page)
	if !sure {
		return nil, nil
	}
	query := selectApplicationsDown
	if page.Ascending {
		query = selectApplicationsUp
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.blob(after)
		bind.number(int64(page.Limit))
		apps, err = scanAll(stmt, scanApplication)
		return err
	})
	return apps, err
}

// updateApplication does nothing if another has the uid.
const updateApplication = `
	UPDATE OR IGNORE application
	SET uid = ?, name = ?, rate_limit = ?, metadata = ?, retry = ?, created_at = ?, updated_at = ?
	WHERE id = ?`

// UpdateApplication implements [fanfare.Catalogue].
func (s *Store) UpdateApplication(ctx context.Context, app *fanfare.Application) error {
	raw, ok := parse(applicationPrefix, app.ID)
	if !ok {
		return fanfare.ErrNotFound
	}
	return s.note(ctx, func(w *writer) error {
		ok, err := w.hasApplication(raw)
		if err != nil {
			return err
		}
		if !ok {
			return fanfare.ErrNotFound
		}
		err = w.exec(updateApplication, func(bind *binder) {
			bind.optional(app.UID)
			bind.text(app.Name)
			bind.number(int64(app.RateLimit))
			bind.optional(list(app.Metadata))
			bind.optional(planText(app.Retry))
			bind.time(app.CreatedAt)
			bind.time(app.UpdatedAt)
			bind.id(raw)
		})
		if err == nil && w.conn.Changes() == 0 {
			err = fanfare.ErrExists
		}
		return err
	})
}

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
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return fanfare.ErrNotFound
	}
	defer s.consumers.drop(func(k consumerKey) bool { return k.application == app })
	return s.change(ctx, func(w *writer) error {
		ok, err := w.hasApplication(app)
		if err != nil {
			return err
		}
		if !ok {
			return fanfare.ErrNotFound
		}
		clear(w.live)
		for _, query := range []string{doomApplication, deleteConsumersOf, deleteEndpointsOf, deleteTasksOf, deleteKeysOf, deleteSessionsOf, deleteApplication} {
			if err := w.exec(query, func(bind *binder) { bind.id(app) }); err != nil {
				return err
			}
		}
		return w.doom()
	})
}
