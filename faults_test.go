package fanfare_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/memnet"
	"github.com/fanfarehq/fanfare/sqlite"
)

func slowly(d time.Duration, code int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, rw http.ResponseWriter, _ *http.Request) {
		time.Sleep(d)
		rw.WriteHeader(code)
	}
}

func TestAnEndpointThatIsNoLongerOrderedIsNotBlocked(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", func(n int, rw http.ResponseWriter, r *http.Request) {
			if n == 1 {
				time.Sleep(3 * time.Second)
				rw.WriteHeader(500)
			}
		})
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Ordered: true, Retry: fanfare.Retry{Delays: []time.Duration{time.Hour}}})
		w.send("a.b", 1)
		time.Sleep(time.Second)
		ep.Ordered = false
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		w.send("a.b", 2)
		time.Sleep(time.Second)
		if n := len(rcv.requests()); n != 2 {
			t.Errorf("%d requests; an unordered lane is blocked by a retry", n)
		}
	})
}

func TestACancelledDeliveryIsNotTriedAgain(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", slowly(time.Second, 500))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		msg := w.send("a.b", 1)
		time.Sleep(500 * time.Millisecond)
		n, err := w.hub.CancelWaiting(t.Context(), ep)
		if err != nil || n != 1 {
			t.Fatal(n, err)
		}
		time.Sleep(10 * time.Hour)
		if n := len(rcv.requests()); n != 1 {
			t.Errorf("%d requests of a cancelled delivery (%v)", n, w.delivery(msg).State)
		}
	})
}

func TestAFailedRecordStrandsNothing(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var fail atomic.Bool
		w.bend(&bent{record: func() error {
			if fail.Swap(false) {
				return errors.New("busy")
			}
			return nil
		}}, nil)
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Paused: true, MaxInFlight: 1})
		first := w.send("a.b", 1)
		for range 2000 {
			time.Sleep(time.Millisecond)
			w.send("a.b", 2)
		}
		time.Sleep(time.Second)
		fail.Store(true)
		if err := w.hub.ResumeEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Hour)
		if s := w.delivery(first).State; s != fanfare.Delivered {
			t.Errorf("stranded: %v after 100 h, %d requests", s, len(rcv.requests()))
		}
	})
}

func TestAnInterruptedAttemptIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "f.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		net := memnet.New()
		hub := fanfare.New(s, &fanfare.Options{Dial: net.DialContext, AllowLoopback: true, DrainTimeout: time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- hub.Run(ctx) }()
		w := &world{t: t, net: net, hub: hub, start: time.Now()}
		rcv := w.receiver("a.test", hang)
		app := &fanfare.Application{Name: "A", UID: "acme"}
		if err := hub.CreateApplication(ctx, app); err != nil {
			t.Fatal(err)
		}
		w.app = app
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		msg := w.send("a.b", 1)
		time.Sleep(time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if as := w.attempts(msg); len(as) != 1 || as[0].Class != fanfare.ClassInterrupted {
			t.Errorf("%d attempts recorded", len(as))
		}
	})
}

func TestCancellingDoesNotReviveOldFailures(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var code atomic.Int64
		code.Store(500)
		rcv := w.receiver("a.test", func(n int, rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(int(code.Load())) })
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.send("a.b", 1)
		time.Sleep(time.Second)
		ep = w.reload(ep)
		ep.Description = "x"
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		w.send("a.b", 1)
		time.Sleep(time.Second)
		code.Store(200)
		time.Sleep(6 * 24 * time.Hour)
		w.send("a.b", 1)
		time.Sleep(time.Second)
		if !w.reload(ep).FailingSince.IsZero() {
			t.Fatal("still failing")
		}
		if _, err := w.hub.CancelWaiting(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		code.Store(500)
		w.send("a.b", 1)
		time.Sleep(time.Second)
		if ep = w.reload(ep); ep.Disabled {
			t.Errorf("disabled after one failure: %s", ep.DisabledReason)
		}
	})
}

