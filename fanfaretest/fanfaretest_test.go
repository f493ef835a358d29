package fanfaretest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/fanfaretest"
	"github.com/fanfarehq/fanfare/webhook"
)

// inAndOut runs a test in a bubble, and on the real clock.
func inAndOut(t *testing.T, test func(t *testing.T)) {
	t.Run("bubble", func(t *testing.T) { synctest.Test(t, test) })
	t.Run("real", test)
}

func send(t *testing.T, hub *fanfaretest.Hub, data any) {
	t.Helper()
	if _, err := hub.Send(t.Context(), "acme", "record.created", data); err != nil {
		t.Fatal(err)
	}
}

func statuses(all []fanfaretest.Request) []int {
	var got []int
	for _, r := range all {
		got = append(got, r.Status)
	}
	return got
}

func TestAReceiverFailsAndRecovers(t *testing.T) {
	inAndOut(t, func(t *testing.T) {
		hub := fanfaretest.New(t, nil)
		rcv := hub.NewReceiver("acme", nil)
		rcv.Fail(1, 503)
		rcv.Fail(1, 404)
		send(t, hub, 863)
		got := rcv.WaitFor(1)
		if string(got[0].Body) != "863" || got[0].Type != "record.created" || got[0].ID == "" {
			t.Errorf("got %+v", got[0])
		}
		if got, want := statuses(rcv.Requests()), []int{503, 404, 200}; !slices.Equal(got, want) {
			t.Errorf("answered %v; want %v", got, want)
		}
		hub.Settle()
	})
}

func TestTheStandardPlanOfRetriesStandsInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := fanfaretest.New(t, &fanfare.Options{Chance: func() float64 { return 0.5 }})
		rcv := hub.NewReceiver("acme", nil)
		rcv.Fail(1, 500)
		rcv.Hang(1)
		send(t, hub, 1)
		start := time.Now()
		rcv.WaitFor(1)
		var times []time.Duration
		for _, r := range rcv.Requests() {
			times = append(times, r.At.Sub(start))
		}
		if want := []time.Duration{0, 5 * time.Second, 5*time.Second + 20*time.Second + 5*time.Minute}; !slices.Equal(times, want) {
			t.Errorf("requests came at %v, want %v", times, want)
		}
	})
}

func TestRefusedAndSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := fanfaretest.New(t, nil)
		rcv := hub.NewReceiver("acme", nil)
		rcv.Refuse()
		rcv.Refuse()
		send(t, hub, 1)
		time.Sleep(15 * time.Millisecond)
		rcv.Accept()
		rcv.WaitFor(1)
		hub.Settle()
		as, err := hub.Attempts(t.Context(), rcv.Endpoint.Application, fanfare.AttemptFilter{Endpoint: rcv.Endpoint.ID, Page: fanfare.Page{Limit: 10, Ascending: true}})
		if err != nil || len(as) < 2 || as[0].Class != fanfare.ClassRefused {
			t.Errorf("attempts %v, %v", as, err)
		}
		rcv.Slow(30 * time.Millisecond)
		begun := time.Now()
		send(t, hub, 2)
		rcv.WaitFor(2)
		if took := time.Since(begun); took < 30*time.Millisecond {
			t.Errorf("answered after %v", took)
		}
	})
}

func TestSettleWaitsForWhatFails(t *testing.T) {
	inAndOut(t, func(t *testing.T) {
		hub := fanfaretest.New(t, &fanfare.Options{Retry: fanfare.Retry{Preset: "none"}})
		rcv := hub.NewReceiver("acme", nil)
		rcv.Fail(1, 500)
		send(t, hub, 1)
		hub.Settle()
		if got := rcv.Requests(); len(got) != 1 || len(rcv.Taken()) != 0 {
			t.Errorf("got %v", got)
		}
		hub.NewReceiver("acme", &fanfare.Endpoint{EventTypes: []string{"other"}}).WantNone()
	})
}

