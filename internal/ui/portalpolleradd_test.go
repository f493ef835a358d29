package ui_test

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// ofPollers are the fields of a form that mean something to an endpoint that is polled.
var ofPollers = []string{"kind", "once", "description", "events", "type", "any", "member", "relation", "value", "built", "filter"}

// sentWords are of what happens to endpoints that are sent their messages only.
var sentWords = []string{
	"URL (needed)", "Check the URL", "Body", "Signature", "Retries", "What counts as taken", "Seconds to wait", "Messages a second", "While it is paused", "Headers",
	"How the receiver knows who comes", "Signing secret", "A first message, a ping", "test inbox",
}

func (w *world) onlyEndpoint() *fanfare.Endpoint {
	w.t.Helper()
	eps, err := w.hub.Endpoints(w.t.Context(), w.app.ID, fanfare.Page{Limit: 10})
	if err != nil || len(eps) != 1 {
		w.t.Fatalf("there are %d endpoints, %v", len(eps), err)
	}
	return eps[0]
}

// asksPoller fails the test if a page asks for anything that means nothing to a poller.
func (w *world) asksPoller(d *doc, button string) {
	w.t.Helper()
	_, f := w.fieldsOf(d.lacks(sentWords...), button)
	for name := range f {
		if name == "url" && slices.Contains(d.all("input", "type"), "url") || name != "url" && !slices.Contains(ofPollers, strings.TrimPrefix(name, "was-")) {
			w.t.Errorf("%s asks for %s", d.path, name)
		}
	}
	if f["kind"] == nil || f["description"] == nil || f["filter"] == nil || f["events"] == nil {
		w.t.Errorf("%s asks for no more than %q", d.path, f)
	}
}

// TestAPollerIsAdded by whoever may add endpoints: what the form says already stays, and
// there is no more in it than means something.
func TestAPollerIsAdded(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: "record.created"}); err != nil {
		t.Fatal(err)
	}
	if at := w.link(w.get(200, "/portal"), "Cannot be reached? Poll"); at != "/portal/endpoint/new?kind=poller" {
		t.Errorf("polling is offered at %s", at)
	}
	w.asksPoller(w.get(200, "/portal/endpoint/new?kind=poller"), "Add endpoint")
	d := w.submit(200, w.get(200, "/portal/endpoint/new"), "Cannot be reached? Poll instead", "url", "https://example.com/", "description", "Night <run>", "events", "some", "type", "record.created")
	w.asksPoller(d.says("asks for its messages instead", "Have them sent to https://example.com/ instead"), "Add endpoint")
	if _, f := w.fieldsOf(d, "Add endpoint"); f["description"][0] != "Night <run>" || f["events"][0] != "some" || !slices.Equal(f["type"], []string{"record.created"}) {
		t.Errorf("of what was said there is left %q", f)
	}
	again := w.submit(200, d, "Add a condition", "member", "payload.n", "relation", "more", "value", "1")
	back := w.submit(200, again, "Have them sent to https://example.com/ instead").says("Check the URL", "Signature", "Cannot be reached?")
	if _, f := w.fieldsOf(back, "Add endpoint"); f["description"][0] != "Night <run>" || f["events"][0] != "some" || f["url"][0] != "https://example.com/" || f["kind"] != nil || f["filter"][0] != "payload.n > 1" {
		t.Errorf("of what was said there is left %q", f)
	}
	action, f := w.fieldsOf(d, "Add endpoint")
	delete(f, "type")
	w.asksPoller(w.sendForm(422, action, f).says("Choose at least one event type"), "Add endpoint")
	w.asksPoller(w.submit(422, d, "Add endpoint", "filter", "payload.(").says("Not yet:"), "Add endpoint")
	w.asksPoller(w.submit(200, d, "Add a condition", "member", "", "value", ""), "Add endpoint")

	d = w.submit(303, d, "Add endpoint", "filter", "payload.n > 1", "url", "https://example.com/", "signature", "github", "rateLimit", "soon").
		says("The endpoint is there", "Night <run>", "asks for its messages, at this URL")
	ep := w.onlyEndpoint()
	if ep.Kind != fanfare.KindPoller || ep.URL != "" || ep.Description != "Night <run>" || ep.Filter != "payload.n > 1" || !slices.Equal(ep.EventTypes, []string{"record.created"}) || ep.Signature != "" || ep.RateLimit != 0 {
		t.Errorf("the endpoint is %+v", ep)
	}
	if msgs, err := w.hub.Messages(t.Context(), w.app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 10}}); err != nil || len(msgs) != 0 {
		t.Errorf("it was sent %v, %v", msgs, err)
	}
	at := "/portal/endpoint/" + string(ep.ID)
	w.get(200, at+"/welcome").says("asks for its messages, at this URL")
	w.submit(303, w.get(200, at+"/confirm/delete").says("Nobody can ask it for messages any more"), "Delete it")
}

func TestAPollerIsAddedInTheConsole(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	d := w.submit(200, w.get(200, "/app/acme/endpoint/new"), "Cannot be reached? Poll instead")
	w.submit(303, d, "Add endpoint", "description", "Night run").says("The endpoint is there", "Night run", "asks for its messages, at this URL")
	if ep := w.onlyEndpoint(); ep.Kind != fanfare.KindPoller {
		t.Errorf("the endpoint is %+v", ep)
	}
}

