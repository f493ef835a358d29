package torture

import (
	"cmp"
	"testing"
	"time"
)

// TestKill kills the server again and again while it works, and starts it again
// at once on what is left.
func TestKill(t *testing.T) {
	t.Parallel()
	killing(t, "", cmp.Or(*killsFlag, 5))
}

// killing kills a server whose database is at that URL, or in a file.
func killing(t *testing.T, url string, kills int) {
	chance, seed := newChance(t)
	moments := chance(1)
	h := newHost(t)
	h.url, h.flags = url, []string{"--drain-wait", "0s"}
	w := newWorld(t, h)
	s := h.start(t)
	s.ready(t)
	w.create(t)
	load := w.press(t.Context(), usual, chance)
	var slowest time.Duration
	for i := range kills {
		if i%5 == 4 {
			// It is killed while it reads what is left, too.
			pause(t.Context(), time.Duration(moments.IntN(60))*time.Millisecond)
		} else {
			s.ready(t)
			before := w.acceptedSoFar()
			pause(t.Context(), time.Duration(50+moments.IntN(1450))*time.Millisecond)
			if err := until(t.Context(), time.Minute, func() bool { return w.acceptedSoFar()-before >= 125 }); err != nil {
				t.Fatalf("%d events were accepted since the server was started: %v", w.acceptedSoFar()-before, err)
			}
			slowest = max(slowest, time.Duration(h.first.Load()))
		}
		s.kill(t)
		s = h.start(t)
	}
	s.ready(t)
	load.end(t)
	w.quiesce(t)
	slowest = max(slowest, time.Duration(h.first.Load()))
	w.checkStats(t)
	drain := s.stop(t)
	f := w.audit(t, kills)
	w.checkDatabase(t, h, f)
	f.Seed, f.RestartMS, f.DrainMS = seed, slowest.Milliseconds(), drain.Milliseconds()
	f.print(t)
	if f.Duplicates > kills*allInFlight {
		t.Errorf("%d duplicates, and %d kills allow for %d", f.Duplicates, kills, kills*allInFlight)
	}
	if f.Accepted < 100*kills || f.Doubts < kills {
		t.Errorf("that was no load: %d events accepted, %d requests without an answer, over %d kills", f.Accepted, f.Doubts, kills)
	}
}

// TestNoKillNoDuplicate does the same without a kill: so what TestKill calls a
// duplicate is due to kills.
func TestNoKillNoDuplicate(t *testing.T) {
	t.Parallel()
	chance, seed := newChance(t)
	h := newHost(t)
	w := newWorld(t, h)
	s := h.start(t)
	s.ready(t)
	w.create(t)
	load := w.press(t.Context(), usual, chance)
	pause(t.Context(), 1500*time.Millisecond)
	load.end(t)
	w.quiesce(t)
	w.checkStats(t)
	drain := s.stop(t)
	f := w.audit(t, 0)
	w.checkDatabase(t, h, f)
	f.Seed, f.DrainMS = seed, drain.Milliseconds()
	f.print(t)
	if f.Doubts != 0 {
		t.Errorf("%d requests had no answer, and nothing had happened", f.Doubts)
	}
	if f.Rejected == 0 || f.Requests == f.Deliveries {
		t.Errorf("the load had no malformed event, or receivers refused nothing")
	}
}
