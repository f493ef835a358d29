package lane

// lane is one endpoint's deliveries. Its window holds every waiting delivery up
// to and including edge; if more is set there may be others behind it, which
// only the store has. If it is not set there are none.
type lane struct {
	set     Settings
	known   bool // configured
	removed bool // the endpoint is deleted; the lane lives on until nothing is in flight

	health health
	hold   instant // nothing starts before
	bucket bucket

	window  row
	edge    Position
	more    bool
	sure    Position // all before it is settled, and was read; see Settled
	stretch int      // how much more is asked for, to get past what is shelved
	flying  map[string]*flight
	riders  int               // of those, how many hold no place, as another of their party does
	sent    int               // how many places in flight were given to another
	apart   int               // in the window, how many wait for no others
	sought  map[string]uint64 // asked of the store one by one: by which Seek; see Found
	wide    bool

	// Ordered lanes only.
	queues  map[string]*queue
	heads   heap[*queue] // those whose first entry waits for nothing but time
	shelved int
	hungry  []*queue // shelved ones with nothing left in memory
	again   int      // attempts in flight that are not the first

	load   load
	loadAt instant // a Load failed; not before
	asked  bool    // it is in Scheduler.asking

	stirred bool // it is in Scheduler.stirred

	timer timer
	host  *host
	app   *application

	line       *line // in a ring
	prev, next *lane
}

// flight is an attempt in flight.
type flight struct {
	entry *entry
	host  *host
	era   int
	party *party // nil: it goes by itself
	doubt bool   // it was accepted again or cancelled meanwhile: the store knows
	sent  bool   // it has given its place to another; of a party, that is in the party
}

// A lane with wideFrom attempts in flight drains its window faster than the store
// may be asked, so it gets a wider one until there are fewer than wideUntil. There
// cannot be many such lanes, since there is a limit to what is in flight.
const (
	wideFrom  = 64
	wideUntil = 16
	wideTimes = 4
)

// base is how many waiting deliveries the window is for. A lane that starts
// next to nothing needs next to none, and one that gathers enough for the next
// attempt while more are loaded.
func (s *Scheduler) base(l *lane) int {
	switch {
	case l.set.Paused:
		return max(1, s.limits.Window/8)
	case l.health.single():
		return max(1, s.limits.Window/8, 2*l.size())
	case l.wide:
		return max(wideTimes*s.limits.Window, 2*l.size())
	}
	return max(s.limits.Window, 2*l.size())
}

// others is what the window holds beside the first deliveries of shelved
// queues, which have room of their own: else enough of them would shut out
// everybody else.
func (l *lane) others() int { return l.window.len() - l.shelved }

// behind says that the waiting delivery d belongs to the part of the lane that
// only the store has.
func (l *lane) behind(d *Delivery) bool {
	if q := l.queues[d.Key]; q != nil && q.shelved {
		return d.Place().Compare(q.edge) > 0
	}
	return l.more && d.Place().Compare(l.edge) > 0
}

// take is how every new waiting delivery comes in.
func (s *Scheduler) take(l *lane, d *Delivery) {
	if !l.behind(d) {
		s.add(l, d)
		s.trim(l)
		return
	}
	if l.load.on && l.covers(d) {
		l.load.note(d, s.limits.Window)
	}
}

// add puts d into the window, where it may be already.
func (s *Scheduler) add(l *lane, d *Delivery) {
	i, found := l.window.search(d.Place())
	if found {
		return
	}
	e := s.entry()
	*e = entry{place: d.Place(), due: at(d.Due), attempts: int32(d.Attempts), apart: d.Apart, key: d.Key}
	l.window.insert(i, e)
	if e.apart {
		l.apart++
	}
	if l.set.Ordered {
		q := l.queue(d.Key)
		e.queue = q
		j, _ := q.row.search(e.place)
		q.row.insert(j, e)
		l.file(q)
	}
}

// drop takes the i-th entry out of the window.
func (l *lane) drop(i int) *entry {
	e := l.window.at(i)
	l.window.remove(i)
	if e.apart {
		l.apart--
	}
	if q := e.queue; q != nil {
		l.heads.drop(q)
		j, _ := q.row.search(e.place)
		q.row.remove(j)
		e.queue = nil
		l.file(q)
	}
	return e
}

