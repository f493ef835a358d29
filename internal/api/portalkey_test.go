package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

const portalKeys = "/api/v1/app/acme/key"

// keyBy has someone make a key of acme's portal.
func (w *world) keyBy(token, body string) (id, secret string) {
	w.t.Helper()
	made := w.as(token, "POST", portalKeys, body).want(201).object()
	return made["id"].(string), made["token"].(string)
}

// keysOf are the ids of the keys of acme's portal that someone sees.
func (w *world) keysOf(token, query string) []string {
	w.t.Helper()
	var ids []string
	for _, k := range w.as(token, "GET", portalKeys+query, "").want(200).items() {
		ids = append(ids, k["id"].(string))
	}
	return ids
}

func TestCustomersMakeAndEndKeys(t *testing.T) {
	w := newWorld(t)
	acme := w.app("acme")
	w.app("other")
	provider, _ := w.makeKey(`{"name":"ours","scopes":["messages:read"],"application":"acme"}`)
	token := w.begin(`{"capabilities":["ManageKeys","ManageEndpoint"]}`)
	one, secret := w.keyBy(token, `{"name":"reports","scopes":["messages:read","endpoints:read"],"expiresAt":"2999-01-02T03:04:05Z"}`)
	two, _ := w.keyBy(token, `{"name":"deploy","scopes":["endpoints:write"]}`)
	list := w.as(token, "GET", portalKeys, "").want(200)
	first := list.items()[1]
	delete(first, "createdAt")
	want := `{"application":"` + acme + `","channels":null,"expiresAt":"2999-01-02T03:04:05Z","id":"` + one + `","lastUsedAt":null,"name":"reports","portal":true,"scopes":["messages:read","endpoints:read"]}`
	if got := asJSON(t, first); got != want || strings.Contains(string(list.body), "fan_own_") || !strings.HasPrefix(secret, "fan_own_") {
		t.Errorf("the key is %s, want %s", got, want)
	}
	if got := w.keysOf(token, "?limit=1"); !slices.Equal(got, []string{two}) {
		t.Errorf("a page of one is %v", got)
	}
	if got := w.keysOf(token, "?order=ascending"); !slices.Equal(got, []string{one, two}) {
		t.Errorf("they see %v, want %s and %s", got, one, two)
	}
	w.as(secret, "GET", "/api/v1/app/acme/msg", "").want(200)
	w.as(secret, "POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/"}`).want(403)
	w.as(secret, "GET", "/api/v1/app/other/msg", "").want(404)
	w.as(secret, "GET", portalKeys, "").want(403)
	w.as(token, "DELETE", portalKeys+"/"+provider, "").want(404)
	theirs := w.do("POST", "/api/v1/app/other/key", `{"name":"x","scopes":["messages:read"]}`).want(201).id()
	w.as(token, "DELETE", portalKeys+"/"+theirs, "").want(404)
	w.as(token, "DELETE", "/api/v1/app/other/key/"+theirs, "").want(404)
	w.as(token, "DELETE", portalKeys+"/"+one, "").want(204)
	w.as(token, "DELETE", portalKeys+"/"+one, "").want(404)
	w.as(secret, "GET", "/api/v1/app/acme/msg", "").want(401)
	if got := w.keysOf(testKey, ""); !slices.Equal(got, []string{two}) {
		t.Errorf("the provider sees %v, want %s", got, two)
	}
	actor := w.sessionOf(token).ID()
	for _, id := range []string{one, two} {
		for i, e := range w.audit("object=" + id) {
			if want := []string{"api-key.create", "api-key.revoke"}[i]; e.Actor != actor || e.Action != want || e.Application != acme {
				t.Errorf("the audit log has %+v, want %s by %s", e, want, actor)
			}
		}
	}
	if n := len(w.audit("object=" + one)); n != 2 {
		t.Errorf("the audit log has %d entries of the key, want 2", n)
	}
	w.do("POST", "/api/v1/auth/app/acme/expire-all", "{}").want(204)
	w.as(token, "GET", portalKeys, "").want(401)
}

// TestKeysOfPortalsHaveNoMore: what a session has not, it cannot give, and what no session
// has, no scope gives.
func TestKeysOfPortalsHaveNoMore(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	for capability, scopes := range map[string]string{
		"ManageTransformations": "", "ManageEndpointSecret": "", "CreateAttempts": "messages:write", "ManageEndpoint": "endpoints:write",
	} {
		token := w.begin(`{"capabilities":["ManageKeys","` + capability + `"]}`)
		for _, scope := range fanfare.Scopes() {
			want := 422
			if strings.Contains("messages:read endpoints:read event-types:read "+scopes, string(scope)) {
				want = 201
			}
			w.as(token, "POST", portalKeys, `{"name":"k","scopes":["`+string(scope)+`"]}`).want(want)
			if strings.Contains("messages:read endpoints:read event-types:read messages:write endpoints:write", string(scope)) {
				want = 201
			}
			w.do("POST", portalKeys, `{"name":"k","scopes":["`+string(scope)+`"]}`).want(want)
		}
		w.as(w.begin(`{"capabilities":["`+capability+`"]}`), "POST", portalKeys, `{"name":"k","scopes":["messages:read"]}`).want(403)
	}
	for _, scopes := range []string{"[]", `["admin"]`, `["endpoints:write"]`, `["messages:read","messages:read"]`} { // it is told what it can give, and no more
		a := w.as(w.begin(`{"capabilities":["ManageKeys","CreateAttempts"]}`), "POST", portalKeys, `{"name":"k","scopes":`+scopes+`}`).want(422)
		if !strings.Contains(string(a.body), `: messages:read, endpoints:read, event-types:read, messages:write"`) {
			t.Errorf("%s is answered %s", scopes, a.body)
		}
	}
	w.as(w.begin(""), "POST", portalKeys, `{"name":"k","scopes":["messages:read"]}`).want(403)
	for _, body := range []string{
		`{"name":"","scopes":["messages:read"]}`, `{"name":"k","scopes":[]}`, `{"name":"k"}`, `{"name":"` + LoginPrefix + `Ada","scopes":["messages:read"]}`,
		`{"name":"k","scopes":["messages:read","messages:read"]}`, `{"name":"k","scopes":["messages:read"],"expiresAt":"2001-01-01T00:00:00Z"}`,
	} {
		w.do("POST", portalKeys, body).want(422)
	}

	all := `"messages:read","messages:write","endpoints:read","endpoints:write","event-types:read"`
	_, key := w.keyBy(w.begin(`{"capabilities":["ManageKeys","ManageEndpoint","CreateAttempts"]}`), `{"name":"k","scopes":[`+all+`]}`)
	w.do("POST", "/api/v1/event-type", `{"name":"open"}`).want(201)
	w.do("POST", "/api/v1/event-type", `{"name":"flagged","featureFlag":"beta"}`).want(201)
	if got := w.as(key, "GET", "/api/v1/event-type", "").want(200).items(); len(got) != 1 || got[0]["name"] != "open" {
		t.Errorf("it is shown the event types %v", got)
	}
	w.as(key, "GET", "/api/v1/event-type/flagged", "").want(404)
	_, narrow := w.keyBy(testKey, `{"name":"k","scopes":["messages:read"]}`)
	for path, want := range map[string]string{ // what it lacks is said as what it can be given
		"/endpoint": `a key with the scope \"endpoints:write\"`, "/msg": "Neither a portal session nor a key made in one",
	} {
		if a := w.as(narrow, "POST", "/api/v1/app/acme"+path, `{}`).want(403); !strings.Contains(string(a.body), want) {
			t.Errorf("%s is answered %s, want %s", path, a.body, want)
		}
	}
	w.as(key, "POST", "/api/v1/app/acme/msg", `{"eventType":"open","payload":{}}`).want(403)
	w.as(key, "POST", "/api/v1/app/acme/source", `{"profile":"none"}`).want(403)
	w.as(key, "POST", "/api/v1/app/acme/msg/export", `{}`).want(403)
	w.as(key, "POST", "/api/v1/auth/app-portal-access/acme", "").want(403)
	w.as(key, "POST", "/api/v1/auth/logout", "").want(403)
	w.as(key, "GET", "/api/v1/auth/access", "").want(200)
	ep := w.as(key, "POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/"}`).want(201).id()
	w.as(key, "GET", "/api/v1/app/acme/endpoint/"+ep+"/secret", "").want(200)
	w.as(key, "PATCH", "/api/v1/app/acme/endpoint/"+ep+"/transformation", `{"code":"x"}`).want(403)
	task := w.do("POST", "/api/v1/app/acme/msg/export", `{}`).want(202).id()
	if a := w.as(key, "POST", "/api/v1/background-task/"+task+"/cancel", ""); a.status != 403 {
		t.Errorf("an export is cancelled with %d: %s", a.status, a.body)
	}
}

// TestNarrowedSessionsSeeToTheirKeysOnly: whoever is let into some channels makes keys
// for these, and finds no others.
func TestNarrowedSessionsSeeToTheirKeysOnly(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	whole := w.begin(`{"capabilities":["ManageKeys"]}`)
	wide := w.begin(`{"capabilities":["ManageKeys"],"channels":["eu","us"]}`)
	narrow := w.begin(`{"capabilities":["ManageKeys"],"channels":["eu"]}`)
	const body = `{"name":"k","scopes":["messages:read"]}`
	of := map[string]string{}
	ids := map[string]string{}
	for name, token := range map[string]string{"whole": whole, "wide": wide, "narrow": narrow} {
		ids[name], of[name] = w.keyBy(token, body)
	}
	for _, test := range []struct {
		token string
		sees  []string
	}{{whole, []string{"narrow", "whole", "wide"}}, {wide, []string{"narrow", "wide"}}, {narrow, []string{"narrow"}}} {
		var want []string
		for _, name := range test.sees {
			want = append(want, ids[name])
		}
		got := w.keysOf(test.token, "")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("the keys are %v, want %v, those of %v", got, want, test.sees)
		}
	}
	w.as(narrow, "DELETE", portalKeys+"/"+ids["wide"], "").want(404)
	w.as(narrow, "DELETE", portalKeys+"/"+ids["whole"], "").want(404)
	eu := w.message("acme", `{"eventType":"x","payload":1,"channels":["eu"]}`)
	de := w.message("acme", `{"eventType":"x","payload":1,"channels":["de"]}`)
	w.as(of["narrow"], "GET", "/api/v1/app/acme/msg/"+eu, "").want(200)
	w.as(of["narrow"], "GET", "/api/v1/app/acme/msg/"+de, "").want(404)
	w.as(of["whole"], "GET", "/api/v1/app/acme/msg/"+de, "").want(200)
	w.as(wide, "DELETE", portalKeys+"/"+ids["narrow"], "").want(204)
	w.as(of["narrow"], "GET", "/api/v1/app/acme/msg/"+eu, "").want(401)
}

func TestKeysOfPortalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOn(t, storetest.NewModel(), &fanfare.Options{})
		w.app("acme")
		w.app("other")
		token := w.begin(`{"capabilities":["ManageKeys"]}`)
		end := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		for i := range fanfare.MaxPortalKeys {
			w.keyBy(token, fmt.Sprintf(`{"name":"k%d","scopes":["messages:read"],"expiresAt":%q}`, i, end))
		}
		a := w.as(token, "POST", portalKeys, `{"name":"k","scopes":["messages:read"]}`).want(409)
		if !strings.Contains(string(a.body), "There are 100 keys already") {
			t.Errorf("one too many is answered %s", a.body)
		}
		w.do("POST", "/api/v1/app/other/key", `{"name":"k","scopes":["messages:read"]}`).want(201)
		w.makeKey(`{"name":"ours","scopes":["messages:read"],"application":"acme"}`)
		if got := w.keysOf(token, "?limit=250"); len(got) != fanfare.MaxPortalKeys {
			t.Errorf("there are %d", len(got))
		}
	})
}
