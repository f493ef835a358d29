package lane

import "time"

const (
	patience      = 10 // failures in a row that make a lane probe
	doubt         = 4  // that do while few may be in flight: one refusal is no outage
	firstInterval = time.Second
	lastInterval  = time.Minute
)

// health decides how many attempts an endpoint may have in flight, from how the
// last ones ended.
type health struct {
	state    State
	era      int // counts changes of state, to tell what was started before one
	failures int // since the last success

	since    instant       // the first of those failures that was not before a pause
	last     instant       // the latest of them
	interval time.Duration // between probes

	cap    int // what the endpoint may have in flight at best
	limit  int // what it may have now
	earned int // successes towards a higher limit

	urged bool // somebody has it tried at once; until an attempt fails that began after that
}

// begin is a new lane's health. An endpoint that failed before a restart, be it once,
// is let have one in flight at first.
func begin(cap int, since instant) health {
	h := health{cap: cap, limit: cap, interval: firstInterval}
	if since != 0 {
		h.state, h.since, h.limit = Reopening, since, 1
	}
	return h
}

// fit follows a changed cap.
func (h *health) fit(cap int) {
	if h.limit >= cap || h.limit >= h.cap {
		h.limit = cap
	}
	h.cap = cap
}

// resume is for an endpoint that somebody has just switched on again: its next
// probe does not wait, and the time before does not count as failing.
func (h *health) resume() { h.since, h.last, h.interval = 0, 0, firstInterval }

// urge has the next attempt wait neither for the pause between probes nor, at another
// try, for its time. What fails is tried with one, and with the others if that goes well.
func (h *health) urge() {
	h.urged, h.interval = true, firstInterval
	if h.since != 0 {
		h.enter(Probing)
	}
}

// room is how many may be in flight.
func (h *health) room() int {
	if h.state == Probing {
		return 1
	}
	return h.limit
}

// single is whether one attempt at a time is all that its failures leave it.
func (h *health) single() bool {
	return h.state == Probing || h.state == Reopening && h.limit == 1
}

// probeAt is when the next probe may start.
func (h *health) probeAt(now instant) instant {
	if h.state != Probing || h.last == 0 || h.urged {
		return 0
	}
	h.last = min(h.last, now) // the clock may have gone back
	return h.last.add(h.interval)
}

func (h *health) enter(s State) {
	h.state = s
	h.era++
	h.earned = 0
}

func (h *health) success() {
	h.failures, h.since = 0, 0
	switch h.state {
	case Healthy:
		if h.limit < h.cap && h.earn() {
			h.limit++
		}
		return
	case Probing:
		h.enter(Reopening)
		h.limit, h.interval = 1, firstInterval
	case Reopening:
		if h.earn() {
			h.limit = min(2*h.limit, h.cap)
		}
	}
	if h.limit >= h.cap {
		h.enter(Healthy)
	}
}

// earn counts a success, and says whether as many came as may be in flight.
func (h *health) earn() bool {
	h.earned++
	if h.earned < h.limit {
		return false
	}
	h.earned = 0
	return true
}

// failure takes note of an attempt that failed; era is when it was started. One
// that was under way before the state changed is no news about the new state.
func (h *health) failure(now instant, era int) {
	h.failures++
	h.urged = h.urged && era != h.era
	if h.since == 0 {
		h.since = now
	}
	h.last = now
	switch {
	case h.state == Healthy:
		if h.failures >= patience {
			h.enter(Probing)
			h.interval = firstInterval
		}
	case era != h.era:
	case h.state == Probing:
		h.interval = min(2*h.interval, lastInterval)
	case h.state == Reopening:
		// An endpoint that refuses some of what it is sent is not one that is down.
		if h.failures >= min(max(h.limit, doubt), patience) {
			h.enter(Probing)
		}
	}
}

// slow halves the concurrency.
func (h *health) slow() {
	h.limit = max(1, h.limit/2)
	h.earned = 0
}
