package postgres

import (
	"bytes"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

const consumerColumns = `endpoint, name, after, epoch, seen_at, created_at`

func scanConsumer(r pgx.Rows) (*fanfare.Consumer, error) {
	c := &fanfare.Consumer{}
	var ep id
	var after *id
	var seen, created int64
	if err := r.Scan(&ep, &c.Name, &after, &c.Epoch, &seen, &created); err != nil {
		return nil, err
	}
	c.Endpoint = fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, ep))
	c.After = fanfare.MessageID(nameOf(messagePrefix, after))
	c.SeenAt, c.CreatedAt = stored.Instant(seen), stored.Instant(created)
	return c, nil
}

const selectConsumer = `
	SELECT ` + consumerColumns + `
	FROM consumer
	WHERE endpoint = $1
		AND name = $2
		AND $3 = (SELECT application FROM endpoint WHERE id = $1)`

// Consumer implements [fanfare.Pollers].
func (s *Store) Consumer(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, name string) (*fanfare.Consumer, error) {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return nil, fanfare.ErrNotFound
	}
	return readOne(ctx, s, scanConsumer, selectConsumer, ep, name, app)
}

var listConsumers = inOrder(`
	SELECT `+consumerColumns+`
	FROM consumer
	WHERE endpoint = @endpoint
		AND @application = (SELECT application FROM endpoint WHERE id = @endpoint)`, "name")

// Consumers implements [fanfare.Pollers].
func (s *Store) Consumers(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, page fanfare.Page) ([]*fanfare.Consumer, error) {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return nil, nil
	}
	return readPage(ctx, s, listConsumers, afterName(page), pgx.NamedArgs{"endpoint": ep, "application": app}, scanConsumer)
}

const upsertConsumer = `
	INSERT INTO consumer (endpoint, name, after, epoch, seen_at, created_at)
	VALUES ($1, $2, $3, $4, $5, $6)
	ON CONFLICT (endpoint, name) DO UPDATE
	SET after = $3, epoch = $4, seen_at = $5`

// MoveConsumer implements [fanfare.Pollers].
func (s *Store) MoveConsumer(ctx context.Context, app fanfare.ApplicationID, c *fanfare.Consumer) error {
	return s.putConsumer(ctx, app, c, func(there *fanfare.Consumer) (epoch int, err error) {
		var after, now id
		stands := 0
		if there != nil {
			now, _ = parse(messagePrefix, there.After)
			stands = there.Epoch
		}
		after, _ = parse(messagePrefix, c.After)
		if bytes.Compare(now[:], after[:]) > 0 || c.Epoch != stands {
			return 0, fanfare.ErrConflict
		}
		return c.Epoch, nil
	})
}

// SeekConsumer implements [fanfare.Pollers].
func (s *Store) SeekConsumer(ctx context.Context, app fanfare.ApplicationID, c *fanfare.Consumer) error {
	epoch := 0
	err := s.putConsumer(ctx, app, c, func(there *fanfare.Consumer) (int, error) {
		epoch = 1
		if there != nil {
			epoch = there.Epoch + 1
		}
		return epoch, nil
	})
	if err == nil {
		c.Epoch = epoch
	}
	return err
}

// putConsumer stores where c stands. judge is shown the one there is, or nil, and
// says what the epoch is then.
func (s *Store) putConsumer(ctx context.Context, application fanfare.ApplicationID, c *fanfare.Consumer, judge func(there *fanfare.Consumer) (epoch int, err error)) error {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, c.Endpoint)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	var after *id
	if raw, ok := parse(messagePrefix, c.After); ok {
		after = &raw
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := serially(ctx, tx, "consumer "+string(c.Endpoint)); err != nil {
			return err
		}
		if err := mustHaveEndpoint(ctx, tx, app, ep); err != nil {
			return err
		}
		r, err := tx.Query(ctx, selectConsumer, ep, c.Name, app)
		found, err := rows(r, err, scanConsumer)
		if err != nil {
			return err
		}
		var there *fanfare.Consumer
		if len(found) > 0 {
			there = found[0]
		}
		epoch, err := judge(there)
		if err != nil {
			return err
		}
		if there == nil {
			n := 0
			if err := tx.QueryRow(ctx, "SELECT count(*) FROM consumer WHERE endpoint = $1", ep).Scan(&n); err != nil {
				return err
			}
			if n >= fanfare.MaxConsumers {
				return fanfare.ErrTooMany
			}
		}
		_, err = tx.Exec(ctx, upsertConsumer, ep, c.Name, after, epoch, stored.Micros(c.SeenAt), stored.Micros(c.CreatedAt))
		return err
	})
}

// DeleteConsumer implements [fanfare.Pollers].
func (s *Store) DeleteConsumer(ctx context.Context, application fanfare.ApplicationID, endpoint fanfare.EndpointID, name string) error {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, endpoint)
	if !ok1 || !ok2 {
		return fanfare.ErrNotFound
	}
	done := gone("SELECT 1 FROM consumer WHERE endpoint = $1 AND name = $2", ep, name)
	return s.writeOnce(ctx, done, func(ctx context.Context, tx pgx.Tx) error {
		if err := mustHaveEndpoint(ctx, tx, app, ep); err != nil {
			return err
		}
		return mustChange(tx.Exec(ctx, "DELETE FROM consumer WHERE endpoint = $1 AND name = $2", ep, name))
	})
}

