package pages_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A fare is how an endpoint fares, as the API has it.
type fare struct {
	URL              string
	Disabled, Paused bool
	FailingSince     *time.Time
}

func (w *world) fare(ep endpoint) (f fare) {
	w.t.Helper()
	w.api("GET", "/app/acme/endpoint/"+ep.ID, "", &f)
	return f
}

// says has the receiver answer everything with a status.
func (w *world) says(status int) {
	w.answers(func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "as told", status) })
}

// fails has an endpoint fail once with a status.
func (w *world) fails(ep endpoint, status int) message {
	w.t.Helper()
	w.says(status)
	msg := w.send(1, `{"name":"small"}`)
	w.until(func() bool { f := w.fare(ep); return f.FailingSince != nil || f.Disabled })
	return msg
}

// state is where a message's delivery to an endpoint stands, in the API's word.
func (w *world) state(ep endpoint, msg message) string {
	w.t.Helper()
	var all list[struct{ ID, StatusText string }]
	w.api("GET", "/app/acme/msg/"+msg.ID+"/endpoint?expanded_statuses=true", "", &all)
	for _, d := range all.Data {
		if d.ID == ep.ID {
			return d.StatusText
		}
	}
	return ""
}

// causes are what is muted.
func (w *world) causes() (all []string) {
	w.t.Helper()
	var mutes list[struct{ Cause string }]
	w.api("GET", "/mute", "", &mutes)
	for _, m := range mutes.Data {
		all = append(all, m.Cause)
	}
	return all
}

// TestIssuesAreWorkedOff does all that can be done with an issue.
func TestIssuesAreWorkedOff(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		told := make(chan string, 10)
		w.api("POST", "/operational-webhook/endpoint", `{"url":`+quoted(w.rcv.URL+"/told")+`,"filterTypes":["endpoint.failing"]}`, nil)
		ep := w.endpoint(`,"description":"Books"`)
		msg := w.fails(ep, 503)
		w.answers(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/told" {
				text, _ := io.ReadAll(r.Body)
				told <- string(text)
				return
			}
			http.Error(rw, "as told", 503)
		})
		b.open("/issue")
		b.shows("503 Service Unavailable")
		b.shows("Books of Acme")
		b.shot("issues")
		b.press("Mute")
		b.shows("The issue is muted")
		b.lacks("503 Service Unavailable")
		if got := fmt.Sprint(w.causes()); got != "[status-503]" {
			t.Errorf("muted is %s", got)
		}
		b.open("/")
		b.shows("1 endpoint")
		b.lacks("What fails")
		b.open("/issue")
		b.press("Muted (1)")
		b.shows("503 Service Unavailable")
		b.press("Unmute")
		b.shows("Nothing is muted")
		if got := w.causes(); len(got) != 0 {
			t.Errorf("muted still is %q", got)
		}
		b.press("See the issues")
		b.press("Notify")
		b.shows("The operational endpoints are told")
		select {
		case text := <-told:
			if !strings.Contains(text, ep.ID) || !strings.Contains(text, "503 Service Unavailable") {
				t.Errorf("they were told %s", text)
			}
		case <-time.After(patience):
			t.Error("nobody was told")
		}
		b.press("Pause")
		b.shows("The endpoint is paused")
		if !w.fare(ep).Paused {
			t.Error("it is not paused")
		}
		w.until(func() bool { return w.fare(ep).FailingSince == nil }) // what is sent nothing does not fail
		b.open("/issue")
		b.shows("Nothing fails")
		w.api("POST", "/app/acme/endpoint/"+ep.ID+"/resume", `{}`, nil)
		more := w.fails(ep, 503)

		b.open("/issue")
		b.press("Recover failed…")
		b.shows("2 deliveries were given up")
		w.answers(nil)
		b.press("Send 2 messages")
		b.shows("What had failed is being sent again")
		w.until(func() bool { return w.state(ep, more) == "success" })
		w.until(func() bool { return w.state(ep, msg) == "success" })
		w.until(func() bool { return w.fare(ep).FailingSince == nil })
		b.open("/issue")
		b.shows("Nothing fails")

		w.answers(func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, w.rcv.URL+"/there", http.StatusMovedPermanently)
		})
		w.send(1, `{}`)
		w.until(func() bool { return w.fare(ep).FailingSince != nil })
		b.open("/issue")
		b.press("Use " + w.rcv.URL + "/there")
		b.shows("The endpoint has the new URL")
		if got := w.fare(ep).URL; got != w.rcv.URL+"/there" {
			t.Errorf("its URL is %s", got)
		}
		w.fails(ep, 410)
		w.until(func() bool { return w.fare(ep).Disabled })
		b.open("/issue")
		b.shows("Disabled by Fanfare")
		b.press("Enable again")
		b.shows("The endpoint is enabled again")
		if w.fare(ep).Disabled {
			t.Error("it is still disabled")
		}
	})
}

