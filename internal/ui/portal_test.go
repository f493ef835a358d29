package ui_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

func TestEmptyPortalSaysWhatToDo(t *testing.T) {
	w := newWorld(t, nil)
	d := w.get(200, "/portal").says("Nothing is listening yet", "Add endpoint")
	if links := d.all("a", "href"); !slices.Contains(links, "/portal/endpoint/new") {
		t.Errorf("no link leads to the form: %q", links)
	}
	w.get(200, "/portal/log").says("Nothing has happened yet")
	w.get(200, "/portal/catalogue").says("No event types yet")
	w.get(404, "/portal/nowhere").says("no such page")
}

func TestEndpointsAreListedWithTheirState(t *testing.T) {
	w := newWorld(t, nil)
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	w.endpoint(func(ep *fanfare.Endpoint) {
		ep.Description = "Stock"
		ep.Paused = true
		ep.EventTypes = []string{"a", "b", "c", "d"}
	})
	w.message(1, `{"a":1}`)
	w.get(200, "/portal").says("Books", "Healthy", "Everything", "Stock", "Paused", "a, b, c and 1 more", "Nothing in 24 hours")
}

func TestAddingAnEndpointSendsItAPing(t *testing.T) {
	w := newWorld(t, nil)
	d := w.get(200, "/portal/endpoint/new")
	d = w.submit(303, d, "Add endpoint", "url", w.rcv.URL+"/in", "description", "Mine", "headers", "X-One: 1\nX-Two: 2")
	w.comes(d.path, "The endpoint is there", "It works", "taken", "The signing secret", "whsec_", "Node.js", "Apps Script")
	eps, err := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 10})
	if err != nil || len(eps) != 1 {
		t.Fatalf("there are %d endpoints, %v", len(eps), err)
	}
	if ep := eps[0]; ep.URL != w.rcv.URL+"/in" || ep.Description != "Mine" || ep.Headers["X-Two"] != "2" || ep.EventTypes != nil {
		t.Errorf("the endpoint is %+v", ep)
	}
	w.get(200, "/portal/log").says("ping test")
	w.get(200, "/portal/endpoint/"+string(eps[0].ID)).says("ping test").lacks("delivery in 24 hours")
	msgs, err := w.hub.Messages(t.Context(), w.app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 10}})
	if err != nil || len(msgs) != 1 {
		t.Fatal(msgs, err)
	}
	w.get(200, "/portal/message/"+string(msgs[0].ID)+"/to/"+string(eps[0].ID)).says("A test", "No statistics count it", "webhook-test")
	w.message(1, "{}")
	w.get(200, "/portal/endpoint/"+string(eps[0].ID)).says("1 delivery in 24 hours")
}

func TestOldLinkSaysWhatToDo(t *testing.T) {
	w := newWorld(t, nil)
	w.get(200, "/portal").lacks("expired")
	if err := w.hub.ExpireSessions(t.Context(), w.app.ID, nil, 0); err != nil {
		t.Fatal(err)
	}
	w.get(http.StatusUnauthorized, "/portal").says("This link has expired", "ask who sent it to you")
	w.get(http.StatusUnauthorized, "/portal/log").says("This link has expired")
	w.cookie = ""
	w.get(200, "/portal").says("opened by a link")
}

