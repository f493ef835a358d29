package lane

import "time"

// Urge has a lane tried at once with a delivery that waits to be tried again, whatever
// the receiver has asked for; if that goes well, with the others too. It ends with the
// first that fails. Deliveries that were not tried yet wait for their time, and in an
// ordered lane those behind them too; what is gathered goes with what else is due, and
// waits for no more. It reports whether anything in memory can be tried.
func (s *Scheduler) Urge(t time.Time, endpoint string) bool {
	l := s.lanes[endpoint]
	if l == nil || !l.known || l.removed || l.set.Paused || l.window.len() == 0 && !l.more {
		return false
	}
	l.hold = 0
	l.health.urge()
	s.trim(l)
	s.stir(l)
	now, e := at(t), l.first()
	switch {
	case e == nil: // it is being read, or all that may be tried is
		return true
	case l.set.Gather.Size > 0:
		from, _ := l.gathered(now)
		return from <= now
	}
	return e.due <= now || l.tried() != nil
}

// upcoming is the delivery that the lane starts next: first, or in an urged lane one that was
// tried, if first is for later.
func (l *lane) upcoming(now instant) *entry {
	e := l.first()
	if l.health.urged && e != nil && e.due > now {
		if tried := l.tried(); tried != nil {
			return tried
		}
	}
	return e
}

// tried is the first delivery that waits to be tried again, and for nothing but time; nil:
// there is none in memory.
func (l *lane) tried() *entry {
	if !l.set.Ordered {
		for _, e := range l.window.entries() {
			if e.attempts > 0 {
				return e
			}
		}
		return nil
	}
	var best *queue
	for _, q := range l.heads.items {
		if q.row.first().attempts > 0 && (best == nil || earlier(q, best)) {
			best = q
		}
	}
	if best == nil {
		return nil
	}
	return best.row.first()
}

// gathered is complete, or in an urged lane at once if something was tried.
func (l *lane) gathered(now instant) (from instant, apart bool) {
	from, apart = l.complete()
	if l.health.urged && from > now {
		if tried := l.tried(); tried != nil {
			return 0, tried.apart
		}
	}
	return from, apart
}

// ready says that e waits for nothing of its own.
func (l *lane) ready(now instant, e *entry) bool {
	return e.due <= now || l.health.urged && e.attempts > 0
}
