package fanfare

import (
	"context"
	"maps"
	"slices"

	"github.com/fanfarehq/fanfare/internal/lane"
)

// A job is an attempt to be made.
type job struct {
	target *target
	lane.Start
}

// idleMost bounds the goroutines that wait for jobs, when there were more of them
// at once before.
const idleMost = 64

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
		d.work.Go(func() { d.makeAttempts(ctx, j) })
	}
}

// start has an attempt made. A goroutine that made others before is the better
// one for it, as its stack has grown already.
func (d *dispatcher) start(ctx context.Context, j job) {
	select {
	case d.jobs <- j:
	default:
		d.work.Go(func() { d.makeAttempts(ctx, j) })
	}
}

// makeAttempts makes one attempt after the other, until there are enough who wait
// for the next one, or until the Hub ends.
func (d *dispatcher) makeAttempts(ctx context.Context, j job) {
	for more := true; more; {
		d.attempt(ctx, j.target, j.Start)
		d.h.counters.inFlight.Add(-1)
		if d.idle.Add(1) > idleMost {
			d.idle.Add(-1)
			return
		}
		j, more = <-d.jobs
		d.idle.Add(-1)
	}
}
