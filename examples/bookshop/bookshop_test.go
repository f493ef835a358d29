package bookshop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/examples/bookshop"
	"github.com/fanfarehq/fanfare/examples/stage"
)

// TestDemo plays the shop for some seconds. What is asked of the numbers is what they
// are when a hundred others want the machine too.
func TestDemo(t *testing.T) {
	p := bookshop.Demo()
	var out strings.Builder
	opt := &stage.Options{}
	if err := p.AllFlags(opt).Parse([]string{"-once", "-readers", "50", "-interval", "100ms", "-for", "6s"}); err != nil {
		t.Fatal(err)
	}
	if err := p.Checked(opt); err != nil {
		t.Fatal(err)
	}
	if err := p.Perform(t.Context(), opt, &out, true); err != nil {
		t.Fatal(err)
	}
	var seen bookshop.Seen
	if err := json.Unmarshal([]byte(out.String()), &seen); err != nil {
		t.Fatal(err)
	}
	// 50 readers ask ten times a second for 6 s: 3000 polls, of which 1.5333 % find one
	// of the 46 books that the rate comes to.
	if seen.Books != 46 || seen.Polling.Useful != 46 || seen.Webhooks.Useful != 46 || seen.Webhooks.Requests < 46 {
		t.Errorf("of %d books %d came by polling, and %d by %d webhooks; want 46 each", seen.Books, seen.Polling.Useful, seen.Webhooks.Useful, seen.Webhooks.Requests)
	}
	if seen.Polling.Wasted < 97 || seen.Polling.Wasted > 99.2 || seen.Requests < 33 || seen.Requests > 100 {
		t.Errorf("%.2f %% of %d polls were wasted, %.1f for each webhook; want about 98.5 %% and 65", seen.Polling.Wasted, seen.Polling.Requests, seen.Requests)
	}
	// A poll asks with some 110 bytes, and is answered with 130; a webhook takes 500.
	if each := seen.Polling.Bytes / seen.Polling.Requests; each < 180 || each > 400 || seen.Bytes < 8 || seen.Bytes > 80 {
		t.Errorf("a poll took %d bytes, and a book %.1f times as many as by webhooks", each, seen.Bytes)
	}
	if seen.Polling.Mean < 20 || seen.Polling.P99 < seen.Polling.Mean || seen.Webhooks.Mean <= 0 {
		t.Errorf("by polling books were %.1f ms late (p99 %.1f), by webhooks %.1f", seen.Polling.Mean, seen.Polling.P99, seen.Webhooks.Mean)
	}
}