const deleteOldConsumers = `
	DELETE FROM consumer
	WHERE (endpoint, name) IN (
		SELECT endpoint, name
		FROM consumer
		WHERE seen_at < $1
		LIMIT $2)`

// ExpireConsumers implements [fanfare.Pollers].
func (s *Store) ExpireConsumers(ctx context.Context, t time.Time, limit int) (n int, err error) {
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, deleteOldConsumers, stored.Ceil(t), limit)
		n = int(tag.RowsAffected())
		return err
	})
	return n, err
}

// selectSettled gives the first place that an attempt not yet committed may have. It
// goes by the transactions of this database alone, since others may last for hours. A
// transaction's number is shown with its lower 32 bits only, so it is reckoned by how far
// it is behind the first that had not begun. That snapshot is older than what is read of
// the transactions: one that is missing there has ended by then, and is seen by whoever
// looks next.
const selectSettled = `
	SELECT ((first - coalesce(max(greatest(behind, 0)), 0)) << 20) + (SELECT n FROM counter WHERE name = 'place')
	FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS first) AS snapshot
	LEFT JOIN LATERAL (
		SELECT (first - backend_xid::text::bigint + 2147483648) % 4294967296 - 2147483648 AS behind
		FROM pg_stat_activity
		WHERE datname = current_database() AND backend_xid IS NOT NULL) AS open ON true
	GROUP BY first`

// findSettled asks for it by itself: what had ended by then, and nothing else, is
// seen by the query that follows.
func findSettled(ctx context.Context, conn *pgx.Conn) (place int64, err error) {
	err = conn.QueryRow(ctx, selectSettled).Scan(&place)
	return place, err
}

const selectRecorded = `
	SELECT place, endpoint, id
	FROM attempt
	WHERE place > $1 AND place < $3
	ORDER BY place
	LIMIT $2`

const selectRecords = `
	SELECT ` + attemptColumns + `, attempt.place
	FROM unnest($1::uuid[], $2::uuid[]) AS wanted (endpoint, id)
	JOIN attempt ON attempt.endpoint = wanted.endpoint AND attempt.id = wanted.id
	JOIN endpoint ON endpoint.id = attempt.endpoint
	JOIN message ON message.application = endpoint.application AND message.id = attempt.message
	WHERE CASE WHEN $3::uuid IS NULL THEN endpoint.application <> $4 ELSE endpoint.application = $3 END
		AND ($5::text[] IS NULL OR message.channels && $5 AND endpoint.channels <> '{}' AND endpoint.channels <@ $5)
	ORDER BY attempt.place`

// Recorded implements [fanfare.Pollers]. The place of an attempt is its transaction
// and its number therein.
func (s *Store) Recorded(ctx context.Context, application fanfare.ApplicationID, after fanfare.Place, limit int) (some []fanfare.Record, next fanfare.Place, err error) {
	return s.RecordedWithin(ctx, application, nil, after, limit)
}

// RecordedWithin implements [fanfare.Views].
func (s *Store) RecordedWithin(ctx context.Context, application fanfare.ApplicationID, within []string, after fanfare.Place, limit int) (records []fanfare.Record, next fanfare.Place, err error) {
	var of *id
	if application != "" {
		app, _ := parse(applicationPrefix, application)
		of = &app
	}
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		records, next = nil, after
		var endpoints, attempts []id
		var ep, attempt id
		settled, err := findSettled(ctx, conn)
		if err != nil {
			return err
		}
		r, err := conn.Query(ctx, selectRecorded, int64(after), limit, settled)
		if err != nil {
			return err
		}
		_, err = pgx.ForEachRow(r, []any{(*int64)(&next), &ep, &attempt}, func() error {
			endpoints, attempts = append(endpoints, ep), append(attempts, attempt)
			return nil
		})
		if err != nil || len(attempts) == 0 {
			return err
		}
		r, err = conn.Query(ctx, selectRecords, endpoints, attempts, of, own, some(within))
		records, err = rows(r, err, func(r pgx.Rows) (fanfare.Record, error) {
			record := fanfare.Record{Attempt: &fanfare.Attempt{}}
			err := scanAttemptAnd(r, record.Attempt, (*int64)(&record.Place))
			return record, err
		})
		return err
	})
	if err != nil {
		return nil, after, err
	}
	return records, next, nil
}

const selectLastRecorded = `
	SELECT greatest(
		(SELECT place FROM attempt WHERE place < $1 ORDER BY place DESC LIMIT 1),
		(SELECT place FROM newest))`

// LastRecorded implements [fanfare.Pollers].
func (s *Store) LastRecorded(ctx context.Context) (last fanfare.Place, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		settled, err := findSettled(ctx, conn)
		if err != nil {
			return err
		}
		return conn.QueryRow(ctx, selectLastRecorded, settled).Scan((*int64)(&last))
	})
	return last, err
}
