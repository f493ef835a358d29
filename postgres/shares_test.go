//go:build linux

package postgres_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
)

// TestSharesOfManyNodes has up to a hundred nodes join and die, and sees what the rule
// by which they share comes to: nobody holds two shards more than another, and what
// changes hands is no more than what has to.
func TestSharesOfManyNodes(t *testing.T) {
	t.Parallel()
	c := &crowd{t: t, url: database(t), nodes: make(map[string]*postgres.Store)}
	c.store = openAt(t, c.url, nil)
	for _, n := range []int{1, 2, 3, 4, 10, 11, 20, 21, 50, 51, 99, 100} {
		c.grow(n)
	}
	for _, n := range []int{99, 50, 49, 11, 10, 3, 2, 1} {
		c.shrink(n)
	}
}

// TestSharesOfALeavingNode has a node leave that still has something under way: what it
// has given up others take at once, not only when it has left.
func TestSharesOfALeavingNode(t *testing.T) {
	t.Parallel()
	c := &crowd{t: t, url: database(t), nodes: make(map[string]*postgres.Store)}
	c.store = openAt(t, c.url, nil)
	c.grow(3)
	leaving := c.nodes["node-002"]
	delete(c.nodes, "node-002")
	for range 2 {
		lease, err := leaving.Renew(t.Context(), 1, false)
		if err != nil {
			t.Fatal(err)
		}
		if given := lease.Shards[min(1, len(lease.Shards)):]; len(given) > 0 {
			if err := leaving.GiveUp(t.Context(), given); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 {
		c.owner = [fanfare.Shards + 1]string{}
		for name, node := range c.nodes {
			if excess := c.renew(name, node); excess > 0 {
				t.Errorf("%s is to give up %d shards", name, excess)
			}
		}
	}
	if free := c.shares()[""]; free != 1 {
		t.Errorf("two nodes leave %d shards to one that holds a single one", free)
	}
}

// A crowd is nodes without anything under way.
type crowd struct {
	t     *testing.T
	url   string
	store *postgres.Store
	nodes map[string]*postgres.Store
	owner [fanfare.Shards + 1]string // of each shard; "": nobody
	made  int
}

// grow has nodes join at once until there are so many.
func (c *crowd) grow(n int) {
	c.t.Helper()
	before := len(c.nodes)
	for len(c.nodes) < n {
		c.made++
		name := fmt.Sprintf("node-%03d", c.made)
		node := c.store.Twin()
		if err := node.Join(c.t.Context(), name); err != nil {
			c.t.Fatal(err)
		}
		c.nodes[name] = node
	}
	held := c.shares()
	moving := held[""]
	delete(held, "")
	shares := slices.Collect(maps.Values(held))
	slices.SortFunc(shares, func(a, b int) int { return b - a })
	for i, share := range shares {
		most := (fanfare.Shards + 1) / n
		if i < (fanfare.Shards+1)%n {
			most++
		}
		moving += max(0, share-most)
	}
	c.settle(fmt.Sprintf("%d join %d", n-before, before), moving)
}

// shares are how many shards each node holds, and nobody.
func (c *crowd) shares() map[string]int {
	held := make(map[string]int)
	for _, name := range c.owner {
		held[name]++
	}
	return held
}

// shrink has nodes die at once until so many are left, the youngest first: their
// leases have run out.
func (c *crowd) shrink(n int) {
	c.t.Helper()
	before, moving, held := len(c.nodes), 0, c.shares()
	for ; len(c.nodes) > n; c.made-- {
		name := fmt.Sprintf("node-%03d", c.made)
		delete(c.nodes, name)
		moving += held[name]
		execute(c.t, c.url, "DELETE FROM node WHERE name = '"+name+"'")
	}
	c.settle(fmt.Sprintf("%d of %d die", before-n, before), moving)
}

// settle has all nodes renew, and give up what they hold too much, until nothing changes.
// So many shards change hands, and no more.
func (c *crowd) settle(what string, moving int) {
	c.t.Helper()
	before, rounds := c.owner, 0
	for excess, was := 1, before; excess > 0 || c.owner != was; rounds++ {
		if rounds == 10 {
			c.t.Fatalf("%s: shares do not settle", what)
		}
		excess, was, c.owner = 0, c.owner, [fanfare.Shards + 1]string{}
		for name, node := range c.nodes {
			excess += c.renew(name, node)
		}
	}
	moved, held := 0, c.shares()
	for shard, now := range c.owner {
		if before[shard] != now {
			moved++
		}
	}
	least, most := fanfare.Shards+1, 0
	for name := range c.nodes {
		least, most = min(least, held[name]), max(most, held[name])
	}
	if held[""] > 0 || most > least+1 {
		c.t.Errorf("%s: nodes hold %d to %d shards each, and nobody holds %d", what, least, most, held[""])
	}
	if moved != moving {
		c.t.Errorf("%s: %d shards changed hands, and %d had to", what, moved, moving)
	}
	c.t.Logf("%-14s %3d nodes hold %3d to %3d each; %3d shards moved, in %d rounds", what, len(c.nodes), least, most, moved, rounds-1)
}

// renew has a node renew, and give up what it holds too much.
func (c *crowd) renew(name string, node *postgres.Store) (excess int) {
	c.t.Helper()
	lease, err := node.Renew(c.t.Context(), 1, true)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, shard := range lease.Shards[lease.Excess:] {
		if other := c.owner[shard]; other != "" {
			c.t.Errorf("shard %d is of %s and of %s", shard, other, name)
		}
		c.owner[shard] = name
	}
	if lease.Excess > 0 {
		if err := node.GiveUp(c.t.Context(), lease.Shards[:lease.Excess]); err != nil {
			c.t.Fatal(err)
		}
	}
	return lease.Excess
}
