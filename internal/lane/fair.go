package lane

// ring lets lanes take turns: first between applications, then between the
// lanes of one application.
type ring struct {
	lines       map[*application]*line
	first, last *line

	// keep says that lines stay in the map when they are empty: in the ready
	// ring they come and go with every start.
	keep bool
}

// line is the lanes of one application in one ring, in order of their turns.
type line struct {
	app         *application
	ring        *ring
	prev, next  *line
	first, last *lane
}

// push gives l the last turn. l is in no ring.
func (r *ring) push(l *lane) {
	n := r.lines[l.app]
	if n == nil {
		if r.lines == nil {
			r.lines = make(map[*application]*line)
		}
		n = &line{app: l.app, ring: r}
		r.lines[l.app] = n
	}
	if n.first == nil {
		r.link(n)
	}
	l.line, l.prev, l.next = n, n.last, nil
	if n.last == nil {
		n.first = l
	} else {
		n.last.next = l
	}
	n.last = l
}

// pop takes out the lane whose turn it is; nil if there is none.
func (r *ring) pop() *lane {
	n := r.first
	if n == nil {
		return nil
	}
	l := n.first
	r.drop(l)
	if n.first != nil {
		r.unlink(n)
		r.link(n)
	}
	return l
}

// drop takes l out.
func (r *ring) drop(l *lane) {
	n := l.line
	if l.prev == nil {
		n.first = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next == nil {
		n.last = l.prev
	} else {
		l.next.prev = l.prev
	}
	l.line, l.prev, l.next = nil, nil, nil
	if n.first == nil {
		r.unlink(n)
		if !r.keep {
			delete(r.lines, n.app)
		}
	}
}

func (r *ring) link(n *line) {
	n.prev, n.next = r.last, nil
	if r.last == nil {
		r.first = n
	} else {
		r.last.next = n
	}
	r.last = n
}

func (r *ring) unlink(n *line) {
	if n.prev == nil {
		r.first = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		r.last = n.prev
	} else {
		n.next.prev = n.prev
	}
	n.prev, n.next = nil, nil
}

func (r *ring) empty() bool { return r.first == nil }

// host counts what is in flight to one host. Lanes it has no room for wait in
// it. As long as any wait, at least as many of its lanes are in the ready ring
// as it has slots free: so a free slot is never overlooked, and no more lanes
// are woken than can start.
type host struct {
	name     string
	lanes    int // that are configured for it
	inFlight int
	ready    int // its lanes in the ready ring
	waiting  ring
}

// application has a rate for all its lanes. Those without a token wait in it,
// by the same rule as in a host.
type application struct {
	name    string
	lanes   int
	bucket  bucket
	ready   int
	waiting ring
	timer   timer // the next token, while lanes wait for it and for nothing else
}

// enqueue puts l, which can start something, where its turn will come.
func (s *Scheduler) enqueue(l *lane) {
	s.ready.push(l)
	l.host.ready++
	l.app.ready++
}

// dequeue takes l out of whichever ring it is in.
func (s *Scheduler) dequeue(l *lane) {
	if l.line == nil {
		return
	}
	r := l.line.ring
	r.drop(l)
	if r == &s.ready {
		l.host.ready--
		l.app.ready--
	}
}

func (s *Scheduler) full(h *host) bool {
	return h.name != "" && h.inFlight >= s.limits.PerHost
}

// admitHost wakes as many of the lanes waiting in h as it has slots for.
func (s *Scheduler) admitHost(h *host) {
	for !h.waiting.empty() && (h.name == "" || h.ready < s.limits.PerHost-h.inFlight) {
		s.enqueue(h.waiting.pop())
	}
}

// admitApp wakes as many of the lanes waiting in a as it has tokens for, or
// sets its timer to the next token.
func (s *Scheduler) admitApp(now instant, a *application) {
	if a.waiting.empty() {
		s.timers.drop(&a.timer)
		return
	}
	tokens := a.bucket.tokens(now)
	for !a.waiting.empty() && int64(a.ready) < tokens {
		s.enqueue(a.waiting.pop())
	}
	if a.waiting.empty() || a.ready > 0 {
		s.timers.drop(&a.timer)
		return
	}
	s.wake(&a.timer, a.bucket.next(now))
}
