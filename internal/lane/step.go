package lane

import "time"

// timer wakes a lane or an application.
type timer struct {
	at    instant
	order uint64 // of creation, between equals
	lane  *lane
	app   *application
	slot  int
}

func sooner(a, b *timer) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return a.order < b.order
}

func (s *Scheduler) wake(t *timer, at instant) {
	if t.slot > 0 && t.at == at {
		return
	}
	t.at = at
	s.timers.put(t)
}

// Step says what is to be done now.
func (s *Scheduler) Step(t time.Time) Actions {
	now := at(t)
	clear(s.starts)
	clear(s.loads)
	s.starts, s.loads = s.starts[:0], s.loads[:0]
	if now < s.last {
		s.rethink()
	}
	s.last = now
	for _, l := range s.stirred {
		l.stirred = false
		s.settle(now, l)
	}
	clear(s.stirred)
	s.stirred = s.stirred[:0]
	for s.timers.len() > 0 && s.timers.top().at <= now {
		due := s.timers.top()
		s.timers.drop(due)
		if due.lane != nil {
			s.settle(now, due.lane)
		} else {
			s.admitApp(now, due.app)
		}
	}
	for s.inFlight < s.limits.InFlight {
		l := s.ready.pop()
		if l == nil {
			break
		}
		s.turn(now, l)
	}
	for _, l := range s.asking {
		l.asked = false
		if s.wants(l) && l.loadAt <= now {
			s.loads = append(s.loads, s.ask(l))
		}
	}
	clear(s.asking)
	s.asking = s.asking[:0]
	a := Actions{Start: s.starts, Load: s.loads}
	if s.timers.len() > 0 {
		a.Wake = s.timers.top().at.time()
	}
	return a
}

// rethink is for a clock that went back: what was to wait until some time may
// have to wait less.
func (s *Scheduler) rethink() {
	for _, t := range s.timers.items {
		if t.lane != nil {
			s.stir(t.lane)
		} else {
			s.stir(t.app.waiting.first.first)
		}
	}
}

// turn lets l, just taken from the ready ring, start one delivery if its host
// and its application have room for it. If not it waits with them.
func (s *Scheduler) turn(now instant, l *lane) {
	l.host.ready--
	l.app.ready--
	switch from, ok := l.opens(now); {
	case !ok || from > now: // the clock went back
	case s.full(l.host):
		l.host.waiting.push(l)
	case l.app.bucket.next(now) > now:
		l.app.waiting.push(l)
	default:
		s.start(now, l)
	}
	s.settle(now, l)
}

// opens is the earliest time at which l can start something, as far as it is up
// to l; false if that takes another input.
func (l *lane) opens(now instant) (instant, bool) {
	if !l.known || l.set.Paused || l.busy() >= l.health.room() {
		return 0, false
	}
	e := l.upcoming(now)
	if e == nil {
		return 0, false
	}
	due := e.due
	if l.set.Gather.Size > 0 {
		due, _ = l.gathered(now)
	} else if l.health.urged && e.attempts > 0 {
		due = 0
	}
	return max(due, l.hold, l.health.probeAt(now), l.bucket.next(now)), true
}

// busy is how many places are taken.
func (l *lane) busy() int {
	if l.health.state == Probing {
		return len(l.flying) // nothing more before the verdict
	}
	return len(l.flying) - l.riders - l.sent
}

func (s *Scheduler) start(now instant, l *lane) {
	if l.set.Gather.Size > 0 {
		s.startTogether(now, l)
	} else {
		s.startNext(now, l)
	}
	s.inFlight++
	l.host.inFlight++
	l.bucket.take(now)
	l.app.bucket.take(now)
}

func (s *Scheduler) startNext(now instant, l *lane) {
	e := l.upcoming(now)
	i, _ := l.window.search(e.place)
	if q := e.queue; q != nil {
		q.flying++
		q.flight, q.again = e.place, e.attempts > 0
	}
	l.drop(i)
	s.fly(l, e)
	s.starts = append(s.starts, Start{
		Endpoint: l.set.Endpoint,
		Message:  e.place.Message,
		Attempts: int(e.attempts),
	})
}

// fly notes that e, no longer in the window, is in flight.
func (s *Scheduler) fly(l *lane, e *entry) *flight {
	if e.attempts > 0 {
		l.again++
	}
	var f *flight
	if n := len(s.flights); n > 0 {
		f, s.flights = s.flights[n-1], s.flights[:n-1]
	} else {
		f = new(flight)
	}
	*f = flight{entry: e, host: l.host, era: l.health.era}
	if l.flying == nil {
		l.flying = make(map[string]*flight)
	}
	l.flying[e.place.Message] = f
	l.wide = l.wide || len(l.flying) >= wideFrom
	return f
}

// stir makes the next Step settle l, about which something has changed.
func (s *Scheduler) stir(l *lane) {
	if !l.stirred {
		l.stirred = true
		s.stirred = append(s.stirred, l)
	}
}

// settle puts l where it belongs: into the ready ring, to sleep, or to wait for
// an input; and sees whether it wants a load.
func (s *Scheduler) settle(now instant, l *lane) {
	s.trim(l)
	s.shelve(now, l)
	wake := never
	from, ok := l.opens(now)
	switch {
	case !ok:
		s.dequeue(l)
	case from > now:
		s.dequeue(l)
		wake = from
	case l.line == nil:
		s.enqueue(l)
	}
	if s.wants(l) {
		if l.loadAt > now {
			wake = min(wake, l.loadAt)
		} else if !l.asked {
			l.asked = true
			s.asking = append(s.asking, l)
		}
	}
	if wake == never {
		s.timers.drop(&l.timer)
	} else {
		s.wake(&l.timer, wake)
	}
	s.admitHost(l.host)
	s.admitApp(now, l.app)
}
