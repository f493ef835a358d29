package lane

import (
	"slices"
	"time"
)

// model is what the scheduler should do, by the plainest means: it sees the
// whole disk, keeps every start and looks at all of it each time.
type model struct {
	limits Limits
	eps    []*modelEndpoint
}

type modelEndpoint struct {
	set     Settings
	live    bool
	disk    map[string]*record
	flying  map[string]*modelFlight
	health  modelHealth
	hold    time.Time
	starts  []time.Time
	loading int // loads the store has not answered
	backoff time.Time
}

// record is a delivery on disk. told says that the scheduler was told of it.
type record struct {
	Delivery
	waiting, told bool
}

type modelFlight struct {
	Delivery
	host    string
	era     int
	party   *modelParty
	verdict *Verdict // recorded or not, but the scheduler does not know yet
}

// modelParty is what is in flight as one attempt, be it one delivery.
type modelParty struct {
	sent bool // it has given its place to another
}

type modelHealth struct {
	state              State
	failures, era      int
	since, last        time.Time
	interval           time.Duration
	cap, limit, earned int
	urged              bool
}

// urge has what was tried be tried again at once, beginning with one.
func (h *modelHealth) urge() {
	h.urged, h.interval = true, time.Second
	if !h.since.IsZero() {
		h.state, h.earned, h.era = Probing, 0, h.era+1
	}
}

func newModelHealth(cap int, since time.Time) modelHealth {
	h := modelHealth{cap: cap, limit: cap, interval: time.Second}
	if !since.IsZero() {
		h.state, h.since, h.limit = Reopening, since, 1
	}
	return h
}

func (h *modelHealth) judge(now time.Time, v Verdict, era int) {
	if v.Slow {
		h.limit, h.earned = max(1, h.limit/2), 0
	}
	if v.Neutral {
		return
	}
	to := func(s State) { h.state, h.earned, h.era = s, 0, h.era+1 }
	if !v.OK {
		h.failures++
		if era == h.era {
			h.urged = false
		}
		if h.since.IsZero() {
			h.since = now
		}
		h.last = now
		if h.state == Healthy && h.failures >= 10 {
			to(Probing)
			h.interval = time.Second
		} else if h.state == Probing && era == h.era {
			h.interval = min(h.interval*2, time.Minute)
		} else if h.state == Reopening && era == h.era && (h.failures >= 10 || h.failures >= 4 && h.failures >= h.limit) {
			to(Probing)
		}
		return
	}
	h.failures, h.since = 0, time.Time{}
	h.earned++
	switch h.state {
	case Probing:
		to(Reopening)
		h.limit, h.interval = 1, time.Second
	case Reopening:
		if h.earned >= h.limit {
			h.limit, h.earned = min(h.cap, h.limit*2), 0
		}
	case Healthy:
		if h.limit >= h.cap {
			h.earned = 0
		} else if h.earned >= h.limit {
			h.limit, h.earned = h.limit+1, 0
		}
	}
	if h.state == Reopening && h.limit >= h.cap {
		to(Healthy)
	}
}

func (h *modelHealth) resume() { h.since, h.last, h.interval = time.Time{}, time.Time{}, time.Second }

func (h *modelHealth) room() int {
	if h.state == Probing {
		return 1
	}
	return h.limit
}

// waiting is what the scheduler was told of e and has not started, by place.
func (e *modelEndpoint) waiting() []*record {
	var rs []*record
	for id, r := range e.disk {
		if r.waiting && r.told && e.flying[id] == nil {
			rs = append(rs, r)
		}
	}
	slices.SortFunc(rs, func(a, b *record) int { return a.Place().Compare(b.Place()) })
	return rs
}

// gathers says that e's deliveries go together.
func (e *modelEndpoint) gathers() bool { return e.set.Gather.Size > 0 && !e.set.Ordered }

// most is how many may.
func (e *modelEndpoint) most() int {
	if e.health.state == Probing {
		return min(e.set.Gather.Size, 32)
	}
	return e.set.Gather.Size
}

// kin are those of rs of which each may go with each other.
func kin(rs []*record, apart bool) []*record {
	return slices.DeleteFunc(slices.Clone(rs), func(r *record) bool { return r.Apart != apart })
}

// together are those of waiting, which is e's, that go in its next attempt or, once
// that is full, in the ones after it; and when it may start.
func (e *modelEndpoint) together(waiting []*record) (rs []*record, from time.Time) {
	gathering, apart := kin(waiting, false), kin(waiting, true)
	if n := e.most(); len(gathering) >= n {
		full := gathering[n-1]
		rs, from = gathering, full.Due
		if len(apart) > 0 && apart[0].Place().Compare(full.Place()) < 0 {
			rs, from = apart, apart[0].Due
		}
	} else if len(apart) > 0 {
		rs, from = apart, apart[0].Due
	}
	if len(gathering) > 0 {
		if over := gathering[0].Due.Add(e.set.Gather.Window); rs == nil || over.Before(from) {
			rs, from = gathering, over
		}
	}
	return rs, from
}

