package postgres

import (
	"context"
	"sync"
	"time"
)

// A gatherer makes groups of the jobs that come while it is busy with those before
// them, and has each group done in one transaction.
type gatherer[J job] struct {
	do func(group []J) // sets how each ended

	mu      sync.Mutex
	waiting *group[J] // nil: none
	working int       // workers that run
	busy    bool      // the last group was large
	closed  bool
	idle    sync.Cond // working has become 0
}

// A job is a part of what a group does.
type job interface {
	size() int // in bytes, about
}

// A group is what one transaction does.
type group[J job] struct {
	jobs []J
	size int
	next *group[J]
	done chan struct{} // closed when all jobs are
}

// workers is how many groups are under way at once: while one waits for the disk,
// the next is sent. When there is much to do it is one, unless the next one is full.
const workers = 2

// A group holds no more than so many jobs, and no more than one beyond so many bytes.
const (
	mostJobs  = 256
	mostBytes = 4 << 20
)

// A transaction costs about as much as storing ten messages, so when there is much to do
// a pause is left in which as much gathers as the last time. Where several nodes share
// processors, a moment in which nothing comes does not mean that nothing more will.
const (
	busyBytes = 12 << 10
	pause     = 8 * time.Millisecond
	calm      = 4 * time.Millisecond   // in which nothing came: less than the last time will do
	look      = 500 * time.Microsecond // how often it is looked whether more comes
)

func newGatherer[J job](do func(group []J)) *gatherer[J] {
	g := &gatherer[J]{do: do}
	g.idle.L = &g.mu
	return g
}

// run has a job done and returns when it is.
func (g *gatherer[J]) run(ctx context.Context, job J) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return errClosed
	}
	last := &g.waiting
	for *last != nil && (len((*last).jobs) == mostJobs || (*last).size >= mostBytes) {
		last = &(*last).next
	}
	if *last == nil {
		*last = &group[J]{done: make(chan struct{})}
	}
	mine := *last
	mine.jobs = append(mine.jobs, job)
	mine.size += job.size()
	if g.working == 0 || g.working < workers && !g.enough() {
		g.working++
		go g.work()
	}
	g.mu.Unlock()
	<-mine.done
	return nil
}

// enough reports whether one worker does more than two would.
func (g *gatherer[J]) enough() bool { return g.busy && (g.waiting == nil || g.waiting.next == nil) }

// work does groups until none is left.
func (g *gatherer[J]) work() {
	for {
		g.mu.Lock()
		mine := g.waiting
		if mine == nil || g.working > 1 && g.enough() {
			if g.working--; g.working == 0 {
				g.idle.Broadcast()
			}
			g.mu.Unlock()
			return
		}
		g.waiting = mine.next
		g.busy = mine.size >= busyBytes
		g.mu.Unlock()
		g.do(mine.jobs)
		close(mine.done)
		if mine.size >= busyBytes {
			g.gather(mine.size)
		}
	}
}

// gather pauses until as much waits as the last group had and nothing more comes: those
// who would bring it wait themselves then.
func (g *gatherer[J]) gather(last int) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	before, quiet := 0, time.Duration(0)
	for range pause / look {
		<-tick.C
		g.mu.Lock()
		now, full := 0, false
		if g.waiting != nil {
			now, full = g.waiting.size, g.waiting.next != nil
		}
		g.mu.Unlock()
		if quiet += look; now > before {
			quiet = 0
		}
		if full || quiet >= calm || quiet > 0 && now >= last {
			return
		}
		before = now
	}
}

// close lets no further job in, and returns when those that are in are done.
func (g *gatherer[J]) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for g.working > 0 {
		g.idle.Wait()
	}
}
