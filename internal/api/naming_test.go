package api

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestRefusalsNameWhatTheyMean: who sees a 404 or a 409 can tell which of the
// names sent is at fault.
func TestRefusalsNameWhatTheyMean(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.app("other")
	w.endpoint("acme", "ep")
	w.endpoint("acme", "second")
	w.message("acme", `{"eventType":"x","payload":1,"eventId":"e"}`)
	w.do("POST", "/api/v1/event-type", `{"name":"t"}`).want(201)
	const (
		msg      = `{"eventType":"x","payload":1,"eventId":"e"}`
		endpoint = `{"url":"https://example.com/in","uid":"ep"}`
	)
	for _, c := range []struct{ op, body, want string }{
		{"GET /app/typo", "", `404 There is no application "typo" here.`},
		{"DELETE /app/typo", "", `404 There is no application "typo" here.`},
		{"POST /app/typo/msg", msg, `404 There is no application "typo" here.`},
		{"POST /app/typo/msg/batch", "[" + msg + "]", `404 There is no application "typo" here.`},
		{"POST /app/typo/endpoint", endpoint, `404 There is no application "typo" here.`},
		{"GET /app/typo/endpoint/ep", "", `404 There is no application "typo" here.`},
		{"PUT /app/typo/endpoint/ep", endpoint, `404 There is no application "typo" here.`},
		{"GET /app/typo/msg/e/attempt/a", "", `404 There is no application "typo" here.`},
		{"GET /app/acme/endpoint/nope", "", `404 There is no endpoint "nope" in application "acme".`},
		{"GET /app/acme/endpoint/nope/msg", "", `404 There is no endpoint "nope" in application "acme".`},
		{"GET /app/acme/attempt/endpoint/nope", "", `404 There is no endpoint "nope" in application "acme".`},
		{"GET /app/acme/attempt/msg/e?endpoint_id=nope", "", `404 There is no endpoint "nope" in application "acme".`},
		{"PUT /app/acme/endpoint/ep_00000000000000000000000000", endpoint, `404 There is no endpoint "ep_00000000000000000000000000" in application "acme".`},
		{"GET /app/acme/msg/nope", "", `404 There is no message "nope" in application "acme".`},
		{"POST /app/acme/msg/nope/endpoint/ep/resend", "", `404 There is no message "nope" in application "acme".`},
		{"POST /app/acme/msg/e/endpoint/nope/resend", "", `404 There is no endpoint "nope" in application "acme".`},
		{"GET /app/acme/msg/e/attempt/nope", "", `404 There is no attempt "nope" of message "e" in application "acme".`},
		{"GET /event-type/nope", "", `404 There is no event type "nope" here.`},
		{"POST /app", `{"name":"A","uid":"acme"}`, `409 The uid "acme" is taken by another application.`},
		{"PUT /app/new", `{"name":"A","uid":"acme"}`, `409 The uid "acme" is taken by another application.`},
		{"PUT /app/other", `{"name":"A","uid":"acme"}`, `409 The uid "acme" is taken by another application.`},
		{"PATCH /app/other", `{"uid":"acme"}`, `409 The uid "acme" is taken by another application.`},
		{"POST /app/acme/endpoint", endpoint, `409 The uid "ep" is taken by another endpoint of this application.`},
		{"PUT /app/acme/endpoint/new", endpoint, `409 The uid "ep" is taken by another endpoint of this application.`},
		{"PUT /app/acme/endpoint/second", endpoint, `409 The uid "ep" is taken by another endpoint of this application.`},
		{"PATCH /app/acme/endpoint/second", `{"uid":"ep"}`, `409 The uid "ep" is taken by another endpoint of this application.`},
		{"POST /event-type", `{"name":"t"}`, `409 The name "t" is taken by another event type.`},
		{"POST /app/acme/msg", msg, `409 The event id "e" is taken by another message of this application.`},
	} {
		method, path, _ := strings.Cut(c.op, " ")
		a := w.do(method, "/api/v1"+path, c.body)
		var out errorOut
		a.decode(&out)
		if got := strings.Split(c.want, " ")[0]; got == "404" && a.status != 404 || got == "409" && a.status != 409 || !strings.HasPrefix(out.Detail, c.want[4:]) {
			t.Errorf("%s: %d %q, want %s", c.op, a.status, out.Detail, c.want)
		}
	}
	batch := string(w.do("POST", "/api/v1/app/acme/msg/batch", "["+msg+"]").want(202).body)
	if !strings.Contains(batch, `The event id \"e\" is taken`) {
		t.Errorf("in a batch: %s", batch)
	}
}

// TestEchoesAreBounded: what came in comes back cut, quoted and printable.
func TestEchoesAreBounded(t *testing.T) {
	w := newWorld(t)
	for ref, want := range map[string]string{
		strings.Repeat("a", 200):           `"` + strings.Repeat("a", 64) + `…"`,
		"a%22b%3Cscript%3E":                `"a\"b<script>"`,
		"%E2%80%AEevil":                    `"\u202eevil"`,
		"%C3%A9":                           `"é"`,
		"%5C%22":                           `"\\\""`,
		strings.Repeat("%C3%A9", 60) + "x": "",
		"x" + strings.Repeat("%C3%A9", 60): "",
		strings.Repeat("%E2%80%AE", 60):    "",
	} {
		a := w.do("GET", "/api/v1/app/"+ref, "").want(404)
		var out errorOut
		a.decode(&out)
		if !strings.HasPrefix(out.Detail, "There is no application "+want) || len(a.body) > 600 || !utf8.Valid(a.body) || strings.ContainsAny(out.Detail, "\u202e\x00\n") {
			t.Errorf("%s: %s", ref, a.body)
		}
	}
}
