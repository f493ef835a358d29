package fanfare_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// tallies are what a Hub knows of the last eight days.
func tallies(t *testing.T, hub *fanfare.Hub) []fanfare.Tally {
	t.Helper()
	all, err := hub.Tallies(t.Context(), time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sameTallies(t *testing.T, what string, got []fanfare.Tally, want ...fanfare.Tally) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %+v\nwant %+v", what, got, want)
	}
}

// quarter is the beginning of the n-th quarter of an hour of the world, from 0.
func (w *world) quarter(n int) time.Time {
	return w.start.UTC().Truncate(fanfare.TallyLasts).Add(time.Duration(n) * fanfare.TallyLasts)
}

// aside is a Hub on the world's store that does not run.
func (w *world) aside() *fanfare.Hub {
	return fanfare.New(w.store, &fanfare.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
}

func TestWhatHasHappenedIsKnownAfterARestart(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", status(500, 200, 200, 500))
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "none"}})
		for range 3 {
			w.send("a.b", 1)
			time.Sleep(10 * time.Second)
		}
		first := fanfare.Tally{Begins: w.quarter(0), Accepted: 3, Delivered: 2, GivenUp: 1, Failed: 1}
		sameTallies(t, "at once", tallies(t, w.hub), first)
		time.Sleep(time.Hour)
		w.close()
		w.run(nil)
		sameTallies(t, "after a restart", tallies(t, w.hub), first)
		w.send("a.b", 1)
		time.Sleep(time.Second)
		second := fanfare.Tally{Begins: w.quarter(4), Accepted: 1, GivenUp: 1, Failed: 1}
		sameTallies(t, "after both", tallies(t, w.hub), first, second)
		until, err := w.hub.Tallies(t.Context(), first.Begins, second.Begins)
		if err != nil {
			t.Fatal(err)
		}
		sameTallies(t, "until the second", until, first)
		since, err := w.hub.Tallies(t.Context(), first.Begins.Add(1), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		sameTallies(t, "since the second", since, second)
	})
}

// TestAKilledHubLosesAMinuteAtMost looks at what others know of it, which is what there
// is when it is gone.
func TestAKilledHubLosesAMinuteAtMost(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		other := w.aside()
		for n := range 10 {
			w.send("a.b", n)
			time.Sleep(20 * time.Second)
			lost := int64(n + 1)
			for _, tally := range tallies(t, other) {
				lost -= tally.Accepted
			}
			if lost < 0 || lost > 3 {
				t.Errorf("%d of %d messages are lost if the Hub is killed", lost, n+1)
			}
		}
		time.Sleep(time.Minute)
		sameTallies(t, "after a minute", tallies(t, other), fanfare.Tally{Begins: w.quarter(0), Accepted: 10})
		sameTallies(t, "by the Hub itself", tallies(t, w.hub), fanfare.Tally{Begins: w.quarter(0), Accepted: 10})
	})
}

// TestWhatEndsWithTheHubIsCounted has the Hub told to stop while an attempt is under way.
func TestWhatEndsWithTheHubIsCounted(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", slowly(10*time.Second, 200))
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.send("a.b", 1)
		time.Sleep(time.Second)
		w.close()
		sameTallies(t, "afterwards", tallies(t, w.aside()), fanfare.Tally{Begins: w.quarter(0), Accepted: 1, Delivered: 1})
	})
}

func TestWhatHappensIsCountedInItsQuarterOfAnHour(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		at := func(n int, in time.Duration) { time.Sleep(time.Until(w.quarter(n).Add(in))); w.send("a.b", 1) }
		at(0, fanfare.TallyLasts-time.Second) // with a minute's wait begun before the end
		at(1, time.Second)
		at(1, fanfare.TallyLasts-30*time.Second)
		at(1, fanfare.TallyLasts-2*time.Second)
		at(2, time.Millisecond)
		at(2, 2*time.Second)
		at(7, fanfare.TallyLasts-time.Second) // with nothing before it
		time.Sleep(10 * time.Minute)
		want := []fanfare.Tally{{Begins: w.quarter(0), Accepted: 1}, {Begins: w.quarter(1), Accepted: 3}, {Begins: w.quarter(2), Accepted: 2}, {Begins: w.quarter(7), Accepted: 1}}
		sameTallies(t, "by the Hub", tallies(t, w.hub), want...)
		sameTallies(t, "by another", tallies(t, w.aside()), want...)
	})
}

