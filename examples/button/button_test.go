package button_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/examples/button"
	"github.com/fanfarehq/fanfare/examples/stage"
	"github.com/fanfarehq/fanfare/examples/texter"
)

var client = &http.Client{
	Timeout:       10 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func do(t *testing.T, method, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// A receiver notes what comes, and fails as often as it was told.
type receiver struct {
	mu     sync.Mutex
	fail   int
	bodies []string
	types  []string
	came   chan struct{}
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.bodies = append(rc.bodies, string(body))
	rc.types = append(rc.types, r.Header.Get("Content-Type"))
	if len(rc.bodies) <= rc.fail {
		w.WriteHeader(http.StatusBadGateway)
	}
	rc.came <- struct{}{}
}

func wait(t *testing.T, came <-chan struct{}) {
	t.Helper()
	select {
	case <-came:
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
	}
}

func TestThePageAndWhatIsSent(t *testing.T) {
	rc := &receiver{came: make(chan struct{}, 10)}
	server := httptest.NewServer(rc)
	defer server.Close()
	err := stage.Run(t.Context(), &stage.Options{Once: true}, func(ctx context.Context, s *stage.Stage) error {
		page, _, err := button.New(ctx, s.Hub, server.URL)
		if err != nil {
			return err
		}
		at, err := s.Serve(ctx, 0, page)
		if err != nil {
			return err
		}
		resp, text := do(t, "GET", at+"/")
		for _, want := range []string{
			"<title>Random Number Button</title>", "<h1>Send a Random Number in a Text Message</h1>",
			`<form method="post" action="/"><button>Generate a Random Number and Text It!</button></form>`,
		} {
			if resp.StatusCode != 200 || !strings.Contains(text, want) {
				t.Errorf("GET / is answered %d without %s", resp.StatusCode, want)
			}
		}
		if strings.Contains(text, "Sent a text") {
			t.Error("it says that it has sent a text, before anybody pushed the button")
		}

		resp, _ = do(t, "POST", at+"/")
		var number int
		if n, err := fmt.Sscanf(resp.Header.Get("Location"), "/?num=%d", &number); resp.StatusCode != 302 || n != 1 || err != nil || number < 0 || number > 999 {
			t.Errorf("POST / is answered %d to %q", resp.StatusCode, resp.Header.Get("Location"))
		}
		_, text = do(t, "GET", at+resp.Header.Get("Location"))
		if want := fmt.Sprintf(">Sent a text with this random number: %d<", number); !strings.Contains(text, want) {
			t.Errorf("the page has no %s", want)
		}
		wait(t, rc.came)
		var sent struct {
			ID, Event string
			Data      int
		}
		if err := json.Unmarshal([]byte(rc.bodies[0]), &sent); err != nil {
			t.Fatal(err)
		}
		if sent.ID == "" || sent.Event != "random_number:generate" || sent.Data != number || rc.types[0] != "application/json" {
			t.Errorf("as %s was sent %s, for %d", rc.types[0], rc.bodies[0], number)
		}
		for _, num := range []string{"1000", "-1", "<b>7</b>", "7.5", ""} {
			if _, text := do(t, "GET", at+"/?num="+strings.NewReplacer("<", "%3C", ">", "%3E", "/", "%2F").Replace(num)); strings.Contains(text, "Sent a text") {
				t.Errorf("num=%q is taken for a number", num)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestATextIsSentInTheEnd has Twilio refuse at first: the texter says so, and the
// number comes again.
func TestATextIsSentInTheEnd(t *testing.T) {
	phone := texter.NewPhone()
	refused, came := 0, make(chan struct{}, 10)
	twilio := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refused == 0 {
			refused++
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		phone.ServeHTTP(w, r)
		came <- struct{}{}
	}))
	defer twilio.Close()
	tx, err := texter.New(phone.Account(twilio.URL), nil)
	if err != nil {
		t.Fatal(err)
	}
	hook := httptest.NewServer(tx)
	defer hook.Close()
	opt := &stage.Options{Once: true, Hub: &fanfare.Options{Retry: fanfare.Retry{Delays: []time.Duration{time.Second}}}}
	err = stage.Run(t.Context(), opt, func(ctx context.Context, s *stage.Stage) error {
		page, _, err := button.New(ctx, s.Hub, hook.URL)
		if err != nil {
			return err
		}
		at, err := s.Serve(ctx, 0, page)
		if err != nil {
			return err
		}
		resp, _ := do(t, "POST", at+"/")
		wait(t, came)
		got, err := phone.Texts()
		want := []string{"Here's a random number: " + strings.TrimPrefix(resp.Header.Get("Location"), "/?num=")}
		if err != nil || !slices.Equal(got, want) || refused != 1 {
			t.Errorf("the phone has %q after %d refusals (%v), want %q after 1", got, refused, err, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestDemo(t *testing.T) {
	p := button.Demo()
	var out, words strings.Builder
	opt := &stage.Options{Words: &words}
	flags := p.AllFlags(opt)
	if err := flags.Parse([]string{"-once", "-trial"}); err != nil {
		t.Fatal(err)
	}
	if err := p.Perform(t.Context(), opt, &out, true); err != nil {
		t.Fatal(err)
	}
	var seen button.Seen
	if err := json.Unmarshal([]byte(out.String()), &seen); err != nil {
		t.Fatal(err)
	}
	if want := []string{texter.TrialPrefix + "Here's a random number: " + seen.Number}; seen.Number == "" || !slices.Equal(seen.Texts, want) {
		t.Errorf("seen was %+v, want %q", seen, want)
	}
	if !strings.Contains(words.String(), "The button is at   http://127.0.0.1:") {
		t.Errorf("it says %q", words.String())
	}
}
