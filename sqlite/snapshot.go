package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// A Snapshot is a database that nobody has open, for another store to take over. It
// is only read, and kept from being opened.
type Snapshot struct {
	lock *os.File
	conn *sqlite.Conn
}

var _ stored.Snapshot = (*Snapshot)(nil)

// OpenSnapshot opens the database in that file. It is an error if a process has it
// open, or if this program would have to migrate it.
func OpenSnapshot(path string) (*Snapshot, error) {
	s, err := openSnapshot(path)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	return s, nil
}

func openSnapshot(path string) (s *Snapshot, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	s = &Snapshot{}
	if s.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.conn, err = sqlite.OpenConn(path, sqlite.OpenReadOnly); err != nil {
		return s, err
	}
	if err := prepareReader(s.conn); err != nil {
		return s, err
	}
	return s, s.mustBeNewest()
}

func (s *Snapshot) mustBeNewest() error {
	version, err := identify(s.conn)
	if err != nil {
		return err
	}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	left := int64(0)
	if version == len(files) {
		left, err = pragma(s.conn, "SELECT count(*) FROM endpoint WHERE disabled IS NULL OR paused IS NULL OR channels IS NULL")
	}
	switch {
	case err != nil:
		return err
	case version > len(files):
		return fmt.Errorf("it has version %d and this program knows versions up to %d: use a newer program", version, len(files))
	case version < len(files) || left > 0:
		return errors.New(`it was last used with an older program; start "fanfare serve" of this version on it once, and stop it`)
	}
	return nil
}

// Close lets go of the file.
func (s *Snapshot) Close() error {
	var err error
	if s.conn != nil {
		err = s.conn.Close()
	}
	return errors.Join(err, s.lock.Close())
}

// selectWaitingBehindMark gives the deliveries that have no row yet; see fresh.
const selectWaitingBehindMark = `
	WITH RECURSIVE part (rowid, n) AS (
		SELECT rowid, 0
		FROM message
		WHERE rowid > (SELECT rowid_done FROM mark)
			AND length(endpoints) > 0
		UNION ALL
		SELECT part.rowid, n + 1
		FROM part
		JOIN message ON message.rowid = part.rowid
		WHERE (n + 2) * 16 <= length(message.endpoints))
	SELECT endpoint.id, message.id, 0, 0, 0, iif(endpoint.ordered, 0, max(message.created_at, message.deliver_at)),
		max(message.created_at, message.deliver_at), message.created_at, message.ordering_key
	FROM part
	JOIN message ON message.rowid = part.rowid
	JOIN endpoint ON endpoint.id = substr(message.endpoints, n * 16 + 1, 16) AND endpoint.application = message.application
	WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.endpoint = endpoint.id AND delivery.message = message.id)
	ORDER BY message.rowid, n`

// columnsHere are those that stand otherwise in a file.
var columnsHere = map[string]string{
	"attempt.place":     "rowid",
	"consumer.after":    "nullif(after, x'')",
	"endpoint.settings": "iif(sealed_by = '', settings, settings ->> '$')",
}

// ordersHere are the keys of the tables.
var ordersHere = map[string]string{
	"message": "rowid", "attempt": "rowid", "delivery": "endpoint, message", "idempotency": "application, key", "answer": "scope, key",
	"consumer": "endpoint, name", "setting": "name", "event_type": "name", "session": "hash", "task_part": "task, number", "tally": "begins_at, hub",
	"endpoint_tally": "begins_at, endpoint, sheet",
}

// queries are what give the rows of a table, one after the other.
func queries(t stored.Table) []string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = c.Name
		if here, ok := columnsHere[t.Name+"."+c.Name]; ok {
			columns[i] = here
		}
	}
	order, ok := ordersHere[t.Name]
	if !ok {
		order = "id"
	}
	all := []string{"SELECT " + strings.Join(columns, ", ") + " FROM " + t.Name + " ORDER BY " + order}
	if t.Name == "delivery" {
		all = append(all, selectWaitingBehindMark)
	}
	return all
}

// Count implements [stored.Snapshot].
func (s *Snapshot) Count(t stored.Table) (n int64, err error) {
	for _, query := range queries(t) {
		some, err := pragma(s.conn, "SELECT count(*) FROM ("+query+")")
		if err != nil {
			return 0, err
		}
		n += some
	}
	return n, nil
}

// Rows implements [stored.Snapshot].
func (s *Snapshot) Rows(t stored.Table, behind int64) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		row := make([]any, len(t.Columns))
		for _, query := range queries(t) {
			if behind > 0 {
				there, err := pragma(s.conn, "SELECT count(*) FROM ("+query+")")
				if err != nil {
					yield(nil, err)
					return
				}
				if there <= behind {
					behind -= there
					continue
				}
			}
			more, err := s.each(t, query, behind, row, yield)
			if err != nil {
				yield(nil, err)
			}
			if err != nil || !more {
				return
			}
			behind = 0
		}
	}
}

func (s *Snapshot) each(t stored.Table, query string, behind int64, row []any, yield func([]any, error) bool) (more bool, err error) {
	stmt, err := s.conn.Prepare(query + " LIMIT -1 OFFSET ?")
	if err != nil {
		return false, err
	}
	defer stmt.Reset()
	stmt.BindInt64(1, behind)
	for {
		found, err := stmt.Step()
		if err != nil || !found {
			return err == nil, err
		}
		for i, c := range t.Columns {
			if row[i], err = valueOf(stmt, i, c.Kind); err != nil {
				return false, fmt.Errorf("%s.%s: %w", t.Name, c.Name, err)
			}
		}
		if !yield(row, nil) {
			return false, nil
		}
	}
}

// valueOf reads a column of a row.
func valueOf(stmt *sqlite.Stmt, i int, kind stored.Kind) (any, error) {
	if stmt.ColumnIsNull(i) {
		return nil, nil
	}
	bytes := func() []byte {
		b := make([]byte, stmt.ColumnLen(i))
		stmt.ColumnBytes(i, b)
		return b
	}
	switch kind {
	case stored.ID:
		b := bytes()
		if len(b) != len(id{}) {
			return nil, fmt.Errorf("an identifier of %d bytes", len(b))
		}
		return [16]byte(b), nil
	case stored.IDs:
		some := ids(bytes())
		raw := make([][16]byte, len(some))
		for i := range some {
			raw[i] = some[i]
		}
		return raw, nil
	case stored.Number:
		return stmt.ColumnInt64(i), nil
	case stored.Truth:
		return stmt.ColumnBool(i), nil
	case stored.Texts:
		return stored.ReadList[[]string](stmt.ColumnText(i))
	case stored.Text:
		return stmt.ColumnText(i), nil
	}
	return bytes(), nil
}

// Newest implements [stored.Snapshot].
func (s *Snapshot) Newest() (newest [16]byte, place int64, err error) {
	stmt, err := s.conn.Prepare("SELECT id, attempt_row FROM newest")
	if err != nil {
		return newest, 0, err
	}
	if _, err := one(stmt, func(row *row) { newest, place = row.id(), row.number() }); err != nil {
		return newest, 0, err
	}
	last, err := pragma(s.conn, "SELECT ifnull(max(rowid), 0) FROM attempt")
	return newest, max(place, last), err
}