// TestTwoHubsCountTogether has two of them run on one store.
func TestTwoHubsCountTogether(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		synctest.Wait() // until it runs
		first, stop := w.hub, w.stop
		defer func() {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}()
		w.run(nil)
		for n := range 300 {
			hub := []*fanfare.Hub{first, w.hub}[n%2]
			if _, err := hub.Send(t.Context(), "acme", "a.b", n); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			own, all := int64(n/2+1), int64(n+1)
			for _, told := range tallies(t, hub) {
				own, all = own-told.Accepted, all-told.Accepted
			}
			if own > 0 || all < 0 || all > 31 { // of the other's, those of the last minute
				t.Fatalf("after %d messages %d are missing", n+1, all)
			}
		}
		time.Sleep(2 * time.Minute)
		for _, hub := range []*fanfare.Hub{first, w.hub} {
			sameTallies(t, "in the end", tallies(t, hub), fanfare.Tally{Begins: w.quarter(0), Accepted: 300})
		}
	})
}

// A forgetful store keeps no tallies while it is away, and counts how often it was to.
type forgetful struct {
	*storetest.Model

	mu    sync.Mutex
	away  bool
	calls int

	lossy  bool // see KeepEndpointTallies
	sheets int  // that it was to keep
}

func (s *forgetful) KeepTallies(ctx context.Context, hub [16]byte, some []fanfare.Tally) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls++; s.away {
		return errors.New("the store is away")
	}
	return s.Model.KeepTallies(ctx, hub, some)
}

func (s *forgetful) set(away bool) (calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
	calls, s.calls = s.calls, 0
	return calls
}

// onForgetful runs test in a bubble with a world whose Hub is on such a store.
func onForgetful(t *testing.T, test func(t *testing.T, w *world, s *forgetful)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.stop()
		s := &forgetful{Model: w.store}
		w.hub = fanfare.New(s, &fanfare.Options{Dial: w.net.DialContext, AllowLoopback: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		w.begin()
		defer w.close()
		test(t, w, s)
	})
}

func TestCountsThatWereNotStoredAreStoredLater(t *testing.T) {
	onForgetful(t, func(t *testing.T, w *world, s *forgetful) {
		s.set(true)
		w.send("a.b", 1)
		time.Sleep(time.Hour)
		if n := s.set(false); n < 50 || n > 70 {
			t.Errorf("the store was asked %d times within an hour", n)
		}
		sameTallies(t, "meanwhile", tallies(t, w.hub), fanfare.Tally{Begins: w.quarter(0), Accepted: 1})
		time.Sleep(2 * time.Minute)
		sameTallies(t, "by another", tallies(t, w.aside()), fanfare.Tally{Begins: w.quarter(0), Accepted: 1})
	})
}

func TestNothingIsStoredWhileNothingHappens(t *testing.T) {
	onForgetful(t, func(t *testing.T, w *world, s *forgetful) {
		rcv := w.receiver("a.test", func(_ int, rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(204) })
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.send("a.b", 1)
		time.Sleep(24 * time.Hour)
		if n := s.set(false); n != 1 {
			t.Errorf("the store was asked %d times, want once", n)
		}
		for range 60 {
			w.send("a.b", 1)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Hour)
		if n := s.set(false); n < 1 || n > 3 {
			t.Errorf("the store was asked %d times for what happened within a minute", n)
		}
	})
}

func TestTalliesAreKeptForEightDays(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.send("a.b", 1)
		time.Sleep(fanfare.TalliesLast - time.Hour)
		sameTallies(t, "within eight days", tallies(t, w.hub), fanfare.Tally{Begins: w.quarter(0), Accepted: 1})
		time.Sleep(3 * time.Hour)
		sameTallies(t, "afterwards", tallies(t, w.hub))
		stored, err := w.store.Tallies(t.Context(), [16]byte{}, time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		sameTallies(t, "in the store", stored)
	})
}
