// Package slack posts messages to a channel of Slack through an incoming webhook
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks), or to
// anything that takes the same, such as Mattermost.
package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

const (
	example  = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
	maxText  = 40_000 // characters; Slack cuts off what is beyond
	maxNamed = 80     // characters of a name
)

// Connector posts a line, or blocks, to a channel.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:   "Posts it to a channel of Slack through an incoming webhook.",
		Example: json.RawMessage(`{"url":"` + example + `","text":"{{eventType}}: {{payload}}"}`),
		Hidden:  []string{"url"},
		ByHTTP:  true,
		New:     open,
		Rate:    1, // as Slack's documentation has it
	}
}

type config struct {
	URL      string          `json:"url"`
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks"`
	Username string          `json:"username"`
	Icon     string          `json:"icon"`
	Thread   string          `json:"thread"`
}

// A sink posts to one channel.
type sink struct {
	way                    fanfare.Way
	url                    *url.URL
	text, username, thread *connect.Template
	blocks                 *connect.Shape // nil: none
	icon                   string
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{Text: "{{eventType}}: {{payload}}"}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{way: way, icon: c.Icon}
	var errs [5]error
	s.url, errs[0] = connect.URL("url", c.URL, example)
	s.text, errs[1] = connect.Text("text", c.Text)
	s.username, errs[2] = connect.Text("username", c.Username)
	s.thread, errs[3] = connect.Text("thread", c.Thread)
	if len(c.Blocks) > 0 {
		if s.blocks, errs[4] = connect.ShapeOf("blocks", c.Blocks); c.Blocks[0] != '[' {
			errs[4] = connect.Must(false, "blocks", `must be a list of blocks, such as [{"type":"section","text":{"type":"mrkdwn","text":"{{payload.name}}"}}]`)
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return s, nil
}

// Target is the host alone: all behind it is the secret.
func (s *sink) Target() string { return s.url.Host }

// Close has nothing to end.
func (s *sink) Close() error { return nil }

// A post is the body of a request.
type post struct {
	Text      string          `json:"text,omitempty"`
	Blocks    json.RawMessage `json:"blocks,omitempty"`
	Username  string          `json:"username,omitempty"`
	IconEmoji string          `json:"icon_emoji,omitempty"`
	IconURL   string          `json:"icon_url,omitempty"`
	Thread    string          `json:"thread_ts,omitempty"`
}

// Send posts msg.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	p, err := s.post(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return connect.Unfit("blocks: %v", err), nil
	}
	return connect.Post(ctx, s.way, s.url, "application/json; charset=utf-8", body.Bytes(), judge)
}

// post fills the config in for msg.
func (s *sink) post(msg *fanfare.Message) (*post, error) {
	in := connect.InputOf(msg)
	p := &post{}
	var errs [4]error
	p.Text, errs[0] = connect.Fill("text", s.text, in, escape)
	p.Username, errs[1] = connect.Fill("username", s.username, in, nil)
	p.Thread, errs[2] = connect.Fill("thread", s.thread, in, nil)
	if s.blocks != nil {
		p.Blocks, errs[3] = s.blocks.Fill(in, escape)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if strings.TrimSpace(p.Text) == "" && s.blocks == nil {
		return nil, errors.New("text renders empty, and Slack takes no message without text")
	}
	p.Text, p.Username = shorten(p.Text), connect.Shorten(p.Username, maxNamed)
	if strings.Contains(s.icon, "://") {
		p.IconURL = s.icon
	} else {
		p.IconEmoji = s.icon
	}
	return p, nil
}

// escaper writes what would be control sequences as the characters they are.
var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func escape(text string) string { return escaper.Replace(text) }

// shorten bounds text without leaving half of an escaped character at the end.
func shorten(text string) string {
	short := connect.Shorten(text, maxText)
	if short == text {
		return text
	}
	if at := strings.LastIndexByte(short, '&'); at > len(short)-len("&amp…") && !strings.Contains(short[at:], ";") {
		return short[:at] + "…"
	}
	return short
}

// meanings are what Slack answers, and what to do about it
// (https://docs.slack.dev/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks).
var meanings = map[string]string{
	"invalid_payload":                   "the request is not one that Slack understands; look at blocks",
	"invalid_blocks":                    "blocks are not as Slack wants them; try them in its Block Kit Builder",
	"invalid_blocks_format":             "blocks are not as Slack wants them; try them in its Block Kit Builder",
	"no_text":                           "there is neither text nor a block that shows anything",
	"too_many_attachments":              "there are more than 100 attachments",
	"user_not_found":                    "the user that the webhook writes to is not there",
	"action_prohibited":                 "an administrator has forbidden the webhook to post there",
	"posting_to_general_channel_denied": "an administrator has forbidden the webhook to post to the general channel",
	"invalid_token":                     "the URL's last part is wrong or was withdrawn; make a new webhook",
	"channel_not_found":                 "the channel is not there any more",
	"no_service":                        "the webhook was removed or disabled; make a new one",
	"no_service_id":                     "the URL is not whole; copy it anew",
	"no_team":                           "the workspace is not there any more, or the URL is not whole",
	"team_disabled":                     "the workspace is not active any more",
	"channel_is_archived":               "the channel is archived; unarchive it or make a webhook for another",
	"rollup_error":                      "Slack failed",
}

// judge says what an answer means.
func judge(a *connect.Answer) (fanfare.Class, string) {
	said := connect.FirstLine(a.Body)
	detail := said
	if meaning := meanings[said]; meaning != "" {
		detail = said + ": " + meaning
	}
	if detail == "" {
		detail = http.StatusText(a.Status)
	}
	switch a.Status {
	case http.StatusOK:
		if said == "ok" || a.Cut != nil && strings.HasPrefix("ok", said) {
			return fanfare.ClassSuccess, ""
		}
		return fanfare.ClassBody, `what answered is not Slack, which says "ok"`
	case http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return fanfare.ClassGone, detail
	}
	return a.Class(), detail
}
