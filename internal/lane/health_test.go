package lane

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHold(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e", MaxInFlight: 4})
	b.accept("e/1", "e/2", "e/3", "e/4", "e/5", "e/6")
	b.want("e/1", "e/2", "e/3", "e/4")
	v := b.again(time.Hour)
	v.Slow, v.HoldUntil = true, epoch.Add(10*time.Second)
	b.finish(v, "e/1")
	v.HoldUntil = epoch.Add(3 * time.Second) // an earlier one does not shorten it
	b.finish(v, "e/2")
	b.ok("e/3", "e/4") // nor does success
	b.wakes(10 * time.Second)
	b.want("e/5", "e/6") // halved twice, then one success added one
}

func TestConcurrencyComesBack(t *testing.T) {
	h := begin(8, 0)
	h.slow()
	h.slow()
	h.slow()
	h.slow()
	var got []int
	for range 12 {
		h.success()
		got = append(got, h.limit)
	}
	if want := []int{2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5}; !slices.Equal(got, want) {
		t.Errorf("limits %v, want %v", got, want)
	}
}

// failing has one lane e that has just failed ten times in a row, with twenty
// more deliveries waiting.
func failing(t *testing.T) *bench {
	b := on(t, Limits{}, Settings{Endpoint: "e", MaxInFlight: 4})
	for i := range 10 {
		name := fmt.Sprintf("e/a%d", i)
		b.accept(name)
		b.want(name)
		b.health("e", Healthy)
		b.finish(b.again(24*time.Hour), name)
	}
	b.health("e", Probing)
	for i := range 20 {
		b.accept(fmt.Sprintf("e/b%02d", i))
	}
	return b
}

func TestProbesAtGrowingIntervals(t *testing.T) {
	b := failing(t)
	for i, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		b.want()
		b.wakes(wait * time.Second)
		name := fmt.Sprintf("e/b%02d", i)
		b.want(name + " probe")
		b.sleeps() // while it hangs, it is the only one
		b.now = b.now.Add(30 * time.Second)
		b.finish(b.again(24*time.Hour), name)
	}
	if _, since := b.s.Health("e"); !since.Equal(epoch) {
		t.Errorf("failing since %v, want %v", since, epoch)
	}
}

func TestReopensGradually(t *testing.T) {
	b := failing(t)
	b.wakes(time.Second)
	b.want("e/b00 probe")
	b.finish(b.again(time.Hour), "e/b00")
	b.wakes(2 * time.Second)
	b.want("e/b01 probe")
	b.ok("e/b01")
	b.health("e", Reopening)
	b.want("e/b02")
	b.ok("e/b02")
	b.want("e/b03", "e/b04")
	b.finish(b.again(time.Hour), "e/b03", "e/b04") // both that are in flight
	b.want("e/b05", "e/b06")
	b.finish(b.again(time.Hour), "e/b05")
	b.health("e", Reopening)
	b.want("e/b07")
	b.finish(b.again(time.Hour), "e/b06") // the fourth in a row
	b.health("e", Probing)
	b.ok("e/b07") // a success is a success
	b.health("e", Reopening)
	b.want("e/b08")
	b.ok("e/b08")
	b.want("e/b09", "e/b10")
	b.ok("e/b09", "e/b10")
	b.health("e", Healthy)
	b.want("e/b11", "e/b12", "e/b13", "e/b14")
	if _, since := b.s.Health("e"); !since.IsZero() {
		t.Errorf("failing since %v, want never", since)
	}
}

func TestIntervalStartsAnewWithASuccess(t *testing.T) {
	b := failing(t)
	b.wakes(time.Second)
	b.want("e/b00 probe")
	b.finish(b.again(time.Hour), "e/b00")
	b.wakes(2 * time.Second)
	b.want("e/b01 probe")
	b.ok("e/b01")
	for _, name := range []string{"e/b02", "e/b03", "e/b04", "e/b05"} {
		b.want(name)
		b.finish(b.again(time.Hour), name)
	}
	b.health("e", Probing)
	b.wakes(time.Second)
	b.want("e/b06 probe")
}

