package fanfare

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	renewEvery = time.Second
	rejoinGap  = time.Second
	leaveTime  = 3 * time.Second
	// lookEvery is how often a node looks for what it was not told of.
	lookEvery = 10 * time.Second
	// tellFor is for how long after a shard has gone what is accepted for it counts as
	// on its way at that time, as the clocks of the node and the store may differ.
	tellFor = 2 * time.Second
)

// A cluster is what a dispatcher knows of its place among others. Its goroutine has
// it to itself, but for what says otherwise.
type cluster struct {
	store  Shared
	held   [Shards + 1]bool
	going  [Shards + 1]bool      // held, and to be given up when nothing of it is under way
	gone   [Shards + 1]bool      // no more held here, but not given up in the store yet
	left   [Shards + 1]time.Time // since when the store knows that it is not held
	flying [Shards + 1]int       // attempts under way
	again  map[EndpointID]bool   // lanes to be read once more when they have been read

	// These anyone may use.
	until  atomic.Pointer[moment] // at which the lease runs out; nil: there is none
	joined atomic.Bool            // it had one, and did not leave
	chores atomic.Bool            // the node holds that shard
	quits  atomic.Bool            // it takes nothing more
	parted chan []int             // shards to be given up
	hurry  chan struct{}          // has room for one: Renew is to be called at once

	shards, taken, handed, lapses atomic.Int64 // see Membership
}

// A Membership says how a Hub is doing as a node, for metrics. What is counted is since
// Run was called.
type Membership struct {
	Shards     int64     // that it holds
	LeaseUntil time.Time // by this machine's clock; zero: it has no lease
	Taken      int64     // shards that it took, of nodes that are gone or gave them up
	HandedOver int64     // shards that it gave up, with nothing under way
	Lapses     int64     // how often it lost its lease with all that it held
}

func (c *cluster) membership() *Membership {
	m := &Membership{Shards: c.shards.Load(), Taken: c.taken.Load(), HandedOver: c.handed.Load(), Lapses: c.lapses.Load()}
	if until := c.until.Load(); until != nil {
		m.LeaseUntil = time.Unix(0, until.wall)
	}
	return m
}

// A moment is a time by two clocks, in nanoseconds: the one that people set, and may set
// back, and the process's own, which stands still while the machine sleeps.
type moment struct{ wall, run int64 }

var began = time.Now()

func momentOf(t time.Time) moment { return moment{t.UnixNano(), int64(t.Sub(began))} }

// reached reports whether it is m or later, by whichever clock.
func (m moment) reached(now moment) bool { return now.wall >= m.wall || now.run >= m.run }

// lapsed reports whether the node has no lease, or one that has run out.
func (c *cluster) lapsed() bool {
	until := c.until.Load()
	return until == nil || until.reached(momentOf(time.Now()))
}

// OutOfTouch reports whether the Hub is a node that has lost its lease, and has no other
// yet: the store does not answer it, or it was kept from asking for so long that others
// have taken over from it. Such a node sends nothing, and what it is asked is better asked
// of another one.
func (h *Hub) OutOfTouch() bool {
	c := h.counters.cluster.Load()
	return c != nil && c.joined.Load() && c.lapsed()
}

// count notes how many shards are held now.
func (c *cluster) count() {
	n := int64(0)
	for _, held := range c.held {
		if held {
			n++
		}
	}
	c.shards.Store(n)
}

func newCluster(store Store) *cluster {
	shared, ok := store.(Shared)
	if !ok {
		return nil
	}
	return &cluster{
		store: shared, again: make(map[EndpointID]bool),
		parted: make(chan []int, 2*(Shards+1)), hurry: make(chan struct{}, 1),
	}
}

// The inputs of a node.
type (
	leased  struct{ *Lease }       // it holds what the lease says; nil: nothing
	givenUp struct{ shards []int } // others may have them now
	heard   struct{ *News }        // of lanes
	looking struct{}               // it is time to look for what was not told
	roll    struct {               // an application has these endpoints, and no others
		application ApplicationID
		targets     []*target
	}
)

// owns reports whether the lane of an endpoint runs here.
func (d *dispatcher) owns(id EndpointID) bool {
	c := d.cluster
	if c == nil {
		return true
	}
	shard := c.store.ShardOf(id)
	return c.held[shard] && !c.going[shard]
}

// lapsed reports whether the node's lease has run out: then nothing may be sent. It
// may be called by anyone.
func (d *dispatcher) lapsed() bool {
	return d.cluster != nil && d.cluster.lapsed()
}

// doesChores reports whether this node does what one node does for all.
func (d *dispatcher) doesChores() bool { return d.cluster == nil || d.cluster.chores.Load() }

// elsewhere has the node that runs a lane look at it again.
func (d *dispatcher) elsewhere(ctx context.Context, app ApplicationID, id EndpointID) {
	d.work.Go(func() {
		if err := d.cluster.store.Tell(ctx, []Lane{{app, id}}); err != nil {
			d.fault(ctx, "telling other nodes of a lane", err) // they find it by themselves
		}
	})
}

// acceptedElsewhere is for what this node accepted in a lane that it does not run.
// The store has told of it, unless the lane was just about to leave.
func (d *dispatcher) acceptedElsewhere(t *target, msg *Message, del *Delivery) {
	c, shard := d.cluster, d.cluster.store.ShardOf(t.ID)
	if c.held[shard] || c.gone[shard] || msg.CreatedAt.Before(c.left[shard].Add(tellFor)) {
		more := Addition{Lane: Lane{t.Application, t.ID}}
		if !del.Latest { // else what it has replaced is to go too: the whole lane is read
			more.Messages = []MessageID{msg.ID}
		}
		c.store.TellMore([]Addition{more})
	}
}

