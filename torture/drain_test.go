package torture

import (
	"testing"
	"time"
)

// drains is how often TestDrain stops the server.
const drains = 3

// TestDrain stops the server politely, in the middle of its work and with slow
// receivers: what it has begun it sees through, so that nothing is done twice.
func TestDrain(t *testing.T) {
	t.Parallel()
	chance, seed := newChance(t)
	h := newHost(t)
	w := newWorld(t, h)
	s := h.start(t)
	s.ready(t)
	w.create(t)
	slow := usual
	slow.interval, slow.backlog = 50*time.Millisecond, 100
	load := w.press(t.Context(), slow, chance)
	var slowest time.Duration
	for range drains {
		w.delay.Store(int64(200 * time.Millisecond))
		pause(t.Context(), time.Second)
		if err := until(t.Context(), time.Minute, func() bool { return w.answering.Load() > 0 }); err != nil {
			t.Fatalf("nothing is under way: %v", err)
		}
		under := w.answering.Load()
		drain := s.stop(t)
		if slowest = max(slowest, drain); drain > 20*time.Second { // or it has given up, which takes longer
			t.Errorf("with %d attempts of 200 ms under way, stopping took %s", under, drain)
		}
		w.checkAttempts(t, h, 0)
		w.delay.Store(0)
		s = h.start(t)
		s.ready(t)
	}
	load.end(t)
	w.quiesce(t)
	w.checkStats(t)
	s.stop(t)
	f := w.audit(t, 0)
	w.checkDatabase(t, h, f)
	f.Seed, f.DrainMS = seed, slowest.Milliseconds()
	f.print(t)
	if n := w.cutOff(); n > 0 {
		t.Errorf("%d requests were broken off before the receiver had answered", n)
	}
}

// cutOff counts the requests whose sender did not wait for the answer.
func (w *world) cutOff() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, app := range w.apps {
		for _, ep := range app.endpoints {
			for _, a := range ep.arrivals {
				if a.status == 0 {
					n++
				}
			}
		}
	}
	return n
}
