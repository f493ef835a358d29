package ui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// queue reads the page until it says something: what the scheduler knows comes a little
// later than what the store does.
func (w *world) queue(want string) *doc {
	w.t.Helper()
	return w.comes("/queue", want)
}

func TestALaneIsPausedInTheQueue(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.answers(500, "no")
	ep := w.endpoint(func(ep *fanfare.Endpoint) {
		ep.Description, ep.Retry = "Books", fanfare.Retry{Delays: []time.Duration{time.Hour}}
	})
	w.message(1, `{}`)
	d := w.queue("Books")
	w.submit(303, d, "Pause").says("The endpoint is paused")
	if !w.stored(ep).Paused {
		t.Error("it is not paused")
	}
	d = w.queue("Paused")
	w.submit(303, d, "Resume").says("The endpoint is resumed")
	if w.stored(ep).Paused {
		t.Error("it is paused still")
	}
	if a := w.form("/queue/acme/" + string(ep.ID) + "/do/delete"); a.Code != http.StatusNotFound {
		t.Errorf("an act that there is not was answered %d", a.Code)
	}
}

func TestKeysThatAreHeldAreListed(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.answers(500, "no")
	w.endpoint(func(ep *fanfare.Endpoint) {
		ep.Description, ep.Ordered, ep.Retry = "Shelves", true, fanfare.Retry{Delays: []time.Duration{time.Hour}}
	})
	var msgs []*fanfare.Message
	for range 3 {
		msgs = append(msgs, &fanfare.Message{EventType: "a.b", Payload: []byte(`1`), OrderingKey: "red shelf"})
	}
	if errs, err := w.hub.SendBatch(t.Context(), "acme", msgs, nil); err != nil || errs[0] != nil {
		t.Fatal(err, errs)
	}
	rows := w.queue("Ordering key red shelf of Shelves3 waitingWaits for another try").all("tr", "")
	if len(rows) != 3 || !strings.HasPrefix(rows[2], "Ordering key red shelf of Shelves3 waitingWaits for another try3") {
		t.Errorf("the rows are %q", rows)
	}
}

func TestWhatWasGivenUpIsListed(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.get(200, "/queue").says("Nothing that was tried of late was given up")
	w.answers(500, "no")
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	other := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description, ep.EventTypes = "Stock", []string{"record.*"} })
	first := w.message(2, `{}`)
	if _, err := w.hub.Send(t.Context(), "acme", "other", 1); err != nil {
		t.Fatal(err)
	}
	d := w.queue("Books2 of AcmeAcme2500 Internal Server Error")
	d.says("Stock1 of AcmeAcme1500 Internal Server Error")
	for _, href := range d.all("a", "href") {
		if strings.Contains(href, string(ep.ID)+"/confirm/recover") {
			w.get(200, href).says("2 deliveries were given up")
		}
	}
	w.answers(200, "yes")
	if err := w.hub.Resend(t.Context(), first, other); err != nil {
		t.Fatal(err)
	}
	w.attempts(first, 3)
	w.get(200, "/queue").says("Books").lacks("Stock")
}

func TestAPlanSaysHowLongItTakes(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.answers(500, "no")
	ep := w.endpoint()
	for range 3 {
		w.message(1, `{}`)
	}
	form := "/task/new?app=acme&since=1h&endpoint=" + string(ep.ID)
	w.submit(200, w.get(200, form), "Show how much it is").says("given up: 3", "if its receiver answers as fast as of late")
	ep = w.stored(ep)
	ep.RateLimit = 1
	if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	w.submit(200, w.get(200, form), "Show how much it is").says("That takes about 3 s, at 1 a second, as its limit has it.")
	w.submit(200, w.get(200, "/task/new?kind=purge&app=acme&since=1h"), "Show how much it is").says("Remove payloads: 3", "That takes less than a second, at 5000 a second.")
}

// TestOperationalWebhooksInTheQueue lead to their page, and are not paused there.
func TestOperationalWebhooksInTheQueue(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.answers(500, "no")
	if _, err := w.hub.Operational(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	op := &fanfare.Endpoint{Application: fanfare.OperationalApplication, URL: w.rcv.URL + "/news", EventTypes: []string{fanfare.EndpointCreated}, Retry: fanfare.Retry{Delays: []time.Duration{time.Hour}}}
	if err := w.hub.CreateEndpoint(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	w.endpoint()
	d := w.queue("Operational webhooks").lacks("Pause")
	w.get(200, w.link(d, w.rcv.URL+"/news")).says("Operational webhooks", "endpoint.created")
}
