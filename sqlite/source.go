package sqlite

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const sourcePrefix = "src_"

func sourcePlace(src id) string {
	return "source/" + strings.ToUpper(hex.EncodeToString(src[:])) + "/settings"
}

const countSources = `
	SELECT count(*)
	FROM source
	WHERE application = ?`

const insertSource = `
	INSERT INTO source (uid, token, old_token, settings, sealed_by, created_at, updated_at, id, application)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO NOTHING`

// bindSource binds the parameters of insertSource and updateSource.
func (w *writer) bindSource(bind *binder, src *fanfare.Source, raw, app id) {
	bind.optional(src.UID)
	token := fanfare.TokenHash(src.Token)
	bind.blob(token[:])
	if src.OldToken.Text == "" {
		bind.null()
	} else {
		old := fanfare.TokenHash(src.OldToken.Text)
		bind.blob(old[:])
	}
	settings, sealedBy := w.seal(sourcePlace(raw), stored.Source(src))
	bind.blob(settings)
	bind.text(sealedBy)
	bind.time(src.CreatedAt)
	bind.time(src.UpdatedAt)
	bind.id(raw)
	bind.id(app)
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
	run := func(w *writer) error {
		if err := w.mustHaveApplication(app); err != nil {
			return err
		}
		n := int64(0)
		if err := w.query(countSources, func(bind *binder) { bind.id(app) }, func(row *row) { n = row.number() }); err != nil {
			return err
		}
		if n >= int64(most) {
			return fanfare.ErrTooMany
		}
		err := w.exec(insertSource, func(bind *binder) { w.bindSource(bind, src, raw, app) })
		if err == nil && w.conn.Changes() == 0 {
			err = fanfare.ErrExists
		}
		return err
	}
	err := s.write(ctx, &job{run: run, grows: true, hot: true})
	if err == nil {
		src.Revision = 1
	}
	return err
}

const sourceColumns = `id, application, uid, settings, sealed_by, created_at, updated_at, revision`

func (s *Store) scanSource(row *row) (*fanfare.Source, error) {
	raw := row.id()
	src := &fanfare.Source{
		ID:          fanfare.SourceID(fanfare.EncodeID(sourcePrefix, raw)),
		Application: fanfare.ApplicationID(row.name(applicationPrefix)),
		UID:         row.text(),
	}
	kept, sealedBy := row.blob(), row.text()
	text, err := s.unseal(sourcePlace(raw), kept, sealedBy)
	if err != nil {
		return nil, err
	}
	if err := stored.ReadSource(text, src); err != nil {
		return nil, err
	}
	src.CreatedAt, src.UpdatedAt = row.time(), row.time()
	src.Revision = row.number()
	return src, nil
}

const selectSource = `
	SELECT ` + sourceColumns + `
	FROM source
	WHERE (id = ?1 OR uid = ?2) AND application = ?3
	ORDER BY id = ?1 DESC
	LIMIT 1`

// Source implements [fanfare.Sources]. An id goes before a uid.
func (s *Store) Source(ctx context.Context, application fanfare.ApplicationID, ref string) (*fanfare.Source, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	return readOne(ctx, s, selectSource, func(bind *binder) { bindRef(bind, sourcePrefix, ref); bind.id(app) }, s.scanSource)
}

const selectSourceOf = `
	SELECT ` + sourceColumns + `
	FROM source
	WHERE token = ?1 OR old_token = ?1`

// SourceOf implements [fanfare.Sources].
func (s *Store) SourceOf(ctx context.Context, hash [32]byte) (*fanfare.Source, error) {
	return readOne(ctx, s, selectSourceOf, func(bind *binder) { bind.blob(hash[:]) }, s.scanSource)
}

var listSources = inOrder(`
	SELECT `+sourceColumns+`
	FROM source
	WHERE application = :application`, "id")

// Sources implements [fanfare.Sources].
func (s *Store) Sources(ctx context.Context, application fanfare.ApplicationID, page fanfare.Page) ([]*fanfare.Source, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	bind := func(stmt *sqlite.Stmt) { stmt.SetBytes(":application", app[:]) }
	return readPage(ctx, s, listSources, afterID(sourcePrefix, page), bind, s.scanSource)
}

const selectSourceRevision = `
	SELECT revision
	FROM source
	WHERE id = ? AND application = ?`

// updateSource does nothing if another of the application has the uid.
const updateSource = `
	UPDATE OR IGNORE source
	SET uid = ?, token = ?, old_token = ?, settings = ?, sealed_by = ?, created_at = ?, updated_at = ?, revision = revision + 1
	WHERE id = ? AND application = ?`

// UpdateSource implements [fanfare.Sources].
func (s *Store) UpdateSource(ctx context.Context, src *fanfare.Source) error {
	raw, ok1 := parse(sourcePrefix, src.ID)
	app, ok2 := parse(applicationPrefix, src.Application)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	next := int64(0)
	err := s.note(ctx, func(w *writer) (err error) {
		if next, err = w.nextRevision(selectSourceRevision, src.Revision, func(bind *binder) { bind.id(raw); bind.id(app) }); err != nil {
			return err
		}
		err = w.exec(updateSource, func(bind *binder) { w.bindSource(bind, src, raw, app) })
		if err == nil && w.conn.Changes() == 0 {
			err = fanfare.ErrExists
		}
		return err
	})
	if err == nil {
		src.Revision = next
	}
	return err
}

const deleteSource = `
	DELETE FROM source
	WHERE id = ? AND application = ?`

// deleteSourcesOf runs within the transaction that deletes their application.
const deleteSourcesOf = `
	DELETE FROM source
	WHERE application = ?`

// DeleteSource implements [fanfare.Sources].
func (s *Store) DeleteSource(ctx context.Context, application fanfare.ApplicationID, source fanfare.SourceID) error {
	raw, ok1 := parse(sourcePrefix, source)
	app, ok2 := parse(applicationPrefix, application)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	return s.note(ctx, func(w *writer) error {
		return w.mustChange(deleteSource, func(bind *binder) { bind.id(raw); bind.id(app) })
	})
}

const resealSources = `
	UPDATE source
	SET sealed_by = ?1,
		settings = reseal('source/' || hex(id) || '/settings', settings, sealed_by)
	WHERE id IN (
		SELECT id
		FROM source
		WHERE sealed_by < ?1 OR sealed_by > ?1
		LIMIT ?2)`
