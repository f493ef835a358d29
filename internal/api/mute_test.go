package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestMutes(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	w.endpoint("acme", "other")
	const at = "/api/v1/app/acme/endpoint/ep/mute"
	made := w.do("POST", at, `{"cause":"status-503"}`).want(201).object()
	w.do("POST", at, `{"cause":"status-503"}`).want(409).says("muted already")
	w.do("POST", at, `{"cause":"timeout"}`).want(201)
	w.do("POST", "/api/v1/app/acme/endpoint/other/mute", `{"cause":"timeout"}`).want(201)
	for _, wrong := range []string{`{}`, `{"cause":""}`, `{"cause":"Status 503"}`, `{"cause":"` + strings.Repeat("a", 65) + `"}`} {
		w.do("POST", at, wrong).want(422).says("cause")
	}
	w.do("POST", "/api/v1/app/acme/endpoint/nobody/mute", `{"cause":"timeout"}`).want(404)
	of := w.do("GET", at, "").want(200)
	if s := string(of.body); strings.Count(s, `"cause"`) != 2 || !strings.Contains(s, `"cause":"status-503"`) {
		t.Errorf("the endpoint's are %s", s)
	}
	all := w.do("GET", "/api/v1/mute?limit=2", "").want(200)
	if s := string(all.body); strings.Count(s, `"cause"`) != 2 || strings.Contains(s, "status-503") {
		t.Errorf("the two newest are %s", s)
	}
	rest := w.do("GET", "/api/v1/mute?limit=2&iterator="+all.object()["iterator"].(string), "").want(200)
	if s := string(rest.body); strings.Count(s, `"cause"`) != 1 || !strings.Contains(s, "status-503") {
		t.Errorf("the third is %s", s)
	}
	id := made["id"].(string)
	w.do("DELETE", "/api/v1/app/acme/endpoint/other/mute/"+id, "").want(404)
	w.do("DELETE", at+"/"+id, "").want(204)
	w.do("DELETE", at+"/"+id, "").want(404)
	w.do("GET", at, "").want(200).says(`"timeout"`)
	w.do("GET", "/api/v1/audit", "").want(200).says("endpoint.mute", "endpoint.unmute")
}

func TestNotifyTellsTheOperationalEndpoints(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	id := w.endpoint("acme", "ep")
	const at = "/api/v1/app/acme/endpoint/ep/notify"
	w.do("POST", at, `{}`).want(422).says("does not fail")
	w.ok(w.store.SetFailingSince(t.Context(), fanfare.EndpointID(id), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
	w.do("POST", at, `{}`).want(409).says("no operational endpoint")
	w.do("POST", operational, `{"url":"https://example.com/in","filterTypes":["endpoint.deleted"]}`).want(201)
	w.do("POST", at, `{}`).want(409)
	w.do("POST", operational, `{"url":"https://example.com/in","filterTypes":["endpoint.failing"]}`).want(201)
	w.do("POST", at, `{"reason":"`+strings.Repeat("x", 1001)+`"}`).want(422).says("reason")
	for range 2 { // as often as it is asked for
		w.do("POST", at, `{"reason":"Its certificate has expired."}`).want(204)
	}
	msgs, err := w.store.Messages(t.Context(), fanfare.OperationalApplication, fanfare.MessageFilter{Page: fanfare.Page{Limit: 10}})
	w.ok(err)
	if len(msgs) != 2 {
		t.Fatalf("they were told %d times", len(msgs))
	}
	var told struct {
		Type string
		Data map[string]any
	}
	w.ok(json.Unmarshal(msgs[0].Payload, &told))
	for name, want := range map[string]any{"endpointId": id, "appUid": "acme", "failSince": "2026-01-02T03:04:05Z", "trigger": "manual", "reason": "Its certificate has expired."} {
		if got := told.Data[name]; got != want || told.Type != "endpoint.failing" {
			t.Errorf("they were told %s with %s %v, want %v", told.Type, name, got, want)
		}
	}
}
