package mirror

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/connect/row"
)

var sqLite = dialect{
	quote: `"`,
	ledger: `
		CREATE TABLE IF NOT EXISTS ` + row.Ledger + ` (
			mirrored TEXT NOT NULL,
			record TEXT NOT NULL,
			version TEXT NOT NULL,
			message TEXT NOT NULL,
			deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
			written TEXT NOT NULL,
			PRIMARY KEY (mirrored, record)) STRICT, WITHOUT ROWID`,
	claim: claimState + `ON CONFLICT (mirrored, record) DO NOTHING`,
	state: readState,
	columns: `
		SELECT name, lower(type) FROM pragma_table_info
		WHERE schema = coalesce(?, 'main') AND arg = ?`,
	kindOf: func(name string) row.Kind {
		switch name, _, _ = strings.Cut(name, "("); strings.TrimSpace(name) {
		case "text", "varchar", "char", "clob":
			return row.Text
		case "integer", "int", "bigint", "smallint":
			return row.Integer
		case "real", "double", "numeric", "decimal":
			return row.Number
		case "boolean":
			return row.Boolean
		case "datetime", "timestamp":
			return row.Time
		}
		return row.Other
	},
	// A column without a type holds each value as it is.
	types: map[row.Kind]string{row.Time: "DATETIME"},
	keys:  map[row.Kind]string{row.Text: "TEXT NOT NULL", row.Integer: "INTEGER NOT NULL"},
	// Of a file there is one connection, and a column is never made narrower.
	alone: func(_ context.Context, db *sql.DB, f func(by maker) error) error { return f(db) },
	bind: func(c row.Cell, in row.Kind) any {
		switch c.Kind {
		case row.Boolean:
			return c.Text == "true"
		case row.Integer:
			if n, err := strconv.ParseInt(c.Text, 10, 64); err == nil {
				return n
			}
		case row.Number:
			if n, err := strconv.ParseFloat(c.Text, 64); err == nil {
				return n
			}
		}
		return textFor(c, in)
	},
	judge: judgeSQLite,
}

// judgeSQLite reads the library's error (https://www.sqlite.org/rescode.html).
func judgeSQLite(err error) fault {
	var refused *sqlite.Error
	if !errors.As(err, &refused) {
		return fault{}
	}
	f := fault{class: fanfare.ClassConnector, detail: refused.Error()}
	switch refused.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		f.class = fanfare.ClassRejected
		if refused.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY {
			f.class, f.detail = fanfare.ClassConnector, f.detail+waits
		}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		f.again = true
	case sqlite3.SQLITE_ERROR:
		f.exists = strings.Contains(f.detail, "duplicate column name") || strings.Contains(f.detail, "already exists")
		f.stale = strings.Contains(f.detail, "no such table") || strings.Contains(f.detail, "no such column") || strings.Contains(f.detail, "has no column named")
	case sqlite3.SQLITE_INTERRUPT: // by the attempt's context, which says why
		return fault{}
	}
	return f
}

// openSQLite makes a pool of one connection to the file at path, which is made when it
// is first written.
func openSQLite(path string) (*sql.DB, error) {
	if err := plainFile(path); err != nil {
		return nil, connect.Must(false, "file", "cannot be used: "+err.Error())
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(2000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
	}.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return pooled(db, 1), nil
}
