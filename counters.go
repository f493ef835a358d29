package fanfare

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanfarehq/fanfare/internal/lane"
)

// counters count since the Hub was made, tests apart; the gauges are as the
// scheduler last was.
type counters struct {
	accepted, delivered, givenUp  atomic.Int64
	schemaWarnings, schemaRejects atomic.Int64

	filtered atomic.Int64

	inFlight, lanes, window atomic.Int64
	oldest                  atomic.Int64 // microseconds since 1970; 0: none
	byClass                 sync.Map     // Class to *atomic.Int64
	cluster                 atomic.Pointer[cluster]
}

// Counters say how a Hub is doing, for metrics. Tests do not count: see [TestTag].
type Counters struct {
	Accepted  int64           // messages
	Attempts  map[Class]int64 // by class
	Delivered int64           // deliveries
	GivenUp   int64

	SchemaWarnings int64 // messages accepted though their schema does not allow their payload
	SchemaRejects  int64 // messages refused for it

	Filtered int64 // deliveries that were not made, as an endpoint's filter did not match

	InFlight int64       // attempts under way
	Lanes    int64       // endpoints that the scheduler knows
	Window   int64       // deliveries in memory
	Node     *Membership // nil: the store is of one process alone, or Run was not called

	OldestDue time.Time // of those, the earliest due time, past or future; zero: nothing waits
}

// Counters returns the present figures.
func (h *Hub) Counters() Counters {
	c := &h.counters
	out := Counters{
		Accepted: c.accepted.Load(), Delivered: c.delivered.Load(), GivenUp: c.givenUp.Load(),
		InFlight: c.inFlight.Load(), Lanes: c.lanes.Load(), Window: c.window.Load(),
		SchemaWarnings: c.schemaWarnings.Load(), SchemaRejects: c.schemaRejects.Load(), Filtered: c.filtered.Load(),
		Attempts: make(map[Class]int64),
	}
	if node := c.cluster.Load(); node != nil {
		out.Node = node.membership()
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

func (c *counters) accept(msg *Message) {
	if !msg.IsTest() {
		c.accepted.Add(1)
	}
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
