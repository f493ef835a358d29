package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the advisory lock of whoever migrates: "Fanf" in ASCII.
const migrationLock = 0x46616e66

// createVersion makes the table of a database's version, which is the number of
// migrations it has had.
const createVersion = `
	CREATE TABLE IF NOT EXISTS fanfare_version (
		one integer PRIMARY KEY CHECK (one = 1),
		version integer NOT NULL
	)`

// migrate brings the database to the newest version, one migration a transaction,
// in the order of their names. Of several processes that start at once one does it,
// and the others wait. While somebody else holds a table that is to be changed, as
// pg_dump does, it tries again now and then.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	files, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return err
	}
	for {
		done := false
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
			done, err = migrateOne(ctx, tx, files)
			return err
		})
		switch {
		case isLocked(err):
			select {
			case <-time.After(migrateAgain):
			case <-ctx.Done():
				return fmt.Errorf("%w; %w", ctx.Err(), err)
			}
		case err != nil || done:
			return err
		}
	}
}

// migrateAgain is how long a migration that had to wait for a table is left, so that those
// who wait behind it get their turn.
const migrateAgain = 3 * time.Second

// migrateOne does the migration that comes next. done is whether there was none.
func migrateOne(ctx context.Context, tx pgx.Tx, files []string) (done bool, err error) {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, createVersion); err != nil {
		return false, err
	}
	version := 0
	err = tx.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM fanfare_version").Scan(&version)
	switch {
	case err != nil:
		return false, err
	case version > len(files):
		return false, fmt.Errorf("the database has version %d and this program knows versions up to %d: use a newer program", version, len(files))
	case version == len(files):
		return true, nil
	}
	script, err := migrations.ReadFile(files[version])
	if err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '1s'"); err != nil {
		return false, err
	}
	if _, err := tx.Conn().PgConn().Exec(ctx, string(script)).ReadAll(); err != nil {
		return false, fmt.Errorf("%s: %w", files[version], err)
	}
	_, err = tx.Exec(ctx, "INSERT INTO fanfare_version (one, version) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET version = $1", version+1)
	return false, err
}
