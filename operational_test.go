package fanfare_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// An operator is an operational endpoint, and what it was told.
type operator struct {
	*receiver
	ep *fanfare.Endpoint
}

// told is one thing it was told.
type told struct {
	Type string
	Data struct {
		AppID, AppUID, EndpointID, EndpointUID, Trigger, Reason, MsgID, MsgEventID string
		FailSince, AndOthersUntil                                                  time.Time
		LastAttempt                                                                struct {
			ID                 string
			ResponseStatusCode int
			Timestamp          time.Time
		}
	}
	at time.Duration // since the start of the world
}

func (w *world) operator(answer func(int, http.ResponseWriter, *http.Request), types ...string) *operator {
	w.t.Helper()
	if _, err := w.hub.Operational(w.t.Context(), true); err != nil {
		w.t.Fatal(err)
	}
	op := &operator{receiver: w.receiver("operator.example", answer)}
	op.ep = &fanfare.Endpoint{Application: fanfare.OperationalApplication, URL: op.url, EventTypes: types}
	if err := w.hub.CreateEndpoint(w.t.Context(), op.ep); err != nil {
		w.t.Fatal(err)
	}
	return op
}

// heard is what it was told, each message once, in the order in which it came.
func (w *world) heard(op *operator) []told {
	w.t.Helper()
	synctest.Wait()
	var all []told
	for _, r := range op.requests() {
		var one told
		if err := json.Unmarshal([]byte(r.body), &one); err != nil {
			w.t.Fatalf("%s: %v", r.body, err)
		}
		if got := r.header.Get("Webhook-Event-Type"); got != one.Type {
			w.t.Errorf("the header says %q of %s", got, r.body)
		}
		one.at = r.at.Sub(w.start)
		all = append(all, one)
	}
	return all
}

func types(all []told) []string {
	var names []string
	for _, one := range all {
		names = append(names, one.Type)
	}
	return names
}

// TestTheOperatorIsToldOfEndpoints follows one from its creation to its end.
func TestTheOperatorIsToldOfEndpoints(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		op := w.operator(nil)
		rcv := w.receiver("receiver.example", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, UID: "mine"})
		update := func(change func()) {
			t.Helper()
			change()
			if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second)
		update(func() { ep.Description = "changed" })
		update(func() { ep.Disabled = true })
		update(func() { ep.Disabled = false })
		if err := w.hub.DeleteEndpoint(t.Context(), w.app.ID, ep.ID); err != nil {
			t.Fatal(err)
		}
		all := w.heard(op)
		want := []string{
			"endpoint.created", "endpoint.updated", "endpoint.updated", "endpoint.disabled",
			"endpoint.updated", "endpoint.enabled", "endpoint.deleted",
		}
		if got := types(all); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			t.Fatalf("it was told of %q, want %q", got, want)
		}
		for _, one := range all {
			d := one.Data
			if d.AppID != string(w.app.ID) || d.AppUID != "acme" || d.EndpointID != string(ep.ID) || d.EndpointUID != "mine" {
				t.Errorf("%s is of %+v", one.Type, d)
			}
			if manual := one.Type == fanfare.EndpointDisabled; manual != (d.Trigger == "manual") {
				t.Errorf("%s has the trigger %q", one.Type, d.Trigger)
			}
		}
	})
}

