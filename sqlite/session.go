package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const insertSession = `
	INSERT INTO session (hash, application, capabilities, feature_flags, channels, label, expires_at, created_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

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
			bind.time(session.ExpiresAt)
			bind.time(session.CreatedAt)
		})
	}
	return s.write(ctx, &job{run: run, grows: true, hot: true})
}

const selectSession = `
	SELECT application, capabilities, feature_flags, channels, label, expires_at, created_at
	FROM session
	WHERE hash = ?`

// SessionOf implements [fanfare.Access].
func (s *Store) SessionOf(ctx context.Context, hash [32]byte) (*fanfare.Session, error) {
	return readOne(ctx, s, selectSession, func(bind *binder) { bind.blob(hash[:]) }, func(row *row) (*fanfare.Session, error) {
		session := &fanfare.Session{Hash: hash, Application: fanfare.ApplicationID(row.name(applicationPrefix))}
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
		session.Label = row.text()
		session.ExpiresAt, session.CreatedAt = row.time(), row.time()
		return session, nil
	})
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