// TestAPollersFilterSpeaksOfOffers, as nothing is sent to it, in the form for a new one and in
// its settings, in the portal and in the console.
func TestAPollersFilterSpeaksOfOffers(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Kind, ep.URL = fanfare.KindPoller, "" })
	w.message(0, `{"n":1}`)
	w.message(0, `{"n":2}`)
	sent := []string{"Send a message if", "would have been sent", "would not be sent", "of the events above is sent"}
	pages := func(base string) {
		for _, d := range []*doc{w.get(200, base+"/endpoint/new?kind=poller"), w.get(200, base+"/endpoint/"+string(ep.ID)+"/settings")} {
			d.says("Offer a message if", "Without one, every message of the events above is offered.").lacks(sent...)
			w.submit(200, d, "Try it on what came", "filter", "payload.n > 1").says("1 of 2", "messages that came would have been offered", "The newest that would not be offered").lacks(sent...)
		}
		w.get(200, base+"/endpoint/new").says("Send a message if", "Without one, every message of the events above is sent.").lacks("Offer")
	}
	pages("/portal")
	w.asOperator()
	pages("/app/acme")
}

// TestWhoMayAddEndpointsAddsPollers, in the channels of the link, and nobody else.
func TestWhoMayAddEndpointsAddsPollers(t *testing.T) {
	w := newWorld(t, nil)
	w.enter(fanfare.ViewBase, fanfare.CreateAttempts)
	w.get(200, "/portal").lacks("Poll", "asks for messages")
	w.get(http.StatusForbidden, "/portal/endpoint/new?kind=poller")
	w.post(http.StatusForbidden, "/portal/endpoint/new", "do", "poll")
	w.post(http.StatusForbidden, "/portal/endpoint/new", "do", "add", "kind", "poller")
	w.enterChannels([]string{"eu"}, fanfare.ManageEndpoint)
	w.submit(303, w.get(200, "/portal/endpoint/new?kind=poller"), "Add endpoint").says("asks for its messages, at this URL")
	if ep := w.onlyEndpoint(); !slices.Equal(ep.Channels, []string{"eu"}) {
		t.Errorf("the endpoint has the channels %q", ep.Channels)
	}
}

// TestSettingsOfAPollerAreWhatItWants: all else that is stored of it stays, whatever a form
// says.
func TestSettingsOfAPollerAreWhatItWants(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) {
		ep.Kind, ep.URL, ep.Description, ep.EventTypes, ep.Filter = fanfare.KindPoller, "https://example.com/once", "Night run", []string{"record.*"}, "payload.n > 1"
		ep.UID, ep.Channels, ep.Metadata, ep.EventTypeVersions = "night", []string{"eu"}, map[string]string{"a": "b"}, map[string]int{"record.created": 1}
		ep.Headers, ep.Format, ep.Signature, ep.IncludeApplication = map[string]string{"X-One": "1", "X-Api-Key": "hush"}, "envelope", "github", true
		ep.Secrets = []fanfare.Secret{{Text: "a secret of enough characters"}}
		ep.Ordered, ep.RateLimit, ep.MaxInFlight, ep.Timeout = true, 7, 3, 5*time.Second
		ep.Retry, ep.RetryByType = fanfare.Retry{Delays: []time.Duration{time.Second}}, map[string]fanfare.Retry{"record.*": {Preset: "none"}}
		ep.Success, ep.OnPause, ep.Transformation = fanfare.Success{Statuses: "204"}, fanfare.OnPauseCancel, "up"
		ep.Auth = fanfare.Auth{Bearer: &fanfare.BearerAuth{Token: "hush"}}
	})
	was := *w.stored(ep)
	at := "/portal/endpoint/" + string(ep.ID)
	d := w.get(200, at+"/settings").says("Night run", "record.*").lacks("example.com", "Also set", "Make a new one")
	w.asksPoller(d, "Save")
	for _, more := range [][]string{
		nil, {"url", "https://example.com/other", "rateLimit", "1", "timeout", "2", "headers", "X-Two: 2", "signature", "slack", "format", "thin", "retry", "none", "success", "apps-script", "onPause", "hold", "auth", "none"},
	} {
		w.submit(303, d, "Save", append(more, "description", "Day run", "events", "all", "filter", "")...).says("The settings are saved", "Day run")
		now, want := *w.stored(ep), was
		want.Description, want.EventTypes, want.Filter, want.Revision, want.UpdatedAt = "Day run", nil, "", now.Revision, now.UpdatedAt
		if !reflect.DeepEqual(now, want) {
			t.Errorf("with %q the endpoint is\n%+v, want\n%+v", more, now, want)
		}
	}
	d = w.get(200, at+"/settings")
	w.asksPoller(w.submit(422, d, "Save", "filter", "payload.(").says("Not yet:"), "Save")
	w.asksPoller(w.submit(200, d, "Add a condition"), "Save")
	w.post(200, at+"/secret").lacks("a secret of enough characters")
	w.enter(fanfare.ViewBase)
	w.get(200, at+"/settings").says("Day run", "Everything").lacks(append(sentWords, "example.com", "bearer", "Save")...)
}
