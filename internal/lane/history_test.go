package lane

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"
)

var (
	seeds = flag.Uint64("seeds", 200, "random histories to check")
	from  = flag.Uint64("from", 0, "the first seed")
)

// step lets the scheduler act and holds what it does against the model.
func (w *world) step() {
	a := w.s.Step(w.now)
	for _, st := range a.Start {
		w.logf("start %+v", st)
		w.started(st)
	}
	for _, ld := range a.Load {
		w.logf("load %+v", ld)
		e := w.endpoint(ld.Endpoint)
		if e.loading++; e.loading > 1 {
			w.fatalf("two loads of %s at a time", ld.Endpoint)
		}
		if !e.live || e.set.Paused || ld.Limit < 1 || w.now.Before(e.backoff) {
			w.fatalf("load %+v is not to be", ld)
		}
		w.loads = append(w.loads, &question{Load: ld})
	}
	w.wake = a.Wake
	if !w.wake.IsZero() {
		w.logf("wake %v", w.wake.Sub(epoch))
	}
	w.idle()
	oldest := never
	for _, l := range w.s.lanes {
		most := max(w.m.limits.Window, 2*l.set.Gather.Size)
		if n := l.window.len(); n > most+w.m.limits.Window || l.others() > most {
			w.fatalf("%d deliveries in memory", n)
		}
		apart := 0
		for _, e := range l.window.entries() {
			oldest = min(oldest, e.due)
			if e.apart {
				apart++
			}
		}
		if apart != l.apart {
			w.fatalf("%d stand apart, and %d are counted", apart, l.apart)
		}
	}
	if got := w.s.Stats().Oldest; oldest == never && !got.IsZero() || oldest != never && at(got) != oldest {
		w.fatalf("the oldest is due %v, want %v", got, oldest.time())
	}
}

// started checks one start, which the model then takes note of.
func (w *world) started(st Start) {
	w.count++
	e := w.endpoint(st.Endpoint)
	r := e.disk[st.Message]
	if r == nil || !r.waiting || e.flying[st.Message] != nil {
		w.fatalf("%s is not waiting", st.Message)
	}
	if from, each := e.opens(w.now); each == nil || w.now.Before(from) {
		w.fatalf("%s must not start anything now: %v %v", st.Endpoint, from, each)
	}
	if w.m.shut(e) {
		w.fatalf("no room for %s", st.Endpoint)
	}
	if w.now.Before(w.m.appToken(e.set.Application, e.set.AppRate)) {
		w.fatalf("%s has no token", e.set.Application)
	}
	if e.gathers() {
		w.startedTogether(e, st)
		return
	}
	if st.More != nil {
		w.fatalf("%s does not gather", st.Endpoint)
	}
	heads := e.heads(e.waiting(), w.now)
	first := heads[0]
	if e.set.Ordered { // which of several keys is first depends on what is in memory
		for _, h := range heads {
			if h.Message == st.Message {
				first = h
			}
		}
	}
	if first.Message != st.Message && r.told {
		w.fatalf("%s started, %s is before it", st.Message, first.Message)
	}
	if w.now.Before(r.Due) && !e.pressing(r) || st.Attempts != r.Attempts {
		w.fatalf("start %+v of %+v", st, r)
	}
	w.flies(e, r, &modelParty{})
	e.starts = append(e.starts, w.now)
}

func (w *world) flies(e *modelEndpoint, r *record, p *modelParty) {
	if w.now.Before(r.Due) {
		w.pressed++
	}
	e.flying[r.Message] = &modelFlight{Delivery: r.Delivery, host: e.set.Host, era: e.health.era, party: p}
}

// startedTogether checks that a start has the first that are due, and all that
// there is room for.
func (w *world) startedTogether(e *modelEndpoint, st Start) {
	var due, got []string
	all := !w.s.lanes[st.Endpoint].more // else the rest may not be in memory
	waiting := e.waiting()
	rs, from := e.together(waiting)
	if i := slices.IndexFunc(waiting, e.pressing); i >= 0 && from.After(w.now) {
		rs = kin(waiting, waiting[i].Apart)
	}
	if first := e.disk[st.Message]; !all && first != nil {
		rs = kin(waiting, first.Apart)
	}
	for _, r := range rs {
		if (!r.Due.After(w.now) || e.pressing(r)) && len(due) < e.most() {
			due = append(due, r.Message)
		}
	}
	p := &modelParty{}
	for _, one := range append([]Start{st}, st.More...) {
		r := e.disk[one.Message]
		if r == nil || !r.waiting || e.flying[one.Message] != nil || one.Attempts != r.Attempts || one.Endpoint != st.Endpoint {
			w.fatalf("%+v started of %+v", one, r)
		}
		got = append(got, one.Message)
		w.flies(e, r, p)
	}
	if len(got) > len(due) || !slices.Equal(got, due[:len(got)]) || all && len(got) < len(due) {
		w.fatalf("%s started together, of %s", got, due)
	}
	if len(got) > 1 {
		w.parties++
	}
	e.starts = append(e.starts, w.now)
}

