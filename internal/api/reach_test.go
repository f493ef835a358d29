package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestURLsAreLookedAt(t *testing.T) {
	seen := ""
	rcv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Method
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/there", http.StatusMovedPermanently)
		}
	}))
	defer rcv.Close()
	w := newWorld(t)
	w.hub = fanfare.New(w.store, &fanfare.Options{AllowLoopback: true})
	w.api = New(w.hub, w.store, &Options{KeyHash: HashKey(testKey)})
	w.do("POST", "/api/v1/app", `{"name":"Acme","uid":"acme"}`)
	look := func(url string) string {
		t.Helper()
		a := w.do("POST", "/api/v1/app/acme/url/check", `{"url":"`+url+`"}`)
		if a.status != 200 {
			t.Fatalf("%s is answered %d %s", url, a.status, a.body)
		}
		return string(a.body)
	}
	has := func(body string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(body, part) {
				t.Errorf("%s has no %s", body, part)
			}
		}
	}
	has(look(rcv.URL+"/in"), `"reachable":true`, `"connected":true`, `"secure":false`, `"status":200`, `"location":null`, `"errorClass":null`)
	if seen != http.MethodHead {
		t.Errorf("it was called by %s", seen)
	}
	has(look(rcv.URL+"/moved"), `"status":301`, `"location":"`+rcv.URL+`/there"`, "was not followed")
	rcv.Close()
	has(look(rcv.URL), `"reachable":false`, `"connected":false`, `"errorClass":"refused"`, "nothing listens")
	for _, url := range []string{"ftp://x", "http://10.1.2.3/"} { // what an endpoint could not have is not called
		if a := w.do("POST", "/api/v1/app/acme/url/check", `{"url":"`+url+`"}`); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s is answered %d", url, a.status)
		}
	}
}

// TestScriptAlone changes an endpoint's script with the capability for that and no other.
func TestScriptAlone(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/api/v1/app", `{"name":"Acme","uid":"acme"}`)
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/","uid":"e"}`)
	const at = "/api/v1/app/acme/endpoint/e/transformation"
	if a := w.do("GET", at, ""); a.status != 200 || !strings.HasPrefix(string(a.body), `{"code":null,"enabled":false,`) {
		t.Errorf("without a script it is %d %s", a.status, a.body)
	}
	if a := w.do("PATCH", at, `{"enabled":false}`); a.status != http.StatusUnprocessableEntity {
		t.Errorf("to turn nothing off is answered %d", a.status)
	}
	if a := w.do("PATCH", at, `{"code":null}`); a.status != http.StatusNoContent {
		t.Errorf("to take it away is answered %d %s", a.status, a.body)
	}
	if a := w.do("PATCH", at, `{"code":"function handler(w) { return w }","enabled":true}`); a.status != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), "runs no transformations") {
		t.Errorf("where there are no scripts it is answered %d %s", a.status, a.body)
	}
}

func TestPingNeedsNoEventType(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/api/v1/app", `{"name":"Acme","uid":"acme"}`)
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/","uid":"e"}`)
	a := w.do("POST", "/api/v1/app/acme/endpoint/e/send-example", `{"eventType":"ping"}`)
	if a.status != http.StatusAccepted || !strings.Contains(string(a.body), `"eventType":"ping"`) {
		t.Errorf("a ping is answered %d %s", a.status, a.body)
	}
	w.do("POST", "/api/v1/event-type", `{"name":"ping","examples":[{"own":1}]}`)
	if a := w.do("POST", "/api/v1/app/acme/endpoint/e/send-example", `{"eventType":"ping"}`); !strings.Contains(string(a.body), `{"own":1}`) {
		t.Errorf("one's own ping is %s", a.body)
	}
}
