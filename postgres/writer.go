package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// limits are how long a Store waits for its database.
type limits struct{ patience, write, read time.Duration }

var usual = limits{patience, writeLimit, readLimit}

const (
	// patience is how long a call waits for a database that is gone, such as while it
	// fails over. Then its caller is told; whether it was done only the database knows.
	patience = 20 * time.Second

	// Of a node whose lease has run out, as its database does not answer, no call but
	// those that record waits longer than briefly: another node may do better.
	briefly = 2 * time.Second

	// A connection that does not answer for so long is given up. No setting of the
	// server ends the wait of a COMMIT for a standby, and none notices from afar
	// that nobody is there.
	writeLimit = 8 * time.Second
	readLimit  = 30 * time.Second
	idleLimit  = 2 * time.Second // of a connection that was idle, before it is used

	// connectLimit is how long a host may take to let a connection in, unless the URL
	// says otherwise (connect_timeout): one that does not answer keeps from the next.
	connectLimit = 3 * time.Second

	retryGap = 50 * time.Millisecond // before the second try; then twice as long
	maxGap   = 500 * time.Millisecond
)

// A try is one of the calls of a function that is called again until what it does is
// done.
type try struct {
	// repeats: the one before it may have been done, though it was not heard so.
	repeats bool
	sent    bool // it has come to where it may be done
}

// A line is connections to the database, and how long their answers are waited for: in
// all, and each time.
type line struct {
	pool            *pgxpool.Pool
	patience, limit time.Duration
	brief           bool // it is waited for briefly by a node that has lost its lease
}

// persist calls f with a connection until it does not fail for a reason that may
// pass.
func (s *Store) persist(ctx context.Context, over line, f func(ctx context.Context, conn *pgx.Conn, t *try) error) error {
	if s.closed.Load() {
		return errClosed
	}
	begun := time.Now()
	deadline := func() time.Time {
		if over.brief && s.member.away() {
			return begun.Add(briefly)
		}
		return begun.Add(max(over.patience, over.limit))
	}
	repeats := false
	for gap := retryGap; ; gap = min(2*gap, maxGap) {
		t := try{repeats: repeats}
		left := max(retryGap, time.Until(deadline()))
		err := s.connected(ctx, line{pool: over.pool, limit: min(over.limit, left)}, func(ctx context.Context, conn *pgx.Conn) error { return f(ctx, conn, &t) })
		if !again(err) || time.Now().Add(gap).After(deadline()) {
			return fault(err)
		}
		repeats = repeats || t.sent
		select {
		case <-ctx.Done():
			return fault(err)
		case <-time.After(gap):
		}
	}
}

// connected calls f with a connection, for no longer than limit. Afterwards that is
// closed if it led to the wrong server. If it was lost then all are made anew that are
// there: they led to the same one, and to find that out of each would take as long again.
func (s *Store) connected(ctx context.Context, over line, f func(ctx context.Context, conn *pgx.Conn) error) error {
	timed, cancel := context.WithTimeout(ctx, over.limit)
	defer cancel()
	conn, err := over.pool.Acquire(timed)
	if err == nil {
		err = f(timed, conn.Conn())
		if warned := s.wasWarned(conn.Conn()); warned && err == nil {
			err = errUnsure
		}
		if isElsewhere(err) {
			_ = conn.Conn().Close(timed) // there is nothing to be done about it
		}
		conn.Release()
	}
	if err == nil || ctx.Err() != nil || isAnswer(err) {
		return err
	}
	if timed.Err() != nil {
		err = fmt.Errorf("%w: %w", errLate, err)
	}
	there := conn != nil || over.pool.Stat().IdleConns() > 0
	if there && (errors.Is(err, errLate) || isElsewhere(err) || isLost(err)) {
		over.pool.Reset()
	}
	return err
}

// notice takes down that a connection was warned. The warning that matters, of a wait
// for a standby that was cancelled, has no code of its own, and its text is in the
// server's language: so it is any that has none.
func (s *Store) notice(conn *pgconn.PgConn, n *pgconn.Notice) {
	if n.SeverityUnlocalized == "WARNING" && (n.Code == codeWarning || n.Code == codeEnded) {
		s.warned.Store(conn, true)
	}
}

// wasWarned reports whether the connection was warned since this was last asked.
func (s *Store) wasWarned(conn *pgx.Conn) bool {
	_, warned := s.warned.LoadAndDelete(conn.PgConn())
	return warned
}

