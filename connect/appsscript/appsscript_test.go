package appsscript_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/appsscript"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/webhook"
)

const secret = "sixteen or more of any text"

func config(id, more string) string {
	return `{"url":"https://script.google.com/macros/s/` + id + `/exec","secret":"` + secret + `"` + more + `}`
}

func TestContract(t *testing.T) {
	c := appsscript.Connector()
	if c.InFlight != 5 || c.Timeout.Seconds() != 60 {
		t.Errorf("%d at once, for %s", c.InFlight, c.Timeout)
	}
	connecttest.Run(t, connecttest.Case{
		Connector: c, Config: config("AKfycbSECRET", ""), Fake: fake.AppsScript(),
		Repeats: func(a, b connecttest.Request) bool {
			return a.Method == b.Method && a.Body == b.Body && unsigned(a.URL) == unsigned(b.URL)
		},
		Bad: map[string]string{
			`{}`: "config.url: is missing; give a URL such as https://script.google.com/macros/s/…/exec\nconfig.secret: is missing; give the text that the script has too",
			`{"url":"https://script.google.com/macros/s/x/dev","secret":"` + secret + `"}`: "config.url: is for its developer to try it out",
			`{"url":"https://script.google.com/macros/s/x/exec","secret":"short"}`:         "config.secret: has 16 to 1024 bytes",
			config("x", `,"signature":"header"`):                                           "config.signature: must be one of query, body, none",
			config("x", `,"body":{"a":"{{"}`):                                              "config.body.a: a {{ is not closed",
		},
		Outcomes: map[string]connecttest.Outcome{
			"runs":            {Config: config("any", ""), Class: fanfare.ClassSuccess, Status: 302},
			"confirms":        {Config: config("any", `,"confirm":true`), Class: fanfare.ClassSuccess, Status: 200},
			"confirms by ok":  {Config: config("plain", `,"confirm":true`), Class: fanfare.ClassSuccess, Status: 200},
			"does not":        {Config: config("says-no", `,"confirm":true`), Class: fanfare.ClassBody, Status: 200, Detail: `the script ran, but returned neither ok nor {"ok": true}: {"ok":false}`},
			"is not asked":    {Config: config("says-no", ""), Class: fanfare.ClassSuccess, Status: 302},
			"a page":          {Config: config("html", ""), Class: fanfare.ClassSuccess, Status: 200},
			"a page, asked":   {Config: config("html", `,"confirm":true`), Class: fanfare.ClassBody, Status: 200},
			"wants a login":   {Config: config("login", ""), Class: fanfare.ClassRedirect, Status: 302, Detail: "deploy it with access for Anyone"},
			"throws":          {Config: config("throws", ""), Class: fanfare.ClassBody, Status: 200, Detail: "TypeError: Cannot read properties"},
			"has no function": {Config: config("no-dopost", ""), Class: fanfare.ClassBody, Status: 200, Detail: "Script function not found: doPost"},
			"is gone":         {Config: config("gone", ""), Class: fanfare.ClassStatus, Status: 404, Detail: "there is no such deployment"},
			"is not for us":   {Config: config("forbidden", ""), Class: fanfare.ClassStatus, Status: 403, Detail: "403 Forbidden"},
			"too many":        {Config: config("busy", ""), Class: fanfare.ClassStatus, Status: 429, Detail: "429 Too Many Requests"},
			"broken":          {Config: config("broken", ""), Class: fanfare.ClassStatus, Status: 500, Detail: "500 Internal Server Error"},
			"a faulty shape":  {Config: config("any", `,"body":{"a":"{{payload.n.lower()}}"}`), Class: fanfare.ClassRejected, Detail: "body: "},
		},
	})
}

// unsigned is a URL without what is another each time.
func unsigned(text string) string {
	at, _, _ := strings.Cut(text, "?")
	return at
}

// TestSignature verifies what a script is told, which is body and query alone.
func TestSignature(t *testing.T) {
	for where, c := range map[string]struct{ more, payload string }{
		"query": {"", `{"n":1}`},
		"body":  {`,"signature":"body"`, `{"n":1}`},
		"shape": {`,"body":{"type":"{{eventType}}","n":"{{payload.n}}"}`, `{"type":"a.b","n":1}`},
	} {
		t.Run(where, func(t *testing.T) {
			service := fake.AppsScript()
			way, _ := connecttest.Way(t, service)
			sink, err := appsscript.Connector().New([]byte(config("any", c.more)), way)
			if err != nil {
				t.Fatal(err)
			}
			msg := connecttest.Message("a.b", `{"n":1}`)
			if reply, err := sink.Send(t.Context(), msg); err != nil || reply.Class != fanfare.ClassSuccess {
				t.Fatalf("%+v, %v", reply, err)
			} else if shown := fmt.Sprint(reply.ResponseHeader, string(reply.ResponseBody)); !strings.Contains(shown, "echo?user_content_key=***&lib=***") || strings.Count(shown, "user_content_key") != 1 {
				t.Errorf("the output's URL is shown: %s", shown)
			}
			e := taken(t, service)
			body, q := e.PostData.Contents, e.QueryString
			if where == "body" {
				var wrapped struct {
					Headers map[string]string
					Payload string
				}
				if err := json.Unmarshal([]byte(body), &wrapped); err != nil || wrapped.Headers["webhook-event-type"] != "a.b" {
					t.Fatalf("%s: %v", body, err)
				}
				body = wrapped.Payload
				q = url.Values{"whid": {wrapped.Headers["webhook-id"]}, "whts": {wrapped.Headers["webhook-timestamp"]}, "whsig": {wrapped.Headers["webhook-signature"]}}.Encode()
			}
			if body != c.payload {
				t.Errorf("the script is told %s; want %s", body, c.payload)
			}
			for what, text := range map[string]string{"": body, "one bit": body[:len(body)-2] + string(body[len(body)-2]^1) + "}"} {
				r := httptest.NewRequest(http.MethodPost, "/?"+q, strings.NewReader(text))
				verifier, err := webhook.Query.Verifier(secret)
				if err != nil {
					t.Fatal(err)
				}
				event, err := verifier.VerifyRequest(r, []byte(text), time.Now())
				if (err == nil) != (what == "") || err == nil && event.ID != string(msg.ID) {
					t.Errorf("with %q changed: %+v, %v", what, event, err)
				}
			}
		})
	}
}

// TestOutputIsGivenOnce follows the redirect of a fake that is called by its address.
func TestOutputIsGivenOnce(t *testing.T) {
	service := fake.AppsScript()
	post := httptest.NewRecorder()
	service.ServeHTTP(post, httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9100/macros/s/any/exec", strings.NewReader("{}")))
	to := post.Header().Get("Location")
	if post.Code != http.StatusFound || !strings.HasPrefix(to, "/macros/echo?user_content_key=") {
		t.Fatalf("%d %s", post.Code, to)
	}
	for _, want := range []int{200, 404} {
		get := httptest.NewRecorder()
		service.ServeHTTP(get, httptest.NewRequest(http.MethodGet, to, nil))
		if get.Code != want {
			t.Errorf("answered %d; want %d", get.Code, want)
		}
	}
}

type event struct {
	QueryString string
	PostData    struct{ Contents string }
}

func taken(t *testing.T, service http.Handler) event {
	list := httptest.NewRecorder()
	service.ServeHTTP(list, httptest.NewRequest(http.MethodGet, "/fake/taken", nil))
	var all []event
	if err := json.Unmarshal(list.Body.Bytes(), &all); err != nil || len(all) != 1 {
		t.Fatalf("%s: %v", list.Body, err)
	}
	return all[0]
}
