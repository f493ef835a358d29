package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const selectAnswer = `
	SELECT fingerprint, status, body, sealed_by
	FROM answer
	WHERE scope = $1 AND key = $2 AND expires_at > $3`

// Answer implements [fanfare.Log].
func (s *Store) Answer(ctx context.Context, scope, key string) (*fanfare.Answer, error) {
	return readOne(ctx, s, func(r pgx.Rows) (*fanfare.Answer, error) {
		a := &fanfare.Answer{}
		var fingerprint, body []byte
		var sealedBy string
		err := r.Scan(&fingerprint, &a.Status, &body, &sealedBy)
		if err != nil {
			return nil, err
		}
		copy(a.Fingerprint[:], fingerprint)
		a.Body, err = s.unseal(answerPlace(scope, key), body, sealedBy)
		return a, err
	}, selectAnswer, scope, key, stored.Micros(time.Now()))
}

// upsertAnswer replaces only an answer that has expired, or that was begun and now
// is given.
const upsertAnswer = `
	INSERT INTO answer AS old (scope, key, fingerprint, status, body, sealed_by, expires_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7)
	ON CONFLICT (scope, key) DO UPDATE
	SET fingerprint = $3, status = $4, body = $5, sealed_by = $6, expires_at = $7
	WHERE old.expires_at <= $8 OR old.status = 0 AND $4 <> 0`

// Remember implements [fanfare.Log].
func (s *Store) Remember(ctx context.Context, scope, key string, a *fanfare.Answer) error {
	now := time.Now()
	expires := stored.Micros(now.Add(keyRetention))
	done := exists("SELECT 1 FROM answer WHERE scope = $1 AND key = $2 AND status = $3 AND expires_at = $4", scope, key, a.Status, expires)
	return s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		body, sealedBy, err := s.seal(ctx, tx, answerPlace(scope, key), a.Body)
		if err != nil {
			return err
		}
		if body == nil {
			body = []byte{}
		}
		return mustInsert(tx.Exec(ctx, upsertAnswer, scope, key, a.Fingerprint[:], a.Status, body, sealedBy,
			expires, stored.Micros(now)))
	})
}

// Forget implements [fanfare.Log].
func (s *Store) Forget(ctx context.Context, scope, key string) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM answer WHERE scope = $1 AND key = $2 AND status = 0", scope, key)
		return err
	})
}

// Setting implements [fanfare.Log].
func (s *Store) Setting(ctx context.Context, name string) (value []byte, err error) {
	var sealedBy string
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, "SELECT value, sealed_by FROM setting WHERE name = $1", name).Scan(&value, &sealedBy)
		if errors.Is(err, pgx.ErrNoRows) {
			err = fanfare.ErrNotFound
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.unseal(settingPlace(name), value, sealedBy)
}

const upsertSetting = `
	INSERT INTO setting (name, value, sealed_by)
	VALUES ($1, $2, $3)
	ON CONFLICT (name) DO UPDATE
	SET value = $2, sealed_by = $3`

// SetSetting implements [fanfare.Log].
func (s *Store) SetSetting(ctx context.Context, name string, value []byte) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		sealed, sealedBy, err := s.seal(ctx, tx, settingPlace(name), value)
		if err != nil {
			return err
		}
		if sealed == nil {
			sealed = []byte{}
		}
		_, err = tx.Exec(ctx, upsertSetting, name, sealed, sealedBy)
		return err
	})
}
