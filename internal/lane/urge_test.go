package lane

import (
	"testing"
	"time"
)

// TestUrgedLanesAreTriedAtOnce has a receiver that failed take what waits for another
// try; what was not tried yet waits for its time.
func TestUrgedLanesAreTriedAtOnce(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e", MaxInFlight: 4})
	if b.s.Urge(b.now, "e") || b.s.Urge(b.now, "none") {
		t.Error("there is nothing to try")
	}
	b.accept("e/1", "e/2", "e/3")
	b.want("e/1", "e/2", "e/3")
	v := b.again(time.Hour)
	v.HoldUntil = epoch.Add(10 * time.Minute)
	b.finish(v, "e/1", "e/2", "e/3")
	b.acceptAt(epoch.Add(2*time.Hour), "e/later")
	b.want()
	if !b.s.Urge(b.now, "e") {
		t.Error("there is something to try")
	}
	b.want("e/1 probe")
	b.finish(b.again(90*time.Minute), "e/1")
	b.want()
	b.s.Urge(b.now, "e")
	b.want("e/2 probe")
	b.ok("e/2")
	b.want("e/3")
	b.ok("e/3")
	b.want("e/1")
	b.ok("e/1")
	b.want()
	if k, ok := b.s.Look("e"); !ok || k.Waiting != 1 || k.InFlight != 0 {
		t.Errorf("what is for later: %+v", k)
	}
	b.wakes(2 * time.Hour)
	b.want("e/later")
}

// TestUrgedLanesPassOverWhatIsForLater has deliveries that were not tried yet, and are for
// sooner than those that wait to be tried again.
func TestUrgedLanesPassOverWhatIsForLater(t *testing.T) {
	for name, c := range map[string]struct {
		set    Settings
		failed []string
		later  string
		want   string
	}{
		"any order":   {Settings{}, []string{"e/1"}, "e/2", "e/1 probe"},
		"another key": {Settings{Ordered: true}, []string{"e/1/a"}, "e/2/b", "e/1 probe"},
		"gathered":    {Settings{Gather: Gather{Size: 3, Window: time.Minute}}, []string{"e/1", "e/2"}, "e/3", "e/1+e/2 probe"},
	} {
		c.set.Endpoint = "e"
		b := on(t, Limits{}, c.set)
		b.accept(c.failed...)
		b.s.Step(b.now)
		b.now = b.now.Add(time.Minute)
		b.s.Step(b.now)
		v := b.again(2 * time.Hour)
		if c.set.Ordered {
			v.Rank = 0
		}
		for _, f := range c.failed {
			b.finish(v, f[:3])
		}
		b.acceptAt(b.now.Add(time.Hour), c.later)
		b.want()
		if !b.s.Urge(b.now, "e") {
			t.Errorf("%s: nothing can be tried", name)
		}
		a := b.s.Step(b.now)
		got := ""
		for _, st := range a.Start {
			got += st.Endpoint + "/" + st.Message
			for _, more := range st.More {
				got += "+" + more.Endpoint + "/" + more.Message
			}
			if state, _ := b.s.Health("e"); state == Probing {
				got += " probe"
			}
		}
		if got != c.want {
			t.Errorf("%s: it started %q, want %q", name, got, c.want)
		}
	}
}

// TestUrgedLanesStayInOrder has only what is for later before what waits to be tried again.
func TestUrgedLanesStayInOrder(t *testing.T) {
	for _, ordered := range []bool{true, false} {
		b := on(t, Limits{}, Settings{Endpoint: "e", Ordered: ordered})
		b.acceptAt(epoch.Add(time.Hour), "e/1")
		if ordered {
			b.s.Accept(b.now, "e", Delivery{Message: "2", Due: epoch.Add(2 * time.Hour), Attempts: 1})
		}
		if b.s.Urge(b.now, "e") {
			t.Errorf("ordered %v: it says that something can be tried", ordered)
		}
		b.want()
	}
}
