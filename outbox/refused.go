package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A Refusal is a message that was refused, and so stays in the outbox until
// someone has seen to it.
type Refusal struct {
	Place       int64 // in the outbox
	Application string
	EventID     string
	CreatedAt   time.Time
	Reason      string
}

const selectRefused = `
	SELECT place, application, event_id, created_at, refused
	FROM fanfare_outbox
	WHERE refused IS NOT NULL AND place > $1
	ORDER BY place
	LIMIT $2`

// Refused lists the messages of the outbox in db that were refused, at most limit
// of those behind that place; 0 is before the first.
func Refused(ctx context.Context, db *sql.DB, after int64, limit int) ([]Refusal, error) {
	if limit < 1 || limit > fanfare.MaxPage {
		return nil, &fanfare.InvalidError{Field: "limit", Reason: fmt.Sprintf("1 to %d", fanfare.MaxPage)}
	}
	found, err := db.QueryContext(ctx, selectRefused, after, limit)
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	defer found.Close()
	var all []Refusal
	for found.Next() {
		var r Refusal
		var created int64
		if err := found.Scan(&r.Place, &r.Application, &r.EventID, &created, &r.Reason); err != nil {
			return nil, fmt.Errorf("outbox: %w", err)
		}
		r.CreatedAt = time.UnixMicro(created)
		all = append(all, r)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	return all, nil
}

const retryRefused = `UPDATE fanfare_outbox SET refused = NULL WHERE refused IS NOT NULL AND application = $1`

// Retry has what was refused of an application, under the name it was sent to, sent
// again, in the order it was in, and returns how many messages that are.
func Retry(ctx context.Context, db Execer, app string) (int64, error) {
	done, err := db.ExecContext(ctx, retryRefused, app)
	if err != nil {
		return 0, fmt.Errorf("outbox: %w", err)
	}
	return done.RowsAffected()
}

const discardRefused = `DELETE FROM fanfare_outbox WHERE refused IS NOT NULL AND place = $1`

// Discard removes a message that was refused. ErrNotFound: no refused one is there.
func Discard(ctx context.Context, db Execer, place int64) error {
	done, err := db.ExecContext(ctx, discardRefused, place)
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return fmt.Errorf("outbox: message at place %d: %w", place, fanfare.ErrNotFound)
}
