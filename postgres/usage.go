package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

// A message's list of endpoints is read rather than its deliveries: of those there
// are many more, and they would be looked up one by one.
const usageColumns = `count(*), coalesce(sum(cardinality(message.endpoints)), 0)
	FROM message
	WHERE (@application::uuid IS NULL OR message.application = @application)
		AND message.created_at >= @since
		AND message.created_at < @until
		AND (` + isTest + `) IS NOT TRUE
		AND EXISTS (SELECT 1 FROM application WHERE id = message.application)`

const selectUsage = `
	SELECT '', ` + usageColumns

const selectUsageOfTypes = `
	SELECT message.event_type, ` + usageColumns + `
	GROUP BY message.event_type
	ORDER BY 2 DESC, 1
	LIMIT @most`

// Usage implements [fanfare.Usages].
func (s *Store) Usage(ctx context.Context, application fanfare.ApplicationID, since, until time.Time, most int) (total fanfare.Usage, top []fanfare.Usage, err error) {
	app := idOf(applicationPrefix, application)
	if app == nil && application != "" {
		return total, nil, nil
	}
	args := pgx.NamedArgs{"application": app, "since": stored.From(since), "until": stored.To(until), "most": most}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		for _, query := range []string{selectUsage, selectUsageOfTypes} {
			r, err := conn.Query(ctx, query, args)
			all, err := rows(r, err, func(r pgx.Rows) (u fanfare.Usage, err error) {
				return u, r.Scan(&u.EventType, &u.Messages, &u.Deliveries)
			})
			if err != nil {
				return err
			}
			if query == selectUsage {
				total = all[0]
			} else {
				top = all
			}
		}
		return nil
	})
	return total, top, err
}
