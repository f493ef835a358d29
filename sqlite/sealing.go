package sqlite

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// What is secret is sealed for the place where it stands: the table, the row's
// key in hexadecimal, the column. SQL in this file names places in the same way.

func endpointPlace(ep id) string {
	return "endpoint/" + strings.ToUpper(hex.EncodeToString(ep[:])) + "/settings"
}

func settingPlace(name string) string { return fmt.Sprintf("setting/%X/value", name) }

func answerPlace(scope, key string) string { return fmt.Sprintf("answer/%X/%X/body", scope, key) }

// seal gives what is to be stored in a place, and the id of the key it is sealed
// with; "" if it is not. Only jobs call it: so nothing sealed with an old key
// comes to be stored after the last of its kind was resealed.
func (w *writer) seal(place string, text []byte) (stored []byte, sealedBy string) {
	ring := w.store.keys.Load()
	if ring == nil {
		return text, ""
	}
	return []byte(ring.Seal(place, text)), ring.Current()
}

// unseal gives what was stored in a place.
func (s *Store) unseal(place string, stored []byte, sealedBy string) ([]byte, error) {
	if sealedBy == "" {
		return stored, nil
	}
	text, err := s.keys.Load().Open(place, string(stored))
	if err != nil {
		return nil, fmt.Errorf("%s: what is sealed in it: %w", place, err)
	}
	return text, nil
}

// sealSettings is seal for the settings of an endpoint, which must be JSON.
func (w *writer) sealSettings(ep id, text string) (stored, sealedBy string) {
	sealed, sealedBy := w.seal(endpointPlace(ep), []byte(text))
	if sealedBy == "" {
		return text, ""
	}
	return `"` + string(sealed) + `"`, sealedBy
}

func (s *Store) unsealSettings(ep fanfare.EndpointID, stored, sealedBy string) ([]byte, error) {
	raw, _ := parse(endpointPrefix, ep)
	return s.unseal(endpointPlace(raw), []byte(strings.Trim(stored, `"`)), sealedBy)
}

// A Sealing is how the secrets of a database are sealed.
type Sealing struct {
	Key  string   // the id of the key that seals; "" if none does
	Old  []string // the ids of keys that some are sealed with still
	Left int      // how many are

	// Traces is whether secrets that were stored before there was a key may still
	// be found in parts of the file that are no longer in use. If the file could
	// not be rewritten, the next Open tries again.
	Traces bool
	Err    error // why resealing has stopped; nil if it has not
}

// Sealing tells how the secrets are sealed.
func (s *Store) Sealing(ctx context.Context) (Sealing, error) {
	ring := s.keys.Load()
	if ring == nil {
		return Sealing{}, nil
	}
	v := Sealing{Key: ring.Current()}
	if err := s.resealing.failed.Load(); err != nil {
		v.Err = *err
	}
	err := s.read(ctx, func(conn *sqlite.Conn) error {
		ids, err := keysInUse(conn)
		for _, id := range ids {
			switch id {
			case v.Key:
			case plain:
				v.Traces = true
			default:
				v.Old = append(v.Old, id)
			}
		}
		if err != nil || v.Old == nil {
			return err
		}
		return sqlitex.ExecuteTransient(conn, countOld, &sqlitex.ExecOptions{Args: []any{v.Key}, ResultFunc: func(stmt *sqlite.Stmt) error {
			v.Left = stmt.ColumnInt(0)
			return nil
		}})
	})
	return v, err
}

// countOld counts what is sealed with other keys than one.
const countOld = `
	WITH old (id) AS (SELECT id FROM sealing_key WHERE id NOT IN (?, ''))
	SELECT (SELECT count(*) FROM endpoint WHERE sealed_by IN old)
		+ (SELECT count(*) FROM source WHERE sealed_by IN old)
		+ (SELECT count(*) FROM setting WHERE sealed_by IN old)
		+ (SELECT count(*) FROM answer WHERE sealed_by IN old)
		+ (SELECT count(*) FROM task_part WHERE sealed_by IN old)`

// SealedBy returns the ids of the keys that are needed to open the database in
// that file; none if its secrets are not sealed, or there is no database.
func SealedBy(path string) (ids []string, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	defer conn.Close()
	conn.SetBusyTimeout(busyTimeout)
	known, err := pragma(conn, "SELECT count(*) FROM sqlite_schema WHERE name = 'sealing_key'")
	if err == nil && known > 0 {
		ids, err = keysInUse(conn)
	}
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	if len(ids) > 0 && ids[0] == plain { // the smallest there is
		ids = ids[1:]
	}
	return ids, nil
}

// plain stands among keys for none.
const plain = ""

const selectKeys = `
	SELECT id
	FROM sealing_key
	ORDER BY id`

func keysInUse(conn *sqlite.Conn) (ids []string, err error) {
	err = sqlitex.ExecuteTransient(conn, selectKeys, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		ids = append(ids, stmt.ColumnText(0))
		return nil
	}})
	return ids, err
}

const insertSealingKey = `
	INSERT OR IGNORE INTO sealing_key (id)
	VALUES (?)`