// read calls f with a connection on which it only reads: again if that is lost, so f
// sets all of its results anew each time.
func (s *Store) read(ctx context.Context, f func(ctx context.Context, conn *pgx.Conn) error) error {
	return s.persist(ctx, line{s.pool, s.limits.patience, s.limits.read, true}, func(ctx context.Context, conn *pgx.Conn, _ *try) error { return f(ctx, conn) })
}

// write calls f in a transaction, and again if that could not be committed for a
// reason that may pass: f sets all of its results anew each time. Nothing is kept
// of what f did before it failed.
func (s *Store) write(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	return s.writeOnce(ctx, nil, f)
}

// begin has the server end a transaction in which nothing is asked for so long: whoever
// was stopped, or cut off, amid one would keep its rows locked until it goes on. It was
// rolled back then, and is done again. Who waited for a lock must see, whatever the
// database's default is, what the one before has done.
const begin = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '3s'"

// writeOnce is write for what cannot be done twice. done is asked first when the
// transaction before may have been committed, and reports whether it was.
func (s *Store) writeOnce(ctx context.Context, done func(ctx context.Context, tx pgx.Tx) (bool, error), f func(ctx context.Context, tx pgx.Tx) error) error {
	return s.persist(ctx, line{s.pool, s.limits.patience, s.limits.write, true}, func(ctx context.Context, conn *pgx.Conn, t *try) error {
		return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{BeginQuery: begin}, func(tx pgx.Tx) error {
			if t.repeats {
				if _, err := tx.Exec(ctx, countRepeat); err != nil {
					return err
				}
				if done != nil {
					if was, err := done(ctx, tx); was || err != nil {
						t.sent = err == nil
						return err
					}
				}
			}
			err := f(ctx, tx)
			t.sent = err == nil
			return err
		})
	})
}

// send has the statements that fill queues done in one transaction, in one round
// trip. What they return is read by functions that set all of it anew each time. end is
// how its inserts are to end: unlessThere, if what they insert was found to be there, or
// may have been done.
func (s *Store) send(ctx context.Context, fill func(batch *pgx.Batch, end string)) error {
	return s.sendOver(ctx, line{s.pool, s.limits.patience, s.limits.write, true}, fill)
}

func (s *Store) sendOver(ctx context.Context, over line, fill func(batch *pgx.Batch, end string)) error {
	return s.persist(ctx, over, func(ctx context.Context, conn *pgx.Conn, t *try) (err error) {
		t.sent = true
		if !t.repeats {
			batch := &pgx.Batch{}
			fill(batch, "")
			if err = conn.SendBatch(ctx, batch).Close(); !isThere(err) {
				return err
			}
		}
		batch := &pgx.Batch{}
		batch.Queue(countRepeat)
		fill(batch, unlessThere)
		return conn.SendBatch(ctx, batch).Close()
	})
}

// planByIndex has the statements of a transaction that follow find rows by their keys,
// whatever the planner knows of tables that were empty a moment ago, and plans them
// once for a connection.
const planByIndex = `
	SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
		set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
		set_config('plan_cache_mode', 'force_generic_plan', true)`

// countRepeat has a transaction write something. One that finds all done by the one
// before it would not wait for the standby, as that one may not have either. Each
// connection has a row of its own, nearly: after an outage all of them repeat what they
// did, and one that is slow, or stopped, must not keep the renewals of others waiting.
const countRepeat = `
	INSERT INTO counter (name, n)
	VALUES ('repeat ' || pg_backend_pid() % 256, 1)
	ON CONFLICT (name) DO UPDATE SET n = counter.n + 1`

// exists is whether a query has a row: what writeOnce is to ask.
func exists(query string, args ...any) func(ctx context.Context, tx pgx.Tx) (bool, error) {
	return func(ctx context.Context, tx pgx.Tx) (found bool, err error) {
		err = tx.QueryRow(ctx, "SELECT EXISTS ("+query+")", args...).Scan(&found)
		return found, err
	}
}

// gone is exists turned round.
func gone(query string, args ...any) func(ctx context.Context, tx pgx.Tx) (bool, error) {
	return func(ctx context.Context, tx pgx.Tx) (bool, error) {
		found, err := exists(query, args...)(ctx, tx)
		return !found, err
	}
}
