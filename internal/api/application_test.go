package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// has fails the test unless the answer's members are those of the JSON object want.
func (a *answer) has(want map[string]any) *answer {
	a.t.Helper()
	got := a.object()
	for name, v := range want {
		if fmt.Sprint(got[name]) != fmt.Sprint(v) {
			a.t.Errorf("%s is %v, want %v", name, got[name], v)
		}
	}
	return a
}

func TestApplications(t *testing.T) {
	w := newWorld(t)
	a := w.do("POST", "/api/v1/app", `{"name":"Acme","uid":"acme","rateLimit":5,"metadata":{"plan":"gold"}}`).want(201)
	a.has(map[string]any{"name": "Acme", "uid": "acme", "rateLimit": 5, "throttleRate": 5, "metadata": map[string]any{"plan": "gold"}})
	id := a.id()
	for _, member := range []string{"createdAt", "updatedAt"} {
		if a.object()[member] == nil {
			t.Errorf("%s is missing", member)
		}
	}
	for _, ref := range []string{"acme", id} {
		if got := w.do("GET", "/api/v1/app/"+ref, "").want(200); string(got.body) != string(a.body) {
			t.Errorf("reading %s gives %s, creating gave %s", ref, got.body, a.body)
		}
	}
	w.do("POST", "/api/v1/app", `{"name":"Other","uid":"acme"}`).want(409).has(map[string]any{"code": "conflict"})
	if got := w.do("POST", "/api/v1/app?get_if_exists=true", `{"name":"Other","uid":"acme"}`).want(200); got.id() != id {
		t.Errorf("get_if_exists gives %s", got.body)
	}
	w.do("POST", "/api/v1/app?get_if_exists=true", `{"name":"New","uid":"new"}`).want(201)
	w.do("PATCH", "/api/v1/app/acme", `{"throttleRate":7}`).want(200).has(map[string]any{"name": "Acme", "uid": "acme", "rateLimit": 7})
	w.do("PATCH", "/api/v1/app/acme", `{"rateLimit":null,"metadata":null}`).want(200).has(map[string]any{"rateLimit": nil, "metadata": map[string]any{}})
	w.do("PUT", "/api/v1/app/acme", `{"name":"Renamed","uid":"acme2"}`).want(200).has(map[string]any{"id": id, "name": "Renamed", "uid": "acme2"})
	w.do("PUT", "/api/v1/app/fresh", `{"name":"Fresh"}`).want(201).has(map[string]any{"uid": "fresh"})
	w.do("PUT", "/api/v1/app/app_00000000000000000000000000", `{"name":"Fresh"}`).want(404)
	w.do("PATCH", "/api/v1/app/acme2", `{"uid":null}`).want(200).has(map[string]any{"uid": nil})
	w.do("DELETE", "/api/v1/app/"+id, "").want(204)
	w.do("GET", "/api/v1/app/"+id, "").want(404)
	w.do("DELETE", "/api/v1/app/"+id, "").want(404)
}

