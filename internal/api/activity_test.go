package api

import (
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestActivityIsOfAllHubs has a Hub that is gone and the one that answers.
func TestActivityIsOfAllHubs(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/api/v1/app", `{"name":"Acme","uid":"acme"}`).want(201)
	now := time.Now().UTC().Truncate(fanfare.TallyLasts)
	long, old := now.Add(-time.Hour), now.Add(-fanfare.TalliesLast-time.Hour)
	err := w.store.KeepTallies(t.Context(), [16]byte{1}, []fanfare.Tally{
		{Begins: now, Accepted: 1, Delivered: 2, GivenUp: 3, Failed: 4}, {Begins: long, Failed: 5}, {Begins: old, Accepted: 6},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"a","payload":1}`).want(202)
	activity := func(query string) (all []tallyOut) {
		t.Helper()
		var out struct {
			Data []tallyOut
			Done bool
		}
		w.do("GET", "/api/v1/stats/activity"+query, "").want(200).decode(&out)
		if !out.Done {
			t.Error("it is not done")
		}
		for _, a := range out.Data {
			if a.Begins.After(now) { // the next quarter of an hour has begun meanwhile
				last := &all[len(all)-1]
				last.Accepted += a.Accepted
				continue
			}
			all = append(all, a)
		}
		return all
	}
	same := func(what string, got []tallyOut, want ...tallyOut) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %+v, want %+v", what, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: %+v, want %+v", what, got[i], want[i])
			}
		}
	}
	before, present := tallyOut{Begins: long, Failed: 5}, tallyOut{now, 2, 2, 3, 4}
	same("all", activity(""), before, present)
	same("since", activity("?since="+long.Add(time.Second).Format(time.RFC3339)), present)
	same("until", activity("?until="+now.Format(time.RFC3339)), before)
	w.do("GET", "/api/v1/stats/activity?since=yesterday", "").want(422)
}
