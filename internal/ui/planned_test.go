package ui

import "testing"

func TestWhatIsNotCountedToTheEndIsSaid(t *testing.T) {
	for _, c := range []struct {
		n           int
		more        bool
		want, press string
	}{
		{0, false, "0 messages", "0 messages"}, {1, false, "1 message", "1 message"},
		{0, true, "an unknown number of messages", "them"}, {2000, true, "at least 2,000 messages", "them"},
	} {
		if got, button := planned(c.n, c.more, "message", "messages"), them(c.n, c.more, "message", "messages"); got != c.want || button != c.press {
			t.Errorf("%d, %v: %q and %q, want %q and %q", c.n, c.more, got, button, c.want, c.press)
		}
	}
}
