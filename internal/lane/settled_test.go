package lane

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestALateOneIsReadBeforeWhatWasSentAfterIt has a lane read to the fourth message when
// the second is committed, and the sixth sent then: it is read on from where all was
// settled when it was read before.
func TestALateOneIsReadBeforeWhatWasSentAfterIt(t *testing.T) {
	b := on(t, Limits{Window: 2}, Settings{Endpoint: "e", Ordered: true})
	b.s.Settled("0")
	b.s.Stored(b.now, "e")
	ask := b.load(Load{Endpoint: "e", Limit: 2})
	b.s.Settled("3") // after it was asked: it may have been read before that
	b.s.Loaded(b.now, ask, rows(b.now, "1", "4"), true)
	ask = b.load(Load{Endpoint: "e", After: after("0"), Limit: 3}, "e/1")
	b.s.Loaded(b.now, ask, rows(b.now, "1", "2", "4"), true)
	b.ok("e/1")
	ask = b.load(Load{Endpoint: "e", After: after("3"), Limit: 2}, "e/2")
	b.s.Loaded(b.now, ask, rows(b.now, "4", "6"), false)
	b.ok("e/2")
	b.want("e/4")
	b.ok("e/4")
	b.want("e/6")
}

// TestWhatIsSettledIsReadOnce has all that a lane has read be settled: it reads on behind
// it, as one that hears of all does.
func TestWhatIsSettledIsReadOnce(t *testing.T) {
	b := on(t, Limits{Window: 2}, Settings{Endpoint: "e", Ordered: true})
	b.s.Settled("7")
	b.s.Stored(b.now, "e")
	b.s.Loaded(b.now, b.load(Load{Endpoint: "e", Limit: 2}), rows(b.now, "1", "2"), true)
	b.load(Load{Endpoint: "e", After: after("2"), Limit: 1}, "e/1")
}

// TestAKeyThatFailsDoesNotFillEveryAnswer has so much of a key that is shelved stand
// behind what is settled that an answer has room for nothing else: more is asked for, up
// to a bound, and then from time to time, until something else comes or is settled.
func TestAKeyThatFailsDoesNotFillEveryAnswer(t *testing.T) {
	b := on(t, Limits{Window: 2}, Settings{Endpoint: "e", Ordered: true})
	b.s.Settled("100")
	b.s.Stored(b.now, "e")
	var all []Delivery
	for i := range 90 {
		all = append(all, Delivery{Message: fmt.Sprint(101 + i), Due: b.now, Key: "a"})
	}
	other := Delivery{Message: "300", Due: b.now, Key: "b"}
	var limits []int
	waited := 0
	for started := false; !started; {
		a := b.s.Step(b.now)
		for _, s := range a.Start {
			started = started || s.Message == "300"
			b.s.Finish(b.now, "e", s.Message, Verdict{Again: s.Message != "300", OK: s.Message == "300", Due: b.now.Add(time.Hour), Attempts: 1})
		}
		for _, ask := range a.Load {
			var ds []Delivery
			for _, d := range append(slices.Clone(all), other) {
				if d.Place().Compare(ask.After) > 0 {
					ds = append(ds, d)
				}
			}
			limits = append(limits, ask.Limit)
			b.s.Loaded(b.now, ask, ds[:min(len(ds), ask.Limit)], len(ds) > ask.Limit)
		}
		if len(a.Load)+len(a.Start) > 0 {
			continue
		}
		if waited++; waited == 3 {
			b.s.Settled("185") // what stands behind that is less than a window
		}
		if waited > 20 {
			t.Fatalf("the other key was never started; loads of %v", limits)
		}
		b.now = a.Wake
	}
	if most := slices.Max(limits); most < 30 || most > (mostStretch+2)*2 {
		t.Errorf("loads of up to %d, want no more than %d windows: %v", most, mostStretch, limits)
	}
	if waited < 3 || waited > 6 {
		t.Errorf("it waited %d times, and was to three times before more was settled", waited)
	}
}

// A crowd is those who accept for one ordered lane on other nodes, the store, and the
// lane's own scheduler, which hears of what was accepted late or never.
type crowd struct {
	t    *testing.T
	dice *rand.Rand
	now  time.Time
	s    *Scheduler

	made    int
	under   []*modelMessage          // have an identifier, and are not committed
	stored  map[string]*modelMessage // wait, or are in flight
	sent    map[string]bool          // was started once
	acked   map[string][]string      // by key, those acknowledged so far, in whichever order
	flying  []string
	loads   []question
	horizon int
}

// A modelMessage remembers what had been acknowledged of its key when it was sent.
type modelMessage struct {
	Delivery
	n      int
	before []string
}

