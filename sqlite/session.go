package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const insertSession = `
	INSERT INTO session (hash, application, capabilities, feature_flags, channels, label, created_by, created_by_name, expires_at, created_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

const deleteExpiredSessions = `
	DELETE FROM session
	WHERE expires_at <= ?`

// deleteOldestSessions leaves the newest of an application.
const deleteOldestSessions = `
	DELETE FROM session
	WHERE hash IN (
		SELECT hash
		FROM session
		WHERE application = ?
		ORDER BY created_at DESC, hash DESC
		LIMIT -1 OFFSET ?)`

// CreateSession implements [fanfare.Access].
func (s *Store) CreateSession(ctx context.Context, session *fanfare.Session, most int) error {
	app, ok := parse(applicationPrefix, session.Application)
	if !ok {
		return fanfare.ErrNotFound
	}
	run := func(w *writer) error {
		if err := w.mustHaveApplication(app); err != nil {
			return err
		}
		if err := w.exec(deleteExpiredSessions, func(bind *binder) { bind.time(session.CreatedAt) }); err != nil {
			return err
		}
		if err := w.exec(deleteOldestSessions, func(bind *binder) { bind.id(app); bind.number(int64(most - 1)) }); err != nil {
			return err
		}
		return w.exec(insertSession, func(bind *binder) {
			bind.blob(session.Hash[:])
			bind.id(app)
			bind.optional(stored.List(words[string](session.Capabilities)))
			bind.optional(stored.List(session.FeatureFlags))
			bind.optional(stored.List(session.Channels))
			bind.text(session.Label)
			bind.text(session.CreatedBy)
			bind.text(session.CreatedByName)
			bind.time(session.ExpiresAt)
			bind.time(session.CreatedAt)
		})
	}
	return s.write(ctx, &job{run: run, grows: true, hot: true})
}

const selectSession = `
	SELECT hash, application, capabilities, feature_flags, channels, label, created_by, created_by_name, expires_at, created_at
	FROM session`

const selectSessionOf = selectSession + `
	WHERE hash = ?`

// SessionOf implements [fanfare.Access].
func (s *Store) SessionOf(ctx context.Context, hash [32]byte) (*fanfare.Session, error) {
	return readOne(ctx, s, selectSessionOf, func(bind *binder) { bind.blob(hash[:]) }, scanSession)
}

func scanSession(row *row) (*fanfare.Session, error) {
	session := &fanfare.Session{}
	copy(session.Hash[:], row.blob())
	session.Application = fanfare.ApplicationID(row.name(applicationPrefix))
	capabilities, err := stored.ReadList[[]string](row.text())
	if err != nil {
		return nil, fmt.Errorf("session: capabilities: %w", err)
	}
	session.Capabilities = words[fanfare.Capability](capabilities)
	if session.FeatureFlags, err = stored.ReadList[[]string](row.text()); err != nil {
		return nil, fmt.Errorf("session: feature flags: %w", err)
	}
	if session.Channels, err = stored.ReadList[[]string](row.text()); err != nil {
		return nil, fmt.Errorf("session: channels: %w", err)
	}
	session.Label, session.CreatedBy, session.CreatedByName = row.text(), row.text(), row.text()
	session.ExpiresAt, session.CreatedAt = row.time(), row.time()
	return session, nil
}

const selectSessions = selectSession + `
	WHERE application = ?
		AND expires_at > ?
	ORDER BY created_at DESC, hash DESC`

// Sessions implements [fanfare.Access].
func (s *Store) Sessions(ctx context.Context, application fanfare.ApplicationID, now time.Time) (all []*fanfare.Session, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectSessions)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.id(app)
		bind.time(now)
		all, err = scanAll(stmt, scanSession)
		return err
	})
	return all, err
}

const expireSessions = `
	UPDATE session
	SET expires_at = ?1
	WHERE application = ?2 AND expires_at > ?1`

const expireSessionsLabelled = `
	UPDATE session
	SET expires_at = ?1
	WHERE application = ?2 AND expires_at > ?1
		AND label IN (SELECT value FROM json_each(?3))`

// ExpireSessions implements [fanfare.Access].
func (s *Store) ExpireSessions(ctx context.Context, application fanfare.ApplicationID, labels []string, at time.Time) error {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil
	}
	query := expireSessions
	if len(labels) > 0 {
		query = expireSessionsLabelled
	}
	return s.note(ctx, func(w *writer) error {
		return w.exec(query, func(bind *binder) {
			bind.time(at)
			bind.id(app)
			if len(labels) > 0 {
				bind.text(stored.List(labels))
			}
		})
	})
}

const deleteSession = `
	DELETE FROM session
	WHERE hash = ?`

// DeleteSession implements [fanfare.Access]. One that is not there is no error.
func (s *Store) DeleteSession(ctx context.Context, hash [32]byte) error {
	return s.note(ctx, func(w *writer) error {
		return w.exec(deleteSession, func(bind *binder) { bind.blob(hash[:]) })
	})
}
