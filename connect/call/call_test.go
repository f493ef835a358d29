package call_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/call"
	"github.com/fanfarehq/fanfare/connect/connecttest"
)

// service answers /status/404 with 404 and a body that says so, /echo with the
// request's Authorization, and /token as a token's server.
func service() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/status/{status}", func(rw http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		_, _ = fmt.Sscan(r.PathValue("status"), &status)
		if status == http.StatusFound {
			rw.Header().Set("Location", "/elsewhere")
		}
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, `{"error":"no"}`)
	})
	mux.HandleFunc("/echo", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Seen", r.Header.Get("Authorization")+r.Header.Get("X-Key"))
		_, _ = io.WriteString(rw, "you are "+r.Header.Get("Authorization")+r.Header.Get("X-Key"))
	})
	mux.HandleFunc("/v1/", func(rw http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(rw, `{"ok":true}`) })
	return mux
}

func TestContract(t *testing.T) {
	const to = `"url":"https://api.example/v1/leads"`
	at := func(path string) string { return `{"url":"https://api.example` + path + `"}` }
	connecttest.Run(t, connecttest.Case{
		Connector: call.Connector(), Fake: service(),
		Config: `{` + to + `,"username":"u","password":"hunter22hunter22","secretHeaders":{"X-Key":"sEcReTtOkEn"}}`,
		Bad: map[string]string{
			`{}`:                                  "config.url: is missing; give a URL such as https://api.example.com/v1/things/{{payload.id}}",
			`{"url":"https://{{payload.host}}/"}`: "config.url: is not a URL such as",
			`{"url":"https://a.{{payload.x}}/"}`:  "config.url: has an expression in or before the host",
			`{"url":"https://a.example:{{payload.x}}/"}`:              "config.url: ",
			`{"url":"https://u:secretsecret@a.example/"}`:             "config.url: has a name and password",
			`{` + to + `,"method":"TRACE"}`:                           "config.method: must be one of POST, PUT, PATCH, GET, DELETE",
			`{` + to + `,"method":"GET","body":{}}`:                   "config.body: is nothing that GET sends",
			`{` + to + `,"body":{"a":"{{"}}`:                          "config.body.a: a {{ is not closed by }}",
			`{` + to + `,"contentType":"x y"}`:                        "config.contentType: is not a media type",
			`{` + to + `,"headers":{"Host":"x"}}`:                     "config.headers.Host: is made from url",
			`{` + to + `,"headers":{"fanfare-hops":"0"}}`:             "config.headers.fanfare-hops: is added to each request",
			`{` + to + `,"headers":{"a b":"x"}}`:                      "config.headers.a b: is not the name of a header field",
			`{` + to + `,"secretHeaders":{"X-Key":"a\nb"}}`:           "config.secretHeaders.X-Key: is not a value that can be sent",
			`{` + to + `,"secretHeaders":"secretsecret"}`:             "config.secretHeaders: must be an object",
			`{` + to + `,"secretHeaders":"{\"a b\":\"c\"}"}`:          "config.secretHeaders.a b: is not the name of a header field",
			`{` + to + `,"success":{"statuses":"abc"}}`:               "config.success.statuses: ",
			`{` + to + `,"success":{"expect":"answer."}}`:             "config.success.expect: column ",
			`{` + to + `,"token":"tokentoken","username":"u"}`:        "config.token: give one of username with password, token,",
			`{` + to + `,"tokenUrl":"https://a.example/"}`:            "config.clientId: is missing",
			`{` + to + `,"clientId":"x","clientSecret":"secret1234"}`: "config.tokenUrl: is missing",
		},
		Outcomes: map[string]connecttest.Outcome{
			"bad request":      {Config: at("/status/400"), Class: fanfare.ClassRejected, Status: 400, Detail: `400 Bad Request: {"error":"no"}`},
			"unprocessable":    {Config: at("/status/422"), Class: fanfare.ClassRejected, Status: 422},
			"unauthorized":     {Config: at("/status/401"), Class: fanfare.ClassStatus, Status: 401},
			"forbidden":        {Config: at("/status/403"), Class: fanfare.ClassStatus, Status: 403},
			"not found":        {Config: at("/status/404"), Class: fanfare.ClassStatus, Status: 404},
			"gone":             {Config: at("/status/410"), Class: fanfare.ClassGone, Status: 410},
			"its thing is":     {Config: at("/status/410?x={{payload.n}}"), Class: fanfare.ClassRejected, Status: 410},
			"broken":           {Config: at("/status/500"), Class: fanfare.ClassStatus, Status: 500},
			"elsewhere":        {Config: at("/status/302"), Class: fanfare.ClassRedirect, Status: 302},
			"deleted already":  {Config: `{"url":"https://api.example/status/404","method":"DELETE"}`, Class: fanfare.ClassSuccess, Status: 404},
			"taken as told":    {Config: `{"url":"https://api.example/status/409","success":{"statuses":"200-299,409"}}`, Class: fanfare.ClassSuccess, Status: 409},
			"not as told":      {Config: `{"url":"https://api.example/v1/","success":{"statuses":"201"}}`, Class: fanfare.ClassStatus, Status: 200},
			"body":             {Config: `{"url":"https://api.example/v1/","success":{"lacks":"true"}}`, Class: fanfare.ClassBody, Detail: "the body of the answer is not as success wants it"},
			"carto":            {Config: `{"url":"https://api.example/status/200","success":{"preset":"carto"}}`, Class: fanfare.ClassBody, Detail: "CARTO says"},
			"as expected":      {Config: `{"url":"https://api.example/v1/","success":{"expect":"answer.ok"}}`, Class: fanfare.ClassSuccess},
			"not as expected":  {Config: `{"url":"https://api.example/v1/","success":{"expect":"!answer.ok"}}`, Class: fanfare.ClassBody, Detail: "the answer is not as success.expect wants it"},
			"expected more":    {Config: `{"url":"https://api.example/v1/","success":{"expect":"answer.id > 0"}}`, Class: fanfare.ClassBody, Detail: "wants it: it has no id"},
			"expected JSON":    {Config: `{"url":"https://api.example/echo","success":{"expect":"answer.id > 0"}}`, Class: fanfare.ClassBody, Detail: "wants it: it is not JSON"},
			"an echo":          {Config: `{"url":"https://api.example/echo","token":"tokentoken","success":{"contains":"you are Bearer ********"}}`, Class: fanfare.ClassBody},
			"empty in url":     {Config: at("/v1/{{payload.none}}"), Class: fanfare.ClassRejected, Detail: "url has an expression that renders empty"},
			"dots in url":      {Config: at("/v1/{{payload.dots}}/x"), Message: connecttest.Message("a.b", `{"dots":".."}`), Class: fanfare.ClassRejected, Detail: "url renders a path that leads elsewhere"},
			"a line in header": {Config: `{` + to + `,"headers":{"X-A":"{{payload.x}}"}}`, Message: connecttest.Message("a.b", `{"x":"a\nB: c"}`), Class: fanfare.ClassRejected, Detail: "headers.X-A renders what no header can hold"},
			"faulty body":      {Config: `{` + to + `,"body":{"a":"{{payload.n.lower()}}"}}`, Class: fanfare.ClassRejected, Detail: "body: "},
		},
	})
}

