package api

import (
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/email"
)

const alertPath = "/api/v1/app/acme/alert-email"

// TestAlertEmails: the provider sets where a customer wants to be written to, and so does
// the customer, who can change no more of the application.
func TestAlertEmails(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/api/v1/app", `{"name":"Acme","uid":"acme","alertEmail":"yogi@example.com"}`).want(201).has(map[string]any{"alertEmail": "yogi@example.com"})
	const agent = "User-Agent: svix-libs/1.44.0/go"
	if a := w.do("GET", "/api/v1/app/acme", "", agent).want(200); strings.Contains(string(a.body), "alert") {
		t.Errorf("a strict client is shown %s", a.body)
	}
	w.do("PUT", "/api/v1/app/acme", `{"name":"Acme","uid":"acme"}`, agent).want(200)
	w.do("GET", "/api/v1/app/acme", "").want(200).has(map[string]any{"alertEmail": "yogi@example.com"})
	w.do("PATCH", "/api/v1/app/acme", `{"alertEmail":null}`).want(200).has(map[string]any{"alertEmail": nil})
	w.do("PUT", "/api/v1/app/acme", `{"name":"Acme","uid":"acme","alertEmail":"boo@example.com"}`).want(200).has(map[string]any{"alertEmail": "boo@example.com"})
	for _, bad := range []string{"yogi", "Yogi <yogi@example.com>", "<yogi@example.com>", " yogi@example.com", "a@example.com, b@example.com", "yogi@", "a@b\\r\\nBcc: c@d", strings.Repeat("y", 243) + "@example.com"} {
		a := w.do("PATCH", "/api/v1/app/acme", `{"alertEmail":"`+bad+`"}`).want(422)
		w.as(w.begin(""), "PUT", alertPath, `{"alertEmail":"`+bad+`"}`).want(422)
		if !strings.Contains(string(a.body), "must be one address") {
			t.Errorf("%q is answered %s", bad, a.body)
		}
	}

	token := w.begin(`{"capabilities":["ManageEndpoint"]}`)
	w.as(token, "GET", alertPath, "").want(200).has(map[string]any{"alertEmail": "boo@example.com", "mailed": false})
	w.as(token, "PUT", alertPath, `{"alertEmail":"cindy@example.com"}`).want(200).has(map[string]any{"alertEmail": "cindy@example.com"})
	w.do("GET", "/api/v1/app/acme", "").want(200).has(map[string]any{"alertEmail": "cindy@example.com", "name": "Acme", "uid": "acme"})
	w.as(token, "GET", "/api/v1/app/acme", "").want(200).has(map[string]any{"alertEmail": nil, "uid": "acme"})
	w.as(token, "PATCH", "/api/v1/app/acme", `{"name":"x"}`).want(403)
	seen := w.as(token, "GET", alertPath, "").want(200).header.Get("Etag")
	w.do("PUT", alertPath, `{"alertEmail":""}`, "If-Match: "+seen).want(200).has(map[string]any{"alertEmail": nil})
	w.do("PUT", alertPath, `{"alertEmail":"late@example.com"}`, "If-Match: "+seen).want(412)
	w.app("other")
	w.as(token, "PUT", "/api/v1/app/other/alert-email", `{"alertEmail":"cindy@example.com"}`).want(404)
	narrow := w.begin(`{"channels":["eu"]}`)
	for _, who := range []string{narrow, w.begin(`{"capabilities":["ManageKeys","CreateAttempts","ManageEndpointSecret"]}`)} {
		w.as(who, "GET", alertPath, "").want(403)
		w.as(who, "PUT", alertPath, `{"alertEmail":"cindy@example.com"}`).want(403)
	}
	w.do("PATCH", "/api/v1/app/acme", `{"alertEmail":"yogi@example.com"}`).want(200)
	_, key := w.makeKey(`{"name":"k","scopes":["applications:read"],"channels":["eu"]}`)
	for _, who := range []string{narrow, key} {
		if a := w.as(who, "GET", "/api/v1/app/acme", "").want(200); strings.Contains(string(a.body), "yogi") {
			t.Errorf("who is let into some channels only is shown %s", a.body)
		}
	}
	_, key = w.makeKey(`{"name":"k","scopes":["applications:read"]}`)
	w.as(key, "GET", alertPath, "").want(200).has(map[string]any{"alertEmail": "yogi@example.com"})
	w.as(key, "PUT", alertPath, `{"alertEmail":""}`).want(403)
}

// TestAlertsAreMailed: an application is told that its customer is written to only where
// an operational endpoint does that.
func TestAlertsAreMailed(t *testing.T) {
	w := newWorld(t)
	w = worldOn(t, w.store, &fanfare.Options{
		Connectors: map[string]fanfare.Connector{"smtp": email.Connector()}, AllowLoopback: true,
	})
	w.app("acme")
	mailed := func(want bool) {
		t.Helper()
		w.do("GET", alertPath, "").want(200).has(map[string]any{"mailed": want})
	}
	create := func(uid, members, to string) {
		t.Helper()
		w.do("POST", operational, `{"kind":"smtp","uid":"`+uid+`",`+members+`"config":{"server":"127.0.0.1:2525","security":"none","from":"a@example.com","to":"`+to+`"}}`).want(201)
	}
	mailed(false)
	w.do("POST", operational, `{"url":"https://example.com/"}`).want(201)
	create("ours", "", "ops@example.com")
	create("other", `"filterTypes":["message.attempt.exhausted"],`, "{{payload.data.alertEmail}}")
	create("disabled", `"disabled":true,`, "{{payload.data.alertEmail}}")
	mailed(false)
	create("theirs", `"filterTypes":["endpoint.disabled"],"filter":"has(payload.data.alertEmail)",`, "{{payload.data.alertEmail}}")
	mailed(true)
	w.do("PATCH", operational+"/theirs", `{"disabled":true}`).want(200)
	mailed(false)
}