// keep is the node's life: it joins and renews its lease, until ctx ends. What the
// node holds it tells the dispatcher.
func (d *dispatcher) keep(ctx context.Context) {
	for ctx.Err() == nil {
		for len(d.cluster.parted) > 0 {
			<-d.cluster.parted // of a node that is no more
		}
		err := d.cluster.store.Join(ctx, d.h.opt.NodeName)
		if err == nil {
			err = d.renew(ctx)
			d.cluster.until.Store(nil)
			d.h.inbox.put(leased{})
		}
		if err != nil {
			d.fault(ctx, "being a node", err)
			pause(ctx, rejoinGap)
		}
	}
	d.cluster.joined.Store(false)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	if err := d.cluster.store.Leave(last); err != nil {
		d.fault(last, "leaving the other nodes", err) // its lease runs out
	}
	d.cluster.shards.Store(0)
}

// renew extends the lease until that fails for good.
func (d *dispatcher) renew(ctx context.Context) error {
	c, until := d.cluster, time.Now().Add(rejoinGap)
	for {
		if err := d.giveUpParted(ctx); err != nil {
			return err // what becomes of the shards is clear after another Join
		}
		d.h.ids.next(d.h.now(), "msg_") // or a node that accepts nothing would hold up who polls
		lease, err := c.store.Renew(ctx, d.h.feed.ownHorizon(&d.h.ids), !c.quits.Load())
		switch {
		case err == nil:
			until = lease.Until
			lasts := momentOf(until)
			c.until.Store(&lasts)
			c.joined.Store(true)
			d.h.skew.Store(int64(lease.Skew))
			d.h.feed.elsewhere(lease.Horizon)
			d.h.attempts.ringAll()
			d.h.inbox.put(leased{lease})
			if len(lease.Changed) > 0 {
				d.nodes.Go(func() { d.h.changedElsewhere(ctx, lease.Changed) })
			}
		case errors.Is(err, ErrFenced):
			return err
		case time.Now().After(until):
			return fmt.Errorf("renewing the lease: %w", err)
		}
		select {
		case <-time.After(renewEvery):
		case <-c.hurry:
		case shards := <-c.parted:
			c.parted <- shards // there is room for all of them twice
		case <-ctx.Done():
			return nil
		}
	}
}

// giveUpParted gives up the shards that were parted with.
func (d *dispatcher) giveUpParted(ctx context.Context) error {
	var all []int
	for len(d.cluster.parted) > 0 {
		all = append(all, <-d.cluster.parted...)
	}
	if len(all) == 0 {
		return nil
	}
	if err := d.cluster.store.GiveUp(ctx, all); err != nil {
		return fmt.Errorf("giving up shards: %w", err)
	}
	d.h.inbox.put(givenUp{all})
	return nil
}

// hear takes in what other nodes tell, until ctx ends.
func (d *dispatcher) hear(ctx context.Context) {
	for ctx.Err() == nil {
		news, err := d.cluster.store.Hear(ctx)
		if err != nil {
			d.fault(ctx, "hearing other nodes", err)
			pause(ctx, rejoinGap)
			continue
		}
		if news.Missing {
			d.h.inbox.put(looking{})
		}
		if news.Renew || news.Missing {
			select {
			case d.cluster.hurry <- struct{}{}:
			default:
			}
		}
		if len(news.Additions)+len(news.More)+len(news.Other) > 0 {
			d.h.inbox.put(heard{news})
		}
	}
}

// look has the node look, again and again, for what news were lost of with whoever
// was to tell.
func (d *dispatcher) look(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, lookEvery)
		d.h.inbox.put(looking{})
	}
}

// changedElsewhere has the Hub see what was changed by whichever node.
func (h *Hub) changedElsewhere(ctx context.Context, apps []ApplicationID) {
	for _, app := range apps {
		if app == "" {
			h.forgetTypes()
			h.bearers.forget(func(*Bearer) bool { return true })
			if err := h.readTypeRetries(ctx); err != nil {
				h.opt.Logger.ErrorContext(ctx, "reading the event types that another node has changed", "error", err)
			}
			continue
		}
		h.bearers.forget(func(b *Bearer) bool { return b.Application() == app })
		err := h.reconfigureAll(ctx, app)
		if err == nil && app == OperationalApplication {
			err = h.readOperations(ctx)
		}
		r, unknown := h.catalogue.of(ctx, string(app))
		switch {
		case unknown == nil:
			h.inbox.put(roll{app, r.targets})
		case errors.Is(unknown, ErrNotFound):
			h.inbox.put(roll{app, nil})
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			h.opt.Logger.ErrorContext(ctx, "reading an application that another node has changed", "application", app, "error", err)
		}
	}
}

// commitWait is by how much the clocks of two nodes may differ, once each goes by the
// store's, and a millisecond, which is what identifiers tell time by.
const commitWait = 3 * time.Millisecond

// awaitOrder returns once every identifier that another node makes from now on is larger
// than those of what was just accepted: whoever is told that it was, and then sends
// something elsewhere, has the order of the two kept. Storing has nearly always taken
// longer than that.
func (h *Hub) awaitOrder(ctx context.Context, intakes []*Intake) {
	if h.feed.others.Load() == 0 || len(intakes) == 0 {
		return
	}
	newest := intakes[len(intakes)-1].Message.CreatedAt
	if left := newest.Add(commitWait).Sub(h.clock()); left > 0 {
		pause(ctx, left)
	}
}

// soon is how long the tasks may be left alone: others may begin one.
func (d *dispatcher) soon(long time.Duration) time.Duration {
	const atMost = 2 * time.Second
	if d.cluster == nil || long > 0 && long < atMost {
		return long
	}
	return atMost
}