// TestRequests sees what is sent.
func TestRequests(t *testing.T) {
	const payload = `{"id":"a b/c&d=e","name":"\"Yogi\" <b>","n":1.50,"big":9007199254740993,"tags":["x"],"none":null}`
	for name, c := range map[string]struct{ config, method, url, contentType, body string }{
		"default": {`"url":"https://api.example/v1/"`, "POST", "/v1/", "application/json", payload},
		"url":     {`"url":"https://api.example/v1/{{payload.id}}?q={{payload.id}}","method":"DELETE"`, "DELETE", "/v1/a%20b%2Fc%26d%3De?q=a%20b%2Fc%26d%3De", "", ""},
		"values": {`"url":"https://api.example/v1/","method":"PUT","body":{"n":"{{payload.n}}","big":"{{payload.big}}","text":"n {{payload.n}}","all":["{{payload.tags}}",1.0],"no":"{{payload.no}}","none":"{{payload.none}}","type":"{{eventType}}"}`,
			"PUT", "/v1/", "application/json", `{"n":1.5,"big":9007199254740993,"text":"n 1.5","all":[["x"],1.0],"no":null,"none":null,"type":"a.b"}`},
		"json text": {`"url":"https://api.example/v1/","body":"{\"name\": \"{{payload.name}}\"}"`, "POST", "/v1/", "application/json", `{"name": "\"Yogi\" <b>"}`},
		"form":      {`"url":"https://api.example/v1/","contentType":"application/x-www-form-urlencoded","body":"id={{payload.id}}&x=1"`, "POST", "/v1/", "application/x-www-form-urlencoded", "id=a+b%2Fc%26d%3De&x=1"},
		"xml":       {`"url":"https://api.example/v1/","contentType":"application/soap+xml; charset=utf-8","body":"<n>{{payload.name}}</n>"`, "POST", "/v1/", "application/soap+xml; charset=utf-8", "<n>&#34;Yogi&#34; &lt;b&gt;</n>"},
		"text":      {`"url":"https://api.example/v1/","contentType":"text/plain","body":"{{payload.name}}"`, "POST", "/v1/", "text/plain", `"Yogi" <b>`},
	} {
		t.Run(name, func(t *testing.T) {
			way, took := connecttest.Way(t, service())
			sink, err := call.Connector().New([]byte(`{"headers":{"X-Type":"{{eventType}}"},"secretHeaders":{"X-Key":"sEcReTtOkEn"},`+c.config+`}`), way)
			if err != nil {
				t.Fatal(err)
			}
			msg := connecttest.Message("a.b", payload)
			if err := msg.Passed("2"); err != nil {
				t.Fatal(err)
			}
			reply, err := sink.Send(t.Context(), msg)
			if err != nil || reply.Class != fanfare.ClassSuccess {
				t.Fatalf("%+v, %v", reply, err)
			}
			r := took()[0]
			if r.Method != c.method || r.URL != "api.example"+c.url || r.Body != c.body || r.Header.Get("Content-Type") != c.contentType {
				t.Errorf("sent %s %s with %s: %s", r.Method, r.URL, r.Header.Get("Content-Type"), r.Body)
			}
			for name, want := range map[string]string{"X-Type": "a.b", "X-Key": "sEcReTtOkEn", "Fanfare-Hops": "3", "Idempotency-Key": string(msg.ID)} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s: %q; want %q", name, got, want)
				}
			}
			if shown := fmt.Sprint(reply); strings.Contains(shown, "sEcReTtOkEn") {
				t.Errorf("a secret is shown: %s", shown)
			}
		})
	}
}