// TestSomeRefusalsAreNoOutage has endpoints that refuse one in five, and had just done
// so before a restart: each still gets nearly all it can take.
func TestSomeRefusalsAreNoOutage(t *testing.T) {
	var slowest time.Duration
	for seed := range uint64(300) {
		slowest = max(slowest, refusesSome(t, rand.New(rand.NewPCG(1, seed))))
	}
	if slowest > 5*time.Second {
		t.Errorf("500 deliveries took up to %v", slowest)
	}
}

// refusesSome returns how long 500 deliveries take.
func refusesSome(t *testing.T, chance *rand.Rand) time.Duration {
	t.Helper()
	b := on(t, Limits{Window: 8 * 500}, Settings{Endpoint: "e", MaxInFlight: 16, FailingSince: epoch.Add(-time.Second)})
	for i := range 500 {
		b.accept(fmt.Sprintf("e/%03d", i))
	}
	for done := 0; done < 500; {
		a := b.s.Step(b.now)
		if len(a.Start) == 0 && a.Wake.IsZero() {
			t.Fatalf("nothing more starts after %d deliveries", done)
		} else if len(a.Start) == 0 {
			b.now = a.Wake
		}
		b.now = b.now.Add(10 * time.Millisecond)
		for _, start := range a.Start {
			done++
			if chance.IntN(5) == 0 {
				b.finish(Verdict{}, "e/"+start.Message)
			} else {
				b.ok("e/" + start.Message)
			}
		}
	}
	return b.now.Sub(epoch)
}

func TestLateFailuresDoNotGrowTheInterval(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e"})
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("e/%02d", i))
	}
	b.accept(names...)
	b.want(names...)
	b.accept("e/next")
	b.now = b.now.Add(30 * time.Second)
	b.finish(b.again(time.Hour), names...)
	b.wakes(time.Second)
	b.want("e/next probe")
}

func TestNeutralSaysNothing(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e"})
	for i := range 30 {
		name := fmt.Sprintf("e/%02d", i)
		b.accept(name)
		b.want(name)
		b.finish(Verdict{Neutral: true}, name)
	}
	b.health("e", Healthy)
}

func TestLoneDeliveryKeepsItsSchedule(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e"})
	b.accept("e/1")
	name := "e/1"
	for range 15 {
		b.want(name)
		b.now = b.now.Add(7 * time.Second)
		b.finish(b.again(time.Minute), "e/1")
		if state, _ := b.s.Health("e"); state == Probing {
			name = "e/1 probe"
		}
		b.wakes(time.Minute)
	}
	b.health("e", Probing)
}

func TestFailingAcrossARestart(t *testing.T) {
	since := epoch.Add(-time.Hour)
	b := on(t, Limits{}, Settings{Endpoint: "e", FailingSince: since})
	b.accept("e/1", "e/2", "e/3", "e/4", "e/5", "e/6")
	for _, name := range []string{"e/1", "e/2", "e/3", "e/4"} {
		b.health("e", Reopening)
		b.want(name)
		b.finish(b.again(time.Hour), name)
	}
	b.health("e", Probing)
	if _, got := b.s.Health("e"); !got.Equal(since) {
		t.Errorf("failing since %v, want %v", got, since)
	}
	b.wakes(time.Second)
	b.want("e/5 probe")
	b.finish(b.again(time.Hour), "e/5")
	b.wakes(2 * time.Second)
	b.want("e/6 probe")
}

func TestResumingStartsTheFailureAnew(t *testing.T) {
	b := failing(t)
	for _, wait := range []time.Duration{1, 2, 4} {
		b.wakes(wait * time.Second)
		a := b.s.Step(b.now)
		b.finish(b.again(24*time.Hour), "e/"+a.Start[0].Message)
	}
	set := Settings{Endpoint: "e", MaxInFlight: 4, Paused: true}
	b.s.Configure(b.now, set)
	b.now = b.now.Add(time.Hour)
	set.Paused = false
	b.s.Configure(b.now, set)
	if _, since := b.s.Health("e"); !since.IsZero() {
		t.Errorf("resumed, it has been failing since %v, want never", since)
	}
	b.want("e/b03 probe")
	b.finish(b.again(24*time.Hour), "e/b03")
	if _, since := b.s.Health("e"); !since.Equal(b.now) {
		t.Errorf("failing since %v, want %v", since, b.now)
	}
	b.wakes(2 * time.Second)
	b.want("e/b04 probe")
}
