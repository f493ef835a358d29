// Package teams posts messages to a channel or chat of Microsoft Teams, as Adaptive
// Cards, through a workflow that begins with "When a Teams webhook request is received"
// (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook).
package teams

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
	example  = "https://prod-00.westeurope.logic.azure.com/workflows/00000000000000000000000000000000/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=XXXXXXXXXXXXXXXX"
	maxText  = 8000 // characters, with which a post stays below the 28 KB that Teams takes
	maxTitle = 200
)

// Connector posts a card to a channel or chat.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:   "Posts it to a channel or chat of Microsoft Teams, as a card, through a workflow.",
		Example: json.RawMessage(`{"url":"` + example + `","title":"{{eventType}}","text":"{{payload}}"}`),
		Hidden:  []string{"url"},
		ByHTTP:  true,
		New:     open,
		Rate:    2, // Teams takes four requests a second
	}
}

type config struct {
	URL   string          `json:"url"`
	Title string          `json:"title"`
	Text  string          `json:"text"`
	Card  json.RawMessage `json:"card"`
}

// A sink posts to one channel or chat.
type sink struct {
	way         fanfare.Way
	url         *url.URL
	title, text *connect.Template
	card        *connect.Shape // nil: one of title and text
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{Title: "{{eventType}}", Text: "{{payload}}"}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{way: way}
	var errs [4]error
	s.url, errs[0] = connect.URL("url", c.URL, example)
	s.title, errs[1] = connect.Text("title", c.Title)
	s.text, errs[2] = connect.Text("text", c.Text)
	if len(c.Card) > 0 {
		if s.card, errs[3] = connect.ShapeOf("card", c.Card); c.Card[0] != '{' {
			errs[3] = connect.Must(false, "card", `must be an Adaptive Card, such as {"type":"AdaptiveCard","version":"1.4","body":[{"type":"TextBlock","text":"{{payload.name}}"}]}`)
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return s, nil
}

// Target is the host alone: the rest has the secret in it.
func (s *sink) Target() string { return s.url.Host }

// Close has nothing to end.
func (s *sink) Close() error { return nil }

// A post is the body of a request.
type post struct {
	Type        string       `json:"type"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	ContentType string  `json:"contentType"`
	ContentURL  *string `json:"contentUrl"`
	Content     any     `json:"content"`
}

// A card is an Adaptive Card (https://adaptivecards.io/explorer) that shows texts.
type card struct {
	Schema  string            `json:"$schema"`
	Type    string            `json:"type"`
	Version string            `json:"version"`
	Body    []block           `json:"body"`
	Teams   map[string]string `json:"msteams"`
}

type block struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Weight string `json:"weight,omitempty"`
	Size   string `json:"size,omitempty"`
	Wrap   bool   `json:"wrap"`
}

// Send posts msg.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	shown, err := s.shown(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	body, err := json.Marshal(&post{"message", []attachment{{"application/vnd.microsoft.card.adaptive", nil, shown}}})
	if err != nil {
		return connect.Unfit("card: %v", err), nil
	}
	return connect.Post(ctx, s.way, s.url, "application/json", body, judge)
}

// shown fills the config in for msg: it is the card.
func (s *sink) shown(msg *fanfare.Message) (any, error) {
	in := connect.InputOf(msg)
	if s.card != nil {
		filled, err := s.card.Fill(in, nil)
		return filled, err
	}
	title, titleErr := connect.Fill("title", s.title, in, nil)
	text, textErr := connect.Fill("text", s.text, in, nil)
	if err := errors.Join(titleErr, textErr); err != nil {
		return nil, err
	}
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("text renders empty, and a card without text shows nothing")
	}
	c := &card{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		Teams: map[string]string{"width": "Full"},
	}
	if strings.TrimSpace(title) != "" {
		c.Body = append(c.Body, block{Type: "TextBlock", Text: connect.Shorten(title, maxTitle), Weight: "Bolder", Size: "Medium", Wrap: true})
	}
	c.Body = append(c.Body, block{Type: "TextBlock", Text: connect.Shorten(text, maxText), Wrap: true})
	return c, nil
}

// A refusal is the body of an error.
type refusal struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// failed is how the connectors that came before workflows begin what is an error in
// spite of its status, which is 200.
const failed = "Webhook message delivery failed"

// judge says what an answer means. A workflow answers 202 before it has posted: what
// fails after that is in its own history of runs.
func judge(a *connect.Answer) (fanfare.Class, string) {
	class := a.Class()
	said := connect.FirstLine(a.Body)
	if class == fanfare.ClassSuccess {
		if strings.HasPrefix(said, failed) {
			return fanfare.ClassBody, said
		}
		return class, ""
	}
	var r refusal
	detail := said
	if json.Unmarshal(a.Body, &r) == nil && r.Error.Code != "" {
		detail = r.Error.Code + ": " + r.Error.Message
	}
	if detail == "" {
		detail = http.StatusText(a.Status)
	}
	switch {
	case r.Error.Code == "WorkflowTriggerIsNotEnabled":
		return fanfare.ClassStatus, detail + " Turn the workflow on again."
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden, a.Status == http.StatusNotFound:
		return fanfare.ClassGone, detail
	}
	return class, detail
}
