package ui_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestOperationalEndpointsAreManaged from the first to the last, by the pages that endpoints of
// applications have, but for what there is of those alone.
func TestOperationalEndpointsAreManaged(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	d := w.get(200, w.link(w.get(200, "/operational"), "Add endpoint")).says("endpoint.disabled", "A message was given up").
		lacks("Check the URL", "Poll instead", "test inbox", "ping", "Try it on what came")
	w.submit(422, d, "Add endpoint", "url", "nowhere", "description", "Alerts").says("the URL does not begin with https://")
	d = w.submit(303, d, "Add endpoint", "url", w.rcv.URL+"/news", "description", "Alerts", "events", "some", "type", fanfare.EndpointDisabled,
		"member", "payload.data.appUid", "relation", "is", "value", "acme", "headers", "X-Desk: help").says("The endpoint is there", "whsec_").lacks("Send an example")
	all, err := w.hub.Endpoints(t.Context(), fanfare.OperationalApplication, fanfare.Page{Limit: 10})
	if err != nil || len(all) != 1 {
		t.Fatalf("there are %+v, %v", all, err)
	}
	op := all[0]
	if op.URL != w.rcv.URL+"/news" || !slices.Equal(op.EventTypes, []string{fanfare.EndpointDisabled}) || op.Filter != `payload.data.appUid == "acme"` || op.Headers["X-Desk"] != "help" {
		t.Errorf("it was made %+v", op)
	}

	at := w.link(d, "To the endpoint")
	w.link(w.get(200, "/operational").says("Alerts"), "Add endpoint")
	settings := at + "/settings"
	if d = w.get(200, at).says("Nothing was told yet"); at != "/operational/endpoint/"+string(op.ID) || !slices.Contains(d.all("a", "href"), settings) {
		t.Errorf("%s does not lead to the settings", at)
	}
	d = w.get(200, settings).says("Take it out of use").lacks("whsec_", "Pause", "Replay missing")
	d = w.submit(303, d, "Save", "description", "Help desk", "events", "all", "filter", "").says("The settings are saved")
	if ep := w.stored(op); ep.Description != "Help desk" || len(ep.EventTypes) != 0 || ep.Filter != "" || ep.Headers["X-Desk"] != "help" {
		t.Errorf("it was changed to %+v", ep)
	}
	w.submit(200, d, "Show it").says(string(w.stored(op).Secrets[0].Text))
	w.submit(303, w.get(200, w.link(d, "Make a new one…")).says("signed with both secrets"), "Make a new secret").says("There is a new secret")
	if n := len(w.stored(op).Secrets); n != 2 {
		t.Errorf("there are %d secrets", n)
	}

	d = w.get(200, w.link(w.get(200, settings), "Disable…")).says("It is told nothing").lacks("sent what it missed")
	d = w.submit(303, d, "Disable it").says("The endpoint is disabled")
	if !w.stored(op).Disabled {
		t.Error("it is not disabled")
	}
	w.submit(303, d, "Enable again").says("The endpoint is enabled again")

	d = w.get(200, w.link(w.get(200, settings), "Delete…")).says("Delete this endpoint?", "cannot be undone", "Leave it as it is")
	if w.link(d, "Leave it as it is") != at {
		t.Errorf("who leaves it comes to %s", w.link(d, "Leave it as it is"))
	}
	w.submit(303, d, "Delete it").says("The endpoint is deleted", "Nobody is told")
	w.get(404, at)
}

// TestWhatOperationalEndpointsMissedIsRecovered after a page that says how much that is.
func TestWhatOperationalEndpointsMissedIsRecovered(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	op := w.operational()
	at := "/operational/endpoint/" + string(op.ID)
	w.get(200, w.link(w.get(200, at), "Recover failed…")).says("Nothing that was accepted since").lacks("Send 1")
	w.answers(503, "no")
	w.endpoint()
	w.endpoint()
	w.told(op, 2)
	w.until("both are given up", func() bool { return w.stands(op, fanfare.GivenUp) == 2 })
	w.answers(200, "yes")
	d := w.get(200, at+"/confirm/recover?since=1h").says("2 deliveries were given up since")
	w.submit(303, d, "Send 2 messages").says("What had failed is being sent again")
	w.until("both are delivered", func() bool { return w.stands(op, fanfare.Delivered) == 2 })
	for _, act := range []string{"pause", "replay", "cancel", "retry"} { // what operational endpoints do not have
		w.get(404, at+"/confirm/"+act)
		if a := w.form(at+"/do/"+act, "since", "1h"); a.Code != http.StatusNotFound {
			t.Errorf("%s was answered %d", act, a.Code)
		}
	}
}

