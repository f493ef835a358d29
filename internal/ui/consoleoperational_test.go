package ui_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/internal/inspect"
	"github.com/fanfarehq/fanfare/internal/ui"
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
	w.get(200, w.link(w.get(200, "/setting"), "Operational webhooks")).says("Nobody is told", "Add endpoint", "fanfare operational create")
	op := w.operational()
	w.get(200, "/operational").says("Alerts", "Healthy", "endpoint.created, endpoint.disabled")
	w.get(200, "/operational/endpoint/"+string(op.ID)).says("Nothing was told yet")
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
	w.get(404, "/operational/endpoint/ep_none")
	if a := w.form("/operational/endpoint/" + string(op.ID) + "/resend/msg_none"); a.Code != http.StatusNotFound || !strings.Contains(a.Body.String(), "among the operational webhooks") {
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
	w.comes("/operational/endpoint/"+string(op.ID), "What was given up is among the attempts below", "50 % of 2 deliveries", "Given up").lacks("Try now")
}

// TestMuchThatWasGivenUpIsCountedSoFar as a moment lasts.
func TestMuchThatWasGivenUpIsCountedSoFar(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	op := w.operational()
	for n := range 251 {
		if n == 249 {
			w.get(200, "/").says("Alerts: 249 messages were given up in the last 24 hours.")
		}
		id := [16]byte{1, 15: byte(n)}
		msg := &fanfare.Message{ID: fanfare.MessageID(fanfare.EncodeID("msg_", id)), Application: op.Application, EventType: fanfare.EndpointCreated, Payload: []byte(`{}`), CreatedAt: time.Now()}
		d := fanfare.Delivery{Message: msg.ID, Endpoint: op.ID}
		if _, err := w.store.Accept(t.Context(), op.Application, []*fanfare.Intake{{Message: msg, Deliveries: []fanfare.Delivery{d}}}, nil); err != nil {
			t.Fatal(err)
		}
		d.State = fanfare.GivenUp
		a := &fanfare.Attempt{ID: fanfare.AttemptID(fanfare.EncodeID("atmpt_", id)), Message: msg.ID, Endpoint: op.ID, EventType: msg.EventType, Number: 1, StartedAt: time.Now(), Status: 503, Class: fanfare.ClassStatus, State: d.State}
		if err := w.store.Record(t.Context(), &fanfare.Outcome{Attempt: a, Delivery: d}); err != nil {
			t.Fatal(err)
		}
	}
	w.get(200, "/").says("Alerts: At least 250 messages were given up in the last 24 hours.")
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
	at := "/operational/endpoint/" + string(op.ID)
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
	if a := w.form("/operational/endpoint/" + string(op.ID) + "/do/pause"); a.Code != http.StatusNotFound {
		t.Errorf("an act that there is not was answered %d", a.Code)
	}
}

// asking has the pages of a Hub ask this API.
func (w *world) asking(hub *fanfare.Hub, api http.Handler) {
	w.t.Helper()
	pages, err := ui.New(hub, api, &ui.Options{Logger: slog.New(slog.NewTextHandler(w.t.Output(), nil)), Bins: inspect.New(home)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.site = pages
}

// TestAnOperationalEndpointIsDeletedMeanwhile, while a page reads how those fare that it was
// told of.
func TestAnOperationalEndpointIsDeletedMeanwhile(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.operational()
	away := w.operational(func(ep *fanfare.Endpoint) { ep.Description = "Away" })
	routes, read := w.site, 0
	w.asking(w.hub, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, string(away.ID)+"/stats") {
			if err := w.hub.DeleteEndpoint(t.Context(), away.Application, away.ID); err != nil {
				t.Error(err)
			}
			read++
		}
		routes.ServeHTTP(rw, r)
	}))
	w.get(200, "/operational").says("Alerts").lacks("Away")
	if read != 1 {
		t.Errorf("how it fares was read %d times", read)
	}
}

// TestTheFirstPageCountsNoDay of the operational endpoints, which takes long, looks at more of
// them than a page lists, and says where there may be more than it has looked at.
func TestTheFirstPageCountsNoDay(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.operational()
	routes := w.site
	w.asking(w.hub, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stats") {
			t.Errorf("%s was read", r.URL)
		}
		routes.ServeHTTP(rw, r)
	}))
	w.get(200, "/").lacks("Operational webhooks do not")
	for range 3 {
		if err := w.store.SetFailingSince(t.Context(), w.operational().ID, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	w.get(200, "/").says("It fails since", "So it is with 2 more")
	for range 50 {
		w.operational()
	}
	w.get(200, "/").says("It fails since", "So it is with 2 more")
	w.asking(w.hub, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("limit") == fmt.Sprint(fanfare.MaxPage) {
			q.Set("limit", "13") // so that there are more than it looks at
			r.URL.RawQuery = q.Encode()
		}
		routes.ServeHTTP(rw, r)
	}))
	w.get(200, "/").says("It fails since", "So it is with at least 1 more")
}

