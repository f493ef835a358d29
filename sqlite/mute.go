package sqlite

import (
	"context"
	"fmt"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

const mutePrefix = "mute_"

const insertMute = `
	INSERT INTO mute (id, application, endpoint, cause, created_at)
	VALUES (?, ?, ?, ?, ?)
	ON CONFLICT DO NOTHING`

// deleteOldestMutes leaves the newest of an endpoint.
const deleteOldestMutes = `
	DELETE FROM mute
	WHERE id IN (
		SELECT id
		FROM mute
		WHERE endpoint = ?
		ORDER BY id DESC
		LIMIT -1 OFFSET ?)`

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
	run := func(w *writer) error {
		if err := w.mustHaveEndpoint(app, ep); err != nil {
			return err
		}
		err := w.exec(insertMute, func(bind *binder) {
			bind.id(raw)
			bind.id(app)
			bind.id(ep)
			bind.text(m.Cause)
			bind.time(m.CreatedAt)
		})
		if err != nil {
			return err
		}
		if w.conn.Changes() == 0 {
			return fanfare.ErrExists
		}
		return w.exec(deleteOldestMutes, func(bind *binder) { bind.id(ep); bind.number(int64(most)) })
	}
	return s.write(ctx, &job{run: run, grows: true, hot: true})
}

var listMutes = inOrder(`
	SELECT id, application, endpoint, cause, created_at
	FROM mute
	WHERE TRUE`, "id")

var listMutesAt = inOrder(`
	SELECT id, application, endpoint, cause, created_at
	FROM mute
	WHERE endpoint = :endpoint AND application = :application`, "id")

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
	bind := func(stmt *sqlite.Stmt) {
		stmt.SetBytes(":endpoint", ep[:])
		stmt.SetBytes(":application", app[:])
	}
	return readPage(ctx, s, listMutesAt, afterID(mutePrefix, f.Page), bind, scanMute)
}

func scanMute(row *row) (*fanfare.Mute, error) {
	return &fanfare.Mute{
		ID: fanfare.MuteID(row.name(mutePrefix)), Application: fanfare.ApplicationID(row.name(applicationPrefix)),
		Endpoint: fanfare.EndpointID(row.name(endpointPrefix)), Cause: row.text(), CreatedAt: row.time(),
	}, nil
}

const deleteMute = `
	DELETE FROM mute
	WHERE id = ? AND endpoint = ? AND application = ?`

// What runs within the transaction that deletes the endpoint, or the application.
const (
	deleteMutesAt = `
	DELETE FROM mute
	WHERE endpoint = ?`

	deleteMutesOf = `
	DELETE FROM mute
	WHERE application = ?`
)

// DeleteMute implements [fanfare.Mutes].
func (s *Store) DeleteMute(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, mute fanfare.MuteID) error {
	raw, ok1 := parse(mutePrefix, mute)
	app, ok2 := parse(applicationPrefix, application)
	ep, ok3 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 || !ok3 {
		return fanfare.ErrNotFound
	}
	return s.note(ctx, func(w *writer) error {
		return w.mustChange(deleteMute, func(bind *binder) { bind.id(raw); bind.id(ep); bind.id(app) })
	})
}
