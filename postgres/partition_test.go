//go:build linux

package postgres_test

import (
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestAWeekThatIsOldEnoughIsDropped prunes weeks of which one has a delivery that
// waits.
func TestAWeekThatIsOldEnoughIsDropped(t *testing.T) {
	url := database(t)
	s := newShop(t, openAt(t, url, nil), 2)
	now := time.Now()
	const day = 24 * time.Hour
	first, second := now.Add(-60*day), now.Add(-53*day) // weeks next to each other
	if err := s.store.MakePartitions(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	done, beside := s.intakeAt(0, first), s.intakeAt(0, second)
	waiting, young := s.intakeAt(1, second), s.intakeAt(0, now)
	done.Message.EventID = "seven"
	if err := s.acceptErr(done, beside, waiting, young); err != nil {
		t.Fatal(err)
	}
	if err := s.recordErr(done, beside); err != nil {
		t.Fatal(err)
	}
	partitions := func(want int) {
		t.Helper()
		n := 0
		row(t, url, `SELECT count(*) FROM pg_inherits WHERE inhparent IN ('message'::regclass, 'delivery'::regclass, 'attempt'::regclass)`, &n)
		if n != want {
			t.Errorf("there are %d partitions, want %d", n, want)
		}
	}
	is := func(in *fanfare.Intake, there bool) {
		t.Helper()
		if _, err := s.store.Message(t.Context(), s.app, string(in.Message.ID)); (err == nil) != there {
			t.Errorf("message %s: %v; it should be there: %t", in.Message.ID, err, there)
		}
	}
	const each, present = 3, 3 * 4 // tables; of them the default one, this week and two more
	partitions(present + 3*each)
	prune := func() {
		t.Helper()
		if _, err := s.store.Prune(t.Context(), now.Add(-30*day), 100); err != nil {
			t.Fatal(err)
		}
	}
	prune()
	partitions(present + 2 + 2) // the week of what waits, and attempts since then, which may be at it
	is(done, false)
	is(beside, false)
	is(waiting, true)
	is(young, true)
	again := s.intake(0)
	again.Message.EventID = "seven"
	if err := s.acceptErr(again); err != nil || again.Err != nil {
		t.Errorf("the event id of what was dropped is taken: %v, %v", err, again.Err)
	}
	if err := s.recordErr(waiting); err != nil {
		t.Fatal(err)
	}
	prune()
	partitions(present)
	is(waiting, false)
	is(young, true)
	if found, err := s.store.Newest(t.Context()); err != nil || found == [16]byte{} {
		t.Errorf("the newest is %x (%v)", found, err)
	}
}
