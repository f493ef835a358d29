package api

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

const operational = "/api/v1/operational-webhook/endpoint"

// TestOperationalEndpoints goes through what can be done with one, and sees that it
// stays out of everything else.
func TestOperationalEndpoints(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	if a := w.do("GET", operational, "").want(200).object(); len(a["data"].([]any)) != 0 {
		t.Errorf("before there is one there are %v", a)
	}
	w.do("GET", operational+"/mine", "").want(404)
	a := w.do("POST", operational, `{"url":"https://example.com/in","uid":"mine","filterTypes":["endpoint.disabled"],"metadata":{"a":"b"}}`).want(201)
	a.has(map[string]any{"url": "https://example.com/in", "uid": "mine", "filterTypes": []any{"endpoint.disabled"}, "metadata": map[string]any{"a": "b"}})
	w.do("POST", operational, `{"url":"https://example.com/in","uid":"mine"}`).want(409)
	w.do("PATCH", operational+"/mine", `{"description":"d"}`).want(200).has(map[string]any{"description": "d"})
	w.do("PUT", operational+"/mine", `{"url":"https://example.com/new","uid":"mine"}`).want(200).has(map[string]any{"id": a.id(), "description": "", "filterTypes": nil})
	w.do("PUT", operational+"/other", `{"url":"https://example.com/other"}`).want(201).has(map[string]any{"uid": "other"})
	secret := w.do("GET", operational+"/mine/secret", "").want(200).object()["key"].(string)
	w.do("POST", operational+"/mine/secret/rotate", `{}`).want(204)
	if again := w.do("GET", operational+"/mine/secret", "").want(200).object()["key"]; again == secret || !strings.HasPrefix(secret, "whsec_") {
		t.Errorf("the secret was %q and is %q", secret, again)
	}
	w.do("PUT", operational+"/mine/headers", `{"headers":{"X-A":"1"}}`).want(204)
	w.do("PATCH", operational+"/mine/headers", `{"headers":{"X-B":"2"}}`).want(204)
	w.do("GET", operational+"/mine/headers", "").want(200).has(map[string]any{"headers": map[string]any{"X-A": "1", "X-B": "2"}})
	w.do("GET", operational+"/mine/attempt", "").want(200)
	w.do("GET", operational+"/mine/stats", "").want(200)
	if a := w.do("GET", operational+"?limit=1", "").want(200).object(); len(a["data"].([]any)) != 1 || a["done"] != false {
		t.Errorf("a page of one is %v", a)
	}

	id := string(fanfare.OperationalApplication)
	if a := w.do("GET", "/api/v1/app", "").want(200).object(); len(a["data"].([]any)) != 1 {
		t.Errorf("the applications are %v", a)
	}
	for _, path := range []string{"", "/endpoint", "/msg", "/endpoint/mine", "/endpoint/mine/secret"} {
		w.do("GET", "/api/v1/app/"+id+path, "").want(404)
	}
	w.do("POST", "/api/v1/app/"+id+"/msg", `{"eventType":"endpoint.disabled","payload":{}}`).want(404)
	w.do("DELETE", "/api/v1/app/"+id, "").want(404)

	ep := w.endpoint("acme", "theirs")
	w.do("GET", operational+"/"+ep, "").want(404)
	stats := w.do("GET", operational+"/mine/stats", "").want(200).object()
	if stats["pending"] != 1.0 {
		t.Errorf("of an endpoint that was created it is told %v", stats)
	}
	w.do("DELETE", operational+"/mine", "").want(204)
	if body := w.do("GET", operational+"/mine", "").want(404).body; !strings.Contains(string(body), "among the operational webhooks") {
		t.Errorf("what is gone is answered %s", body)
	}
}

// TestNoOperationalEndpointIsPolled, as no way leads to what it would be asked for.
func TestNoOperationalEndpointIsPolled(t *testing.T) {
	w := newWorld(t)
	refused := func(a *answer) {
		t.Helper()
		if a.want(422); !strings.Contains(string(a.body), "no operational endpoint can be polled") || !strings.Contains(string(a.body), `"kind"`) {
			t.Errorf("it is answered %s", a.body)
		}
	}
	refused(w.do("POST", operational, `{"kind":"poller"}`))
	refused(w.do("PUT", operational+"/mine", `{"kind":"poller"}`))
	w.do("POST", operational, `{"url":"https://example.com/in","uid":"mine"}`).want(201)
	refused(w.do("PATCH", operational+"/mine", `{"kind":"poller"}`))
	w.do("GET", operational+"/mine", "").want(200).has(map[string]any{"kind": "webhook"})
}

