package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const insertEndpoint = `
	INSERT INTO endpoint (uid, url, ordered, disabled, paused, channels, failing_since, settings, sealed_by, created_at, updated_at, id, application)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO NOTHING`

// bindEndpoint binds the parameters of insertEndpoint and updateEndpoint.
func (w *writer) bindEndpoint(bind *binder, ep *fanfare.Endpoint, raw, app id) {
	bind.optional(ep.UID)
	bind.text(ep.URL)
	bind.truth(ep.Ordered)
	bind.truth(ep.Disabled)
	bind.truth(ep.Paused)
	bind.text(channelsOf(ep))
	bind.time(ep.FailingSince)
	settings, sealedBy := w.sealSettings(raw, string(stored.Settings(ep)))
	bind.text(settings)
	bind.text(sealedBy)
	bind.time(ep.CreatedAt)
	bind.time(ep.UpdatedAt)
	bind.id(raw)
	bind.id(app)
}

// CreateEndpoint implements [fanfare.Catalogue].
func (s *Store) CreateEndpoint(ctx context.Context, ep *fanfare.Endpoint) error {
	raw, ok := parse(endpointPrefix, ep.ID)
	if !ok {
		return fmt.Errorf("endpoint %q: not an identifier", ep.ID)
	}
	app, ok := parse(applicationPrefix, ep.Application)
	if !ok {
		return fanfare.ErrNotFound
	}
	run := func(w *writer) error {
		if err := w.mustHaveApplication(app); err != nil {
			return err
		}
		err := w.exec(insertEndpoint, func(bind *binder) { w.bindEndpoint(bind, ep, raw, app) })
		if err == nil && w.conn.Changes() == 0 {
			err = fanfare.ErrExists
		}
		return err
	}
	err := s.write(ctx, &job{run: run, grows: true, hot: true})
	if err == nil {
		ep.Revision = 1
	}
	return err
}

const endpointColumns = `id, application, uid, url, ordered, failing_since, settings, sealed_by, created_at, updated_at, revision`

func (s *Store) scanEndpoint(row *row) (*fanfare.Endpoint, error) {
	ep := &fanfare.Endpoint{
		ID:           fanfare.EndpointID(row.name(endpointPrefix)),
		Application:  fanfare.ApplicationID(row.name(applicationPrefix)),
		UID:          row.text(),
		URL:          row.text(),
		Ordered:      row.truth(),
		FailingSince: row.time(),
	}
	kept, sealedBy := row.text(), row.text()
	text, err := s.unsealSettings(ep.ID, kept, sealedBy)
	if err != nil {
		return nil, err
	}
	if err := stored.ReadSettings(text, ep); err != nil {
		return nil, err
	}
	ep.CreatedAt, ep.UpdatedAt = row.time(), row.time()
	ep.Revision = row.number()
	return ep, nil
}

const selectEndpoint = `
	SELECT ` + endpointColumns + `
	FROM endpoint
	WHERE (id = ?1 OR uid = ?2) AND application = ?3
	ORDER BY id = ?1 DESC
	LIMIT 1`

// Endpoint implements [fanfare.Catalogue]. An id goes before a uid.
func (s *Store) Endpoint(ctx context.Context, application fanfare.ApplicationID, ref string) (*fanfare.Endpoint, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	return readOne(ctx, s, selectEndpoint, func(bind *binder) { bindRef(bind, endpointPrefix, ref); bind.id(app) }, s.scanEndpoint)
}

var listEndpoints = inOrder(`
	SELECT `+endpointColumns+`
	FROM endpoint
	WHERE application = :application`, "id")

// Endpoints implements [fanfare.Catalogue].
func (s *Store) Endpoints(ctx context.Context, application fanfare.ApplicationID, page fanfare.Page) ([]*fanfare.Endpoint, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	bind := func(stmt *sqlite.Stmt) { stmt.SetBytes(":application", app[:]) }
	return readPage(ctx, s, listEndpoints, afterID(endpointPrefix, page), bind, s.scanEndpoint)
}

