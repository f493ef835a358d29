package fanfare

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/fanfarehq/fanfare/internal/lane"
)

// A job is an attempt to be made.
type job struct {
	target *target
	lane.Start
}

// idleMost bounds the goroutines that wait for jobs, when there were more of them
// at once before: some more than are under way at once where much goes on.
const idleMost = 256

// A crew is the goroutines that made an attempt and wait for another. The one that began
// to wait last is the best for it: its stack has grown, and is in the processor's cache.
type crew struct {
	mu   sync.Mutex
	idle []chan job // each has room for one
	over bool
}

// hire returns the one to give a job to; nil if none waits.
func (c *crew) hire() chan job {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) == 0 {
		return nil
	}
	last := len(c.idle) - 1
	jobs := c.idle[last]
	c.idle = c.idle[:last]
	return jobs
}

// join has who takes from jobs wait. It reports whether another job may come.
func (c *crew) join(jobs chan job) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || len(c.idle) == idleMost {
		return false
	}
	c.idle = append(c.idle, jobs)
	return true
}

// dismiss lets all go who wait, or would.
func (c *crew) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for _, jobs := range c.idle {
		close(jobs)
	}
	c.idle = nil
}

// begin has attempts made. Where several are of messages that are not in memory, those
// of an application are read together beforehand.
func (d *dispatcher) begin(ctx context.Context, starts []lane.Start) {
	var unread map[ApplicationID][]job
	for _, s := range starts {
		j := job{d.targets[EndpointID(s.Endpoint)], s}
		d.h.counters.inFlight.Add(1)
		d.takeOff(EndpointID(s.Endpoint), 1+len(s.More))
		if len(starts) == 1 || d.h.recent.use(MessageID(s.Message)) {
			d.start(ctx, j)
			continue
		}
		if unread == nil {
			unread = make(map[ApplicationID][]job)
		}
		unread[j.target.Application] = append(unread[j.target.Application], j)
	}
	for app, jobs := range unread {
		for some := range slices.Chunk(jobs, readMost) {
			d.work.Go(func() { d.readFor(ctx, app, some) })
		}
	}
}

// readMost is how many messages are read together at most: as many are in memory then
// as attempts are under way, and these may be large.
const readMost = 64

// readFor reads the messages of jobs, and has those done. What it cannot read is read
// by each job itself, which tells what is wrong with it.
func (d *dispatcher) readFor(ctx context.Context, app ApplicationID, jobs []job) {
	uses := make(map[MessageID]int, len(jobs))
	for _, j := range jobs {
		uses[MessageID(j.Message)]++
	}
	if msgs, err := d.h.store.NamedMessages(ctx, app, slices.Collect(maps.Keys(uses))); err == nil {
		d.h.recent.keep(msgs, uses)
	}
	for _, j := range jobs {
		d.start(ctx, j)
	}
}

// start has an attempt made.
func (d *dispatcher) start(ctx context.Context, j job) {
	if jobs := d.crew.hire(); jobs != nil {
		jobs <- j
		return
	}
	d.work.Go(func() { d.makeAttempts(ctx, j) })
}

// makeAttempts makes one attempt after the other, until there are enough who wait
// for the next one, or until the Hub ends.
func (d *dispatcher) makeAttempts(ctx context.Context, j job) {
	jobs := make(chan job, 1)
	for more := true; more; {
		d.attempt(ctx, j.target, j.Start)
		d.h.counters.inFlight.Add(-1)
		j = job{} // which may be the last for long
		if !d.crew.join(jobs) {
			return
		}
		j, more = <-jobs
	}
}
