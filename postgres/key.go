package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const keyPrefix = "key_"

const insertAPIKey = `
	INSERT INTO key (id, hash, name, scopes, application, channels, portal, expires_at, used_at, created_at)
	SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
	WHERE (SELECT count(*) FROM key WHERE portal = $7 AND (NOT $7 OR application = $5)) < $11`

// CreateKey implements [fanfare.Access].
func (s *Store) CreateKey(ctx context.Context, k *fanfare.Key, most int) error {
	raw, ok := parse(keyPrefix, k.ID)
	if !ok {
		return fmt.Errorf("key %q: not an identifier", k.ID)
	}
	var owner *id
	if k.Application != "" {
		app, ok := parse(applicationPrefix, k.Application)
		if !ok {
			return fanfare.ErrNotFound
		}
		owner = &app
	}
	done := exists("SELECT 1 FROM key WHERE id = $1", raw)
	return s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		if err := serially(ctx, tx, "key"); err != nil {
			return err
		}
		if owner != nil {
			if err := mustHaveApplication(ctx, tx, *owner); err != nil {
				return err
			}
		}
		tag, err := tx.Exec(ctx, insertAPIKey, raw, k.Hash[:], k.Name, stored.List(words[string](k.Scopes)), owner,
			optional(stored.List(k.Channels)), k.Portal, stored.Micros(k.ExpiresAt), stored.Micros(k.UsedAt), stored.Micros(k.CreatedAt), most)
		if err == nil && tag.RowsAffected() == 0 {
			err = fanfare.ErrTooMany
		}
		return err
	})
}

// serially has transactions that name the same thing wait for each other.
func serially(ctx context.Context, tx pgx.Tx, what string) error {
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", what)
	return err
}

// words turns named strings into plain ones, or back.
func words[To, From ~string](from []From) []To {
	var all []To
	for _, word := range from {
		all = append(all, To(word))
	}
	return all
}

const keyColumns = `id, hash, name, scopes, application, channels, portal, expires_at, used_at, created_at`

func scanKey(r pgx.Rows) (*fanfare.Key, error) {
	k := &fanfare.Key{}
	var raw id
	var app *id
	var hash []byte
	var scopes string
	var channels *string
	var expires, used, created int64
	if err := r.Scan(&raw, &hash, &k.Name, &scopes, &app, &channels, &k.Portal, &expires, &used, &created); err != nil {
		return nil, err
	}
	k.ID = fanfare.KeyID(fanfare.EncodeID(keyPrefix, raw))
	copy(k.Hash[:], hash)
	k.Application = fanfare.ApplicationID(nameOf(applicationPrefix, app))
	k.ExpiresAt, k.UsedAt, k.CreatedAt = stored.Instant(expires), stored.Instant(used), stored.Instant(created)
	names, err := stored.ReadList[[]string](scopes)
	if err != nil {
		return nil, fmt.Errorf("key %s: scopes: %w", k.ID, err)
	}
	k.Scopes = words[fanfare.Scope](names)
	if k.Channels, err = stored.ReadList[[]string](given(channels)); err != nil {
		return nil, fmt.Errorf("key %s: channels: %w", k.ID, err)
	}
	return k, nil
}

// Key implements [fanfare.Access].
func (s *Store) Key(ctx context.Context, name fanfare.KeyID) (*fanfare.Key, error) {
	raw, ok := parse(keyPrefix, name)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	return readOne(ctx, s, scanKey, "SELECT "+keyColumns+" FROM key WHERE id = $1", raw)
}

// KeyOf implements [fanfare.Access].
func (s *Store) KeyOf(ctx context.Context, hash [32]byte) (*fanfare.Key, error) {
	return readOne(ctx, s, scanKey, "SELECT "+keyColumns+" FROM key WHERE hash = $1", hash[:])
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
	WHERE portal AND application = $1
	ORDER BY id DESC`

// PortalKeys implements [fanfare.Access].
func (s *Store) PortalKeys(ctx context.Context, application fanfare.ApplicationID) (all []*fanfare.Key, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, selectPortalKeys, app)
		all, err = rows(r, err, scanKey)
		return err
	})
	return all, err
}

// DeleteKey implements [fanfare.Access].
func (s *Store) DeleteKey(ctx context.Context, name fanfare.KeyID) error {
	raw, ok := parse(keyPrefix, name)
	if !ok {
		return fanfare.ErrNotFound
	}
	done := gone("SELECT 1 FROM key WHERE id = $1", raw)
	return s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		if err := mustChange(tx.Exec(ctx, "DELETE FROM key WHERE id = $1", raw)); err != nil {
			return err
		}
		return changed(ctx, tx, id{})
	})
}

const updateKeyUses = `
	UPDATE key
	SET used_at = use.at
	FROM unnest($1::uuid[], $2::bigint[]) AS use (id, at)
	WHERE key.id = use.id`

// UseKeys implements [fanfare.Access].
func (s *Store) UseKeys(ctx context.Context, at map[fanfare.KeyID]time.Time) error {
	var keys []id
	var times []int64
	for name, t := range at {
		if raw, ok := parse(keyPrefix, name); ok {
			keys, times = append(keys, raw), append(times, stored.Micros(t))
		}
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, updateKeyUses, keys, times)
		return err
	})
}
