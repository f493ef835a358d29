package discord_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/discord"
	"github.com/fanfarehq/fanfare/connect/fake"
)

const hook = "https://discord.com/api/webhooks/123456789012345678/"

func at(token string) string { return `{"url":"` + hook + token + `"}` }

func TestContract(t *testing.T) {
	connecttest.Run(t, connecttest.Case{
		Connector: discord.Connector(), Config: at("sEcReTtOkEn"), Fake: fake.Discord(),
		Outcomes: map[string]connecttest.Outcome{
			"an empty text":    {Config: `{"url":"` + hook + `sEcReTtOkEn","text":" "}`, Class: fanfare.ClassRejected, Detail: "text renders empty"},
			"too many embeds":  {Config: `{"url":"` + hook + `sEcReTtOkEn","embeds":[` + strings.Repeat("{},", 10) + `{}]}`, Class: fanfare.ClassRejected, Status: 400, Detail: "Must be 10 or fewer"},
			"unknown webhook":  {Config: at("unknown-webhook"), Class: fanfare.ClassGone, Status: 404, Detail: "Unknown Webhook: "},
			"invalid token":    {Config: at("invalid-token"), Class: fanfare.ClassGone, Status: 401, Detail: "Invalid Webhook Token: "},
			"missing access":   {Config: at("missing-access"), Class: fanfare.ClassGone, Status: 403, Detail: "Missing Access: "},
			"rate limited":     {Config: at("rate-limited"), Class: fanfare.ClassStatus, Status: 429, Detail: "You are being rate limited.", RetryAfter: "2"},
			"server error":     {Config: at("server-error"), Class: fanfare.ClassStatus, Status: 500, Detail: "Internal Server Error"},
			"thread is closed": {Config: at("thread-is-closed"), Class: fanfare.ClassRejected, Status: 400, Detail: "Thread is archived"},
			"another path":     {Config: `{"url":"https://discord.com/channels/1"}`, Class: fanfare.ClassStatus, Status: 404, Detail: "404: Not Found"},
		},
		Bad: map[string]string{
			`{}`:                            "config.url: is missing; give a URL such as https://discord.com/api/webhooks/",
			`{"url":"discord.com/sEcReTt"}`: "config.url: is not a URL such as https://discord.com/api/webhooks/",
			`{"url":"https://a.example/","text":"{{","thread":"general"}`: "config.text: a {{ is not closed by }}\nconfig.thread: must be a thread's id",
			`{"url":"https://a.example/","embeds":{}}`:                    "config.embeds: must be a list of embeds",
			`{"url":"https://a.example/","mentions":"all"}`:               "config.mentions: must be true or false",
		},
	})
}

func TestPost(t *testing.T) {
	for name, c := range map[string]struct{ config, payload, url, want string }{
		"default": {`"avatar":""`, `{"a":"@everyone <b>"}`, "x", `{"content":"a.b: {\"a\":\"@everyone \u003cb\u003e\"}","allowed_mentions":{"parse":[]}}`},
		"all": {`"text":"{{payload.n}}","username":"{{payload.who}}","avatar":"https://a.example/i.png","thread":"42","mentions":true,"embeds":[{"title":"{{payload.who}}","color":5}]`,
			`{"n":5,"who":"me"}`, "x?thread_id=42",
			`{"content":"5","embeds":[{"title":"me","color":5}],"username":"me","avatar_url":"https://a.example/i.png"}`},
		"too long": {`"text":"{{payload.a}}"`, `{"a":"` + strings.Repeat("x", 2001) + `"}`, "x", `{"content":"` + strings.Repeat("x", 1999) + `…","allowed_mentions":{"parse":[]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			way, took := connecttest.Way(t, fake.Discord())
			sink, err := discord.Connector().New([]byte(`{"url":"`+hook+`x",`+c.config+`}`), way)
			if err != nil {
				t.Fatal(err)
			}
			reply, err := sink.Send(t.Context(), connecttest.Message("a.b", c.payload))
			if err != nil || reply.Class != fanfare.ClassSuccess || reply.Status != http.StatusNoContent {
				t.Fatalf("%+v, %v came of it", reply, err)
			}
			if r := took()[0]; r.Body != c.want || "https://"+r.URL != hook+c.url {
				t.Errorf("posted %s to %s; want %s", r.Body, r.URL, c.want)
			}
		})
	}
}
