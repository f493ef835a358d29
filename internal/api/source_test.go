package api

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/source"
)

// receive sends a request to a source's address, as the world does.
func (w *world) receive(address, body string, headers ...string) int {
	w.t.Helper()
	r := httptest.NewRequest("POST", strings.TrimPrefix(address, "http://127.0.0.1:8080"), strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	source.NewHandler(w.hub, nil).ServeHTTP(rec, r)
	return rec.Code
}

func TestSources(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	const all = "/api/v1/app/acme/source"
	made := w.do("POST", all, `{"uid":"one","profile":"github","secret":"a secret of github","response":{"status":201,"body":"ok"}}`).want(201)
	out := made.object()
	address := out["url"].(string)
	if out["name"] != "one" || out["secrets"] != 1.0 || !strings.HasPrefix(address, "http://127.0.0.1:8080/in/") || strings.Contains(string(made.body), "a secret of") {
		t.Errorf("made is %s", made.body)
	}
	if again := w.do("GET", all+"/one", "").want(200); string(again.body) != string(made.body) {
		t.Errorf("read is %s, and made was %s", again.body, made.body)
	}
	if got := w.receive(address, "Hello", "X-Hub-Signature-256: sha256=00"); got != 401 {
		t.Errorf("what is not signed is answered %d", got)
	}
	refused := w.do("GET", all+"/one/refused", "").want(200)
	if s := string(refused.body); !strings.Contains(s, `"status":401`) || !strings.Contains(s, `"address":"192.0.2.1"`) || strings.Contains(s, "a secret") {
		t.Errorf("refused is %s", s)
	}
	w.do("GET", all+"/one/activity", "").want(200).says(`"refused":1`)

	// A change keeps what it does not name, secrets above all.
	tag := w.do("GET", all+"/one", "").header.Get("ETag")
	w.do("PATCH", all+"/one", `{"disabled":true}`, "If-Match: "+tag).want(200).says(`"disabled":true`, `"secrets":1`, `"profile":"github"`)
	w.do("PATCH", all+"/one", `{"disabled":false}`, "If-Match: "+tag).want(412)
	w.do("PATCH", all+"/one", `{"secret":"the next secret"}`).want(200).says(`"secrets":2`)
	secrets := w.do("GET", all+"/one/secret", "").want(200)
	if s := string(secrets.body); strings.Count(s, "expiresAt") != 2 || strings.Count(s, "null") != 1 || strings.Contains(s, "secret") {
		t.Errorf("secrets are %s", s)
	}
	w.do("POST", all+"/one/secret", `{"secret":"one more of them","gracePeriodSeconds":0}`).want(200)
	w.do("GET", all+"/one", "").says(`"secrets":1`)
	w.do("PATCH", all+"/one", `{"profile":"none"}`).want(200).says(`"secrets":0`)
	w.do("PATCH", all+"/one", `{"profile":"stripe"}`).want(422).says("secret", "is missing")
	w.do("PUT", all+"/one", `{"profile":"none","uid":"one"}`).want(200).says(`"response":null`, `"disabled":false`)
	if got := w.receive(address, "{}"); got != 202 {
		t.Errorf("a replaced source has its address no more: %d", got)
	}

	// Its address changes.
	rotated := w.do("POST", all+"/one/rotate", `{"gracePeriodSeconds":0}`).want(200).object()
	if rotated["url"] == address || rotated["oldUrlUntil"] != nil || w.receive(address, "{}") != 404 || w.receive(rotated["url"].(string), "{}") != 202 {
		t.Errorf("rotated is %v", rotated)
	}
	if r := w.do("POST", all+"/one/rotate", "").want(200).object(); r["oldUrlUntil"] == nil || w.receive(rotated["url"].(string), "{}") != 202 {
		t.Errorf("rotated is %v", r)
	}
	w.do("POST", all+"/one/rotate", `{"gracePeriodSeconds":-1}`).want(422)

	w.do("PUT", all+"/two", `{"profile":"none"}`).want(201).says(`"uid":"two"`)
	w.do("PUT", all+"/src_00000000000000000000000000", `{"profile":"none"}`).want(404)
	w.do("POST", all, `{"profile":"none","uid":"two"}`).want(409)
	w.do("GET", all+"?limit=1", "").want(200).says(`"uid":"two"`, `"done":false`)
	w.do("DELETE", all+"/two", "").want(204)
	w.do("GET", all+"/two", "").want(404)
	if got := string(w.do("GET", "/metrics", "").body); !strings.Contains(got, `fanfare_source_received_total{outcome="accepted",profile="none"} 3`) {
		t.Errorf("the figures lack it")
	}
}

func TestSourcesThatCannotBe(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	for body, says := range map[string]string{
		`{}`: "profile", `{"profile":"gitlab"}`: "slack-outgoing", `{"profile":"github"}`: "is missing", `{"profile":"github","secret":"short"}`: "8 to 256",
		`{"profile":"standard","secret":"not of the form"}`: "secret", `{"profile":"none","secret":"a secret of none"}`: "none has none",
		`{"profile":"hmac","secret":"12345678"}`: "name the header", `{"profile":"hmac","secret":"12345678","hmac":{"header":"X Y"}}`: "hmac.header",
		`{"profile":"hmac","secret":"12345678","hmac":{"header":"X","algorithm":"md5"}}`: "sha512", `{"profile":"none","hmac":{"header":"X"}}`: "hmac only",
		`{"profile":"none","filter":"payload."}`: "column", `{"profile":"none","eventType":"{{"}`: "not closed", `{"profile":"none","response":{"body":"{{}}"}}`: "empty",
		`{"profile":"none","response":{"status":302}}`: "200 to 299", `{"profile":"none","dedupe":"id"}`: "header:X-Event-Id", `{"profile":"none","dedupe":"header:"}`: "name of a header",
		`{"profile":"none","rateLimit":-1}`: "rateLimit", `{"profile":"none","publicUrl":"ftp://x"}`: "publicUrl", `{"profile":"none","uid":"src_00000000000000000000000000"}`: "own ids",
	} {
		a := w.do("POST", "/api/v1/app/acme/source", body)
		text := string(a.body)
		if says == "hmac.header" {
			says = `"hmac","header"`
		}
		if a.status != 422 || !strings.Contains(text, says) {
			t.Errorf("%s: %d %s; want 422 with %q", body, a.status, text, says)
		}
	}
}

// says fails the test unless the body has all of these.
func (a *answer) says(parts ...string) *answer {
	a.t.Helper()
	for _, part := range parts {
		if !strings.Contains(string(a.body), part) {
			a.t.Errorf("%s lacks %s", a.body, part)
		}
	}
	return a
}