// TestWhatWaitsForNoTimeSaysSo has what failed wait for its endpoint to be resumed or enabled.
func TestWhatWaitsForNoTimeSaysSo(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	op := w.operational(func(ep *fanfare.Endpoint) { ep.Retry = fanfare.Retry{Delays: []time.Duration{time.Hour}} })
	w.answers(503, "no")
	w.endpoint()
	w.told(op, 1)
	at := "/operational/endpoint/" + string(op.ID)
	w.comes(at, "Again in ", "Resend", "It fails since")
	change := func(do func(*fanfare.Endpoint)) {
		ep := w.stored(op)
		do(ep)
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
	}
	change(func(ep *fanfare.Endpoint) { ep.Paused = true })
	w.get(200, at).says("Paused", "once the endpoint is resumed").lacks("Again in ", "Resend")
	change(func(ep *fanfare.Endpoint) { ep.Paused, ep.Disabled = false, true })
	d := w.get(200, at).says("This endpoint is told nothing", "once the endpoint is enabled").lacks("Again in ", "Resend")
	w.submit(303, d, "Enable again").says("The endpoint is enabled again", "Resend").lacks("told nothing")
}

// TestAnotherServerTriesIt by itself: this one, which sends nothing, says so.
func TestAnotherServerTriesIt(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	op := w.operational(func(ep *fanfare.Endpoint) { ep.Retry = fanfare.Retry{Delays: []time.Duration{time.Hour}} })
	w.answers(503, "no")
	w.endpoint()
	w.told(op, 1)
	at := "/operational/endpoint/" + string(op.ID)
	w.comes(at, "Try now")
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	other := fanfare.New(w.store, &fanfare.Options{Logger: log, AllowLoopback: true})
	w.asking(other, api.New(other, w.store, &api.Options{Logger: log, KeyHash: api.HashKey(adminKey)}))
	w.submit(303, w.get(200, at), "Try now").says("Another server sends to this endpoint, and tries it by itself", "It fails since")
}

// stopped is a store after an I/O error.
type stopped struct{ fanfare.Store }

func (stopped) Endpoint(context.Context, fanfare.ApplicationID, string) (*fanfare.Endpoint, error) {
	return nil, fanfare.ErrBroken
}

// TestAStoreThatHasStoppedIsNoOtherServer, to who has an endpoint tried.
func TestAStoreThatHasStoppedIsNoOtherServer(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	op := w.operational()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	broken := fanfare.New(stopped{w.store}, &fanfare.Options{Logger: log, AllowLoopback: true})
	w.asking(broken, api.New(broken, stopped{w.store}, &api.Options{Logger: log, KeyHash: api.HashKey(adminKey)}))
	w.post(503, "/operational/endpoint/"+string(op.ID)+"/do/try").says("The store has stopped", "has to restart the server").lacks("Another server")
}

// TestOnlyTheNewestAttemptIsSentAgain, on whichever page of them it is.
func TestOnlyTheNewestAttemptIsSentAgain(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	op := w.operational()
	tells := func(n, status int) {
		w.answers(status, "")
		w.endpoint()
		w.told(op, n)
	}
	tells(1, 503)
	tells(2, 503)
	for n := range 22 {
		tells(3+n, 200)
	}
	w.answers(503, "")
	first := w.told(op, 24)[23]
	w.post(303, "/operational/endpoint/"+string(op.ID)+"/resend/"+string(first.Message))
	w.told(op, 25)
	resends := func(d *doc) (to []string) {
		for _, action := range d.all("form", "action") {
			if _, msg, is := strings.Cut(action, "/resend/"); is {
				to = append(to, msg)
			}
		}
		return to
	}
	d := w.comes("/operational/endpoint/"+string(op.ID), "It fails since")
	if to := resends(d); !slices.Equal(to, []string{string(first.Message)}) {
		t.Errorf("what can be sent again of the first page is %q", to)
	}
	second := w.told(op, 25)[23].Message
	if to := resends(w.get(200, w.link(d, "Older"))); !slices.Equal(to, []string{string(second)}) {
		t.Errorf("what can be sent again of the second page is %q, not %s", to, second)
	}
}

// TestWhatWaitsForOperationalEndpointsIsCounted in the queue, though none of it was looked for
// in the store yet.
func TestWhatWaitsForOperationalEndpointsIsCounted(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	op := w.operational(func(ep *fanfare.Endpoint) { ep.Paused = true })
	w.endpoint()
	w.endpoint()
	w.until("both wait", func() bool { return w.stands(op, fanfare.Waiting) == 2 })
	w.queue("AlertsOperational webhooks2 waitingPaused2").lacks("0 and more")
}
