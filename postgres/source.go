package postgres

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const sourcePrefix = "src_"

func sourcePlace(src id) string {
	return "source/" + strings.ToUpper(hex.EncodeToString(src[:])) + "/settings"
}

const insertSource = `
	INSERT INTO source (uid, token, old_token, settings, sealed_by, created_at, updated_at, id, application, revision)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)
	ON CONFLICT DO NOTHING`

// sourceArgs are the parameters of insertSource and updateSource.
func (s *Store) sourceArgs(ctx context.Context, tx pgx.Tx, src *fanfare.Source, raw, app id) ([]any, error) {
	token := fanfare.TokenHash(src.Token)
	var old []byte
	if src.OldToken.Text != "" {
		hash := fanfare.TokenHash(src.OldToken.Text)
		old = hash[:]
	}
	settings, sealedBy, err := s.seal(ctx, tx, sourcePlace(raw), stored.Source(src))
	return []any{optional(src.UID), token[:], old, settings, sealedBy, stored.Micros(src.CreatedAt), stored.Micros(src.UpdatedAt), raw, app}, err
}

// CreateSource implements [fanfare.Sources].
func (s *Store) CreateSource(ctx context.Context, src *fanfare.Source, most int) error {
	raw, ok := parse(sourcePrefix, src.ID)
	if !ok {
		return fmt.Errorf("source %q: not an identifier", src.ID)
	}
	app, ok := parse(applicationPrefix, src.Application)
	if !ok {
		return fanfare.ErrNotFound
	}
	done := exists("SELECT 1 FROM source WHERE id = $1", raw)
	err := s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		if err := serially(ctx, tx, "sources "+string(src.Application)); err != nil {
			return err
		}
		if err := mustHaveApplication(ctx, tx, app); err != nil {
			return err
		}
		n := 0
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM source WHERE application = $1", app).Scan(&n); err != nil {
			return err
		}
		if n >= most {
			return fanfare.ErrTooMany
		}
		args, err := s.sourceArgs(ctx, tx, src, raw, app)
		if err != nil {
			return err
		}
		return mustInsert(tx.Exec(ctx, insertSource, args...))
	})
	if err == nil {
		src.Revision = 1
	}
	return err
}

const sourceColumns = `id, application, uid, settings, sealed_by, created_at, updated_at, revision`

func (s *Store) scanSource(r pgx.Rows) (*fanfare.Source, error) {
	src := &fanfare.Source{}
	var raw, app id
	var uid *string
	var settings []byte
	var sealedBy string
	var created, updated int64
	if err := r.Scan(&raw, &app, &uid, &settings, &sealedBy, &created, &updated, &src.Revision); err != nil {
		return nil, err
	}
	src.ID = fanfare.SourceID(fanfare.EncodeID(sourcePrefix, raw))
	src.Application = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app))
	src.UID = given(uid)
	settings, err := s.unseal(sourcePlace(raw), settings, sealedBy)
	if err != nil {
		return nil, err
	}
	src.CreatedAt, src.UpdatedAt = stored.Instant(created), stored.Instant(updated)
	return src, stored.ReadSource(settings, src)
}

const selectSource = `
	SELECT ` + sourceColumns + `
	FROM source
	WHERE (id = $1 OR uid = $2) AND application = $3
	ORDER BY id = $1 DESC NULLS LAST
	LIMIT 1`

// Source implements [fanfare.Sources]. An id goes before a uid.
func (s *Store) Source(ctx context.Context, application fanfare.ApplicationID, ref string) (*fanfare.Source, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	raw, uid := refOf(sourcePrefix, ref)
	return readOne(ctx, s, s.scanSource, selectSource, raw, uid, app)
}

const selectSourceOf = `
	SELECT ` + sourceColumns + `
	FROM source
	WHERE token = $1 OR old_token = $1`

// SourceOf implements [fanfare.Sources].
func (s *Store) SourceOf(ctx context.Context, hash [32]byte) (*fanfare.Source, error) {
	return readOne(ctx, s, s.scanSource, selectSourceOf, hash[:])
}

var listSources = inOrder(`
	SELECT `+sourceColumns+`
	FROM source
	WHERE application = @application`, "id")

// Sources implements [fanfare.Sources].
func (s *Store) Sources(ctx context.Context, application fanfare.ApplicationID, page fanfare.Page) ([]*fanfare.Source, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	return readPage(ctx, s, listSources, afterID(sourcePrefix, page), pgx.NamedArgs{"application": app}, s.scanSource)
}

const lockSourceRevision = `
	SELECT revision
	FROM source
	WHERE id = $1 AND application = $2
	FOR NO KEY UPDATE`

const updateSource = `
	UPDATE source
	SET uid = $1, token = $2, old_token = $3, settings = $4, sealed_by = $5, created_at = $6, updated_at = $7, revision = $10
	WHERE id = $8 AND application = $9`

// UpdateSource implements [fanfare.Sources].
func (s *Store) UpdateSource(ctx context.Context, src *fanfare.Source) error {
	raw, ok1 := parse(sourcePrefix, src.ID)
	app, ok2 := parse(applicationPrefix, src.Application)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	next := src.Revision + 1
	done := exists("SELECT 1 FROM source WHERE id = $1 AND revision = $2 AND updated_at = $3", raw, next, stored.Micros(src.UpdatedAt))
	err := s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) (err error) {
		if next, err = nextRevision(ctx, tx, src.Revision, lockSourceRevision, raw, app); err != nil {
			return err
		}
		args, err := s.sourceArgs(ctx, tx, src, raw, app)
		if err != nil {
			return err
		}
		return mustChange(tx.Exec(ctx, updateSource, append(args, next)...))
	})
	if err == nil {
		src.Revision = next
	}
	return err
}

// DeleteSource implements [fanfare.Sources].
func (s *Store) DeleteSource(ctx context.Context, application fanfare.ApplicationID, source fanfare.SourceID) error {
	raw, ok1 := parse(sourcePrefix, source)
	app, ok2 := parse(applicationPrefix, application)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	done := gone("SELECT 1 FROM source WHERE id = $1", raw)
	return s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		return mustChange(tx.Exec(ctx, "DELETE FROM source WHERE id = $1 AND application = $2", raw, app))
	})
}
