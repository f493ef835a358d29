package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

const selectAnswer = `
	SELECT fingerprint, status, body, sealed_by
	FROM answer
	WHERE scope = ? AND key = ? AND expires_at > ?`

// Answer implements [fanfare.Log].
func (s *Store) Answer(ctx context.Context, scope, key string) (*fanfare.Answer, error) {
	return readOne(ctx, s, selectAnswer, func(bind *binder) {
		bind.text(scope)
		bind.text(key)
		bind.time(time.Now())
	}, func(row *row) (a *fanfare.Answer, err error) {
		a = &fanfare.Answer{}
		copy(a.Fingerprint[:], row.blob())
		a.Status = int(row.number())
		a.Body, err = s.unseal(answerPlace(scope, key), row.blob(), row.text())
		return a, err
	})
}

// upsertAnswer replaces only an answer that has expired, or that is none yet.
const upsertAnswer = `
	INSERT INTO answer (scope, key, fingerprint, status, body, sealed_by, expires_at)
	VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
	ON CONFLICT DO UPDATE
	SET fingerprint = ?3, status = ?4, body = ?5, sealed_by = ?6, expires_at = ?7
	WHERE expires_at <= ?8 OR status = 0 AND ?4 <> 0`

const deleteBegun = `
	DELETE FROM answer
	WHERE scope = ? AND key = ? AND status = 0`

// Forget implements [fanfare.Log].
func (s *Store) Forget(ctx context.Context, scope, key string) error {
	return s.note(ctx, func(w *writer) error {
		return w.exec(deleteBegun, func(bind *binder) { bind.text(scope); bind.text(key) })
	})
}

// Remember implements [fanfare.Log].
func (s *Store) Remember(ctx context.Context, scope, key string, a *fanfare.Answer) error {
	return s.note(ctx, func(w *writer) error {
		now := time.Now()
		err := w.mustChange(upsertAnswer, func(bind *binder) {
			bind.text(scope)
			bind.text(key)
			bind.blob(a.Fingerprint[:])
			bind.number(int64(a.Status))
			body, sealedBy := w.seal(answerPlace(scope, key), a.Body)
			bind.blob(body)
			bind.text(sealedBy)
			bind.time(now.Add(keyRetention))
			bind.time(now)
		})
		if errors.Is(err, fanfare.ErrNotFound) {
			err = fanfare.ErrExists
		}
		return err
	})
}

const selectSetting = `
	SELECT value, sealed_by
	FROM setting
	WHERE name = ?`

// Setting implements [fanfare.Log].
func (s *Store) Setting(ctx context.Context, name string) (value []byte, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectSetting)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.text(name)
		var sealedBy string
		found, err := one(stmt, func(row *row) { value, sealedBy = row.blob(), row.text() })
		if err == nil && !found {
			err = fanfare.ErrNotFound
		}
		if err == nil {
			value, err = s.unseal(settingPlace(name), value, sealedBy)
		}
		return err
	})
	return value, err
}

const upsertSetting = `
	INSERT OR REPLACE INTO setting (name, value, sealed_by)
	VALUES (?, ?, ?)`

// SetSetting implements [fanfare.Log].
func (s *Store) SetSetting(ctx context.Context, name string, value []byte) error {
	return s.note(ctx, func(w *writer) error {
		sealed, sealedBy := w.seal(settingPlace(name), value)
		return w.exec(upsertSetting, func(bind *binder) { bind.text(name); bind.blob(sealed); bind.text(sealedBy) })
	})
}