// TestOrderAmongThoseWhoAcceptElsewhere plays random histories, of which nobody ever
// tells but by reading the lane again from time to time. One key fails more often, so
// that it is shelved; some of these histories need that to go wrong.
func TestOrderAmongThoseWhoAcceptElsewhere(t *testing.T) {
	for seed := range uint64(800) {
		c := &crowd{
			t: t, dice: rand.New(rand.NewPCG(seed, 2)), now: epoch,
			stored: map[string]*modelMessage{}, sent: map[string]bool{}, acked: map[string][]string{},
		}
		c.s = New(Limits{Window: []int{1, 2, 4, 8}[c.dice.IntN(4)], PerEndpoint: 1 + c.dice.IntN(4)})
		c.s.Settled("")
		c.s.Configure(c.now, Settings{Endpoint: "e", Ordered: true})
		for step := range 600 {
			c.step(step < 400)
		}
		for i := range 800 {
			if i%50 == 0 {
				c.s.Stored(c.now, "e")
			}
			c.now = c.now.Add(10 * time.Second)
			c.commit()
			c.s.Settled(fmt.Sprintf("m%05d!", c.horizon))
			c.answer(true)
			c.act()
			c.finish(3)
			c.act()
		}
		if len(c.stored) > 0 {
			t.Fatalf("seed %d: %d are never sent", seed, len(c.stored))
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func (c *crowd) step(more bool) {
	c.now = c.now.Add(time.Duration(c.dice.IntN(300)) * time.Millisecond)
	switch c.dice.IntN(8) {
	case 0, 1:
		if more {
			c.begin()
		}
	case 2, 3:
		c.commit()
	case 4:
		c.finish(c.dice.IntN(4))
	case 5, 6:
		c.answer(c.dice.IntN(2) == 0)
	default:
		switch c.dice.IntN(12) {
		case 0:
			c.s.Stored(c.now, "e")
		case 1, 2, 3:
			c.s.Settled(fmt.Sprintf("m%05d!", c.horizon))
		}
	}
	c.act()
}

func (c *crowd) begin() {
	c.made++
	key := []string{"", "a", "b"}[c.dice.IntN(3)]
	m := &modelMessage{Delivery{Message: fmt.Sprintf("m%05d", c.made), Key: key, Due: c.now}, c.made, slices.Clone(c.acked[key])}
	c.under = append(c.under, m)
}

// commit has any of those under way be stored and acknowledged. Then nothing comes any
// more before the first of those left.
func (c *crowd) commit() {
	if len(c.under) == 0 {
		return
	}
	i := c.dice.IntN(len(c.under))
	m := c.under[i]
	c.under = slices.Delete(c.under, i, i+1)
	c.stored[m.Message] = m
	c.acked[m.Key] = append(c.acked[m.Key], m.Message)
	c.horizon = c.made
	for _, m := range c.under {
		c.horizon = min(c.horizon, m.n-1)
	}
}

// finish ends an attempt: well, if luck is more than nothing, and for one key more still.
func (c *crowd) finish(luck int) {
	if len(c.flying) == 0 {
		return
	}
	id := c.flying[0]
	c.flying = c.flying[1:]
	well := luck > 0 && (luck > 2 || c.stored[id].Key != "a")
	v := Verdict{OK: well, Neutral: true}
	if well {
		delete(c.stored, id)
	} else {
		m := c.stored[id]
		m.Due, m.Attempts = c.now.Add(5*time.Second), m.Attempts+1
		v.Again, v.Due, v.Attempts = true, m.Due, m.Attempts
	}
	c.s.Finish(c.now, "e", id, v)
}

// answer has the store read what was asked for, and perhaps the answer arrive.
func (c *crowd) answer(arrive bool) {
	if len(c.loads) == 0 {
		return
	}
	q := &c.loads[0]
	if !q.read {
		q.read = true
		for _, id := range sorted(c.stored, func(*modelMessage) bool { return true }) {
			if m := c.stored[id]; m.Place().Compare(q.After) > 0 && (!q.OneKey || m.Key == q.Key) {
				q.answer = append(q.answer, m.Delivery)
			}
		}
		if q.more = len(q.answer) >= q.Limit; q.more {
			q.answer = q.answer[:q.Limit]
		}
	}
	if arrive {
		c.s.Loaded(c.now, q.Load, q.answer, q.more)
		c.loads = c.loads[1:]
	}
}

func (c *crowd) act() {
	c.t.Helper()
	a := c.s.Step(c.now)
	for _, s := range a.Start {
		for _, id := range c.stored[s.Message].before {
			if !c.sent[id] {
				c.t.Errorf("%s was started before %s, which had been accepted when it was sent", s.Message, id)
			}
		}
		c.sent[s.Message] = true
		c.flying = append(c.flying, s.Message)
	}
	for _, l := range a.Load {
		c.loads = append(c.loads, question{Load: l})
	}
}