func TestAnswerReadsTheBodyAndMayBeARealHandler(t *testing.T) {
	inAndOut(t, func(t *testing.T) {
		hub := fanfaretest.New(t, nil)
		rcv := hub.NewReceiver("acme", nil)
		secret, err := webhook.ParseSecret(rcv.Endpoint.Secrets[0].Text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		h := webhook.NewHandler(webhook.NewVerifier(secret), nil)
		h.On("*", func(_ context.Context, e webhook.Event) error {
			got = append(got, string(e.Body))
			return nil
		})
		rcv.Answer(h)
		send(t, hub, 7)
		rcv.WaitFor(1)
		hub.Settle()
		if !slices.Equal(got, []string{"7"}) {
			t.Errorf("the handler got %v", got)
		}
	})
}

func TestServeAndClientAreOnTheSameNetwork(t *testing.T) {
	inAndOut(t, func(t *testing.T) {
		hub := fanfaretest.New(t, nil)
		hub.Serve("api.test", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") }))
		resp, err := hub.Client().Get("http://api.test/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "here" {
			t.Errorf("%q, %v", text, err)
		}
	})
}

// A stand-in notes what a test would have failed with, and goes on.
type standIn struct {
	testing.TB
	said []string
}

func (s *standIn) Helper() {}

func (s *standIn) Errorf(format string, args ...any) {
	s.said = append(s.said, fmt.Sprintf(format, args...))
}

func (s *standIn) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	panic(s)
}

// failing runs what must fail a test, and returns what it says.
func failing(t *testing.T, test func(t testing.TB)) string {
	t.Helper()
	s := &standIn{TB: t}
	func() {
		defer func() {
			if cause := recover(); cause != nil && cause != any(s) {
				panic(cause)
			}
		}()
		test(s)
	}()
	return strings.Join(s.said, "\n")
}

func TestAssertionsFailAndSayWhy(t *testing.T) {
	for want, test := range map[string]func(t testing.TB){
		"0 requests were taken; want 1. There came: record.created 1 (answered 500)": func(t testing.TB) {
			hub := fanfaretest.New(t, &fanfare.Options{Retry: fanfare.Retry{Preset: "none"}})
			rcv := hub.NewReceiver("acme", nil)
			rcv.Fail(1, 500)
			hub.Send(t.Context(), "acme", "record.created", 1)
			rcv.WaitFor(1)
		},
		"2 requests were taken; want 1": func(t testing.TB) {
			hub := fanfaretest.New(t, nil)
			rcv := hub.NewReceiver("acme", nil)
			hub.Send(t.Context(), "acme", "record.created", 1)
			hub.Send(t.Context(), "acme", "record.created", 2)
			hub.Settle()
			rcv.WaitFor(1)
		},
		"want no request; there came: record.created 1": func(t testing.TB) {
			hub := fanfaretest.New(t, nil)
			rcv := hub.NewReceiver("acme", nil)
			hub.Send(t.Context(), "acme", "record.created", 1)
			rcv.WantNone()
		},
		"still deliveries that wait: endpoint": func(t testing.TB) {
			hub := fanfaretest.New(t, nil)
			hub.NewReceiver("acme", &fanfare.Endpoint{Paused: true})
			hub.Send(t.Context(), "acme", "record.created", 1)
			hub.Settle()
		},
		"the Hub ended: options": func(t testing.TB) {
			fanfaretest.New(t, &fanfare.Options{BaseURL: ":"}).NewReceiver("acme", nil).WaitFor(1)
		},
		"does not verify": func(t testing.TB) {
			hub := fanfaretest.New(t, nil)
			rcv := hub.NewReceiver("acme", nil)
			resp, err := hub.Client().Post(rcv.Endpoint.URL, "application/json", strings.NewReader("forged"))
			if err == nil {
				resp.Body.Close()
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			if got := failing(t, test); !strings.Contains(got, want) {
				t.Errorf("it says %q; want %q", got, want)
			}
		})
	}
}
