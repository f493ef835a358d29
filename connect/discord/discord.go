// Package discord posts messages to a channel of Discord through a webhook
// (https://docs.discord.com/developers/resources/webhook#execute-webhook).
package discord

import (
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
	example  = "https://discord.com/api/webhooks/000000000000000000/XXXXXXXXXXXXXXXXXXXXXXXX"
	maxText  = 2000 // characters of content
	maxNamed = 80   // characters of a name
)

// Connector posts a text, or embeds, to a channel.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:   "Posts it to a channel of Discord through a webhook.",
		Example: json.RawMessage(`{"url":"` + example + `","text":"{{eventType}}: {{payload}}"}`),
		Hidden:  []string{"url"},
		ByHTTP:  true,
		New:     open,
		Rate:    2, // a webhook has five requests for two seconds
	}
}

type config struct {
	URL      string          `json:"url"`
	Text     string          `json:"text"`
	Embeds   json.RawMessage `json:"embeds"`
	Username string          `json:"username"`
	Avatar   string          `json:"avatar"`
	Thread   string          `json:"thread"`
	Mentions bool            `json:"mentions"`
}

// A sink posts to one channel.
type sink struct {
	way            fanfare.Way
	url            *url.URL
	text, username *connect.Template
	embeds         *connect.Shape // nil: none
	avatar         string
	mentions       bool
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{Text: "{{eventType}}: {{payload}}"}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{way: way, avatar: c.Avatar, mentions: c.Mentions}
	var errs [5]error
	s.url, errs[0] = connect.URL("url", c.URL, example)
	s.text, errs[1] = connect.Text("text", c.Text)
	s.username, errs[2] = connect.Text("username", c.Username)
	if len(c.Embeds) > 0 {
		if s.embeds, errs[3] = connect.ShapeOf("embeds", c.Embeds); c.Embeds[0] != '[' {
			errs[3] = connect.Must(false, "embeds", `must be a list of embeds, such as [{"title":"{{eventType}}","description":"{{payload.name}}"}]`)
		}
	}
	errs[4] = connect.Must(strings.Trim(c.Thread, "0123456789") == "", "thread", "must be a thread's id, such as 000000000000000000")
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if c.Thread != "" {
		query := s.url.Query()
		query.Set("thread_id", c.Thread)
		s.url.RawQuery = query.Encode()
	}
	return s, nil
}

// Target is the host alone: all behind it is the secret.
func (s *sink) Target() string { return s.url.Host }

// Close has nothing to end.
func (s *sink) Close() error { return nil }

// A post is the body of a request.
type post struct {
	Content  string          `json:"content,omitempty"`
	Embeds   json.RawMessage `json:"embeds,omitempty"`
	Username string          `json:"username,omitempty"`
	Avatar   string          `json:"avatar_url,omitempty"`
	Mentions *mentions       `json:"allowed_mentions,omitempty"`
}

// mentions are who may be pinged; empty: nobody.
type mentions struct {
	Parse []string `json:"parse"`
}

// Send posts msg.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	p, err := s.post(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	body, err := json.Marshal(p)
	if err != nil {
		return connect.Unfit("embeds: %v", err), nil
	}
	return connect.Post(ctx, s.way, s.url, "application/json", body, judge)
}

// post fills the config in for msg.
func (s *sink) post(msg *fanfare.Message) (*post, error) {
	in := connect.InputOf(msg)
	p := &post{Avatar: s.avatar}
	var errs [3]error
	p.Content, errs[0] = connect.Fill("text", s.text, in, nil)
	p.Username, errs[1] = connect.Fill("username", s.username, in, nil)
	if s.embeds != nil {
		p.Embeds, errs[2] = s.embeds.Fill(in, nil)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if strings.TrimSpace(p.Content) == "" && s.embeds == nil {
		return nil, errors.New("text renders empty, and Discord takes no message without text")
	}
	if !s.mentions {
		p.Mentions = &mentions{Parse: []string{}}
	}
	p.Content, p.Username = connect.Shorten(p.Content, maxText), connect.Shorten(p.Username, maxNamed)
	return p, nil
}

// A refusal is the body of an error.
type refusal struct {
	Message    string  `json:"message"`
	Code       int     `json:"code"`
	RetryAfter float64 `json:"retry_after"`
}

// judge says what an answer means.
func judge(a *connect.Answer) (fanfare.Class, string) {
	class := a.Class()
	if class == fanfare.ClassSuccess {
		return class, ""
	}
	var said refusal
	ours := json.Unmarshal(a.Body, &said) == nil
	detail := said.Message
	if detail == "" {
		detail = connect.FirstLine(a.Body)
	}
	if detail == "" {
		detail = http.StatusText(a.Status)
	}
	switch a.Status {
	case http.StatusTooManyRequests:
		a.PutOff(said.RetryAfter)
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		if ours && said.Code != 0 {
			return fanfare.ClassGone, detail + ": the webhook was deleted, or its URL is not whole; make a new one"
		}
		return fanfare.ClassStatus, detail // what stands in front of Discord said so
	}
	return class, detail
}
