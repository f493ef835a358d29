package ui_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
	"github.com/fanfarehq/fanfare/webhook"
)

// location sends the form of a button and returns where that leads.
func (w *world) location(d *doc, button string, pairs ...string) string {
	w.t.Helper()
	return strings.SplitN(w.submit(303, d, button, pairs...).path, "?", 2)[0]
}

func TestACustomerWithoutAServerHasATestInbox(t *testing.T) {
	for part, base := range map[string]string{"portal": "/portal", "console": "/app/acme"} {
		t.Run(part, func(t *testing.T) {
			w := newWorld(t, nil)
			if part == "console" {
				w.asOperator()
			} else {
				w.get(200, w.link(w.get(200, base), "No server? Use a test inbox")).says("Use a test inbox")
			}
			page := w.location(w.get(200, base+"/inbox/start"), "Make a test inbox")
			eps, err := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 10})
			if err != nil || len(eps) != 1 || !strings.HasPrefix(eps[0].URL, home+"/bin/") {
				t.Fatalf("the endpoints are %v, %v", eps, err)
			}
			w.comes(page, "Request 1", "ping", "Signature good", "It works: this endpoint can be reached")
			msg := w.message(1, `{"name":"small"}`)
			d := w.comes(page, "Request 2", "record.created", "Signature good", `"name": "small"`)
			if part == "console" {
				return
			}
			d.lacks("Save as an example")
			w.get(404, page+"/request/2/example")
			w.get(200, base+"/message/"+string(msg.ID)+"/to/"+string(eps[0].ID)).says("The endpoint answered 200 OK")
			if to := w.link(w.get(200, base+"/endpoint/"+string(eps[0].ID)), "Test inbox"); to != page {
				t.Errorf("the endpoint leads to %s, not to %s", to, page)
			}
			w.submit(303, d, "Answer so", "status", "500", "body", "no")
			msg = w.message(1, `{}`)
			w.get(200, base+"/message/"+string(msg.ID)+"/to/"+string(eps[0].ID)).says("The endpoint answered 500")
			w.get(200, base+"/inbox").says("Test inboxes", "/bin/")
		})
	}
}

func TestATestInboxFromTheFormForEndpoints(t *testing.T) {
	w := newWorld(t, nil)
	d := w.submit(200, w.get(200, "/portal/endpoint/new"), "No server? Use a test inbox", "description", "Mine", "signature", "github")
	d.says("Something listens there")
	address := ""
	for _, value := range d.all("input", "value") {
		if strings.HasPrefix(value, home+"/bin/") {
			address = value
		}
	}
	d = w.submit(303, d, "Add endpoint")
	d = w.comes(d.path, "The endpoint is there", "It works", address)
	page := w.link(d, "See what arrives in the test inbox")
	w.get(200, page).says("Signature good", "github").lacks("Signature wrong")
}

