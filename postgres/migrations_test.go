//go:build linux

package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare/postgres"
)

// TestAMigrationHoldsUpNobody that uses a table which is to be changed, while somebody
// reads it for long, as a copy of the database does.
func TestAMigrationHoldsUpNobody(t *testing.T) {
	url := database(t)
	openAt(t, url, nil).Close()
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.Background()) })
		return conn
	}
	reader, node := connect(), connect()
	do := func(conn *pgx.Conn, query string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := conn.Exec(ctx, query); err != nil {
			t.Fatal(query, err)
		}
	}
	do(node, "ALTER TABLE node DROP COLUMN keys; ALTER TABLE task DROP COLUMN at_probe; UPDATE fanfare_version SET version = 5") // as before these migrations
	do(reader, "BEGIN; LOCK TABLE node IN ACCESS SHARE MODE")
	opened := make(chan error, 1)
	go func() {
		s, err := postgres.Open(t.Context(), url, nil)
		if err == nil {
			s.Close()
		}
		opened <- err
	}()
	waiting := 0
	for range 1000 { // until it waits for the table
		if row(t, url, "SELECT count(*) FROM pg_locks WHERE relation = 'node'::regclass AND NOT granted", &waiting); waiting > 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if waiting == 0 {
		t.Fatal("the migration does not wait for the table")
	}
	do(node, "UPDATE node SET expires_at = now()")
	do(reader, "COMMIT")
	if err := <-opened; err != nil {
		t.Error(err)
	}
}
