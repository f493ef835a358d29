package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const deleteOldestSessions = `
	DELETE FROM session
	WHERE expires_at <= $3 OR hash IN (
		SELECT hash
		FROM session
		WHERE application = $1 AND expires_at > $3
		ORDER BY created_at DESC, hash DESC
		OFFSET $2)`

const insertSession = `
	INSERT INTO session (hash, application, capabilities, feature_flags, channels, label, created_by, created_by_name, expires_at, created_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

// CreateSession implements [fanfare.Access].
func (s *Store) CreateSession(ctx context.Context, session *fanfare.Session, most int) error {
	app, ok := parse(applicationPrefix, session.Application)
	if !ok {
		return fanfare.ErrNotFound
	}
	done := exists("SELECT 1 FROM session WHERE hash = $1", session.Hash[:])
	return s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		if err := serially(ctx, tx, "session "+string(session.Application)); err != nil {
			return err
		}
		if err := mustHaveApplication(ctx, tx, app); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, deleteOldestSessions, app, most-1, stored.Micros(session.CreatedAt)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertSession, session.Hash[:], app, optional(stored.List(words[string](session.Capabilities))),
			optional(stored.List(session.FeatureFlags)), optional(stored.List(session.Channels)), session.Label, session.CreatedBy, session.CreatedByName, stored.Micros(session.ExpiresAt), stored.Micros(session.CreatedAt))
		return err
	})
}

const selectSession = `
	SELECT hash, application, capabilities, feature_flags, channels, label, created_by, created_by_name, expires_at, created_at
	FROM session`

const selectSessionOf = selectSession + `
	WHERE hash = $1`

// SessionOf implements [fanfare.Access].
func (s *Store) SessionOf(ctx context.Context, hash [32]byte) (*fanfare.Session, error) {
	return readOne(ctx, s, scanSession, selectSessionOf, hash[:])
}

func scanSession(r pgx.Rows) (*fanfare.Session, error) {
	session := &fanfare.Session{}
	var hash []byte
	var app id
	var capabilities, flags, channels *string
	var expires, created int64
	err := r.Scan(&hash, &app, &capabilities, &flags, &channels, &session.Label, &session.CreatedBy, &session.CreatedByName, &expires, &created)
	if err != nil {
		return nil, err
	}
	copy(session.Hash[:], hash)
	session.Application = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app))
	session.ExpiresAt, session.CreatedAt = stored.Instant(expires), stored.Instant(created)
	names, err := stored.ReadList[[]string](given(capabilities))
	if err != nil {
		return nil, fmt.Errorf("session: capabilities: %w", err)
	}
	session.Capabilities = words[fanfare.Capability](names)
	if session.FeatureFlags, err = stored.ReadList[[]string](given(flags)); err != nil {
		return nil, fmt.Errorf("session: feature flags: %w", err)
	}
	if session.Channels, err = stored.ReadList[[]string](given(channels)); err != nil {
		return nil, fmt.Errorf("session: channels: %w", err)
	}
	return session, nil
}

const selectSessions = selectSession + `
	WHERE application = $1
		AND expires_at > $2
	ORDER BY created_at DESC, hash DESC`

// Sessions implements [fanfare.Access].
func (s *Store) Sessions(ctx context.Context, application fanfare.ApplicationID, now time.Time) (all []*fanfare.Session, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, selectSessions, app, stored.Micros(now))
		all, err = rows(r, err, scanSession)
		return err
	})
	return all, err
}

const expireSessions = `
	UPDATE session
	SET expires_at = $1
	WHERE application = $2 AND expires_at > $1 AND ($3::text[] IS NULL OR label = ANY($3))`

// ExpireSessions implements [fanfare.Access].
func (s *Store) ExpireSessions(ctx context.Context, application fanfare.ApplicationID, labels []string, at time.Time) error {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, expireSessions, stored.Micros(at), app, some(labels)); err != nil {
			return err
		}
		return changed(ctx, tx, app)
	})
}

// DeleteSession implements [fanfare.Access]. One that is not there is no error.
func (s *Store) DeleteSession(ctx context.Context, hash [32]byte) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM session WHERE hash = $1", hash[:]); err != nil {
			return err
		}
		return changed(ctx, tx, id{})
	})
}
