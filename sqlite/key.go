package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const keyPrefix = "key_"

const insertAPIKey = `
	INSERT INTO key (id, hash, name, scopes, application, channels, portal, expires_at, used_at, created_at)
	SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
	WHERE (SELECT count(*) FROM key WHERE portal = ?7 AND (NOT ?7 OR application = ?5)) < ?11`

// CreateKey implements [fanfare.Access].
func (s *Store) CreateKey(ctx context.Context, k *fanfare.Key, most int) error {
	raw, ok := parse(keyPrefix, k.ID)
	if !ok {
		return fmt.Errorf("key %q: not an identifier", k.ID)
	}
	app, ok := parse(applicationPrefix, k.Application)
	if !ok && k.Application != "" {
		return fanfare.ErrNotFound
	}
	run := func(w *writer) error {
		if k.Application != "" {
			if err := w.mustHaveApplication(app); err != nil {
				return err
			}
		}
		err := w.exec(insertAPIKey, func(bind *binder) {
			bind.id(raw)
			bind.blob(k.Hash[:])
			bind.text(k.Name)
			bind.text(stored.List(words[string](k.Scopes)))
			bindOwner(bind, app)
			bind.optional(stored.List(k.Channels))
			bind.truth(k.Portal)
			bind.time(k.ExpiresAt)
			bind.time(k.UsedAt)
			bind.time(k.CreatedAt)
			bind.number(int64(most))
		})
		if err == nil && w.conn.Changes() == 0 {
			err = fanfare.ErrTooMany
		}
		return err
	}
	return s.write(ctx, &job{run: run, grows: true, hot: true})
}

// bindOwner binds an application that is NULL where there is none.
func bindOwner(bind *binder, app id) {
	if app == (id{}) {
		bind.null()
	} else {
		bind.id(app)
	}
}

// words turns named strings into plain ones, or back.
func words[To, From ~string](from []From) []To {
	var to []To
	for _, word := range from {
		to = append(to, To(word))
	}
	return to
}

const keyColumns = `id, hash, name, scopes, application, channels, portal, expires_at, used_at, created_at`

func scanKey(row *row) (*fanfare.Key, error) {
	k := &fanfare.Key{ID: fanfare.KeyID(row.name(keyPrefix))}
	copy(k.Hash[:], row.blob())
	k.Name = row.text()
	scopes, err := stored.ReadList[[]string](row.text())
	if err != nil {
		return nil, fmt.Errorf("key %s: scopes: %w", k.ID, err)
	}
	k.Scopes = words[fanfare.Scope](scopes)
	if app := row.id(); app != (id{}) {
		k.Application = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app))
	}
	if k.Channels, err = stored.ReadList[[]string](row.text()); err != nil {
		return nil, fmt.Errorf("key %s: channels: %w", k.ID, err)
	}
	k.Portal = row.truth()
	k.ExpiresAt, k.UsedAt, k.CreatedAt = row.time(), row.time(), row.time()
	return k, nil
}

const selectKey = `
	SELECT ` + keyColumns + `
	FROM key
	WHERE id = ?`

// Key implements [fanfare.Access].
func (s *Store) Key(ctx context.Context, name fanfare.KeyID) (*fanfare.Key, error) {
	raw, ok := parse(keyPrefix, name)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	return readOne(ctx, s, selectKey, func(bind *binder) { bind.id(raw) }, scanKey)
}

const selectKeyOf = `
	SELECT ` + keyColumns + `
	FROM key
	WHERE hash = ?`

// KeyOf implements [fanfare.Access].
func (s *Store) KeyOf(ctx context.Context, hash [32]byte) (*fanfare.Key, error) {
	return readOne(ctx, s, selectKeyOf, func(bind *binder) { bind.blob(hash[:]) }, scanKey)
}

var listKeys = inOrder(`
	SELECT `+keyColumns+`
	FROM key
	WHERE true`, "id")

// Keys implements [fanfare.Access].
func (s *Store) Keys(ctx context.Context, page fanfare.Page) ([]*fanfare.Key, error) {
	return readPage(ctx, s, listKeys, afterID(keyPrefix, page), nil, scanKey)
}

const selectPortalKeys = `
	SELECT ` + keyColumns + `
	FROM key
	WHERE portal = 1 AND application = ?
	ORDER BY id DESC`

// PortalKeys implements [fanfare.Access].
func (s *Store) PortalKeys(ctx context.Context, application fanfare.ApplicationID) (all []*fanfare.Key, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectPortalKeys)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.id(app)
		all, err = scanAll(stmt, scanKey)
		return err
	})
	return all, err
}

const deleteKey = `
	DELETE FROM key
	WHERE id = ?`

// DeleteKey implements [fanfare.Access].
func (s *Store) DeleteKey(ctx context.Context, name fanfare.KeyID) error {
	raw, ok := parse(keyPrefix, name)
	if !ok {
		return fanfare.ErrNotFound
	}
	return s.note(ctx, func(w *writer) error {
		return w.mustChange(deleteKey, func(bind *binder) { bind.id(raw) })
	})
}

const updateKeyUse = `
	UPDATE key
	SET used_at = ?
	WHERE id = ?`

// UseKeys implements [fanfare.Access].
func (s *Store) UseKeys(ctx context.Context, at map[fanfare.KeyID]time.Time) error {
	return s.note(ctx, func(w *writer) error {
		for name, t := range at {
			raw, ok := parse(keyPrefix, name)
			if !ok {
				continue
			}
			if err := w.exec(updateKeyUse, func(bind *binder) { bind.time(t); bind.id(raw) }); err != nil {
				return err
			}
		}
		return nil
	})
}
