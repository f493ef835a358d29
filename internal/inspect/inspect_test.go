package inspect

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

func send(s *Bins, token, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, Path+token, strings.NewReader(body)))
	return w
}

func TestABinKeepsTheNewestRequests(t *testing.T) {
	s := New("")
	b := s.Create("me", time.Now())
	for range MaxRequests + 5 {
		send(s, b.Token, "x")
	}
	got, err := s.Read("me", b.ID, time.Now())
	if err != nil || got.Received != MaxRequests+5 || len(got.Requests) != MaxRequests || got.Requests[0].ID != MaxRequests+5 || got.Requests[MaxRequests-1].ID != 6 {
		t.Errorf("%d came, %d are kept, %v", got.Received, len(got.Requests), err)
	}
}

func TestABinKeepsNoMoreThanItsBytes(t *testing.T) {
	s := New("")
	b := s.Create("me", time.Now())
	for range 12 {
		send(s, b.Token, strings.Repeat("x", MaxBody))
	}
	got, _ := s.Read("me", b.ID, time.Now())
	if n := len(got.Requests); n != 7 { // of a MiB and a little each, in 8 MiB
		t.Errorf("%d requests of 1 MiB are kept, want 7", n)
	}
	if w := send(s, b.Token, strings.Repeat("x", MaxBody+1)); w.Code != http.StatusOK {
		t.Errorf("more than that is answered %d", w.Code)
	}
	got, _ = s.Read("me", b.ID, time.Now())
	if last := got.Requests[0]; !last.Cut || len(last.Body) != MaxBody {
		t.Errorf("of more %d bytes are kept, cut: %v", len(last.Body), last.Cut)
	}
}

func TestAllBinsTogetherKeepNoMoreThanTheirBytes(t *testing.T) {
	s := New("")
	for range 10 {
		b := s.Create("me", time.Now())
		for range 8 {
			send(s, b.Token, strings.Repeat("x", MaxBody))
		}
		if s.bytes > MaxTotal {
			t.Fatalf("%d bytes are kept, want at most %d", s.bytes, MaxTotal)
		}
	}
	if s.bytes < MaxTotal/2 {
		t.Errorf("%d bytes are kept: more than had to go has gone", s.bytes)
	}
	for _, b := range s.List("me", time.Now()) {
		if err := s.Delete("me", b.ID); err != nil {
			t.Error(err)
		}
	}
	if s.bytes != 0 || len(s.byID)+len(s.byToken)+len(s.byShare) != 0 {
		t.Errorf("with no bins left there are %d bytes, %d bins", s.bytes, len(s.byID))
	}
}

func TestThereAreOnlySoManyBins(t *testing.T) {
	s := New("")
	now := time.Now()
	first := s.Create("me", now)
	second := s.Create("me", now.Add(time.Second))
	if _, err := s.Read("me", first.ID, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for range MaxOwned - 1 {
		s.Create("me", now.Add(time.Hour))
	}
	if _, err := s.Read("me", second.ID, now.Add(time.Hour)); !errors.Is(err, ErrNotFound) {
		t.Errorf("the one that was idle the longest is there: %v", err)
	}
	if _, err := s.Read("me", first.ID, now.Add(time.Hour)); err != nil {
		t.Errorf("the one that was looked at has gone: %v", err)
	}
	if n := len(s.List("me", now.Add(time.Hour))); n != MaxOwned {
		t.Errorf("there are %d", n)
	}
	for i := range MaxBins {
		s.Create(fmt.Sprint("other ", i), now.Add(2*time.Hour))
	}
	if len(s.byID) != MaxBins || len(s.byToken) != MaxBins || len(s.List("me", now.Add(2*time.Hour))) != 0 {
		t.Errorf("of all there are %d", len(s.byID))
	}
}

func TestABinGoesWhenNobodyCares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("")
		b := s.Create("me", time.Now())
		time.Sleep(Idle - time.Second)
		send(s, b.Token, "x")
		time.Sleep(Idle - time.Second)
		if _, err := s.Read("me", b.ID, time.Now()); err != nil {
			t.Errorf("it has gone within a day of a request: %v", err)
		}
		time.Sleep(Idle)
		if _, err := s.Read("me", b.ID, time.Now()); !errors.Is(err, ErrNotFound) || len(s.byToken) != 0 {
			t.Errorf("it is there after a day: %v", err)
		}
	})
}

func TestABinIsItsOwners(t *testing.T) {
	s := New("")
	b := s.Create("me", time.Now())
	for name, err := range map[string]error{
		"answer": s.SetAnswer("you", b.ID, Answer{Status: 200}), "secret": s.SetSecret("you", b.ID, "github", "a secret of enough"),
		"share": s.SetShare("you", b.ID, true), "empty": s.Empty("you", b.ID), "delete": s.Delete("you", b.ID), "pin": s.SetPinned("you", b.ID, 1, true),
		"note": s.SetNote("you", b.ID, 1, "x"), "remove": s.Remove("you", b.ID, 1),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Read("you", b.ID, time.Now()); !errors.Is(err, ErrNotFound) || len(s.List("you", time.Now())) != 0 {
		t.Errorf("another sees it: %v", err)
	}
	if _, err := s.At("you", b.Token); !errors.Is(err, ErrNotFound) {
		t.Errorf("another finds it by its address: %v", err)
	}
	if got, err := s.At("me", b.Token); err != nil || got.ID != b.ID {
		t.Errorf("its owner finds %q by its address: %v", got.ID, err)
	}
	if _, err := s.Sign("you", b.ID, webhook.Standard); !errors.Is(err, ErrNotFound) {
		t.Errorf("another signs for it: %v", err)
	}
	if _, err := s.Shared("", time.Now()); !errors.Is(err, ErrNotFound) {
		t.Errorf("one that is not shared is found without a link: %v", err)
	}
}

func TestOnlySoManyAnswersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("")
		b := s.Create("me", time.Now())
		if err := s.SetAnswer("me", b.ID, Answer{Status: 204, Delay: MaxDelay}); err != nil {
			t.Fatal(err)
		}
		for range maxWaiting {
			go send(s, b.Token, "x")
		}
		synctest.Wait()
		began := time.Now()
		if w := send(s, b.Token, "x"); w.Code != http.StatusNoContent || time.Since(began) != 0 {
			t.Errorf("one more was answered %d after %v", w.Code, time.Since(began))
		}
		time.Sleep(MaxDelay)
		synctest.Wait()
		if s.waiting != 0 {
			t.Errorf("%d still wait", s.waiting)
		}
	})
}

// TestNoBrowserIsLedAway by a link to a bin, nor by a form that is sent to one.
func TestNoBrowserIsLedAway(t *testing.T) {
	s := New("")
	b := s.Create("me", time.Now())
	const away = "https://example.com/away"
	if err := s.SetAnswer("me", b.ID, Answer{Status: 307, Headers: [][2]string{{"Location", away}}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, origin, want string }{
		{http.MethodPost, "", away}, {http.MethodPost, "https://example.org", ""}, {http.MethodPost, "null", ""}, {http.MethodGet, "", ""}, {http.MethodHead, "", ""},
	} {
		r := httptest.NewRequest(c.method, Path+b.Token, nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if got := w.Header().Get("Location"); w.Code != 307 || got != c.want {
			t.Errorf("%s from %q: %d to %q, want %q", c.method, c.origin, w.Code, got, c.want)
		}
	}
}
