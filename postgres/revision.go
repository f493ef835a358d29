package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

// nextRevision locks what a query reads the revision of, and returns the one that
// follows on it. ErrNotFound: it finds none; ErrConflict: it is another than what the
// change is derived from, unless that is 0.
func nextRevision(ctx context.Context, tx pgx.Tx, from int64, query string, args ...any) (next int64, err error) {
	now := int64(0)
	err = tx.QueryRow(ctx, query, args...).Scan(&now)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, fanfare.ErrNotFound
	case err != nil:
		return 0, err
	case from != 0 && from != now:
		return 0, fanfare.ErrConflict
	}
	return now + 1, nil
}
