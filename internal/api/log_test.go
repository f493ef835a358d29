package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTheLogSaysWhatBecameOfMessages(t *testing.T) {
	refusing := true
	running(t, func(w http.ResponseWriter, r *http.Request) {
		if refusing && r.URL.Path == "/b" {
			w.WriteHeader(500)
		}
	}, func(t *testing.T, w *world) {
		w.app("acme")
		var eps []string
		for _, ep := range []string{"a", "b"} {
			made := w.do("POST", "/api/v1/app/acme/endpoint", `{"uid":"`+ep+`","url":"http://example.com/`+ep+`","retry":{"delays":[60]}}`).want(201).object()
			eps = append(eps, made["id"].(string))
		}
		first := w.message("acme", `{"eventType":"x","payload":{"n":1},"eventId":"first","tags":["t"]}`)
		time.Sleep(time.Second)
		stands := func(query string) string {
			t.Helper()
			var all []string
			for _, item := range w.do("GET", "/api/v1/app/acme/log?"+query, "").items() {
				line := fmt.Sprint(item["eventId"])
				for i, d := range item["deliveries"].([]any) {
					d := d.(map[string]any)
					if d["endpointId"] != eps[i] {
						t.Errorf("delivery %d is %v, want to %s", i, d, eps[i])
					}
					line += fmt.Sprintf(" %v/%v/%v/%v", d["statusText"], d["status"], d["attempts"], d["nextAttempt"] != nil)
				}
				all = append(all, line)
			}
			var listed []string
			for _, item := range w.do("GET", "/api/v1/app/acme/msg?"+query, "").items() {
				listed = append(listed, fmt.Sprint(item["eventId"]))
			}
			if len(listed) != len(all) {
				t.Errorf("?%s: the list of messages has %v, the log %v", query, listed, all)
			}
			return strings.Join(all, ", ")
		}
		if got, want := stands(""), "first success/0/1/false pending/1/1/true"; got != want {
			t.Errorf("at first %s, want %s", got, want)
		}
		time.Sleep(56 * time.Second) // shortly before it is given up
		etag := w.do("GET", "/api/v1/app/acme/msg?status=1", "").want(200).header.Get("Etag")
		w.do("GET", "/api/v1/app/acme/msg?status=1", "", "If-None-Match: "+etag).want(304)
		time.Sleep(8 * time.Second)
		if got := w.do("GET", "/api/v1/app/acme/msg?status=1", "", "If-None-Match: "+etag).items(); len(got) != 0 {
			t.Errorf("what has ended is pending: %v", got)
		}
		refusing = false
		w.do("POST", "/api/v1/app/acme/endpoint/b/resume", "")
		w.message("acme", `{"eventType":"y","payload":1,"eventId":"second"}`)
		time.Sleep(10 * time.Minute)
		const one, two = "first success/0/1/false fail/2/2/false", "second success/0/1/false success/0/1/false"
		for query, want := range map[string]string{
			"": two + ", " + one, "order=ascending": one + ", " + two, "tag=t": one, "event_types=y": two,
			"status=0": two + ", " + one, "status=1": "", "status=2": one, "status=4": "",
			"delivered=false": one, "delivered=true": two + ", " + one, "delivered=false&event_types=y": "", "limit=1": two,
		} {
			if got := stands(query); got != want {
				t.Errorf("?%s: %s, want %s", query, got, want)
			}
		}
		if got := w.do("GET", "/api/v1/app/acme/log?limit=1&with_content=false", "").items()[0]; asJSON(t, got["payload"]) != `{}` {
			t.Errorf("without content: %v", got)
		}
		for _, query := range []string{"status=5", "status=x", "delivered=x", "status=1&delivered=false", "limit=0"} {
			w.do("GET", "/api/v1/app/acme/log?"+query, "").want(422)
			w.do("GET", "/api/v1/app/acme/msg?"+query, "").want(422)
		}
		w.do("GET", "/api/v1/app/acme/msg?status=1&wait=1", "").want(422)
		var p page
		w.do("GET", "/api/v1/app/acme/log?limit=1", "").decode(&p)
		w.do("GET", "/api/v1/app/acme/msg?limit=1&iterator="+*p.Iterator, "").want(400)
		w.do("GET", "/api/v1/app/acme/log?limit=1&delivered=false&iterator="+*p.Iterator, "").want(400)
		w.do("GET", "/api/v1/app/acme/msg/"+first, "").want(200)
	})
}

