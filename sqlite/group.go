package sqlite

import "sync"

// A job is one write: either what run does, or messages of an application that are to be
// stored. Its transaction may be rolled back because of another job and run again, so
// run sets all of its results anew each time, as acceptAll does those of messages. It
// returns fanfare.ErrNotFound, ErrExists or ErrConflict only if it has changed nothing.
type job struct {
	run      func(w *writer) error // nil: it stores parcels
	app      id
	parcels  []parcel // of app
	bytes    int      // of payload, about
	attempts int      // that it records
	grows    bool     // it is refused while the disk is full
	hot      bool     // it sees to fresh deliveries itself; before others there must be none
	err      error
}

// A group is what one transaction does.
type group struct {
	jobs     []*job
	bytes    int
	attempts int
	done     chan struct{} // closed when every job has its err
}

// Bounds of a group. They only keep a transaction from growing out of hand: the
// writer may pause, but never until a group is full.
const (
	groupJobs  = 512
	groupBytes = 8 << 20
)

// busy reports whether so much goes on that more of it will soon gather.
func (g *group) busy() bool { return len(g.jobs)+g.attempts >= busyJobs }

// A queue gathers jobs into groups while the writer is busy with another.
type queue struct {
	wake chan struct{} // holds one token when there is something to take

	mu     sync.Mutex
	groups []*group // the last one is open
	closed bool
}

func (q *queue) init() { q.wake = make(chan struct{}, 1) }

// add puts a job into the open group, and returns that group.
func (q *queue) add(j *job) (*group, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, errClosed
	}
	var g *group
	if n := len(q.groups); n > 0 {
		g = q.groups[n-1]
	}
	if g == nil || len(g.jobs) == groupJobs || g.bytes+j.bytes > groupBytes {
		g = &group{done: make(chan struct{})}
		q.groups = append(q.groups, g)
	}
	g.jobs = append(g.jobs, j)
	g.bytes += j.bytes
	g.attempts += j.attempts
	q.rouse()
	return g, nil
}

// rouse wakes the writer, or has it look again before it sleeps.
func (q *queue) rouse() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take removes the oldest group; nil if there is none, and last if there will
// be none.
func (q *queue) take() (g *group, last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.groups) == 0 {
		return nil, q.closed
	}
	g = q.groups[0]
	q.groups[0] = nil
	q.groups = q.groups[1:]
	return g, false
}

// waiting is how much there is to do.
func (q *queue) waiting() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, g := range q.groups {
		n += len(g.jobs) + g.attempts
	}
	return n
}

// close lets no further job in. What is in is done.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.rouse()
}