// takeKeys makes sure, before anyone reads or writes, that the keys open all that
// is sealed, and seals what was stored when there were none. left reports whether
// something is sealed with an old key.
func (s *Store) takeKeys(conn *sqlite.Conn, ring *seal.Ring) (left bool, err error) {
	used, err := keysInUse(conn)
	if err != nil {
		return false, err
	}
	for _, id := range used {
		if id != plain && (ring == nil || !ring.Has(id)) {
			return false, fmt.Errorf("its secrets are sealed: %w; give the keys that it was used with before, which no copy of it contains", &seal.MissingKeyError{ID: id})
		}
	}
	if ring == nil {
		return false, nil
	}
	s.keys.Store(ring)
	if err := conn.CreateFunction("reseal", &sqlite.FunctionImpl{NArgs: 3, Scalar: s.reseal}); err != nil {
		return false, err
	}
	if err := sqlitex.ExecuteTransient(conn, insertSealingKey, &sqlitex.ExecOptions{Args: []any{ring.Current()}}); err != nil {
		return false, err
	}
	if len(used) > 0 && used[0] == plain {
		return false, s.sealAll(conn, ring.Current())
	}
	return len(used) > 1 || len(used) == 1 && used[0] != ring.Current(), nil
}

// reseal is the SQL function reseal(place, stored, sealed_by): what is to be
// stored instead.
func (s *Store) reseal(_ sqlite.Context, args []sqlite.Value) (sqlite.Value, error) {
	place := args[0].Text()
	text, err := s.unseal(place, args[1].Blob(), args[2].Text())
	if err != nil {
		return sqlite.Value{}, err
	}
	return sqlite.BlobValue([]byte(s.keys.Load().Seal(place, text))), nil
}

// resealChunk is how many rows of each table one transaction reseals.
const resealChunk = 100

// reseals seal at most some rows that are not sealed with a key. A column that is
// text has quotes around what is sealed: it must be JSON.
var reseals = []string{resealEndpoints, resealSettings, resealAnswers, resealParts, resealSources}

const resealEndpoints = `
	UPDATE endpoint
	SET sealed_by = ?1,
		settings = json_quote(CAST(reseal('endpoint/' || hex(id) || '/settings',
			iif(sealed_by = '', settings, settings ->> '$'), sealed_by) AS TEXT))
	WHERE id IN (
		SELECT id
		FROM endpoint
		WHERE sealed_by < ?1 OR sealed_by > ?1
		LIMIT ?2)`

const resealSettings = `
	UPDATE setting
	SET sealed_by = ?1,
		value = reseal('setting/' || hex(name) || '/value', value, sealed_by)
	WHERE name IN (
		SELECT name
		FROM setting
		WHERE sealed_by <> ?1
		LIMIT ?2)`

const resealAnswers = `
	UPDATE answer
	SET sealed_by = ?1,
		body = reseal('answer/' || hex(scope) || '/' || hex(key) || '/body', body, sealed_by)
	WHERE (scope, key) IN (
		SELECT scope, key
		FROM answer
		WHERE sealed_by < ?1 OR sealed_by > ?1
		LIMIT ?2)`

// resealParts takes fewer, as a part has some hundred KiB.
const resealParts = `
	UPDATE task_part
	SET sealed_by = ?1,
		content = reseal('task_part/' || hex(task) || '/' || number || '/content', content, sealed_by)
	WHERE rowid IN (
		SELECT rowid
		FROM task_part
		WHERE sealed_by < ?1 OR sealed_by > ?1
		LIMIT ?2 / 20)`

// resealSome seals some rows that are not sealed with that key, and returns how
// many.
func resealSome(conn *sqlite.Conn, key string) (n int, err error) {
	for _, query := range reseals {
		err := sqlitex.Execute(conn, query, &sqlitex.ExecOptions{Args: []any{key, resealChunk}})
		if err != nil {
			return 0, err
		}
		n += conn.Changes()
	}
	return n, nil
}

// deleteOldKeys leaves the mark of what is not sealed.
const deleteOldKeys = `
	DELETE FROM sealing_key
	WHERE id <> ? AND id <> ''`

const deletePlain = `
	DELETE FROM sealing_key
	WHERE id = ''`

// sealAll seals all that is not, and rewrites the file, so that no trace remains
// of what stood there. If there is no room to rewrite it, it is left for the next
// time.
func (s *Store) sealAll(conn *sqlite.Conn, key string) error {
	for n := 1; n > 0; {
		var err error
		if n, err = resealSome(conn, key); err != nil {
			return err
		}
	}
	if err := sqlitex.ExecuteTransient(conn, deleteOldKeys, &sqlitex.ExecOptions{Args: []any{key}}); err != nil {
		return err
	}
	if err := rewrite(conn); err != nil {
		return s.unlessFatal(err)
	}
	return sqlitex.ExecuteTransient(conn, deletePlain, nil)
}

// unlessFatal is the error if nothing more can be trusted to the disk after it.
func (s *Store) unlessFatal(err error) error {
	if err := s.fault(err); errors.Is(err, fanfare.ErrBroken) {
		return err
	}
	return nil
}

// rewriteWait is how long to wait for another program that reads, such as a backup:
// it keeps the WAL from being emptied.
const rewriteWait = 200 * time.Millisecond

// rewrite writes the database anew, without what is no longer in use, and the WAL
// into it. Temporary files hold the copy, since memory might not.
func rewrite(conn *sqlite.Conn) error {
	conn.SetBusyTimeout(rewriteWait)
	defer conn.SetBusyTimeout(busyTimeout)
	for _, query := range []string{"PRAGMA temp_store = FILE", "VACUUM", "PRAGMA temp_store = MEMORY"} {
		if err := sqlitex.ExecuteTransient(conn, query, nil); err != nil {
			return errors.Join(err, sqlitex.ExecuteTransient(conn, "PRAGMA temp_store = MEMORY", nil))
		}
	}
	busy, err := pragma(conn, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err == nil && busy != 0 {
		err = errors.New("someone is reading an old state")
	}
	return err
}