func (l *lane) queue(key string) *queue {
	q := l.queues[key]
	if q == nil {
		if l.queues == nil {
			l.queues = make(map[string]*queue)
			l.heads = heap[*queue]{before: earlier, slot: func(q *queue) *int { return &q.slot }}
		}
		q = &queue{key: key}
		l.queues[key] = q
	}
	return q
}

// file puts q where it belongs now that its first entry or what is in flight of
// it has changed.
func (l *lane) file(q *queue) {
	if q.flying == 0 && q.row.len() > 0 {
		l.heads.put(q)
		return
	}
	l.heads.drop(q)
	switch {
	case q.flying > 0 || q.row.len() > 0:
	case !q.shelved:
		delete(l.queues, q.key)
	case !q.hungry:
		q.hungry = true
		l.hungry = append(l.hungry, q)
	}
}

// first is the delivery that the lane starts next; nil if there is none that
// waits for nothing but time.
func (l *lane) first() *entry {
	if l.set.Ordered {
		if l.heads.len() == 0 {
			return nil
		}
		return l.heads.top().row.first()
	}
	if l.window.len() == 0 {
		return nil
	}
	return l.window.first()
}

// trim evicts the last entries until the window is no longer too large.
func (s *Scheduler) trim(l *lane) {
	for l.others() > s.base(l) {
		i := l.window.len() - 1
		for i > 0 && l.window.at(i).alone() {
			i--
		}
		s.evict(l, i)
	}
}

func (s *Scheduler) evict(l *lane, i int) {
	e := l.window.at(i)
	if q := e.queue; q != nil && q.shelved {
		q.edge = Position{}
		if j, _ := q.row.search(e.place); j > 0 {
			q.edge = q.row.at(j - 1).place
		}
	} else {
		l.more, l.edge = true, Position{}
		if i > 0 {
			l.edge = l.window.at(i - 1).place
		}
	}
	s.free(l.drop(i))
}

// shelve makes room when the window is full of deliveries none of which can
// start: of a queue whose first delivery is being retried, memory keeps that
// one only, and the store gives the others when it has ended. So a key that
// fails does not stop other keys, however much waits behind it.
func (s *Scheduler) shelve(now instant, l *lane) {
	if !l.set.Ordered || !l.more || l.load.on || l.shelved >= s.limits.Window || l.others() <= s.base(l)/2 {
		return
	}
	if l.heads.len() == 0 && l.again == 0 || l.heads.len() > 0 && l.heads.top().row.first().due <= now {
		return
	}
	before := l.shelved
	for _, e := range l.window.entries() {
		q := e.queue
		if q.shelved || l.shelved >= s.limits.Window || !q.stuck(now, l.edge) {
			continue
		}
		q.shelved, q.edge = true, q.flight
		if q.flying == 0 {
			q.edge = q.row.first().place
		}
		l.shelved++
	}
	if l.shelved > before {
		s.unload(l)
	}
}

// unload drops what shelved queues hold behind their edges.
func (s *Scheduler) unload(l *lane) {
	kept := l.window.entries()[:0]
	for _, e := range l.window.entries() {
		if q := e.queue; q.shelved && e.place.Compare(q.edge) > 0 {
			q.row.remove(q.row.len() - 1) // the last of them in the end, whichever comes first
			if e.apart {
				l.apart--
			}
			s.free(e)
			continue
		}
		kept = append(kept, e)
	}
	clear(l.window.all[l.window.head+len(kept):])
	l.window.all = l.window.all[:l.window.head+len(kept)]
}

// unshelve lets q follow the lane's edge again, once memory holds all there is
// of it and none of that is behind the lane's edge.
func (l *lane) unshelve(q *queue) {
	if l.more && q.row.len() > 0 && q.row.last().place.Compare(l.edge) > 0 {
		return
	}
	q.shelved = false
	l.shelved--
}

// reset forgets what waits, but not what is in flight. The store has it all.
func (s *Scheduler) reset(l *lane) {
	for _, e := range l.window.entries() {
		s.free(e)
	}
	l.window.reset()
	l.apart = 0
	l.edge, l.more = Position{}, true
	l.sure, l.stretch = Position{}, 0
	l.queues, l.heads.items, l.hungry, l.shelved = nil, nil, nil, 0
	l.load.stale = true
	if !l.set.Ordered {
		return
	}
	for _, f := range l.flying { // in whichever order: the result is the same
		q := l.queue(f.entry.key)
		q.flying++
		q.again = q.again || f.entry.attempts > 0
		if f.entry.place.Compare(q.flight) > 0 {
			q.flight = f.entry.place
		}
	}
}
