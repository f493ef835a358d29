package fanfare

import (
	"context"
	"errors"
	"sync"
	"time"
)

// recordMost is how many attempts are stored at once at most.
const recordMost = 1024

// A recorder stores the attempts that went well, as many at once as came while
// it stored those before: nobody has to wait for each of them. One that failed
// is stored by itself.
type recorder struct {
	wake chan struct{} // has room for one

	mu     sync.Mutex
	queue  []recording
	taken  []recording // the last ones, whose place is used again
	closed bool
}

// A recording is an attempt to be stored, and what the scheduler is told then.
type recording struct {
	outcome *Outcome
	then    finished
	test    bool // it is not counted
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

// take removes the oldest recordings, which are good until it is called again; last is
// whether there will be none.
func (r *recorder) take() (some []recording, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.queue), recordMost)
	rest := r.queue[n:]
	some, r.queue = r.queue[:n], append(r.taken[:0], rest...)
	clear(rest)
	r.taken = some
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

// recordAll stores attempts, and tells the scheduler how that went.
func (d *dispatcher) recordAll(ctx context.Context, some []recording) {
	r := recordings{done: make(finishedAll, 0, len(some)), until: time.Now().Add(splitWithin)}
	d.recordSome(ctx, some, &r)
	d.h.inbox.put(r.done)
}

// splitWithin is how long attempts that could not be stored together are tried in parts.
// A store that is away takes longer to say so, and all would wait for each part.
const splitWithin = 5 * time.Second

// recordings are what has become of some.
type recordings struct {
	done  finishedAll
	until time.Time // what fails then is not tried in parts
}

// recordSome stores attempts together or, if that fails, each half of them by itself, in
// their order: so one that cannot be stored is found with few tries, and holds up no
// other.
func (d *dispatcher) recordSome(ctx context.Context, some []recording, r *recordings) {
	outcomes := make([]*Outcome, len(some))
	for i := range some {
		outcomes[i] = some[i].outcome
	}
	err := d.record(ctx, outcomes...)
	half := len(some) / 2
	switch {
	case err == nil:
		for i := range some {
			if !some[i].test {
				d.h.counters.count(outcomes[i].Attempt)
				d.h.sheets.count(outcomes[i].Attempt)
			}
			d.h.attempts.ring(some[i].then.target.Application)
			r.done = append(r.done, some[i].then)
		}
	case half > 0 && time.Now().Before(r.until) && !errors.Is(err, ErrFenced) && !errors.Is(err, ErrBroken):
		d.recordSome(ctx, some[:half], r)
		d.recordSome(ctx, some[half:], r)
	default:
		d.fault(ctx, "recording attempts", err)
		for i := range some {
			r.done = append(r.done, d.later(some[i].then.target, some[i].then.message))
		}
	}
}