// idle checks that nothing was left undone, and that Wake is when something
// will be to do: not later, and not for nothing.
func (w *world) idle() {
	earliest, reasons := time.Time{}, map[time.Time]bool{}
	for _, e := range w.m.eps {
		l := w.s.lanes[e.set.Endpoint]
		if !e.live {
			continue
		}
		reasons[e.backoff] = true
		from, each := e.opens(w.now)
		if each != nil {
			for _, from := range each {
				reasons[from] = true
			}
			app := w.m.appToken(e.set.Application, e.set.AppRate)
			reasons[app] = true
			from = latest(from, app)
		}
		waiting := w.now.Before(e.backoff) && (l.more || l.shelved > 0)
		if waiting && w.s.wants(l) && (earliest.IsZero() || e.backoff.Before(earliest)) {
			earliest = e.backoff
		}
		// What is not in memory cannot start: it is being loaded.
		absent := e.loading > 0 || waiting || (e.set.Ordered || e.health.urged) && (l.more || l.shelved > 0)
		if each == nil || w.m.shut(e) || absent {
			continue
		}
		if !from.After(w.now) {
			w.fatalf("%s starts nothing, but could since %v", e.set.Endpoint, from.Sub(epoch))
		}
		if earliest.IsZero() || from.Before(earliest) {
			earliest = from
		}
	}
	if !earliest.IsZero() && (w.wake.IsZero() || w.wake.After(earliest)) {
		w.fatalf("wakes at %v, late for %v", w.wake.Sub(epoch), earliest.Sub(epoch))
	}
	if !w.wake.IsZero() && (!reasons[w.wake] || !w.wake.After(w.now)) {
		w.fatalf("wakes at %v for nothing", w.wake.Sub(epoch))
	}
}

// act does one random thing.
func (w *world) act() {
	e := w.m.eps[w.dice.IntN(len(w.m.eps))]
	switch n := w.dice.IntN(100); {
	case n < 25:
		w.accept(e)
	case n < 27:
		w.seek(e)
	case n < 30 && len(w.news) > 0:
		w.tell(w.dice.IntN(len(w.news)))
	case n < 45:
		w.record(e)
	case n < 50:
		w.sent(e)
	case n < 63:
		w.report(e)
	case n < 75:
		w.answer()
	case n < 78:
		w.find()
	case n < 82:
		w.cancel(e)
	case n < 83:
		w.bulk(e)
	case n < 84 && w.dice.IntN(3) == 0:
		w.emptied(e)
	case n < 85:
		w.configure(e)
	case n < 86 && w.dice.IntN(4) == 0:
		w.logf("restart")
		w.restart()
	case n < 89:
		w.urge(e)
	case n < 94 && w.wake.After(w.now):
		w.now = w.wake
	default:
		w.now = w.now.Add(time.Duration(w.dice.IntN(1500)) * time.Millisecond)
	}
}

// heal stops all faults and sees everything delivered.
func (w *world) heal() {
	w.calm = true
	for _, e := range w.m.eps {
		if !e.live {
			w.configure(e)
		}
		e.set.Paused = true
		w.s.Configure(w.now, e.set)
		e.set.Paused = false
		e.health.resume()
		w.s.Configure(w.now, e.set)
	}
	for range 100_000 {
		w.step()
		busy := len(w.loads) + len(w.seeks) + len(w.news)
		for len(w.news) > 0 {
			w.tell(0)
		}
		for range len(w.loads) {
			w.answer()
		}
		for range len(w.seeks) {
			w.find()
		}
		for _, e := range w.m.eps {
			busy += len(e.flying)
			for range len(e.flying) {
				w.record(e)
				w.report(e)
			}
		}
		if busy == 0 {
			if w.wake.IsZero() {
				break
			}
			w.now = w.wake
		}
	}
	for _, e := range w.m.eps {
		for id, r := range e.disk {
			if r.waiting {
				w.fatalf("%s %s is never delivered", e.set.Endpoint, id)
			}
		}
	}
	if d := w.now.Sub(epoch); d > 3*time.Hour {
		w.fatalf("it took until %v", d)
	}
}

func history(t *testing.T, seed uint64) *world {
	w := newWorld(t, seed)
	for range 300 {
		w.act()
		if w.dice.IntN(8) > 0 { // else several inputs come before a step
			w.step()
		}
	}
	w.heal()
	return w
}

// TestHistories runs every history twice: the same inputs give the same outputs.
func TestHistories(t *testing.T) {
	starts, parties, pressed := 0, 0, 0
	for seed := *from; seed < *from+*seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := history(t, seed)
			starts += w.count
			parties += w.parties
			pressed += w.pressed
			if again := history(t, seed); again.trace.String() != w.trace.String() {
				t.Error("two runs differ")
			}
		})
		if t.Failed() {
			break
		}
	}
	if starts < int(*seeds)*50 || parties < int(*seeds)*3 || pressed < int(*seeds)/10 {
		t.Errorf("only %d starts, %d of several deliveries, %d deliveries before their time, in %d histories", starts, parties, pressed, *seeds)
	}
}

// urge has e tried at once.
func (w *world) urge(e *modelEndpoint) {
	w.logf("urge %s", e.set.Endpoint)
	l := w.s.lanes[e.set.Endpoint]
	heeded := l != nil && e.live && !e.set.Paused && (l.window.len() > 0 || l.more)
	can := w.s.Urge(w.now, e.set.Endpoint)
	if can && !heeded {
		w.fatalf("%s is said to be tried", e.set.Endpoint)
	}
	if heeded {
		e.hold = time.Time{}
		e.health.urge()
	}
}
