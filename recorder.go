package fanfare

import (
	"context"
	"sync"
)

// recordMost is how many attempts are stored at once at most.
const recordMost = 256

// A recorder stores the attempts that went well, as many at once as came while
// it stored those before: nobody has to wait for each of them. One that failed
// is stored by itself.
type recorder struct {
	wake chan struct{} // has room for one

	mu     sync.Mutex
	queue  []recording
	closed bool
}

// A recording is an attempt to be stored, and what the scheduler is told then.
type recording struct {
	outcome *Outcome
	then    finished
}

func (r *recorder) put(one recording) {
	r.mu.Lock()
	r.queue = append(r.queue, one)
	r.mu.Unlock()
	r.rouse()
}

func (r *recorder) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// close lets run end when all is stored. Nothing may be put in afterwards.
func (r *recorder) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.rouse()
}

// take removes the oldest recordings; last is whether there will be none.
func (r *recorder) take() (some []recording, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.queue), recordMost)
	some, r.queue = r.queue[:n:n], r.queue[n:]
	return some, r.closed && n == 0
}

// run stores what comes until the recorder is closed and empty.
func (r *recorder) run(ctx context.Context, d *dispatcher) {
	for {
		some, last := r.take()
		switch {
		case last:
			return
		case len(some) == 0:
			<-r.wake
		default:
			d.recordAll(ctx, some)
			clear(some) // or the queue would hold on to them
		}
	}
}

// recordAll stores attempts together or, if that fails, each by itself, and tells
// the scheduler.
func (d *dispatcher) recordAll(ctx context.Context, some []recording) {
	outcomes := make([]*Outcome, len(some))
	for i := range some {
		outcomes[i] = some[i].outcome
	}
	together := d.record(ctx, outcomes...)
	done := make(finishedAll, len(some))
	for i := range some {
		a, then := some[i].outcome.Attempt, &some[i].then
		if err := together; err != nil {
			if len(some) > 1 {
				err = d.record(ctx, outcomes[i])
			}
			if err != nil {
				d.fault(ctx, "recording an attempt", err)
				done[i] = d.later(then.target, then.message)
				continue
			}
		}
		d.h.counters.count(a)
		d.h.attempts.ring(then.target.Application)
		done[i] = *then
	}
	d.h.inbox.put(done)
}
