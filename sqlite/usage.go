package sqlite

import (
	"context"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// A message's list of endpoints is read rather than its deliveries: of those there
// are many more, and they would be looked up one by one.
const usageColumns = `count(*), coalesce(sum(length(message.endpoints) / 16), 0)
	FROM message
	WHERE (:application IS NULL OR message.application = :application)
		AND message.created_at >= :since
		AND message.created_at < :until
		AND ` + isTest + ` IS NOT TRUE
		AND EXISTS (SELECT 1 FROM application WHERE id = message.application)`

const selectUsage = `
	SELECT '', ` + usageColumns

const selectUsageOfTypes = `
	SELECT message.event_type, ` + usageColumns + `
	GROUP BY message.event_type
	ORDER BY 2 DESC, 1
	LIMIT :limit`

// Usage implements [fanfare.Usages].
func (s *Store) Usage(ctx context.Context, application fanfare.ApplicationID, since, until time.Time, most int) (total fanfare.Usage, top []fanfare.Usage, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok && application != "" {
		return total, nil, nil
	}
	count := func(conn *sqlite.Conn, query string) (all []fanfare.Usage, err error) {
		stmt, err := conn.Prepare(query)
		if err != nil {
			return nil, err
		}
		if application == "" {
			stmt.SetNull(":application")
		} else {
			stmt.SetBytes(":application", app[:])
		}
		stmt.SetInt64(":since", stored.From(since))
		stmt.SetInt64(":until", stored.To(until))
		if query == selectUsageOfTypes {
			stmt.SetInt64(":limit", int64(most))
		}
		err = each(stmt, func(row *row) bool {
			all = append(all, fanfare.Usage{EventType: row.text(), Messages: int(row.number()), Deliveries: int(row.number())})
			return true
		})
		return all, err
	}
	err = s.readAll(ctx, func(conn *sqlite.Conn) error {
		all, err := count(conn, selectUsage)
		if err != nil {
			return err
		}
		total = all[0]
		if most > 0 {
			top, err = count(conn, selectUsageOfTypes)
		}
		return err
	})
	return total, top, err
}
