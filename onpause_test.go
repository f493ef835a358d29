package fanfare_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestAPauseMayCancel has one delivery wait for its retry, one under way that then
// fails, and one come during the pause.
func TestAPauseMayCancel(t *testing.T) {
	tests := map[string]struct {
		onPause string
		states  []fanfare.State // of the first three
		bodies  []string
	}{
		"unless told": {"", []fanfare.State{fanfare.Delivered, fanfare.Delivered, fanfare.Delivered}, []string{"1", "2", "1", "2", "3", "4"}},
		"hold":        {"hold", []fanfare.State{fanfare.Delivered, fanfare.Delivered, fanfare.Delivered}, []string{"1", "2", "1", "2", "3", "4"}},
		"cancel":      {"cancel", []fanfare.State{fanfare.Cancelled, fanfare.Cancelled}, []string{"1", "2", "4"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", func(n int, rw http.ResponseWriter, _ *http.Request) {
					if n == 2 {
						time.Sleep(10 * time.Second)
					}
					if n <= 2 {
						rw.WriteHeader(500)
					}
				})
				ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, OnPause: test.onPause, Retry: fanfare.Retry{Delays: spans("1h")}})
				sent := []*fanfare.Message{w.send("a.b", 1)}
				time.Sleep(time.Minute)
				sent = append(sent, w.send("a.b", 2))
				time.Sleep(time.Second)
				ep = w.reload(ep)
				if err := w.hub.PauseEndpoint(t.Context(), ep); err != nil {
					t.Fatal(err)
				}
				sent = append(sent, w.send("a.b", 3))
				wanted, err := w.hub.Wanted(t.Context(), "acme", "a.b", nil)
				if want := test.onPause != "cancel"; err != nil || wanted != want {
					t.Errorf("while it is paused a message would go to it: %v, %v", wanted, err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if err := w.hub.ResumeEndpoint(t.Context(), w.reload(ep)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Hour)
				w.send("a.b", 4)
				synctest.Wait()
				var states []fanfare.State
				for _, msg := range sent {
					ds, err := w.hub.Deliveries(t.Context(), w.app.ID, fanfare.DeliveryFilter{Message: msg.ID, Page: fanfare.Page{Limit: 10}})
					if err != nil {
						t.Fatal(err)
					}
					for _, d := range ds {
						states = append(states, d.State)
					}
				}
				got := rcv.bodies()
				slices.Sort(got)
				slices.Sort(test.bodies)
				if !slices.Equal(states, test.states) || !slices.Equal(got, test.bodies) {
					t.Errorf("they are %v and %q was sent; want %v, %q", states, got, test.states, test.bodies)
				}
			})
		})
	}
}

// TestAPauseSeesThroughWhatIsUnderWay has an attempt succeed while its endpoint is
// paused already.
func TestAPauseSeesThroughWhatIsUnderWay(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", func(int, http.ResponseWriter, *http.Request) { time.Sleep(10 * time.Second) })
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, OnPause: "cancel"})
		msg := w.send("a.b", 1)
		time.Sleep(time.Second)
		if err := w.hub.PauseEndpoint(t.Context(), w.reload(ep)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if as := w.attempts(msg); len(as) != 1 || as[0].Class != fanfare.ClassSuccess {
			t.Errorf("there were attempts %+v", as)
		}
	})
}

func TestWhatAPauseCannotDo(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: w.app.ID, URL: "http://a.example/", OnPause: "drop"})
		var invalid *fanfare.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != "onPause" {
			t.Errorf("refused with %v", err)
		}
	})
}
