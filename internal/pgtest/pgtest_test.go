//go:build linux

package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare/internal/pgtest"
)

// TestACrashLosesNothingCommitted is what tests that crash a server rest on.
func TestACrashLosesNothingCommitted(t *testing.T) {
	s := pgtest.Start(t)
	url, err := s.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	do := func(f func(conn *pgx.Conn) error) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), url)
		if err == nil {
			err = f(conn)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	do(func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), "CREATE TABLE t (n integer); INSERT INTO t VALUES (7)")
		return err
	})
	s.Kill()
	if err := s.Boot(); err != nil {
		t.Fatal(err)
	}
	n := 0
	do(func(conn *pgx.Conn) error { return conn.QueryRow(t.Context(), "SELECT n FROM t").Scan(&n) })
	if n != 7 {
		t.Errorf("got %d, want 7", n)
	}
}
