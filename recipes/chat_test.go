package recipes_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/webhook"
)

const slackHook = "/services/T00000000/B00000000/any"

// INT1: mail, chat requests and posts of a forum come to one channel, each signed as its
// service signs; what else these services tell of does not.
func TestINT1SupportDesk(t *testing.T) {
	w := newWorld(t)
	slack := w.service(fake.Slack())
	in := w.install("support-desk-to-slack", map[string]string{
		"MANDRILL_KEY": "ntynTMaFpM_octE5R1DKAw", "INTERCOM_SECRET": "client-secret", "SLACK_URL": slack + slackHook,
	})
	form := url.Values{"mandrill_events": {`[{"event":"open","msg":{"subject":"x"}},{"event":"inbound","ts":1767323045,"msg":{"from_email":"ann@example.com","from_name":"Ann","subject":"It does not open","text":"Whatever <I> do.\n"}}]`}}.Encode()
	w.post(in.url["mail"], webhook.Mandrill, "ntynTMaFpM_octE5R1DKAw", "application/x-www-form-urlencoded", form)
	w.post(in.url["chat"], webhook.Intercom, "client-secret", "application/json", `{"type":"notification_event","topic":"contact.created","id":"notif_0","data":{"item":{}}}`)
	w.post(in.url["chat"], webhook.Intercom, "client-secret", "application/json",
		`{"type":"notification_event","topic":"conversation.user.created","id":"notif_1","data":{"item":{"source":{"subject":"","body":"<p>Is anybody there?</p>","author":{"name":"Bob"}},"links":{"conversation_web":"https://app.intercom.example/2"}}}}`)
	post := `{"title":"A & B","author":"Cleo","url":"https://forum.example/t/7","text":"Which one?"}`
	field, err := webhook.HMAC{Header: "X-Signature"}.Sign([]byte(post), in.made["FORUM_SECRET"])
	if err != nil {
		t.Fatal(err)
	}
	w.posted(in.url["forum"], "application/json", post, field)
	got := map[string]bool{}
	for _, one := range w.taken(slack, 3) {
		got[one["text"].(string)] = true
	}
	for _, want := range []string{
		"*Ann* by mail: It does not open\nWhatever do.",
		"*Bob* by chat: (no subject) https://app.intercom.example/2\nIs anybody there?",
		"*Cleo* by forum: A &amp; B https://forum.example/t/7\nWhich one?",
	} {
		if !got[want] {
			t.Errorf("the channel has %v; want %q", got, want)
		}
	}
}

// INT2: issues and pull requests come to the channel, as GitHub sends them; labels and
// pushes do not.
func TestINT2GitHub(t *testing.T) {
	w := newWorld(t)
	slack := w.service(fake.Slack())
	in := w.install("github-to-slack", map[string]string{"SLACK_URL": slack + slackHook})
	about := `"repository":{"full_name":"octo/bears"},"sender":{"login":"hubot"}`
	to, secret := in.url["github"], in.made["GITHUB_SECRET"]
	w.github(to, secret, "push", `{"ref":"refs/heads/main",`+about+`}`)
	w.github(to, secret, "issues", `{"action":"labeled","issue":{"number":7},`+about+`}`)
	w.github(to, secret, "issues", `{"action":"opened","issue":{"number":7,"title":"The bear <is> back","html_url":"https://github.example/octo/bears/issues/7"},`+about+`}`)
	w.settle()
	w.github(to, secret, "pull_request", `{"action":"closed","pull_request":{"number":8,"merged":true,"title":"Honey","html_url":"https://github.example/octo/bears/pull/8"},`+about+`}`)
	got := w.taken(slack, 2)
	w.want(got[0], map[string]any{"text": "hubot opened the issue <https://github.example/octo/bears/issues/7|#7 The bear &lt;is&gt; back> in octo/bears"})
	w.want(got[1], map[string]any{"text": "hubot merged the pull request <https://github.example/octo/bears/pull/8|#8 Honey> in octo/bears"})
}

const push = `{"ref":"refs/heads/main","after":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","deleted":false,"pusher":{"name":"hubot"},"repository":{"full_name":"octo/bears","clone_url":"https://github.example/octo/bears.git"}}`

