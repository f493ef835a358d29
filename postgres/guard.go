package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanfarehq/fanfare"
)

// Those who poll are shown messages up to a horizon, behind which all that is to come
// must lie. How far the nodes have come, the counter horizon, is most of it; the rest
// is here, as whoever accepts may have been frozen since it made an identifier, or be no
// node at all. Each transaction that accepts
//
//	locks the millisecond of its oldest message, then
//	reads the counter, and fails if it is past that message.
//
// A horizon is made the other way round: the counter is raised, and committed; then it
// is reckoned only to before the earliest millisecond that is locked. So what has no lock
// by then fails when it gets one, and what had one that is gone can be read.

// acceptLock and a number of 16 bits more are the upper halves of the locks of
// milliseconds, which so share their numbers with nothing: "Fa" in ASCII.
const acceptLock int64 = 0x4661 << 16

const lockMoment = `
	SELECT pg_advisory_xact_lock_shared($1, $2)`

// guard queues what locks the millisecond of the oldest message.
func (g *acceptance) guard(batch *pgx.Batch) {
	ms := uint64(g.oldest()) >> 12
	batch.Queue(lockMoment, int32(uint64(acceptLock)+ms>>32), int32(ms))
}

// oldest is where the oldest message stands in time, as horizons do: the milliseconds
// since 1970, and 12 bits that count within one.
func (g *acceptance) oldest() int64 {
	var first uint64 = 1<<60 - 1
	for _, call := range g.calls {
		for i := range call.parcels {
			high := binary.BigEndian.Uint64(call.parcels[i].id[:8])
			first = min(first, high>>16<<12|high&0xfff)
		}
	}
	return int64(first)
}

// isBehind reports whether err says that who polls may have read past a message.
func isBehind(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && fault.Code == codeByZero
}

// place is what has to be ahead of the horizon: nothing, if it is there already.
func (g *acceptance) place() int64 {
	if g.stored {
		return math.MaxInt64
	}
	return g.oldest()
}

// overtaken is called when g was refused with err, as others have read past it. That is
// no answer if g was stored by a try before, whose COMMIT was not heard of: then stored
// is true, and to store it again changes nothing. Otherwise the error says how far the
// others are.
func (s *Store) overtaken(ctx context.Context, g *acceptance, err error) (stored bool, _ error) {
	var ids []id
	for _, call := range g.calls {
		for i := range call.parcels {
			ids = append(ids, call.parcels[i].id)
		}
	}
	var horizon int64
	reading := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, selectOvertaken, ids).Scan(&horizon, &stored)
	})
	switch {
	case reading != nil:
		return false, fmt.Errorf("%w; and reading how far others are: %w", err, reading)
	case stored:
		return true, nil
	}
	return false, &fanfare.OvertakenError{Horizon: uint64(horizon)}
}

const selectOvertaken = `
	SELECT n, EXISTS (SELECT FROM message WHERE id = ANY($1))
	FROM counter
	WHERE name = 'horizon'`