// TestTheOperatorIsToldOfAMessage that fails, is given up, or gets through after
// all.
func TestTheOperatorIsToldOfAMessage(t *testing.T) {
	tests := map[string]struct {
		codes []int
		retry fanfare.Retry
		want  []string
		last  int // status of the last attempt told of
	}{
		"at once":              {[]int{200}, fanfare.Retry{}, nil, 0},
		"after three failures": {[]int{500, 500, 500, 200}, fanfare.Retry{Delays: spans("1s", "1s", "1s", "1s")}, nil, 0},
		"after four failures":  {[]int{500, 501, 502, 503, 200}, fanfare.Retry{Delays: spans("1s", "1s", "1s", "1s")}, []string{fanfare.AttemptFailing, fanfare.AttemptRecovered}, 200},
		"never":                {[]int{500, 500, 500, 500, 418}, fanfare.Retry{Delays: spans("1s", "1s", "1s", "1s")}, []string{fanfare.AttemptFailing, fanfare.AttemptExhausted}, 418},
		"never, and soon":      {[]int{500, 404}, fanfare.Retry{Delays: spans("1s")}, []string{fanfare.AttemptExhausted}, 404},
		"its fourth, its last": {[]int{500, 500, 500, 404}, fanfare.Retry{Delays: spans("1s", "1s", "1s")}, []string{fanfare.AttemptExhausted}, 404},
		"the endpoint is gone": {[]int{410}, fanfare.Retry{}, []string{fanfare.AttemptExhausted, fanfare.EndpointDisabled}, 410},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", status(test.codes...))
				ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: test.retry})
				op := w.operator(nil)
				msg := &fanfare.Message{EventType: "a.b", Payload: []byte("1"), EventID: "mine"}
				if errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
					t.Fatal(err, errs)
				}
				time.Sleep(time.Minute)
				all := w.heard(op)
				// What is told at the same moment arrives in any order.
				slices.SortStableFunc(all, func(a, b told) int { return -strings.Compare(a.Type, b.Type) })
				slices.SortStableFunc(all, func(a, b told) int { return cmp.Compare(a.at, b.at) })
				if got := types(all); !slices.Equal(got, test.want) {
					t.Fatalf("it was told of %q, want %q", got, test.want)
				}
				as := w.attempts(msg)
				for _, one := range all {
					if !strings.HasPrefix(one.Type, "message.") {
						continue
					}
					d := one.Data
					if d.AppID != string(w.app.ID) || d.AppUID != "acme" || d.EndpointID != string(ep.ID) || d.MsgID != string(msg.ID) || d.MsgEventID != "mine" {
						t.Errorf("%s is of %+v", one.Type, d)
					}
					of := as[len(as)-1]
					if one.Type == fanfare.AttemptFailing {
						of = as[3]
					} else if d.LastAttempt.ResponseStatusCode != test.last {
						t.Errorf("%s tells of status %d, want %d", one.Type, d.LastAttempt.ResponseStatusCode, test.last)
					}
					if d.LastAttempt.ID != string(of.ID) || !d.LastAttempt.Timestamp.Equal(of.StartedAt) {
						t.Errorf("%s is of attempt %+v, want %s", one.Type, d.LastAttempt, of.ID)
					}
				}
			})
		})
	}
}

// TestTheOperatorIsToldOfHealth has an endpoint go down, come back, and go down for
// good, with a server started anew while it is down.
func TestTheOperatorIsToldOfHealth(t *testing.T) {
	for _, restarts := range []int{0, 2} {
		t.Run(fmt.Sprint(restarts), func(t *testing.T) {
			opt := &fanfare.Options{DisableAfter: 24 * time.Hour}
			inBubble(t, opt, func(t *testing.T, w *world) {
				up := time.Duration(0)
				rcv := w.receiver("receiver.example", func(_ int, rw http.ResponseWriter, _ *http.Request) {
					if at := time.Since(w.start); at < 3*time.Hour || at > 10*time.Hour+up {
						rw.WriteHeader(500)
					}
				})
				ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Delays: slices.Repeat(spans("1h"), 12)}})
				op := w.operator(nil, "endpoint.*")
				for range 15 {
					w.send("a.b", 1)
				}
				time.Sleep(time.Minute)
				for range restarts {
					w.close()
					w.run(opt)
					time.Sleep(time.Minute)
				}
				time.Sleep(12 * time.Hour)
				for range 4 {
					for range 15 {
						w.send("a.b", 1)
					}
					time.Sleep(12 * time.Hour)
				}
				all := w.heard(op)
				want := []string{fanfare.EndpointFailing, fanfare.EndpointRecovered, fanfare.EndpointFailing, fanfare.EndpointDisabled}
				if got := types(all); !slices.Equal(got, want) {
					t.Fatalf("it was told of %q, want %q", got, want)
				}
				if first, over := all[0].Data.FailSince, all[1].Data.FailSince; !first.Equal(over) || first.IsZero() {
					t.Errorf("it fails since %v, and recovers from failing since %v", first, over)
				}
				if last := all[3].Data; last.Trigger != "automatic" || last.FailSince.Sub(all[2].Data.FailSince).Abs() > time.Second || !strings.Contains(last.Reason, "nothing but failures") {
					t.Errorf("it is disabled: %+v", last)
				}
				if !w.reload(ep).Disabled {
					t.Error("the endpoint is not disabled")
				}
			})
		})
	}
}

