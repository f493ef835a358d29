package source_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestRepeats(t *testing.T) {
	at(t, now, func(w *world) {
		stripe := w.source("stripe", secrets["stripe"])
		for _, outcome := range []string{`"accepted":1`, `"repeated":1`, `"repeated":1`} {
			time.Sleep(time.Minute) // so that it is signed anew
			w.post(stripe, recordBody, w.signed(stripe, recordBody, "application/json", "")...).want(202, outcome)
		}
		time.Sleep(48 * time.Hour)
		w.post(stripe, recordBody, w.signed(stripe, recordBody, "application/json", "")...).want(202, `"repeated":1`)
		again := w.source("stripe", secrets["stripe"])
		w.post(again, recordBody, w.signed(again, recordBody, "application/json", "")...).want(202, `"accepted":1`) // another's ids are its own
		for dedupe, ids := range map[string][3]bool{                                                                // whether the second, of the same id, and the third, of another, are repeats; and one of another body
			"": {true, false, true}, "off": {false, false, false}, "body": {true, true, false}, "header:X-GitHub-Event": {true, true, true},
		} {
			src := w.source("github", secrets["github"], func(src *fanfare.Source) { src.Dedupe = dedupe })
			w.post(src, "{}", w.signed(src, "{}", "application/json", "a")...).want(202, `"accepted":1`)
			for i, c := range []struct{ body, id string }{{"{}", "a"}, {"{}", "b"}, {"[]", "a"}} {
				want := `"accepted":1`
				if ids[i] {
					want = `"repeated":1`
				}
				if a := w.post(src, c.body, w.signed(src, c.body, "application/json", c.id)...); a.status != 202 || !strings.Contains(a.body, want) {
					t.Errorf("with dedupe %q, %d: %d %s; want %s", dedupe, i, a.status, a.body, want)
				}
			}
		}
		long := w.source("none", "", func(src *fanfare.Source) { src.Dedupe = "header:X-Id" })
		for _, id := range []string{strings.Repeat("a", 5000), "\xff", "é", "msg_00000000000000000000000000"} {
			w.post(long, "{}", "X-Id: "+id).want(202, `"accepted":1`)
			w.post(long, "{}", "X-Id: "+id).want(202, `"repeated":1`)
		}
	})
}

func TestManyEventsTogether(t *testing.T) {
	w := newWorld(t)
	src := w.source("mandrill", secrets["mandrill"])
	send := func(n int, more string) *answer {
		events := make([]string, n)
		for i := range events {
			events[i] = fmt.Sprintf(`{"event":"send", "ts":%d}`, i)
		}
		body := "mandrill_events=[" + strings.Join(events, ",") + "]" + more
		return w.post(src, body, w.signed(src, body, formType, "")...)
	}
	send(0, "").want(200, `"id":null,"accepted":0`) // as when the address is entered
	send(1001, "").want(413, "1000 events")
	send(1, "x").want(400, "not a JSON array")
	w.none()
	send(1000, "").want(200, `"accepted":1000,"repeated":0`)
	send(1000, "").want(200, `"accepted":0,"repeated":1000`)
	if msgs := w.kept(); string(msgs[7].Payload) != `{"event":"send", "ts":7}` || msgs[7].EventType != "send" {
		t.Errorf("the eighth is %s %s", msgs[7].EventType, msgs[7].Payload)
	}
}

func TestGreetings(t *testing.T) {
	w := newWorld(t)
	dropbox, mandrill, slack, intercom := w.source("dropbox", secrets["dropbox"]), w.source("mandrill", secrets["mandrill"]), w.source("slack", secrets["slack"]), w.source("intercom", secrets["intercom"])
	a := w.sendTo("GET", "/in/"+dropbox.Token+"?challenge=%3Cb%3Eabc", "").want(200, "<b>abc")
	if ct := a.header.Get("Content-Type"); ct != "text/plain; charset=utf-8" || a.body != "<b>abc" {
		t.Errorf("Dropbox is answered %q of %s", a.body, ct)
	}
	w.sendTo("GET", "/in/"+dropbox.Token+"?challenge="+strings.Repeat("a", 5000), "").want(405, "")
	w.sendTo("GET", "/in/"+slack.Token+"?challenge=a", "").want(405, "Send webhooks with POST")
	w.send("GET", mandrill, "").want(200, "")
	for _, src := range []*fanfare.Source{mandrill, intercom, dropbox} {
		w.send("HEAD", src, "").want(200, "")
	}
	for _, method := range []string{"PUT", "DELETE", "OPTIONS", "PATCH"} {
		w.send(method, mandrill, "").want(405, "")
	}
	hello := `{"token":"x","challenge":"3eZbrw1aB\u003c","type":"url_verification"}`
	w.post(slack, hello, "Content-Type: application/json").want(401, "")
	a = w.post(slack, hello, w.signed(slack, hello, "application/json", "")...)
	if a.status != 200 || a.body != "3eZbrw1aB<" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("Slack is answered %d %q", a.status, a.body)
	}
	w.none()
}

