package ui_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// several makes three endpoints of two applications at the receiver, which fail with that
// status, and one at another host, that fails too.
func (w *world) several(status int) (three []*fanfare.Endpoint, alone *fanfare.Endpoint) {
	w.t.Helper()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(404) }))
	w.t.Cleanup(elsewhere.Close)
	for _, name := range []string{"Books", "Stock"} {
		three = append(three, w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = name }))
	}
	alone = w.endpoint(func(ep *fanfare.Endpoint) { ep.Description, ep.URL = "Elsewhere", elsewhere.URL })
	w.answers(status, "no")
	w.message(3, `{}`)
	acme := w.app
	w.app = &fanfare.Application{Name: "Other", UID: "other"}
	if err := w.hub.CreateApplication(w.t.Context(), w.app); err != nil {
		w.t.Fatal(err)
	}
	three = append(three, w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Shelf" }))
	if _, err := w.hub.Send(w.t.Context(), "other", "record.created", []byte(`{}`)); err != nil {
		w.t.Fatal(err)
	}
	w.app = acme
	for _, ep := range append(three, alone) {
		w.until(ep.Description+" fails", func() bool { return !w.stored(ep).FailingSince.IsZero() })
	}
	return three, alone
}

func (w *world) host() string { return strings.TrimPrefix(w.rcv.URL, "http://") }

func TestIssuesOfOneCauseAtOneHostAreOne(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.several(503)
	for _, path := range []string{"/issue", "/"} {
		d := w.get(200, path).says("503 Service Unavailable at "+w.host(), "3 endpoints of 2 applications", "Shelf of Other", "Books of Acme", "404 Not Found", "Elsewhere of Acme")
		if articles := d.all("article", "id"); len(articles) != 2 {
			t.Errorf("%s has the issues %q", path, articles)
		}
	}
	d := w.get(200, w.link(w.get(200, "/issue"), "3 endpoints")).says("503 Service Unavailable at "+w.host(), "3 endpoints of 2 applications.", "Books of Acme", "Stock of Acme", "Shelf of Other").lacks("Elsewhere")
	if n := len(d.all("article", "id")); n != 3 {
		t.Errorf("%d issues are in it", n)
	}
	w.submit(303, d, "Mute").says("The issue is muted", "2 endpoints of 2 applications") // the last of them
	w.get(200, w.link(w.get(200, "/"), "2 endpoints")).says("Shelf", "Stock").lacks("Books")
	w.answers(500, "worse")
	w.message(3, `{}`)
	w.get(200, "/issue").says("500 Internal Server Error at "+w.host(), "2 endpoints of 1 application", "503 Service Unavailable at "+w.host(), "2 endpoints of 2 applications")
	w.get(200, "/issue/group?host=nowhere&cause=status-503").says("Nothing fails so any more")
}

func TestEndpointsOfAnIssueArePausedTogether(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	three, alone := w.several(503)
	ep := w.stored(three[0])
	ep.OnPause = fanfare.OnPauseCancel
	if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	d := w.get(200, w.link(w.get(200, "/issue"), "Pause all…")).says("Pause these endpoints?", "3 endpoints of 2 applications at "+w.host()+": 503 Service Unavailable",
		"what is for them waits", "Of 1 endpoint what waits is cancelled", "Books of Acme", "Stock of Acme", "Shelf of Other").lacks("Elsewhere")
	if w.stored(three[1]).Paused {
		t.Error("the page that asks has paused it")
	}
	w.submit(303, d, "Pause 3 endpoints").says("The endpoints are paused")
	for _, ep := range three {
		if !w.stored(ep).Paused {
			t.Errorf("%s is not paused", ep.Description)
		}
	}
	if w.stored(alone).Paused {
		t.Error("one at another host is paused")
	}
	w.until("nothing fails there", func() bool {
		return !strings.Contains(w.get(200, "/issue").words(), "503 Service Unavailable")
	})
	w.get(200, "/issue/group/confirm/pause?host="+w.host()+"&cause=status-503").says("No endpoint at this host that was looked at fails for that cause").lacks("Pause 3")
}

func TestAnIssueOfSeveralEndpointsIsMuted(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	three, _ := w.several(503)
	d := w.get(200, w.link(w.get(200, "/issue"), "Mute all…")).says("3 endpoints of 2 applications", "until they fail for another cause")
	if err := w.hub.Mute(t.Context(), &fanfare.Mute{Application: three[1].Application, Endpoint: three[1].ID, Cause: "status-503"}); err != nil {
		t.Fatal(err) // somebody else is faster with one of them
	}
	if err := w.hub.DeleteEndpoint(t.Context(), three[0].Application, three[0].ID); err != nil {
		t.Fatal(err)
	}
	w.submit(303, d, "Mute it of 3 endpoints").says("It was done with the endpoints that are still there", "404 Not Found", "Muted (2)").lacks("503 Service Unavailable")
	mutes, err := w.hub.Mutes(t.Context(), fanfare.MuteFilter{Page: fanfare.Page{Limit: 10}})
	if err != nil || len(mutes) != 2 || mutes[0].Endpoint != three[2].ID || mutes[0].Cause != "status-503" {
		t.Errorf("the store has %v, %v", mutes, err)
	}
}