const selectEndpointRevision = `
	SELECT ordered, revision
	FROM endpoint
	WHERE id = ? AND application = ?`

// updateEndpoint does nothing if another of the application has the uid.
const updateEndpoint = `
	UPDATE OR IGNORE endpoint
	SET uid = ?, url = ?, ordered = ?, disabled = ?, paused = ?, channels = ?, failing_since = iif(? = 0, 0, failing_since), settings = ?, sealed_by = ?, created_at = ?, updated_at = ?,
		revision = revision + 1
	WHERE id = ? AND application = ?`

const updateRanks = `
	UPDATE delivery
	SET rank = iif(?, 0, due_at)
	WHERE endpoint = ? AND state = 0`

// UpdateEndpoint implements [fanfare.Catalogue].
func (s *Store) UpdateEndpoint(ctx context.Context, ep *fanfare.Endpoint) error {
	raw, ok1 := parse(endpointPrefix, ep.ID)
	app, ok2 := parse(applicationPrefix, ep.Application)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	next := int64(0)
	err := s.change(ctx, func(w *writer) error {
		ordered, now, err := w.standing(raw, app)
		if err != nil {
			return err
		}
		if next, err = after(now, ep.Revision); err != nil {
			return err
		}
		err = w.exec(updateEndpoint, func(bind *binder) { w.bindEndpoint(bind, ep, raw, app) })
		if err != nil {
			return err
		}
		if w.conn.Changes() == 0 {
			return fanfare.ErrExists
		}
		if ordered == ep.Ordered {
			return nil
		}
		return w.exec(updateRanks, func(bind *binder) { bind.truth(ep.Ordered); bind.id(raw) })
	})
	if err == nil {
		ep.Revision = next
	}
	return err
}

// standing reads whether an endpoint is ordered, and its revision; ErrNotFound.
func (w *writer) standing(ep, app id) (ordered bool, revision int64, err error) {
	stmt, err := w.conn.Prepare(selectEndpointRevision)
	if err != nil {
		return false, 0, err
	}
	bind := binder{stmt: stmt}
	bind.id(ep)
	bind.id(app)
	found, err := one(stmt, func(row *row) { ordered, revision = row.truth(), row.number() })
	if err == nil && !found {
		err = fanfare.ErrNotFound
	}
	return ordered, revision, err
}

const doomEndpoint = `
	INSERT INTO doomed (id, kind)
	VALUES (?, 'endpoint')`

const deleteEndpoint = `
	DELETE FROM endpoint
	WHERE id = ?`

// DeleteEndpoint implements [fanfare.Catalogue]. From then on nothing of the
// endpoint can be reached; its rows are removed afterwards, a few at a time.
func (s *Store) DeleteEndpoint(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID) error {
	return s.DeleteEndpointAt(ctx, application, endpoint, 0)
}

// DeleteEndpointAt implements [fanfare.Revisions].
func (s *Store) DeleteEndpointAt(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, revision int64) error {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	defer s.consumers.drop(func(k consumerKey) bool { return k.endpoint == ep })
	return s.change(ctx, func(w *writer) error {
		_, now, err := w.standing(ep, app)
		if err != nil {
			return err
		}
		if _, err := after(now, revision); err != nil {
			return err
		}
		delete(w.live, ep)
		for _, query := range []string{doomEndpoint, deleteEndpoint, deleteConsumersAt, deleteMutesAt} {
			if err := w.exec(query, func(bind *binder) { bind.id(ep) }); err != nil {
				return err
			}
		}
		return w.doom()
	})
}

const setFailingSince = `
	UPDATE endpoint
	SET failing_since = ?
	WHERE id = ?`

// SetFailingSince implements [fanfare.Catalogue].
func (s *Store) SetFailingSince(ctx context.Context, endpoint fanfare.EndpointID, t time.Time) error {
	ep, ok := parse(endpointPrefix, endpoint)
	if !ok {
		return nil
	}
	return s.note(ctx, func(w *writer) error {
		return w.exec(setFailingSince, func(bind *binder) { bind.time(t); bind.id(ep) })
	})
}