// TestDeliverySaysWhy looks at one delivery as it fails, is given up, is sent again and
// succeeds, and at what there is to press each time.
func TestDeliverySaysWhy(t *testing.T) {
	w := newWorld(t, nil)
	w.answers(http.StatusFound, "see there", "Location", "/there?a=1&b=2")
	ep := w.endpoint()
	msg := w.message(1, `{"amount":1.10,"name":"<b>"}`)
	path := "/portal/message/" + string(msg.ID) + "/to/" + string(ep.ID)
	d := w.get(200, path).says("Given up", "answered 302 Found and points to /there?a=1&b=2", "make it the endpoint's URL", `"amount": 1.10`, `{"amount":1.10,"name":"<b>"}`, "see there", "curl -i -X POST", "Resend", "Recover everything failed since")
	w.submit(303, d, "Use "+w.rcv.URL+"/there?a=1&b=2").says("The endpoint has the new URL")
	if now, err := w.hub.Endpoint(t.Context(), w.app.ID, string(ep.ID)); err != nil || now.URL != w.rcv.URL+"/there?a=1&b=2" {
		t.Errorf("the endpoint is %+v, %v", now, err)
	}
	w.answers(200, `{"ok": true}`)
	w.submit(303, w.get(200, path), "Resend").says("It is being sent again")
	w.attempts(msg, 2)
	w.get(200, path).says("Delivered", "answered 200 OK", "sent by hand").lacks("Recover everything")
	if all := w.attempts(msg, 2); all[0].Class != fanfare.ClassSuccess {
		t.Errorf("the newest attempt is %+v", all[0])
	}
	w.get(404, "/portal/message/"+string(msg.ID)+"/to/ep_none")
	late := w.endpoint()
	w.get(404, "/portal/message/"+string(msg.ID)+"/to/"+string(late.ID)).says("was not for this endpoint")
}

func TestWhyItWaits(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	at := "/portal/endpoint/" + string(ep.ID)
	w.submit(303, w.get(200, at), "Pause").says("The endpoint is paused", "Resume")
	msg := w.message(0, `{}`)
	path := "/portal/message/" + string(msg.ID) + "/to/" + string(ep.ID)
	w.get(200, path).says("Waiting", "waits until it is resumed", "None yet")
	w.submit(303, w.get(200, at), "Resume").says("The endpoint is resumed")
	w.attempts(msg, 1)
	w.get(200, path).says("Delivered")
	w.submit(303, w.get(200, at+"/confirm/disable"), "Disable it").says("The endpoint is disabled", "sent nothing")
	w.submit(303, w.get(200, at), "Enable again").says("The endpoint is enabled again")
	if now, err := w.hub.Endpoint(t.Context(), w.app.ID, string(ep.ID)); err != nil || now.Disabled || now.Paused {
		t.Errorf("the endpoint is %+v, %v", now, err)
	}
}

// TestMissedAndFailed counts what would be sent before it is sent.
func TestMissedAndFailed(t *testing.T) {
	w := newWorld(t, nil)
	w.answers(500, "")
	ep := w.endpoint()
	one, two := w.message(1, `{}`), w.message(1, `{}`)
	w.answers(200, "")
	at := "/portal/endpoint/" + string(ep.ID)
	d := w.get(200, at+"/confirm/recover?since=7d").says("2 deliveries were given up", "The last 7 days")
	w.submit(303, d, "Send 2 messages").says("What had failed is being sent again")
	w.attempts(one, 2)
	w.attempts(two, 2)
	w.get(200, at+"/confirm/recover").says("Nothing that was accepted")

	late := w.endpoint()
	at = "/portal/endpoint/" + string(late.ID)
	d = w.get(200, at+"/confirm/replay?since=24h").says("2 messages were accepted", "was never sent")
	w.submit(303, d, "Send 2 messages")
	w.attempts(one, 3)
}