// TestWhyAnEndpointCannotBeUsedIsShown, in the store of another version perhaps.
func TestWhyAnEndpointCannotBeUsedIsShown(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	id := w.endpoint("acme", "ep")
	w.do("GET", "/api/v1/app/acme/endpoint/ep", "").want(200).has(map[string]any{"unusable": nil})
	app, err := w.hub.Application(t.Context(), "acme")
	w.ok(err)
	ep, err := w.hub.Endpoint(t.Context(), app.ID, id)
	w.ok(err)
	ep.Format = "telex"
	w.ok(w.store.UpdateEndpoint(t.Context(), ep))
	want := `Its settings cannot be used: format: "telex" is not known here. What is for it waits until that is changed.`
	w.do("GET", "/api/v1/app/acme/endpoint/ep", "").want(200).has(map[string]any{"unusable": want})
}

// TestHandshakesOverTheAPI is what is shown of one, and the refusals. Nobody answers
// here: example.com is not reached.
func TestHandshakesOverTheAPI(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in","handshake":"hello"}`).want(422)
	ep := w.endpoint("acme", "ep")
	path := "/api/v1/app/acme/endpoint/" + ep
	w.do("GET", path, "").want(200).has(map[string]any{"handshake": nil, "verifiedAt": nil, "unverified": nil})
	w.do("POST", path+"/verify", "").want(422)
	for _, header := range []string{"X-Hook-Secret: -", "X-Hook-Secret: x", "X-Hook-Secret: " + strings.Repeat("x", 1000)} {
		for _, hook := range []string{ep, "ep", "nobody"} {
			a := w.do("POST", "/api/v1/app/acme/hook-secret/"+hook, "", header, "Authorization: -").want(401)
			if a.object()["code"] != "authentication_failed" {
				t.Errorf("%s %s: %s", hook, header, a.body)
			}
		}
	}
	w.do("PATCH", path, `{"disabled":true}`).want(200)
	w.do("PATCH", path, `{"handshake":"dropbox"}`).want(200).has(map[string]any{"handshake": "dropbox", "verifiedAt": nil})
	if why, _ := w.do("GET", path, "").want(200).object()["unverified"].(string); !strings.Contains(why, "has not been asked yet") {
		t.Errorf("it says %q", why)
	}
	w.do("PATCH", path, `{"handshake":null}`).want(200).has(map[string]any{"handshake": nil, "unverified": nil})
}

// TestWhatGoesRoundIsRefused is the field that receivers pass on.
func TestWhatGoesRoundIsRefused(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	one, many := "/api/v1/app/acme/msg", "/api/v1/app/acme/msg/batch"
	w.do("POST", one, `{"eventType":"a.b","payload":{}}`, "Fanfare-Hops: 5").want(202).has(map[string]any{"tags": []any{"fanfare-hops:5"}})
	a := w.do("POST", one, `{"eventType":"a.b","payload":{}}`, "Fanfare-Hops: 6").want(508)
	if a.object()["code"] != "loop_detected" || !strings.Contains(string(a.body), "come round") {
		t.Errorf("it is refused with %s", a.body)
	}
	w.do("POST", one, `{"eventType":"a.b","payload":{}}`, "Fanfare-Hops: many").want(422)
	b := w.do("POST", many, `[{"eventType":"a.b","payload":{}}]`, "Fanfare-Hops: 6").want(202)
	if !strings.Contains(string(b.body), `"loop_detected"`) {
		t.Errorf("in a batch it is refused with %s", b.body)
	}
	w.do("POST", many, `[{"eventType":"a.b","payload":{}}]`, "Fanfare-Hops: 2").want(202)
	if a := w.do("GET", one+"?tag=fanfare-hops:2", "").want(200).object(); len(a["data"].([]any)) != 1 {
		t.Errorf("by its tag there is %v", a)
	}
}

