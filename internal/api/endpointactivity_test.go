package api

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestActivityIsShownIfAskedFor has sheets of two Hubs, and of endpoints of another application.
// It is of all messages, so who is let into some channels only is not told.
func TestActivityIsShownIfAskedFor(t *testing.T) {
	w := newWorld(t)
	ids := map[string]fanfare.EndpointID{}
	for _, app := range []string{"acme", "other"} {
		w.do("POST", "/api/v1/app", `{"name":"x","uid":"`+app+`"}`).want(201)
		for _, channel := range []string{"eu", "us"} {
			id := w.do("POST", "/api/v1/app/"+app+"/endpoint", `{"url":"http://example.com/","uid":"`+channel+`","channels":["`+channel+`"]}`).want(201).id()
			ids[app+" "+channel] = fanfare.EndpointID(id)
		}
	}
	now := time.Now().UTC().Truncate(time.Hour)
	if left := now.Add(time.Hour).Sub(time.Now()); left < 10*time.Second {
		time.Sleep(left)
		now = now.Add(time.Hour)
	}
	of := func(name string, hours int, succeeded, failed int64) fanfare.EndpointTally {
		return fanfare.EndpointTally{Endpoint: ids[name], Begins: now.Add(-time.Duration(hours) * time.Hour), Succeeded: succeeded, Failed: failed}
	}
	for i, some := range [][]fanfare.EndpointTally{
		{of("acme eu", 0, 1, 2), of("acme eu", 23, 3, 0), of("acme eu", 24, 100, 100), of("acme us", 1, 4, 0), of("other eu", 1, 5, 0)},
		{of("acme eu", 0, 10, 20)},
	} {
		if err := w.store.KeepEndpointTallies(t.Context(), [16]byte{byte(i + 1)}, some); err != nil {
			t.Fatal(err)
		}
	}
	type out struct {
		ID       fanfare.EndpointID
		Activity []hourOut
	}
	same := func(what string, got out, want ...hourOut) {
		t.Helper()
		if got.ID == "" || got.Activity == nil || !slices.Equal(got.Activity, want) {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	eu := []hourOut{{now.Add(-23 * time.Hour), 3, 0}, {now, 11, 22}}
	us := hourOut{now.Add(-time.Hour), 4, 0}
	var all struct{ Data []out }
	w.do("GET", "/api/v1/app/acme/endpoint?with_activity=true&order=ascending", "").want(200).decode(&all)
	if len(all.Data) != 2 {
		t.Fatalf("they are %+v", all)
	}
	same("the first", all.Data[0], eu...)
	same("the second", all.Data[1], us)
	var one out
	w.do("GET", "/api/v1/app/acme/endpoint/us?with_activity=true", "").want(200).decode(&one)
	same("one", one, us)
	one = out{}
	w.do("GET", "/api/v1/app/other/endpoint/us?with_activity=true", "").want(200).decode(&one)
	same("one that was sent nothing", one)

	for path, headers := range map[string][]string{
		"/endpoint": nil, "/endpoint/us": nil, "/endpoint?with_activity=false": nil,
		"/endpoint?with_activity=true": {"User-Agent: svix-libs/1.44.0/go"},
	} {
		if a := w.do("GET", "/api/v1/app/acme"+path, "", headers...).want(200); strings.Contains(string(a.body), "activity") {
			t.Errorf("%s %v: %s", path, headers, a.body)
		}
	}
	for _, path := range []string{"/app/acme/endpoint", "/app/acme/endpoint/us", "/operational-webhook/endpoint"} {
		w.do("GET", "/api/v1"+path+"?with_activity=maybe", "").want(422)
	}
	w.do("GET", "/api/v1/operational-webhook/endpoint?with_activity=true", "").want(200)

	s := &fanfare.Session{Application: fanfare.ApplicationID(w.do("GET", "/api/v1/app/acme", "").id()), Capabilities: fanfare.Capabilities()}
	for _, channels := range [][]string{nil, {"us"}} {
		s := *s
		s.Channels = channels
		token, err := w.hub.CreateSession(t.Context(), &s, time.Hour)
		w.ok(err)
		for _, path := range []string{"", "/us"} {
			a := w.as(token, "GET", "/api/v1/app/acme/endpoint"+path+"?with_activity=true", "").want(200)
			if got, want := strings.Contains(string(a.body), "activity"), channels == nil; got != want {
				t.Errorf("who is let into the channels %q is shown %s", channels, a.body)
			}
		}
		w.as(token, "GET", "/api/v1/app/other/endpoint?with_activity=true", "").want(404)
	}
}
