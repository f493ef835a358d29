package teams_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/connect/teams"
)

func url(workflow string) string {
	return "https://prod-12.westeurope.logic.azure.com:443/workflows/" + workflow + "/triggers/manual/paths/invoke?api-version=2016-06-01&sig=sEcReTsIg"
}

func at(workflow string) string { return `{"url":"` + url(workflow) + `"}` }

func TestContract(t *testing.T) {
	connecttest.Run(t, connecttest.Case{
		Connector: teams.Connector(), Config: at("0123456789abcdef"), Fake: fake.Teams(),
		Outcomes: map[string]connecttest.Outcome{
			"an empty text":             {Config: `{"url":"` + url("0123456789abcdef") + `","text":"{{payload.none}}"}`, Class: fanfare.ClassRejected, Detail: "text renders empty"},
			"no card":                   {Config: `{"url":"` + url("0123456789abcdef") + `","card":{"type":"MessageCard"}}`, Class: fanfare.ClassRejected, Status: 400, Detail: "TriggerInputSchemaMismatch: "},
			"too large":                 {Config: `{"url":"` + url("0123456789abcdef") + `","card":{"type":"AdaptiveCard","version":"1.4","body":["` + strings.Repeat("x", 30_000) + `"]}}`, Class: fanfare.ClassRejected, Status: 413, Detail: "RequestEntityTooLarge: "},
			"no signature":              {Config: `{"url":"https://a.logic.azure.com/workflows/x/triggers/manual/paths/invoke"}`, Class: fanfare.ClassGone, Status: 401, Detail: "DirectApiAuthorizationRequired: "},
			"not found":                 {Config: at("not-found"), Class: fanfare.ClassGone, Status: 404, Detail: "WorkflowNotFound: "},
			"turned off":                {Config: at("turned-off"), Class: fanfare.ClassStatus, Status: 400, Detail: "is 'Disabled'. Turn the workflow on again."},
			"throttled":                 {Config: at("throttled"), Class: fanfare.ClassStatus, Status: 429, Detail: "TooManyRequests: ", RetryAfter: "10"},
			"no response":               {Config: at("no-response"), Class: fanfare.ClassStatus, Status: 502, Detail: "NoResponse: "},
			"a failure with status 200": {Config: at("connector"), Class: fanfare.ClassBody, Status: 200, Detail: "returned HTTP error 429"},
		},
		Bad: map[string]string{
			`{}`:                                  "config.url: is missing; give a URL such as https://",
			`{"url":"logic.azure.com/sEcReTsIg"}`: "config.url: is not a URL such as https://",
			`{"url":"https://a.example/","title":"{{","text":"{{"}`:       "config.title: a {{ is not closed by }}\nconfig.text: a {{ is not closed by }}",
			`{"url":"https://a.example/","card":[]}`:                      "config.card: must be an Adaptive Card, such as {",
			`{"url":"https://a.example/","card":{"body":["{{nobody}}"]}}`: "config.card.body.0: {{nobody}}: column 1",
		},
	})
}

func TestPost(t *testing.T) {
	const (
		begin  = `{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":`
		schema = `{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard","version":"1.4","body":[`
		full   = `],"msteams":{"width":"Full"}}`
		end    = `}]}`
	)
	for name, c := range map[string]struct{ config, payload, want string }{
		"default":  {``, `{"a":1}`, schema + `{"type":"TextBlock","text":"a.b","weight":"Bolder","size":"Medium","wrap":true},{"type":"TextBlock","text":"{\"a\":1}","wrap":true}` + full},
		"no title": {`,"title":"","text":"{{payload.a}}"`, `{"a":1}`, schema + `{"type":"TextBlock","text":"1","wrap":true}` + full},
		"too long": {`,"title":"","text":"{{payload.a}}"`, `{"a":"` + strings.Repeat("ü", 8001) + `"}`, schema + `{"type":"TextBlock","text":"` + strings.Repeat("ü", 7999) + `…","wrap":true}` + full},
		"a card of one's own": {`,"card":{"type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock","text":"{{payload.a}}!"}]}`, `{"a":1}`,
			`{"type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock","text":"1!"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			way, took := connecttest.Way(t, fake.Teams())
			sink, err := teams.Connector().New([]byte(`{"url":"`+url("x")+`"`+c.config+`}`), way)
			if err != nil {
				t.Fatal(err)
			}
			reply, err := sink.Send(t.Context(), connecttest.Message("a.b", c.payload))
			if err != nil || reply.Class != fanfare.ClassSuccess || reply.Status != http.StatusAccepted {
				t.Fatalf("%+v, %v came of it", reply, err)
			}
			if got := took()[0].Body; got != begin+c.want+end {
				t.Errorf("posted %s; want %s", got, begin+c.want+end)
			}
		})
	}
}
