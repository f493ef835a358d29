package sqlite

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks a file as ours: "Fanf" in ASCII.
const applicationID = 0x46616e66

// migrate brings the database to the newest version, one migration a
// transaction, in the order of their names. The version of a database is the
// number of migrations it has had.
func migrate(conn *sqlite.Conn) error {
	files, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return err
	}
	version, err := identify(conn)
	if err != nil {
		return err
	}
	if version > len(files) {
		return fmt.Errorf("the database has version %d and this program knows versions up to %d: use a newer program", version, len(files))
	}
	for i, name := range files[version:] {
		if err := migrateOne(conn, name, version+i+1); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func migrateOne(conn *sqlite.Conn, name string, version int) (err error) {
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer end(&err)
	script, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	if err := sqlitex.ExecuteScript(conn, string(script), nil); err != nil {
		return err
	}
	// A PRAGMA takes no parameters.
	return sqlitex.ExecuteScript(conn, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, version), nil)
}

// identify returns the version of a database that is empty or ours.
func identify(conn *sqlite.Conn) (version int, err error) {
	id, err := pragma(conn, "PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	if id == applicationID {
		version, err := pragma(conn, "PRAGMA user_version")
		return int(version), err
	}
	tables, err := pragma(conn, "SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return 0, err
	}
	if id != 0 || tables != 0 {
		return 0, errors.New("the file is a database of another program")
	}
	return 0, nil
}

// pragma runs a statement that gives one number.
func pragma(conn *sqlite.Conn, query string) (n int64, err error) {
	err = sqlitex.ExecuteTransient(conn, query, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		n = stmt.ColumnInt64(0)
		return nil
	}})
	return n, err
}

var _ fanfare.Store = (*Store)(nil)
