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
	return k
}
