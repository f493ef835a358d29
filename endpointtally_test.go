package fanfare_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// sent is what a Hub knows of how much endpoints were sent.
func sent(t *testing.T, hub *fanfare.Hub, eps ...*fanfare.Endpoint) []fanfare.EndpointTally {
	t.Helper()
	all, err := hub.EndpointTallies(t.Context(), eps, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sameSent(t *testing.T, what string, got []fanfare.EndpointTally, want ...fanfare.EndpointTally) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %+v\nwant %+v", what, got, want)
	}
}

// inHour is how much an endpoint was sent in the n-th hour of the world, from 0.
func (w *world) inHour(n int, ep *fanfare.Endpoint, succeeded, failed int64) fanfare.EndpointTally {
	begins := w.start.UTC().Truncate(time.Hour).Add(time.Duration(n) * time.Hour)
	return fanfare.EndpointTally{Endpoint: ep.ID, Begins: begins, Succeeded: succeeded, Failed: failed}
}

func TestWhatEndpointsWereSentIsKnownAfterARestart(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		good := w.endpoint(fanfare.Endpoint{URL: w.receiver("good.test", status(200)).url})
		bad := w.endpoint(fanfare.Endpoint{URL: w.receiver("bad.test", status(500, 500, 200)).url, Retry: fanfare.Retry{Preset: "none"}})
		silent := w.endpoint(fanfare.Endpoint{URL: "http://silent.test", EventTypes: []string{"nothing"}})
		for range 3 {
			w.send("a.b", 1)
			time.Sleep(10 * time.Second)
		}
		if _, err := w.hub.SendExample(t.Context(), good, &fanfare.EventType{Name: "a.b", Examples: []byte("[1]")}, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		first := []fanfare.EndpointTally{w.inHour(0, good, 3, 0), w.inHour(0, bad, 1, 2)}
		sameSent(t, "at once", sent(t, w.hub, bad, silent, good, bad), first...)
		time.Sleep(2 * time.Hour)
		sameSent(t, "later", sent(t, w.hub, good, bad), first...)
		w.close()
		w.run(nil)
		sameSent(t, "after a restart", sent(t, w.hub, good, bad), first...)
		w.send("a.b", 1)
		time.Sleep(time.Second)
		second := w.inHour(2, good, 1, 0)
		sameSent(t, "after both", sent(t, w.hub, good), first[0], second)
		since, err := w.hub.EndpointTallies(t.Context(), []*fanfare.Endpoint{good}, second.Begins)
		if err != nil {
			t.Fatal(err)
		}
		sameSent(t, "since the second", since, second)
		sameSent(t, "of nobody", sent(t, w.hub))
	})
}

// TestAnAttemptIsCountedWhereItBegan has one under way for so long that all else of its hour
// is stored when it ends.
func TestAnAttemptIsCountedWhereItBegan(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		long := func(n int, _ http.ResponseWriter, _ *http.Request) {
			time.Sleep([]time.Duration{0, 50 * time.Second, 0}[n-1])
		}
		ep := w.endpoint(fanfare.Endpoint{URL: w.receiver("a.test", long).url, Timeout: time.Minute})
		time.Sleep(59 * time.Minute)
		w.send("a.b", 1) // at once
		time.Sleep(55 * time.Second)
		w.send("a.b", 2) // until 45 s after the hour
		time.Sleep(20 * time.Second)
		w.send("a.b", 3) // meanwhile, in the next hour
		time.Sleep(10 * time.Minute)
		want := []fanfare.EndpointTally{w.inHour(0, ep, 2, 0), w.inHour(1, ep, 1, 0)}
		sameSent(t, "by the Hub", sent(t, w.hub, ep), want...)
		sameSent(t, "by another", sent(t, w.aside(), ep), want...)
	})
}

// TestTwoHubsCountAttemptsTogether has two of them run on one store, the second of which
// delivers what is left when the first has stopped.
func TestTwoHubsCountAttemptsTogether(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", status(200))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		synctest.Wait() // until it runs
		first, stop := w.hub, w.stop
		w.run(nil)
		for n := range 200 {
			hub := []*fanfare.Hub{first, w.hub}[n%2]
			if _, err := hub.Send(t.Context(), "acme", "a.b", n); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		all := w.inHour(0, ep, int64(len(rcv.requests())), 0)
		if all.Succeeded < 200 {
			t.Fatalf("%d requests came", all.Succeeded)
		}
		for name, hub := range map[string]*fanfare.Hub{"the first": first, "the second": w.hub, "a third": w.aside()} {
			sameSent(t, "by "+name, sent(t, hub, ep), all)
		}
	})
}

