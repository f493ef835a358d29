package lane

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// together steps, and wants exactly these starts: "e/1+2" is one of two deliveries.
func (b *bench) together(starts ...string) Actions {
	b.t.Helper()
	a := b.s.Step(b.now)
	var got []string
	for _, st := range a.Start {
		name := st.Endpoint + "/" + st.Message
		for _, more := range st.More {
			name += "+" + more.Message
		}
		got = append(got, name)
	}
	if !slices.Equal(got, starts) {
		b.t.Fatalf("after %v started %q, want %q", b.now.Sub(epoch), got, starts)
	}
	return a
}

// okAll ends all deliveries of "endpoint/1+2" well, of which the first speaks for all.
func (b *bench) okAll(start string) {
	endpoint, messages, _ := strings.Cut(start, "/")
	for i, message := range strings.Split(messages, "+") {
		b.s.Finish(b.now, endpoint, message, Verdict{OK: true, Neutral: i > 0})
	}
}

func gathering(size int, window time.Duration) Settings {
	return Settings{Endpoint: "e", Application: "a", Host: "h", Gather: Gather{size, window}}
}

func TestGatheringOpensWhenFullOrOld(t *testing.T) {
	b := on(t, Limits{}, gathering(3, 10*time.Second))
	b.accept("e/1", "e/2")
	b.wakes(10 * time.Second)
	b.together("e/1+2")
	b.accept("e/3", "e/4", "e/5", "e/6")
	b.together("e/3+4+5")
	b.acceptAt(b.now.Add(4*time.Second), "e/7")
	b.acceptAt(b.now.Add(5*time.Second), "e/8")
	b.wakes(5 * time.Second) // the third is due
	b.together("e/6+7+8")
	b.acceptAt(b.now.Add(-time.Minute), "e/9")
	b.acceptAt(b.now.Add(time.Second), "e/a") // not due
	b.together("e/9")
	b.okAll("e/9")
	b.wakes(11 * time.Second)
	b.together("e/a")
}

// TestAPartyHoldsOnePlace until the last of it has ended, or it was said to be sent.
func TestAPartyHoldsOnePlace(t *testing.T) {
	set := gathering(2, time.Second)
	set.MaxInFlight = 2
	b := on(t, Limits{InFlight: 2, PerHost: 2}, set, Settings{Endpoint: "f", Application: "a", Host: "i"})
	b.accept("e/1", "e/2", "e/3", "e/4", "e/5", "e/6", "e/7", "e/8")
	b.together("e/1+2", "e/3+4")
	if n := b.s.Stats().InFlight; n != 2 {
		t.Errorf("%d in flight, want 2", n)
	}
	b.ok("e/1")
	b.together()
	b.ok("e/2")
	b.together("e/5+6")
	b.accept("f/1")
	b.together() // the process has no room
	b.s.Sent("e", "4")
	b.s.Sent("e", "3") // the same party
	b.together()
	b.ok("e/3")
	b.together()
	b.ok("e/4")
	b.together("f/1") // whose turn it is
	b.okAll("e/5+6")
	b.together("e/7+8")
	b.okAll("e/7+8")
	b.ok("f/1")
	if st := b.s.Stats(); st.InFlight != 0 || st.Waiting != 0 {
		t.Errorf("at the end: %+v", st)
	}
	if l := b.s.lanes["e"]; l.riders != 0 || l.sent != 0 || l.host.inFlight != 0 {
		t.Errorf("at the end %d riders, %d sent, %d at the host", l.riders, l.sent, l.host.inFlight)
	}
}

func TestAPartyTakesOneToken(t *testing.T) {
	set := gathering(10, time.Minute)
	set.Rate, set.AppRate = 1, 1
	b := on(t, Limits{}, set)
	for i := range 30 {
		b.accept(fmt.Sprintf("e/%02d", i))
	}
	for range 3 {
		if a := b.s.Step(b.now); len(a.Start) != 1 || len(a.Start[0].More) != 9 {
			t.Fatalf("after %v started %+v", b.now.Sub(epoch), a.Start)
		}
		if b.s.lanes["e"].window.len() > 0 {
			b.wakes(time.Second)
		}
	}
}

// TestAProbeIsASmallParty, and one probe.
func TestAProbeIsASmallParty(t *testing.T) {
	set := gathering(500, time.Minute)
	set.FailingSince = epoch.Add(-time.Hour)
	b := on(t, Limits{}, set)
	for i := range 500 {
		b.accept(fmt.Sprintf("e/%03d", i))
	}
	a := b.s.Step(b.now)
	if len(a.Start) != 1 || len(a.Start[0].More) != 31 {
		t.Fatalf("%d started, with %d more", len(a.Start), len(a.Start[0].More))
	}
	if n := b.s.Stats().Waiting; n > 64 {
		t.Errorf("%d wait in memory", n)
	}
	b.sleeps() // but for the verdict
	b.finish(Verdict{OK: true}, "e/000")
	b.health("e", Reopening)
}

