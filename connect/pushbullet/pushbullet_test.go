package pushbullet_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/connect/pushbullet"
)

const token = `"accessToken":"o.sEcReTtOkEn"`

func TestContract(t *testing.T) {
	connecttest.Run(t, connecttest.Case{
		Connector: pushbullet.Connector(), Config: `{` + token + `}`, Fake: fake.Pushbullet(),
		Bad: map[string]string{
			`{}`:                     "config.accessToken: is missing; make one at pushbullet.com",
			`{"accessToken":"a\nb"}`: "config.accessToken: has characters that no token has",
			`{` + token + `,"email":"a@b.example","device":"x"}`: "config.email: give one of email, device and channel, or none",
			`{` + token + `,"title":"{{","link":"{{"}`:           "config.title: a {{ is not closed by }}\nconfig.link: a {{ is not closed by }}",
			`{` + token + `,"url":"x"}`:                          "config.url: is not a URL such as https://api.pushbullet.com",
		},
		Outcomes: map[string]connecttest.Outcome{
			"unknown token":   {Config: `{"accessToken":"o.unknown"}`, Class: fanfare.ClassStatus, Status: 401, Detail: "invalid_access_token: Access token is missing or invalid; check accessToken"},
			"forbidden":       {Config: `{"accessToken":"o.forbidden"}`, Class: fanfare.ClassStatus, Status: 403, Detail: "invalid_request: "},
			"limited":         {Config: `{"accessToken":"o.limited"}`, Class: fanfare.ClassStatus, Status: 429, Detail: "ratelimited: "},
			"broken":          {Config: `{"accessToken":"o.broken"}`, Class: fanfare.ClassStatus, Status: 500, Detail: "server: "},
			"busy":            {Config: `{"accessToken":"o.busy"}`, Class: fanfare.ClassStatus, Status: 503, Detail: "server: "},
			"no address":      {Config: `{` + token + `,"email":"me"}`, Class: fanfare.ClassRejected, Status: 400, Detail: "invalid_param: The param 'email' has an invalid value. (email)"},
			"no such device":  {Config: `{` + token + `,"device":"nowhere"}`, Class: fanfare.ClassRejected, Status: 404, Detail: "invalid_request: The resource could not be found."},
			"no such channel": {Config: `{` + token + `,"channel":"nowhere"}`, Class: fanfare.ClassRejected, Status: 404},
			"nobody":          {Config: `{` + token + `,"email":"{{payload.assignee}}"}`, Class: fanfare.ClassRejected, Detail: "whom to push it to renders empty"},
			"nothing":         {Config: `{` + token + `,"title":"","text":"{{payload.x}}"}`, Class: fanfare.ClassRejected, Detail: "title, text and link render empty"},
			"faulty":          {Config: `{` + token + `,"text":"{{payload.n.lower()}}"}`, Class: fanfare.ClassRejected, Detail: "text: "},
		},
	})
}

// TestPush sees what Pushbullet is told.
func TestPush(t *testing.T) {
	for name, c := range map[string]struct{ config, payload, want string }{
		"default": {`{` + token + `}`, `{"n":1}`, `{"type":"note","title":"a.b","body":"{\"n\":1}","guid":"ID"}`},
		"a link to an assignee": {`{` + token + `,"title":"Bear at {{payload.at}}","text":"","link":"fulcrumapp://show-record?record_id={{payload.id}}","email":"{{payload.assignee}}"}`,
			`{"at":"Tampa","id":"r1","assignee":"yogi@example.com"}`,
			`{"type":"link","title":"Bear at Tampa","url":"fulcrumapp://show-record?record_id=r1","email":"yogi@example.com","guid":"ID"}`},
		"a device":            {`{` + token + `,"text":"x","device":"ujpah72o0sjAoRtnM0jc"}`, `{}`, `{"type":"note","title":"a.b","body":"x","device_iden":"ujpah72o0sjAoRtnM0jc","guid":"ID"}`},
		"a channel":           {`{` + token + `,"text":"x","channel":"bears"}`, `{}`, `{"type":"note","title":"a.b","body":"x","channel_tag":"bears","guid":"ID"}`},
		"a link that is none": {`{` + token + `,"text":"x","link":"{{payload.url}}"}`, `{}`, `{"type":"note","title":"a.b","body":"x","guid":"ID"}`},
	} {
		t.Run(name, func(t *testing.T) {
			way, took := connecttest.Way(t, fake.Pushbullet())
			sink, err := pushbullet.Connector().New([]byte(c.config), way)
			if err != nil {
				t.Fatal(err)
			}
			msg := connecttest.Message("a.b", c.payload)
			if reply, err := sink.Send(t.Context(), msg); err != nil || reply.Class != fanfare.ClassSuccess {
				t.Fatalf("%+v, %v", reply, err)
			}
			r := took()[0]
			if want := strings.ReplaceAll(c.want, "ID", string(msg.ID)); r.Body != want {
				t.Errorf("sent %s; want %s", r.Body, want)
			}
			if r.URL != "api.pushbullet.com/v2/pushes" || r.Header.Get("Access-Token") != "o.sEcReTtOkEn" || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("sent to %s with %v", r.URL, r.Header)
			}
		})
	}
}

