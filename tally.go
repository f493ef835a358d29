package fanfare

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Tallies is how much has happened, beyond the life of a process.
type Tallies interface {
	// KeepTallies stores what a Hub has counted in some quarters of an hour, in place of
	// what it said of them before: so it may be said twice.
	KeepTallies(ctx context.Context, hub [16]byte, some []Tally) error
	// Tallies lists those that begin in [since, until), by age, each the sum of what all
	// Hubs but one have counted.
	Tallies(ctx context.Context, but [16]byte, since, until time.Time) ([]Tally, error)
	// PruneTallies removes those that begin before t.
	PruneTallies(ctx context.Context, t time.Time) error
}

// A Tally is how much has happened in a quarter of an hour. Tests are not counted: see
// [TestTag].
type Tally struct {
	Begins    time.Time
	Accepted  int64 // messages
	Delivered int64 // deliveries
	GivenUp   int64
	Failed    int64 // attempts
}

func (t Tally) plus(o Tally) Tally {
	return Tally{t.Begins, t.Accepted + o.Accepted, t.Delivered + o.Delivered, t.GivenUp + o.GivenUp, t.Failed + o.Failed}
}

func (t Tally) minus(o Tally) Tally {
	return Tally{t.Begins, t.Accepted - o.Accepted, t.Delivered - o.Delivered, t.GivenUp - o.GivenUp, t.Failed - o.Failed}
}

const (
	// TallyLasts is what a Tally is of. It begins at a full quarter of an hour, UTC.
	TallyLasts = 15 * time.Minute
	// TalliesLast is how long they are kept.
	TalliesLast = 8 * 24 * time.Hour

	talliesMost = int(TalliesLast/TallyLasts) + 1
	// tallyEvery is how often what was counted is stored while something happens: as much
	// is lost if the process is killed.
	tallyEvery = time.Minute
)

// tallies are those that a Hub has counted itself, which it shows from memory: of what is
// stored it reads what other Hubs have counted. So nothing is there twice, or missing, while
// it is being stored.
type tallies struct {
	hub  [16]byte      // names the Hub among all that ever were on its store
	wake chan struct{} // has room for one: something may have been counted

	mu   sync.Mutex
	seen Tally // by the counters, when they were looked at last; its Begins is none
	own  []ownTally
}

// An ownTally is as it was counted, and as it was stored last.
type ownTally struct {
	Tally
	stored Tally
}

func (t *tallies) begin() {
	t.wake = make(chan struct{}, 1)
	rand.Read(t.hub[:]) // never fails: crypto/rand ends the process instead
}

func (t *tallies) rouse() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// take counts in the quarter of an hour of at what the counters have counted since it was
// called last.
func (t *tallies) take(c *counters, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := c.total()
	more := now.minus(t.seen)
	if more == (Tally{}) {
		return
	}
	t.seen = now
	more.Begins = at.Truncate(TallyLasts)
	i, found := slices.BinarySearchFunc(t.own, more.Begins, func(o ownTally, begins time.Time) int { return o.Begins.Compare(begins) })
	if !found {
		t.own = slices.Insert(t.own, i, ownTally{Tally: Tally{Begins: more.Begins}})
	}
	t.own[i].Tally = t.own[i].plus(more)
	t.own = slices.Delete(t.own, 0, max(0, len(t.own)-talliesMost))
}

// total is what was counted since the Hub was made.
func (c *counters) total() Tally {
	t := Tally{Accepted: c.accepted.Load(), Delivered: c.delivered.Load(), GivenUp: c.givenUp.Load()}
	c.byClass.Range(func(class, n any) bool {
		if class != ClassSuccess {
			t.Failed += n.(*atomic.Int64).Load()
		}
		return true
	})
	return t
}

// unstored are those that are not in the store as they were counted.
func (t *tallies) unstored() (some []Tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range t.own {
		if o.Tally != o.stored {
			some = append(some, o.Tally)
		}
	}
	return some
}

// noteStored notes that they are in the store like this.
func (t *tallies) noteStored(some []Tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range some {
		if i := slices.IndexFunc(t.own, func(o ownTally) bool { return o.Begins.Equal(s.Begins) }); i >= 0 {
			t.own[i].stored = s
		}
	}
}

// between are those that begin in [since, until), by age.
func (t *tallies) between(since, until time.Time) (some []Tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range t.own {
		if !o.Begins.Before(since) && (until.IsZero() || o.Begins.Before(until)) {
			some = append(some, o.Tally)
		}
	}
	return some
}

// Tallies lists how much has happened in each quarter of an hour that begins in
// [since, until), by age, as counted by all Hubs on the store while they ran; those in
// which nothing has are left out. A zero time is no bound; those older than [TalliesLast]
// are gone. What other Hubs have counted in the last minute may be missing.
func (h *Hub) Tallies(ctx context.Context, since, until time.Time) ([]Tally, error) {
	now := h.now()
	if kept := now.Add(-TalliesLast); since.Before(kept) {
		since = kept
	}
	h.tallies.take(&h.counters, now)
	own := h.tallies.between(since, until)
	all, err := h.store.Tallies(ctx, h.tallies.hub, since, until)
	if err != nil {
		return nil, err
	}
	all = append(all, own...)
	slices.SortFunc(all, func(a, b Tally) int { return a.Begins.Compare(b.Begins) })
	sums := all[:0]
	for _, t := range all {
		if n := len(sums); n > 0 && sums[n-1].Begins.Equal(t.Begins) {
			sums[n-1] = sums[n-1].plus(t)
		} else {
			sums = append(sums, t)
		}
	}
	return sums, nil
}

// tally stores what is counted while something happens, until ctx ends.
func (d *dispatcher) tally(ctx context.Context) {
	t := &d.h.tallies
	for {
		select {
		case <-t.wake:
		case <-ctx.Done():
			return
		}
		now := d.h.now()
		next := now.Truncate(TallyLasts).Add(TallyLasts)
		select {
		case <-time.After(min(tallyEvery, next.Sub(now))):
		case <-d.h.sheets.full:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return // there is one more to come
		}
		t.take(&d.h.counters, now)
		d.storeTallies(ctx)
		d.storeSheets(ctx)
	}
}

// tallyLast stores what was counted until the end.
func (d *dispatcher) tallyLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	d.h.tallies.take(&d.h.counters, d.h.now())
	d.storeTallies(ctx)
	d.storeSheets(ctx)
}

// storeTallies has the store keep what it does not have yet. What it fails to keep is tried
// again.
func (d *dispatcher) storeTallies(ctx context.Context) {
	t := &d.h.tallies
	some := t.unstored()
	if len(some) == 0 {
		return
	}
	if err := d.h.store.KeepTallies(ctx, t.hub, some); err != nil {
		d.fault(ctx, "storing how much has happened", err)
		t.rouse()
		return
	}
	t.noteStored(some)
}