// pressing says that r is tried again before its time.
func (e *modelEndpoint) pressing(r *record) bool { return e.health.urged && r.Attempts > 0 }

// heads are those of rs, which waits for e, that nothing of its own lane but time
// keeps from starting, the next one first.
func (e *modelEndpoint) heads(rs []*record, now time.Time) []*record {
	if !e.set.Ordered {
		if len(rs) > 0 && rs[0].Due.After(now) {
			if i := slices.IndexFunc(rs, e.pressing); i >= 0 {
				return rs[i : i+1]
			}
		}
		return rs[:min(1, len(rs))]
	}
	busy := map[string]bool{}
	for _, f := range e.flying {
		busy[f.Key] = true
	}
	var heads []*record
	for _, r := range rs {
		if !busy[r.Key] {
			heads = append(heads, r)
		}
		busy[r.Key] = true
	}
	slices.SortStableFunc(heads, func(a, b *record) int { return a.Due.Compare(b.Due) })
	return heads
}

// token is when a bucket of rate that has been used at starts has a token:
// before it, some interval would hold more than burst and rate allow.
func token(rate float64, starts []time.Time) time.Time {
	var from time.Time
	if rate == 0 {
		return from
	}
	burst := max(1, int(rate+0.999999))
	every := time.Duration(float64(time.Second) / rate) // whole in these tests
	for i, first := range starts {
		if n := len(starts) - i; n >= burst {
			from = latest(from, first.Add(time.Duration(n-burst+1)*every))
		}
	}
	return from
}

func latest(ts ...time.Time) time.Time { return slices.MaxFunc(ts, time.Time.Compare) }

// busy is how many places of e are taken.
func (e *modelEndpoint) busy() int {
	places := map[*modelParty]bool{}
	for _, f := range e.flying {
		if !f.party.sent || e.health.state == Probing { // a probe is alone until its verdict
			places[f.party] = true
		}
	}
	return len(places)
}

// opens is when e may start something, if nobody else were there. each is the
// same for each of the deliveries that could be the next one.
func (e *modelEndpoint) opens(now time.Time) (from time.Time, each []time.Time) {
	if !e.live || e.set.Paused || e.busy() >= e.health.room() {
		return time.Time{}, nil
	}
	waiting := e.waiting()
	if len(waiting) == 0 {
		return time.Time{}, nil
	}
	from = latest(e.hold, token(e.set.Rate, e.starts))
	if e.health.state == Probing && !e.health.last.IsZero() && !e.health.urged {
		from = latest(from, e.health.last.Add(e.health.interval))
	}
	if e.gathers() {
		_, due := e.together(waiting)
		if due.After(now) && slices.ContainsFunc(waiting, e.pressing) {
			each = append(each, from)
		}
		each = append(each, latest(from, due))
		if e.loading > 0 || !e.backoff.IsZero() { // the scheduler goes by those it has in memory
			for _, r := range waiting {
				each = append(each, latest(from, r.Due), latest(from, r.Due.Add(e.set.Gather.Window)))
			}
		}
		return each[0], each
	}
	heads := e.heads(waiting, now)
	if slices.ContainsFunc(heads, e.pressing) {
		each = append(each, from)
	}
	for _, r := range heads {
		each = append(each, latest(from, r.Due))
	}
	if e.health.urged && len(waiting) > 0 && !e.set.Ordered { // what was tried need not be in memory
		each = append(each, latest(from, waiting[0].Due))
	}
	if each == nil {
		return time.Time{}, nil
	}
	return each[0], each
}

func (m *model) appToken(app string, rate float64) time.Time {
	var starts []time.Time
	for _, e := range m.eps {
		if e.set.Application == app {
			starts = append(starts, e.starts...)
		}
	}
	slices.SortFunc(starts, time.Time.Compare)
	return token(rate, starts)
}

func (m *model) inFlight(host string) (all, there int) {
	places := map[*modelParty]bool{}
	for _, e := range m.eps {
		for _, f := range e.flying {
			if places[f.party] {
				continue
			}
			places[f.party] = true
			if f.host == host && !f.party.sent {
				there++
			}
		}
	}
	return len(places), there
}

// shut says that the process or the host has no room for e.
func (m *model) shut(e *modelEndpoint) bool {
	all, there := m.inFlight(e.set.Host)
	return all >= m.limits.InFlight || e.set.Host != "" && there >= m.limits.PerHost
}