func TestEnablingForgetsFailures(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", status(500))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.send("a.b", 1)
		time.Sleep(time.Second)
		ep = w.reload(ep)
		ep.Disabled = true
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * 24 * time.Hour)
		ep = w.reload(ep)
		ep.Disabled = false
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if ep = w.reload(ep); ep.Disabled {
			t.Errorf("disabled again after %d attempts: %s", len(rcv.requests()), ep.DisabledReason)
		}
	})
}

func TestAnEndpointKeepsASecret(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		ep.Secrets = nil
		var invalid *fanfare.InvalidError
		if err := w.hub.UpdateEndpoint(t.Context(), ep); !errors.As(err, &invalid) {
			t.Errorf("without a secret: %v", err)
		}
		w.send("a.b", 1)
	})
}

func TestAFailedReadAtTheStartStrandsNothing(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Paused: true})
		first := w.send("a.b", 1)
		time.Sleep(time.Second)
		ep.Paused = false
		w.stop()
		if err := w.store.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		var once atomic.Bool
		w.bend(&bent{endpoints: func() error {
			if !once.Swap(true) {
				return errors.New("busy")
			}
			return nil
		}}, nil)
		time.Sleep(time.Second)
		w.send("a.b", 2)
		time.Sleep(100 * time.Hour)
		if s := w.delivery(first).State; s != fanfare.Delivered {
			t.Errorf("the older message is %v; %v were sent", s, rcv.bodies())
		}
	})
}

func TestAHubStoppedBeforeItHasBegunIsNoFault(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "fanfare.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := fanfare.New(store, nil).Run(ctx); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// TestAFailedReadAfterwardsStrandsNothing has the endpoint's reading fail just
// after something was stored for it.
func TestAFailedReadAfterwardsStrandsNothing(t *testing.T) {
	for name, again := range map[string]func(w *world, msg *fanfare.Message, ep *fanfare.Endpoint) error{
		"a resend": func(w *world, msg *fanfare.Message, ep *fanfare.Endpoint) error {
			return w.hub.Resend(w.t.Context(), msg, ep)
		},
		"an example": func(w *world, _ *fanfare.Message, ep *fanfare.Endpoint) error {
			schemas := []byte(`{"1": {"examples": [1]}}`)
			_, err := w.hub.SendExample(w.t.Context(), ep, &fanfare.EventType{Name: "a.b", Schemas: schemas}, 0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("a.test", nil)
				ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
				msg := w.send("a.b", 1)
				time.Sleep(time.Second)
				var failures atomic.Int32
				w.bend(&bent{endpoints: func() error {
					if failures.Add(1) <= 3 {
						return errors.New("busy")
					}
					return nil
				}}, nil)
				time.Sleep(time.Second)
				if err := again(w, msg, ep); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				if n := len(rcv.requests()); n != 2 {
					t.Errorf("%d requests, want 2", n)
				}
			})
		})
	}
}

func TestADamagedPayloadEndsItsDelivery(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Ordered: true, Paused: true})
		bad, good := w.send("a.b", 1), w.send("a.b", 2)
		w.bend(&bent{message: func(ref string) error {
			if ref == string(bad.ID) {
				return fmt.Errorf("message %s: %w", ref, fanfare.ErrDamaged)
			}
			return nil
		}, note: func(since time.Time) {
			t.Errorf("the endpoint is noted as failing since %v, for what it was not sent", since)
		}}, nil)
		if err := w.hub.ResumeEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got, want := rcv.bodies(), []string{"2"}; !slices.Equal(got, want) {
			t.Errorf("received %q, want %q", got, want)
		}
		if b, g := w.delivery(bad).State, w.delivery(good).State; b != fanfare.GivenUp || g != fanfare.Delivered {
			t.Errorf("the damaged one is %v, the other %v; want given up, delivered", b, g)
		}
		as := w.attempts(bad)
		if len(as) != 1 || as[0].Class != fanfare.ClassDamaged || as[0].State != fanfare.GivenUp {
			t.Fatalf("attempts are %+v, want one whose class is damaged", as)
		}
		if text := as[0].Explanation(); !strings.Contains(text, "was damaged on the server's disk") {
			t.Errorf("it is explained with %q", text)
		}
	})
}
