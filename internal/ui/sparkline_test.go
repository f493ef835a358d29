package ui_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestEndpointsShowTheirDay has what an earlier server has counted beside what this one
// counts.
func TestEndpointsShowTheirDay(t *testing.T) {
	w := newWorld(t, nil)
	busy, failing := w.endpoint(func(ep *fanfare.Endpoint) { ep.EventTypes = []string{"none"} }), w.endpoint()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.EventTypes = []string{"none"} })
	now := time.Now().UTC().Truncate(time.Hour)
	if left := time.Until(now.Add(time.Hour)); left < 30*time.Second {
		time.Sleep(left)
		now = now.Add(time.Hour)
	}
	of := func(hours int, succeeded, failed int64) fanfare.EndpointTally {
		return fanfare.EndpointTally{Endpoint: busy.ID, Begins: now.Add(-time.Duration(hours) * time.Hour), Succeeded: succeeded, Failed: failed}
	}
	err := w.store.KeepEndpointTallies(t.Context(), [16]byte{1}, []fanfare.EndpointTally{of(24, 5, 5), of(23, 1400, 0), of(2, 1, 1399), of(0, 100, 0)})
	if err != nil {
		t.Fatal(err)
	}
	w.answers(500, "broken")
	w.message(1, `{}`)
	inWords := []string{"1 attempt in 24 hours, 1 failed", "2,900 attempts in 24 hours, 1,399 failed"}
	same := func(what string, got, want []string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	app := "/app/" + string(w.app.ID)
	look := func(list, of string) {
		t.Helper()
		d := w.get(200, list).says("Nothing in 24 hours")
		same("the list says", d.all("svg", "aria-label"), inWords)
		d = w.get(200, of+"/endpoint/"+string(busy.ID)).says(inWords[1])
		same("the hours are", d.all("title", "")[1:], []string{ // but for that of the page
			now.Add(-23*time.Hour).Format("15:04") + " UTC: 1400 succeeded, 0 failed",
			now.Add(-2*time.Hour).Format("15:04") + " UTC: 1 succeeded, 1399 failed",
			now.Format("15:04") + " UTC: 100 succeeded, 0 failed",
		})
		same("they stand at", d.all("rect", "x"), []string{"0", "105", "105", "115"})
		same("they are so high", d.all("rect", "height"), []string{"14", "2", "13", "2"})
		same("they begin at", d.all("rect", "y"), []string{"4", "16", "3", "16"})
		w.get(200, of+"/endpoint/"+string(failing.ID)+"/settings").says(inWords[0])
	}
	look("/portal", "/portal")
	w.asOperator()
	look(app, app)
}

// TestADayIsOfAllChannels and so not shown to who is let into some only, and there is none of
// what is polled.
func TestADayIsOfAllChannels(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Channels = []string{"eu"} })
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Kind, ep.URL, ep.Channels = fanfare.KindPoller, "", []string{"eu"} })
	for _, channels := range [][]string{nil, {"eu"}} {
		token, err := w.hub.CreateSession(t.Context(), &fanfare.Session{Application: w.app.ID, Capabilities: fanfare.Capabilities(), Channels: channels}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		w.cookie = "fanfare_portal=" + token
		d, head := w.get(200, "/portal"), w.get(200, "/portal/endpoint/"+string(ep.ID))
		if channels == nil {
			if got := d.all("td", ""); got[3] != "–" || got[8] != "Nothing in 24 hours" {
				t.Errorf("the table is %q", got)
			}
			head.says("Nothing in 24 hours")
			continue
		}
		d.says("Healthy").lacks("24 hours")
		head.lacks("Nothing in 24 hours")
	}
}
