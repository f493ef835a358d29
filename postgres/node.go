package postgres

import (
	"context"
	"crypto/rand"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

const (
	// leaseTime is how long a node may go without renewing its lease.
	leaseTime = 10 * time.Second
	// leaseMargin is by how much it must stop before others may begin.
	leaseMargin = 2 * time.Second
)

const nodePrefix = "node_"

// A membership is which node a Store is, if it is one.
type membership struct {
	mu   sync.RWMutex
	id   id // zero: none
	held [shards + 1]bool
	seen int64 // the change that was heard of last

	// Of the goroutine that calls Renew:
	clock       time.Duration // see skew
	renewed     time.Time     // when the lease was extended last
	steadySince time.Time     // since when without a gap
}

// node is the id of the node that the Store is; nil: none, and nothing is fenced.
func (m *membership) node() *id {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.id == (id{}) {
		return nil
	}
	self := m.id
	return &self
}

// elsewhere reports whether the lane of an endpoint runs on another node.
func (m *membership) elsewhere(ep id) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.id == (id{}) || !m.held[shardOf(ep)]
}

const insertNode = `
	INSERT INTO node (id, name, horizon, started_at, expires_at)
	VALUES ($1, $2, 0, now(), now() + make_interval(secs => $3))`

// Join implements [fanfare.Shared].
func (s *Store) Join(ctx context.Context, name string) error {
	if name == "" {
		name, _ = os.Hostname() // it is only for people
	}
	var self id
	_, _ = rand.Read(self[:]) // never fails
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, insertNode, self, name, leaseTime.Seconds()); err != nil {
			return err
		}
		return notify(ctx, tx, newsRenew)
	})
	if err != nil {
		return err
	}
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	s.wasNode.Store(true)
	s.member.id, s.member.held = self, [shards + 1]bool{}
	return nil
}

const (
	extendLease = `
	UPDATE node
	SET expires_at = now() + make_interval(secs => $2), horizon = $3
	WHERE id = $1`

	// deleteExpired passes over a node that is just writing: it is not gone.
	deleteExpired = `
	DELETE FROM node
	WHERE id IN (
		SELECT id
		FROM node
		WHERE expires_at < now()
		FOR UPDATE SKIP LOCKED)`

	takeFree = `
	UPDATE shard
	SET owner = $1, epoch = epoch + 1
	WHERE id IN (
		SELECT id
		FROM shard
		WHERE NOT EXISTS (SELECT 1 FROM node WHERE node.id = shard.owner)
		ORDER BY id
		LIMIT $2
		FOR UPDATE SKIP LOCKED)`
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
	seen := s.member.seen
	lost := false
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		lease.Shards, lease.Changed, lost = nil, nil, false
		tag, err := tx.Exec(ctx, extendLease, *self, leaseTime.Seconds(), int64(horizon))
		if err != nil {
			return err
		}
		if lost = tag.RowsAffected() == 0; lost {
			return nil
		}
		if !steady {
			return s.share(ctx, tx, *self, lease, take)
		}
		if tag, err = tx.Exec(ctx, deleteExpired); err != nil {
			return err
		}
		if tag.RowsAffected() > 0 { // the others have a part of what it held coming
			if err := notify(ctx, tx, newsRenew); err != nil {
				return err
			}
		}
		return s.share(ctx, tx, *self, lease, take)
	})
	if err == nil && lost {
		s.forgetNode()
		return nil, fanfare.ErrFenced
	}
	if err == nil {
		lease.Changed, seen, err = s.changes(ctx, seen)
	}
	if err == nil {
		lease.Skew, err = s.skew(ctx)
	}
	if err != nil {
		return nil, err
	}
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	if begun.Sub(s.member.renewed) >= leaseTime/2 {
		s.member.steadySince = begun
	}
	s.member.renewed = time.Now()
	s.member.seen = seen
	s.member.held = [shards + 1]bool{}
	for _, shard := range lease.Shards {
		s.member.held[shard] = true
	}
	return lease, nil
}

// skew is what is to be added to this machine's clock for the database's. A question
// and its answer leave a span that it lies in; it is changed only so far as it was
// outside, so that neither slow answers nor the clocks' drift make time jump.
func (s *Store) skew(ctx context.Context) (time.Duration, error) {
	var theirs, asked, told time.Time
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		asked = time.Now()
		err := conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&theirs)
		told = time.Now()
		return err
	})
	if err != nil {
		return 0, err
	}
	s.member.clock = min(max(s.member.clock, theirs.Sub(told)), theirs.Sub(asked))
	return s.member.clock, nil
}

