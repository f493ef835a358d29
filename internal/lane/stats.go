package lane

import "time"

// Stats is a summary for metrics.
type Stats struct {
	Lanes    int
	Waiting  int // in memory; the store may hold more
	InFlight int

	// Oldest is the earliest due time of anything that waits in memory, for
	// whatever reason it waits. Zero: nothing waits.
	Oldest time.Time
}

// Health tells how an endpoint does, and since when it has only failed.
func (s *Scheduler) Health(endpoint string) (State, time.Time) {
	l := s.lanes[endpoint]
	if l == nil {
		return Healthy, time.Time{}
	}
	return l.health.state, l.health.since.time()
}

// Stats counts. It looks at every lane, and at all that waits in ordered ones: it
// is not for every step.
func (s *Scheduler) Stats() Stats {
	st := Stats{Lanes: len(s.lanes), InFlight: s.inFlight}
	oldest := never
	for _, l := range s.lanes { // in whichever order: the result is the same
		st.Waiting += l.window.len()
		oldest = min(oldest, l.oldest())
	}
	if oldest != never {
		st.Oldest = oldest.time()
	}
	return st
}

// oldest is the earliest due time of what waits in memory; never if nothing does.
// Where order does not matter, the window is sorted by due time.
func (l *lane) oldest() instant {
	waiting := l.window.entries()
	if !l.set.Ordered {
		waiting = waiting[:min(1, len(waiting))]
	}
	oldest := never
	for _, e := range waiting {
		oldest = min(oldest, e.due)
	}
	return oldest
}
