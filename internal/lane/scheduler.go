package lane

import "time"

// Scheduler holds all lanes. Its methods are its inputs; after one or several
// of them call Step. It is not safe for concurrent use.
//
// The owner keeps these promises: a delivery is in the store before its Accept
// or Stored, an outcome before its Finish, a cancellation before its Cancel.
// Accept comes before the first Finish or Cancel, even if a Load was faster.
// Every Load is answered once, by Loaded or LoadFailed; a Seek is read after it was made. A waiting delivery that
// moves is cancelled and then accepted at its new place. When Ordered changes,
// the store gives the waiting deliveries their new ranks before Configure.
type Scheduler struct {
	limits   Limits
	lanes    map[string]*lane
	hosts    map[string]*host
	apps     map[string]*application
	ready    ring
	timers   heap[*timer]
	inFlight int
	created  uint64   // lanes and applications so far
	seq      uint64   // loads so far
	shared   bool     // others accept too
	settled  Position // if so: nothing comes any more before it
	last     instant

	stirred []*lane // to settle at the next Step
	asking  []*lane // that may want a load
	starts  []Start
	loads   []Load
	entries []*entry // free ones
	flights []*flight
}

// New makes a Scheduler without any lanes.
func New(l Limits) *Scheduler {
	return &Scheduler{
		limits: l.withDefaults(),
		lanes:  make(map[string]*lane),
		hosts:  make(map[string]*host),
		apps:   make(map[string]*application),
		ready:  ring{keep: true},
		timers: heap[*timer]{before: sooner, slot: func(t *timer) *int { return &t.slot }},
	}
}

// lane finds an endpoint's lane, or makes one that waits to be configured.
func (s *Scheduler) lane(endpoint string) *lane {
	l := s.lanes[endpoint]
	if l == nil {
		l = &lane{set: Settings{Endpoint: endpoint}}
		s.created++
		l.timer = timer{lane: l, order: s.created}
		s.lanes[endpoint] = l
		s.attach(l)
	}
	return l
}

// attach makes l belong to the application and the host that it is configured for.
func (s *Scheduler) attach(l *lane) {
	a := s.apps[l.set.Application]
	if a == nil {
		a = &application{name: l.set.Application}
		s.created++
		a.timer = timer{app: a, order: s.created}
		s.apps[a.name] = a
	}
	h := s.hosts[l.set.Host]
	if h == nil {
		h = &host{name: l.set.Host}
		s.hosts[h.name] = h
	}
	l.app, l.host = a, h
	a.lanes++
	h.lanes++
}

// detach is the opposite, for a lane in no ring. An application and a host end
// with their last lane.
func (s *Scheduler) detach(a *application, h *host) {
	a.lanes--
	h.lanes--
	s.admitHost(h)
	s.forget(h)
	if !a.waiting.empty() {
		s.stir(a.waiting.first.first)
	}
	if a.lanes == 0 {
		delete(s.ready.lines, a)
		delete(s.apps, a.name)
		s.timers.drop(&a.timer)
	}
}

func (s *Scheduler) forget(h *host) {
	if h.lanes == 0 && h.inFlight == 0 && s.hosts[h.name] == h {
		delete(s.hosts, h.name)
	}
}

// Configure says what is to be known of an endpoint, when it is first seen and
// whenever that changes. Until then its lane starts nothing.
func (s *Scheduler) Configure(now time.Time, set Settings) {
	if set.Ordered {
		set.Gather = Gather{}
	}
	l := s.lane(set.Endpoint)
	old := l.set
	l.set = set
	if old.Application != set.Application || old.Host != set.Host {
		a, h := l.app, l.host
		s.dequeue(l)
		s.attach(l)
		s.detach(a, h) // after attach: what they share lives on
	}
	limit := set.MaxInFlight
	if limit <= 0 {
		limit = s.limits.PerEndpoint
	}
	if !l.known {
		l.known = true
		l.health = begin(limit, at(set.FailingSince))
	} else {
		l.health.fit(limit)
		if old.Paused && !set.Paused {
			l.health.resume()
		}
	}
	l.removed = false
	l.bucket.set(set.Rate)
	l.app.bucket.set(set.AppRate)
	if old.Ordered != set.Ordered {
		more := l.more || l.shelved > 0 || l.window.len() > 0
		s.doubt(l)
		l.more = more
	}
	s.stir(l)
}

// Remove forgets a deleted endpoint and what waits for it. What is in flight
// still finishes.
func (s *Scheduler) Remove(endpoint string) {
	l := s.lanes[endpoint]
	if l == nil {
		return
	}
	s.reset(l)
	l.more, l.known, l.removed = false, false, true
	l.load = load{}
	clear(l.sought)
	l.loadAt, l.hold = 0, 0
	s.stir(l)
	s.bury(l)
}

// bury ends a removed lane that has nothing in flight.
func (s *Scheduler) bury(l *lane) {
	if !l.removed || len(l.flying) > 0 {
		return
	}
	delete(s.lanes, l.set.Endpoint)
	s.dequeue(l)
	s.detach(l.app, l.host)
}

// Accept takes a delivery that is newly stored, or waits again after it had
// ended. What the scheduler knows already does no harm.
func (s *Scheduler) Accept(now time.Time, endpoint string, d Delivery) {
	l := s.lane(endpoint)
	if f := l.flying[d.Message]; f != nil {
		// Either this is old news, because a Load was faster, or it is to be
		// sent once more.
		f.doubt = true
		return
	}
	s.take(l, &d)
	s.stir(l)
}