// TestAnswersShowNoSecrets has them come back in what is answered.
func TestAnswersShowNoSecrets(t *testing.T) {
	for name, config := range map[string]string{
		"header":   `{"url":"https://api.example/echo","secretHeaders":{"X-Key":"sEcReTtOkEn"}}`,
		"token":    `{"url":"https://api.example/echo","token":"sEcReTtOkEn"}`,
		"password": `{"url":"https://api.example/echo","username":"u","password":"sEcReTtOkEn"}`,
		"fetched":  `{"url":"https://api.example/v1/","tokenUrl":"https://login.example/token","clientId":"us","clientSecret":"hunter22hunter22"}`,
	} {
		t.Run(name, func(t *testing.T) {
			var server http.Handler = service()
			if name == "fetched" {
				server = &login{}
			}
			way, _ := connecttest.Way(t, server)
			sink, err := call.Connector().New([]byte(config), way)
			if err != nil {
				t.Fatal(err)
			}
			reply, err := sink.Send(t.Context(), connecttest.Message("a.b", "{}"))
			if err != nil || reply.Class != fanfare.ClassSuccess || len(reply.ResponseBody) == 0 {
				t.Fatalf("%+v, %v", reply, err)
			}
			shown := fmt.Sprint(reply.ResponseHeader, string(reply.ResponseBody))
			for _, secret := range []string{"sEcReTtOkEn", "access-1", base64.StdEncoding.EncodeToString([]byte("u:sEcReTtOkEn"))} {
				if strings.Contains(shown, secret) {
					t.Errorf("%s is shown: %s", secret, shown)
				}
			}
		})
	}
}

// A login gives out tokens, which its service takes until it is told to end them.
type login struct {
	asked  atomic.Int64
	ended  atomic.Bool // the first token is good no more
	status int         // of an error; 0: none
	form   atomic.Value
}

