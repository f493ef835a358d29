package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare/internal/stored"
)

// ErrImported says that a database holds all of what is to be taken over, and perhaps
// more, since an import of the same has ended. Nothing was done.
var ErrImported = errors.New("all of it is there already, from a migration that has ended")

// createImported makes the table that says of what the import was that has ended: whoever
// was killed before being told so asks again.
const createImported = `
	CREATE TABLE IF NOT EXISTS fanfare_imported (
		one integer PRIMARY KEY CHECK (one = 1),
		content text NOT NULL
	)`

const noteContent = `
	INSERT INTO fanfare_imported (one, content)
	VALUES (1, $1)
	ON CONFLICT (one) DO UPDATE
	SET content = excluded.content`

// end opens the database to stores.
func (im *importing) end(ctx context.Context) error {
	// Until autovacuum comes by, plans would rest on guesses.
	if _, err := im.conn.Exec(ctx, "ANALYZE"); err != nil {
		return err
	}
	newest, place, err := im.from.Newest()
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, im.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE newest SET id = greatest(id, $1), place = greatest(place, $2)", newest, place); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, createImported); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, noteContent, contentOf(im.sums)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DROP TABLE fanfare_import")
		return err
	})
}

// contentOf is a name for all rows of all tables.
func contentOf(sums map[string]stored.Sum) string {
	h := sha256.New()
	for _, t := range stored.Tables {
		fmt.Fprintln(h, t.Name, sums[t.Name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// wasImported reports whether the import of what is to be taken over has ended, for
// which all of that is read.
func (im *importing) wasImported(ctx context.Context, tx pgx.Tx) (bool, error) {
	noted := false
	if err := tx.QueryRow(ctx, "SELECT to_regclass('fanfare_imported') IS NOT NULL").Scan(&noted); err != nil || !noted {
		return false, err
	}
	content := ""
	if err := tx.QueryRow(ctx, "SELECT content FROM fanfare_imported").Scan(&content); err != nil {
		return false, err
	}
	sums := make(map[string]stored.Sum)
	for _, t := range stored.Tables {
		var sum stored.Sum
		for row, err := range im.from.Rows(t, 0) {
			if err != nil {
				return false, err
			}
			sum.Add(row)
		}
		sums[t.Name] = sum
	}
	return content == contentOf(sums), ctx.Err()
}
