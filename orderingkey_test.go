package fanfare_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// sendUnder sends a payload that is given as it is, under a key of the message's own.
func (w *world) sendUnder(payload, key string) *fanfare.Message {
	w.t.Helper()
	msg := &fanfare.Message{EventType: "a.b", Payload: []byte(payload), OrderingKey: key}
	errs, err := w.hub.SendBatch(w.t.Context(), "acme", []*fanfare.Message{msg}, nil)
	if err := errors.Join(append(errs, err)...); err != nil {
		w.t.Fatal(err)
	}
	return msg
}

// TestOrderIsByTheKeyInThePayload has the first delivery of one customer fail: what
// comes after it for the same customer waits, and for the other does not.
func TestOrderIsByTheKeyInThePayload(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", func(n int, rw http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				rw.WriteHeader(500)
			}
		})
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Ordered: true, OrderingKey: "/customer/id", Retry: fanfare.Retry{Delays: spans("1h")}})
		payload := func(customer string, n int) string { return fmt.Sprintf(`{"customer":{"id":%s},"n":%d}`, customer, n) }
		for n, customer := range []string{`"a"`, `"b"`, `"a"`, `7`, `"b"`, `"\u0061"`} {
			w.sendUnder(payload(customer, n), "the same for all")
			time.Sleep(time.Second)
		}
		want := []string{payload(`"a"`, 0), payload(`"b"`, 1), payload(`7`, 3), payload(`"b"`, 4)}
		if got := rcv.bodies(); !slices.Equal(got, want) {
			t.Errorf("before the retry came %q, want %q", got, want)
		}
		time.Sleep(2 * time.Hour)
		want = append(want, payload(`"a"`, 0), payload(`"a"`, 2), payload(`"\u0061"`, 5))
		if got := rcv.bodies(); !slices.Equal(got, want) {
			t.Errorf("in the end came %q, want %q", got, want)
		}
	})
}

func TestWhatIsAKeyInAPayload(t *testing.T) {
	long := strings.Repeat("x", 256)
	tests := []struct{ at, payload, key string }{
		{"/k", `{"k":"a"}`, "a"},
		{"/k", ` { "j" : [ 1 , {"k":2} , "]}" ] , "k" : -1.50e3 } `, "-1.50e3"},
		{"/k", `{"k":"\u00e9\u0007"}`, "sender's"}, // no message could have it
		{"/k", `{"k":"\u00e9"}`, "é"},
		{"/k", `{"k":"` + long + `"}`, long},
		{"/k", `{"k":"` + long + `x"}`, "sender's"},
		{"/k", `{"k":""}`, "sender's"},
		{"/k", `{"k":true}`, "sender's"},
		{"/k", `{"k":null}`, "sender's"},
		{"/k", `{"k":["a"]}`, "sender's"},
		{"/k", `{"k":{"k":"a"}}`, "sender's"},
		{"/k", `{"k":"a"`, "sender's"},
		{"/k", `{"k":"a"}}`, "sender's"},
		{"/k", ``, "sender's"},
		{"/k", `"k"`, "sender's"},
		{"/k", `7`, "sender's"},
		{"/k", "{\"k\":\"\xff\"}", "sender's"},
		{"/k", `{"k":"a","k":"b"}`, "b"},
		{"/k", `{"\u006b":"a"}`, "a"},
		{"/k", `{}`, "sender's"},
		{"/k", `[]`, "sender's"},
		{"/", `{"":"a"}`, "a"},
		{"/a~1b/~01", `{"a/b":{"~1":"a"}}`, "a"},
		{"/a/1", `{"a":["x",12,"z"]}`, "12"},
		{"/a/2", `{"a":["x",{"q":[]},"z"]}`, "z"},
		{"/a/3", `{"a":["x",12,"z"]}`, "sender's"},
		{"/a/01", `{"a":["x",12,"z"]}`, "sender's"},
		{"/a/-1", `{"a":["x",12,"z"]}`, "sender's"},
		{"/a/-", `{"a":["x",12,"z"]}`, "sender's"},
		{"/a/1", `{"a":{"1":"one"}}`, "one"},
		{"/a/k", `{"a":"{\"k\":1}","b":{"k":2}}`, "sender's"},
		{"/b/k", `{"a":"\\","b":{"k":2}}`, "2"},
	}
	inBubble(t, nil, func(t *testing.T, w *world) {
		ep := w.endpoint(fanfare.Endpoint{URL: "http://receiver.example/", Paused: true, Ordered: true})
		for _, test := range tests {
			ep.OrderingKey = test.at
			if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
			if got := w.delivery(w.sendUnder(test.payload, "sender's")).OrderingKey; got != test.key {
				t.Errorf("at %s in %s there is %q, want %q", test.at, test.payload, got, test.key)
			}
		}
	})
}

