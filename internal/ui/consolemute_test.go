package ui_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestMutedIssueIsNotListedUntilItsCauseChanges(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	w.answers(503, "no")
	w.message(1, `{}`)
	w.awaitFailing()
	d := w.get(200, "/issue").says("503 Service Unavailable").lacks("Muted (", "Notify")
	w.get(200, "/issue/muted").says("Nothing is muted")
	w.submit(303, d, "Mute").says("The issue is muted", "Muted (1)").lacks("503 Service Unavailable")
	w.submit(303, d, "Mute").says("Muted (1)") // it was muted meanwhile, in another window
	w.get(200, "/").says("1 endpoint failing").lacks("What fails")
	mutes, err := w.hub.Mutes(t.Context(), fanfare.MuteFilter{Page: fanfare.Page{Limit: 10}})
	if err != nil || len(mutes) != 1 || mutes[0].Endpoint != ep.ID || mutes[0].Cause != "status-503" {
		t.Fatalf("the store has %v, %v", mutes, err)
	}
	w.message(1, `{}`)
	w.get(200, "/issue").lacks("503 Service Unavailable")
	w.answers(500, "worse")
	w.message(1, `{}`)
	w.get(200, "/issue").says("500 Internal Server Error", "1 of the newest 3 attempts", "Muted (1)").lacks("503 Service Unavailable")
	w.get(200, "/").says("500 Internal Server Error")
	d = w.get(200, "/issue/muted").says("503 Service Unavailable", "Books", "Acme", "Failing for")
	w.submit(303, d, "Unmute").says("not muted any more", "Nothing is muted")
	w.get(200, "/issue").says("503 Service Unavailable", "500 Internal Server Error").lacks("Muted (")
	w.submit(303, d, "Unmute").says("not muted any more") // by another, before
	if mutes, err := w.hub.Mutes(t.Context(), fanfare.MuteFilter{Page: fanfare.Page{Limit: 10}}); err != nil || len(mutes) != 0 {
		t.Errorf("the store still has %v, %v", mutes, err)
	}
}

func TestNotifyIsThereWhenSomebodyIsTold(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	w.answers(503, "no")
	w.message(1, `{}`)
	w.awaitFailing()
	if _, err := w.hub.Operational(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	told := &fanfare.Endpoint{Application: fanfare.OperationalApplication, URL: w.rcv.URL + "/told", EventTypes: []string{fanfare.EndpointFailing}, Disabled: true}
	if err := w.hub.CreateEndpoint(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	w.get(200, "/issue").lacks("Notify")
	told.Disabled = false
	if err := w.hub.UpdateEndpoint(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	w.submit(303, w.get(200, "/issue"), "Notify").says("The operational endpoints are told", "503 Service Unavailable")
	w.until("somebody is told", func() bool {
		all, err := w.hub.Attempts(t.Context(), fanfare.OperationalApplication, fanfare.AttemptFilter{Endpoint: told.ID, Page: fanfare.Page{Limit: 10}})
		if err != nil {
			t.Fatal(err)
		}
		return len(all) == 1
	})
}

// TestWhoIsToldIsLookedForAmongAll, not on the first page of the operational endpoints alone;
// and where there are more than that looks at, the API is left to say that nobody is.
func TestWhoIsToldIsLookedForAmongAll(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	w.answers(503, "no")
	w.message(1, `{}`)
	w.awaitFailing()
	const none = "With an operational endpoint, which"
	w.get(200, "/issue").says(none).lacks("Notify")
	told := w.operational(func(ep *fanfare.Endpoint) { ep.EventTypes = []string{"endpoint.*"} })
	for range 51 {
		w.operational()
	}
	w.get(200, "/issue").says("Notify").lacks(none)
	told.Disabled = true
	if err := w.hub.UpdateEndpoint(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	w.get(200, "/issue").says(none).lacks("Notify")
	routes := w.site
	w.asking(w.hub, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); strings.HasSuffix(r.URL.Path, "/operational-webhook/endpoint") {
			q.Set("limit", "10") // so that there are more than it looks at
			r.URL.RawQuery = q.Encode()
		}
		routes.ServeHTTP(rw, r)
	}))
	d := w.get(200, "/issue").says("Notify").lacks(none)
	w.submit(409, d, "Notify").says("Nobody is told")
}

func TestAllThatAnApplicationWasNotSentIsSentAgain(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Disabled = true })
	other := w.endpoint()
	w.answers(500, "no")
	msg := w.message(2, `{}`)
	w.answers(200, "ok")
	good := w.message(2, `{}`)
	w.app.RateLimit = 1
	if err := w.hub.UpdateApplication(t.Context(), w.app); err != nil {
		t.Fatal(err)
	}
	w.get(200, "/app/acme/recover").says("That takes about 2 s, at 1 a second")
	w.app.RateLimit = 0
	if err := w.hub.UpdateApplication(t.Context(), w.app); err != nil {
		t.Fatal(err)
	}
	d := w.get(200, w.link(w.get(200, "/app/acme"), "Recover failed…")).lacks("That takes").says("Send again what failed?", "All endpoints of Acme", "2 deliveries are given up")
	w.comes(w.submit(303, d, "Send 2 deliveries again").path, "Send messages again", "2 of 2", "What had failed is being sent again")
	w.attempts(msg, 4)
	w.comes("/app/acme/recover?since=1h", "no delivery is given up")
	all, err := w.hub.Deliveries(t.Context(), w.app.ID, fanfare.DeliveryFilter{Endpoint: other.ID, Page: fanfare.Page{Limit: 10}})
	if err != nil || len(all) != 2 || all[0].State != fanfare.Delivered || all[1].State != fanfare.Delivered {
		t.Errorf("the deliveries are %v, %v", all, err)
	}
	if n := len(w.attempts(good, 2)); n != 2 {
		t.Errorf("what had arrived was sent %d times, not twice", n)
	}
}

func TestUsageIsCountedWhenItIsAskedFor(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	d := w.get(200, "/app/acme")
	w.submit(200, d, "Count the last 30 days").says("0 messages, 0 deliveries in the last 30 days")
	w.endpoint()
	w.message(1, `{}`)
	w.message(1, `{}`)
	w.submit(200, w.get(200, "/app/acme"), "Count the last 30 days").says("2 messages, 2 deliveries in the last 30 days")
}

func TestEndpointsAndMessagesAreFound(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	shelf := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Shelf"; ep.URL = w.rcv.URL + "/shelf" })
	w.get(200, "/endpoint?search=SHELF").says("Shelf").lacks("Books")
	w.get(200, "/endpoint?search="+string(shelf.ID)).says("Shelf").lacks("Books")
	w.get(200, "/endpoint?search=shelf+books").says("Nothing like that")
	if links := w.get(200, "/go?q="+w.rcv.URL+"/shelf").all("a", "href"); !strings.Contains(strings.Join(links, " "), "/endpoint?search=") {
		t.Errorf("a URL leads to %q", links)
	}
	msg := &fanfare.Message{EventType: "a.b", Payload: []byte(`{}`), Tags: []string{"red"}, Channels: []string{"eu"}}
	if errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
		t.Fatal(err, errs)
	}
	w.message(1, `{}`)
	for _, asked := range []string{"tag=red", "channel=eu"} {
		w.get(200, "/message?"+asked).says("a.b").lacks("record.created")
	}
	w.get(200, "/message?tag=blue").says("Nothing like that")
}
