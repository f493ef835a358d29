// Package pushbullet sends pushes through Pushbullet (https://docs.pushbullet.com).
package pushbullet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

const service = "https://api.pushbullet.com"

// Bounds of a push, in characters. What is longer is cut off, and ends with an ellipsis.
const (
	maxTitle = 250
	maxText  = 10_000
)

// Connector pushes a note, or a link.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:   "Pushes it to devices through Pushbullet.",
		Example: json.RawMessage(`{"accessToken":"o.0123456789abcdefghijklmnopqrstuv","title":"{{eventType}}","text":"{{payload}}","link":"{{payload.url}}"}`),
		Hidden:  []string{"accessToken"},
		Where:   []string{"url"},
		ByHTTP:  true,
		New:     open,
	}
}

type config struct {
	AccessToken string `json:"accessToken"`
	Title       string `json:"title"`
	Text        string `json:"text"`
	Link        string `json:"link"`
	Email       string `json:"email"`
	Device      string `json:"device"`
	Channel     string `json:"channel"`
	URL         string `json:"url"`
}

// A sink pushes in the name of one user.
type sink struct {
	way                                       fanfare.Way
	token                                     string
	url                                       *url.URL
	target                                    string
	aimed                                     bool // at one of email, device and channel
	title, text, link, email, device, channel *connect.Template
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{Title: "{{eventType}}", Text: "{{payload}}", URL: service}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{way: way, token: c.AccessToken, target: "own devices"}
	var errs [7]error
	s.url, errs[0] = connect.URL("url", c.URL, service)
	s.title, errs[1] = connect.Text("title", c.Title)
	s.text, errs[2] = connect.Text("text", c.Text)
	s.link, errs[3] = connect.Text("link", c.Link)
	s.email, errs[4] = connect.Text("email", c.Email)
	s.device, errs[5] = connect.Text("device", c.Device)
	s.channel, errs[6] = connect.Text("channel", c.Channel)
	targets := 0
	for _, to := range []string{c.Email, c.Device, c.Channel} {
		if to != "" {
			targets++
			s.aimed = true
			s.target = connect.OneLine(to)
		}
	}
	if err := errors.Join(append(errs[:],
		connect.Must(c.AccessToken != "", "accessToken", "is missing; make one at pushbullet.com under Settings, Account"),
		connect.Must(strings.Trim(c.AccessToken, tokenChars) == "", "accessToken", "has characters that no token has"),
		connect.Must(targets <= 1, "email", "give one of email, device and channel, or none for all devices of the token's owner"),
	)...); err != nil {
		return nil, err
	}
	return s, nil
}

// tokenChars are those that a token may have.
const tokenChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// Target is whom it is pushed to.
func (s *sink) Target() string { return s.target }

// Close has nothing to end.
func (s *sink) Close() error { return nil }

// A push is the body of a request. Pushbullet takes one of a GUID once.
type push struct {
	Type    string `json:"type"`
	Title   string `json:"title,omitempty"`
	Body    string `json:"body,omitempty"`
	URL     string `json:"url,omitempty"`
	Email   string `json:"email,omitempty"`
	Device  string `json:"device_iden,omitempty"`
	Channel string `json:"channel_tag,omitempty"`
	GUID    string `json:"guid"`
}

// Send pushes msg.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	p, err := s.push(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	body, err := json.Marshal(p)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.JoinPath("v2", "pushes").String(), bytes.NewReader(body))
	if err != nil {
		return fanfare.Reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Access-Token", s.token)
	return connect.Ask(s.way, req, judge, "Access-Token")
}

// push fills the config in for msg.
func (s *sink) push(msg *fanfare.Message) (*push, error) {
	in := connect.InputOf(msg)
	p := &push{Type: "note", GUID: string(msg.ID)}
	var errs [6]error
	p.Title, errs[0] = connect.Fill("title", s.title, in, nil)
	p.Body, errs[1] = connect.Fill("text", s.text, in, nil)
	p.URL, errs[2] = connect.Fill("link", s.link, in, nil)
	p.Email, errs[3] = connect.Fill("email", s.email, in, nil)
	p.Device, errs[4] = connect.Fill("device", s.device, in, nil)
	p.Channel, errs[5] = connect.Fill("channel", s.channel, in, nil)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	p.Title, p.Body = connect.Shorten(strings.TrimSpace(p.Title), maxTitle), connect.Shorten(p.Body, maxText)
	if p.URL = strings.TrimSpace(p.URL); p.URL != "" {
		p.Type = "link"
	}
	switch {
	case p.Title == "" && strings.TrimSpace(p.Body) == "" && p.URL == "":
		return nil, errors.New("title, text and link render empty")
	case s.aimed && strings.TrimSpace(p.Email+p.Device+p.Channel) == "":
		// To name nobody is to push to all devices of the token's owner.
		return nil, errors.New("whom to push it to renders empty")
	}
	return p, nil
}

// judge says what an answer means (https://docs.pushbullet.com/#errors).
func judge(a *connect.Answer) (fanfare.Class, string) {
	class, detail := a.Class(), connect.FirstLine(a.Body)
	var said struct {
		Error struct{ Type, Message, Param string }
	}
	if json.Unmarshal(a.Body, &said) == nil && said.Error.Message != "" {
		detail = said.Error.Type + ": " + said.Error.Message
		if said.Error.Param != "" {
			detail += " (" + said.Error.Param + ")"
		}
	}
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden: // which is about the token, not about the message
		class, detail = fanfare.ClassStatus, detail+"; check accessToken"
	case http.StatusTooManyRequests:
		if reset, err := strconv.ParseInt(a.Header.Get("X-Ratelimit-Reset"), 10, 64); err == nil {
			a.PutOff(time.Until(time.Unix(reset, 0)).Seconds())
		}
	}
	switch {
	case class == fanfare.ClassSuccess:
		return class, ""
	case detail == "":
		detail = http.StatusText(a.Status)
	}
	return class, detail
}
