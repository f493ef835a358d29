package ntfy_test

import (
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/connect/ntfy"
)

func TestContract(t *testing.T) {
	connecttest.Run(t, connecttest.Case{
		Connector: ntfy.Connector(), Config: `{"topic":"bears","token":"tk_sEcReTtOkEn"}`, Fake: fake.Ntfy(),
		Bad: map[string]string{
			`{}`:                                "config.topic: must have 1 to 64 characters",
			`{"topic":"a b"}`:                   "config.topic: must have 1 to 64 characters",
			`{"topic":"a","priority":"6"}`:      "config.priority: must be 1 (least) to 5 (most)",
			`{"topic":"a","priority":4}`:        "config.priority: must be text",
			`{"topic":"a","username":"yogi"}`:   "config.password: give both username and password, or a token",
			`{"topic":"a","token":"to\nken12"}`: "config.token: has characters that no token has",
			`{"topic":"a","token":"tk_sEcReT","username":"yogi","password":"bOoBoO12"}`: "config.token: give either",
			`{"topic":"{{","title":"{{"}`:     "config.topic: a {{ is not closed by }}\nconfig.title: a {{ is not closed by }}",
			`{"topic":"a","url":"ntfy.sh"}`:   "config.url: is not a URL such as https://ntfy.sh",
			`{"topic":"a","markdown":"true"}`: "config.markdown: must be true or false",
		},
		Outcomes: map[string]connecttest.Outcome{
			"unauthorized":  {Config: `{"topic":"unauthorized"}`, Class: fanfare.ClassStatus, Status: 401, Detail: "40101: unauthorized; check who may write"},
			"forbidden":     {Config: `{"topic":"forbidden"}`, Class: fanfare.ClassStatus, Status: 403, Detail: "40301: forbidden; check who may write"},
			"disallowed":    {Config: `{"topic":"docs"}`, Class: fanfare.ClassRejected, Status: 400, Detail: "40010: invalid request: topic name is disallowed"},
			"bandwidth":     {Config: `{"topic":"bandwidth"}`, Class: fanfare.ClassRejected, Status: 413, Detail: "41301: "},
			"limited":       {Config: `{"topic":"limited"}`, Class: fanfare.ClassStatus, Status: 429, Detail: "42901: limit reached: too many requests"},
			"daily":         {Config: `{"topic":"daily"}`, Class: fanfare.ClassStatus, Status: 429, Detail: "42908: "},
			"broken":        {Config: `{"topic":"broken"}`, Class: fanfare.ClassStatus, Status: 500, Detail: "50001: internal server error"},
			"another place": {Config: `{"topic":"a","url":"https://a.example/a"}`, Class: fanfare.ClassStatus, Status: 404, Detail: "40401: page not found; check url"},
			"no topic":      {Config: `{"topic":"{{payload.x}}"}`, Class: fanfare.ClassRejected, Detail: `topic renders "", which is no name of a topic`},
			"no priority":   {Config: `{"topic":"a","priority":"{{payload}}"}`, Class: fanfare.ClassRejected, Detail: `priority renders "{\"n\":1}", which is not 1 to 5`},
			"nothing":       {Config: `{"topic":"a","title":"","text":""}`, Class: fanfare.ClassRejected, Detail: "title and text render empty"},
			"faulty":        {Config: `{"topic":"a","text":"{{payload.n.lower()}}"}`, Class: fanfare.ClassRejected, Detail: "text: "},
		},
	})
}

// TestPublication sees what ntfy is told.
func TestPublication(t *testing.T) {
	for name, c := range map[string]struct{ config, payload, auth, want string }{
		"default": {`{"topic":"bears"}`, `{"n":1}`, "", `{"topic":"bears","title":"a.b","message":"{\"n\":1}","sequence_id":"ID"}`},
		"all": {`{"topic":"{{payload.county}}","token":"tk_1","title":"Bear!","text":"**{{payload.name}}**","priority":"{{payload.n}}","tags":"bear, {{payload.county}},,","link":"https://a.example/{{payload.id}}","markdown":true}`,
			`{"county":"Dade","name":"Yogi","n":5,"id":7}`, "Bearer tk_1",
			`{"topic":"Dade","title":"Bear!","message":"**Yogi**","priority":5,"tags":["bear","Dade"],"click":"https://a.example/7","markdown":true,"sequence_id":"ID"}`},
		"a password": {`{"topic":"bears","title":"","text":"x","username":"yogi","password":"boo"}`, `{}`, "Basic eW9naTpib28=", `{"topic":"bears","message":"x","sequence_id":"ID"}`},
		"too long":   {`{"topic":"bears","title":"","text":"{{payload.a}}"}`, `{"a":"` + strings.Repeat("é", 2049) + `"}`, "", `{"topic":"bears","message":"` + strings.Repeat("é", 2046) + `…","sequence_id":"ID"}`},
	} {
		t.Run(name, func(t *testing.T) {
			way, took := connecttest.Way(t, fake.Ntfy())
			sink, err := ntfy.Connector().New([]byte(c.config), way)
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
			if r.URL != "ntfy.sh/" || r.Header.Get("Authorization") != c.auth {
				t.Errorf("sent to %s with %v", r.URL, r.Header)
			}
		})
	}
}

func TestTarget(t *testing.T) {
	way, _ := connecttest.Way(t, fake.Ntfy())
	sink, err := ntfy.Connector().New([]byte(`{"topic":"{{payload.county}}","url":"https://ntfy.example:8443"}`), way)
	if err != nil || sink.Target() != "ntfy.example:8443/{{payload.county}}" {
		t.Errorf("%v, %v", sink, err)
	}
}
