package lane

import (
	"testing"
	"time"
)

// TestSentGivesThePlaceToAnother starts one at a time, of which each may begin
// once the one before was sent, though not yet finished.
func TestSentGivesThePlaceToAnother(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for _, test := range []struct {
		name    string
		ordered bool
		want    int // started after the first was sent
	}{{"unordered", false, 1}, {"ordered", true, 0}} {
		t.Run(test.name, func(t *testing.T) {
			s := New(Limits{PerHost: 1})
			s.Configure(now, Settings{Endpoint: "ep", Application: "app", Host: "host", MaxInFlight: 1, Ordered: test.ordered})
			for _, message := range []string{"a", "b", "c"} {
				d := Delivery{Message: message, Due: now, Rank: now.UnixMicro()}
				if test.ordered {
					d.Rank = 0
				}
				s.Accept(now, "ep", d)
			}
			if n := len(s.Step(now).Start); n != 1 {
				t.Fatalf("%d started at once, want 1", n)
			}
			s.Sent("ep", "a")
			s.Sent("ep", "a") // once is enough
			s.Sent("ep", "b") // not in flight
			s.Sent("other", "a")
			if n := len(s.Step(now).Start); n != test.want {
				t.Errorf("%d started after the first was sent, want %d", n, test.want)
			}
			s.Finish(now, "ep", "a", Verdict{OK: true})
			if n := len(s.Step(now).Start); n != 1-test.want {
				t.Errorf("%d started after the first was finished, want %d", n, 1-test.want)
			}
			s.Finish(now, "ep", "b", Verdict{OK: true})
			if n := len(s.Step(now).Start); n != 1 {
				t.Errorf("%d started last, want 1", n)
			}
			s.Finish(now, "ep", "c", Verdict{OK: true})
			if st := s.Stats(); st.InFlight != 0 {
				t.Errorf("%d in flight at the end", st.InFlight)
			}
		})
	}
}

// TestSentFreesTheHostItWasStartedFor has the endpoint move to another host
// during the attempt.
func TestSentFreesTheHostItWasStartedFor(t *testing.T) {
	b := on(t, Limits{PerHost: 1}, Settings{Endpoint: "a", Host: "h"}, Settings{Endpoint: "b", Host: "h"})
	b.accept("a/1", "b/1")
	b.want("a/1")
	b.s.Configure(b.now, Settings{Endpoint: "a", Host: "i"})
	b.want()
	b.s.Sent("a", "1")
	b.want("b/1")
}