func TestLogIsFilteredAndPaged(t *testing.T) {
	w := newWorld(t, nil)
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books"; ep.EventTypes = []string{"record.*"} })
	for range 60 {
		w.message(0, `{}`)
	}
	last := w.message(1, `{}`)
	if _, err := w.hub.Send(t.Context(), "acme", "other.thing", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	d := w.get(200, "/portal/log").says("Books", "Delivered", "other.thing", "No endpoint wanted it")
	if rows := len(d.all("tr", "id")); rows != 50 {
		t.Errorf("the first page has %d rows", rows)
	}
	next := ""
	for i, link := range d.all("a", "") {
		if link == "Older" {
			next = d.all("a", "href")[i]
		}
	}
	d = w.get(200, next)
	if rows := len(d.all("tr", "id")); rows != 12 {
		t.Errorf("the second page has %d rows", rows)
	}
	if len(last.ID) == 0 || slices.Contains(d.all("tr", "id"), string(last.ID)) {
		t.Error("the second page has the newest message")
	}
	w.get(200, "/portal/log?type=other.thing").says("other.thing").lacks("record.created")
	w.get(200, "/portal/log?status=2").says("Nothing like that", "Show all")
	w.get(200, "/portal/log?span=1h&type=record.created").says("record.created")
	w.get(400, "/portal/log?at=nonsense").says("begin again without one")
}

func TestSettingsAreKept(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) {
		ep.Format, ep.EventTypes, ep.RateLimit = "event", []string{"record.*"}, 7
		ep.Headers = map[string]string{"X-One": "1", "Authorization": "secret"}
		ep.Retry = fanfare.Retry{Delays: []time.Duration{time.Second, time.Minute}}
	})
	at := "/portal/endpoint/" + string(ep.ID) + "/settings"
	d := w.get(200, at).says("Also set, but not shown: Authorization", "record.*").lacks("secret value")
	w.submit(303, d, "Save", "description", "New", "headers", "X-Two: 2").says("The settings are saved")
	now, err := w.hub.Endpoint(t.Context(), w.app.ID, string(ep.ID))
	if err != nil {
		t.Fatal(err)
	}
	if now.Description != "New" || now.Format != "event" || now.RateLimit != 7 || !slices.Equal(now.EventTypes, []string{"record.*"}) || len(now.Retry.Delays) != 2 {
		t.Errorf("the endpoint is %+v", now)
	}
	if len(now.Headers) != 2 || now.Headers["X-Two"] != "2" || now.Headers["Authorization"] != "secret" {
		t.Errorf("its headers are %v", now.Headers)
	}
	w.submit(303, w.get(200, at).says("by delays of its own"), "Save", "retry", "")
	if now := w.stored(ep); len(now.Retry.Delays) != 0 || now.Retry.Preset != "" && now.Retry.Preset != "inherit" {
		t.Errorf("its retries are %+v", now.Retry)
	}
	w.submit(422, w.get(200, at), "Save", "url", "ftp://x", "description", "Kept").says("Not yet:")
	w.submit(422, w.get(200, at), "Save", "rateLimit", "-1").says("a whole number from 1 on")
	w.submit(422, w.get(200, at), "Save", "headers", "nothing").says("is not of the form Name: value")
	w.submit(422, w.get(200, at), "Save", "filter", "payload.(").says("Not yet:")
	w.submit(200, w.get(200, at), "Show it").says(now.Secrets[0].Text)
	w.submit(303, w.get(200, "/portal/endpoint/"+string(ep.ID)+"/confirm/rotate"), "Make a new secret").says("There is a new secret")
	if again, err := w.hub.Endpoint(t.Context(), w.app.ID, string(ep.ID)); err != nil || again.Secrets[0].Text == now.Secrets[0].Text {
		t.Errorf("the secret is the old one, %v", err)
	}
}

func TestTransformationIsTriedAndSaved(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	w.message(1, `{"name":"small"}`)
	at := "/portal/endpoint/" + string(ep.ID) + "/transform"
	w.submit(200, w.get(200, at), "Try it", "code", "up").says("Before", `"small"`, "After", `"LARGE"`, "What the script changes", "nameChanged", "The script was tried in")
	w.submit(200, w.get(200, at), "Try it", "code", "up", "message", "").says("The payload stays as it is")
	w.submit(200, w.get(200, at), "Try it", "code", "wrong").says("The script failed")
	w.submit(422, w.get(200, at), "Save", "code", "wrong").says("Not yet:")
	w.submit(303, w.get(200, at), "Save", "code", "up").says("The transformation is saved")
	if now, err := w.hub.Endpoint(t.Context(), w.app.ID, string(ep.ID)); err != nil || now.Transformation != "up" {
		t.Errorf("the script is %q, %v", now.Transformation, err)
	}
	d := w.submit(200, w.get(200, at), "Take it away").says("not applied any more", "save it to have it back").lacks("Take it away")
	if now, err := w.hub.Endpoint(t.Context(), w.app.ID, string(ep.ID)); err != nil || now.Transformation != "" {
		t.Errorf("the script is %q, %v", now.Transformation, err)
	}
	w.submit(303, d, "Save")
	if now := w.stored(ep); now.Transformation != "up" {
		t.Errorf("undone, the script is %q", now.Transformation)
	}
}

