package lane

import (
	"slices"
	"time"
)

// load is a question to the store that is not yet answered. The store may read
// at any moment between the question and the answer, so what the scheduler has
// heard in between is newer than the answer, and is kept here until it comes.
type load struct {
	on    bool
	stale bool // the answer is of no use
	ask   Load

	// These are as they were when it was asked: the edge behind which it reads, and up
	// to where all was settled.
	edge, settled Position

	// touched are deliveries that ended, moved or were cancelled.
	touched map[string]struct{}

	// late are new deliveries of the part that is being read, sorted by place:
	// the answer may or may not have them. There may have been more, which were
	// dropped: none of those is before missed.
	late   []Delivery
	missed Position
	some   bool // missed is set
}

// covers says that d would be in the answer if the store had it in time.
func (l *lane) covers(d *Delivery) bool {
	if l.load.ask.OneKey {
		return d.Key == l.load.ask.Key
	}
	q := l.queues[d.Key]
	return q == nil || !q.shelved
}

func (ld *load) note(d *Delivery, max int) {
	if ld.some && d.Place().Compare(ld.missed) >= 0 {
		return
	}
	i, found := slices.BinarySearchFunc(ld.late, d.Place(), func(d Delivery, p Position) int {
		return d.Place().Compare(p)
	})
	if found {
		return
	}
	ld.late = slices.Insert(ld.late, i, *d)
	if len(ld.late) > max {
		ld.missed, ld.some = ld.late[max].Place(), true
		ld.late = ld.late[:max]
	}
}

// touch remembers that what the store may say of message is out of date.
func (ld *load) touch(message string) {
	if !ld.on {
		return
	}
	if ld.touched == nil {
		ld.touched = make(map[string]struct{})
	}
	ld.touched[message] = struct{}{}
	if len(ld.late) == 0 {
		return
	}
	ld.late = slices.DeleteFunc(ld.late, func(d Delivery) bool { return d.Message == message })
}

// Loading reports whether a lane is being read.
func (s *Scheduler) Loading(endpoint string) bool {
	l := s.lanes[endpoint]
	return l != nil && l.load.on
}

// wants says that l has something to ask the store for.
func (s *Scheduler) wants(l *lane) bool {
	if !l.known || l.set.Paused || l.removed || l.load.on {
		return false
	}
	return len(l.hungry) > 0 || l.more && l.others() <= s.base(l)/2
}

// ask makes the next Load of l.
func (s *Scheduler) ask(l *lane) Load {
	s.seq++
	half := s.base(l) / 2
	ask := Load{
		Endpoint: l.set.Endpoint,
		After:    l.edge,
		Limit:    max(1, s.base(l)-max(0, l.others())),
		seq:      s.seq,
	}
	edge, unsettled := l.edge, s.unsettled(l)
	if unsettled && l.sure.Compare(l.edge) < 0 {
		ask.After = l.sure
		ask.Limit += l.held(l.sure) + l.stretch
	}
	// Queues and the rest of the lane take turns, so that neither starves.
	if len(l.hungry) > 0 && !(l.load.ask.OneKey && l.more && l.others() <= half) {
		q := l.hungry[0]
		l.hungry = l.hungry[1:]
		q.hungry = false
		ask.OneKey, ask.Key, ask.After, ask.Limit = true, q.key, q.edge, max(1, half)
		if edge = q.edge; unsettled {
			ask.After = Position{} // memory has nothing of it
		}
	}
	l.load = load{on: true, ask: ask, edge: edge, settled: s.settled}
	return ask
}

// Loaded answers ask with its deliveries, in order of place. more says that the
// store has further ones behind the last.
func (s *Scheduler) Loaded(now time.Time, ask Load, ds []Delivery, more bool) {
	l := s.lanes[ask.Endpoint]
	if l == nil || !l.load.on || l.load.ask.seq != ask.seq {
		return
	}
	if more && len(ds) == 0 {
		s.LoadFailed(now, ask) // it cannot be
		return
	}
	l.load.on = false
	edge := &l.edge
	var q *queue
	if ask.OneKey {
		if q = l.queues[ask.Key]; q != nil {
			edge = &q.edge
		}
	}
	if !l.load.stale && *edge == l.load.edge && (!ask.OneKey || q != nil && q.shelved) {
		full := more
		more = s.merge(l, ds, more, edge)
		switch {
		case !ask.OneKey:
			l.more = more
			s.vouch(at(now), l, ds, full)
		case !more:
			l.unshelve(q)
		}
	}
	if q != nil {
		l.file(q)
	}
	l.load.touched, l.load.late = nil, nil
	s.stir(l)
}

// merge adds the answer ds and what was noted meanwhile to the window, moves
// edge as far as both are complete, and says whether there is more behind it.
func (s *Scheduler) merge(l *lane, ds []Delivery, more bool, edge *Position) bool {
	ld := &l.load
	complete := func(p Position) bool {
		return !(ld.some && p.Compare(ld.missed) >= 0) &&
			!(more && p.Compare(ds[len(ds)-1].Place()) > 0)
	}
	for i := range ds {
		place := ds[i].Place()
		if !complete(place) {
			break
		}
		if place.Compare(*edge) > 0 {
			*edge = place
		}
		if _, old := ld.touched[ds[i].Message]; !old && l.wanted(&ds[i], ld.ask) {
			s.add(l, &ds[i])
		}
	}
	for i := range ld.late {
		place := ld.late[i].Place()
		if !complete(place) {
			break
		}
		if place.Compare(*edge) > 0 {
			*edge = place
		}
		if l.wanted(&ld.late[i], ld.ask) {
			s.add(l, &ld.late[i])
		}
	}
	return more || ld.some
}

// wanted says that a delivery the store has listed as waiting is one to keep.
func (l *lane) wanted(d *Delivery, ask Load) bool {
	if l.flying[d.Message] != nil || d.Place().Compare(ask.After) <= 0 {
		return false
	}
	if ask.OneKey {
		return d.Key == ask.Key
	}
	q := l.queues[d.Key]
	return q == nil || !q.shelved
}

// LoadFailed says that the store could not answer ask. It is asked again after
// a second.
func (s *Scheduler) LoadFailed(now time.Time, ask Load) {
	l := s.lanes[ask.Endpoint]
	if l == nil || !l.load.on || l.load.ask.seq != ask.seq {
		return
	}
	l.load.on = false
	l.load.touched, l.load.late = nil, nil
	l.loadAt = at(now).add(time.Second)
	if ask.OneKey {
		if q := l.queues[ask.Key]; q != nil {
			l.file(q)
		}
	}
	s.stir(l)
}
