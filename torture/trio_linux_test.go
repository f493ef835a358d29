package torture

import (
	"context"
	"flag"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/pgtest"
)

var roundsFlag = flag.Int("rounds", 0, "how often each of the tests of nodes does what it does; 0: the short form")

const (
	// nodeCount is how many nodes a trio has.
	nodeCount = 3
	// leaseTime is how long a node may go without renewing its lease.
	leaseTime = 10 * time.Second
	// shardCount is how many shards there are, that of the chores included.
	shardCount = 257
)

// A trio is three nodes on one database, with clients and receivers, and a balancer before
// them. Each node reaches the database by a wire of its own.
type trio struct {
	*world
	url    string // of the database, past the wires
	nodes  []*node
	chance *rand.Rand
	seed   uint64
	load   *load
	nodeFigures
}

// A node is one place of a trio, where servers run one after the other.
type node struct {
	*host
	*wire
	server *server
}

// nodePace is some 200 events a second. What waits for order is less than what one after
// the other can be delivered, so that what gathers while a node is away is soon made up for.
var nodePace = pace{clients: 2, interval: 100 * time.Millisecond, orderly: 400 * time.Millisecond, backlog: 4000, padding: 300, patience: 40 * time.Second}

// newTrio starts nodes on a database of their own, and clients.
func newTrio(t *testing.T, db *pgtest.Server) *trio {
	t.Helper()
	direct, err := db.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	chance, seed := newChance(t)
	f := &trio{url: direct, chance: chance(1), seed: seed}
	f.world = newWorld(t, &host{url: direct})
	f.keys, f.balancer = 3, &balancer{}
	f.delay.Store(int64(20 * time.Millisecond)) // so that there is always something under way
	for range nodeCount {
		f.nodes = append(f.nodes, f.place(t))
	}
	f.watch(t)
	// Endpoints are there before most nodes are, so that all know of them.
	f.start(t, f.nodes[0])
	f.nodes[0].server.ready(t)
	f.await(t, 5*time.Second, "the balancer does not see a node that answers", func() bool { return f.balancer.serves(f.nodes[0].host.address) })
	f.create(t)
	for _, n := range f.nodes[1:] {
		f.start(t, n)
	}
	f.settled(t)
	f.load = f.press(t.Context(), nodePace, chance)
	return f
}

// place makes the place of a node.
func (f *trio) place(t *testing.T) *node {
	t.Helper()
	at, err := url.Parse(f.url)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{host: newHost(t), wire: newWire(t, at.Host)}
	at.Host = n.at()
	n.url = at.String() + "&pool_max_conns=8"
	n.flags = []string{"--drain-wait", "300ms"}
	return n
}

// watch has the balancer ask all nodes after their health.
func (f *trio) watch(t *testing.T) {
	ctx, end := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	for _, n := range f.nodes {
		l := &listed{address: n.host.address}
		f.balancer.nodes = append(f.balancer.nodes, l)
		asking.Go(func() { f.balancer.ask(ctx, l) })
	}
	t.Cleanup(func() {
		end()
		asking.Wait()
	})
}

func (f *trio) start(t *testing.T, n *node) {
	t.Helper()
	n.server = n.host.start(t)
}

// kill and stop end a node's server.
func (f *trio) kill(t *testing.T, n *node) {
	t.Helper()
	n.server.kill(t)
	f.ended(n)
}

func (f *trio) stop(t *testing.T, n *node) time.Duration {
	t.Helper()
	took := n.server.stop(t)
	f.ended(n)
	return took
}

// ended reads what a server has said.
func (f *trio) ended(n *node) {
	f.Fenced += strings.Count(n.server.words.String(), "the node's lease has run out")
}

// any chooses a node.
func (f *trio) any() *node { return f.nodes[f.chance.IntN(len(f.nodes))] }

// await waits until something has come about, which else it complains of.
func (f *trio) await(t *testing.T, limit time.Duration, complaint string, so func() bool) {
	t.Helper()
	if err := until(t.Context(), limit, so); err != nil {
		t.Fatalf("%s: %v", complaint, err)
	}
}

// settled waits until all nodes are well and have even shares of all shards.
func (f *trio) settled(t *testing.T) {
	t.Helper()
	for _, n := range f.nodes {
		n.server.ready(t)
	}
	f.shared(t, len(f.nodes), 40*time.Second)
	f.await(t, 5*time.Second, "the balancer does not see nodes that answer", f.balancer.all)
}

// shared waits until so many nodes hold all shards, in even shares.
func (f *trio) shared(t *testing.T, nodes int, limit time.Duration) {
	t.Helper()
	const owned = `
		SELECT coalesce(min(n), 0)
		FROM (SELECT count(*) AS n FROM shard JOIN node ON node.id = shard.owner GROUP BY node.id) AS shares
		HAVING count(*) = $1 AND sum(n) = $2 AND max(n) <= $3`
	count, done := inspectServer(t, f.url)
	defer done()
	f.await(t, limit, "the nodes do not share evenly", func() bool {
		return count("SELECT count(*) FROM ("+owned+") AS even", nodes, shardCount, (shardCount+nodes-1)/nodes) == 1
	})
}

// harmed notes a harm that has lasted until now.
func (f *trio) harmed(begun time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.harms = append(f.harms, harm{begun, time.Now()})
}

// failures are the calls that had no answer, or were told to try again.
func (f *trio) failures() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.doubts + f.answers[http.StatusInternalServerError] + f.answers[http.StatusServiceUnavailable]
}

// end ends the load and all nodes, and audits what has been.
func (f *trio) end(t *testing.T) {
	t.Helper()
	f.load.end(t)
	f.quiesce(t)
	f.checkStats(t)
	for _, n := range f.nodes {
		f.stop(t, n)
	}
	sum := f.audit(t, len(f.harms))
	f.checkDatabase(t, f.world.host, sum)
	f.Refused, f.Failed = f.balancer.refused.Load(), f.failures()
	sum.Seed, sum.nodeFigures = f.seed, &f.nodeFigures
	sum.print(t)
	for _, problem := range sum.beyond(len(f.harms)) {
		t.Error(problem)
	}
	if least := 100 * f.Rounds; sum.Accepted < least {
		t.Errorf("that was no load: %d events accepted, in %d rounds", sum.Accepted, f.Rounds)
	}
}
