package lane

import (
	"testing"
	"time"
)

// TestUrgedLanesAreTriedAtOnce has a receiver that failed take what waits for another
// try; what was not tried yet waits for its time.
func TestUrgedLanesAreTriedAtOnce(t *testing.T) {
	b := on(t, Limits{}, Settings{Endpoint: "e", MaxInFlight: 4})
	if b.s.Urge("e") || b.s.Urge("none") {
		t.Error("there is nothing to try")
	}
	b.accept("e/1", "e/2", "e/3")
	b.want("e/1", "e/2", "e/3")
	v := b.again(time.Hour)
	v.HoldUntil = epoch.Add(10 * time.Minute)
	b.finish(v, "e/1", "e/2", "e/3")
	b.acceptAt(epoch.Add(2*time.Hour), "e/later")
	b.want()
	if !b.s.Urge("e") {
		t.Error("there is something to try")
	}
	b.want("e/1 probe")
	b.finish(b.again(90*time.Minute), "e/1")
	b.want()
	b.s.Urge("e")
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