// TestApplicationsAreLookedAfter does all that can be done with an application.
func TestApplicationsAreLookedAfter(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		var app struct {
			ID, UID, Name string
			RateLimit     *int
		}
		b.open("/app")
		b.press("Add application")
		b.shows("Your own id for it")
		b.fill("name", "Second")
		b.fill("uid", "acme")
		b.press("Add application")
		b.shows("is taken by another application")
		b.fill("uid", "second")
		b.fill("rateLimit", "7")
		b.press("Add application")
		b.shows("The application is there")
		b.shot("application")
		w.api("GET", "/app/second", "", &app)
		if app.Name != "Second" || app.RateLimit == nil || *app.RateLimit != 7 {
			t.Errorf("the application is %+v", app)
		}
		b.open("/app/second/settings")
		b.fill("name", "Third")
		b.fill("rateLimit", "")
		b.press("Save")
		b.shows("The application is saved")
		w.api("GET", "/app/second", "", &app)
		if app.Name != "Third" || app.RateLimit != nil {
			t.Errorf("the application is %+v", app)
		}
		b.open("/app?search=thir")
		b.reads("Third")
		if b.hasRowNow("Acme") {
			t.Error("the search finds others")
		}
		b.open("/app/second/delete")
		b.fill("confirm", "third")
		b.press("Delete it")
		b.shows("Write its name")
		b.fill("confirm", "Third")
		b.press("Delete it")
		b.shows("The application is deleted")
		if status, _ := w.asked(adminKey, "GET", "/api/v1/app/second", ""); status != 404 {
			t.Errorf("the application is answered %d", status)
		}

		w.endpoint("")
		w.endpoint("")
		w.says(500)
		w.send(2, `{}`)
		w.answers(nil)
		b.open("/app/acme")
		b.press("Count the last 30 days")
		b.shows("1 message, 2 deliveries in the last 30 days")
		b.press("Recover failed…")
		b.shows("2 deliveries are given up")
		b.press("Send 2 deliveries again")
		b.shows("2 of 2")
		w.until(func() bool {
			done := 0
			for _, ep := range w.endpoints() {
				if ds := w.deliveries(ep.ID); len(ds) == 1 && ds[0].Status == 0 {
					done++
				}
			}
			return done == 2
		})
	})
}

// hasRowNow reports whether a row of a table has a text.
func (b *tab) hasRowNow(text string) bool {
	b.t.Helper()
	return eval[bool](b, `[...document.querySelectorAll("tbody tr")].some(r => r.innerText.includes(`+quoted(text)+`))`)
}

// TestPortalLinksAreMadeAndEnded makes links that let do different things, sees what they
// let, and ends them; and looks into the portal as its customer does.
func TestPortalLinksAreMadeAndEnded(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		may := func(token string) (look, change bool) {
			status, _ := w.asked(token, "GET", "/api/v1/app/acme/endpoint", "")
			look = status == 200
			status, _ = w.asked(token, "POST", "/api/v1/app/acme/endpoint", `{"url":`+quoted(w.rcv.URL)+`}`)
			return look, status == 201
		}
		link := func(without ...string) string {
			b.open("/app/acme")
			for _, name := range without {
				b.click(`[name="` + name + `"]`)
			}
			b.press("Make a link")
			b.shows("It is not shown again")
			_, token, _ := strings.Cut(eval[string](b, `document.querySelector("#link code").textContent`), "#key=")
			return token
		}
		all, some := link(), link("ManageEndpoint")
		if look, change := may(all); !look || !change {
			t.Errorf("a link for everything lets look: %v, change: %v", look, change)
		}
		if look, change := may(some); !look || change {
			t.Errorf("a link without that lets look: %v, change: %v", look, change)
		}
		b.open("/app/acme")
		b.press("End all links…")
		b.shows("End all links to the portal?")
		b.press("End all links")
		b.shows("All links to the portal have ended")
		for _, token := range []string{all, some} {
			if status, _ := w.asked(token, "GET", "/api/v1/app/acme/endpoint", ""); status != 401 {
				t.Errorf("a link that has ended is answered %d", status)
			}
		}
		b.press("See the portal as they do")
		b.shows("Event types")
		if got := eval[string](b, `location.pathname`); got != "/portal" {
			t.Errorf("it leads to %s", got)
		}
		b.shows(w.rcv.URL)
		b.open("/app/acme")
		b.shows("Make a link") // and the console is still there
	})
}
