package sqlite

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

const upsertEndpointTally = `
	INSERT INTO endpoint_tally (begins_at, endpoint, sheet, succeeded, failed)
	VALUES (?, ?, ?, ?, ?)
	ON CONFLICT (begins_at, endpoint, sheet) DO UPDATE SET
		succeeded = excluded.succeeded,
		failed = excluded.failed`

// KeepEndpointTallies implements [fanfare.EndpointTallies].
func (s *Store) KeepEndpointTallies(ctx context.Context, sheet [16]byte, some []fanfare.EndpointTally) error {
	run := func(w *writer) error {
		for _, t := range some {
			ep, ok := parse(endpointPrefix, t.Endpoint)
			if !ok {
				continue // there is no such endpoint
			}
			err := w.exec(upsertEndpointTally, func(bind *binder) {
				bind.time(t.Begins)
				bind.id(ep)
				bind.id(sheet)
				bind.number(t.Succeeded)
				bind.number(t.Failed)
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	return s.write(ctx, &job{run: run, grows: true, hot: true})
}

// selectEndpointTallies finds the hours that there are, and looks every endpoint up in each.
const selectEndpointTallies = `
	WITH RECURSIVE hour (begins_at) AS (
		SELECT min(begins_at)
		FROM endpoint_tally
		WHERE begins_at >= :since
		UNION ALL
		SELECT (SELECT min(begins_at) FROM endpoint_tally WHERE begins_at > hour.begins_at)
		FROM hour
		WHERE begins_at IS NOT NULL),
	named (endpoint) AS MATERIALIZED (
		SELECT unhex(value)
		FROM json_each(:endpoints))
	SELECT tally.endpoint, tally.begins_at, sum(tally.succeeded), sum(tally.failed)
	FROM hour
	CROSS JOIN named
	CROSS JOIN endpoint_tally AS tally ON tally.begins_at = hour.begins_at AND tally.endpoint = named.endpoint
	WHERE tally.sheet NOT IN (SELECT unhex(value) FROM json_each(:but))
	GROUP BY tally.endpoint, tally.begins_at
	ORDER BY tally.endpoint, tally.begins_at`

// EndpointTallies implements [fanfare.EndpointTallies].
func (s *Store) EndpointTallies(ctx context.Context, but [][16]byte, eps []fanfare.EndpointID, since time.Time) (all []fanfare.EndpointTally, err error) {
	var named [][16]byte
	for _, ep := range eps {
		if raw, ok := parse(endpointPrefix, ep); ok {
			named = append(named, raw)
		}
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectEndpointTallies)
		if err != nil {
			return err
		}
		stmt.SetInt64(":since", stored.From(since))
		stmt.SetText(":endpoints", hexadecimal(named))
		stmt.SetText(":but", hexadecimal(but))
		return each(stmt, func(row *row) bool {
			all = append(all, fanfare.EndpointTally{
				Endpoint: fanfare.EndpointID(row.name(endpointPrefix)), Begins: row.time(), Succeeded: row.number(), Failed: row.number(),
			})
			return true
		})
	})
	return all, err
}

// hexadecimal is a list of ids as JSON.
func hexadecimal(all [][16]byte) string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = hex.EncodeToString(v[:])
	}
	text, _ := json.Marshal(texts) // strings always are JSON
	return string(text)
}

// tallyPiece is how many counts one transaction removes, so that others get their turn in
// between.
const tallyPiece = 1000

const deleteEndpointTallies = `
	DELETE FROM endpoint_tally
	WHERE (begins_at, endpoint, sheet) IN (
		SELECT begins_at, endpoint, sheet
		FROM endpoint_tally
		WHERE begins_at < ?
		ORDER BY begins_at, endpoint, sheet
		LIMIT ?)`

// PruneEndpointTallies implements [fanfare.EndpointTallies].
func (s *Store) PruneEndpointTallies(ctx context.Context, t time.Time) error {
	for removed := tallyPiece; removed == tallyPiece; {
		err := s.note(ctx, func(w *writer) error {
			err := w.exec(deleteEndpointTallies, func(bind *binder) {
				bind.number(stored.Ceil(t))
				bind.number(tallyPiece)
			})
			removed = w.conn.Changes()
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