// Stored says that the store holds deliveries of this lane that the scheduler
// has not been told of one by one: after a start, or when many were requeued.
// The lane is read again from its beginning.
func (s *Scheduler) Stored(now time.Time, endpoint string) {
	l := s.lane(endpoint)
	s.reset(l)
	s.stir(l)
}

// Cancel says that a waiting delivery is to be forgotten. One in flight is not
// affected.
func (s *Scheduler) Cancel(endpoint, message string) {
	l := s.lanes[endpoint]
	if l == nil {
		return
	}
	if f := l.flying[message]; f != nil {
		f.doubt = true // it may come back from this attempt, and must not
		return
	}
	l.touch(message)
	for i, e := range l.window.entries() {
		if e.place.Message == message {
			s.free(l.drop(i))
			break
		}
	}
	s.stir(l)
}

// Emptied says that all that waited in a lane, and what is in flight if it was to
// be tried again, is to be forgotten. The lane is read again.
func (s *Scheduler) Emptied(endpoint string) {
	l := s.lanes[endpoint]
	if l == nil {
		return
	}
	s.doubt(l)
	s.stir(l)
}

// doubt forgets what waits, and has what is in flight come back from the store
// only.
func (s *Scheduler) doubt(l *lane) {
	for _, f := range l.flying {
		f.doubt = true
	}
	clear(l.sought)
	s.reset(l)
}

// Sent says that an attempt is over as far as its endpoint can tell, and went
// well: another may begin in its place while it is being recorded. It still counts
// for the process, until its Finish, and in an ordered lane the next one waits
// for that. Of those that went together, it is said of one.
func (s *Scheduler) Sent(endpoint, message string) {
	l := s.lanes[endpoint]
	if l == nil || l.flying[message] == nil {
		return
	}
	f := l.flying[message]
	sent := &f.sent
	if f.party != nil {
		sent = &f.party.sent
	}
	if *sent {
		return
	}
	*sent = true
	l.sent++
	f.host.inFlight--
	s.stir(l)
	s.admitHost(f.host)
}

// Finish ends an attempt that a Step has started, or one delivery's part in it.
// Of any other it takes no notice.
func (s *Scheduler) Finish(t time.Time, endpoint, message string, v Verdict) {
	l := s.lanes[endpoint]
	if l == nil || l.flying[message] == nil {
		return
	}
	now, f := at(t), l.flying[message]
	s.land(l, message, f)
	l.touch(message)
	if !l.removed {
		l.judge(now, v, f.era)
		s.comeBack(l, f, v)
	}
	if q := l.queues[f.entry.key]; q != nil {
		l.file(q)
	}
	h := f.host
	s.free(f.entry)
	*f = flight{}
	s.flights = append(s.flights, f)
	s.stir(l)
	s.admitHost(h)
	s.forget(h)
	s.bury(l)
}

// comeBack lets a delivery wait again if the verdict on f says so.
func (s *Scheduler) comeBack(l *lane, f *flight, v Verdict) {
	e := f.entry
	switch {
	case f.doubt || v.Unrecorded:
		s.reset(l)
	case v.Untried:
		s.take(l, &Delivery{
			Message: e.place.Message, Key: e.key, Apart: e.apart,
			Rank: e.place.Rank, Due: e.due.time(), Attempts: int(e.attempts),
		})
	case !v.OK && v.Again:
		s.take(l, &Delivery{
			Message: e.place.Message, Key: e.key, Apart: e.apart,
			Rank: v.Rank, Due: v.Due, Attempts: v.Attempts,
		})
	}
}

// land gives back what a delivery in flight has occupied.
func (s *Scheduler) land(l *lane, message string, f *flight) {
	delete(l.flying, message)
	l.wide = l.wide && len(l.flying) >= wideUntil
	if f.party == nil || f.party.left == 1 {
		s.vacate(l, f)
	} else {
		f.party.left--
		l.riders--
	}
	if f.entry.attempts > 0 {
		l.again--
	}
	if q := l.queues[f.entry.key]; q != nil && q.flying > 0 {
		q.flying--
		if q.flying == 0 {
			q.again, q.flight = false, Position{}
		}
	}
}

// vacate gives back the place of an attempt that is over.
func (s *Scheduler) vacate(l *lane, f *flight) {
	s.inFlight--
	if f.sent || f.party != nil && f.party.sent {
		l.sent--
	} else {
		f.host.inFlight--
	}
}

// judge draws the conclusions about the endpoint.
func (l *lane) judge(now instant, v Verdict, era int) {
	l.hold = max(l.hold, at(v.HoldUntil))
	if v.Slow {
		l.health.slow()
	}
	switch {
	case v.Neutral:
	case v.OK:
		l.health.success()
	default:
		l.health.failure(now, era)
	}
}

func (s *Scheduler) entry() *entry {
	if n := len(s.entries); n > 0 {
		e := s.entries[n-1]
		s.entries = s.entries[:n-1]
		return e
	}
	return new(entry)
}

// free keeps a few entries for later.
func (s *Scheduler) free(e *entry) {
	if len(s.entries) < 4096 {
		*e = entry{}
		s.entries = append(s.entries, e)
	}
}
