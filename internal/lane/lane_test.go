package lane

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// bench drives a Scheduler by hand.
type bench struct {
	t   testing.TB
	s   *Scheduler
	now time.Time
}

func on(t testing.TB, l Limits, sets ...Settings) *bench {
	b := &bench{t: t, s: New(l), now: epoch}
	for _, set := range sets {
		b.s.Configure(b.now, set)
	}
	return b
}

// accept adds deliveries "endpoint/message" or "endpoint/message/key", due now.
func (b *bench) accept(names ...string) {
	for _, name := range names {
		b.acceptAt(b.now, name)
	}
}

func (b *bench) acceptAt(due time.Time, name string) {
	part := append(strings.Split(name, "/"), "")
	d := Delivery{Message: part[1], Due: due, Key: part[2]}
	if l := b.s.lanes[part[0]]; l == nil || !l.set.Ordered {
		d.Rank = due.UnixMicro()
	}
	b.s.Accept(b.now, part[0], d)
}

// finish ends attempts at "endpoint/message".
func (b *bench) finish(v Verdict, names ...string) {
	for _, name := range names {
		endpoint, message, _ := strings.Cut(name, "/")
		b.s.Finish(b.now, endpoint, message, v)
	}
}

func (b *bench) ok(names ...string) { b.finish(Verdict{OK: true}, names...) }

// again is the verdict on a failed attempt that is repeated after d.
func (b *bench) again(d time.Duration) Verdict {
	due := b.now.Add(d)
	return Verdict{Again: true, Rank: due.UnixMicro(), Due: due, Attempts: 1}
}

// want steps, and wants exactly these starts.
func (b *bench) want(starts ...string) Actions {
	b.t.Helper()
	a := b.s.Step(b.now)
	var got []string
	for _, st := range a.Start {
		name := st.Endpoint + "/" + st.Message
		if state, _ := b.s.Health(st.Endpoint); state == Probing {
			name += " probe"
		}
		got = append(got, name)
	}
	if !slices.Equal(got, starts) {
		b.t.Fatalf("after %v started %q, want %q", b.now.Sub(epoch), got, starts)
	}
	return a
}

// wakes goes to the time that Step wants to be called at, which is d from now.
func (b *bench) wakes(d time.Duration) {
	b.t.Helper()
	wake := b.s.Step(b.now).Wake
	if want := b.now.Add(d); !wake.Equal(want) {
		b.t.Fatalf("after %v wakes at %v, want %v", b.now.Sub(epoch), wake.Sub(epoch), want.Sub(epoch))
	}
	b.now = wake
}

func (b *bench) sleeps() {
	b.t.Helper()
	if wake := b.s.Step(b.now).Wake; !wake.IsZero() {
		b.t.Fatalf("wakes at %v, want never", wake.Sub(epoch))
	}
}

func (b *bench) health(endpoint string, want State) {
	b.t.Helper()
	if got, _ := b.s.Health(endpoint); got != want {
		b.t.Fatalf("%s is %v, want %v", endpoint, got, want)
	}
}

func TestStartsWhenDue(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e"})
	b.acceptAt(epoch.Add(2*time.Second), "e/b")
	b.acceptAt(epoch.Add(time.Second+1), "e/c")
	b.accept("e/a")
	b.want("e/a")
	b.wakes(time.Second + 1)
	b.want("e/c")
	b.wakes(time.Second - 1)
	b.want("e/b")
	b.sleeps()
}

func TestOrderedWaitsForTheFirst(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e", Ordered: true})
	b.accept("e/1", "e/2", "e/3")
	b.want("e/1")
	v := b.again(5 * time.Second)
	v.Rank = 0
	b.finish(v, "e/1")
	b.want()
	b.wakes(5 * time.Second)
	b.want("e/1")
	b.finish(Verdict{}, "e/1") // given up
	b.want("e/2")
	b.ok("e/2")
	b.want("e/3")
}

func TestOrderedByKey(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e", Ordered: true})
	b.accept("e/1/a", "e/2/a", "e/3/b", "e/4", "e/5", "e/6/b")
	b.want("e/1", "e/3", "e/4")
	b.ok("e/3", "e/4")
	b.want("e/5", "e/6")
	b.ok("e/1")
	b.want("e/2")
}

func TestPauseLetsFlightsFinish(t *testing.T) {
	set := Settings{Endpoint: "e", MaxInFlight: 1}
	b := on(t, Limits{}, set)
	b.accept("e/1", "e/2")
	b.want("e/1")
	set.Paused = true
	b.s.Configure(b.now, set)
	b.ok("e/1")
	b.want()
	b.sleeps()
	set.Paused = false
	b.s.Configure(b.now, set)
	b.want("e/2")
}

func TestUnknownEndpointWaitsToBeConfigured(t *testing.T) {
	b := on(t, Limits{})
	b.accept("e/1")
	b.want()
	b.s.Configure(b.now, Settings{Endpoint: "e"})
	b.want("e/1")
}

