package ui_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestOnlyWhatFailsSoElsewhereIsLedTo has an endpoint fail for a cause of its own at a host
// at which others fail.
func TestOnlyWhatFailsSoElsewhereIsLedTo(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	three, _ := w.several(503)
	own := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description, ep.URL = "Teapot", ep.URL+"/teapot" })
	w.mu.Lock()
	w.answer = func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(map[bool]int{true: 418, false: 503}[strings.HasSuffix(r.URL.Path, "/teapot")])
	}
	w.mu.Unlock()
	if _, err := w.hub.Send(t.Context(), "acme", "tea.made", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	w.until("it fails", func() bool { return !w.stored(own).FailingSince.IsZero() })
	w.get(200, "/issue/of/acme/"+string(own.ID)).says("Why Teapot fails", "418").lacks("All at")
	w.get(200, "/issue/of/acme/"+string(three[0].ID)).says("All at " + w.host() + ": 503 Service Unavailable").lacks(": 418")
}

// TestWhatIsGoneIsNotDone has all endpoints of a form be deleted, or one of them refused.
func TestWhatIsGoneIsNotDone(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	three, _ := w.several(503)
	d := w.get(200, w.link(w.get(200, "/issue"), "Pause all…"))
	for _, ep := range three {
		if err := w.hub.DeleteEndpoint(t.Context(), ep.Application, ep.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.submit(409, d, "Pause 3 endpoints").says("Not all of it was done", "It was done with 0 of 3 endpoints. 3 endpoints are not there any more.")
	w.post(409, "/issue/group/do/resume", "endpoint", "acme "+string(three[0].ID)+" -").says("It was done with 0 of 1 endpoint. 1 endpoint is not there any more.")
}

// TestEndpointsThatWerePausedTogetherAreResumedTogether takes back what was done at once.
func TestEndpointsThatWerePausedTogetherAreResumedTogether(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	three, alone := w.several(503)
	if err := w.hub.PauseEndpoint(t.Context(), w.stored(alone)); err != nil {
		t.Fatal(err)
	}
	d := w.submit(303, w.get(200, w.link(w.get(200, "/issue"), "Pause all…")), "Pause 3 endpoints").says("The endpoints are paused", "Books", "Stock", "Shelf").lacks("Elsewhere")
	w.get(200, "/endpoint?state=paused").says("Books", "Elsewhere", "Resume these 4 endpoints…")
	d = w.get(200, w.link(d, "Resume these 3 endpoints…")).says("Resume these endpoints?", "3 endpoints of 2 applications.", "Nothing waits for them", "Shelf of Other").lacks("Elsewhere")
	if !w.stored(three[0]).Paused {
		t.Error("the page that asks has resumed it")
	}
	w.submit(303, d, "Resume 3 endpoints").says("The endpoints are resumed")
	for _, ep := range three {
		if w.stored(ep).Paused {
			t.Errorf("%s is still paused", ep.Description)
		}
	}
	w.get(200, "/endpoint?state=paused").says("Elsewhere").lacks("Books", "Resume these")
	w.submit(303, w.get(200, "/endpoint?state=paused"), "Resume")
	w.get(200, "/endpoint?state=paused").says("No endpoint is paused")
}

// TestWhoeverIsConcernedIsToldOfAll is offered it only where somebody is told.
func TestWhoeverIsConcernedIsToldOfAll(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.several(503)
	w.get(200, "/issue").says("fanfare operational create").lacks("Notify")
	told := make(chan string, 10)
	desk := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		told <- string(text)
	}))
	defer desk.Close()
	if _, err := w.hub.Operational(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	ep := &fanfare.Endpoint{Application: fanfare.OperationalApplication, URL: desk.URL, EventTypes: []string{fanfare.EndpointFailing}}
	if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	d := w.get(200, w.link(w.get(200, "/issue").lacks("fanfare operational create"), "Notify of all…")).says("Tell that these endpoints fail?", "3 endpoints of 2 applications")
	w.submit(303, d, "Notify of 3 endpoints").says("The operational endpoints are told of each of them")
	for range 3 {
		select {
		case text := <-told:
			if !strings.Contains(text, fanfare.EndpointFailing) || !strings.Contains(text, "503") {
				t.Errorf("told was %s", text)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("not all were told of")
		}
	}
}

// TestAGroupInLineSaysSo asks a second time for what waits already.
func TestAGroupInLineSaysSo(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	three, _ := w.several(503)
	ask := w.link(w.get(200, "/issue"), "Retry all when healthy…")
	page := w.get(200, ask)
	one := w.get(200, "/app/other/endpoint/"+string(three[2].ID)+"/confirm/retry?since=1h")
	w.submit(303, one, "Retry 1 message")
	d := w.get(200, ask).says("2 endpoints of 1 application", "In line already, and not asked for again", "Shelf of Other: 1 delivery is sent again once it is healthy")
	w.get(200, w.link(d, "1 delivery is sent again once it is healthy")).says("Until its endpoint is healthy")
	w.get(200, "/issue").says("what was given up of 1 endpoint is sent again once it is healthy", "Retry all when healthy…")
	w.submit(303, page, "Retry all of 3 endpoints").says("What had failed is in line") // a page from before
	if n := len(w.lined()); n != 3 {
		t.Errorf("%d are in line", n)
	}
	w.get(200, "/issue").says("what was given up of 3 endpoints is sent again once it is healthy")
	d = w.get(200, ask).says("It is in line already", "Books of Acme", "Stock of Acme", "Shelf of Other").lacks("Retry all of")
	d = w.submit(303, one, "Retry 1 message").says("was not asked for again", "Until its endpoint is healthy", "Shelf")
	w.get(200, w.link(d, "Shelf")).says("Failing since")
	w.get(200, "/task").says("Books", "Stock", "Shelf")
	if to := w.moved("/app/other/endpoint/" + string(three[2].ID) + "/confirm/retry"); !strings.HasPrefix(to, "/task/") {
		t.Errorf("the page that asks leads to %s", to)
	}
	if n := len(w.lined()); n != 3 {
		t.Errorf("%d are in line", n)
	}
}

// TestPagesThatAskLeaveNoTrace has more endpoints fail than what was given up is counted of.
func TestPagesThatAskLeaveNoTrace(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.answers(503, "no")
	for i := range 12 {
		w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = fmt.Sprintf("Shop %d", i) })
	}
	w.message(12, `{}`)
	w.until("all fail", func() bool {
		eps, _, err := w.hub.EveryEndpoint(t.Context(), fanfare.EndpointFilter{Which: fanfare.FailingEndpoints, Limit: 100, Look: 100})
		return err == nil && len(eps) == 12
	})
	audited := func() int {
		all, err := w.hub.AuditEntries(t.Context(), fanfare.AuditFilter{Page: fanfare.Page{Limit: 100}})
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := audited()
	w.get(200, w.link(w.get(200, "/issue"), "Retry all when healthy…")).says("10 deliveries were given up to the first 10; of the other 2 it was not counted", "Retry all of 12 endpoints")
	for _, path := range []string{"/app/acme/recover", w.link(w.get(200, "/endpoint"), "Shop 3") + "/confirm/recover", w.link(w.get(200, "/endpoint"), "Shop 3") + "/confirm/replay"} {
		w.get(200, path)
	}
	if after := audited(); after != before {
		t.Errorf("%d entries are in the audit log, %d before", after, before)
	}
}

// TestCausesAreSaidInWords that say more than the name of a class.
func TestCausesAreSaidInWords(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	shut := httptest.NewServer(nil)
	shut.Close()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.URL = shut.URL })
	w.endpoint(func(ep *fanfare.Endpoint) { ep.URL = strings.Replace(w.rcv.URL, "http:", "https:", 1) })
	w.message(2, `{}`)
	w.until("both are said", func() bool {
		said := w.get(200, "/issue").words()
		return strings.Contains(said, "Connection refused") && strings.Contains(said, "No trusted TLS connection")
	})
}