// TestOneRefusalIsNoOutageAfterARestart has an endpoint refuse a message before the
// server is started anew, and another after that.
func TestOneRefusalIsNoOutageAfterARestart(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", func(n int, rw http.ResponseWriter, _ *http.Request) {
			if n <= 2 {
				rw.WriteHeader(500)
			}
		})
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Delays: spans("1h")}})
		op := w.operator(nil, "endpoint.*")
		w.send("a.b", 1)
		time.Sleep(time.Minute)
		w.close()
		if w.reload(ep).FailingSince.IsZero() {
			t.Fatal("the endpoint is not known to fail")
		}
		w.run(nil)
		w.send("a.b", 2)
		time.Sleep(2 * time.Hour)
		if all := w.heard(op); len(all) > 0 {
			t.Errorf("it was told of %q", types(all))
		}
		if got := len(rcv.requests()); got != 4 {
			t.Errorf("%d requests, want 4", got)
		}
	})
}

// TestAStormIsToldInOneMessage has far more deliveries given up than are told one by
// one.
func TestAStormIsToldInOneMessage(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500))
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "none"}})
		op := w.operator(nil, fanfare.AttemptExhausted)
		for range 300 {
			w.send("a.b", 1)
		}
		time.Sleep(50 * time.Minute) // of which they take, as it is probed, ten a minute at first
		one := w.heard(op)
		if n := len(one); n == 0 || n > 60 {
			t.Fatalf("after 50 minutes it was told %d times, want at most 60", n)
		}
		time.Sleep(24 * time.Hour)
		all := w.heard(op)
		var stands []told
		perHour := map[int]int{}
		for _, one := range all {
			perHour[int(one.at/time.Hour)]++
			if !one.Data.AndOthersUntil.IsZero() {
				stands = append(stands, one)
			}
		}
		for hour, n := range perHour {
			if n > 62 {
				t.Errorf("in hour %d it was told %d times", hour, n)
			}
		}
		given, err := w.hub.Deliveries(t.Context(), w.app.ID, fanfare.DeliveryFilter{Endpoint: w.only(), States: []fanfare.State{fanfare.GivenUp}, Page: fanfare.Page{Limit: 250}})
		if err != nil || len(given) != 250 {
			t.Fatalf("%d are given up, %v", len(given), err)
		}
		if len(all) < 300 && len(stands) == 0 {
			t.Errorf("of 300 it was told %d times, and never that one stands for others", len(all))
		}
		for _, s := range stands {
			if until := s.Data.AndOthersUntil; !w.start.Add(s.at).Equal(until) {
				t.Errorf("what stands for all until %v came at %v", until, w.start.Add(s.at))
			}
		}
	})
}

// only is the world's only endpoint.
func (w *world) only() fanfare.EndpointID {
	w.t.Helper()
	eps, err := w.hub.Endpoints(w.t.Context(), w.app.ID, fanfare.Page{Limit: 2})
	if err != nil || len(eps) != 1 {
		w.t.Fatalf("%d endpoints, %v", len(eps), err)
	}
	return eps[0].ID
}

