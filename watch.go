package fanfare

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanfarehq/fanfare/internal/lane"
)

// watchBuffer is how many attempts a watcher may lag behind.
const watchBuffer = 256

// watchers are those who look on.
type watchers struct {
	bells bells // of those who only want to know that there is something

	mu  sync.Mutex
	all map[chan<- *Attempt]ApplicationID
}

// Watch returns a channel that receives each attempt as it is recorded, of one
// application or, with "", of all. It is closed when ctx ends, and when the
// reader falls 256 attempts behind: then it has missed some, and can read them
// with Attempts. The attempts must not be changed.
func (h *Hub) Watch(ctx context.Context, app ApplicationID) <-chan *Attempt {
	c := make(chan *Attempt, watchBuffer)
	w := &h.watchers
	w.mu.Lock()
	if w.all == nil {
		w.all = make(map[chan<- *Attempt]ApplicationID)
	}
	w.all[c] = app
	w.mu.Unlock()
	context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.leaveLocked(c)
	})
	return c
}

func (w *watchers) tell(app ApplicationID, a *Attempt) {
	w.bells.ring(app)
	w.mu.Lock()
	defer w.mu.Unlock()
	for c, of := range w.all {
		if of != app && (of != "" || app == OperationalApplication) {
			continue
		}
		select {
		case c <- a:
		default:
			w.leaveLocked(c)
		}
	}
}

func (w *watchers) leaveLocked(c chan<- *Attempt) {
	if _, ok := w.all[c]; ok {
		delete(w.all, c)
		close(c)
	}
}

// counters count since the Hub was made, but for the gauges, which are as the
// scheduler last was.
type counters struct {
	accepted, delivered, givenUp  atomic.Int64
	schemaWarnings, schemaRejects atomic.Int64

	inFlight, lanes, window atomic.Int64
	oldest                  atomic.Int64 // microseconds since 1970; 0: none
	byClass                 sync.Map     // Class to *atomic.Int64
}

// Counters say how a Hub is doing, for metrics.
type Counters struct {
	Accepted  int64           // messages
	Attempts  map[Class]int64 // by class
	Delivered int64           // deliveries
	GivenUp   int64

	SchemaWarnings int64 // messages accepted though their schema does not allow their payload
	SchemaRejects  int64 // messages refused for it

	InFlight  int64     // attempts under way
	Lanes     int64     // endpoints that the scheduler knows
	Window    int64     // deliveries in memory
	OldestDue time.Time // of those, the earliest due time, past or future; zero: nothing waits
}

// Counters returns the present figures.
func (h *Hub) Counters() Counters {
	c := &h.counters
	out := Counters{
		Accepted: c.accepted.Load(), Delivered: c.delivered.Load(), GivenUp: c.givenUp.Load(),
		InFlight: c.inFlight.Load(), Lanes: c.lanes.Load(), Window: c.window.Load(),
		SchemaWarnings: c.schemaWarnings.Load(), SchemaRejects: c.schemaRejects.Load(),
		Attempts: make(map[Class]int64),
	}
	if oldest := c.oldest.Load(); oldest != 0 {
		out.OldestDue = time.UnixMicro(oldest).UTC()
	}
	c.byClass.Range(func(class, n any) bool {
		out.Attempts[class.(Class)] = n.(*atomic.Int64).Load()
		return true
	})
	return out
}

func (c *counters) count(a *Attempt) {
	n, ok := c.byClass.Load(a.Class)
	if !ok {
		n, _ = c.byClass.LoadOrStore(a.Class, new(atomic.Int64))
	}
	n.(*atomic.Int64).Add(1)
	switch a.State {
	case Delivered:
		c.delivered.Add(1)
	case GivenUp:
		c.givenUp.Add(1)
	}
}

func (c *counters) observe(s lane.Stats) {
	c.lanes.Store(int64(s.Lanes))
	c.window.Store(int64(s.Waiting))
	oldest := int64(0)
	if !s.Oldest.IsZero() {
		oldest = s.Oldest.UnixMicro()
	}
	c.oldest.Store(oldest)
}
