package lane

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a scheduler with a disk, receivers and a clock around it, all made
// of dice. It tells the scheduler things late and out of step, and holds
// everything it does against the model.
type world struct {
	t     *testing.T
	dice  *rand.Rand
	now   time.Time
	s     *Scheduler
	m     *model
	loads []*question
	seeks []*seek
	news  []piece // on disk, but the scheduler does not know yet
	wake  time.Time
	ids   int
	calm  bool // faults have stopped
	trace strings.Builder
	count int // starts

	parties int // of those, how many had several deliveries
	pressed int // how many deliveries were tried again before their time
}

type question struct {
	Load
	read   bool // the store has read, but not answered
	void   bool // the endpoint was removed since
	answer []Delivery
	more   bool
}

type piece struct {
	e  *modelEndpoint
	id string
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, dice: rand.New(rand.NewPCG(seed, 1)), now: epoch}
	pick := func(ns ...int) int { return ns[w.dice.IntN(len(ns))] }
	w.m = &model{limits: Limits{
		InFlight: pick(1, 3, 8, 50), PerEndpoint: pick(1, 2, 4, 16), PerHost: pick(1, 2, 5, 50), Window: pick(1, 2, 3, 4, 8, 64),
	}}
	rates := []float64{0, 0, 0, 1, 4, 0.5}
	apps := []float64{rates[w.dice.IntN(6)], rates[w.dice.IntN(6)], 0}
	for i := range 1 + w.dice.IntN(6) {
		app := w.dice.IntN(3)
		w.m.eps = append(w.m.eps, &modelEndpoint{
			set: Settings{
				Endpoint: fmt.Sprintf("ep%d", i), Application: fmt.Sprintf("app%d", app),
				Host: []string{"", "h1", "h2"}[w.dice.IntN(3)], Ordered: w.dice.IntN(2) == 0,
				MaxInFlight: pick(0, 0, 1, 3), Rate: rates[w.dice.IntN(6)], AppRate: apps[app],
				Gather: w.gather(),
			},
			disk: map[string]*record{}, flying: map[string]*modelFlight{},
		})
	}
	w.restart()
	return w
}

// gather is none, or a small one.
func (w *world) gather() Gather {
	return Gather{[]int{0, 0, 1, 2, 3, 8}[w.dice.IntN(6)], time.Duration(w.dice.IntN(4)) * time.Second}
}

func (w *world) cap(e *modelEndpoint) int {
	if e.set.MaxInFlight > 0 {
		return e.set.MaxInFlight
	}
	return w.m.limits.PerEndpoint
}

// restart begins again with nothing but the disk.
func (w *world) restart() {
	w.s, w.loads, w.seeks, w.news = New(w.m.limits), nil, nil, nil
	for _, e := range w.m.eps {
		e.set.FailingSince = e.health.since
		e.flying, e.starts, e.hold, e.loading, e.backoff = map[string]*modelFlight{}, nil, time.Time{}, 0, time.Time{}
		e.live = true
		e.health = newModelHealth(w.cap(e), e.set.FailingSince)
		w.s.Configure(w.now, e.set)
		w.stored(e)
	}
}

func (w *world) stored(e *modelEndpoint) {
	w.tellAll(e)
	w.s.Stored(w.now, e.set.Endpoint)
}

func (w *world) tellAll(e *modelEndpoint) {
	for _, r := range e.disk {
		r.told = true
	}
	w.news = slices.DeleteFunc(w.news, func(p piece) bool { return p.e == e })
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	tail := w.trace.String()
	w.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), tail)
}

func (w *world) logf(format string, args ...any) {
	fmt.Fprintf(&w.trace, "%v ", w.now.Sub(epoch))
	fmt.Fprintf(&w.trace, format+"\n", args...)
}

func (w *world) delivery(e *modelEndpoint, id string) Delivery {
	d := Delivery{Message: id, Due: w.now}
	if w.dice.IntN(4) == 0 && !w.calm {
		d.Due = w.now.Add(time.Duration(w.dice.IntN(5000)) * time.Millisecond)
	}
	d.Apart = w.dice.IntN(6) == 0
	if !e.set.Ordered {
		d.Rank = d.Due.UnixMicro()
	} else {
		d.Key = []string{"", "a", "b", "c"}[w.dice.IntN(4)]
	}
	return d
}

func (w *world) accept(e *modelEndpoint) {
	w.ids++
	id := fmt.Sprintf("m%05d", w.ids)
	if !e.live {
		return
	}
	e.disk[id] = &record{Delivery: w.delivery(e, id), waiting: true}
	w.news = append(w.news, piece{e, id})
	if w.dice.IntN(3) > 0 {
		w.tell(len(w.news) - 1)
	}
}

// tell passes on a piece of news. In an ordered lane it comes in order.
func (w *world) tell(i int) {
	p := w.news[i]
	if p.e.set.Ordered {
		i = slices.IndexFunc(w.news, func(q piece) bool { return q.e == p.e })
		p = w.news[i]
	}
	w.news = slices.Delete(w.news, i, i+1)
	r := p.e.disk[p.id]
	r.told = true
	w.logf("accept %s %s key=%q due=%v", p.e.set.Endpoint, p.id, r.Key, r.Due.Sub(epoch))
	w.s.Accept(w.now, p.e.set.Endpoint, r.Delivery)
}

