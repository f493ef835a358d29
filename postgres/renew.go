package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanfarehq/fanfare"
)

// A renewal is sent as a whole and done without asking back: whatever becomes of this
// process meanwhile, it leaves no row of others' locked.
const (
	// hurryLocks has a transaction of the lease wait for no row longer than its sender
	// waits for it.
	hurryLocks = `
	SELECT set_config('lock_timeout', '1500ms', true)`

	extendLease = `
	UPDATE node
	SET expires_at = now() + make_interval(secs => $2), horizon = $3, takes = $4, keys = $5
	WHERE id = $1 AND ` + opensSealed

	// deleteExpired passes over a node that is just writing: it is not gone. It tells the
	// others, as a part of what it held is theirs.
	deleteExpired = `
	WITH gone AS (
		DELETE FROM node
		WHERE id IN (
			SELECT id
			FROM node
			WHERE expires_at < now()
			FOR UPDATE SKIP LOCKED)
		RETURNING id
	)
	SELECT pg_notify($1, $2)
	FROM gone
	LIMIT 1`

	// A share is even among the nodes that take. What is left over then is one more for
	// each of those that hold most already, so that nothing moves for its sake.
	missing = `(
		SELECT 257 / greatest(count(share.id), 1)
			+ (count(*) FILTER (WHERE (-held, share.id) < (-own, $1)) < 257 % greatest(count(share.id), 1))::integer
			- own
		FROM (SELECT count(*) AS own FROM shard WHERE owner = $1) AS mine
		LEFT JOIN (
			SELECT node.id, count(shard.id) AS held
			FROM node
			LEFT JOIN shard ON shard.owner = node.id
			WHERE node.takes
			GROUP BY node.id) AS share ON true
		GROUP BY own)`

	// lockShards has one node at a time take: a statement that waits for a row of shard
	// still sees node as it was before, and would take from a node that has joined since.
	lockShards = `
	SELECT 1
	FROM counter
	WHERE name = 'shard' AND 0 < ` + missing + `
	FOR UPDATE`

	takeFree = `
	UPDATE shard
	SET owner = $1, epoch = epoch + 1
	WHERE EXISTS (SELECT 1 FROM node WHERE id = $1) AND id IN (
		SELECT id
		FROM shard
		WHERE NOT EXISTS (SELECT 1 FROM node WHERE node.id = shard.owner)
		ORDER BY id
		LIMIT greatest(0, ` + missing + `)
		FOR UPDATE SKIP LOCKED)`

	selectShare = `
	SELECT id, -least(0, ` + missing + `)
	FROM shard
	WHERE owner = $1
	ORDER BY id`

	// raiseHorizon is the last, as the others wait for it.
	raiseHorizon = `
	UPDATE counter
	SET n = (SELECT min(horizon) FROM node)
	WHERE name = 'horizon' AND n < (SELECT min(horizon) FROM node)`
)

// Renew implements [fanfare.Shared].
func (s *Store) Renew(ctx context.Context, horizon uint64, take bool) (*fanfare.Lease, error) {
	self := s.member.node()
	if self == nil {
		return nil, fanfare.ErrFenced
	}
	begun := time.Now()
	// After the database was away for all, whoever is back first must not take the
	// others for gone.
	steady := begun.Sub(s.member.steadySince) >= leaseTime && begun.Sub(s.member.renewed) < leaseTime/2
	lease := &fanfare.Lease{Until: begun.Add(leaseTime - leaseMargin)}
	lost := false
	var seen int64
	err := s.hold(ctx, func(batch *pgx.Batch) {
		batch.Queue(hurryLocks)
		batch.Queue(extendLease, *self, leaseTime.Seconds(), int64(horizon), take, s.keyIDs()).Exec(func(tag pgconn.CommandTag) error {
			lost = tag.RowsAffected() == 0
			return nil
		})
		if steady {
			batch.Queue(deleteExpired, channel, newsRenew)
		}
		if take {
			batch.Queue(lockShards, *self)
			batch.Queue(takeFree, *self)
		}
		batch.Queue(selectShare, *self).Query(func(r pgx.Rows) error {
			lease.Shards, lease.Excess = nil, 0
			shard := 0
			_, err := pgx.ForEachRow(r, []any{&shard, &lease.Excess}, func() error {
				lease.Shards = append(lease.Shards, shard)
				return nil
			})
			return err
		})
		batch.Queue(selectChanges, s.member.seen).Query(func(r pgx.Rows) (err error) {
			lease.Changed, seen, err = readChanges(r, s.member.seen)
			return err
		})
		batch.Queue(raiseHorizon)
	})
	if err == nil && lost {
		s.forgetNode()
		return nil, fanfare.ErrFenced
	}
	if err == nil {
		err = s.lookAround(ctx, lease)
	}
	if err != nil {
		return nil, err
	}
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	if begun.Sub(s.member.renewed) >= leaseTime/2 {
		s.member.steadySince = begun
	}
	s.member.renewed, s.member.until = time.Now(), lease.Until
	s.member.seen = seen
	s.member.held = [shards + 1]bool{}
	for _, shard := range lease.Shards {
		s.member.held[shard] = true
	}
	return lease, nil
}

// selectAround reads the clock, how far all nodes have come, and the time of the oldest
// message that is being accepted. What is not among those by then, and is behind how
// far they had come before, is refused (see [acceptance.guard]).
const selectAround = `
	SELECT clock_timestamp(), n, coalesce((
		SELECT min((classid::bigint - $1) << 32 | objid::bigint)
		FROM pg_locks
		WHERE locktype = 'advisory'
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND objsubid = 2
			AND classid::bigint >> 16 = $1::bigint >> 16
			AND granted), -1)
	FROM counter
	WHERE name = 'horizon'`

// lookAround reads what a lease says of the clock and of other nodes.
//
// What is to be added to this machine's clock for the database's lies in the span that
// a question and its answer leave. It is changed only so far as it was outside, so
// that neither slow answers nor the clocks' drift make time jump.
func (s *Store) lookAround(ctx context.Context, lease *fanfare.Lease) error {
	return s.persist(ctx, s.leasing, func(ctx context.Context, conn *pgx.Conn, _ *try) error {
		var theirs time.Time
		var horizon, oldest int64
		asked := time.Now()
		err := conn.QueryRow(ctx, selectAround, acceptLock).Scan(&theirs, &horizon, &oldest)
		told := time.Now()
		if err != nil {
			return err
		}
		if oldest >= 0 {
			horizon = min(horizon, max(1, oldest<<12)-1)
		}
		lease.Horizon = uint64(horizon)
		s.member.clock = min(max(s.member.clock, theirs.Sub(told)), theirs.Sub(asked))
		lease.Skew = s.member.clock
		return nil
	})
}

const selectChanges = `
	SELECT n, application
	FROM change
	WHERE n > $1
	ORDER BY n
	LIMIT 10000`

// readChanges are the applications of which something was changed after a change.
func readChanges(r pgx.Rows, after int64) (apps []fanfare.ApplicationID, last int64, err error) {
	seen := make(map[fanfare.ApplicationID]bool)
	last = after
	var app *id
	_, err = pgx.ForEachRow(r, []any{&last, &app}, func() error {
		name := fanfare.ApplicationID(nameOf(applicationPrefix, app))
		if !seen[name] {
			seen[name] = true
			apps = append(apps, name)
		}
		return nil
	})
	return apps, last, err
}

// beginHearing has changes heard from now on: nothing of the catalogue is in memory
// yet.
func (s *Store) beginHearing(ctx context.Context) error {
	return s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT n FROM counter WHERE name = 'change'").Scan(&s.member.seen)
	})
}
