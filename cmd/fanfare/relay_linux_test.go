package main

import (
	"database/sql"
	"testing"

	"github.com/fanfarehq/fanfare/internal/pgtest"
)

func TestRelayFromPostgreSQL(t *testing.T) {
	server := pgtest.Start(t)
	url, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	testRelay(t, at, url, "postgres")
}