// TestTheOperatorsOwnEndpointsTellNothing has one that fails for good, until it is
// disabled itself.
func TestTheOperatorsOwnEndpointsTellNothing(t *testing.T) {
	inBubble(t, &fanfare.Options{DisableAfter: 24 * time.Hour}, func(t *testing.T, w *world) {
		op := w.operator(status(500))
		rcv := w.receiver("receiver.example", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		time.Sleep(200 * time.Hour)
		w.endpoint(fanfare.Endpoint{URL: rcv.url}) // of which it is told too late
		synctest.Wait()
		for _, one := range w.heard(op) {
			if one.Type != fanfare.EndpointCreated {
				t.Errorf("it was told of %s: %+v", one.Type, one.Data)
			}
		}
		now, err := w.hub.Endpoint(t.Context(), fanfare.OperationalApplication, string(op.ep.ID))
		if err != nil || !now.Disabled {
			t.Fatalf("it is disabled: %+v, %v", now, err)
		}
		// With nobody to tell, nothing is made any more.
		before := w.operationalMessages()
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		if after := w.operationalMessages(); after != before || before != 2 {
			t.Errorf("there were %d messages, and now %d", before, after)
		}
		now.Disabled = false
		if err := w.hub.UpdateEndpoint(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		if after := w.operationalMessages(); after != before+1 {
			t.Errorf("once it is enabled again there are %d", after)
		}
	})
}

func (w *world) operationalMessages() int {
	w.t.Helper()
	msgs, err := w.hub.Messages(w.t.Context(), fanfare.OperationalApplication, fanfare.MessageFilter{Page: fanfare.Page{Limit: 250}})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(msgs)
}

// TestTheOperationalApplicationIsHidden from all that does not name it on purpose.
func TestTheOperationalApplicationIsHidden(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		op := w.operator(nil)
		id := string(fanfare.OperationalApplication)
		for i := range 3 {
			if err := w.hub.CreateApplication(t.Context(), &fanfare.Application{Name: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, page := range []fanfare.Page{{Limit: 4, Ascending: true}, {Limit: 4}, {Limit: 5}, {Limit: 5, Ascending: true}} {
			apps, err := w.hub.Applications(t.Context(), page)
			if err != nil || len(apps) != 4 {
				t.Errorf("%+v lists %d applications, %v; want 4", page, len(apps), err)
			}
			for _, app := range apps {
				if app.ID == fanfare.OperationalApplication {
					t.Errorf("%+v lists it", page)
				}
			}
		}
		if _, err := w.hub.Application(t.Context(), id); err == nil {
			t.Error("it is found")
		}
		if _, err := w.hub.Send(t.Context(), id, "endpoint.created", 1); err == nil {
			t.Error("it can be sent to")
		}
		if err := w.hub.DeleteApplication(t.Context(), fanfare.OperationalApplication); err == nil {
			t.Error("it can be deleted")
		}
		all := w.hub.AttemptBell("")
		w.endpoint(fanfare.Endpoint{URL: op.url})
		synctest.Wait()
		if n := len(w.heard(op)); n != 1 {
			t.Errorf("it was told %d times", n)
		}
		select {
		case <-all.Rung():
			t.Error("the bell of all applications rang")
		default:
		}
	})
}

// TestNothingIsLostToTheEndOfAServer stops it at the moment when a delivery is given
// up, so that what is told is on disk and waits.
func TestNothingIsLostToTheEndOfAServer(t *testing.T) {
	opt := &fanfare.Options{}
	inBubble(t, opt, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", func(_ int, rw http.ResponseWriter, _ *http.Request) {
			time.Sleep(10 * time.Second)
			rw.WriteHeader(500)
		})
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "none"}})
		op := w.operator(nil, fanfare.AttemptExhausted)
		w.send("a.b", 1)
		time.Sleep(time.Second)
		w.close() // which sees the attempt through, and lets no other begin
		if n := len(op.requests()); n != 0 {
			t.Fatalf("it was told %d times before the server ended", n)
		}
		w.run(opt)
		time.Sleep(time.Second)
		if got := types(w.heard(op)); !slices.Equal(got, []string{fanfare.AttemptExhausted}) {
			t.Errorf("it was told of %q", got)
		}
	})
}
