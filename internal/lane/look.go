package lane

import (
	"cmp"
	"slices"
	"time"
)

// A Look is how a lane is at a moment.
type Look struct {
	Endpoint, Application string

	Waiting  int  // in memory
	More     bool // the store may hold others behind them
	InFlight int  // attempts under way

	Paused bool
	State  State
	Since  time.Time // it does nothing but fail; zero: it is healthy

	// Oldest is the earliest due time of what waits in memory; zero: nothing does.
	// Hold is until when nothing starts, as the receiver has asked for; zero: it has not.
	Oldest, Hold time.Time

	// Probe is when a lane that is probing may be tried next; zero: at once, when what is
	// in flight has ended, or it is not probing.
	Probe time.Time

	// Held are the ordering keys that wait for a delivery of theirs to be tried again,
	// MostHeld at most of those for which the most waits, of Holding in all.
	Held    []Held
	Holding int
}

// MostHeld is how many held keys a [Look] names.
const MostHeld = 5

// Held is an ordering key of which nothing starts before Until: its first delivery has
// failed.
type Held struct {
	Key     string
	Waiting int  // in memory
	More    bool // the store may hold others behind them
	Until   time.Time
}

// Looks returns the lanes that have anything to do, those with the most of it first and
// at most as many as asked for, and how many such lanes there are. It looks at every
// lane, as Stats does.
func (s *Scheduler) Looks(most int) (looks []Look, all int) {
	var busy []*lane
	for _, l := range s.lanes {
		if l.removed || l.window.len() == 0 && !l.more && len(l.flying) == 0 {
			continue
		}
		busy = append(busy, l)
	}
	slices.SortFunc(busy, func(a, b *lane) int {
		return cmp.Or(cmp.Compare(b.window.len(), a.window.len()), cmp.Compare(len(b.flying), len(a.flying)), cmp.Compare(a.set.Endpoint, b.set.Endpoint))
	})
	for _, l := range busy[:min(most, len(busy))] {
		looks = append(looks, l.look(s.last))
	}
	return looks, len(busy)
}

func (l *lane) look(now instant) Look {
	k := Look{
		Endpoint: l.set.Endpoint, Application: l.set.Application,
		Waiting: l.window.len(), More: l.more, InFlight: len(l.flying),
		Paused: l.set.Paused, State: l.health.state, Since: l.health.since.time(),
	}
	if oldest := l.oldest(); oldest != never {
		k.Oldest = oldest.time()
	}
	if l.hold > now {
		k.Hold = l.hold.time()
	}
	if from, ok := l.opens(now); ok && l.health.state == Probing && from > now {
		k.Probe = from.time()
	}
	k.Held, k.Holding = l.keysHeld(now)
	return k
}

// Look returns how one lane is; false: it is not known.
func (s *Scheduler) Look(endpoint string) (Look, bool) {
	l := s.lanes[endpoint]
	if l == nil || l.removed {
		return Look{}, false
	}
	return l.look(s.last), true
}

func (l *lane) keysHeld(now instant) (some []Held, all int) {
	var held []*queue
	for _, q := range l.queues {
		if q.flying == 0 && q.row.len() > 0 && q.row.first().due > now && q.row.first().attempts > 0 {
			held = append(held, q)
		}
	}
	slices.SortFunc(held, func(a, b *queue) int {
		return cmp.Or(cmp.Compare(b.row.len(), a.row.len()), cmp.Compare(a.key, b.key))
	})
	for _, q := range held[:min(MostHeld, len(held))] {
		some = append(some, Held{Key: q.key, Waiting: q.row.len(), More: q.shelved || l.more, Until: q.row.first().due.time()})
	}
	return some, len(held)
}
