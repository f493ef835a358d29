package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// channel is where news are told (NOTIFY): that the table change has a new row.
const channel = "fanfare"

// insertChange takes the next number with the row of the counter locked, so that the
// numbers are in the order of the commits.
const insertChange = `
	WITH next AS (
		UPDATE counter
		SET n = n + 1
		WHERE name = 'change'
		RETURNING n
	)
	INSERT INTO change (n, application, made_at)
	SELECT n, $1, now()
	FROM next`

// changed notes for the other nodes that something of the catalogue was changed: of
// an application, or with the zero id what belongs to none.
func changed(ctx context.Context, tx pgx.Tx, app id) error {
	of := &app
	if app == (id{}) {
		of = nil
	}
	if _, err := tx.Exec(ctx, insertChange, of); err != nil {
		return err
	}
	return notify(ctx, tx, newsChange)
}
