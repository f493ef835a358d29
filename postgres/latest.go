package postgres

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

// replace stores the deliveries of calls of which some take the places of others, one
// after the other. Of two transactions that do it for the same key one waits.
func (g *acceptance) replace(ctx context.Context, tx pgx.Tx) (err error) {
	var locks []int64
	g.each(func(call *intake, p *parcel) {
		for i, place := range p.places {
			if d := &p.Deliveries[place]; d.Latest {
				h := fnv.New64a()
				_, _ = h.Write(p.endpoints[i][:])
				_, _ = h.Write([]byte(d.OrderingKey))
				locks = append(locks, int64(h.Sum64()))
			}
		}
	})
	slices.Sort(locks)
	for _, lock := range slices.Compact(locks) {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", lock); err != nil {
			return err
		}
	}
	g.each(func(call *intake, p *parcel) {
		if !call.latest {
			return
		}
		for i, place := range p.places {
			if d := &p.Deliveries[place]; d.Latest && err == nil {
				err = takePlace(ctx, tx, call.app, p.endpoints[i], p.id, d)
			}
			if err == nil {
				var ds deliveries
				ds.add(call.app, p, i)
				_, err = tx.Exec(ctx, insertDeliveries+unlessThere, ds.args()...)
			}
		}
	})
	return err
}

// selectReplaced finds the delivery whose place another is to take.
const selectReplaced = `
	SELECT delivery.message, delivery.due_at
	FROM delivery
	JOIN endpoint ON endpoint.id = delivery.endpoint AND endpoint.application = $3
	WHERE delivery.endpoint = $1
		AND delivery.state = 0
		AND delivery.ordering_key = $2
		AND delivery.attempts = 0
		AND NOT delivery.manual
		AND delivery.message <> $4
	ORDER BY delivery.rank, delivery.message
	LIMIT 1`

// selectTaken finds a delivery that is there already, as its COMMIT was not heard of,
// and the one whose place it took then: the last of its key to be cancelled.
const selectTaken = `
	SELECT own.due_at, (
		SELECT message
		FROM (
			SELECT *
			FROM delivery
			WHERE endpoint = $1 AND message < $2
			ORDER BY message DESC
			LIMIT 1000) AS before
		WHERE state = 3 AND ordering_key = $3 AND attempts = 0 AND NOT manual
		ORDER BY message DESC
		LIMIT 1)
	FROM delivery AS own
	WHERE own.endpoint = $1 AND own.message = $2`

const cancelReplaced = `
	UPDATE delivery
	SET state = 3
	WHERE endpoint = $1 AND message = $2 AND state = 0`

// takePlace cancels the delivery whose place d takes.
func takePlace(ctx context.Context, tx pgx.Tx, app, ep, msg id, d *fanfare.Delivery) error {
	d.Replaced = ""
	var old *id
	var due int64
	err := tx.QueryRow(ctx, selectReplaced, ep, d.OrderingKey, app, msg).Scan(&old, &due)
	if errors.Is(err, pgx.ErrNoRows) {
		err = tx.QueryRow(ctx, selectTaken, ep, msg, d.OrderingKey).Scan(&due, &old)
	} else if err == nil {
		_, err = tx.Exec(ctx, cancelReplaced, ep, *old)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	d.Replaced = fanfare.MessageID(nameOf(messagePrefix, old))
	if at := stored.Instant(due); at.Before(d.Due) {
		d.Due, d.Rank = at, fanfare.RankOf(d.Rank == 0, at)
	}
	return nil
}
