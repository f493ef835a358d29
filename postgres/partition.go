package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

const (
	// week is how long a partition lasts. Weeks begin on Thursdays, as 1970 did.
	week = 7 * 24 * time.Hour

	// mistake is how far a clock may be wrong: a week that ended so lately is not dropped.
	mistake = 24 * time.Hour

	// weeksAhead is for how many weeks there are partitions already. What has none is
	// in the default one, and is removed row by row.
	weeksAhead = 2

	// dayFormat is how the names of partitions end.
	dayFormat = "20060102"
)

// divided are the tables that have partitions.
var divided = []string{"message", "delivery", "attempt"}

// weekOf is the beginning of the week that t is in.
func weekOf(t time.Time) time.Time {
	ms := t.UnixMilli()
	return time.UnixMilli(ms - ms%week.Milliseconds()).UTC()
}

// partitionOf names the partition of a table for the week that begins then.
func partitionOf(table string, begins time.Time) string {
	return table + "_" + begins.Format(dayFormat)
}

// idFrom is the smallest identifier of something made at t or later: identifiers begin
// with the milliseconds since 1970.
func idFrom(t time.Time) (raw id) {
	binary.BigEndian.PutUint64(raw[:], uint64(t.UnixMilli())<<16)
	return raw
}

const selectPartitions = `
	SELECT child.relname
	FROM pg_inherits
	JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
	WHERE pg_inherits.inhparent = ANY($1::regclass[])
	ORDER BY child.relname`

// partitions gives the names of those there are of some tables.
func (s *Store) partitions(ctx context.Context, tables ...string) (names []string, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, selectPartitions, tables)
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(r, pgx.RowTo[string])
		return err
	})
	return names, err
}

// makePartitions makes those that are missing of the week that t is in and those after
// it. One that cannot be made now, as someone reads for long or the default one holds
// what would be in it, is left for the next time.
func (s *Store) makePartitions(ctx context.Context, t time.Time) error {
	names, err := s.partitions(ctx, divided...)
	if err != nil {
		return err
	}
	there := make(map[string]bool)
	for _, name := range names {
		there[name] = true
	}
	for n := range 1 + weeksAhead {
		begins := weekOf(t).Add(time.Duration(n) * week)
		for _, table := range divided {
			if there[partitionOf(table, begins)] {
				continue
			}
			if err := s.makePartition(ctx, table, begins); err != nil && !isLeft(err) {
				return fmt.Errorf("making partition %s: %w", partitionOf(table, begins), err)
			}
		}
	}
	return nil
}

func (s *Store) makePartition(ctx context.Context, table string, begins time.Time) error {
	from, to := pgtype.UUID{Bytes: idFrom(begins), Valid: true}, pgtype.UUID{Bytes: idFrom(begins.Add(week)), Valid: true}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := beBrief(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+partitionOf(table, begins)+" PARTITION OF "+table+
			" FOR VALUES FROM ('"+from.String()+"') TO ('"+to.String()+"')")
		return err
	})
}

// beBrief has a transaction that changes tables be the only one that does, and not
// wait for long: everyone else would wait behind it.
func beBrief(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "SELECT set_config('lock_timeout', '1s', true)"); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock))
	return err
}

// isLeft reports whether err says that a partition cannot be made or dropped now.
func isLeft(err error) bool {
	const lockTaken, rowsInDefault, madeMeanwhile = "55P03", "23514", "42P07"
	var fault *pgconn.PgError
	return errors.As(err, &fault) && (fault.Code == lockTaken || fault.Code == rowsInDefault || fault.Code == madeMeanwhile)
}

// dropPartitions drops the partitions of weeks that were over before t, of which no
// delivery waits, and returns how many messages that were.
func (s *Store) dropPartitions(ctx context.Context, t time.Time) (n int, err error) {
	if last := time.Now().Add(-mistake); t.After(last) {
		t = last
	}
	names, err := s.partitions(ctx, "message")
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		begins, err := time.Parse(dayFormat, strings.TrimPrefix(name, "message_"))
		if err != nil || begins.Add(week).After(t) {
			continue // the default one, or not old enough
		}
		some, err := s.dropWeek(ctx, begins)
		if isLeft(err) {
			continue
		}
		if err != nil {
			return n, fmt.Errorf("dropping partition %s: %w", name, err)
		}
		n += some
	}
	return n, s.dropAttempts(ctx, t)
}

const selectAnyWaiting = `
	SELECT EXISTS (
		SELECT 1
		FROM delivery
		JOIN endpoint ON endpoint.id = delivery.endpoint
		WHERE delivery.state = 0 AND delivery.message >= $1 AND delivery.message < $2)`

const deleteEventIDs = `
	DELETE FROM event_id
	WHERE message IN (
		SELECT message
		FROM event_id
		WHERE message >= $1 AND message < $2
		LIMIT $3)`

// dropWeek drops the messages and deliveries of a week unless one waits. Their event
// ids go first, since they are too old for that by then.
func (s *Store) dropWeek(ctx context.Context, begins time.Time) (n int, err error) {
	from, to := idFrom(begins), idFrom(begins.Add(week))
	waits := false
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, selectAnyWaiting, from, to).Scan(&waits)
	})
	if err != nil || waits {
		return 0, err
	}
	if _, err := s.removeAll(ctx, deleteEventIDs, from, to, removeChunk); err != nil {
		return 0, err
	}
	messages, deliveries := partitionOf("message", begins), partitionOf("delivery", begins)
	if n, err = s.countMessages(ctx, from, to); err != nil {
		return 0, err
	}
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := beBrief(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "LOCK TABLE message, delivery IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, selectAnyWaiting, from, to).Scan(&waits); err != nil || waits {
			return err
		}
		if err := keepNewest(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DROP TABLE IF EXISTS "+messages+", "+deliveries)
		return err
	})
	if err != nil || waits {
		return 0, err
	}
	return n, nil
}

// countMessages counts the messages with identifiers in [from, to). Where it takes too
// long to count them there are none: they are dropped all the same.
func (s *Store) countMessages(ctx context.Context, from, to id) (n int, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT count(*) FROM message WHERE id >= $1 AND id < $2", from, to).Scan(&n)
	})
	if errors.Is(err, errLate) {
		return 0, nil
	}
	return n, err
}

// dropAttempts drops the attempts of weeks before which, and in which, no message is
// left that they could be of.
func (s *Store) dropAttempts(ctx context.Context, t time.Time) error {
	names, err := s.partitions(ctx, "attempt")
	if err != nil {
		return err
	}
	for _, name := range names {
		begins, err := time.Parse(dayFormat, strings.TrimPrefix(name, "attempt_"))
		if err != nil || begins.Add(week).After(t) {
			continue
		}
		err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
			left := false
			if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM message WHERE id < $1)", idFrom(begins.Add(week))).Scan(&left); err != nil || left {
				return err
			}
			if err := beBrief(ctx, tx); err != nil {
				return err
			}
			if err := keepNewest(ctx, tx); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "DROP TABLE IF EXISTS "+name)
			return err
		})
		if err != nil && !isLeft(err) {
			return fmt.Errorf("dropping partition %s: %w", name, err)
		}
	}
	return nil
}
