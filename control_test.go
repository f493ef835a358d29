package fanfare_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestReceiversSteerWhatTheyAreSent is the webhook-delivery field of a response, on
// answers that mean success and on those that do not.
func TestReceiversSteerWhatTheyAreSent(t *testing.T) {
	tests := map[string]struct {
		status   int
		field    []string
		state    fanfare.State
		class    fanfare.Class
		attempts int
		disabled bool
		says     string
	}{
		"abort":                {500, []string{"abort-message"}, fanfare.GivenUp, fanfare.ClassRejected, 1, false, "will never take this message. (webhook-delivery: abort-message)"},
		"abort what succeeded": {200, []string{"abort-message"}, fanfare.Delivered, fanfare.ClassSuccess, 1, false, "200 OK"},
		"abort a redirect":     {302, []string{"Abort-Message"}, fanfare.GivenUp, fanfare.ClassRejected, 1, false, "302"},
		"disable":              {503, []string{"disable"}, fanfare.GivenUp, fanfare.ClassGone, 1, true, "takes nothing any more. (webhook-delivery: disable)"},
		"disable and succeed":  {204, []string{" DISABLE "}, fanfare.Delivered, fanfare.ClassSuccess, 1, true, "so the endpoint was disabled. (webhook-delivery: disable)"},
		"both":                 {500, []string{"abort-message, disable"}, fanfare.GivenUp, fanfare.ClassGone, 1, true, "nothing any more"},
		"on two lines":         {500, []string{"later", "abort-message"}, fanfare.GivenUp, fanfare.ClassRejected, 1, false, "never"},
		"another word":         {500, []string{"disabled"}, fanfare.Waiting, fanfare.ClassStatus, 2, false, "not among the statuses"},
		"nothing":              {500, []string{""}, fanfare.Waiting, fanfare.ClassStatus, 2, false, "not among the statuses"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", func(_ int, rw http.ResponseWriter, _ *http.Request) {
					rw.Header()["Webhook-Delivery"] = test.field
					rw.WriteHeader(test.status)
				})
				ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
				msg := w.send("a.b", 1)
				time.Sleep(time.Minute)
				synctest.Wait()
				as := w.attempts(msg)
				if len(as) != test.attempts || as[0].Class != test.class {
					t.Fatalf("there were %d attempts, the first %q; want %d, %q", len(as), as[0].Class, test.attempts, test.class)
				}
				if d := w.delivery(msg); d.State != test.state {
					t.Errorf("the delivery is %v, want %v", d.State, test.state)
				}
				now := w.reload(ep)
				if now.Disabled != test.disabled || test.disabled && !strings.HasSuffix(now.DisabledReason, "with webhook-delivery: disable") {
					t.Errorf("the endpoint is disabled: %v, because %q", now.Disabled, now.DisabledReason)
				}
				if text := as[0].Explanation(); !strings.Contains(text, test.says) {
					t.Errorf("the explanation is %q, want %q in it", text, test.says)
				}
			})
		})
	}
}

// TestAnAbortedMessageIsNobodysFault makes sure that an endpoint which refuses
// messages one by one in this way is not probed as if it were down.
func TestAnAbortedMessageIsNobodysFault(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", func(_ int, rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("webhook-delivery", "abort-message")
			rw.WriteHeader(422)
		})
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		for range 30 {
			w.send("a.b", 1)
		}
		synctest.Wait()
		if n := len(rcv.requests()); n != 30 {
			t.Errorf("%d of 30 were sent at once", n)
		}
		if now := w.reload(ep); !now.FailingSince.IsZero() {
			t.Errorf("the endpoint is failing since %v", now.FailingSince)
		}
	})
}
