package fanfare

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// A feed knows how far what was accepted is complete. Identifiers are made before
// the commit, and commits overtake each other: whoever has read up to a message
// may go on behind it only when none with a smaller id can still come. The feed
// keeps the acceptances under way in the order in which they began, so that what
// lies before the first of them is known to be settled.
//
// Of the applications that someone asks about again and again it also knows how
// far they go, so that being told "nothing new" costs no look into the store.
type feed struct {
	others  atomic.Uint64 // what of other nodes may come yet lies behind it; 0: there are none
	floored atomic.Bool   // the store's newest id was made the floor of further ones
	bells   bells         // rung when what was accepted is settled

	mu          sync.Mutex
	first, last *arrival
	pulses      map[ApplicationID]*pulse
}

// An arrival is an acceptance under way. The ids of its messages are all larger
// than floor.
type arrival struct {
	application ApplicationID
	newest      MessageID // of what was accepted; "": nothing
	floor       uint64
	done        bool
	next        *arrival
}

// A pulse is what is known of an application's messages.
type pulse struct {
	newest  uint64 // no message that is settled has a larger id
	known   bool   // newest is more than a guess
	settled uint64 // counts acceptances, when they are settled
	changes uint64 // counts acceptances, when they end, and removals of payloads
}

// maxPulses bounds what is known; beyond it, knowing begins anew.
const maxPulses = 10_000

// begin notes an acceptance, before its first identifier is made.
func (f *feed) begin(app ApplicationID, g *ids) *arrival {
	a := &arrival{application: app}
	f.mu.Lock()
	defer f.mu.Unlock()
	a.floor = g.latest()
	if f.last == nil {
		f.first = a
	} else {
		f.last.next = a
	}
	f.last = a
	return a
}

// end notes that an acceptance is over. Those that have become settled by it are
// made known, in their order.
func (f *feed) end(a *arrival) {
	for _, app := range f.settle(a) {
		f.bells.ring(app)
	}
}

func (f *feed) settle(a *arrival) (heard []ApplicationID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a.done = true
	if p := f.pulses[a.application]; p != nil {
		p.changes++
	}
	for ; f.first != nil && f.first.done; f.first = f.first.next {
		if f.first.newest == "" {
			continue
		}
		if p := f.pulses[f.first.application]; p != nil {
			p.newest = max(p.newest, ordinal(f.first.newest))
			p.settled++
		}
		if f.bells.any() {
			heard = append(heard, f.first.application)
		}
	}
	if f.first == nil {
		f.last = nil
	}
	return heard
}

// horizon is the id up to which nothing can come any more.
func (f *feed) horizon(g *ids) uint64 {
	own := f.ownHorizon(g)
	if others := f.others.Load(); others != 0 {
		return min(own, others)
	}
	return own
}

// ownHorizon is the horizon as far as this process accepts.
func (f *feed) ownHorizon(g *ids) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first != nil {
		return f.first.floor
	}
	return g.latest()
}

// ask has the feed listen for an application from now on; mark goes into learn.
func (f *feed) ask(app ApplicationID) (mark uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pulseLocked(app).settled
}

func (f *feed) pulseLocked(app ApplicationID) *pulse {
	p := f.pulses[app]
	if p == nil {
		if f.pulses == nil || len(f.pulses) >= maxPulses {
			f.pulses = make(map[ApplicationID]*pulse)
		}
		p = &pulse{}
		f.pulses[app] = p
	}
	return p
}

// learn is told that nothing lay behind a place, when that was looked for in the
// store after ask had returned mark.
func (f *feed) learn(app ApplicationID, place, mark uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pulses[app]
	if p == nil || p.settled != mark {
		return
	}
	if !p.known || place < p.newest {
		p.newest, p.known = place, true
	}
}

// quiet reports whether it is known that nothing lies behind a place.
func (f *feed) quiet(app ApplicationID, place uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pulses[app]
	return p != nil && p.known && p.newest <= place
}

// elsewhere takes in how far other nodes have come: that something was accepted
// there is not known here, so all that was known is forgotten.
func (f *feed) elsewhere(horizon uint64) {
	f.others.Store(max(1, horizon))
	f.mu.Lock()
	for _, p := range f.pulses {
		p.known = false
		p.settled++
		p.changes++
	}
	f.mu.Unlock()
	f.bells.ringAll()
}

// changed notes that messages of an application are not what they were.
func (f *feed) changed(app ApplicationID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.pulses[app]; p != nil {
		p.changes++
	}
}

// changes is how often an application's messages have changed since someone asks.
func (f *feed) changes(app ApplicationID) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pulseLocked(app).changes
}

// latest is the newest identifier made, as ordinal gives it.
func (g *ids) latest() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last
}

// ordinal is the part of a message's id that grows: no two have the same. It is 0
// for what is not such an id.
func ordinal(id MessageID) uint64 {
	raw, _ := DecodeID("msg_", string(id))
	high := binary.BigEndian.Uint64(raw[:8])
	return high>>16<<12 | high&0xfff
}

// reach is the ordinal up to which all lies before a place or is the message of
// that id. A place as placeAt makes them stands before the message of its ordinal.
func reach(id MessageID) uint64 {
	raw, _ := DecodeID("msg_", string(id))
	n := ordinal(id)
	if n > 0 && [8]byte(raw[8:]) == ([8]byte{}) {
		n--
	}
	return n
}

// A Bell rings when there may be something new. It rings at most once until it was
// heard, however much there is.
type Bell struct {
	bells *bells
	of    ApplicationID
	rung  chan struct{}
}

// Rung receives after the bell has rung.
func (b *Bell) Rung() <-chan struct{} { return b.rung }

// Close has the bell ring no more.
func (b *Bell) Close() {
	b.bells.mu.Lock()
	defer b.bells.mu.Unlock()
	of := b.bells.by[b.of]
	if !of[b] {
		return
	}
	delete(of, b)
	if len(of) == 0 {
		delete(b.bells.by, b.of)
	}
	b.bells.n.Add(-1)
}

// MessageBell rings when messages of an application can be polled. What was
// accepted before it was asked for does not ring it.
func (h *Hub) MessageBell(app ApplicationID) *Bell { return h.feed.bells.hang(app) }

// AttemptBell rings when attempts of an application, or with "" of any, are
// recorded.
func (h *Hub) AttemptBell(app ApplicationID) *Bell { return h.attempts.hang(app) }

// bells are those of all who listen. None listening costs those who ring a look
// at a counter.
type bells struct {
	n  atomic.Int64
	mu sync.Mutex
	by map[ApplicationID]map[*Bell]bool
}

func (bs *bells) any() bool { return bs.n.Load() > 0 }

func (bs *bells) hang(app ApplicationID) *Bell {
	b := &Bell{bells: bs, of: app, rung: make(chan struct{}, 1)}
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if bs.by == nil {
		bs.by = make(map[ApplicationID]map[*Bell]bool)
	}
	if bs.by[app] == nil {
		bs.by[app] = make(map[*Bell]bool)
	}
	bs.by[app][b] = true
	bs.n.Add(1)
	return b
}

func (bs *bells) ring(app ApplicationID) {
	if !bs.any() {
		return
	}
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, of := range []ApplicationID{app, ""} {
		if of == "" && app == OperationalApplication {
			continue
		}
		for b := range bs.by[of] {
			select {
			case b.rung <- struct{}{}:
			default:
			}
		}
	}
}

// ringAll rings every bell there is.
func (bs *bells) ringAll() {
	if !bs.any() {
		return
	}
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, of := range bs.by {
		for b := range of {
			select {
			case b.rung <- struct{}{}:
			default:
			}
		}
	}
}