// INT3: a push runs a program, with what is to be built; a push elsewhere does not.
func TestINT3PushRunsABuild(t *testing.T) {
	dir := t.TempDir()
	program, notes := filepath.Join(dir, "build"), filepath.Join(dir, noted)
	if err := os.WriteFile(program, []byte("#!/bin/sh\ncat >>"+notes+"\necho \" $FANFARE_EVENT_TYPE\" >>"+notes+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, program)
	in := w.install("push-runs-build", nil)
	to, secret := in.url["github"], in.made["GITHUB_SECRET"]
	w.github(to, secret, "push", strings.Replace(push, "heads/main", "heads/try", 1))
	w.github(to, secret, "push", push)
	w.settle()
	got, err := os.ReadFile(notes)
	if want := `{"branch":"main","commit":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","clone":"https://github.example/octo/bears.git"} github.push` + "\n"; err != nil || string(got) != want {
		w.tell()
		t.Errorf("the program was run with %q, %v; want %q", got, err, want)
	}
}

// INT3: a push starts a build at a service.
func TestINT3PushCallsCI(t *testing.T) {
	w := newWorld(t)
	ci := &desk{}
	in := w.install("push-calls-ci", map[string]string{"CI_URL": w.service(ci) + "/builds", "CI_TOKEN": "ci-token"})
	to, secret := in.url["github"], in.made["GITHUB_SECRET"]
	w.github(to, secret, "push", strings.Replace(push, `"deleted":false`, `"deleted":true`, 1))
	w.github(to, secret, "push", push)
	got := ci.came(w, 1)[0]
	if got.method != "POST" || got.path != "/builds" || got.authorization != "Bearer ci-token" {
		t.Errorf("came %+v", got)
	}
	w.same(got.body, `{"repository":"octo/bears","branch":"main","commit":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","by":"hubot"}`)
}

// INT4: builds that passed or failed come to the channel, of GitHub and of another CI.
func TestINT4BuildResults(t *testing.T) {
	w := newWorld(t)
	slack := w.service(fake.Slack())
	in := w.install("ci-result-to-slack", map[string]string{"SLACK_URL": slack + slackHook})
	run := func(conclusion string) {
		w.github(in.url["github"], in.made["GITHUB_SECRET"], "workflow_run", `{"action":"completed","workflow_run":{"name":"tests","conclusion":"`+conclusion+`","head_branch":"main","html_url":"https://github.example/runs/1"},"repository":{"full_name":"octo/bears"}}`)
	}
	run("cancelled")
	run("failure")
	w.settle()
	w.post(in.url["ci"], webhook.Basic, "ci:"+in.made["CI_SECRET"], "application/json", `{"project":"bears","status":"passed","branch":"main","url":"https://ci.example.com/7"}`)
	got := w.taken(slack, 2)
	w.want(got[0], map[string]any{"text": ":x: tests of octo/bears failed on main: https://github.example/runs/1"})
	w.want(got[1], map[string]any{"text": ":white_check_mark: The build of bears passed on main: https://ci.example.com/7"})
}

// INT16: what is said in Slack goes elsewhere, and the channel is answered.
func TestINT16FromSlack(t *testing.T) {
	w := newWorld(t)
	notes := &desk{}
	in := w.install("slack-to-anywhere", map[string]string{
		"SLACK_TOKEN": "xyzz0WbapA4vBCDEFasx0q6G", "TO_URL": w.service(notes) + "/notes", "TO_TOKEN": "notes-token",
	})
	said := url.Values{
		"token": {"xyzz0WbapA4vBCDEFasx0q6G"}, "team_id": {"T0001"}, "team_domain": {"example"}, "channel_id": {"C2147483705"}, "channel_name": {"bears"},
		"timestamp": {"1504640775.000005"}, "user_id": {"U2147483697"}, "user_name": {`an"n`}, "text": {"note: the bear is back"}, "trigger_word": {"note:"},
	}
	answer := w.posted(in.url["slack"], "application/x-www-form-urlencoded", said.Encode())
	var back struct{ Text string }
	if err := json.Unmarshal([]byte(answer), &back); err != nil || back.Text != `an"n, it has been passed on.` {
		t.Errorf("the channel is answered %s, %v", answer, err)
	}
	got := notes.came(w, 1)[0]
	if got.path != "/notes" || got.authorization != "Bearer notes-token" || strings.Contains(got.body, "xyzz") {
		t.Errorf("came %+v", got)
	}
	w.same(got.body, `{"text":"note: the bear is back","by":"an\"n","channel":"bears"}`)
}