// TestOnlyBinsOfThisServerAreSentTo tries what else is at the same address.
func TestOnlyBinsOfThisServerAreSentTo(t *testing.T) {
	const home = "http://127.0.0.1:1" // where nobody else listens either
	w := newWorld(t, &ui.Options{BaseURL: home})
	b := w.location(w.get(200, "/portal/inbox"), "New test inbox")
	token := b[strings.LastIndex(b, "/")+1:]
	for _, url := range []string{
		home + "/bin/../api/v1/app", home + "/bin/" + token + "/../../api/v1/app", home + "/bin/short", home + "/bin/", home + "/bin/" + token + "#x", home + "/bin/%2e%2e/api/v1/app",
		"http://user@127.0.0.1:1/bin/" + token, home + "/bin/" + strings.ToUpper(token), home + "/bin/" + strings.Repeat("a", 65),
	} {
		ep := &fanfare.Endpoint{Application: w.app.ID, URL: url, Retry: fanfare.Retry{Preset: "none"}}
		if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
			continue
		}
		msg := w.message(1, `{}`)
		if a := w.attempts(msg, 1)[0]; a.Status != 0 {
			t.Errorf("%s was sent to, and answered %d", url, a.Status)
		}
		if err := w.hub.DeleteEndpoint(t.Context(), w.app.ID, ep.ID); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTestInboxesAreTheirOwners(t *testing.T) {
	w := newWorld(t, nil)
	page := w.location(w.get(200, "/portal/inbox"), "New test inbox")
	other := &fanfare.Application{Name: "Other", UID: "other"}
	if err := w.hub.CreateApplication(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	acme := w.app
	w.app = other
	w.enter(fanfare.Capabilities()...)
	w.get(404, page)
	w.get(200, "/portal/inbox").says("None yet")
	w.app = acme
	w.enter(fanfare.CreateAttempts) // who may not see secrets
	w.get(404, page)
	w.enter(fanfare.ViewEndpointSecret) // who may look only
	d := w.get(200, page).lacks("Delete it", "Answer so", "Share a link")
	d.says("Test inbox")
	for _, path := range []string{"/answer", "/secret", "/do/delete", "/do/share"} {
		if a := w.ask(page+path, "status=200"); a != http.StatusForbidden {
			t.Errorf("POST %s is answered %d", path, a)
		}
	}
	if a := w.ask("/portal/inbox", "x=1"); a != http.StatusForbidden {
		t.Errorf("one is made: %d", a)
	}
	w.get(403, "/portal/inbox/start")
	if a := w.ask("/portal/inbox/start", "x=1"); a != http.StatusForbidden {
		t.Errorf("one becomes an endpoint: %d", a)
	}
	token, err := w.hub.CreateSession(t.Context(), &fanfare.Session{Application: acme.ID, Capabilities: fanfare.Capabilities(), Channels: []string{"eu"}}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w.cookie = "fanfare_portal=" + token
	w.get(404, page) // who sees some channels only
	w.asOperator()
	for _, base := range []string{"/app/acme", "/app/" + string(acme.ID)} {
		w.get(200, base+strings.TrimPrefix(page, "/portal")).says("Test inbox")
	}
	w.get(404, "/inspector"+strings.TrimPrefix(page, "/portal/inbox"))
	w.get(404, "/app/other"+strings.TrimPrefix(page, "/portal"))
}

func TestAMessageIsChangedAndSentToATestInbox(t *testing.T) {
	w := newWorld(t, nil)
	for _, p := range []webhook.Profile{webhook.Standard, webhook.GitHub, webhook.Twilio, webhook.Basic, webhook.None} {
		ep := w.endpoint(func(ep *fanfare.Endpoint) {
			ep.Signature, ep.EventTypes = string(p), []string{"record.created"}
			ep.Headers = map[string]string{"X-Plain": "shown", "X-Secret-Token": "hidden-value"}
			ep.Auth.Bearer = &fanfare.BearerAuth{Token: "opens-the-door"}
			if p == webhook.Basic {
				ep.Auth = fanfare.Auth{}
			}
		})
		msg := w.message(1, `{"name": "small",  "n": 1.0}`)
		at := "/portal/message/" + string(msg.ID) + "/to/" + string(ep.ID)
		before := withoutPlaces(w.state())
		d := w.get(200, w.link(w.get(200, at), "Edit and resend…"))
		d.says("Edit and resend record.created", "A new test inbox").lacks("The endpoint itself")
		page := w.location(d, "Send the copy", "payload", "{\r\n  \"name\": \"changed\"\r\n}", "headers", "X-Mine: 1\nX-Plain: other")
		d = w.get(200, page).says("Request 1", `"name": "changed"`, "X-Mine1", "X-Plainother", "X-Secret-Token(not shown)", "record.created")
		if p != webhook.None {
			d.says("Signature good")
		}
		d.lacks("Signature wrong", "hidden-value", "opens-the-door")
		if p == webhook.Standard {
			w.submit(303, w.get(200, at+"/edit"), "Send the copy", "where", page[strings.LastIndex(page, "/")+1:]).says("Request 2", `{"name": "small", "n": 1.0}`, "Signature good")
			if raw := w.send(httptest.NewRequest(http.MethodGet, page+"/request/2/raw", nil)).Body.String(); !strings.HasSuffix(raw, `{"name": "small",  "n": 1.0}`) {
				t.Errorf("what was not changed came as %q", raw)
			}
			for _, secret := range ep.Secrets {
				s, _ := webhook.ParseSecret(secret.Text)
				raw := w.send(httptest.NewRequest(http.MethodGet, page+"/request/1/raw", nil)).Body.String()
				if strings.Contains(raw, s.Reveal()) {
					t.Error("the endpoint's secret is told")
				}
			}
		}
		if after := withoutPlaces(w.state()); after != before {
			t.Errorf("something was stored:\n%s\n%s", before, after)
		}
		for _, bad := range []string{"Content-Length: 1", "webhook-signature: v1,x", "no header"} {
			w.submit(422, w.get(200, at+"/edit"), "Send the copy", "headers", bad)
		}
		if err := w.hub.DeleteEndpoint(t.Context(), w.app.ID, ep.ID); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.get(200, "/portal/inbox").all("tr", "id")); n != 5 {
		t.Errorf("there are %d inboxes: those that nothing came to are left behind", n)
	}
}

// withoutPlaces is a text without the places in memory of what is in it.
func withoutPlaces(text string) string {
	return regexp.MustCompile(`0x[0-9a-f]+`).ReplaceAllString(text, "")
}

// TestTheEndpointsOwnSecretNeverSignsWhatWasWritten holds the copy against it.
func TestTheEndpointsOwnSecretNeverSignsWhatWasWritten(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	msg := w.message(1, `{}`)
	page := w.location(w.get(200, "/portal/message/"+string(msg.ID)+"/to/"+string(ep.ID)+"/edit"), "Send the copy", "payload", `{"forged":true}`)
	w.submit(303, w.get(200, page), "Check with it", "profile", "standard", "secret", ep.Secrets[0].Text).says("Signature wrong").lacks("Signature good")
}

func TestOnlyOperatorsSendChangedMessagesToTheEndpoint(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.EventTypes = []string{"record.created"} })
	other := w.endpoint(func(ep *fanfare.Endpoint) { ep.URL += "/other" })
	msg := w.message(2, `{"n":1}`)
	at := "/message/" + string(msg.ID) + "/to/" + string(ep.ID)
	before := w.state()
	if got := w.ask("/portal"+at+"/edit", "where=endpoint&sure=on&payload={}"); got != http.StatusForbidden {
		t.Errorf("a customer is answered %d", got)
	}
	w.asOperator()
	d := w.get(200, "/app/acme"+at+"/edit").says("The endpoint itself")
	w.submit(422, d, "Send the copy", "where", "endpoint", "payload", `{"n":2}`).says("Say below")
	if after := w.state(); after != before {
		t.Errorf("something was sent:\n%s\n%s", before, after)
	}
	sent := w.submit(303, d, "Send the copy", "where", "endpoint", "sure", "on", "payload", `{"n":2}`).says("The message is accepted")
	id := strings.Split(sent.path, "/")[4]
	if id == string(msg.ID) {
		t.Error("it is the message that there was")
	}
	all := w.attempts(&fanfare.Message{ID: fanfare.MessageID(id)}, 1)
	if all[0].Endpoint != ep.ID || all[0].EventType != "record.created" {
		t.Errorf("it went to %s as %s", all[0].Endpoint, all[0].EventType)
	}
	ds, err := w.hub.Deliveries(t.Context(), w.app.ID, fanfare.DeliveryFilter{Message: fanfare.MessageID(id), Page: fanfare.Page{Limit: 10}})
	if err != nil || len(ds) != 1 || slices.ContainsFunc(ds, func(d *fanfare.Delivery) bool { return d.Endpoint == other.ID }) {
		t.Errorf("it is for %v, %v", ds, err)
	}
}

// TestATestInboxIsCalledOne in all that its pages say.
func TestATestInboxIsCalledOne(t *testing.T) {
	w := newWorld(t, nil)
	page := w.location(w.get(200, "/portal/inbox/start"), "Make a test inbox")
	d := w.comes(page, "Request 1")
	all := []*doc{
		w.get(200, "/portal/inbox").says("Test inboxes, the newest first"), d,
		w.get(200, page+"/request/1/send").says("Behind the test inbox's address"),
		w.submit(303, d, "Answer so", "status", "200").says("The test inbox answers so"),
		w.submit(303, w.get(200, page), "Share a link").says("The test inbox is shown to"),
		w.submit(303, w.get(200, page+"/confirm/empty"), "Empty it").says("The test inbox is empty"),
		w.submit(303, w.get(200, page+"/confirm/delete"), "Delete it").says("The test inbox is deleted"),
		w.get(404, page).says("no such test inbox"),
	}
	for i, d := range all {
		if found := regexp.MustCompile(`(?i).{0,20}(?:[^/]\bbins?\b|inboxs\b).{0,20}`).FindString(d.words()); found != "" {
			t.Errorf("page %d says %q", i, found)
		}
	}
}

// TestWhatIsWrittenOutlivesThatMuchIsTriedOut has as many URLs looked at as an application may.
func TestWhatIsWrittenOutlivesThatMuchIsTriedOut(t *testing.T) {
	w := newWorld(t, nil)
	came, hold := make(chan bool), make(chan bool)
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		came <- true
		<-hold
	}))
	defer slow.Close()
	ep := w.endpoint()
	msg := w.message(1, `{"n":1}`)
	var held sync.WaitGroup
	for range 4 {
		held.Go(func() {
			if _, err := w.hub.Reach(context.Background(), w.app.ID, slow.URL); err != nil {
				t.Error(err)
			}
		})
		<-came
	}
	edit := "/portal/message/" + string(msg.ID) + "/to/" + string(ep.ID) + "/edit"
	w.submit(429, w.get(200, edit), "Send the copy", "payload", `{"kept":1}`).says("in a moment", `{"kept":1}`)
	d := w.submit(429, w.get(200, "/portal/endpoint/new"), "Check the URL", "url", "https://example.com/kept").says("in a moment")
	if got := d.all("input", "value"); !slices.Contains(got, "https://example.com/kept") {
		t.Errorf("the form has %q", got)
	}
	close(hold)
	held.Wait()
}