func TestWhatCannotBePlayed(t *testing.T) {
	for _, args := range [][]string{
		{"-readers", "0"}, {"-readers", "1001"}, {"-interval", "1ms"}, {"-actionable", "0"}, {"-actionable", "1"}, {"-actionable", "NaN"},
		{"-for", "10ms"}, {"-readers", "1000", "-interval", "10ms", "-actionable", "0.9", "-for", "1h"}, {"-port", "-1"},
	} {
		p := bookshop.Demo()
		opt := &stage.Options{}
		if err := p.AllFlags(opt).Parse(args); err != nil {
			t.Fatal(err)
		}
		if err := p.Checked(opt); err == nil || !strings.Contains(err.Error(), "--") && !strings.Contains(err.Error(), "books") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// A shop that nobody polls, and its page.
func shop(t *testing.T, try func(ctx context.Context, at, books string, s *bookshop.Shop, rs *bookshop.Readers)) {
	t.Helper()
	err := stage.Run(t.Context(), &stage.Options{Once: true}, func(ctx context.Context, s *stage.Stage) error {
		hooks, err := s.Listen(0)
		if err != nil {
			return err
		}
		front, err := s.Listen(0)
		if err != nil {
			return err
		}
		sh, secrets, err := bookshop.NewShop(ctx, s.Hub, 3, stage.URL(hooks))
		if err != nil {
			return err
		}
		books, err := s.Serve(ctx, 0, sh)
		if err != nil {
			return err
		}
		rs, err := bookshop.NewReaders(sh, books, secrets, time.Hour)
		if err != nil {
			return err
		}
		s.ServeOn(ctx, hooks, rs)
		s.ServeOn(ctx, front, &bookshop.Page{Shop: sh, Readers: rs})
		try(ctx, stage.URL(front), books, sh, rs)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(body))
}

func TestBooksAreThereOncePublished(t *testing.T) {
	shop(t, func(ctx context.Context, _, books string, s *bookshop.Shop, rs *bookshop.Readers) {
		if status, body := get(t, books+"/books/2"); status != 404 || body != `{"error":"not yet"}` {
			t.Errorf("before it is published it is %d %s", status, body)
		}
		if _, err := s.Publish(ctx, 1); err != nil {
			t.Fatal(err)
		}
		if status, body := get(t, books+"/books/2"); status != 200 || body != `{"id":2,"reader":1,"title":"Volume 1, for reader 2"}` {
			t.Errorf("once published it is %d %s", status, body)
		}
		if status, _ := get(t, books+"/books/1"); status != 404 {
			t.Errorf("another reader's is there too: %d", status)
		}
		b, err := s.Publish(ctx, 1)
		if err != nil || b.ID != 5 {
			t.Errorf("the reader's next book is %+v (%v), want 5", b, err)
		}
		for _, wrong := range []string{"/books/", "/books/x", "/books/2/", "/books/02", "/"} {
			if status, _ := get(t, books+wrong); status != 404 {
				t.Errorf("%s is answered %d", wrong, status)
			}
		}
		came(t, rs, 2)
		// A webhook that nobody has signed is no book.
		w := httptest.NewRecorder()
		rs.ServeHTTP(w, httptest.NewRequest("POST", "/readers/1", strings.NewReader(`{"id":2}`)))
		if w.Code != 401 || rs.Seen().Webhooks.Useful != 2 {
			t.Errorf("unsigned it is answered %d, and %d books have come", w.Code, rs.Seen().Webhooks.Useful)
		}
	})
}

// came waits until as many books have come by webhooks.
func came(t *testing.T, rs *bookshop.Readers, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); rs.Seen().Webhooks.Useful < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d books came, want %d", rs.Seen().Webhooks.Useful, n)
		}
	}
}

func TestThePageMovesAndCanBeReadWithoutScript(t *testing.T) {
	shop(t, func(ctx context.Context, at, _ string, s *bookshop.Shop, rs *bookshop.Readers) {
		resp, err := http.Post(at+"/publish", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		came(t, rs, 1)
		status, text := get(t, at+"/")
		for _, want := range []string{
			`<noscript><meta http-equiv="refresh" content="2"></noscript>`, `data-path="webhooks.requests">1<`, `data-path="polling.requests">0<`, `data-path="books">1<`,
			"POST book.published: book ", "here you go!",
		} {
			if status != 200 || !strings.Contains(text, want) {
				t.Errorf("the page (%d) is without %s", status, want)
			}
		}
		if status, script := get(t, at+"/live.js"); status != 200 || !strings.Contains(script, `EventSource("/live")`) {
			t.Errorf("the script is %d %s", status, script)
		}
		events, err := http.Get(at + "/live")
		if err != nil {
			t.Fatal(err)
		}
		defer events.Body.Close()
		lines := bufio.NewScanner(events.Body)
		var useful []int
		for len(useful) < 2 && lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			var seen bookshop.Seen
			if err := json.Unmarshal([]byte(data), &seen); err != nil {
				t.Fatal(err)
			}
			useful = append(useful, seen.Webhooks.Useful)
			if len(useful) == 1 {
				if _, err := s.Publish(ctx, 0); err != nil {
					t.Fatal(err)
				}
				came(t, rs, 2)
			}
		}
		if got := fmt.Sprint(useful); got != "[1 2]" || events.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("the counters go %s, as %s", got, events.Header.Get("Content-Type"))
		}
	})
}