// lined are the recoveries that wait for their endpoint, as endpoint and how much of it.
func (w *world) lined() (all []string) {
	w.t.Helper()
	tasks, err := w.hub.Tasks(w.t.Context(), fanfare.TaskFilter{Page: fanfare.Page{Limit: 100}, States: []fanfare.TaskState{fanfare.TaskRunning}})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, task := range tasks {
		if task.Selection.WhenHealthy {
			all = append(all, fmt.Sprintf("%s %d", task.Endpoint, task.Total))
		}
	}
	slices.Sort(all)
	return all
}

func TestWhatFailedIsPutInLine(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	three, alone := w.several(503)
	d := w.get(200, w.link(w.get(200, "/issue"), "Retry all when healthy…")).says("Retry all when healthy?", "3 deliveries were given up", "tried with one of them a minute at most")
	if all := w.lined(); len(all) != 0 {
		t.Errorf("the page that asks has begun %q", all)
	}
	w.submit(303, d, "Retry all of 3 endpoints").says("What had failed is in line")
	want := []string{string(three[0].ID) + " 1", string(three[1].ID) + " 1", string(three[2].ID) + " 1"}
	slices.Sort(want)
	if got := w.lined(); !slices.Equal(got, want) {
		t.Errorf("in line are %q, want %q", got, want)
	}
	d = w.get(200, "/issue/of/acme/"+string(alone.ID)).says("Why Elsewhere fails", "404 Not Found")
	d = w.get(200, w.link(d, "Retry all when healthy…")).says("Elsewhere", "1 delivery was given up", "tried with one of them a minute at most")
	w.submit(303, d, "Retry 1 message").says("What had failed is in line", "Elsewhere")
	if got := w.lined(); len(got) != 4 {
		t.Errorf("in line are %q", got)
	}
	d = w.get(200, "/issue/of/acme/"+string(alone.ID)).says("1 delivery is sent again once it is healthy").lacks("Retry all when healthy")
	d = w.get(200, w.link(d, "1 delivery is sent again once it is healthy")).says("Until its endpoint is healthy", "0 of 1", "tried with one delivery a minute at most")
	w.submit(303, d, "Cancel").says("The bulk operation is cancelled")
	if got := w.lined(); !slices.Equal(got, want) {
		t.Errorf("in line are %q, want %q", got, want)
	}
	w.get(200, "/issue/of/acme/"+string(alone.ID)).says("Retry all when healthy…").lacks("is sent again once")
}

// TestWhatIsRefusedOfSeveralIsSaid has an application run as many tasks as it may, and
// another run none.
func TestWhatIsRefusedOfSeveralIsSaid(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	three, alone := w.several(503)
	d := w.get(200, w.link(w.get(200, "/issue"), "Retry all when healthy…"))
	for range fanfare.MaxRunningTasks {
		task := fanfare.Task{Kind: fanfare.TaskRecover, Application: w.app.ID, Endpoint: alone.ID, Selection: fanfare.Selection{WhenHealthy: true}}
		if err := w.hub.StartTask(t.Context(), &task); err != nil {
			t.Fatal(err)
		}
	}
	w.submit(409, d, "Retry all of 3 endpoints").says("Not all of it was done", "It was done with 1 of 3 endpoints", "20 tasks of the application run")
	if got := w.lined(); !slices.Contains(got, string(three[2].ID)+" 1") {
		t.Errorf("in line are %q", got)
	}
}

