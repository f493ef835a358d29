package api

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// audit is the whole of the audit log that the filter picks, oldest first.
func (w *world) audit(filter string) []*fanfare.AuditEntry {
	w.t.Helper()
	values, err := url.ParseQuery(filter)
	if err != nil {
		w.t.Fatal(err)
	}
	es, err := w.hub.AuditEntries(w.t.Context(), fanfare.AuditFilter{
		Page: fanfare.Page{Limit: fanfare.MaxPage, Ascending: true}, Actor: values.Get("actor"), Object: values.Get("object"),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return es
}

// sends are the routes that write and are not in the audit log: there are too many
// messages.
var sends = []string{"POST /app/{app}/msg", "POST /app/{app}/msg/batch", "POST /app/{app}/msg/precheck/active", "POST /app/{app}/filter/try", "POST /app/{app}/transformation/try", "POST /app/{app}/recipe/try", "POST /app/{app}/url/check"}

func TestEveryRouteThatWritesIsInTheAuditLog(t *testing.T) {
	w := newWorld(t)
	places := regexp.MustCompile(`\{(\w+)\}`)
	for _, rt := range w.api.(*server).routes {
		if rt.method == "GET" && rt.action == "" {
			continue
		}
		op := rt.method + " " + rt.path
		rt.serve = func(*call) error { return nil }
		before := len(w.audit(""))
		status := w.do(rt.method, base+places.ReplaceAllString(rt.path, "the-$1"), "").status
		if status >= 300 {
			t.Fatalf("%s is answered with %d", op, status)
		}
		entries := w.audit("")[before:]
		if slices.Contains(sends, op) {
			if len(entries) != 0 {
				t.Errorf("%s leaves %d entries, want none", op, len(entries))
			}
			continue
		}
		if len(entries) != 1 {
			t.Errorf("%s leaves %d entries, want one", op, len(entries))
			continue
		}
		e := entries[0]
		object := ""
		if found := places.FindAllStringSubmatch(rt.path, -1); found != nil {
			object = "the-" + found[len(found)-1][1]
		}
		if e.Action == "" || e.Object != object || !rt.open && e.Actor != "admin" || e.Refused {
			t.Errorf("%s leaves %+v, want an entry on %q", op, e, object)
		}
	}
}

// An audited is what matters of an entry.
type audited struct{ actor, action, object, fields, detail string }

func (w *world) audited(filter string) (all []audited) {
	for _, e := range w.audit(filter) {
		if e.Refused {
			e.Action = "refused " + e.Action
		}
		all = append(all, audited{e.Actor, e.Action, e.Object, strings.Join(e.Fields, " "), e.Detail})
	}
	return all
}

func TestTheAuditLogSaysWhoDidWhat(t *testing.T) {
	w := newWorld(t)
	app := w.app("acme")
	ep := w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in","uid":"in","secret":"whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0","colour":"red"}`).want(201).id()
	key := w.do("POST", "/api/v1/api-key", `{"name":"reader","scopes":["endpoints:read","endpoints:write"]}`).want(201).object()
	bearer := "Authorization: Bearer " + key["token"].(string)

	w.do("PATCH", "/api/v1/app/acme/endpoint/in", `{"url":"https://example.com/elsewhere"}`, bearer).want(200)
	w.do("GET", "/api/v1/app/acme/endpoint/in/secret", "").want(200)
	w.do("GET", "/api/v1/app/acme/endpoint/in", "").want(200)
	w.do("PUT", "/api/v1/app/acme/endpoint/in/headers", `{"headers":{"Authorization":"Bearer of-good-tidings"}}`).want(204)
	w.do("POST", "/api/v1/app/acme/endpoint/in/secret/rotate", "", "Idempotency-Key: once").want(204)
	w.do("POST", "/api/v1/app/acme/endpoint/in/secret/rotate", "", "Idempotency-Key: once").want(204)
	w.do("DELETE", "/api/v1/app/acme", "", bearer).want(403)
	w.do("PATCH", "/api/v1/app/acme/endpoint/in", `{"url":"nonsense"}`).want(422)
	w.do("PATCH", "/api/v1/app/acme/endpoint/out", `{}`).want(404)
	msg := w.message("acme", `{"eventType":"a.b","payload":{}}`)
	w.do("POST", "/api/v1/app/acme/msg/"+msg+"/endpoint/in/resend", "").want(202)
	w.do("DELETE", "/api/v1/app/acme/endpoint/in", "").want(204)

	keyID := key["id"].(string)
	want := []audited{
		{"admin", "application.create", app, "name uid", ""},
		{"admin", "endpoint.create", ep, "url uid secret", ""},
		{"admin", "api-key.create", keyID, "name scopes", ""},
		{keyID, "endpoint.update", ep, "url", ""},
		{"admin", "endpoint.secret.read", ep, "", ""},
		{"admin", "endpoint.headers.replace", ep, "headers", ""},
		{"admin", "endpoint.secret.rotate", ep, "", ""},
		{keyID, "refused application.delete", "acme", "", ""},
		{"admin", "message.resend", ep, "", msg},
		{"admin", "endpoint.delete", ep, "", ""},
	}
	if got := w.audited(""); !slices.Equal(got, want) {
		t.Errorf("the audit log has\n%+v\nwant\n%+v", got, want)
	}
	for _, e := range w.audit("")[1:] {
		if e.Application != "" && e.Application != app && e.Application != "acme" || e.Address != "192.0.2.1" {
			t.Errorf("%s is of %q, from %q", e.Action, e.Application, e.Address)
		}
	}
	list := w.do("GET", "/api/v1/audit?limit=100", "").want(200)
	for _, secret := range []string{"whsec_", "of-good-tidings", "elsewhere", key["token"].(string)} {
		if strings.Contains(string(list.body), secret) {
			t.Errorf("%q is in the audit log: %s", secret, list.body)
		}
	}
	if got := w.audited("object=" + ep + "&actor=" + keyID); !slices.Equal(got, want[3:4]) {
		t.Errorf("the key did %+v to the endpoint, want %+v", got, want[3:4])
	}
}

func TestTheAuditLogIsListedByThePage(t *testing.T) {
	w := newWorld(t)
	w.app("one")
	w.app("two")
	first := w.do("GET", "/api/v1/audit?limit=1", "").want(200).object()
	newest := first["data"].([]any)[0].(map[string]any)
	if newest["action"] != "application.create" || newest["outcome"] != "done" || newest["actor"] != "admin" || first["done"] != false {
		t.Errorf("the first page is %v", first)
	}
	second := w.do("GET", "/api/v1/audit?limit=1&iterator="+first["iterator"].(string), "").want(200).object()
	if older := second["data"].([]any)[0].(map[string]any); older["id"] == newest["id"] || second["done"] != true {
		t.Errorf("the second page is %v", second)
	}
	w.do("GET", "/api/v1/audit?actor=cli&iterator="+first["iterator"].(string), "").want(400)
	at := newest["timestamp"].(string)
	for filter, want := range map[string]int{
		"object=" + newest["object"].(string): 1, "actor=admin": 2, "actor=cli": 0, "since=" + at: 1, "until=" + at: 1, "since=2999-01-01T00:00:00Z": 0,
	} {
		if data := w.do("GET", "/api/v1/audit?"+filter, "").want(200).object()["data"].([]any); len(data) != want {
			t.Errorf("%s lists %d, want %d", filter, len(data), want)
		}
	}
	w.do("GET", "/api/v1/audit?since=yesterday", "").want(422)
}

func TestAForgedAddressIsNotAudited(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest("POST", "/api/v1/app", strings.NewReader(`{"name":"Acme"}`))
	r.RemoteAddr = "[2001:db8::1]:4711"
	for name, value := range map[string]string{
		"Authorization": "Bearer " + testKey, "Content-Type": "application/json",
		"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "X-Real-Ip": "127.0.0.1",
	} {
		r.Header.Set(name, value)
	}
	w.send(r).want(201)
	if got := w.audit("")[0].Address; got != "2001:db8::1" {
		t.Errorf("the address is %q", got)
	}
}

// immovable are secrets whose key cannot be changed.
type immovable struct{}

func (immovable) Sealing(context.Context) (Sealing, error) {
	return Sealing{Key: "k_2", Old: []string{"k_1"}, Left: 7, Next: "k_3", Lacking: []string{"web-2"}, Err: errors.New("the disk is gone")}, nil
}

func (immovable) Rotate(context.Context) error { return &NotNowError{"Put it into the environment."} }

func TestTheKeyOfSecretsIsShownAndChangedByAdmins(t *testing.T) {
	w := newWorld(t)
	if got := w.do("GET", "/api/v1/secrets-key", "").want(200).object(); got["key"] != nil || got["resealing"] != false {
		t.Errorf("where nothing is sealed there is %v", got)
	}
	w.do("POST", "/api/v1/secrets-key/rotate", "").want(409)
	w.api.(*server).secrets = immovable{}
	got := string(w.do("GET", "/api/v1/secrets-key", "").want(200).body)
	if want := `{"key":"k_2","oldKeys":["k_1"],"left":7,"resealing":false,"next":"k_3","lacking":["web-2"],"traces":false,"error":"the disk is gone"}`; got != want {
		t.Errorf("the answer is %s, want %s", got, want)
	}
	if got := w.do("POST", "/api/v1/secrets-key/rotate", "").want(409).object()["detail"]; got != "Put it into the environment." {
		t.Errorf("the refusal says %q", got)
	}
	key := w.do("POST", "/api/v1/api-key", `{"name":"all but admin","scopes":["endpoints:read","endpoints:write","messages:read"]}`).want(201).object()
	bearer := "Authorization: Bearer " + key["token"].(string)
	w.do("GET", "/api/v1/secrets-key", "", bearer).want(403)
	w.do("POST", "/api/v1/secrets-key/rotate", "", bearer).want(403)
	w.do("GET", "/api/v1/audit", "", bearer).want(403)
}

func TestNamesInTheAuditLogAreOfOneKind(t *testing.T) {
	w := newWorld(t)
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)+$`)
	for _, rt := range w.api.(*server).routes {
		if action := rt.audits(); action != "" && !form.MatchString(action) {
			t.Errorf(`%s %s is called %q: say what it does with .doing("noun.verb"), or that it does nothing with .unaudited()`, rt.method, rt.path, action)
		}
	}
}
