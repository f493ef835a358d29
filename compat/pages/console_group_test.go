package pages_test

import (
	"strings"
	"testing"
)

// paused is how many of these endpoints of an application are.
func (w *world) paused(app string, ids ...string) (n int) {
	w.t.Helper()
	for _, id := range ids {
		var f fare
		if w.api("GET", "/app/"+app+"/endpoint/"+id, "", &f); f.Paused {
			n++
		}
	}
	return n
}

// TestIssuesOfOneHostAreWorkedOffTogether has three endpoints of two applications fail.
func TestIssuesOfOneHostAreWorkedOffTogether(t *testing.T) {
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		var other endpoint
		w.api("POST", "/app", `{"name":"Other","uid":"other"}`, nil)
		w.api("POST", "/app/other/endpoint", `{"url":`+quoted(w.rcv.URL)+`,"description":"Shelf","retry":{"preset":"none"}}`, &other)
		books, stock := w.endpoint(`,"description":"Books"`), w.endpoint(`,"description":"Stock"`)
		w.says(503)
		w.send(2, `{}`)
		w.api("POST", "/app/other/msg", `{"eventType":"a.b","payload":{}}`, nil)
		w.until(func() bool {
			var f fare
			w.api("GET", "/app/other/endpoint/"+other.ID, "", &f)
			return f.FailingSince != nil && w.fare(books).FailingSince != nil && w.fare(stock).FailingSince != nil
		})
		host := strings.TrimPrefix(w.rcv.URL, "http://")
		b.open("/")
		b.shows("503 Service Unavailable at " + host)
		b.open("/issue")
		b.shows("503 Service Unavailable at " + host)
		b.shot("issue-group")
		b.press("3 endpoints")
		b.shows("3 endpoints of 2 applications.")
		b.shows("Shelf of Other")
		b.press("Retry all when healthy…")
		b.shows("3 deliveries were given up")
		b.press("Retry all of 3 endpoints")
		b.shows("What had failed is in line")
		var tasks list[struct{ State string }]
		if w.api("GET", "/background-task?status=running", "", &tasks); len(tasks.Data) != 3 {
			t.Errorf("in line are %v", tasks.Data)
		}
		b.shows("what was given up of 3 endpoints is sent again once it is healthy")
		b.press("Pause all…")
		b.shows("Pause these endpoints?")
		b.shot("issue-group-pause")
		b.press("Pause 3 endpoints")
		b.shows("The endpoints are paused")
		if n := w.paused("acme", books.ID, stock.ID) + w.paused("other", other.ID); n != 3 {
			t.Errorf("%d endpoints are paused", n)
		}
		b.press("Resume these 3 endpoints…")
		b.shows("Resume these endpoints?")
		b.press("Resume 3 endpoints")
		b.shows("The endpoints are resumed")
		if n := w.paused("acme", books.ID, stock.ID) + w.paused("other", other.ID); n != 0 {
			t.Errorf("%d endpoints are still paused", n)
		}
	})
}

// TestAPauseThatCancels cancels what waits for an endpoint.
func TestAPauseThatCancels(t *testing.T) {
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		var ep endpoint
		w.api("POST", "/app/acme/endpoint", `{"url":`+quoted(w.rcv.URL)+`,"description":"Books","retry":{"delays":[3600]}}`, &ep)
		msg := w.fails(ep, 503)
		b.open("/issue")
		b.press("Books")
		b.press("See the issue")
		b.shows("Why Books fails")
		b.press("Books")
		b.press("Pause and cancel…")
		b.shows("1 delivery waits for it")
		b.press("Pause it and cancel 1 delivery")
		b.shows("what waited for it is cancelled")
		if got := w.state(ep, msg); got != "canceled" || !w.fare(ep).Paused {
			t.Errorf("the delivery is %s", got)
		}
		b.open("/no/such/page")
		b.shows("There is no such page")
		b.press("Back to the beginning")
		b.at("/")
	})
}