func TestEndpoints(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	a := w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in","uid":"ep","description":"d","filterTypes":["record.*"],
		"channels":["c"],"throttleRate":9,"metadata":{"k":"v"},"headers":{"X-One":"1","X-Auth-Token":"hush"},"secret":"whsec_`+strings.Repeat("QUJD", 8)+`",
		"ordered":true,"retry":{"delays":[1,2.5]},"success":{"statuses":"200-207","contains":"ok"},"timeout":7.5,"maxInFlight":3,"paused":true,"format":"cloudevents"}`).want(201)
	id := a.id()
	a.has(map[string]any{
		"url": "https://example.com/in", "uid": "ep", "description": "d", "version": 1, "disabled": false,
		"filterTypes": []any{"record.*"}, "eventTypes": []any{"record.*"}, "channels": []any{"c"},
		"rateLimit": 9, "throttleRate": 9, "metadata": map[string]any{"k": "v"},
		"ordered": true, "retry": map[string]any{"delays": []any{1, 2.5}}, "success": map[string]any{"statuses": "200-207", "contains": "ok"},
		"timeout": 7.5, "maxInFlight": 3, "paused": true, "format": "cloudevents", "failingSince": nil, "disabledReason": nil,
	})
	path := "/api/v1/app/acme/endpoint/ep"
	for _, p := range []string{path, "/api/v1/app/acme/endpoint/" + id} {
		if got := w.do("GET", p, "").want(200); string(got.body) != string(a.body) {
			t.Errorf("reading gives %s, creating gave %s", got.body, a.body)
		}
	}
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/","uid":"ep"}`).want(409)
	w.do("PATCH", path, `{"eventTypes":["a","b"],"rateLimit":4}`).want(200).
		has(map[string]any{"filterTypes": []any{"a", "b"}, "throttleRate": 4, "description": "d", "ordered": true})
	w.do("PATCH", path, `{"disabled":true,"channels":null,"retry":null,"timeout":null}`).want(200).
		has(map[string]any{"disabled": true, "channels": nil, "retry": map[string]any{"preset": "inherit"}, "timeout": nil})
	put := w.do("PUT", path, `{"url":"https://example.com/new","uid":"ep"}`).want(200)
	put.has(map[string]any{
		"id": id, "url": "https://example.com/new", "description": "", "disabled": false, "eventTypes": nil, "rateLimit": nil,
		"metadata": map[string]any{}, "ordered": true, "paused": true, "maxInFlight": 3, "format": "cloudevents", // what old clients do not know stays
	})
	for _, name := range fanfare.Formats {
		w.do("PATCH", path, `{"format":"`+name+`"}`).want(200).has(map[string]any{"format": name})
	}
	w.do("PATCH", path, `{"format":null}`).want(200).has(map[string]any{"format": "raw"})
	w.do("PUT", "/api/v1/app/acme/endpoint/fresh", `{"url":"https://example.com/"}`).want(201).has(map[string]any{"uid": "fresh", "format": "raw"})
	w.do("PUT", "/api/v1/app/acme/endpoint/ep_00000000000000000000000000", `{"url":"https://example.com/"}`).want(404)
	w.do("DELETE", path, "").want(204)
	w.do("GET", path, "").want(404)
}

func TestEndpointActions(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	path := "/api/v1/app/acme/endpoint/ep"
	secret := func() string {
		key, _ := w.do("GET", path+"/secret", "").want(200).object()["key"].(string)
		return key
	}
	first := secret()
	if !strings.HasPrefix(first, "whsec_") {
		t.Errorf("secret %q", first)
	}
	w.do("POST", path+"/secret/rotate", `{}`).want(204)
	if secret() == first {
		t.Error("rotating keeps the secret")
	}
	w.do("POST", path+"/secret/rotate", "").want(204)
	given := "whsec_" + strings.Repeat("QUJD", 8)
	w.do("POST", path+"/secret/rotate", `{"key":"`+given+`"}`).want(204)
	if secret() != given {
		t.Errorf("secret %q, want %q", secret(), given)
	}
	w.do("PATCH", path, `{"secret":"`+first+`"}`).want(200)
	if secret() != first {
		t.Errorf("secret %q, want %q", secret(), first)
	}

	w.do("PUT", path+"/headers", `{"headers":{"X-One":"1","Authorization":"Bearer hush"}}`).want(204)
	w.do("PATCH", path+"/headers", `{"headers":{"X-Two":"2","x-one":"uno"}}`).want(204)
	a := w.do("GET", path+"/headers", "").want(200)
	if want := `{"headers":{"X-Two":"2","x-one":"uno"},"sensitive":["Authorization"]}`; string(a.body) != want {
		t.Errorf("headers %s, want %s", a.body, want)
	}
	w.do("PATCH", path+"/headers", `{"headers":{"X-Two":null},"deleteHeaders":["AUTHORIZATION"]}`).want(204)
	if got := w.do("GET", path+"/headers", ""); string(got.body) != `{"headers":{"x-one":"uno"},"sensitive":[]}` {
		t.Errorf("headers %s", got.body)
	}

	w.message("acme", `{"eventType":"record.created","payload":{}}`)
	stats := path + "/stats?since=2020-01-01T00:00:00Z&until=2099-01-01T00:00:00Z"
	if got := w.do("GET", stats, "").want(200); string(got.body) != `{"success":0,"pending":1,"sending":0,"fail":0,"canceled":0}` {
		t.Errorf("stats %s", got.body)
	}
	w.do("POST", path+"/pause", `{"waiting":"hold"}`).want(200).has(map[string]any{"paused": true, "cancelled": 0})
	w.do("POST", path+"/pause", `{"waiting":"cancel"}`).want(200).has(map[string]any{"paused": true, "cancelled": 1})
	w.do("POST", path+"/pause", "").want(200)
	if got := w.do("GET", path+"/stats", ""); string(got.body) != `{"success":0,"pending":0,"sending":0,"fail":0,"canceled":1}` {
		t.Errorf("stats %s", got.body)
	}
	w.do("POST", path+"/resume", "").want(200).has(map[string]any{"paused": false})
	w.message("acme", `{"eventType":"record.created","payload":{}}`)
	w.do("GET", path+"/stats?newest=1", "").want(200).has(map[string]any{"pending": 1, "canceled": 0})
	w.do("GET", path+"/stats?newest=2", "").want(200).has(map[string]any{"pending": 1, "canceled": 1})
	w.do("GET", path+"/stats?waiting=2", "").want(200).has(map[string]any{"pending": 1, "canceled": 0})
	w.do("GET", path+"/stats?waiting=2&newest=1", "").want(422)
	w.do("GET", path+"/stats?waiting=10001", "").want(422)
	w.do("GET", path+"/stats?newest=2&until=2020-01-01T00:00:00Z", "").want(200).has(map[string]any{"pending": 0, "canceled": 0})
	for _, none := range []string{"0", "10001", "x"} {
		w.do("GET", path+"/stats?newest="+none, "").want(422)
	}
}

