package lane

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// load wants one Load, like want but of the store, and leaves it unanswered.
func (b *bench) load(ask Load, starts ...string) Load {
	b.t.Helper()
	a := b.want(starts...)
	if len(a.Load) != 1 {
		b.t.Fatalf("loads %+v, want one", a.Load)
	}
	got := a.Load[0]
	if got.Endpoint != ask.Endpoint || got.After != ask.After || got.Limit != ask.Limit ||
		got.OneKey != ask.OneKey || got.Key != ask.Key {
		b.t.Fatalf("loads %+v, want %+v", got, ask)
	}
	return got
}

// rows are deliveries of an ordered lane, "message" or "message/key".
func rows(due time.Time, names ...string) []Delivery {
	var ds []Delivery
	for _, name := range names {
		d := Delivery{Message: name, Due: due}
		if len(name) > 1 {
			d.Message, d.Key = name[:1], name[2:]
		}
		ds = append(ds, d)
	}
	return ds
}

func after(message string) Position { return Position{Message: message} }

func TestWindowSpillsAndLoads(t *testing.T) {
	b := on(t, Limits{Window: 4}, Settings{Endpoint: "e", Ordered: true})
	b.accept("e/1", "e/2", "e/3", "e/4", "e/5", "e/6")
	if n := b.s.Stats().Waiting; n != 4 {
		t.Fatalf("%d in memory, want 4", n)
	}
	b.want("e/1")
	b.ok("e/1")
	ask := b.load(Load{Endpoint: "e", After: after("4"), Limit: 2}, "e/2")
	b.accept("e/7") // the store may have read before it
	b.ok("e/2")
	b.want("e/3")
	b.s.Loaded(b.now, ask, rows(b.now, "5", "6"), false)
	for _, name := range []string{"e/3", "e/4", "e/5", "e/6"} {
		b.ok(name)
		b.want("e/" + string(name[2]+1))
	}
	b.ok("e/7")
	b.want()
}

func TestLoadDoesNotBringBackWhatEnded(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e", MaxInFlight: 3})
	b.accept("e/1", "e/2", "e/3", "e/4")
	b.want("e/1", "e/2", "e/3")
	b.s.Stored(b.now, "e")
	ask := b.load(Load{Endpoint: "e", Limit: 512})
	var ds []Delivery // the store reads now
	for _, m := range []string{"1", "2", "3", "4", "5"} {
		ds = append(ds, Delivery{Message: m, Rank: epoch.UnixMicro(), Due: epoch})
	}
	b.ok("e/1")
	b.s.Cancel("e", "4")
	b.finish(b.again(time.Minute), "e/2")
	b.s.Loaded(b.now, ask, ds, false)
	b.want("e/5")
	b.ok("e/5", "e/3")
	b.want()
	b.wakes(time.Minute)
	b.want("e/2")
}

func TestLoadIsRetried(t *testing.T) {
	b := on(t, Limits{Window: 8}, Settings{Endpoint: "e", Ordered: true})
	b.s.Stored(b.now, "e")
	ask := b.load(Load{Endpoint: "e", Limit: 8})
	b.s.LoadFailed(b.now, ask)
	b.want()
	b.wakes(time.Second)
	ask = b.load(Load{Endpoint: "e", Limit: 8})
	b.s.Loaded(b.now, ask, rows(b.now, "1"), false)
	b.want("e/1")
	b.sleeps()
}

func TestStoredMakesAnAnswerUseless(t *testing.T) {
	b := on(t, Limits{Window: 8}, Settings{Endpoint: "e", Ordered: true})
	b.s.Stored(b.now, "e")
	ask := b.load(Load{Endpoint: "e", Limit: 8})
	b.s.Stored(b.now, "e")
	b.want()
	b.s.Loaded(b.now, ask, rows(b.now, "2"), false)
	ask = b.load(Load{Endpoint: "e", Limit: 8})
	b.s.Loaded(b.now, ask, rows(b.now, "1", "2"), false)
	b.want("e/1")
}

func TestAcceptInFlightAsksTheStoreAfterwards(t *testing.T) {
	b := on(t, Limits{Window: 8}, Settings{Endpoint: "e", Ordered: true})
	b.accept("e/1", "e/2")
	b.want("e/1")
	b.accept("e/1") // sent once more, after the store had noted its end
	b.ok("e/1")
	ask := b.load(Load{Endpoint: "e", Limit: 8})
	b.s.Loaded(b.now, ask, rows(b.now, "1", "2"), false)
	b.want("e/1")
}