// TestWhatWaitsIsNotRecovered for an operational endpoint, as it is sent by itself.
func TestWhatWaitsIsNotRecovered(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	op := w.operational(func(ep *fanfare.Endpoint) { ep.Retry = fanfare.Retry{Delays: []time.Duration{time.Hour}} })
	w.answers(503, "no")
	w.endpoint()
	w.told(op, 1)
	w.comes("/operational/endpoint/"+string(op.ID), "It fails since")
	w.get(200, "/operational/endpoint/"+string(op.ID)+"/confirm/recover").says("But 1 delivery waits for it").lacks("Send 1")
}

// TestMailedAlertsAreChanged, as far as the form knows of them.
func TestMailedAlertsAreChanged(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	config := `{"server":"127.0.0.1:1","security":"none","from":"a@example.com","to":"{{payload.data.alertEmail}}"}`
	op := w.operational(func(ep *fanfare.Endpoint) { ep.Kind, ep.URL, ep.Config = "smtp", "", json.RawMessage(config) })
	d := w.get(200, "/operational/endpoint/"+string(op.ID)+"/settings")
	w.submit(303, d, "Save", "description", "Mail").says("The settings are saved")
	if ep := w.stored(op); ep.Description != "Mail" || ep.Kind != "smtp" || string(ep.Config) != config {
		t.Errorf("it was changed to %+v, %s", ep, ep.Config)
	}
}

// TestAFilterOfNewsKnowsItsMembers, those that are told in truth.
func TestAFilterOfNewsKnowsItsMembers(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.app.AlertEmail = "yogi@example.com"
	if err := w.hub.UpdateApplication(t.Context(), w.app); err != nil {
		t.Fatal(err)
	}
	desk := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer desk.Close()
	op := w.operational(func(ep *fanfare.Endpoint) { ep.URL = desk.URL })
	w.answers(410, "gone")
	w.endpoint(func(ep *fanfare.Endpoint) { ep.UID = "billing" })
	w.message(1, `{}`) // at which it is disabled
	known := w.get(200, "/operational/endpoint/new").all("option", "value")
	for _, a := range w.told(op, 2) {
		msg, err := w.hub.Message(t.Context(), fanfare.OperationalApplication, string(a.Message))
		if err != nil {
			t.Fatal(err)
		}
		var news struct{ Data map[string]any }
		if err := json.Unmarshal(msg.Payload, &news); err != nil || len(news.Data) == 0 {
			t.Fatalf("%s: %v", msg.Payload, err)
		}
		for name, value := range news.Data {
			if _, deeper := value.(map[string]any); !deeper && !slices.Contains(known, "payload.data."+name) {
				t.Errorf("%s tells %s, which there is not to choose among %s", a.EventType, name, strings.Join(known, " "))
			}
		}
	}
}

// TestWhatOperationalEndpointsDoNotHaveIsRefused on the form for a new one, before anything is
// made.
func TestWhatOperationalEndpointsDoNotHaveIsRefused(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	const at = "/operational/endpoint/new"
	for _, said := range [][]string{{"do", "inbox"}, {"do", "check"}, {"do", "poll"}, {"do", "send"}, {"use", "https://example.com/"}} {
		w.post(404, at, append(said, "url", w.rcv.URL)...).says("Not found")
	}
	w.get(200, "/inspector").says("None yet")
	w.get(200, at+"?kind=poller").says("URL", "Signature").lacks("asks for its messages", "Offer a message")
	w.post(303, at+"?kind=poller", "do", "add", "kind", fanfare.KindPoller, "url", w.rcv.URL+"/news").says("The endpoint is there", "whsec_")
	all, err := w.hub.Endpoints(t.Context(), fanfare.OperationalApplication, fanfare.Page{Limit: 10})
	if err != nil || len(all) != 1 || all[0].Kind != "" || all[0].URL != w.rcv.URL+"/news" {
		t.Errorf("there are %+v, %v", all, err)
	}
}

// TestAnOperationalEndpointThatWasPausedIsResumed, which the API can pause, in the console.
func TestAnOperationalEndpointThatWasPausedIsResumed(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	op := w.operational(func(ep *fanfare.Endpoint) { ep.Paused = true })
	w.endpoint()
	w.until("it waits", func() bool { return w.stands(op, fanfare.Waiting) == 1 })
	at := "/operational/endpoint/" + string(op.ID)
	d := w.get(200, at).says("Paused", "What is for this endpoint waits until it is resumed")
	w.submit(303, d, "Resume").says("The endpoint is resumed").lacks("Paused", "until it is resumed")
	w.until("it is told", func() bool { return w.stands(op, fanfare.Delivered) == 1 })
	dropping := w.operational(func(ep *fanfare.Endpoint) { ep.Paused, ep.OnPause = true, fanfare.OnPauseCancel })
	w.get(200, "/operational/endpoint/"+string(dropping.ID)).says("What comes while it is paused is not for this endpoint").lacks("waits until")
}
