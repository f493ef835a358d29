package lane

import "time"

// Gather lets a lane that is not ordered start several deliveries as one attempt,
// once there are as many as it may have or the first of them has been due for long
// enough. Such an attempt holds one place and takes one token. It is over with the
// Finish of the last of its deliveries.
type Gather struct {
	Size   int           // most deliveries in an attempt; 0: each goes by itself
	Window time.Duration // how long the first waits for others once it is due
}

// probeMost bounds an attempt that is a probe, or as good as one. Such a lane holds
// little in memory, and each delivery of a probe that fails has spent an attempt.
const probeMost = 32

// size is how many deliveries l's next attempt may have; 0: it does not gather.
func (l *lane) size() int {
	if l.health.single() {
		return min(l.set.Gather.Size, probeMost)
	}
	return l.set.Gather.Size
}

// complete is when the next attempt of a gathering lane has all that it waits for,
// and whether it is of deliveries that stand apart: these wait for nobody. There
// is something in the window, and more than the size of an attempt if there is
// more in the store.
func (l *lane) complete() (from instant, apart bool) {
	size, window := l.size(), l.set.Gather.Window
	if l.apart == 0 {
		from = l.window.first().due.add(window)
		if l.window.len() >= size {
			from = min(from, l.window.at(size-1).due)
		}
		return from, false
	}
	from = never
	n := 0
	for _, e := range l.window.entries() {
		switch {
		case e.apart:
			return min(from, e.due), e.due <= from
		case n == 0:
			from = e.due.add(window)
		}
		if n++; n == size {
			return min(from, e.due), false
		}
	}
	return from, false
}

// A party is the deliveries of one attempt, where there may be several.
type party struct {
	left int  // in flight
	sent bool // it has given its place to another
}

// startTogether starts what has gathered as one attempt.
func (s *Scheduler) startTogether(now instant, l *lane) {
	_, apart := l.gathered(now)
	p := new(party)
	lead := len(s.starts)
	most := l.size()
	for i := 0; i < l.window.len() && p.left < most; {
		e := l.window.at(i)
		ready := l.ready(now, e)
		if !ready && p.left > 0 && !l.health.urged {
			break
		}
		if e.apart != apart || !ready { // of equals by rank one may be due before the other
			i++
			continue
		}
		l.drop(i)
		s.fly(l, e).party = p
		st := Start{Endpoint: l.set.Endpoint, Message: e.place.Message, Attempts: int(e.attempts)}
		if p.left++; p.left == 1 {
			s.starts = append(s.starts, st)
			continue
		}
		l.riders++
		s.starts[lead].More = append(s.starts[lead].More, st)
	}
}
