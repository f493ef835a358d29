// Package ntfy publishes to topics of ntfy (https://docs.ntfy.sh/publish), at ntfy.sh or
// a server of one's own.
package ntfy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

const service = "https://ntfy.sh"

// Bounds of what is published. A longer text is cut off, and ends with an ellipsis: of
// one with more bytes a server makes an attachment, where it may.
const (
	maxText  = 4096 // bytes
	maxTitle = 250  // characters
	maxTags  = 20
)

// Connector publishes to a topic.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:   "Publishes it to a topic of ntfy, which notifies telephones and browsers.",
		Example: json.RawMessage(`{"topic":"bears-8c2f41","title":"{{eventType}}","text":"{{payload}}","priority":"4","tags":"bear","link":"{{payload.url}}"}`),
		Hidden:  []string{"token", "password"},
		Where:   []string{"url"},
		ByHTTP:  true,
		New:     open,
	}
}

type config struct {
	URL      string `json:"url"`
	Topic    string `json:"topic"`
	Token    string `json:"token"`
	Username string `json:"username"`
	Password string `json:"password"`
	Title    string `json:"title"`
	Text     string `json:"text"`
	Priority string `json:"priority"`
	Tags     string `json:"tags"`
	Link     string `json:"link"`
	Markdown bool   `json:"markdown"`
}

// A sink publishes at one server.
type sink struct {
	way                                      fanfare.Way
	config                                   config
	url                                      *url.URL
	topic, title, text, priority, tags, link *connect.Template
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{URL: service, Title: "{{eventType}}", Text: "{{payload}}"}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{way: way, config: c}
	var errs [7]error
	s.url, errs[0] = connect.URL("url", c.URL, service)
	s.topic, errs[1] = connect.Text("topic", c.Topic)
	s.title, errs[2] = connect.Text("title", c.Title)
	s.text, errs[3] = connect.Text("text", c.Text)
	s.priority, errs[4] = connect.Text("priority", c.Priority)
	s.tags, errs[5] = connect.Text("tags", c.Tags)
	s.link, errs[6] = connect.Text("link", c.Link)
	if err := errors.Join(append(errs[:],
		connect.Must(strings.Contains(c.Topic, "{{") || topics.MatchString(c.Topic), "topic", "must have 1 to 64 characters of a-z, A-Z, 0-9, _ and -"),
		connect.Must(strings.Contains(c.Priority, "{{") || priority(c.Priority) >= 0, "priority", "must be 1 (least) to 5 (most)"),
		connect.Must((c.Username == "") == (c.Password == ""), "password", "give both username and password, or a token"),
		connect.Must(c.Token == "" || c.Username == "", "token", "give either a token or username and password"),
		connect.Must(strings.IndexFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) < 0, "token", "has characters that no token has"),
	)...); err != nil {
		return nil, err
	}
	return s, nil
}

var topics = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

// priority reads 1 to 5; 0 is the usual one, and -1 none at all.
func priority(text string) int {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 5 {
		return -1
	}
	return n
}

// Target is the topic with its server.
func (s *sink) Target() string {
	return s.url.Host + "/" + connect.OneLine(s.config.Topic)
}

// Close has nothing to end.
func (s *sink) Close() error { return nil }

// A publication is the body of a request (https://docs.ntfy.sh/publish/#publish-as-json).
// One with the sequence id of another takes its place, as servers from 2.16 on have it;
// others show both.
type publication struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title,omitempty"`
	Message  string   `json:"message"`
	Priority int      `json:"priority,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
	Markdown bool     `json:"markdown,omitempty"`
	Sequence string   `json:"sequence_id"`
}

// Send publishes msg.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	p, err := s.publication(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	body, err := json.Marshal(p)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.String(), bytes.NewReader(body))
	if err != nil {
		return fanfare.Reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	switch {
	case s.config.Token != "":
		req.Header.Set("Authorization", "Bearer "+s.config.Token)
	case s.config.Username != "":
		req.SetBasicAuth(s.config.Username, s.config.Password)
	}
	return connect.Ask(s.way, req, judge)
}

// publication fills the config in for msg.
func (s *sink) publication(msg *fanfare.Message) (*publication, error) {
	in := connect.InputOf(msg)
	p := &publication{Markdown: s.config.Markdown, Sequence: string(msg.ID)}
	var level, tags string
	var errs [6]error
	p.Topic, errs[0] = connect.Fill("topic", s.topic, in, nil)
	p.Title, errs[1] = connect.Fill("title", s.title, in, nil)
	p.Message, errs[2] = connect.Fill("text", s.text, in, nil)
	level, errs[3] = connect.Fill("priority", s.priority, in, nil)
	tags, errs[4] = connect.Fill("tags", s.tags, in, nil)
	p.Click, errs[5] = connect.Fill("link", s.link, in, nil)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if p.Topic = strings.TrimSpace(p.Topic); !topics.MatchString(p.Topic) {
		return nil, fmt.Errorf("topic renders %q, which is no name of a topic", connect.Shorten(p.Topic, 100))
	}
	if p.Priority = priority(level); p.Priority < 0 {
		return nil, fmt.Errorf("priority renders %q, which is not 1 to 5", connect.Shorten(level, 100))
	}
	for tag := range strings.SplitSeq(tags, ",") {
		if tag = strings.TrimSpace(tag); tag != "" && len(p.Tags) < maxTags {
			p.Tags = append(p.Tags, tag)
		}
	}
	p.Title, p.Message, p.Click = connect.Shorten(strings.TrimSpace(p.Title), maxTitle), shorten(p.Message), strings.TrimSpace(p.Click)
	if p.Title == "" && strings.TrimSpace(p.Message) == "" {
		return nil, errors.New("title and text render empty")
	}
	return p, nil
}

// shorten bounds text in bytes.
func shorten(text string) string {
	if len(text) <= maxText {
		return text
	}
	at := maxText - len("…")
	for !utf8.RuneStart(text[at]) {
		at--
	}
	return text[:at] + "…"
}

// judge says what an answer means
// (https://github.com/binwiederhier/ntfy/blob/main/server/errors.go).
func judge(a *connect.Answer) (fanfare.Class, string) {
	class, detail := a.Class(), connect.FirstLine(a.Body)
	var said struct {
		Code  int
		Error string
	}
	if json.Unmarshal(a.Body, &said) == nil && said.Error != "" {
		detail = fmt.Sprintf("%d: %s", said.Code, said.Error)
	}
	switch a.Status { // of which none is about the message
	case http.StatusUnauthorized, http.StatusForbidden:
		class, detail = fanfare.ClassStatus, detail+"; check who may write to the topic, and the token or password"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		class, detail = fanfare.ClassStatus, detail+"; check url, which is that of the server alone"
	}
	switch {
	case class == fanfare.ClassSuccess:
		return class, ""
	case detail == "":
		detail = http.StatusText(a.Status)
	}
	return class, detail
}
