package torture

import (
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// inspect looks into the database of a server that has ended, and returns what runs
// a query there that gives a number, until done is called. A file must be whole.
func (h *host) inspect(t *testing.T) (count func(query string, args ...any) int, done func()) {
	t.Helper()
	if h.url != "" {
		return inspectServer(t, h.url)
	}
	return inspectFile(t, filepath.Join(h.data, "fanfare.db"))
}

func inspectFile(t *testing.T, path string) (count func(query string, args ...any) int, done func()) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	one := func(query string, args []any, read func(stmt *sqlite.Stmt)) {
		err := sqlitex.ExecuteTransient(conn, query, &sqlitex.ExecOptions{Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
			read(stmt)
			return nil
		}})
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	one("PRAGMA integrity_check", nil, func(stmt *sqlite.Stmt) {
		if got := stmt.ColumnText(0); got != "ok" {
			t.Errorf("integrity_check: %s", got)
		}
	})
	return func(query string, args ...any) (n int) {
		one(query, args, func(stmt *sqlite.Stmt) { n = stmt.ColumnInt(0) })
		return n
	}, func() { conn.Close() }
}

func inspectServer(t *testing.T, url string) (count func(query string, args ...any) int, done func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return func(query string, args ...any) (n int) {
		for i, arg := range args {
			if raw, ok := arg.([]byte); ok {
				args[i] = [16]byte(raw)
			}
		}
		if err := conn.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return n
	}, func() { conn.Close(t.Context()) }
}