func TestEventTypes(t *testing.T) {
	w := newWorld(t)
	type lines = []string
	for _, c := range []struct {
		profile, rule, body string
		header              lines
		want                string
	}{
		{"github", "", `{"action":"opened"}`, lines{"X-GitHub-Event: issues"}, "github.issues.opened"},
		{"github", "", `{"action":7}`, lines{"X-GitHub-Event: issues"}, "github.issues"},
		{"github", "", `{}`, nil, "source.n"},
		{"slack", "", `{"type":"event_callback","event":{"type":"app_mention"}}`, nil, "app_mention"},
		{"slack", "", `{"type":"event_callback"}`, nil, "event_callback"},
		{"intercom", "", `{"topic":"conversation.user.created"}`, nil, "conversation.user.created"},
		{"standard", "", `{"type":"user.created"}`, nil, "user.created"},
		{"standard", "", `{"type":"user.created"}`, lines{"webhook-event-type: a.b"}, "a.b"},
		{"stripe", "", `{"type":"odd name ü..x/"}`, nil, "odd_name__.x"},
		{"stripe", "", `{"type":""}`, nil, "source.n"},
		{"stripe", "fixed.name", `{"type":"a"}`, nil, "fixed.name"},
		{"stripe", "stripe.{{eventType}}", `{"type":"charge.paid"}`, nil, "stripe.charge.paid"},
		{"github", `{{headers["x-github-event"]}}/{{payload.repository.name}}`, `{"repository":{"name":"hello world"}}`, lines{"X-GitHub-Event: push"}, "push/hello_world"},
		{"stripe", "a.{{payload.missing}}.b", `{"type":"a"}`, nil, "a.b"},
		{"stripe", "{{payload.missing}}", `{"type":"a"}`, nil, ""},
		{"stripe", "{{payload.type + 1}}", `{"type":"a"}`, nil, ""},
	} {
		src := w.source(c.profile, secrets[c.profile], func(src *fanfare.Source) { src.EventType, src.Dedupe = c.rule, "off" })
		header := w.signed(src, c.body, "application/json", "m")
		if c.profile == "github" { // whose event Sign names too
			for i := len(header) - 1; i >= 0; i-- {
				if strings.HasPrefix(header[i], "X-GitHub-Event") {
					header = append(header[:i:i], header[i+1:]...)
				}
			}
		}
		before := len(w.kept())
		a := w.post(src, c.body, append(header, c.header...)...)
		msgs := w.kept()[before:]
		if c.want == "" {
			if a.want(422, "makes no event type"); len(msgs) != 0 {
				t.Errorf("%d messages are kept", len(msgs))
			}
			continue
		}
		if len(msgs) != 1 || msgs[0].EventType != c.want {
			t.Errorf("%s of %s %q by %q: %d %s, %+v; want %s", c.body, c.profile, c.header, c.rule, a.status, a.body, msgs, c.want)
		}
	}
}

func TestFilters(t *testing.T) {
	w := newWorld(t)
	src := w.source("none", "", func(src *fanfare.Source) { src.Filter = `headers["x-kind"] == "a" && payload.ok` })
	w.post(src, `{"ok":true}`, "X-Kind: a").want(202, `"accepted":1`)
	w.post(src, `{"ok":false}`, "X-Kind: a").want(202, `"id":null,"accepted":0,"repeated":0,"filtered":1`)
	w.post(src, `{"ok":true}`).want(202, `"filtered":1`)
	w.one()
	a := w.hub.SourceActivity(src.ID)
	if a.Accepted != 1 || a.Filtered != 2 || a.Refused != 0 || len(a.Refusals) != 2 || a.Refusals[0].Outcome != fanfare.ReceivedFiltered || !strings.Contains(a.Refusals[0].Reason, "x-kind") {
		t.Errorf("told is %+v", a)
	}
	if n := w.hub.Received(); n[fanfare.ReceivedCount{Profile: "none", Outcome: "filtered"}] != 2 || n[fanfare.ReceivedCount{Profile: "none", Outcome: "accepted"}] != 1 {
		t.Errorf("counted is %v", n)
	}
	form := w.source("none", "", func(src *fanfare.Source) { src.Filter = `payload.a == "1" && payload.b == ["2", "3"]` })
	w.post(form, "a=1&b=2&b=3", "Content-Type: "+formType+"; charset=utf-8").want(202, `"accepted":1`)
	if msgs := w.kept(); string(msgs[1].Payload) != "a=1&b=2&b=3" {
		t.Errorf("kept is %q", msgs[1].Payload)
	}
}

func TestAnswers(t *testing.T) {
	w := newWorld(t)
	const secret = "xyzz0WbapA4vBCDEFasx0q6G"
	for _, c := range []struct {
		profile     string
		response    fanfare.SourceResponse
		status      int
		contentType string
		body        string
	}{
		{"slack-outgoing", fanfare.SourceResponse{}, 200, "", ""},
		{"slack-outgoing", fanfare.SourceResponse{Body: `{"text":"Heard {{payload.user_name}} say {{payload.text}}"}`}, 200, "application/json", `{"text":"Heard ann say \"\u003cb\u003e\n"}`},
		{"body-token", fanfare.SourceResponse{Status: 201, Body: `<Response>{{payload.text}}</Response>`}, 201, "text/xml; charset=utf-8", `<Response>&#34;&lt;b&gt;&#xA;</Response>`},
		{"body-token", fanfare.SourceResponse{Body: `{{payload.user_name}}`}, 202, "text/plain; charset=utf-8", `ann`},
		{"body-token", fanfare.SourceResponse{Body: `{{payload.user_name + 1}}`}, 202, "", ``},
		{"body-token", fanfare.SourceResponse{Status: 204, Body: "x"}, 204, "", ""},
	} {
		src := w.source(c.profile, secret, func(src *fanfare.Source) { src.Response = c.response })
		a := w.post(src, "token="+secret+"&user_name=ann&text=%22%3Cb%3E%0A", "Content-Type: "+formType)
		if a.status != c.status || a.header.Get("Content-Type") != c.contentType || a.body != c.body {
			t.Errorf("%+v of %s: %d %q %q; want %d %q %q", c.response, c.profile, a.status, a.header.Get("Content-Type"), a.body, c.status, c.contentType, c.body)
		}
	}
}
