package api

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestPrecheck(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.app("other")
	w.endpoint("other", "all")
	const path = "/api/v1/app/acme/msg/precheck/active"
	active := func(body, want string) {
		t.Helper()
		if a := w.do("POST", path, body).want(200); string(a.body) != `{"active":`+want+`}` {
			t.Errorf("%s: %s, want %s", body, a.body, want)
		}
	}
	active(`{"eventType":"a.b"}`, "false")
	w.do("POST", "/api/v1/app/acme/endpoint", `{"uid":"ep","url":"https://example.com/","eventTypes":["a.*"],"channels":["north"]}`).want(201)
	active(`{"eventType":"a.b"}`, "false")
	active(`{"eventType":"a.b","channels":null}`, "false")
	active(`{"eventType":"a.b","channels":["south","north"]}`, "true")
	active(`{"eventType":"b.b","channels":["north"]}`, "false")
	w.do("PATCH", "/api/v1/app/acme/endpoint/ep", `{"disabled":true}`).want(200)
	active(`{"eventType":"a.b","channels":["north"]}`, "false")

	if a := w.do("POST", path, `{"eventType":"a.b","channel":["north"]}`).want(200); a.header.Get("Fanfare-Ignored-Fields") != "channel" {
		t.Errorf("a name misspelt is ignored without a word: %v", a.header)
	}
	w.do("POST", "/api/v1/app/nobody/msg/precheck/active", `{"eventType":"a.b"}`).want(404)
	w.do("GET", path, "").want(405)
	if a := w.do("GET", "/api/v1/app/acme/msg", "").want(200); len(a.object()["data"].([]any)) != 0 {
		t.Errorf("asking has sent something: %s", a.body)
	}
}

func TestSendExample(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	w.endpoint("acme", "other")
	w.do("POST", "/api/v1/event-type", `{"name":"a.b","schemas":{"1":{"examples":[{"old":true}]},"2":{"examples":[{"n": 1.0, "z":1,"a":[ ]},{"n":2}]}}}`).want(201)
	w.do("POST", "/api/v1/event-type", `{"name":"a.none","schemas":{"1":{"type":"string","minLength":100000}}}`).want(201)
	w.do("POST", "/api/v1/event-type", `{"name":"a.bare"}`).want(201)
	if err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: "a.odd", Schemas: []byte(`[]`)}); err != nil {
		t.Fatal(err)
	}
	const path = "/api/v1/app/acme/endpoint/ep/send-example"

	a := w.do("POST", path, `{"eventType":"a.b"}`).want(202)
	if !strings.Contains(string(a.body), `"payload":{"n": 1.0, "z":1,"a":[ ]}`) {
		t.Errorf("the first example is %s", a.body)
	}
	a.has(map[string]any{"eventType": "a.b"})
	msg := w.do("GET", "/api/v1/app/acme/msg/"+a.id(), "").want(200)
	if string(msg.body) != string(a.body) {
		t.Errorf("the message is %s, and was said to be %s", msg.body, a.body)
	}
	var out struct {
		Data []struct {
			UID    string
			Status int
		}
	}
	w.do("GET", "/api/v1/app/acme/msg/"+a.id()+"/endpoint", "").want(200).decode(&out)
	if len(out.Data) != 1 || out.Data[0].UID != "ep" || out.Data[0].Status != statusPending {
		t.Errorf("it goes to %+v, want the endpoint ep only", out.Data)
	}
	a = w.do("POST", path, `{"eventType":"a.b","exampleIndex":1}`, "Idempotency-Key: once").want(202)
	a.has(map[string]any{"payload": map[string]any{"n": 2.0}})
	if again := w.do("POST", path, `{"eventType":"a.b","exampleIndex":1}`, "Idempotency-Key: once").want(202); again.id() != a.id() {
		t.Errorf("a repeat is message %s, want %s", again.id(), a.id())
	}
	w.do("POST", path, `{"eventType":"a.b","exampleIndex":0}`, "Idempotency-Key: once").want(409)
	w.do("POST", path, `{"eventType":"a.b","exampleIndex":null}`).want(202)

	for body, loc := range map[string]string{
		`{"eventType":"a.none"}`: "eventType", `{"eventType":"a.bare"}`: "eventType", `{"eventType":"a.odd"}`: "eventType",
		`{"eventType":"a.b","exampleIndex":2}`: "exampleIndex", `{"eventType":"a.b","exampleIndex":-1}`: "exampleIndex",
	} {
		var refused invalidOut
		w.do("POST", path, body).want(422).decode(&refused)
		if got := refused.Detail[0].Loc; !slices.Equal(got, []string{"body", loc}) {
			t.Errorf("%s: loc %q, want body %s", body, got, loc)
		}
	}
	for _, name := range []string{"a.c", "a b", `\u0000`, strings.Repeat("a", 100_000)} {
		if a := w.do("POST", path, `{"eventType":"`+name+`"}`).want(404); !strings.Contains(string(a.body), "There is no event type") {
			t.Errorf("%.80q: %s", name, a.body)
		}
	}
	w.do("POST", "/api/v1/app/nobody/endpoint/ep/send-example", `{"eventType":"a.b"}`).want(404)
	w.do("PATCH", "/api/v1/app/acme/endpoint/ep", `{"disabled":true}`).want(200)
	if a := w.do("POST", path, `{"eventType":"a.b"}`).want(422); !strings.Contains(string(a.body), "enable it first") {
		t.Errorf("to a disabled endpoint: %s", a.body)
	}
	w.do("GET", "/api/v1/app/acme/msg", "").want(200).decode(&out)
	if len(out.Data) != 3 {
		t.Errorf("%d messages were sent, want 3", len(out.Data))
	}
}

func TestMetaTellsOfEgress(t *testing.T) {
	w := newWorld(t)
	meta := func(want string) {
		t.Helper()
		if a := w.do("GET", "/api/v1/meta", "").want(200); string(a.body) != want {
			t.Errorf("%s, want %s", a.body, want)
		}
	}
	meta(`{"egress":[]}`)
	w.api = New(w.hub, w.store, &Options{KeyHash: HashKey(testKey), Egress: []netip.Prefix{
		netip.MustParsePrefix("203.0.113.7/32"), netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("2001:db8::1/128"), netip.MustParsePrefix("2001:db8::/32"),
	}})
	meta(`{"egress":["203.0.113.7","198.51.100.0/24","2001:db8::1","2001:db8::/32"]}`)
	w.do("POST", "/api/v1/meta", "{}").want(405)
	for _, header := range []string{"Authorization: -", "Authorization: Bearer wrong"} {
		w.do("GET", "/api/v1/meta", "", header).want(200)
	}
}
