package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

const selectAnswer = `
	SELECT fingerprint, status, body
	FROM answer
	WHERE scope = ? AND key = ? AND expires_at > ?`

// Answer implements [fanfare.Log].
func (s *Store) Answer(ctx context.Context, scope, key string) (a *fanfare.Answer, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectAnswer)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.text(scope)
		bind.text(key)
		bind.time(time.Now())
		a, err = scanOne(stmt, func(row *row) (*fanfare.Answer, error) {
			var a fanfare.Answer
			copy(a.Fingerprint[:], row.blob())
			a.Status = int(row.number())
			a.Body = row.blob()
			return &a, nil
		})
		return err
	})
	return a, err
}

// upsertAnswer replaces only an answer that has expired.
const upsertAnswer = `
	INSERT INTO answer (scope, key, fingerprint, status, body, expires_at)
	VALUES (?1, ?2, ?3, ?4, ?5, ?6)
	ON CONFLICT DO UPDATE
	SET fingerprint = ?3, status = ?4, body = ?5, expires_at = ?6
	WHERE expires_at <= ?7`

// Remember implements [fanfare.Log].
func (s *Store) Remember(ctx context.Context, scope, key string, a *fanfare.Answer) error {
	return s.note(ctx, func(w *writer) error {
		now := time.Now()
		err := w.mustChange(upsertAnswer, func(bind *binder) {
			bind.text(scope)
			bind.text(key)
			bind.blob(a.Fingerprint[:])
			bind.number(int64(a.Status))
			bind.blob(a.Body)
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
	SELECT value
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
		found, err := one(stmt, func(row *row) { value = row.blob() })
		if err == nil && !found {
			err = fanfare.ErrNotFound
		}
		return err
	})
	return value, err
}

const upsertSetting = `
	INSERT OR REPLACE INTO setting (name, value)
	VALUES (?, ?)`

// SetSetting implements [fanfare.Log].
func (s *Store) SetSetting(ctx context.Context, name string, value []byte) error {
	return s.note(ctx, func(w *writer) error {
		return w.exec(upsertSetting, func(bind *binder) { bind.text(name); bind.blob(value) })
	})
}
