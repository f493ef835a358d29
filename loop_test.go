package fanfare_test

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestAMessageThatGoesRoundEnds has receivers that send back what they are sent:
// one to the hub it came from, and two to each other's.
func TestAMessageThatGoesRoundEnds(t *testing.T) {
	for _, receivers := range []int{1, 2} {
		t.Run(strconv.Itoa(receivers), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				var ended []error
				for i := range receivers {
					host, next := "r"+strconv.Itoa(i)+".example", "step."+strconv.Itoa((i+1)%receivers)
					rcv := w.receiver(host, func(_ int, _ http.ResponseWriter, r *http.Request) {
						msg := &fanfare.Message{EventType: next, Payload: []byte("{}")}
						err := msg.Passed(r.Header.Get(fanfare.HeaderHops))
						if err == nil {
							var errs []error
							errs, err = w.hub.SendBatch(r.Context(), "acme", []*fanfare.Message{msg}, nil)
							err = errors.Join(append(errs, err)...)
						}
						if err != nil {
							ended = append(ended, err)
						}
					})
					w.endpoint(fanfare.Endpoint{URL: rcv.url, EventTypes: []string{"step." + strconv.Itoa(i)}})
				}
				w.send("step.0", 1)
				time.Sleep(time.Hour)
				synctest.Wait()
				if len(ended) != 1 || !errors.Is(ended[0], fanfare.ErrLoop) {
					t.Errorf("it ended with %v", ended)
				}
				msgs, err := w.hub.Messages(t.Context(), w.app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 100}})
				if err != nil || len(msgs) != fanfare.MaxHops+1 {
					t.Errorf("there are %d messages, %v; want %d", len(msgs), err, fanfare.MaxHops+1)
				}
			})
		})
	}
}

// TestEveryAttemptSaysHowManyLedToIt also looks at retries, which a restart divides
// from the acceptance.
func TestEveryAttemptSaysHowManyLedToIt(t *testing.T) {
	opt := &fanfare.Options{}
	inBubble(t, opt, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500))
		other := w.receiver("other.example", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Headers: map[string]string{"A": "1", "Z": "2"}, Retry: fanfare.Retry{Delays: spans("1m")}})
		w.endpoint(fanfare.Endpoint{URL: other.url, Signature: "stripe"})
		first := &fanfare.Message{EventType: "a.b", Payload: []byte("1"), Tags: []string{"mine"}}
		passed := &fanfare.Message{EventType: "a.b", Payload: []byte("2"), Tags: []string{"mine"}}
		if err := passed.Passed("3"); err != nil {
			t.Fatal(err)
		}
		for _, msg := range []*fanfare.Message{first, passed} {
			if errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
				t.Fatal(err, errs)
			}
		}
		time.Sleep(30 * time.Second)
		w.close()
		w.run(opt)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		want := map[string]string{"1": "1", "2": "4"}
		for _, r := range append(rcv.requests(), other.requests()...) {
			if got := r.header["Fanfare-Hops"]; !slices.Equal(got, []string{want[r.body]}) {
				t.Errorf("the message %s came with %q, want %s", r.body, got, want[r.body])
			}
		}
		if n, m := len(rcv.requests()), len(other.requests()); n != 4 || m != 2 {
			t.Errorf("there were %d and %d requests", n, m)
		}
		if r := rcv.requests()[3]; r.header.Get("A") != "1" || r.header.Get("Z") != "2" {
			t.Errorf("the endpoint's own headers are gone: %v", r.header)
		}
	})
}

func TestHopsThatAreNone(t *testing.T) {
	for _, value := range []string{"", "x", "-1", "1.5", "70000", "1,2"} {
		var msg fanfare.Message
		var invalid *fanfare.InvalidError
		if err := msg.Passed(value); !errors.As(err, &invalid) || invalid.Field != fanfare.HeaderHops {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// TestTheWayIsNoTagOfTheSenders lets a message have as many tags as any other
// beside.
func TestTheWayIsNoTagOfTheSenders(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		msg := &fanfare.Message{EventType: "a.b", Payload: []byte("1")}
		for i := range 10 {
			msg.Tags = append(msg.Tags, strconv.Itoa(i))
		}
		for _, hops := range []string{"5", "2"} {
			if err := msg.Passed(hops); err != nil {
				t.Fatal(err)
			}
		}
		if errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
			t.Fatal(err, errs)
		}
		if len(msg.Tags) != 11 || msg.Tags[10] != "fanfare-hops:2" {
			t.Errorf("its tags are %q", msg.Tags)
		}
	})
}

// TestTagsThatLookLikeTheWayAreBounded has senders write what only Passed does.
func TestTagsThatLookLikeTheWayAreBounded(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		for name, test := range map[string]struct {
			tags []string
			ok   bool
		}{
			"as Passed writes it":      {[]string{"a", "fanfare-hops:2"}, true},
			"two":                      {[]string{"fanfare-hops:1", "fanfare-hops:1"}, false},
			"a thousand":               {slices.Repeat([]string{"fanfare-hops:1"}, 1000), false},
			"no number":                {[]string{"fanfare-hops:x"}, false},
			"none":                     {[]string{"fanfare-hops:"}, false},
			"negative":                 {[]string{"fanfare-hops:-1"}, false},
			"with zeros before":        {[]string{"fanfare-hops:" + strings.Repeat("0", 1<<16) + "1"}, false},
			"with control characters":  {[]string{"fanfare-hops:1\n\x00"}, false},
			"more than can be counted": {[]string{"fanfare-hops:99999999999999999999"}, false},
		} {
			msg := &fanfare.Message{EventType: "a.b", Payload: []byte("1"), Tags: test.tags}
			errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var invalid *fanfare.InvalidError
			if refused := errors.As(errs[0], &invalid) && invalid.Field == "tags"; refused == test.ok || test.ok && errs[0] != nil {
				t.Errorf("%s: %v", name, errs[0])
			}
		}
	})
}

// TestOurOwnAddressIsNoEndpoint is so in development too, where loopback is let
// through.
func TestOurOwnAddressIsNoEndpoint(t *testing.T) {
	opt := &fanfare.Options{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8080"), netip.MustParseAddrPort("[::]:443"), netip.MustParseAddrPort("192.0.2.7:80")}}
	inBubble(t, opt, func(t *testing.T, w *world) {
		for url, ours := range map[string]bool{
			"http://127.0.0.1:8080/in/x": true, "http://localhost:8080/": true, "http://api.localhost:8080/": true,
			"http://127.0.0.1:8081/": false, "http://example.com:8080/": false, "https://localhost/": true, "https://[::1]/": true,
			"https://example.com/": false,
		} {
			err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: w.app.ID, URL: url})
			var invalid *fanfare.InvalidError
			if got := errors.As(err, &invalid) && invalid.Field == "url"; got != ours {
				t.Errorf("%s: %v", url, err)
			}
		}
	})
}
