package fanfare

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// EndpointTallies is how much endpoints were sent of late, beyond the life of a process.
type EndpointTallies interface {
	// KeepEndpointTallies stores what stands on a sheet, in place of what it said before of
	// these endpoints: so it may be said twice.
	KeepEndpointTallies(ctx context.Context, sheet [16]byte, some []EndpointTally) error
	// EndpointTallies lists those of some endpoints that begin at since or later, by endpoint
	// and age, each the sum of all sheets but some.
	EndpointTallies(ctx context.Context, but [][16]byte, eps []EndpointID, since time.Time) ([]EndpointTally, error)
	// PruneEndpointTallies removes those that begin before t.
	PruneEndpointTallies(ctx context.Context, t time.Time) error
}

// An EndpointTally is how many attempts at an endpoint were begun in an hour. Tests are not
// counted: see [TestTag].
type EndpointTally struct {
	Endpoint  EndpointID
	Begins    time.Time
	Succeeded int64
	Failed    int64
}

const (
	// EndpointTallyLasts is what an EndpointTally is of. It begins at a full hour, UTC.
	EndpointTallyLasts = time.Hour
	// EndpointTalliesLast is how long they are kept.
	EndpointTalliesLast = 25 * time.Hour

	// sheetMost is how many endpoints stand on a sheet, and sheetsMost how many sheets are in
	// memory if the store takes none.
	sheetMost  = 4096
	sheetsMost = 64
	// sheetsKept is how many are kept though they are full, until their hour is over: of an
	// endpoint on one that is gone there is another row.
	sheetsKept = 32
	// sheetPiece is how much of a sheet is stored at once: others wait for as long.
	sheetPiece = 1000
)

// sheets are what a Hub has counted itself and may still add to, or has not stored yet. It
// shows these from memory and all others from the store: so nothing is there twice, or
// missing, while it is being stored.
type sheets struct {
	full chan struct{} // has room for one: a sheet is, and need not wait until it is stored

	mu  sync.Mutex
	all []*sheet // the newest last
}

// A sheet has what is counted of an hour and of so many endpoints. What is counted of them
// after it is gone stands on another one.
type sheet struct {
	name   [16]byte // among all that ever were on the store
	begins time.Time
	counts map[EndpointID]*sheetCount
}

// A sheetCount is as it was counted, and as it was stored last.
type sheetCount struct{ now, stored succeededFailed }

type succeededFailed struct{ succeeded, failed int64 }

func (s *sheets) begin() { s.full = make(chan struct{}, 1) }

// count counts an attempt that is recorded, in the hour in which it was begun.
func (s *sheets) count(a *Attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.countOfLocked(a.Endpoint, a.StartedAt.UTC().Truncate(EndpointTallyLasts))
	if a.Class == ClassSuccess {
		c.now.succeeded++
	} else {
		c.now.failed++
	}
}

func (s *sheets) countOfLocked(ep EndpointID, hour time.Time) *sheetCount {
	var on *sheet
	for _, one := range slices.Backward(s.all) {
		if !one.begins.Equal(hour) {
			continue
		}
		if c := one.counts[ep]; c != nil {
			return c
		}
		if on == nil && len(one.counts) < sheetMost {
			on = one
		}
	}
	if on == nil {
		on = &sheet{begins: hour, counts: make(map[EndpointID]*sheetCount)}
		rand.Read(on.name[:]) // never fails: crypto/rand ends the process instead
		s.all = append(s.all, on)
		s.all = slices.Delete(s.all, 0, max(0, len(s.all)-sheetsMost))
	}
	c := &sheetCount{}
	if on.counts[ep] = c; len(on.counts) == sheetMost {
		select {
		case s.full <- struct{}{}:
		default:
		}
	}
	return c
}

// unstored is, by sheet, what is not in the store as it was counted.
func (s *sheets) unstored() map[*sheet][]EndpointTally {
	s.mu.Lock()
	defer s.mu.Unlock()
	some := make(map[*sheet][]EndpointTally)
	for _, one := range s.all {
		for ep, c := range one.counts {
			if c.now != c.stored {
				some[one] = append(some[one], one.tally(ep, c))
			}
		}
	}
	return some
}

func (s *sheet) tally(ep EndpointID, c *sheetCount) EndpointTally {
	return EndpointTally{ep, s.begins, c.now.succeeded, c.now.failed}
}

// noteStored notes that a sheet is in the store like this.
func (s *sheets) noteStored(on *sheet, some []EndpointTally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range some {
		on.counts[t.Endpoint].stored = succeededFailed{t.Succeeded, t.Failed}
	}
}

// drop lets go of sheets that are stored: those of hours that are over, and full ones where
// there are many.
func (s *sheets) drop(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := len(s.all)
	s.all = slices.DeleteFunc(s.all, func(one *sheet) bool {
		if now.Before(one.begins.Add(EndpointTallyLasts)) && (len(one.counts) < sheetMost || left <= sheetsKept) {
			return false
		}
		for _, c := range one.counts {
			if c.now != c.stored {
				return false
			}
		}
		left--
		return true
	})
}

// read gives what stands on the sheets of some endpoints since a time, and which sheets
// these are.
func (s *sheets) read(eps []EndpointID, since time.Time) (names [][16]byte, some []EndpointTally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		names = append(names, one.name)
		for _, ep := range eps {
			if c := one.counts[ep]; c != nil && !one.begins.Before(since) {
				some = append(some, one.tally(ep, c))
			}
		}
	}
	return names, some
}

// EndpointTallies lists how many attempts at some endpoints were begun in each hour that
// begins at since or later, by endpoint and age, as counted by all Hubs on the store, of
// whichever messages; hours without any are left out. Those older than [EndpointTalliesLast]
// are gone. What other Hubs have counted in the last minute may be missing.
func (h *Hub) EndpointTallies(ctx context.Context, eps []*Endpoint, since time.Time) ([]EndpointTally, error) {
	if kept := h.now().Add(-EndpointTalliesLast); since.Before(kept) {
		since = kept
	}
	ids := make([]EndpointID, len(eps))
	for i, ep := range eps {
		ids[i] = ep.ID
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	names, own := h.sheets.read(ids, since) // before the store is: what is dropped meanwhile is in own
	all, err := h.store.EndpointTallies(ctx, names, ids, since)
	if err != nil {
		return nil, err
	}
	all = append(all, own...)
	slices.SortFunc(all, func(a, b EndpointTally) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), a.Begins.Compare(b.Begins))
	})
	sums := all[:0]
	for _, t := range all {
		if n := len(sums); n > 0 && sums[n-1].Endpoint == t.Endpoint && sums[n-1].Begins.Equal(t.Begins) {
			sums[n-1].Succeeded, sums[n-1].Failed = sums[n-1].Succeeded+t.Succeeded, sums[n-1].Failed+t.Failed
		} else {
			sums = append(sums, t)
		}
	}
	return sums, nil
}

// storeSheets has the store keep what it does not have yet. What it fails to keep is tried
// again.
func (d *dispatcher) storeSheets(ctx context.Context) {
	s := &d.h.sheets
	for on, some := range s.unstored() {
		for piece := range slices.Chunk(some, sheetPiece) {
			if err := d.h.store.KeepEndpointTallies(ctx, on.name, piece); err != nil {
				d.fault(ctx, "storing how much endpoints were sent", err)
				d.h.tallies.rouse()
				return
			}
			s.noteStored(on, piece)
		}
	}
	s.drop(d.h.now())
}
