package ui_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// operational makes an operational endpoint at the receiver, which is told of endpoints that
// are created.
func (w *world) operational(with ...func(*fanfare.Endpoint)) *fanfare.Endpoint {
	w.t.Helper()
	if _, err := w.hub.Operational(w.t.Context(), true); err != nil {
		w.t.Fatal(err)
	}
	ep := &fanfare.Endpoint{
		Application: fanfare.OperationalApplication, URL: w.rcv.URL + "/news", Description: "Alerts",
		EventTypes: []string{fanfare.EndpointCreated, fanfare.EndpointDisabled}, Retry: fanfare.Retry{Preset: "none"},
	}
	for _, do := range with {
		do(ep)
	}
	if err := w.hub.CreateEndpoint(w.t.Context(), ep); err != nil {
		w.t.Fatal(err)
	}
	return ep
}

// told waits until so many attempts were made to tell an operational endpoint something.
func (w *world) told(ep *fanfare.Endpoint, n int) []*fanfare.Attempt {
	w.t.Helper()
	var all []*fanfare.Attempt
	w.until("the operational endpoint is told", func() bool {
		var err error
		all, err = w.hub.Attempts(w.t.Context(), fanfare.OperationalApplication, fanfare.AttemptFilter{Endpoint: ep.ID, Page: fanfare.Page{Limit: 100}})
		if err != nil {
			w.t.Fatal(err)
		}
		return len(all) >= n
	})
	return all
}

func TestOperationalWebhooksThatFailAreShown(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.get(200, w.link(w.get(200, "/setting"), "Operational webhooks")).says("Nobody is told", "fanfare operational create")
	op := w.operational()
	w.get(200, "/operational").says("Alerts", "Healthy", "endpoint.created, endpoint.disabled")
	w.get(200, "/operational/"+string(op.ID)).says("Nothing was told yet")
	w.get(200, "/").lacks("Operational webhooks")
	w.answers(503, "no")
	about := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Billing" })
	w.told(op, 1)
	w.comes("/", "Operational webhooks do not all get through", "Alerts: It fails since")
	d := w.comes("/operational", "Failing for", "It fails since", "0 % of 1 delivery in 24 hours succeeded")
	at := w.link(d, "Alerts")
	d = w.get(200, at).says("It fails since", "endpoint.created", "Billing", "Failed", "Given up", "503 Service Unavailable", "0 % of 1 delivery").lacks("Try now")
	if to := w.link(d, "Billing"); to != "/app/"+string(w.app.ID)+"/endpoint/"+string(about.ID) {
		t.Errorf("what it is about is at %s", to)
	}
	w.get(200, w.link(w.get(200, "/"), "See why")).says("It fails since")

	w.answers(200, "yes")
	w.submit(303, d, "Resend").says("It is being sent again")
	w.told(op, 2)
	w.comes(at, "Succeeded", "Healthy", "100 % of 1 delivery").lacks("Resend", "Given up")
	w.get(200, "/").lacks("Operational webhooks do not")
	w.get(404, "/operational/ep_none")
	if a := w.form("/operational/" + string(op.ID) + "/resend/msg_none"); a.Code != http.StatusNotFound || !strings.Contains(a.Body.String(), "among the operational webhooks") {
		t.Errorf("to send again what never was is answered %d: %s", a.Code, a.Body)
	}
}

// TestWhatWasGivenUpOfOperationalWebhooks is said although the endpoint is well again.
func TestWhatWasGivenUpOfOperationalWebhooks(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	op := w.operational()
	w.answers(503, "no")
	w.endpoint()
	w.told(op, 1)
	w.answers(200, "yes")
	w.endpoint()
	w.told(op, 2)
	w.comes("/", "Alerts: 1 message was given up in the last 24 hours")
	w.comes("/operational/"+string(op.ID), "What was given up is among the attempts below", "50 % of 2 deliveries", "Given up").lacks("Try now")
}

// TestMailThatFailsIsExplained with the address that it was for.
func TestMailThatFailsIsExplained(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.app.AlertEmail = "yogi@example.com"
	if err := w.hub.UpdateApplication(t.Context(), w.app); err != nil {
		t.Fatal(err)
	}
	op := w.operational(func(ep *fanfare.Endpoint) {
		ep.Kind, ep.URL, ep.EventTypes = "smtp", "", []string{fanfare.EndpointDisabled}
		ep.Config = json.RawMessage(`{"server":"127.0.0.1:1","security":"none","from":"a@example.com","to":"{{payload.data.alertEmail}}"}`)
		ep.Retry = fanfare.Retry{Delays: []time.Duration{time.Hour}}
	})
	w.answers(410, "gone")
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Billing" })
	w.message(1, `{}`)
	why, _ := w.told(op, 1)[0].Explain()
	at := "/operational/" + string(op.ID)
	d := w.comes(at, "It fails since", "Billing", "for yogi@example.com", "Again in ", why, "What waits is sent by itself", "smtp")
	w.submit(303, d, "Try now").says("is tried at once with a delivery")
	w.told(op, 2)
}

func TestOperationalEndpointsThatAreDisabled(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.operational(func(ep *fanfare.Endpoint) { ep.Disabled, ep.Description = true, "Put aside" })
	op := w.operational()
	w.answers(410, "gone")
	w.endpoint()
	w.told(op, 1)
	d := w.comes("/", "Alerts: It was disabled: the endpoint answered 410 Gone.").lacks("Put aside")
	d = w.get(200, w.link(d, "See why")).says("Disabled", "410 Gone")
	w.submit(303, d, "Enable again").says("The endpoint is enabled again")
	all, err := w.hub.Endpoints(t.Context(), fanfare.OperationalApplication, fanfare.Page{Limit: 10})
	if err != nil || slices.ContainsFunc(all, func(ep *fanfare.Endpoint) bool { return ep.ID == op.ID && ep.Disabled }) {
		t.Errorf("the endpoints are %+v, %v", all, err)
	}
	if a := w.form("/operational/" + string(op.ID) + "/do/delete"); a.Code != http.StatusNotFound {
		t.Errorf("an act that there is not was answered %d", a.Code)
	}
}