func TestUsageIsCounted(t *testing.T) {
	w := newWorld(t)
	acme, other := w.app("acme"), w.app("other")
	w.endpoint("acme", "one")
	w.endpoint("acme", "two")
	for range 3 {
		w.message("acme", `{"eventType":"x","payload":1}`)
	}
	w.message("other", `{"eventType":"y","payload":1}`)
	const span = `"since":"2020-01-01T00:00:00Z","until":"2999-01-01T00:00:00Z"`
	count := func(body string) map[string]any {
		t.Helper()
		out := w.do("POST", "/api/v1/stats/usage/app", body).want(200).object()
		if out["status"] != "finished" || out["task"] != "application.stats" || out["updatedAt"] == nil {
			t.Errorf("counted: %v", out)
		}
		if again := w.do("GET", "/api/v1/background-task/"+out["id"].(string), "").want(200).object(); asJSON(t, again) != asJSON(t, out) {
			t.Errorf("as a task it is %v, want %v", again, out)
		}
		return out
	}
	ofAcme := `{"appId":"` + acme + `","messageDestinations":6,"messages":3}`
	ofOther := `{"appId":"` + other + `","messageDestinations":0,"messages":1}`
	for body, want := range map[string][2]string{
		`{` + span + `}`: {`{"applications":[` + ofAcme + `,` + ofOther + `]}`, `[]`},
		`{` + span + `,"appIds":["other","nobody"]}`: {`{"applications":[` + ofOther + `]}`, `["nobody"]`},
		`{` + span + `,"appIds":[]}`:                 {`{"applications":[]}`, `[]`},
		`{"since":"2998-01-01T00:00:00Z","until":"2999-01-01T00:00:00Z","appIds":["acme"]}`: {
			`{"applications":[{"appId":"` + acme + `","messageDestinations":0,"messages":0}]}`, `[]`},
	} {
		out := count(body)
		if asJSON(t, out["data"]) != want[0] || asJSON(t, out["unresolvedAppIds"]) != want[1] {
			t.Errorf("%s: %s, %s; want %s", body, asJSON(t, out["data"]), asJSON(t, out["unresolvedAppIds"]), want)
		}
	}
	types := w.do("PUT", "/api/v1/stats/usage/event-types", "").want(200).object()
	if want := `{"eventTypes":[{"eventType":"x","messageDestinations":6,"messages":3},{"eventType":"y","messageDestinations":0,"messages":1}]}`; asJSON(t, types["data"]) != want || types["task"] != "event-type.aggregate" {
		t.Errorf("by type: %s, want %s", asJSON(t, types), want)
	}
	_, key := w.makeKey(`{"name":"k","scopes":["messages:read"],"application":"acme"}`)
	w.as(key, "GET", "/api/v1/background-task/"+types["id"].(string), "").want(404)
	w.do("GET", "/api/v1/background-task/qtask_0000000000000000000000000Z", "").want(404)
	for _, body := range []string{`{}`, `{"since":"2020-01-01T00:00:00Z"}`, `{"since":"2020-01-01T00:00:00Z","until":"2019-01-01T00:00:00Z"}`,
		`{` + span + `,"appIds":["acme"` + strings.Repeat(`,"acme"`, 1000) + `]}`} {
		w.do("POST", "/api/v1/stats/usage/app", body).want(422)
	}
}
