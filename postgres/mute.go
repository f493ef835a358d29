package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const mutePrefix = "mute_"

const insertMute = `
	INSERT INTO mute (id, application, endpoint, cause, created_at)
	VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT DO NOTHING`

// deleteOldestMutes leaves the newest of an endpoint.
const deleteOldestMutes = `
	DELETE FROM mute
	WHERE id IN (
		SELECT id
		FROM mute
		WHERE endpoint = $1
		ORDER BY id DESC
		OFFSET $2)`

// CreateMute implements [fanfare.Mutes].
func (s *Store) CreateMute(ctx context.Context, m *fanfare.Mute, most int) error {
	raw, ok := parse(mutePrefix, m.ID)
	if !ok {
		return fmt.Errorf("mute %q: not an identifier", m.ID)
	}
	app, ok1 := parse(applicationPrefix, m.Application)
	ep, ok2 := parse(endpointPrefix, m.Endpoint)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	done := exists("SELECT 1 FROM mute WHERE id = $1", raw)
	return s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		if err := serially(ctx, tx, "mutes "+string(m.Endpoint)); err != nil {
			return err
		}
		if err := mustHaveEndpoint(ctx, tx, app, ep); err != nil {
			return err
		}
		if err := mustInsert(tx.Exec(ctx, insertMute, raw, app, ep, m.Cause, stored.Micros(m.CreatedAt))); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, deleteOldestMutes, ep, most)
		return err
	})
}

var listMutes = inOrder(`
	SELECT id, application, endpoint, cause, created_at
	FROM mute
	WHERE TRUE`, "id")

var listMutesAt = inOrder(`
	SELECT id, application, endpoint, cause, created_at
	FROM mute
	WHERE endpoint = @endpoint AND application = @application`, "id")

// Mutes implements [fanfare.Mutes].
func (s *Store) Mutes(ctx context.Context, f fanfare.MuteFilter) ([]*fanfare.Mute, error) {
	if f.Application == "" && f.Endpoint == "" {
		return readPage(ctx, s, listMutes, afterID(mutePrefix, f.Page), nil, scanMute)
	}
	app, ok1 := parse(applicationPrefix, f.Application)
	ep, ok2 := parse(endpointPrefix, f.Endpoint)
	if !ok1 || !ok2 {
		return nil, nil
	}
	return readPage(ctx, s, listMutesAt, afterID(mutePrefix, f.Page), pgx.NamedArgs{"endpoint": ep, "application": app}, scanMute)
}

func scanMute(r pgx.Rows) (*fanfare.Mute, error) {
	m := &fanfare.Mute{}
	var raw, app, ep id
	var created int64
	if err := r.Scan(&raw, &app, &ep, &m.Cause, &created); err != nil {
		return nil, err
	}
	m.ID = fanfare.MuteID(fanfare.EncodeID(mutePrefix, raw))
	m.Application = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app))
	m.Endpoint = fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, ep))
	m.CreatedAt = stored.Instant(created)
	return m, nil
}

// DeleteMute implements [fanfare.Mutes].
func (s *Store) DeleteMute(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, mute fanfare.MuteID) error {
	raw, ok1 := parse(mutePrefix, mute)
	app, ok2 := parse(applicationPrefix, application)
	ep, ok3 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 || !ok3 {
		return fanfare.ErrNotFound
	}
	done := gone("SELECT 1 FROM mute WHERE id = $1", raw)
	return s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		return mustChange(tx.Exec(ctx, "DELETE FROM mute WHERE id = $1 AND endpoint = $2 AND application = $3", raw, ep, app))
	})
}