func TestPauseWhileLoadingLosesNothing(t *testing.T) {
	set := Settings{Endpoint: "e", Ordered: true}
	b := on(t, Limits{Window: 8}, set)
	b.s.Stored(b.now, "e")
	ask := b.load(Load{Endpoint: "e", Limit: 8})
	b.s.Loaded(b.now, ask, rows(b.now, "1", "2", "3", "4"), true)
	ask = b.load(Load{Endpoint: "e", After: after("4"), Limit: 5}, "e/1")
	set.Paused = true
	b.s.Configure(b.now, set)
	b.want() // the window shrinks
	b.s.Loaded(b.now, ask, rows(b.now, "5", "6"), false)
	b.ok("e/1")
	set.Paused = false
	b.s.Configure(b.now, set)
	ask = b.load(Load{Endpoint: "e", After: after("2"), Limit: 8}, "e/2")
	b.s.Loaded(b.now, ask, rows(b.now, "3", "4", "5", "6"), false)
	b.ok("e/2")
	b.want("e/3")
}

func TestKeyInFlightBehindTheEdgeIsNotShelved(t *testing.T) {
	b := on(t, Limits{Window: 2}, Settings{Endpoint: "e", Ordered: true})
	b.accept("e/9/a")
	b.want("e/9")
	v := b.again(0)
	v.Rank = 0
	b.finish(v, "e/9")
	b.want("e/9")
	b.s.Stored(b.now, "e") // older ones were requeued
	ask := b.load(Load{Endpoint: "e", Limit: 2})
	b.s.Loaded(b.now, ask, rows(b.now, "1/a", "2/a"), true)
	if a := b.want(); len(a.Load) > 0 {
		t.Fatalf("loads %+v", a.Load)
	}
	b.ok("e/9")
	ask = b.load(Load{Endpoint: "e", After: after("2"), Limit: 1}, "e/1")
	b.s.Loaded(b.now, ask, rows(b.now, "3/a"), true)
	b.ok("e/1")
	b.want("e/2")
	b.ok("e/2")
	b.want("e/3")
}

func TestFailedKeyIsShelved(t *testing.T) {
	b := on(t, Limits{Window: 4}, Settings{Endpoint: "e", Ordered: true})
	b.accept("e/1/a", "e/2/a", "e/3/a", "e/4/a", "e/5/a", "e/6/b", "e/7/a", "e/8/b")
	b.want("e/1")
	v := b.again(time.Hour)
	v.Rank = 0
	b.finish(v, "e/1")
	// Memory has 1 to 4, all of key a. It keeps 1 of them and reads on.
	ask := b.load(Load{Endpoint: "e", After: after("4"), Limit: 4})
	b.s.Loaded(b.now, ask, rows(b.now, "5/a", "6/b", "7/a", "8/b"), false)
	b.want("e/6")
	b.ok("e/6")
	b.want("e/8")
	b.ok("e/8")
	b.accept("e/9/a") // stays with the others of its key
	b.want()
	b.wakes(time.Hour)
	b.want("e/1")
	b.ok("e/1")
	ask = b.load(Load{Endpoint: "e", After: after("1"), Limit: 2, OneKey: true, Key: "a"})
	b.s.Loaded(b.now, ask, rows(b.now, "2/a", "3/a"), true)
	b.want("e/2")
	b.ok("e/2")
	b.want("e/3")
	b.ok("e/3")
	ask = b.load(Load{Endpoint: "e", After: after("3"), Limit: 2, OneKey: true, Key: "a"})
	b.s.Loaded(b.now, ask, rows(b.now, "4/a", "5/a"), true)
	b.want("e/4")
	b.ok("e/4")
	b.want("e/5")
	b.ok("e/5")
	ask = b.load(Load{Endpoint: "e", After: after("5"), Limit: 2, OneKey: true, Key: "a"})
	b.s.Loaded(b.now, ask, rows(b.now, "7/a", "9/a"), false)
	b.want("e/7")
	b.ok("e/7")
	b.want("e/9")
	b.ok("e/9")
	b.want()
	b.sleeps()
	if l := b.s.lanes["e"]; l.shelved != 0 || len(l.queues) != 0 || l.more {
		t.Errorf("left over: %d shelved, %d queues, more=%v", l.shelved, len(l.queues), l.more)
	}
}