// TestOnce pushes the same message twice, and another.
func TestOnce(t *testing.T) {
	service := fake.Pushbullet()
	way, _ := connecttest.Way(t, service)
	sink, err := pushbullet.Connector().New([]byte(`{`+token+`,"channel":"bears"}`), way)
	if err != nil {
		t.Fatal(err)
	}
	msg := connecttest.Message("a.b", "{}")
	var idens []string
	for _, one := range []*fanfare.Message{msg, msg, connecttest.Message("a.b", "{}")} {
		reply, err := sink.Send(t.Context(), one)
		if err != nil {
			t.Fatal(err)
		}
		var push struct{ Iden string }
		if err := json.Unmarshal(reply.ResponseBody, &push); err != nil {
			t.Fatal(err)
		}
		idens = append(idens, push.Iden)
	}
	if idens[0] != idens[1] || idens[1] == idens[2] {
		t.Errorf("the same, the same and another were pushed as %q", idens)
	}
	rec := httptest.NewRecorder()
	service.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/fake/taken", nil))
	text, _ := io.ReadAll(rec.Body)
	var taken []json.RawMessage
	if err := json.Unmarshal(text, &taken); err != nil || len(taken) != 2 {
		t.Errorf("%d were taken: %s", len(taken), text)
	}
}

func TestTarget(t *testing.T) {
	way, _ := connecttest.Way(t, fake.Pushbullet())
	for members, want := range map[string]string{
		"": "own devices", `,"email":"{{payload.assignee}}"`: "{{payload.assignee}}", `,"channel":"bears"`: "bears",
	} {
		sink, err := pushbullet.Connector().New([]byte(`{`+token+members+`}`), way)
		if err != nil || sink.Target() != want {
			t.Errorf("%s: %v, %v; want %s", members, sink, err, want)
		}
	}
}

// TestPutOff has Pushbullet say until when its limit holds.
func TestPutOff(t *testing.T) {
	for name, c := range map[string]struct {
		reset string
		least int
		most  int
	}{
		"in a minute": {strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10), 30, 60},
		"past":        {"1700000000", 0, 0},
		"no time":     {"soon", 0, 0},
	} {
		way, _ := connecttest.Way(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("X-Ratelimit-Reset", c.reset)
			rw.WriteHeader(http.StatusTooManyRequests)
		}))
		sink, err := pushbullet.Connector().New([]byte(`{`+token+`}`), way)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := sink.Send(t.Context(), connecttest.Message("a.b", "{}"))
		if err != nil || reply.Class != fanfare.ClassStatus {
			t.Fatalf("%+v, %v", reply, err)
		}
		seconds := 0
		for _, h := range reply.ResponseHeader {
			if h.Name == "Retry-After" {
				seconds, _ = strconv.Atoi(h.Value)
			}
		}
		if seconds < c.least || seconds > c.most {
			t.Errorf("%s: put off for %d s; want %d to %d", name, seconds, c.least, c.most)
		}
	}
}