func TestFormsOfSeveralEndpointsAreChecked(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	three, _ := w.several(503)
	before := w.state()
	w.post(422, "/issue/group/do/pause").says("Name between 1 and 25 endpoints")
	w.post(422, "/issue/group/do/pause", "endpoint", "acme").says("no endpoint")
	var many []string
	for range 51 {
		many = append(many, "endpoint", "acme "+string(three[0].ID)+" x")
	}
	w.post(422, "/issue/group/do/pause", many...).says("Name between 1 and 25 endpoints")
	w.post(404, "/issue/group/do/delete", "endpoint", "acme "+string(three[0].ID)+" x")
	w.get(404, "/issue/group/confirm/delete?host="+w.host()+"&cause=status-503")
	w.post(409, "/issue/group/do/retry", "endpoint", "acme "+string(three[0].ID)+" yesterday").says("It was done with 0 of 1 endpoint")
	if after := w.state(); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

// TestMoreIsSaidThanIsLookedAt has more endpoints fail at one host than a page looks at.
func TestMoreIsSaidThanIsLookedAt(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.answers(503, "no")
	for i := range 25 {
		w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = fmt.Sprintf("Shop %d", i) })
	}
	w.message(25, `{}`)
	w.until("all fail", func() bool {
		eps, _, err := w.hub.EveryEndpoint(t.Context(), fanfare.EndpointFilter{Which: fanfare.FailingEndpoints, Limit: 100, Look: 100})
		return err == nil && len(eps) == 25
	})
	w.get(200, "/issue").says("at least 20 endpoints of 1 application", "Shop 24 of Acme")
	w.get(200, "/").says("at least 10 endpoints of 1 application")
	w.get(200, "/issue/group?host="+w.host()+"&cause=status-503").says("25 endpoints of 1 application.").lacks("at least")
}

// TestIssuesArePagedByHost has twelve hosts, and on one of the second page an endpoint that
// is the oldest.
func TestIssuesArePagedByHost(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	for i := range 13 {
		ep := w.endpoint(func(ep *fanfare.Endpoint) {
			ep.Description, ep.URL = fmt.Sprintf("Shop %02d", i), fmt.Sprintf("https://h%d.example.com/", max(i, 1))
		})
		if err := w.store.SetFailingSince(t.Context(), ep.ID, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	d := w.get(200, "/issue").says("Shop 12", "Shop 03").lacks("Shop 02", "Shop 00")
	next := w.link(d, "Older")
	w.get(200, next).says("Shop 02", "Shop 01", "Shop 00").lacks("Shop 03", "Older")
	w.get(200, "/").says("Shop 12", "Shop 10", "All issues").lacks("Shop 09")
}

// TestAnIssueOfALaterPageIsOfThatPage has more endpoints fail than are looked at for a page,
// and two at a host of their own behind them.
func TestAnIssueOfALaterPageIsOfThatPage(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.answers(503, "no")
	two := []*fanfare.Endpoint{w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" }), w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Stock" })}
	w.message(2, `{}`)
	for _, ep := range two {
		w.until(ep.Description+" fails", func() bool { return !w.stored(ep).FailingSince.IsZero() })
	}
	for range fanfare.MaxPage {
		ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.URL = "https://newer.example.com/" })
		if err := w.store.SetFailingSince(t.Context(), ep.ID, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	d := w.get(200, w.link(w.get(200, "/issue").lacks(w.host()), "Older")).says("503 Service Unavailable at "+w.host(), "2 endpoints of 1 application")
	w.get(200, w.link(d, "2 endpoints")).says("2 endpoints of 1 application.", "Books of Acme", "Stock of Acme")
	d = w.get(200, w.link(d, "Pause all…")).says("2 endpoints of 1 application at " + w.host())
	w.get(200, w.link(d, "Leave it as it is")).says("Books of Acme", "Stock of Acme")
	w.submit(303, d, "Pause 2 endpoints").says("The endpoints are paused")
	for _, ep := range two {
		if !w.stored(ep).Paused {
			t.Errorf("%s is not paused", ep.Description)
		}
	}
}

func TestAnEndpointAndItsIssueLeadToEachOther(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	three, alone := w.several(503)
	d := w.get(200, "/app/acme/endpoint/"+string(alone.ID))
	d = w.get(200, w.link(d, "See the issue")).says("Why Elsewhere fails", "404 Not Found", "Pause", "Mute").lacks("All at")
	w.get(200, w.link(d, "Elsewhere")).says("Failing since")
	d = w.get(200, w.link(w.get(200, "/app/acme/endpoint/"+string(three[0].ID)), "See the issue")).says("Why Books fails")
	w.get(200, w.link(d, "All at "+w.host()+": 503 Service Unavailable")).says("3 endpoints of 2 applications")
	well := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description, ep.Paused = "Well", true })
	w.get(200, "/app/acme/endpoint/"+string(well.ID)).lacks("See the issue")
	w.get(200, "/issue/of/acme/"+string(well.ID)).says("Nothing fails there")
	w.get(404, "/issue/of/acme/ep_nobody")
	w.answers(410, "gone")
	w.message(4-1, `{}`)
	w.until("it is disabled", func() bool { return w.stored(three[0]).Disabled })
	d = w.get(200, w.link(w.get(200, "/app/acme/endpoint/"+string(three[0].ID)), "See the issue")).says("Disabled", "Enable again")
	w.enter(fanfare.Capabilities()...)
	w.get(200, "/portal/endpoint/"+string(alone.ID)).says("Failing since", "Retry all when healthy…").lacks("See the issue")
}