// TestMillionWaiting accepts a million deliveries for an endpoint that hangs,
// fails or is paused, beside one that works.
func TestMillionWaiting(t *testing.T) {
	for _, set := range []Settings{
		{Endpoint: "e", Paused: true},
		{Endpoint: "e", MaxInFlight: 2},
		{Endpoint: "e", Ordered: true},
		{Endpoint: "e", FailingSince: epoch},
	} {
		b := on(t, Limits{}, set, Settings{Endpoint: "fine"})
		heap := func() int64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		before, most := heap(), 0
		for i := range 1_000_000 {
			d := Delivery{Message: fmt.Sprintf("msg_%09d", i), Due: epoch, Rank: epoch.UnixMicro()}
			if set.Ordered {
				d.Rank, d.Key = 0, fmt.Sprint("k", i%3)
			}
			b.s.Accept(b.now, "e", d)
			if i%1000 == 0 {
				b.s.Step(b.now)
				b.accept("fine/1")
				b.want("fine/1")
				b.ok("fine/1")
			}
			if i%10_000 == 0 {
				most = max(most, b.s.Stats().Waiting)
			}
		}
		if grown := heap() - before; grown > 1<<20 || most > 512 {
			t.Errorf("%+v: %d in memory, %d bytes more", set, most, grown)
		}
		runtime.KeepAlive(b)
	}
}

func BenchmarkDeliveries(b *testing.B) {
	for _, lanes := range []int{1, 100, 10_000} {
		for _, ordered := range []bool{false, true} {
			b.Run(fmt.Sprintf("lanes=%d/ordered=%v", lanes, ordered), func(b *testing.B) {
				benchmark(b, lanes, ordered)
			})
		}
	}
}

// benchmark measures a delivery's whole life: Accept, Step, Finish.
func benchmark(b *testing.B, lanes int, ordered bool) {
	s, names := New(Limits{}), make([]string, lanes)
	for i := range names {
		names[i] = fmt.Sprintf("ep_%06d", i)
		s.Configure(epoch, Settings{Endpoint: names[i], Application: fmt.Sprint("app", i/10), Host: fmt.Sprint("host", i/3), Ordered: ordered})
	}
	messages := make([]string, 1<<16)
	for i := range messages {
		messages[i] = fmt.Sprintf("msg_%09d", i)
	}
	now := epoch
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now = now.Add(time.Microsecond)
		d := Delivery{Message: messages[i%len(messages)], Due: now}
		if !ordered {
			d.Rank = now.UnixMicro()
		}
		s.Accept(now, names[i%lanes], d)
		for _, st := range s.Step(now).Start {
			s.Finish(now, st.Endpoint, st.Message, Verdict{OK: true})
		}
	}
}

// BenchmarkBacklog has many lanes that wait for many things, and one host for all.
func BenchmarkBacklog(b *testing.B) {
	s := New(Limits{PerHost: 16})
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("ep_%06d", i)
		s.Configure(epoch, Settings{Endpoint: names[i], Application: fmt.Sprint("app", i%50), Host: "h"})
		for j := range 100 {
			s.Accept(epoch, names[i], Delivery{Message: fmt.Sprintf("msg_%09d", j), Due: epoch, Rank: epoch.UnixMicro()})
		}
	}
	now, flying := epoch, []Start(nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now = now.Add(time.Microsecond)
		flying = append(flying, s.Step(now).Start...)
		st := flying[0]
		flying = flying[1:]
		s.Finish(now, st.Endpoint, st.Message, Verdict{Again: true, Due: now, Rank: now.UnixMicro(), Neutral: true, Attempts: i})
	}
}

// TestAFastLaneHasAWideWindow: a lane with much in flight drains its window
// before the store can answer, so more of it is read at once.
func TestAFastLaneHasAWideWindow(t *testing.T) {
	b := on(t, Limits{Window: 80}, Settings{Endpoint: "e"})
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("e/%03d", i))
	}
	b.accept(names[:62]...)
	b.want(names[:62]...)
	b.accept(names[62:]...)
	ask := b.load(Load{Endpoint: "e", After: Position{Rank: epoch.UnixMicro(), Message: "141"}, Limit: 320 - 14}, names[62:128]...)
	b.ok(names[:113]...) // 15 are left
	if n := b.s.base(b.s.lanes["e"]); n != 80 {
		t.Errorf("the window is for %d once less is in flight, want 80", n)
	}
	b.s.LoadFailed(b.now, ask)
}