func TestRemovedEndpointStartsNothing(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e", MaxInFlight: 1})
	b.accept("e/1", "e/2")
	b.want("e/1")
	b.s.Remove("e")
	b.finish(b.again(0), "e/1")
	b.want()
	b.sleeps()
	if got := b.s.Stats(); got != (Stats{}) {
		t.Errorf("left over: %+v", got)
	}
	if len(b.s.hosts)+len(b.s.apps)+len(b.s.ready.lines) > 0 {
		t.Error("left over: host or application")
	}
}

func TestCancelledDoesNotStart(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e", MaxInFlight: 1})
	b.accept("e/1", "e/2", "e/3")
	b.want("e/1")
	b.s.Cancel("e", "2")
	b.ok("e/1")
	b.want("e/3")
}

func TestCancelInFlightAsksTheStoreAfterwards(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e"})
	b.accept("e/1")
	b.want("e/1")
	b.s.Cancel("e", "1")
	b.finish(b.again(0), "e/1")
	a := b.want()
	b.s.Loaded(b.now, a.Load[0], nil, false)
	b.want()
	b.sleeps()
}

func TestCaps(t *testing.T) {
	b := on(t, Limits{InFlight: 4, PerEndpoint: 2, PerHost: 3},
		Settings{Endpoint: "a", Host: "h"}, Settings{Endpoint: "b", Host: "h"},
		Settings{Endpoint: "c", Host: "h"}, Settings{Endpoint: "d", Host: "i", MaxInFlight: 1})
	b.accept("a/1", "a/2", "a/3", "b/1", "b/2", "b/3", "c/1", "d/1", "d/2")
	b.want("a/1", "b/1", "c/1", "d/1")
	b.sleeps()
	b.ok("d/1") // the process has room, the host of the others has not
	b.want("d/2")
	b.ok("c/1")
	b.want("a/2")
	b.ok("a/2", "b/1")
	b.want("b/2", "a/3")
}

func TestTakesTurns(t *testing.T) {
	b := on(t, Limits{InFlight: 1},
		Settings{Endpoint: "a1", Application: "A"}, Settings{Endpoint: "a2", Application: "A"},
		Settings{Endpoint: "b1", Application: "B"})
	b.accept("a1/1", "a1/2", "a1/3", "a1/4", "a2/1", "a2/2", "b1/1", "b1/2", "b1/3")
	for _, name := range strings.Fields("a1/1 b1/1 a2/1 b1/2 a1/2 b1/3 a2/2 a1/3 a1/4") {
		b.want(name)
		b.ok(name)
	}
}

func TestTakesTurnsAtAFullHost(t *testing.T) {
	b := on(t, Limits{PerHost: 1},
		Settings{Endpoint: "a1", Application: "A", Host: "h"}, Settings{Endpoint: "a2", Application: "A", Host: "h"},
		Settings{Endpoint: "b1", Application: "B", Host: "h"})
	b.accept("a1/1", "a1/2", "a2/1", "b1/1", "b1/2")
	for _, name := range strings.Fields("a1/1 b1/1 a2/1 b1/2 a1/2") {
		b.want(name)
		b.ok(name)
	}
}

func TestRate(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e", Rate: 2.5}, Settings{Endpoint: "slow", Rate: 0.1})
	b.accept("e/1", "e/2", "e/3", "e/4", "e/5", "slow/1", "slow/2")
	b.want("e/1", "slow/1", "e/2", "e/3")
	b.wakes(400 * time.Millisecond)
	b.want("e/4")
	b.wakes(400 * time.Millisecond)
	b.want("e/5")
	b.wakes(9200 * time.Millisecond)
	b.want("slow/2")
}

func TestApplicationRate(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "a", AppRate: 1}, Settings{Endpoint: "b", AppRate: 1})
	b.accept("a/1", "a/2", "b/1", "b/2")
	for _, name := range strings.Fields("a/1 b/1 a/2 b/2") {
		b.want(name)
		b.ok(name)
		if name != "b/2" {
			b.wakes(time.Second)
		}
	}
	b.sleeps()
}

func TestClockGoesBack(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e", Rate: 1})
	b.acceptAt(epoch.AddDate(-2, 0, 0), "e/1")
	b.acceptAt(epoch.AddDate(-2, 0, 0), "e/2")
	b.want("e/1")
	b.now = epoch.AddDate(-1, 0, 0)
	b.wakes(time.Second) // not in a year
	b.want("e/2")
}

func TestRemovedEndpointIsForgotten(t *testing.T) {
	set := Settings{Endpoint: "e"}
	b := on(t, Limits{}, set)
	b.accept("e/1", "e/2")
	b.want("e/1", "e/2")
	b.s.Remove("e")
	b.finish(Verdict{HoldUntil: epoch.Add(time.Hour)}, "e/1")
	b.s.Configure(b.now, set)
	b.accept("e/3")
	b.want("e/3")
}