func TestCatalogueSendsExamples(t *testing.T) {
	w := newWorld(t, nil)
	for _, name := range []string{"record.created", "record.gone", "invoice.paid"} {
		if err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: name, Description: "About " + name, Examples: []byte(`[{"n":1}]`), Schemas: []byte(`{"1":{"type":"object"}}`)}); err != nil {
			t.Fatal(err)
		}
	}
	hidden := &fanfare.EventType{Name: "secret.plan", FeatureFlags: []string{"beta"}}
	if err := w.hub.CreateEventType(t.Context(), hidden); err != nil {
		t.Fatal(err)
	}
	ep := w.endpoint()
	w.get(200, "/portal/catalogue").says("record.created", "invoice.paid", "About record.gone").lacks("secret.plan")
	w.get(200, "/portal/catalogue?search=invoice").says("invoice.paid").lacks("record.created")
	w.get(404, "/portal/catalogue/secret.plan")
	d := w.get(200, "/portal/catalogue/record.created").says("About record.created", `"n": 1`, "Schema, version 1")
	w.submit(303, d, "Send the example").says("The example is on its way")
	if err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: "record.bare"}); err != nil {
		t.Fatal(err)
	}
	w.get(200, "/portal/catalogue").says("Nobody has described it")
	w.get(200, "/portal/catalogue/record.bare").says("There is no example of it, and no schema")
	w.submit(422, w.get(200, "/portal/endpoint/"+string(ep.ID)+"/test"), "Send it", "eventType", "record.bare").says("There is no example of record.bare. Choose another.")
	w.get(200, "/portal/endpoint/"+string(ep.ID)+"?theme=dark").lacks("Nothing like that")
	w.submit(303, w.get(200, "/portal/endpoint/"+string(ep.ID)+"/test"), "Send it").says("The example is on its way", "ping")
	ds, err := w.hub.Deliveries(t.Context(), w.app.ID, fanfare.DeliveryFilter{Endpoint: ep.ID, Page: fanfare.Page{Limit: 10}})
	if err != nil || len(ds) != 2 {
		t.Errorf("there are %d deliveries, %v", len(ds), err)
	}
}

// TestFormSentTwice adds one endpoint, however often its form comes.
func TestFormSentTwice(t *testing.T) {
	w := newWorld(t, nil)
	d := w.get(200, "/portal/endpoint/new")
	for range 2 {
		w.submit(303, d, "Add endpoint", "url", w.rcv.URL)
	}
	eps, err := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 10})
	if err != nil || len(eps) != 1 {
		t.Errorf("there are %d endpoints, %v", len(eps), err)
	}
}

func TestURLIsChecked(t *testing.T) {
	w := newWorld(t, nil)
	check := func(url string) *doc {
		t.Helper()
		return w.submit(200, w.get(200, "/portal/endpoint/new"), "Check the URL", "url", url)
	}
	check(w.rcv.URL).says("Its name resolves", "It answers", "not encrypted", "Something answers there")
	check("ftp://example.com").says("no URL that messages can be sent to")
	check("http://10.0.0.1/").says("No")
	form := w.get(200, "/portal/endpoint/new")
	for range 2 { // with scripts the same form asks again and again
		w.submit(200, form, "Check the URL", "url", w.rcv.URL).says("Something answers there")
		w.submit(200, form, "Check the URL", "url", w.rcv.URL+"/other").says("Something answers there")
	}
	w.rcv.Close()
	check(w.rcv.URL).says("Nothing listens there")
	eps, err := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 10})
	if err != nil || len(eps) != 0 {
		t.Errorf("to check made %d endpoints, %v", len(eps), err)
	}
}