// TestAGatheringLaneLoadsEnough for the largest party, from a store that has more.
func TestAGatheringLaneLoadsEnough(t *testing.T) {
	b := on(t, Limits{Window: 16}, gathering(500, time.Hour))
	stored := make([]Delivery, 1700)
	for i := range stored {
		stored[i] = Delivery{Message: fmt.Sprintf("%04d", i), Due: b.now, Rank: b.now.UnixMicro()}
	}
	b.s.Stored(b.now, "e")
	sizes, next := []int(nil), 0
	for range 10 {
		a := b.s.Step(b.now)
		for _, st := range a.Start {
			sizes = append(sizes, 1+len(st.More))
		}
		for _, ask := range a.Load {
			if ask.Limit > 1000 {
				t.Errorf("it asks for %d", ask.Limit)
			}
			n := min(ask.Limit, len(stored)-next)
			b.s.Loaded(b.now, ask, stored[next:next+n], next+n < len(stored))
			next += n
		}
	}
	if want := []int{500, 500, 500}; !slices.Equal(sizes, want) {
		t.Errorf("parties of %v, want %v", sizes, want)
	}
	b.now = b.now.Add(time.Hour)
	if a := b.s.Step(b.now); len(a.Start) != 1 || len(a.Start[0].More) != 199 {
		t.Errorf("the rest started as %+v", a.Start)
	}
}

func TestWhatIsApartWaitsForNobody(t *testing.T) {
	b := on(t, Limits{}, gathering(3, 10*time.Second))
	b.accept("e/1")
	b.now = b.now.Add(time.Second)
	apart := func(message string, due time.Time) {
		b.s.Accept(b.now, "e", Delivery{Message: message, Due: due, Rank: due.UnixMicro(), Apart: true})
	}
	for _, message := range []string{"2", "3", "4", "5"} {
		apart(message, b.now)
	}
	b.accept("e/6")
	b.together("e/2+3+4", "e/5")
	b.finish(b.again(3*time.Second), "e/5")
	b.wakes(3 * time.Second)
	b.together("e/5")
	apart("7", b.now.Add(time.Second))
	b.accept("e/8") // the third that gathers
	b.together("e/1+6+8")
}

// TestUntriedWaitsWhereItDid, but is not started in place of what was before it.
func TestUntriedWaitsWhereItDid(t *testing.T) {
	b := on(t, Limits{}, gathering(3, 10*time.Second))
	b.acceptAt(b.now, "e/1")
	b.acceptAt(b.now.Add(time.Second), "e/2")
	b.acceptAt(b.now.Add(2*time.Second), "e/3")
	b.wakes(2 * time.Second)
	b.together("e/1+2+3")
	untried := Verdict{Untried: true, Neutral: true}
	b.finish(untried, "e/2")
	b.s.Cancel("e", "3") // while it is thought to be in flight
	b.finish(untried, "e/3")
	a := b.s.Step(b.now)
	if len(a.Start) > 0 || len(a.Load) != 1 {
		t.Fatalf("started %+v, asks for %+v", a.Start, a.Load)
	}
	due := epoch.Add(time.Second)
	b.s.Loaded(b.now, a.Load[0], []Delivery{{Message: "2", Due: due, Rank: due.UnixMicro()}}, false)
	b.wakes(9 * time.Second)
	b.together("e/2")
	b.finish(untried, "e/2")
	b.together("e/2") // it has waited long enough already
}

func TestOrderedLanesDoNotGather(t *testing.T) {
	set := gathering(3, 10*time.Second)
	set.Ordered = true
	b := on(t, Limits{}, set)
	b.accept("e/1", "e/2")
	b.together("e/1")
	b.ok("e/1")
	b.together("e/2")
}

func TestGatheringCanBeTurnedOnAndOff(t *testing.T) {
	b := on(t, Limits{}, gathering(3, 10*time.Second))
	b.accept("e/1", "e/2")
	b.together()
	b.s.Configure(b.now, gathering(0, 0))
	b.together("e/1", "e/2")
	b.s.Configure(b.now, gathering(2, 10*time.Second))
	b.accept("e/3")
	b.together()
	b.accept("e/4")
	b.together("e/3+4")
}