func TestEventTypes(t *testing.T) {
	w := newWorld(t)
	const path = "/api/v1/event-type"
	w.do("POST", path, `{"name":"record.created","description":"d","schemas":{"1":{"type":"object"}},"featureFlags":["beta"],"groupName":"g"}`).want(201).
		has(map[string]any{"name": "record.created", "description": "d", "deprecated": false, "archived": false, "groupName": "g",
			"schemas": map[string]any{"1": map[string]any{"type": "object"}}, "featureFlag": "beta", "featureFlags": []any{"beta"}})
	w.do("POST", path, `{"name":"record.created","description":"d"}`).want(409)
	w.do("PUT", path+"/random_number:generate", `{"description":"with a colon"}`).want(201)
	w.do("PUT", path+"/a%2Fb", `{"description":"with a slash"}`).want(201).has(map[string]any{"name": "a/b"})
	w.do("GET", path+"/a%2Fb", "").want(200).has(map[string]any{"name": "a/b"})
	w.do("GET", path+"/a%2Fb/", "").want(200)
	w.do("GET", path+"/random_number%3Agenerate", "").want(200)
	w.do("PATCH", path+"/record.created", `{"deprecated":true,"featureFlag":null}`).want(200).
		has(map[string]any{"deprecated": true, "description": "d", "featureFlags": nil})
	names := func(query string) (all []string) {
		for _, item := range w.do("GET", path+query, "").want(200).object()["data"].([]any) {
			all = append(all, item.(map[string]any)["name"].(string))
		}
		return all
	}
	if got := fmt.Sprint(names("")); got != "[a/b random_number:generate record.created]" {
		t.Errorf("listed %s", got)
	}
	w.do("DELETE", path+"/record.created", "").want(204)
	if got := fmt.Sprint(names("?with_content=false")); got != "[a/b random_number:generate]" {
		t.Errorf("listed %s", got)
	}
	if got := fmt.Sprint(names("?include_archived=true&order=descending")); got != "[record.created random_number:generate a/b]" {
		t.Errorf("listed %s", got)
	}
	w.do("POST", path, `{"name":"record.created","description":"back"}`).want(201).
		has(map[string]any{"archived": false, "description": "back", "schemas": nil})
	w.do("PUT", path+"/record.created", `{"description":"put","schemas":{"2":{"minimum":12345678901234567890}}}`).want(200)
	if got := w.do("GET", path+"/record.created", ""); !strings.Contains(string(got.body), `"schemas":{"2":{"minimum":12345678901234567890}}`) {
		t.Errorf("schemas are not verbatim: %s", got.body)
	}
	w.do("DELETE", path+"/record.created?expunge=true", "").want(204)
	w.do("GET", path+"/record.created", "").want(404)
}