// TestRetryPlans are those of applications, event types and endpoints.
func TestRetryPlans(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	ep := "/api/v1/app/acme/endpoint/" + w.endpoint("acme", "ep")
	w.do("PATCH", "/api/v1/app/acme", `{"retry":{"preset":"wufoo"}}`).want(200).has(map[string]any{"retry": map[string]any{"preset": "wufoo"}})
	w.do("PUT", "/api/v1/app/acme", `{"name":"acme","uid":"acme"}`).want(200).has(map[string]any{"retry": map[string]any{"preset": "wufoo"}})
	w.do("POST", "/api/v1/event-type", `{"name":"a.b","description":"","retry":{"delays":[1,2.5]}}`).want(201).has(map[string]any{"retry": map[string]any{"delays": []any{1, 2.5}}})
	plan := func(typ, source string, delays ...any) {
		t.Helper()
		a := w.do("GET", ep+"/retry-plan?event_type="+typ, "").want(200).object()
		if a["source"] != source || len(a["delays"].([]any)) != len(delays) || a["attempts"] != float64(len(delays)+1) {
			t.Errorf("the plan for %s is %v, want that of the %s", typ, a, source)
			return
		}
		for i, d := range delays {
			if got := a["delays"].([]any)[i]; got != d {
				t.Errorf("delay %d of %s is %v, want %v", i, typ, got, d)
			}
		}
	}
	plan("a.b", "event type", 1.0, 2.5)
	plan("a.c", "application", 300.0, 600.0, 900.0)
	w.do("PATCH", ep, `{"retryByType":{"a.*":{"preset":"none"},"a.b":{"delays":[7]}}}`).want(200).
		has(map[string]any{"retryByType": map[string]any{"a.*": map[string]any{"preset": "none"}, "a.b": map[string]any{"delays": []any{7}}}})
	plan("a.b", "endpoint by event type", 7.0)
	plan("a.c", "endpoint by event type")
	w.do("PATCH", ep, `{"retry":{"delays":[9]},"retryByType":null}`).want(200)
	plan("a.b", "endpoint", 9.0)
	w.do("PATCH", ep, `{"retry":{"preset":"inherit"}}`).want(200).has(map[string]any{"retry": map[string]any{"preset": "inherit"}, "retryByType": map[string]any{}})
	plan("a.b", "event type", 1.0, 2.5)
	w.do("PATCH", "/api/v1/event-type/a.b", `{"retry":null}`).want(200)
	w.do("PATCH", "/api/v1/app/acme", `{"retry":null}`).want(200)
	a := w.do("GET", ep+"/retry-plan?event_type=a.b", "").want(200)
	a.has(map[string]any{"preset": "standard", "source": "deployment", "attempts": 10.0})
	w.do("GET", ep+"/retry-plan", "").want(400)
	w.do("GET", ep+"/retry-plan?event_type=a..b", "").want(422)
	for _, wrong := range []string{`"retry":{"preset":"inherit","delays":[]}`, `"retryByType":{"a.b":{"preset":"inherit"}}`, `"retryByType":{"a*":{"preset":"none"}}`} {
		if got := w.do("PATCH", ep, `{`+wrong+`}`).status; (got == 422) != strings.Contains(wrong, "ByType") {
			t.Errorf("%s: %d", wrong, got)
		}
	}
}

// TestTheServersOwnAddressIsRefused, even where loopback is let through.
func TestTheServersOwnAddressIsRefused(t *testing.T) {
	w := newWorld(t)
	w = worldOn(t, w.store, &fanfare.Options{AllowLoopback: true, BaseURL: "https://hooks.example.com", Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8080")}})
	w.app("acme")
	for url, status := range map[string]int{
		"http://127.0.0.1:8080/api/v1/app/acme/msg": 422, "http://localhost:8080/in/x": 422, "https://hooks.example.com/in/x": 422,
		"http://127.0.0.1:9000/": 201,
	} {
		body, _ := json.Marshal(map[string]string{"url": url})
		w.do("POST", "/api/v1/app/acme/endpoint", string(body)).want(status)
	}
}

// TestOperationalMessagesAreSentAgain, those that were given up and those that wait.
func TestOperationalMessagesAreSentAgain(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.do("POST", operational, `{"url":"https://example.com/in","uid":"mine","retry":{"preset":"none"}}`).want(201)
	w.endpoint("acme", "theirs")
	if stats := w.do("GET", operational+"/mine/stats", "").want(200).object(); stats["pending"] != 1.0 {
		t.Fatalf("of an endpoint that was created it is told %v", stats)
	}
	msgs, err := w.hub.Messages(t.Context(), fanfare.OperationalApplication, fanfare.MessageFilter{Page: fanfare.Page{Limit: 10}})
	if err != nil || len(msgs) != 1 {
		t.Fatal(msgs, err)
	}
	at := operational + "/mine/msg/" + string(msgs[0].ID) + "/resend"
	w.do("POST", at, "").want(202)
	ds, err := w.hub.Deliveries(t.Context(), fanfare.OperationalApplication, fanfare.DeliveryFilter{Message: msgs[0].ID, Page: fanfare.Page{Limit: 10}})
	if err != nil || len(ds) != 1 || !ds[0].Manual {
		t.Errorf("the deliveries are %+v, %v", ds, err)
	}
	w.do("POST", operational+"/nobody/msg/"+string(msgs[0].ID)+"/resend", "").want(404)
	w.do("POST", operational+"/mine/try-now", "").want(503).has(map[string]any{"code": "not_here"}) // nothing is sent here
	w.do("PATCH", operational+"/mine", `{"disabled":true}`).want(200)
	w.do("POST", operational+"/mine/try-now", "").want(422)
	entries, err := w.hub.AuditEntries(t.Context(), fanfare.AuditFilter{Page: fanfare.Page{Limit: 20}})
	w.ok(err)
	if !slices.ContainsFunc(entries, func(e *fanfare.AuditEntry) bool { return e.Action == "operational-endpoint.resend" }) {
		t.Errorf("the audit log does not say that it was sent again: %+v", entries)
	}
}