// TestAKeyIsFoundWhereverADeliveryIsMade by a resend, a task or as an example; and one
// that is sent again keeps what it has.
func TestAKeyIsFoundWhereverADeliveryIsMade(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		msg := w.sendUnder(`{"k":"own"}`, "sender's")
		gone := w.sendUnder(`{"k":"own"}`, "sender's")
		keyless := w.sendUnder(`{}`, "sender's")
		time.Sleep(time.Second)
		settings := fanfare.Endpoint{URL: "http://receiver.example/", Paused: true, Ordered: true, OrderingKey: "/k"}
		resent, missing := w.endpoint(settings), w.endpoint(settings)
		keys := func(ep *fanfare.Endpoint) (keys []string) {
			ds, err := w.hub.Deliveries(t.Context(), w.app.ID, fanfare.DeliveryFilter{Endpoint: ep.ID, Page: fanfare.Page{Limit: 10, Ascending: true}})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range ds {
				keys = append(keys, d.OrderingKey)
			}
			return keys
		}
		for range 2 { // the second time, the endpoint looks elsewhere
			for _, msg := range []*fanfare.Message{msg, gone, keyless} {
				if err := w.hub.Resend(t.Context(), msg, resent); err != nil {
					t.Fatal(err)
				}
			}
			want := []string{"own", "own", "sender's"}
			if got := keys(resent); !slices.Equal(got, want) {
				t.Errorf("resent under %q, want %q", got, want)
			}
			resent.OrderingKey = "/elsewhere"
		}
		if err := w.hub.ExpungePayload(t.Context(), w.app.ID, gone.ID); err != nil {
			t.Fatal(err)
		}
		w.startTask(fanfare.Task{Kind: fanfare.TaskReplayMissing, Endpoint: missing.ID})
		time.Sleep(time.Minute)
		if got, want := keys(missing), []string{"own", "sender's"}; !slices.Equal(got, want) {
			t.Errorf("the task made them under %q, want %q", got, want)
		}
		if _, err := w.hub.SendExample(t.Context(), missing, &fanfare.EventType{Name: "a.b", Examples: []byte(`[{"k":"example"}]`)}, 0); err != nil {
			t.Fatal(err)
		}
		if got, want := keys(missing), []string{"own", "sender's", "example"}; !slices.Equal(got, want) {
			t.Errorf("with the example there are %q, want %q", got, want)
		}
	})
}

func TestWhereAKeyCannotStand(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		for _, at := range []string{"customer", "#/customer", "/a~2b", "/a~", "/\x00", "/\xff", "/" + strings.Repeat("x", 256)} {
			err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: w.app.ID, URL: "http://a.example/", Ordered: true, OrderingKey: at})
			var invalid *fanfare.InvalidError
			if !errors.As(err, &invalid) || invalid.Field != "orderingKey" || !strings.Contains(invalid.Reason, "JSON pointer") {
				t.Errorf("%q: %v", at, err)
			}
		}
		err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: w.app.ID, URL: "http://a.example/", OrderingKey: "/a"})
		if err == nil || !strings.Contains(err.Error(), "set ordered too") {
			t.Errorf("without ordered: %v", err)
		}
	})
}
