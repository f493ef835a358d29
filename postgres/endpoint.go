package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const insertEndpoint = `
	INSERT INTO endpoint (uid, url, ordered, disabled, failing_since, settings, sealed_by, created_at, updated_at, id, application, channels, paused, revision)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1)
	ON CONFLICT DO NOTHING`

// endpointArgs are the parameters of insertEndpoint and updateEndpoint.
func (s *Store) endpointArgs(ctx context.Context, tx pgx.Tx, ep *fanfare.Endpoint, raw, app id) ([]any, error) {
	settings, sealedBy, err := s.seal(ctx, tx, endpointPlace(raw), stored.Settings(ep))
	return []any{
		optional(ep.UID), ep.URL, ep.Ordered, ep.Disabled, stored.Micros(ep.FailingSince), settings, sealedBy,
		stored.Micros(ep.CreatedAt), stored.Micros(ep.UpdatedAt), raw, app, channelsOf(ep), ep.Paused,
	}, err
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
	done := exists("SELECT 1 FROM endpoint WHERE id = $1", raw)
	err := s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		if err := mustHaveApplication(ctx, tx, app); err != nil {
			return err
		}
		args, err := s.endpointArgs(ctx, tx, ep, raw, app)
		if err != nil {
			return err
		}
		if err := mustInsert(tx.Exec(ctx, insertEndpoint, args...)); err != nil {
			return err
		}
		return changed(ctx, tx, app)
	})
	if err == nil {
		ep.Revision = 1
	}
	return err
}

// mustHaveApplication returns ErrNotFound if there is no such application, and keeps
// it from being deleted before this transaction ends.
func mustHaveApplication(ctx context.Context, tx pgx.Tx, app id) error {
	return mustChange(tx.Exec(ctx, "SELECT 1 FROM application WHERE id = $1 FOR KEY SHARE", app))
}

const endpointColumns = `id, application, uid, url, ordered, failing_since, settings, sealed_by, created_at, updated_at, revision`

func (s *Store) scanEndpoint(r pgx.Rows) (*fanfare.Endpoint, error) {
	ep := &fanfare.Endpoint{}
	var raw, app id
	var uid *string
	var failing, created, updated int64
	var settings []byte
	var sealedBy string
	err := r.Scan(&raw, &app, &uid, &ep.URL, &ep.Ordered, &failing, &settings, &sealedBy, &created, &updated, &ep.Revision)
	if err != nil {
		return nil, err
	}
	ep.ID = fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, raw))
	ep.Application = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app))
	ep.UID, ep.FailingSince = given(uid), stored.Instant(failing)
	if settings, err = s.unseal(endpointPlace(raw), settings, sealedBy); err != nil {
		return nil, err
	}
	ep.CreatedAt, ep.UpdatedAt = stored.Instant(created), stored.Instant(updated)
	return ep, stored.ReadSettings(settings, ep)
}

const selectEndpoint = `
	SELECT ` + endpointColumns + `
	FROM endpoint
	WHERE (id = $1 OR uid = $2) AND application = $3
	ORDER BY id = $1 DESC NULLS LAST
	LIMIT 1`

// Endpoint implements [fanfare.Catalogue]. An id goes before a uid.
func (s *Store) Endpoint(ctx context.Context, application fanfare.ApplicationID, ref string) (*fanfare.Endpoint, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	raw, uid := refOf(endpointPrefix, ref)
	return readOne(ctx, s, s.scanEndpoint, selectEndpoint, raw, uid, app)
}

var listEndpoints = inOrder(`
	SELECT `+endpointColumns+`
	FROM endpoint
	WHERE application = @application`, "id")

// Endpoints implements [fanfare.Catalogue].
func (s *Store) Endpoints(ctx context.Context, application fanfare.ApplicationID, page fanfare.Page) ([]*fanfare.Endpoint, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	return readPage(ctx, s, listEndpoints, afterID(endpointPrefix, page), pgx.NamedArgs{"application": app}, s.scanEndpoint)
}

const lockEndpointRevision = `
	SELECT revision
	FROM endpoint
	WHERE id = $1 AND application = $2
	FOR NO KEY UPDATE`

const updateEndpoint = `
	UPDATE endpoint
	SET uid = $1, url = $2, ordered = $3, disabled = $4, failing_since = CASE WHEN $5::bigint = 0 THEN 0 ELSE failing_since END,
		settings = $6, sealed_by = $7, created_at = $8, updated_at = $9, channels = $12, paused = $13, revision = $14
	WHERE id = $10 AND application = $11`

const updateRanks = `
	UPDATE delivery
	SET rank = CASE WHEN $2 THEN 0 ELSE due_at END
	WHERE shard = $3 AND endpoint = $1 AND state = 0 AND rank <> CASE WHEN $2 THEN 0 ELSE due_at END`

// UpdateEndpoint implements [fanfare.Catalogue].
func (s *Store) UpdateEndpoint(ctx context.Context, ep *fanfare.Endpoint) error {
	raw, ok1 := parse(endpointPrefix, ep.ID)
	app, ok2 := parse(applicationPrefix, ep.Application)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	next := ep.Revision + 1
	done := exists("SELECT 1 FROM endpoint WHERE id = $1 AND revision = $2 AND updated_at = $3", raw, next, stored.Micros(ep.UpdatedAt))
	err := s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) (err error) {
		if next, err = nextRevision(ctx, tx, ep.Revision, lockEndpointRevision, raw, app); err != nil {
			return err
		}
		args, err := s.endpointArgs(ctx, tx, ep, raw, app)
		if err != nil {
			return err
		}
		if err := mustChange(tx.Exec(ctx, updateEndpoint, append(args, next)...)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, updateRanks, raw, ep.Ordered, shardOf(raw)); err != nil {
			return err
		}
		return changed(ctx, tx, app)
	})
	if err == nil {
		ep.Revision = next
	}
	return err
}

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
	done := gone("SELECT 1 FROM endpoint WHERE id = $1", ep)
	err := s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := nextRevision(ctx, tx, revision, lockEndpointRevision, ep, app); err != nil {
			return err
		}
		for _, query := range []string{
			"INSERT INTO doomed (id, kind) VALUES ($1, 'endpoint') ON CONFLICT DO NOTHING",
			"DELETE FROM endpoint WHERE id = $1",
			"DELETE FROM consumer WHERE endpoint = $1",
			"DELETE FROM mute WHERE endpoint = $1",
		} {
			if _, err := tx.Exec(ctx, query, ep); err != nil {
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

// setFailingSince is for the node that runs the endpoint's lane; $3 is NULL where there
// are none.
const setFailingSince = `
	UPDATE endpoint
	SET failing_since = $2
	WHERE id = $1
		AND ($3::uuid IS NULL OR EXISTS (SELECT 1 FROM shard JOIN node ON node.id = shard.owner WHERE shard.id = $4 AND shard.owner = $3))`

// SetFailingSince implements [fanfare.Catalogue].
func (s *Store) SetFailingSince(ctx context.Context, endpoint fanfare.EndpointID, t time.Time) error {
	ep, ok := parse(endpointPrefix, endpoint)
	if !ok {
		return nil
	}
	node, err := s.fence()
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, setFailingSince, ep, stored.Micros(t), node, shardOf(ep))
		return err
	})
}
