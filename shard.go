package fanfare

import (
	"context"
	"slices"
	"time"
)

func (looking) apply(ctx context.Context, d *dispatcher, _ time.Time) {
	var shards []int
	for shard := range Shards {
		if d.cluster.held[shard] && !d.cluster.going[shard] {
			shards = append(shards, shard)
		}
	}
	d.readShards(ctx, shards)
}

// readShards has the scheduler told of the lanes of shards that have deliveries, one
// after the other.
func (d *dispatcher) readShards(ctx context.Context, shards []int) {
	if len(shards) == 0 {
		return
	}
	d.work.Go(func() {
		lanes, err := d.cluster.store.LanesOf(ctx, shards)
		if err != nil {
			d.fault(ctx, "reading the lanes of shards", err) // the next look finds them
			return
		}
		for _, l := range lanes {
			if ctx.Err() != nil {
				return
			}
			d.h.rouse(ctx, l.Application, l.Endpoint)
		}
	})
}

// reread has a lane read again that has more deliveries than the scheduler knows of.
// While it is being read already it is read once more afterwards, so that news that
// come faster than reading goes do not keep it from ever being read.
func (d *dispatcher) reread(now time.Time, id EndpointID) {
	if c := d.cluster; c != nil && d.lanes.Loading(string(id)) {
		c.again[id] = true
		return
	}
	d.lanes.Stored(now, string(id))
}

// read is called when a lane has been read.
func (d *dispatcher) read(now time.Time, id EndpointID) {
	if c := d.cluster; c != nil && c.again[id] {
		delete(c.again, id)
		d.lanes.Stored(now, string(id))
	}
}

// rouse has a lane of this node's that it does not know yet be looked at.
func (d *dispatcher) rouse(ctx context.Context, l Lane) {
	if d.owns(l.Endpoint) && d.targets[l.Endpoint] == nil {
		d.work.Go(func() { d.h.rouse(ctx, l.Application, l.Endpoint) })
	}
}

func (in heard) apply(ctx context.Context, d *dispatcher, now time.Time) {
	for _, l := range append(in.More, in.Other...) {
		d.rouse(ctx, l)
	}
	d.seek(ctx, now, in.Additions)
	for _, l := range in.More {
		if d.owns(l.Endpoint) && d.targets[l.Endpoint] != nil {
			d.reread(now, l.Endpoint)
		}
	}
	for _, l := range in.Other {
		if d.owns(l.Endpoint) {
			d.lanes.Emptied(string(l.Endpoint))
		}
	}
}

func (in leased) apply(ctx context.Context, d *dispatcher, now time.Time) {
	c := d.cluster
	var has [Shards + 1]bool
	var gained []int
	excess := 0
	if in.Lease != nil {
		d.lanes.Settled(string(placeOf(in.Horizon + 1)))
		excess = in.Excess
		for _, shard := range in.Shards {
			has[shard] = !c.gone[shard]
			if c.gone[shard] || c.going[shard] {
				excess--
			}
			if has[shard] && !c.held[shard] {
				gained = append(gained, shard)
			}
		}
	} else {
		if c.held != ([Shards + 1]bool{}) {
			c.lapses.Add(1)
		}
		c.until.Store(nil)
		c.gone = [Shards + 1]bool{}
	}
	for shard := range c.held {
		if c.held[shard] && !has[shard] {
			c.going[shard] = false
			d.forgetShard(shard)
		}
	}
	c.held = has
	c.count()
	c.taken.Add(int64(len(gained)))
	c.chores.Store(has[Chores])
	if len(gained) > 0 {
		d.h.catalogue.forgetAll() // the one before has noted how the endpoints are
	}
	d.readShards(ctx, gained)
	d.giveUp(excess)
}

func (in givenUp) apply(_ context.Context, d *dispatcher, _ time.Time) {
	for _, shard := range in.shards {
		d.cluster.gone[shard], d.cluster.left[shard] = false, d.h.clock()
	}
}

// giveUp begins to part with so many shards, those with least under way first.
func (d *dispatcher) giveUp(n int) {
	if n <= 0 {
		return
	}
	c := d.cluster
	var stay, now []int
	for shard := range c.held {
		if c.held[shard] && !c.going[shard] {
			stay = append(stay, shard)
		}
	}
	slices.SortStableFunc(stay, func(a, b int) int { return c.flying[a] - c.flying[b] })
	for _, shard := range stay[:min(n, len(stay))] {
		c.going[shard] = true
		d.forgetShard(shard)
		if c.flying[shard] == 0 {
			now = append(now, shard)
		}
	}
	d.part(now)
}

// part has shards given up of which nothing is under way.
func (d *dispatcher) part(shards []int) {
	if len(shards) == 0 {
		return
	}
	c := d.cluster
	for _, shard := range shards {
		c.held[shard], c.going[shard], c.gone[shard] = false, false, true
	}
	c.count()
	c.handed.Add(int64(len(shards)))
	c.chores.Store(c.held[Chores])
	c.parted <- shards
}

// quit has the node take nothing more, and part with all of which nothing is under
// way. The rest it holds until that has ended.
func (d *dispatcher) quit() {
	c := d.cluster
	if c == nil {
		return
	}
	c.quits.Store(true)
	d.giveUp(len(c.held))
}

// forgetShard drops the lanes of a shard; what is under way there is seen through.
func (d *dispatcher) forgetShard(shard int) {
	d.cluster.left[shard] = d.h.clock()
	for id := range d.targets {
		if d.cluster.store.ShardOf(id) == shard {
			d.forget(id)
		}
	}
}

// takeOff and touchDown count what is under way.
func (d *dispatcher) takeOff(id EndpointID, n int) {
	if c := d.cluster; c != nil {
		c.flying[c.store.ShardOf(id)] += n
	}
}

func (d *dispatcher) touchDown(id EndpointID) {
	c := d.cluster
	if c == nil {
		return
	}
	shard := c.store.ShardOf(id)
	if c.flying[shard]--; c.flying[shard] == 0 && c.going[shard] {
		d.part([]int{shard})
	}
}

// expire drops everything once the lease has run out.
func (d *dispatcher) expire(ctx context.Context, now time.Time) {
	if d.cluster != nil && d.cluster.held != [Shards + 1]bool{} && d.lapsed() {
		leased{}.apply(ctx, d, now)
	}
}

func (in roll) apply(_ context.Context, d *dispatcher, _ time.Time) {
	for id, t := range d.targets {
		if t.Application == in.application && !slices.ContainsFunc(in.targets, func(t *target) bool { return t.ID == id }) {
			d.forget(id)
		}
	}
}
