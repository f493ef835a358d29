package lane

import "time"

// Where others accept too, an ordered lane may read a delivery and not one before it,
// which is there a moment later: identifiers are made before they are committed. Whoever
// had the second one sent when the first was acknowledged has both in the store. So a
// lane that reads on begins again where nothing can come any more, rather than where it
// has read to, and starts nothing that it has not read together with all before it.

// Settled says that all messages up to a place between two that ever will be are in the
// store. Behind it others may come in any order, and not all are heard of by Accept.
// A Scheduler that is never told hears of each by Accept before the next is sent.
func (s *Scheduler) Settled(message string) {
	s.shared = true
	if place := (Position{Message: message}); place.Compare(s.settled) > 0 {
		s.settled = place
	}
}

// unsettled says that something may come yet before what l has read.
func (s *Scheduler) unsettled(l *lane) bool { return s.shared && l.set.Ordered }

// held is how many waiting deliveries behind a place are in memory.
func (l *lane) held(after Position) int {
	i, found := l.window.search(after)
	if found {
		i++
	}
	n := l.window.len() - i
	for _, f := range l.flying { // in whichever order: the result is the same
		if f.entry.place.Compare(after) > 0 {
			n++
		}
	}
	return n
}

// mostStretch is by how many windows a load is made larger at most.
const mostStretch = 16

// vouch is called when l has read on. What was settled when it asked, and is in the
// answer or before it, is complete. If neither that nor the edge has moved then there is
// no room in an answer for what is new, since keys that are shelved have taken it: the
// next is larger, and in the end waits until more is settled.
func (s *Scheduler) vouch(now instant, l *lane, ds []Delivery, full bool) {
	if !s.unsettled(l) || l.load.some {
		return
	}
	sure := l.edge
	if full && ds[len(ds)-1].Place().Compare(sure) < 0 {
		sure = ds[len(ds)-1].Place()
	}
	if l.load.settled.Compare(sure) < 0 {
		sure = l.load.settled
	}
	stuck := full && sure.Compare(l.load.ask.After) <= 0 && l.edge == l.load.edge
	l.sure = sure
	switch most := mostStretch * s.limits.Window; {
	case !stuck:
		l.stretch = 0
	case l.stretch < most:
		l.stretch = min(most, max(s.limits.Window, 2*l.stretch))
	default:
		l.loadAt = now.add(time.Second)
	}
}
