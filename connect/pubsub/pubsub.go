// Package pubsub publishes to topics of Google Cloud Pub/Sub, by its REST API
// (https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/publish).
package pubsub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

const (
	service  = "https://pubsub.googleapis.com"
	audience = service + "/" // of the tokens, which each service account signs itself
	example  = "projects/acme-prod/topics/orders"
)

// maxOrderingKey bounds an ordering key, in bytes.
const maxOrderingKey = 1024

// Connector publishes to a topic.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:   "Publishes it to a topic of Google Cloud Pub/Sub.",
		Example: json.RawMessage(`{"topic":"` + example + `","orderingKey":"{{payload.customer}}","url":"http://localhost:8085"}`),
		Hidden:  []string{"credentials"},
		Where:   []string{"url"},
		ByHTTP:  true,
		New:     open,
	}
}

type config struct {
	Topic       string          `json:"topic"`
	Credentials json.RawMessage `json:"credentials"`
	Body        string          `json:"body"`
	OrderingKey *string         `json:"orderingKey"`
	URL         string          `json:"url"`
}

// A sink publishes to one topic.
type sink struct {
	way    fanfare.Way
	config config
	url    *url.URL           // of the request
	tokens oauth2.TokenSource // nil: an emulator wants none
	body   connect.Body
	key    *connect.Template // nil: the message's ordering key
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{URL: service}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{way: way, config: c}
	var errs [4]error
	s.url, errs[0] = connect.URL("url", c.URL, service)
	s.body, errs[1] = connect.BodyOf(c.Body)
	if c.OrderingKey != nil {
		s.key, errs[2] = connect.Text("orderingKey", *c.OrderingKey)
	}
	if c.Credentials != nil {
		s.tokens, errs[3] = account(c.Credentials)
	}
	if err := errors.Join(append(errs[:],
		connect.Must(topics.MatchString(c.Topic), "topic", "must be a topic with its project, such as "+example),
		connect.Must(c.Credentials != nil || c.URL != service, "credentials", "are missing; give the JSON key file of a service account that may publish"),
		connect.Must(c.Credentials == nil || s.url == nil || s.url.Scheme == "https", "url", "must be https where there are credentials"),
	)...); err != nil {
		return nil, err
	}
	s.url = s.url.JoinPath("v1", c.Topic+":publish")
	return s, nil
}

var topics = regexp.MustCompile(`^projects/[a-z][-a-z0-9:.]{4,62}[a-z0-9]/topics/[A-Za-z][-A-Za-z0-9._~+%]{2,254}$`)

// account reads a service account's key file, as an object or as text. Its tokens need
// nobody: the account signs them.
func account(file json.RawMessage) (oauth2.TokenSource, error) {
	var text string
	if json.Unmarshal(file, &text) == nil {
		file = json.RawMessage(text)
	}
	tokens, err := google.JWTAccessTokenSourceFromJSON(file, audience)
	if err != nil { // which might show some of it
		return nil, connect.Must(false, "credentials", "is not the JSON key file of a service account")
	}
	return tokens, nil
}

// Target is the topic.
func (s *sink) Target() string {
	if s.config.URL == service {
		return s.config.Topic
	}
	return s.url.Host + "/" + s.config.Topic
}

// Close has nothing to end.
func (s *sink) Close() error { return nil }

// A message is one as Pub/Sub has it
// (https://cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage).
type message struct {
	Data        []byte            `json:"data"`
	Attributes  map[string]string `json:"attributes"`
	OrderingKey string            `json:"orderingKey,omitempty"`
}

// Send publishes msg. Pub/Sub names messages itself, so that one that is sent again is
// another: the attribute webhook-id tells.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	m, err := s.message(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	body, err := json.Marshal(map[string][]*message{"messages": {m}})
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.String(), bytes.NewReader(body))
	if err != nil {
		return fanfare.Reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	if s.tokens != nil {
		token, err := s.tokens.Token()
		if err != nil {
			return fanfare.Reply{}, err
		}
		token.SetAuthHeader(req)
	}
	return connect.Ask(s.way, req, judge)
}

// message fills the config in for msg.
func (s *sink) message(msg *fanfare.Message) (*message, error) {
	in := connect.CarriedInputOf(msg)
	m := &message{OrderingKey: msg.OrderingKey, Attributes: map[string]string{"content-type": connect.ContentType(msg)}}
	var errs [2]error
	m.Data, errs[0] = s.body.Fill(msg, in)
	if s.key != nil {
		m.OrderingKey, errs[1] = connect.Fill("orderingKey", s.key, in, nil)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if len(m.OrderingKey) > maxOrderingKey {
		return nil, fmt.Errorf("orderingKey has %d bytes; Pub/Sub allows %d", len(m.OrderingKey), maxOrderingKey)
	}
	for _, h := range connect.Carried(msg) {
		m.Attributes[h.Name] = h.Value
	}
	return m, nil
}

// judge says what an answer means (https://cloud.google.com/pubsub/docs/reference/error-codes).
func judge(a *connect.Answer) (fanfare.Class, string) {
	class, detail := a.Class(), connect.FirstLine(a.Body)
	var said struct {
		MessageIDs []string `json:"messageIds"`
		Error      struct{ Message, Status string }
	}
	read := json.Unmarshal(a.Body, &said)
	if read == nil && said.Error.Status != "" {
		detail = said.Error.Status + ": " + said.Error.Message
	}
	switch {
	case class == fanfare.ClassSuccess && (read != nil || len(said.MessageIDs) != 1):
		return fanfare.ClassBody, "the answer names no message that was published; check url"
	case class == fanfare.ClassSuccess:
		return class, ""
	case detail == "":
		detail = http.StatusText(a.Status)
	}
	switch a.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge: // which the message is to blame for
		return fanfare.ClassRejected, detail
	case http.StatusUnauthorized, http.StatusForbidden:
		detail += "; check credentials, and that they may publish to the topic (roles/pubsub.publisher)"
	case http.StatusNotFound:
		detail += "; make the topic, or say another"
	}
	if class == fanfare.ClassRejected || class == fanfare.ClassGone {
		class = fanfare.ClassStatus
	}
	return class, strings.TrimSpace(detail)
}
