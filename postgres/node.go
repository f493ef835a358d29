package postgres

import (
	"context"
	"crypto/rand"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanfarehq/fanfare"
)

const (
	// leaseTime is how long a node may go without renewing its lease.
	leaseTime = 10 * time.Second
	// leaseMargin is by how much it must stop before others may begin.
	leaseMargin = 2 * time.Second

	// holdTry is how long the lease's own connection may take for an answer, holdConnect to
	// be made to one host, and holdFor how long a call of the goroutine that keeps the lease
	// goes on trying.
	holdTry     = 2500 * time.Millisecond
	holdConnect = time.Second
	holdFor     = 5 * time.Second
	// holdConns is how many connections there are for the lease. One is used; others take
	// the places of those that are broken and being closed.
	holdConns = 4
)

const nodePrefix = "node_"

// A membership is which node a Store is, if it is one.
type membership struct {
	mu    sync.RWMutex
	id    id // zero: none
	held  [shards + 1]bool
	until time.Time // at which the lease runs out; zero: it has none to lose
	seen  int64     // the change that was heard of last

	// Of the goroutine that calls Renew:
	former      []id          // nodes that it is or was, whose rows may be there
	clock       time.Duration // see lookAround
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

// away reports whether the node has lost its lease, and has no other yet.
func (m *membership) away() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return !m.until.IsZero() && time.Now().After(m.until)
}

// elsewhere reports whether the lane of an endpoint runs on another node.
func (m *membership) elsewhere(ep id) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.id == (id{}) || !m.held[shardOf(ep)]
}

// selectNear finds the nodes that ran on this machine.
const selectNear = `
	SELECT id, process
	FROM node
	WHERE starts_with(process, $1)`

// insertNode inserts none that could not read what is sealed.
const insertNode = `
	INSERT INTO node (id, name, process, horizon, started_at, expires_at, keys)
	SELECT $1, $2, $3, 0, now(), now() + make_interval(secs => $4), $5
	WHERE ` + opensSealed + `
	ON CONFLICT (id) DO UPDATE
	SET expires_at = excluded.expires_at`

// opensSealed is the condition that the key that seals is among those in $5.
const opensSealed = `NOT EXISTS (SELECT 1 FROM sealing_key WHERE id <> '' AND id <> ALL($5::text[]))`

// Join implements [fanfare.Shared]. It removes what is known to be no node any more,
// so that others need not wait for the ends of their leases: what this Store was
// before, and the nodes of this machine whose processes have ended.
func (s *Store) Join(ctx context.Context, name string) error {
	if name == "" {
		name, _ = os.Hostname() // it is only for people
	}
	gone, err := s.deadNear(ctx)
	if err != nil {
		return err
	}
	gone = append(gone, s.member.former...)
	var self id
	_, _ = rand.Read(self[:]) // never fails
	s.member.former = append(s.member.former, self)
	let := false
	err = s.hold(ctx, func(batch *pgx.Batch) {
		batch.Queue(hurryLocks)
		batch.Queue("DELETE FROM node WHERE id = ANY($1)", gone)
		batch.Queue(insertNode, self, name, optional(ownProcess.String()), leaseTime.Seconds(), s.keyIDs()).Exec(func(tag pgconn.CommandTag) error {
			let = tag.RowsAffected() > 0
			return nil
		})
		batch.Queue(notifyOne, channel, newsRenew)
	})
	if err != nil {
		return err
	}
	s.member.former = []id{self}
	if !let {
		return s.mustHaveCurrent(ctx)
	}
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	s.wasNode.Store(true)
	s.member.id, s.member.held = self, [shards + 1]bool{}
	return nil
}

// deadNear finds the nodes whose processes are known to have ended. One that is frozen
// has not, nor one whose connections are gone.
func (s *Store) deadNear(ctx context.Context) (dead []id, err error) {
	if ownProcess == nil {
		return nil, nil
	}
	err = s.persist(ctx, s.leasing, func(ctx context.Context, conn *pgx.Conn, _ *try) error {
		dead = nil
		r, err := conn.Query(ctx, selectNear, ownProcess.place)
		if err != nil {
			return err
		}
		var node id
		var text string
		_, err = pgx.ForEachRow(r, []any{&node, &text}, func() error {
			if p, ok := readProcess(text); ok && p.place == ownProcess.place && p.ended() {
				dead = append(dead, node)
			}
			return nil
		})
		return err
	})
	return dead, err
}

func (s *Store) forgetNode() {
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	s.member.id, s.member.held = id{}, [shards + 1]bool{}
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
	return s.hold(ctx, func(batch *pgx.Batch) {
		batch.Queue(hurryLocks)
		batch.Queue("UPDATE shard SET owner = NULL WHERE owner = $1 AND id = ANY($2)", *self, given)
		batch.Queue(notifyOne, channel, newsRenew)
	})
}

// Leave implements [fanfare.Shared].
func (s *Store) Leave(ctx context.Context) error {
	if s.member.node() == nil {
		return nil
	}
	s.forgetNode()
	s.member.mu.Lock()
	s.member.until = time.Time{}
	s.member.mu.Unlock()
	return s.hold(ctx, func(batch *pgx.Batch) {
		batch.Queue(hurryLocks)
		batch.Queue("DELETE FROM node WHERE id = ANY($1)", s.member.former)
		batch.Queue(notifyOne, channel, newsRenew)
	})
}

// hold has statements done in one transaction, over a connection that is there for the
// lease alone, so that no load holds it up. Like those of send they may be done twice.
func (s *Store) hold(ctx context.Context, fill func(batch *pgx.Batch)) error {
	return s.sendOver(ctx, s.leasing, func(batch *pgx.Batch, _ string) { fill(batch) })
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
