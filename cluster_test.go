package fanfare

import "testing"

// TestALeaseRunsOutByEitherClock also if one of them was set back, or has stood still.
func TestALeaseRunsOutByEitherClock(t *testing.T) {
	until := moment{wall: 1000, run: 100}
	for _, test := range []struct {
		now  moment
		want bool
	}{
		{moment{999, 99}, false},
		{moment{1000, 100}, true},
		{moment{500, 100}, true}, // the machine's clock was set back
		{moment{1000, 50}, true}, // the machine has slept
		{moment{500, 50}, false},
	} {
		if got := until.reached(test.now); got != test.want {
			t.Errorf("at %+v it has run out: %t, want %t", test.now, got, test.want)
		}
	}
}