// sorted gives what a map holds in an order that does not change.
func sorted[V any](m map[string]V, keep func(V) bool) []string {
	var ids []string
	for id, v := range m {
		if keep(v) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (w *world) one(ids []string) string { return ids[w.dice.IntN(len(ids))] }

// record writes an outcome to disk, or fails to; report tells the scheduler.
func (w *world) record(e *modelEndpoint) {
	ids := sorted(e.flying, func(f *modelFlight) bool { return f.verdict == nil })
	if len(ids) == 0 {
		return
	}
	id := w.one(ids)
	f, r := e.flying[id], e.disk[id]
	if !w.calm && w.dice.IntN(10) == 0 {
		f.verdict = &Verdict{Unrecorded: true, Neutral: true, HoldUntil: w.now.Add(time.Second)}
		return
	}
	if !w.calm && w.dice.IntN(10) == 0 {
		f.verdict = &Verdict{Untried: true, Neutral: true}
		return
	}
	v := Verdict{OK: w.calm || f.party.sent || w.dice.IntN(5) < 2}
	if !v.OK {
		v.Again = w.dice.IntN(6) > 0
		v.Neutral = w.dice.IntN(6) == 0
		if v.Slow = w.dice.IntN(6) == 0; v.Slow && w.dice.IntN(2) == 0 {
			v.HoldUntil = w.now.Add(time.Duration(w.dice.IntN(4000)) * time.Millisecond)
		}
	}
	if v.Again && r.waiting { // else it was cancelled meanwhile
		v.Due = w.now.Add([]time.Duration{0, time.Second, 5 * time.Second, 61 * time.Second}[w.dice.IntN(4)])
		if !e.set.Ordered {
			v.Rank = v.Due.UnixMicro()
		}
		v.Attempts = f.Attempts + 1
		r.Rank, r.Due, r.Attempts = v.Rank, v.Due, v.Attempts
	} else {
		v.Again = false
		r.waiting = false
	}
	f.verdict = &v
}

func (w *world) report(e *modelEndpoint) {
	ids := sorted(e.flying, func(f *modelFlight) bool { return f.verdict != nil })
	if len(ids) == 0 {
		return
	}
	id := w.one(ids)
	if i := slices.Index(w.news, piece{e, id}); i >= 0 {
		w.tell(i) // a promise of the owner
		return
	}
	f := e.flying[id]
	delete(e.flying, id)
	if e.live {
		if f.verdict.HoldUntil.After(e.hold) {
			e.hold = f.verdict.HoldUntil
		}
		e.health.judge(w.now, *f.verdict, f.era)
	}
	w.logf("finish %s %s %+v", e.set.Endpoint, id, *f.verdict)
	w.s.Finish(w.now, e.set.Endpoint, id, *f.verdict)
	if state, since := w.s.Health(e.set.Endpoint); e.live && (state != e.health.state || !since.Equal(e.health.since)) {
		w.fatalf("%s is %v since %v, want %v since %v", e.set.Endpoint, state, since, e.health.state, e.health.since)
	}
}

// answer lets the store read, or what it has read arrive.
func (w *world) answer() {
	if len(w.loads) == 0 {
		return
	}
	i := w.dice.IntN(len(w.loads))
	q := w.loads[i]
	e := w.endpoint(q.Endpoint)
	if !q.read {
		q.read = true
		for _, id := range sorted(e.disk, func(r *record) bool {
			return r.waiting && r.Place().Compare(q.After) > 0 && (!q.OneKey || r.Key == q.Key)
		}) {
			q.answer = append(q.answer, e.disk[id].Delivery)
		}
		slices.SortFunc(q.answer, func(a, b Delivery) int { return a.Place().Compare(b.Place()) })
		if len(q.answer) > q.Limit {
			q.answer, q.more = q.answer[:q.Limit], true
		}
		if w.dice.IntN(2) == 0 {
			return
		}
	}
	w.loads = slices.Delete(w.loads, i, i+1)
	if q.void {
		w.s.Loaded(w.now, q.Load, q.answer, q.more)
		return
	}
	e.loading--
	if !w.calm && w.dice.IntN(8) == 0 {
		e.backoff = w.now.Add(time.Second)
		w.logf("failed %s %+v", q.Endpoint, q.Load)
		w.s.LoadFailed(w.now, q.Load)
		return
	}
	for _, d := range q.answer {
		if r := e.disk[d.Message]; r != nil && r.Place() == d.Place() {
			r.told = true
		}
	}
	w.logf("loaded %s %+v %d more=%v", q.Endpoint, q.Load, len(q.answer), q.more)
	w.s.Loaded(w.now, q.Load, q.answer, q.more)
}

func (w *world) endpoint(name string) *modelEndpoint {
	i := slices.IndexFunc(w.m.eps, func(e *modelEndpoint) bool { return e.set.Endpoint == name })
	return w.m.eps[i]
}