func (l *login) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/token" {
		rw.Header().Set("X-Seen", r.Header.Get("Authorization"))
		if n := l.asked.Load(); r.Header.Get("Authorization") != fmt.Sprintf("Bearer access-%d", n) || l.ended.Load() && n == 1 {
			rw.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(rw, r.Header.Get("Authorization"))
		return
	}
	_ = r.ParseForm()
	user, pass, _ := r.BasicAuth()
	l.form.Store(fmt.Sprint(user, " ", pass, " ", r.Form.Encode()))
	rw.Header().Set("Content-Type", "application/json")
	if l.status != 0 {
		rw.WriteHeader(l.status)
		_ = json.NewEncoder(rw).Encode(map[string]string{"error": "invalid_client", "error_description": "for " + pass})
		return
	}
	_ = json.NewEncoder(rw).Encode(map[string]any{"access_token": fmt.Sprintf("access-%d", l.asked.Add(1)), "token_type": "Bearer", "expires_in": 3600})
}

func TestTokens(t *testing.T) {
	const config = `{"url":"https://api.example/v1/","tokenUrl":"https://login.example/token","clientId":"us","clientSecret":"hunter22hunter22","scopes":["a","b"],"audience":"api"`
	l := &login{}
	way, _ := connecttest.Way(t, l)
	sink, err := call.Connector().New([]byte(config+`}`), way)
	if err != nil {
		t.Fatal(err)
	}
	send := func() fanfare.Reply {
		t.Helper()
		reply, err := sink.Send(t.Context(), connecttest.Message("a.b", "{}"))
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
	for range 2 {
		if reply := send(); reply.Class != fanfare.ClassSuccess || l.asked.Load() != 1 {
			t.Fatalf("%+v, with token %d", reply, l.asked.Load())
		}
	}
	if got := l.form.Load(); got != "us hunter22hunter22 audience=api&grant_type=client_credentials&scope=a+b" {
		t.Errorf("asked for a token with %s", got)
	}
	l.ended.Store(true)
	if reply := send(); reply.Class != fanfare.ClassStatus || !strings.Contains(reply.Detail, "fetches a new access token") {
		t.Errorf("%+v", reply)
	}
	if reply := send(); reply.Class != fanfare.ClassSuccess || l.asked.Load() != 2 {
		t.Errorf("%+v, with token %d", reply, l.asked.Load())
	}

	l = &login{status: 401}
	way, _ = connecttest.Way(t, l)
	if sink, err = call.Connector().New([]byte(config+`,"clientIn":"header"}`), way); err != nil {
		t.Fatal(err)
	}
	if reply := send(); reply.Class != fanfare.ClassToken || reply.Detail != "no access token could be had: 401 Unauthorized: invalid_client (for ********)" {
		t.Errorf("%+v", reply)
	}
}

// TestARefusedTokenWaitsForNobody has two attempts refused while a third fetches another
// token, from a server that takes its time over that.
func TestARefusedTokenWaitsForNobody(t *testing.T) {
	var fetched atomic.Int32
	fetching, slow := make(chan struct{}), make(chan struct{})
	way, _ := connecttest.Way(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token" && fetched.Add(1) == 1:
			rw.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(rw, `{"access_token":"access-1","token_type":"Bearer","expires_in":3600}`)
		case r.URL.Path == "/token":
			close(fetching)
			<-r.Context().Done()
		case r.URL.Path == "/slow":
			slow <- struct{}{}
			<-slow
			fallthrough
		default:
			rw.WriteHeader(http.StatusUnauthorized)
		}
	}))
	sink, err := call.Connector().New([]byte(`{"url":"https://api.example/{{payload.at}}","tokenUrl":"https://login.example/token","clientId":"us","clientSecret":"hunter22hunter22"}`), way)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	defer sending.Wait()
	defer cancel()
	send := func(at string) fanfare.Reply {
		reply, _ := sink.Send(ctx, connecttest.Message("a.b", `{"at":"`+at+`"}`))
		return reply
	}
	ended := make(chan fanfare.Reply, 1)
	sending.Go(func() { ended <- send("slow") })
	select {
	case <-slow:
	case reply := <-ended:
		t.Fatalf("%+v", reply)
	}
	if reply := send("at-once"); reply.Status != http.StatusUnauthorized {
		t.Fatalf("%+v", reply)
	}
	sending.Go(func() { send("next") })
	<-fetching
	slow <- struct{}{}
	select {
	case reply := <-ended:
		if reply.Status != http.StatusUnauthorized {
			t.Errorf("%+v", reply)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for the token of another attempt")
	}
}
