package inspect

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

// sum fails the test unless the books agree with what is kept.
func sum(t *testing.T, s *Bins) {
	t.Helper()
	all, pinned := 0, 0
	for _, b := range s.byID {
		n, p := 0, 0
		for i := range b.Requests {
			n += b.Requests[i].size()
			if b.Requests[i].Pinned {
				p += b.Requests[i].size()
			}
		}
		if n != b.bytes || p != b.pinned {
			t.Errorf("a bin has %d bytes, %d of them pinned, and its books say %d and %d", n, p, b.bytes, b.pinned)
		}
		all, pinned = all+n, pinned+p
	}
	if all != s.bytes || pinned != s.pinned {
		t.Errorf("there are %d bytes, %d of them pinned, and the books say %d and %d", all, pinned, s.bytes, s.pinned)
	}
}

func TestPinnedRequestsStay(t *testing.T) {
	s := New("")
	b := s.Create("me", time.Now())
	send(s, b.Token, "kept")
	if err := s.SetPinned("me", b.ID, 1, true); err != nil {
		t.Fatal(err)
	}
	if err := s.SetNote("me", b.ID, 1, "the one that broke it"); err != nil {
		t.Fatal(err)
	}
	for range MaxRequests + 50 {
		send(s, b.Token, strings.Repeat("x", 60_000))
	}
	sum(t, s)
	got, err := s.Read("me", b.ID, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	req := got.Find(1)
	if req == nil || string(req.Body) != "kept" || req.Note != "the one that broke it" || len(got.Requests) > MaxRequests {
		t.Fatalf("of %d requests the pinned one is %+v", len(got.Requests), req)
	}
	if err := s.SetPinned("me", b.ID, 1, false); err != nil {
		t.Fatal(err)
	}
	for range MaxRequests {
		send(s, b.Token, strings.Repeat("x", 60_000))
	}
	sum(t, s)
	if got, _ = s.Read("me", b.ID, time.Now()); got.Find(1) != nil {
		t.Error("one that is pinned no longer stays")
	}
}

func TestOnlySoMuchIsPinned(t *testing.T) {
	s := New("")
	b := s.Create("me", time.Now())
	for range MaxPinned + 1 {
		send(s, b.Token, "x")
	}
	for n := 1; n <= MaxPinned; n++ {
		if err := s.SetPinned("me", b.ID, n, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetPinned("me", b.ID, MaxPinned+1, true); !errors.Is(err, ErrInvalid) {
		t.Errorf("one more is pinned: %v", err)
	}
	if err := s.SetPinned("me", b.ID, 3, true); err != nil {
		t.Errorf("one that is pinned already: %v", err)
	}
	large := s.Create("me", time.Now())
	pinned := 0
	for n := 1; n <= 6; n++ {
		send(s, large.Token, strings.Repeat("x", MaxBody))
		if s.SetPinned("me", large.ID, n, true) == nil {
			pinned++
		}
	}
	if pinned != 3 {
		t.Errorf("%d of a MiB and a little are pinned in half of 8 MiB", pinned)
	}
	for i := range 30 { // until half of all is pinned
		b := s.Create("me", time.Now())
		for n := 1; n <= 3; n++ {
			send(s, b.Token, strings.Repeat("x", MaxBody))
			if err := s.SetPinned("me", b.ID, n, true); err == nil && i > 12 {
				t.Errorf("bin %d pins beyond half of all", i)
			}
		}
	}
	if s.pinned > MaxTotal/2 || s.bytes > MaxTotal {
		t.Errorf("%d bytes are pinned of %d", s.pinned, s.bytes)
	}
	sum(t, s)
	for _, one := range s.List("me", time.Now()) {
		if err := s.Empty("me", one.ID); err != nil {
			t.Error(err)
		}
	}
	sum(t, s)
	if s.bytes != 0 || s.pinned != 0 {
		t.Errorf("empty bins have %d bytes, %d of them pinned", s.bytes, s.pinned)
	}
}

func TestRequestsAreRemovedAndNoted(t *testing.T) {
	s := New("")
	b := s.Create("me", time.Now())
	for _, body := range []string{"a", "b", "c"} {
		send(s, b.Token, body)
	}
	for _, err := range []error{s.SetPinned("me", b.ID, 2, true), s.SetNote("me", b.ID, 2, strings.Repeat("n", MaxNote)), s.SetNote("me", b.ID, 2, "short"), s.Remove("me", b.ID, 2)} {
		if err != nil {
			t.Error(err)
		}
	}
	sum(t, s)
	for _, err := range []error{s.Remove("me", b.ID, 2), s.SetNote("me", b.ID, 9, "x"), s.SetPinned("me", b.ID, 9, true)} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("of a request that is not there: %v", err)
		}
	}
	for _, note := range []string{strings.Repeat("n", MaxNote+1), "\xff"} {
		if err := s.SetNote("me", b.ID, 1, note); !errors.Is(err, ErrInvalid) {
			t.Errorf("a note %.5q…: %v", note, err)
		}
	}
	got, _ := s.Read("me", b.ID, time.Now())
	if len(got.Requests) != 2 || got.Find(2) != nil || string(got.Find(3).Body) != "c" || got.Received != 3 {
		t.Errorf("there are %d, of %d", len(got.Requests), got.Received)
	}
}

func TestTheNextFewAreAnsweredOtherwise(t *testing.T) {
	s := New("")
	b := s.Create("me", time.Now())
	for _, err := range []error{s.SetAnswer("me", b.ID, Answer{Status: 201}), s.SetAnswer("me", b.ID, Answer{Status: 503, Times: 2})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []int{503, 503, 201, 201} {
		if got := send(s, b.Token, "x").Code; got != want {
			t.Errorf("request %d is answered %d, want %d", i+1, got, want)
		}
	}
	got, _ := s.Read("me", b.ID, time.Now())
	if got.Requests[3].Answer != 503 || got.Requests[1].Answer != 201 {
		t.Errorf("what was answered is told as %d and %d", got.Requests[3].Answer, got.Requests[1].Answer)
	}
	if err := s.SetAnswer("me", b.ID, Answer{Status: 500, Times: 5}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetAnswer("me", b.ID, Answer{Status: 204}); err != nil {
		t.Fatal(err)
	}
	if got := send(s, b.Token, "x").Code; got != http.StatusNoContent {
		t.Errorf("what is to be answered from now on is not: %d", got)
	}
	for _, times := range []int{-1, MaxTimes + 1} {
		if err := s.SetAnswer("me", b.ID, Answer{Status: 200, Times: times}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d times: %v", times, err)
		}
	}
}

func TestABinHasASecretToSignWith(t *testing.T) {
	s := New("")
	b := s.Create("me", time.Now())
	for _, p := range webhook.Profiles() {
		text, err := s.Sign("me", b.ID, p)
		again, _ := s.Sign("me", b.ID, p)
		if err != nil || text != again || (text == "") != (p == webhook.None) {
			t.Errorf("%s: %q, then %q, %v", p, text, again, err)
		}
	}
	const own = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
	if err := s.SetSecret("me", b.ID, webhook.Standard, own); err != nil {
		t.Fatal(err)
	}
	if text, err := s.Sign("me", b.ID, webhook.Standard); text != own || err != nil {
		t.Errorf("one that was given is not used: %q, %v", text, err)
	}
}