// TestUnderlinesLeaveUnderscores draws the line of links below where fonts have their
// underscores: down to a quarter of the letters' size, at most.
func TestUnderlinesLeaveUnderscores(t *testing.T) {
	w := newWorld(t, nil)
	for _, path := range w.get(200, "/portal").all("link", "href") {
		if !strings.Contains(path, "fanfare.") {
			continue
		}
		sheet := w.send(httptest.NewRequest(http.MethodGet, path, nil)).Body.String()
		_, rest, _ := strings.Cut(sheet, "\na {")
		rule, _, _ := strings.Cut(rest, "}")
		_, rest, _ = strings.Cut(rule, "text-underline-offset: ")
		size, _, _ := strings.Cut(rest, "em;")
		if off, err := strconv.ParseFloat(size, 64); err != nil || off < 0.3 || !strings.Contains(rule, "text-decoration-thickness: 1px;") {
			t.Errorf("links are underlined by %q", rule)
		}
		return
	}
	t.Error("the page has no sheet")
}

// TestWhereAnEndpointMayBe says so as it is on the server.
func TestWhereAnEndpointMayBe(t *testing.T) {
	newWorld(t, nil).get(200, "/portal/endpoint/new").says("It must be reachable from the internet.")
	newWorld(t, &ui.Options{Loopback: true}).get(200, "/portal/endpoint/new").says("It may be on the server's own machine").lacks("from the internet")
}

// TestTheListSaysSinceWhenAttemptsAreCounted sends again what had failed.
func TestTheListSaysSinceWhenAttemptsAreCounted(t *testing.T) {
	w := newWorld(t, nil)
	w.answers(500, "no")
	ep := w.endpoint()
	msg := w.message(1, `{}`)
	w.answers(200, "yes")
	w.submit(303, w.get(200, "/portal/message/"+string(msg.ID)+"/to/"+string(ep.ID)), "Resend")
	w.attempts(msg, 2)
	w.comes("/portal/log", "Delivered")
	if heads := w.get(200, "/portal/log").all("th", ""); !slices.Contains(heads, "Attempts since it was last sent") {
		t.Errorf("the columns are %q", heads)
	}
}

// TestWhoMayOnlyLookReadsTheSettings in the words of the form, but no secrets.
func TestWhoMayOnlyLookReadsTheSettings(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) {
		ep.Format, ep.Signature, ep.Timeout, ep.Headers = "envelope", "github", 5*time.Second, map[string]string{"X-One": "1", "Authorization": "Bearer hidden"}
	})
	w.enter(fanfare.ViewBase)
	w.get(200, "/portal/endpoint/"+string(ep.ID)+"/settings").
		says("In an envelope with id, type and time", "Like GitHub", "none: 1 attempt", "X-One: 1", "An answer from 200 to 299", "wait for an answer5").
		lacks("hidden", "Save", "Show it")
}

// TestAFirstMessageThatTakesLongIsWaitedFor adds an endpoint that has not answered by the
// time its page is made.
func TestAFirstMessageThatTakesLongIsWaitedFor(t *testing.T) {
	w := newWorld(t, nil)
	answered := make(chan struct{})
	w.mu.Lock()
	w.answer = func(http.ResponseWriter, *http.Request) { <-answered }
	w.mu.Unlock()
	d := w.submit(303, w.get(200, "/portal/endpoint/new"), "Add endpoint", "url", w.rcv.URL).says("No answer yet")
	if live := d.all("div", "data-message"); len(live) != 1 || !strings.HasPrefix(live[0], "msg_") {
		t.Errorf("news are waited for of %q", live)
	}
	close(answered)
	if d := w.comes(d.path, "It works"); len(d.all("div", "data-message")) != 0 {
		t.Error("news are waited for that are there")
	}
}