// TestSheetsThatWereNotStoredAreStoredLater has the store refuse them, or keep them and say
// that it did not.
func TestSheetsThatWereNotStoredAreStoredLater(t *testing.T) {
	onForgetful(t, func(t *testing.T, w *world, s *forgetful) {
		ep := w.endpoint(fanfare.Endpoint{URL: w.receiver("a.test", status(200)).url})
		s.loses(true)
		var want []fanfare.EndpointTally
		for n := range 3 {
			w.send("a.b", 1)
			want = append(want, w.inHour(n, ep, 1, 0))
			time.Sleep(time.Second)
			sameSent(t, "meanwhile", sent(t, w.hub, ep), want...)
			time.Sleep(time.Hour)
			sameSent(t, "an hour later", sent(t, w.hub, ep), want...)
		}
		s.loses(false)
		for range 2 {
			time.Sleep(2 * time.Minute)
			sameSent(t, "afterwards", sent(t, w.hub, ep), want...)
			sameSent(t, "afterwards, by another", sent(t, w.aside(), ep), want...)
		}
		if n := s.pieces(); n < 100 {
			t.Errorf("the store was asked %d times within three hours", n)
		}
		time.Sleep(5 * time.Hour)
		if n := s.pieces(); n != 0 {
			t.Errorf("the store was asked %d times while nothing happened", n)
		}
	})
}

// KeepEndpointTallies keeps every other sheet while the store loses them, and never says so.
func (s *forgetful) KeepEndpointTallies(ctx context.Context, sheet [16]byte, some []fanfare.EndpointTally) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sheets++
	var err error
	if !s.lossy || s.sheets%2 == 0 {
		err = s.Model.KeepEndpointTallies(ctx, sheet, some)
	}
	if s.lossy {
		return errors.New("the answer was lost")
	}
	return err
}

func (s *forgetful) loses(lossy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lossy = lossy
}

// pieces is how often it was to keep something of a sheet since it was asked last.
func (s *forgetful) pieces() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, s.sheets = s.sheets, 0
	return n
}

func TestWhatEndpointsWereSentIsKeptForADay(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		ep := w.endpoint(fanfare.Endpoint{URL: w.receiver("a.test", status(200)).url})
		w.send("a.b", 1)
		time.Sleep(fanfare.EndpointTalliesLast - time.Minute)
		sameSent(t, "within a day", sent(t, w.hub, ep), w.inHour(0, ep, 1, 0))
		time.Sleep(2 * time.Hour)
		sameSent(t, "afterwards", sent(t, w.hub, ep))
		stored, err := w.store.EndpointTallies(t.Context(), nil, []fanfare.EndpointID{ep.ID}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		sameSent(t, "in the store", stored)
	})
}

// TestAFullSheetIsStoredAtOnce sends to more endpoints within a minute than a sheet has room
// for, and to some of them again.
func TestAFullSheetIsStoredAtOnce(t *testing.T) {
	onForgetful(t, func(t *testing.T, w *world, s *forgetful) {
		rcv := w.receiver("a.test", nil)
		const n = 2100
		var eps []*fanfare.Endpoint
		for i := range 2 * n {
			eps = append(eps, w.endpoint(fanfare.Endpoint{URL: rcv.url, EventTypes: []string{[]string{"first", "second"}[i/n]}}))
		}
		for _, eventType := range []string{"first", "second"} {
			w.send(eventType, 1)
			time.Sleep(20 * time.Second)
		}
		if n := s.pieces(); n < 5 {
			t.Errorf("%d pieces of the sheet were stored within the minute, want 5 at least", n)
		}
		w.send("first", 2)
		time.Sleep(20 * time.Minute)
		var want []fanfare.EndpointTally
		for i, ep := range eps {
			want = append(want, w.inHour(0, ep, int64(2-i/n), 0))
		}
		for range 2 {
			for _, hub := range []*fanfare.Hub{w.hub, w.aside()} {
				if got := sent(t, hub, eps...); !slices.Equal(got, want) {
					t.Errorf("%d are counted, want %d", len(got), len(want))
				}
			}
			time.Sleep(time.Hour)
		}
	})
}