// share takes what is free, as far as the node has less than its share, and reads
// what it has.
func (s *Store) share(ctx context.Context, tx pgx.Tx, self id, lease *fanfare.Lease, take bool) error {
	live, mine := 0, 0
	least := int64(0)
	err := tx.QueryRow(ctx, "SELECT count(*), min(horizon), (SELECT count(*) FROM shard WHERE owner = $1) FROM node", self).Scan(&live, &least, &mine)
	if err != nil {
		return err
	}
	lease.Horizon = uint64(least)
	most := (shards + live) / live // rounded up
	if take && mine < most {
		// One at a time: a statement that waits for a row of shard still sees node as it
		// was before, and would take from a node that has joined since.
		if _, err := tx.Exec(ctx, "SELECT 1 FROM counter WHERE name = 'shard' FOR UPDATE"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, takeFree, self, most-mine); err != nil {
			return err
		}
	}
	r, err := tx.Query(ctx, "SELECT id FROM shard WHERE owner = $1 ORDER BY id", self)
	if err != nil {
		return err
	}
	if lease.Shards, err = pgx.CollectRows(r, pgx.RowTo[int]); err != nil {
		return err
	}
	lease.Excess = max(0, len(lease.Shards)-most)
	return nil
}

func (s *Store) forgetNode() {
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	s.member.id, s.member.held = id{}, [shards + 1]bool{}
}

const selectChanges = `
	SELECT n, application
	FROM change
	WHERE n > $1
	ORDER BY n
	LIMIT 10000`

// changes are the applications of which something was changed after a change.
func (s *Store) changes(ctx context.Context, after int64) (apps []fanfare.ApplicationID, last int64, err error) {
	seen := make(map[fanfare.ApplicationID]bool)
	last = after
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		clear(seen)
		apps, last = nil, after
		r, err := conn.Query(ctx, selectChanges, after)
		if err != nil {
			return err
		}
		var app *id
		_, err = pgx.ForEachRow(r, []any{&last, &app}, func() error {
			name := fanfare.ApplicationID(nameOf(applicationPrefix, app))
			if !seen[name] {
				seen[name] = true
				apps = append(apps, name)
			}
			return nil
		})
		return err
	})
	return apps, last, err
}

// GiveUp implements [fanfare.Shared].
func (s *Store) GiveUp(ctx context.Context, given []int) error {
	self := s.member.node()
	if self == nil {
		return fanfare.ErrFenced
	}
	s.member.mu.Lock()
	for _, shard := range given {
		s.member.held[shard] = false
	}
	s.member.mu.Unlock()
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE shard SET owner = NULL WHERE owner = $1 AND id = ANY($2)", *self, given); err != nil {
			return err
		}
		return notify(ctx, tx, newsRenew)
	})
}

// Leave implements [fanfare.Shared].
func (s *Store) Leave(ctx context.Context) error {
	self := s.member.node()
	if self == nil {
		return nil
	}
	s.forgetNode()
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM node WHERE id = $1", *self); err != nil {
			return err
		}
		return notify(ctx, tx, newsRenew)
	})
}

const selectNodes = `
	SELECT id, name, started_at, expires_at, (SELECT count(*) FROM shard WHERE shard.owner = node.id)
	FROM node
	WHERE expires_at >= now()
	ORDER BY started_at, id`

// Nodes implements [fanfare.Shared].
func (s *Store) Nodes(ctx context.Context) (nodes []*fanfare.Node, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, selectNodes)
		nodes, err = rows(r, err, func(r pgx.Rows) (*fanfare.Node, error) {
			n := &fanfare.Node{}
			var raw id
			err := r.Scan(&raw, &n.Name, &n.StartedAt, &n.ExpiresAt, &n.Shards)
			n.ID = fanfare.EncodeID(nodePrefix, raw)
			return n, err
		})
		return err
	})
	return nodes, err
}

// ShardOf implements [fanfare.Shared].
func (s *Store) ShardOf(endpoint fanfare.EndpointID) int {
	raw, _ := parse(endpointPrefix, endpoint)
	return int(shardOf(raw))
}

// beginHearing has changes heard from now on: nothing of the catalogue is in memory
// yet.
func (s *Store) beginHearing(ctx context.Context) error {
	return s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT n FROM counter WHERE name = 'change'").Scan(&s.member.seen)
	})
}
