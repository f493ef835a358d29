package lane

import (
	"reflect"
	"testing"
	"time"
)

func TestLooksTellOfLanesThatHaveSomethingToDo(t *testing.T) {
	b := on(t, Limits{PerEndpoint: 1, Window: 16},
		Settings{Endpoint: "a", Application: "x"}, Settings{Endpoint: "b", Application: "x", Paused: true}, Settings{Endpoint: "idle", Application: "y"})
	b.accept("a/1", "a/2", "b/1", "b/2")
	b.s.Step(b.now)
	looks, all := b.s.Looks(10)
	want := []Look{
		{Endpoint: "b", Application: "x", Waiting: 2, Paused: true, Oldest: epoch},
		{Endpoint: "a", Application: "x", Waiting: 1, InFlight: 1, Oldest: epoch},
	}
	for i := range looks { // which are in UTC
		looks[i].Oldest = looks[i].Oldest.UTC()
	}
	if all != 2 || !reflect.DeepEqual(looks, want) {
		t.Errorf("%d lanes: %+v, want %+v", all, looks, want)
	}
	if some, all := b.s.Looks(1); len(some) != 1 || all != 2 {
		t.Errorf("one of them: %d of %d", len(some), all)
	}
	until := epoch.Add(time.Minute)
	b.finish(Verdict{Again: true, Rank: until.UnixMicro(), Due: until, Attempts: 1, HoldUntil: until}, "a/1")
	b.s.Step(b.now)
	looks, _ = b.s.Looks(10)
	if a := looks[0]; a.Endpoint != "a" || !a.Hold.Equal(until) || a.InFlight != 0 || a.Waiting != 2 {
		t.Errorf("a receiver that has asked to be left alone: %+v", a)
	}
	b.accept("b/3", "b/4", "b/5")
	if looks, _ := b.s.Looks(10); looks[1].Endpoint != "b" || looks[1].Waiting != 2 || !looks[1].More {
		t.Errorf("more than there is room for: %+v", looks[1])
	}
}

// TestLooksTellOfKeysThatAreHeld has one key of three wait to be tried again, with what is
// behind it: nothing else of the lane does.
func TestLooksTellOfKeysThatAreHeld(t *testing.T) {
	b := on(t, Limits{PerEndpoint: 4, Window: 16}, Settings{Endpoint: "a", Application: "x", Ordered: true})
	b.accept("a/1/red", "a/2/red", "a/3/red", "a/4/blue", "a/5/green")
	b.s.Step(b.now)
	if looks, _ := b.s.Looks(1); looks[0].Holding != 0 || looks[0].Held != nil {
		t.Errorf("while each key has one in flight: %+v", looks[0])
	}
	until := epoch.Add(time.Minute)
	b.finish(Verdict{Again: true, Due: until, Attempts: 1}, "a/1")
	b.s.Step(b.now)
	looks, _ := b.s.Looks(1)
	if k := looks[0]; k.Holding != 1 || len(k.Held) != 1 || k.Held[0].Key != "red" || k.Held[0].Waiting != 3 || k.Held[0].More || !k.Held[0].Until.Equal(until) {
		t.Errorf("with one that is tried again in a minute: %+v", k)
	}
}
