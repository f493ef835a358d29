package api

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// wrong is what a 422 says is wrong where.
func (a *answer) wrong() map[string]string {
	a.t.Helper()
	var out invalidOut
	a.want(422).decode(&out)
	said := map[string]string{}
	for _, f := range out.Detail {
		said[strings.Join(f.Loc[1:], ".")] = f.Msg
	}
	return said
}

func TestAllMistakesOfAnEndpointAreTold(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	const body = `{"url":"nowhere","format":"yaml","signature":"rot13","rateLimit":-1,"eventTypes":["a b"],"retry":{"preset":"never"},"success":{"preset":"bad"},"uid":"a/b"}`
	a := w.do("POST", "/api/v1/app/acme/endpoint", body)
	said := a.wrong()
	for _, field := range []string{"url", "format", "signature", "rateLimit", "eventTypes", "retry.preset", "success.preset", "uid"} {
		if said[field] == "" {
			t.Errorf("nothing is said of %s: %s", field, a.body)
		}
	}
	if len(said) != 8 || a.object()["code"] != "invalid" {
		t.Errorf("it says %s", a.body)
	}
	old := w.do("POST", "/api/v1/app/acme/endpoint", body, "User-Agent: svix-libs/1.44.0/go")
	if _, there := old.want(422).object()["code"]; there {
		t.Error("a client that refuses what it does not know is shown a code")
	}
}

// A secret that was printed instead of revealed would sign what nobody can verify.
func TestASecretThatWasPrintedIsRefused(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	printed := webhook.GenerateSecret().String()
	for _, signature := range []string{"standard", "github"} {
		said := w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/","signature":"`+signature+`","secret":"`+printed+`"}`).wrong()
		if !strings.Contains(said["secret"], "Reveal") {
			t.Errorf("%s: it says %q", signature, said)
		}
	}
}

func TestOnlyAPollerNeedsNoURL(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.do("POST", "/api/v1/app/acme/endpoint", `{"kind":"poller","uid":"p"}`).want(201)
	w.do("PUT", "/api/v1/app/acme/endpoint/p", `{"uid":"p"}`).want(200)
	w.do("PUT", "/api/v1/app/acme/endpoint/q", `{"kind":"poller"}`).want(201)
	for op, body := range map[string]string{"POST /api/v1/app/acme/endpoint": `{}`, "PUT /api/v1/app/acme/endpoint/new": `{}`, "PATCH /api/v1/app/acme/endpoint/p": `{"kind":"webhook"}`} {
		method, path, _ := strings.Cut(op, " ")
		if said := w.do(method, path, body).wrong(); !strings.HasPrefix(said["url"], "is missing") {
			t.Errorf("%s: it says %q", op, said)
		}
	}
}

func TestMisspeltNamesAreTold(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	if said := w.do("POST", "/api/v1/app/acme/msg", `{"event_type":"a","Payload":1}`).wrong(); said["eventType"] != `is missing; did you mean eventType by "event_type"?` || said["payload"] != `is missing; did you mean payload by "Payload"?` {
		t.Errorf("it says %q", said)
	}
	if said := w.do("POST", "/api/v1/app", `{"NAME":"a"}`).wrong(); said["name"] != `is missing; did you mean name by "NAME"?` {
		t.Errorf("it says %q", said)
	}
	if said := w.do("POST", "/api/v1/app", `{"title":"a"}`).wrong(); said["name"] != "is missing" {
		t.Errorf("it says %q", said)
	}
	a := w.do("GET", "/api/v1/app?limt=5&limit=5&a%2Cb=1", "").want(200)
	if got := a.header.Get("Fanfare-Ignored-Fields"); got != "?a,b, ?limt" {
		t.Errorf("ignored is %q", got)
	}
	a = w.do("POST", "/api/v1/app/acme/msg?with_contents=false", `{"eventType":"a","payload":1,"x":1}`).want(202)
	if got := a.header.Get("Fanfare-Ignored-Fields"); got != "?with_contents, x" {
		t.Errorf("ignored is %q", got)
	}
	if got := w.do("GET", "/api/v1/app?limit=5", "").header.Values("Fanfare-Ignored-Fields"); len(got) > 0 {
		t.Errorf("ignored is %q", got)
	}
}

