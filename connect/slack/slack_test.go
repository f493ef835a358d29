package slack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/connect/slack"
)

const hook = "https://hooks.slack.com/services/T12345678/B12345678/"

func at(token string) string { return `{"url":"` + hook + token + `"}` }

func TestContract(t *testing.T) {
	outcomes := map[string]connecttest.Outcome{
		"an empty text": {
			Config: `{"url":"` + hook + `sEcReTtOkEn","text":"{{payload.nothing}} "}`,
			Class:  fanfare.ClassRejected, Detail: "text renders empty",
		},
		"a text that cannot be made": {
			Config: `{"url":"` + hook + `sEcReTtOkEn","text":"{{payload.n.size()}}"}`,
			Class:  fanfare.ClassRejected, Detail: "text: something in the message is of another kind",
		},
		"blocks without a type": {
			Config: `{"url":"` + hook + `sEcReTtOkEn","blocks":[{"text":"x"}]}`,
			Class:  fanfare.ClassRejected, Status: 400, Detail: "invalid_blocks: ",
		},
		"put off": {Config: at("rate_limited"), Class: fanfare.ClassStatus, Status: 429, RetryAfter: "30", Detail: "rate_limited"},
	}
	for said, class := range map[string]fanfare.Class{
		"invalid_payload": fanfare.ClassRejected, "user_not_found": fanfare.ClassRejected, "no_text": fanfare.ClassRejected, "too_many_attachments": fanfare.ClassRejected,
		"action_prohibited": fanfare.ClassGone, "posting_to_general_channel_denied": fanfare.ClassGone, "invalid_token": fanfare.ClassGone,
		"channel_not_found": fanfare.ClassGone, "no_service": fanfare.ClassGone, "no_team": fanfare.ClassGone,
		"channel_is_archived": fanfare.ClassGone, "rollup_error": fanfare.ClassStatus,
	} {
		outcomes[said] = connecttest.Outcome{Config: at(said), Class: class, Detail: said + ": "}
	}
	connecttest.Run(t, connecttest.Case{
		Connector: slack.Connector(), Config: at("sEcReTtOkEn"), Fake: fake.Slack(), Outcomes: outcomes,
		Bad: map[string]string{
			`{}`:                               "config.url: is missing; give a URL such as https://hooks.slack.com/services/",
			`{"url":"hooks.slack.com/sEcReT"}`: "config.url: is not a URL such as https://hooks.slack.com/services/",
			`{"url":"https://a.example/","text":"{{"}`:                        "config.text: a {{ is not closed by }}",
			`{"url":"https://a.example/","blocks":{"type":"section"}}`:        "config.blocks: must be a list of blocks, such as [",
			`{"url":"https://a.example/","blocks":[{"text":"{{nothing}}"}]}`:  "config.blocks.0.text: {{nothing}}: column 1: ",
			`{"url":"https://a.example/","username":"{{","thread":"{{a.b}}"}`: "config.username: a {{ is not closed by }}\nconfig.thread: {{a.b}}: column 1",
		},
	})
}

// TestPost posts what people may not be pinged by.
func TestPost(t *testing.T) {
	for name, c := range map[string]struct{ config, payload, want string }{
		"usual":   {`"text":""`, `{}`, ""},
		"default": {`"icon":""`, `{"a":"<!channel> & \"co\""}`, `{"text":"a.b: {\"a\":\"&lt;!channel&gt; &amp; \\\"co\\\"\"}"}`},
		"all": {`"text":"<!here> {{payload.n}}","username":"{{payload.who}}","icon":":bell:","thread":"{{payload.at}}","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"*{{payload.who}}*"},"n":1.0}]`,
			`{"n":5,"who":"R&D","at":"1700000000.1"}`,
			`{"text":"<!here> 5","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"*R&amp;D*"},"n":1.0}],"username":"R&D","icon_emoji":":bell:","thread_ts":"1700000000.1"}`},
		"an icon's URL":        {`"text":"x","icon":"https://a.example/i.png"`, `{}`, `{"text":"x","icon_url":"https://a.example/i.png"}`},
		"blocks by themselves": {`"text":"","blocks":[{"type":"divider"}]`, `{}`, `{"blocks":[{"type":"divider"}]}`},
		"too long":             {`"text":"{{payload.a}}"`, `{"a":"` + strings.Repeat("x", 39_997) + `<<"}`, `{"text":"` + strings.Repeat("x", 39_997) + `…"}`},
	} {
		t.Run(name, func(t *testing.T) {
			way, took := connecttest.Way(t, fake.Slack())
			sink, err := slack.Connector().New([]byte(`{"url":"`+hook+`x",`+c.config+`}`), way)
			if err != nil {
				t.Fatal(err)
			}
			reply, err := sink.Send(t.Context(), connecttest.Message("a.b", c.payload))
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if len(took()) != 0 || reply.Class != fanfare.ClassRejected {
					t.Errorf("%+v came of it", reply)
				}
				return
			}
			if got := strings.TrimSpace(took()[0].Body); got != c.want || !json.Valid([]byte(got)) {
				t.Errorf("posted %s; want %s", got, c.want)
			}
			if reply.Class != fanfare.ClassSuccess || string(reply.ResponseBody) != "ok" {
				t.Errorf("%+v came of it", reply)
			}
		})
	}
}

// TestWhatIsNotSlack has something else answer, such as a proxy's page.
func TestWhatIsNotSlack(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		class  fanfare.Class
	}{
		"a page":      {200, "<html>", fanfare.ClassBody},
		"nothing":     {200, "", fanfare.ClassBody},
		"ok":          {200, "ok\n", fanfare.ClassSuccess},
		"a redirect":  {302, "", fanfare.ClassRedirect},
		"bad gateway": {502, "<html>", fanfare.ClassStatus},
		"too large":   {413, "", fanfare.ClassRejected},
	} {
		way, _ := connecttest.Way(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(c.status)
			_, _ = fmt.Fprint(rw, c.body)
		}))
		sink, err := slack.Connector().New([]byte(at("x")), way)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := sink.Send(t.Context(), connecttest.Message("a.b", "{}"))
		if err != nil || reply.Class != c.class || c.class != fanfare.ClassSuccess && reply.Detail == "" {
			t.Errorf("%s: %s (%s), %v; want %s", name, reply.Class, reply.Detail, err, c.class)
		}
	}
}
