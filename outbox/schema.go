package outbox

import (
	"context"
	"fmt"
	"strings"
)

// A Dialect is the kind of database that the outbox is in.
type Dialect string

// The dialects there are.
const (
	SQLite     Dialect = "sqlite" // 3.37 and later
	PostgreSQL Dialect = "postgres"
)

// The tables differ only in how their columns are called. fanfare_outbox_lease has
// one row, of the relay that is at work. Rows that were refused stay, out of the
// way of the others, until someone has seen to them.
var schemas = map[Dialect][]string{
	SQLite: {
		`CREATE TABLE IF NOT EXISTS fanfare_outbox (
	place INTEGER PRIMARY KEY AUTOINCREMENT,
	application TEXT NOT NULL,
	event_id TEXT NOT NULL,
	attributes TEXT NOT NULL,
	payload BLOB NOT NULL,
	created_at INTEGER NOT NULL,
	refused TEXT
) STRICT`,
		`CREATE INDEX IF NOT EXISTS fanfare_outbox_waiting ON fanfare_outbox (place) WHERE refused IS NULL`,
		`CREATE INDEX IF NOT EXISTS fanfare_outbox_refused ON fanfare_outbox (place) WHERE refused IS NOT NULL`,
		`CREATE TABLE IF NOT EXISTS fanfare_outbox_lease (
	name TEXT PRIMARY KEY,
	holder TEXT NOT NULL,
	until INTEGER NOT NULL
) STRICT`,
	},
	PostgreSQL: {
		`CREATE TABLE IF NOT EXISTS fanfare_outbox (
	place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	application TEXT NOT NULL,
	event_id TEXT NOT NULL,
	attributes TEXT NOT NULL,
	payload BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	refused TEXT
)`,
		`CREATE INDEX IF NOT EXISTS fanfare_outbox_waiting ON fanfare_outbox (place) WHERE refused IS NULL`,
		`CREATE INDEX IF NOT EXISTS fanfare_outbox_refused ON fanfare_outbox (place) WHERE refused IS NOT NULL`,
		`CREATE TABLE IF NOT EXISTS fanfare_outbox_lease (
	name TEXT PRIMARY KEY,
	holder TEXT NOT NULL,
	until BIGINT NOT NULL
)`,
	},
}

// Schema is what makes the outbox's tables, for the program's own migrations: SQL
// statements, each ended by a semicolon. It is "" for a dialect that is not known.
func Schema(d Dialect) string {
	var text strings.Builder
	for _, statement := range schemas[d] {
		text.WriteString(statement + ";\n")
	}
	return text.String()
}

// Create makes the outbox's tables where they are not there yet.
func Create(ctx context.Context, db Execer, d Dialect) error {
	statements, known := schemas[d]
	if !known {
		return fmt.Errorf("outbox: %q is not a dialect; there are %s and %s", d, SQLite, PostgreSQL)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("outbox: making the tables: %w", err)
		}
	}
	return nil
}