func TestTypesThatTheCatalogueLacksAreTold(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	send := func(eventType string) string {
		t.Helper()
		return w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"`+eventType+`","payload":1}`).want(202).header.Get("Fanfare-Warnings")
	}
	if got := send("record.creatd"); got != "" {
		t.Errorf("with an empty catalogue: %q", got)
	}
	w.do("POST", "/api/v1/event-type", `{"name":"record.created"}`).want(201)
	const warning = "The event type record.creatd is not in the catalogue."
	if got := send("record.creatd"); got != warning {
		t.Errorf("warned of %q", got)
	}
	if got := send("record.created"); got != "" {
		t.Errorf("of a type that is there: %q", got)
	}
	a := w.do("POST", "/api/v1/app/acme/msg/batch", `[{"eventType":"record.creatd","payload":1},{"eventType":"record.created","payload":1}]`).want(202)
	var out struct{ Data []struct{ Warnings []string } }
	if a.decode(&out); !slices.Equal(out.Data[0].Warnings, []string{warning}) || out.Data[1].Warnings != nil {
		t.Errorf("in a batch: %s", a.body)
	}
	w.do("DELETE", "/api/v1/event-type/record.created", "").want(204) // archives it
	if got := send("record.created"); got != "" {
		t.Errorf("of a type that is archived: %q", got)
	}
	w.do("POST", "/api/v1/event-type", `{"name":"other"}`).want(201)
	w.do("DELETE", "/api/v1/event-type/record.created?expunge=true", "").want(204)
	if got := send("record.created"); got == "" {
		t.Error("of a type that was removed nothing is said")
	}
	// Another hub on the same store, as after a restart, reads what is there.
	again := worldOn(t, w.store, &fanfare.Options{})
	a = again.do("POST", "/api/v1/app/acme/msg", `{"eventType":"record.creatd","payload":1}`).want(202)
	if got := a.header.Get("Fanfare-Warnings"); got != warning {
		t.Errorf("after a restart: %q", got)
	}
}

func TestAPlanIsNoDeedInTheAuditLog(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	const since = `{"since":"2026-01-01T00:00:00Z"}`
	w.do("POST", "/api/v1/app/acme/endpoint/ep/recover?plan=true", since).want(200)
	w.do("POST", "/api/v1/app/acme/msg/expunge-all-contents?plan=true", "").want(200)
	w.do("POST", "/api/v1/app/acme/endpoint/ep/recover?plan=true&planTime=1000", since).want(200).has(map[string]any{"more": nil})
	w.do("POST", "/api/v1/app/acme/endpoint/ep/recover?planTime=1000", since).want(422)
	w.do("POST", "/api/v1/app/acme/endpoint/ep/recover?plan=true&planTime=0", since).want(422)
	w.do("POST", "/api/v1/event-type/import/openapi", `{"dryRun":true,"spec":{"openapi":"3.1.0","info":{"title":"","version":""},"webhooks":{"a":{"post":{"description":"a"}}}}}`).want(200)
	w.do("POST", "/api/v1/app/acme/endpoint/ep/recover", since).want(202)
	var out struct{ Data []struct{ Action string } }
	w.do("GET", "/api/v1/audit?limit=4&order=descending", "").want(200).decode(&out)
	var got []string
	for _, e := range out.Data {
		got = append(got, e.Action)
	}
	want := []string{"endpoint.recover", "endpoint.create", "application.create"}
	if !slices.Equal(got, want) {
		t.Errorf("the log has %q, want %q", got, want)
	}
}

func TestMetricsAreForThisMachineAndForAdmins(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	key := func(body string) string {
		key, _ := w.do("POST", "/api/v1/api-key", body).want(201).object()["token"].(string)
		return key
	}
	for _, c := range []struct {
		from, key, header string
		status            int
	}{
		{"127.0.0.1:5", "", "", 200},
		{"[::1]:5", "", "", 200},
		{"[::ffff:127.0.0.1]:5", "", "", 200},
		{"127.0.0.1:5", "", "X-Forwarded-For", 401},
		{"127.0.0.1:5", testKey, "X-Forwarded-For", 200},
		{"192.0.2.1:5", "", "", 401},
		{"192.0.2.1:5", "wrong", "", 401},
		{"192.0.2.1:5", testKey, "", 200},
		{"192.0.2.1:5", key(`{"name":"k","scopes":["admin"]}`), "", 200},
		{"192.0.2.1:5", key(`{"name":"k","scopes":["messages:read"]}`), "", 403},
		{"192.0.2.1:5", key(`{"name":"k","scopes":["admin"],"application":"acme"}`), "", 403},
	} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.RemoteAddr = c.from
		if c.key != "" {
			r.Header.Set("Authorization", "Bearer "+c.key)
		}
		if c.header != "" {
			r.Header.Set(c.header, "203.0.113.9")
		}
		a := w.send(r)
		if a.status != c.status || a.status == 200 && !strings.Contains(string(a.body), "go_goroutines ") {
			t.Errorf("from %s with key %q and %s: %d %s, want %d", c.from, c.key, c.header, a.status, a.body[:min(len(a.body), 200)], c.status)
		}
	}
}

func TestMetricsHaveNoRouteThatWasNotUsed(t *testing.T) {
	w := newWorld(t)
	w.do("GET", "/api/v1/app", "").want(200)
	var lines []string
	for line := range strings.Lines(string(w.do("GET", "/metrics", "").want(200).body)) {
		if strings.HasPrefix(line, "fanfare_http_requests_total{") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if want := []string{`fanfare_http_requests_total{method="GET",route="/app",status="2xx"} 1`}; !slices.Equal(lines, want) {
		t.Errorf("it has %q, want %q", lines, want)
	}
}
