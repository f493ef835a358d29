package api

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
)

// messageOut is a message as clients read it. It writes itself, as its payload
// goes out byte for byte as it came in.
type messageOut struct {
	ID          fanfare.MessageID `json:"id"`
	EventID     *string           `json:"eventId"`
	EventType   string            `json:"eventType"`
	Payload     jsontext.Value    `json:"payload" doc:"As it came in; a string if it is not JSON; {} if it was not asked for, {\"expired\":true} if it was removed, and {\"damaged\":true} if it was damaged on the server's disk."`
	Channels    *[]string         `json:"channels"`
	Tags        *[]string         `json:"tags"`
	OrderingKey *string           `json:"orderingKey" newer:"true"`
	Timestamp   time.Time         `json:"timestamp" doc:"When it was accepted."`
	DeliverAt   *time.Time        `json:"deliverAt" newer:"true"`

	EventTypeVersion *int `json:"eventTypeVersion" newer:"true" doc:"Which version of its type the payload is of; null: the sender did not say."`
}

// showMessage shows a message with what payloadOf says. The field's own clients
// refuse a payload that is not an object, and with it the whole answer: they are
// shown an object that holds it as text.
func (c *call) showMessage(msg *fanfare.Message, payload jsontext.Value) *messageOut {
	if payload.Kind() != '{' && strings.HasPrefix(c.agent(), "svix-libs/") {
		payload = append(quote([]byte(`{"rawPayload":`), string(msg.Payload)), '}')
	}
	return &messageOut{
		ID: msg.ID, EventID: pointer(msg.EventID), EventType: msg.EventType, Payload: payload,
		Channels: someOf(msg.Channels), Tags: someOf(msg.Tags), OrderingKey: pointer(msg.OrderingKey),
		Timestamp: msg.CreatedAt, DeliverAt: pointer(msg.DeliverAt), EventTypeVersion: pointer(msg.EventTypeVersion),
	}
}

var (
	withheld = jsontext.Value(`{}`)
	expired  = jsontext.Value(`{"expired":true}`)
	damaged  = jsontext.Value(`{"damaged":true}`)
)

// payloadOf is what is shown of a message's payload.
func payloadOf(msg *fanfare.Message, content bool) jsontext.Value {
	switch {
	case !content:
		return withheld
	case msg.Damaged:
		return damaged
	case msg.Payload == nil:
		return expired
	case utf8.Valid(msg.Payload) && stdjson.Valid(msg.Payload):
		return msg.Payload
	}
	return quote(nil, string(msg.Payload))
}

// quote appends s as a JSON string; what is not UTF-8 in it is replaced.
func quote[T ~string](b []byte, s T) []byte {
	quoted, err := jsontext.AppendQuote(b, s)
	if err != nil {
		quoted, _ = jsontext.AppendQuote(b, strings.ToValidUTF8(string(s), "\uFFFD"))
	}
	return quoted
}

func (s *server) messageRoutes() []*route {
	create := describe[messageIn, *messageOut]("POST /app/{app}/msg", "Send a message", contentParam).answering(http.StatusAccepted).needs(fanfare.ScopeWriteMessages, noSession).inChannels().unaudited()
	create.serve, create.ownKeys, create.hot = createMessage, true, true
	return []*route{
		create,
		s.batchRoute(),
		on("POST /app/{app}/msg/precheck/active", "Ask whether any endpoint would be sent such a message", precheckMessage).needs(fanfare.ScopeWriteMessages, noSession).unaudited(),
		on("GET /app/{app}/msg", "List an application's messages", listMessages, filters(stateParam, deliveredParam, waitParam)...).listingMessages().needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
		on("GET /app/{app}/msg/{msg}", "Read a message, by id or event id", readMessage, contentParam).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
		on("DELETE /app/{app}/msg/{msg}/content", "Remove a message's payload for good", expungeMessage).needs(fanfare.ScopeWriteMessages, noSession).inChannels().doing("message.expunge"),
		on("DELETE /app/{app}/msg/{msg}/pending", "Cancel the deliveries of a message that wait", cancelMessage).needs(fanfare.ScopeWriteMessages, noSession).inChannels().doing("message.cancel"),
	}
}

// createMessage is the hot path.
func createMessage(c *call) error {
	content := c.boolean("with_content", true)
	if err := c.mistakes(); err != nil {
		return err
	}
	ref, err := c.ref("app")
	if err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	e := &envelope{}
	if err := e.parse(body); err != nil {
		return err
	}
	if err := sendable(&e.msg, c.who.channels()); err != nil {
		return err
	}
	key, err := c.idempotency(body)
	if err != nil {
		return err
	}
	errs, err := c.accept(c.r.Context(), ref, []*fanfare.Message{&e.msg}, e.app, key)
	if err == nil {
		err = taken(errs[0], "event id", e.msg.EventID, byMessage)
	}
	if err != nil {
		return missing(err, "application", ref, here)
	}
	c.ignored(e.ignored)
	c.warn(e.msg.Warnings)
	if !c.hub.Listed(c.r.Context(), e.msg.EventType) {
		c.w.Header().Set("Fanfare-Warnings", unlisted(e.msg.EventType))
	} else if text := c.deprecated(&e.msg); text != "" {
		c.w.Header().Set("Fanfare-Warnings", text)
		c.retiring(&e.msg)
	}
	if minimal(c.r.Header) {
		return nil
	}
	c.out, err = c.show(e, content).appendJSON(nil)
	return err
}

// show is showMessage without another look at a payload that was just parsed.
func (c *call) show(e *envelope, content bool) *messageOut {
	if content && e.json && e.msg.Payload != nil {
		return c.showMessage(&e.msg, e.msg.Payload)
	}
	return c.showMessage(&e.msg, payloadOf(&e.msg, content))
}

// accept sends messages to an application, which is created first if it does
// not exist and app says how.
func (c *call) accept(ctx context.Context, ref string, msgs []*fanfare.Message, app *applicationIn, key *fanfare.Idempotency) ([]error, error) {
	if hops := c.r.Header[fanfare.HeaderHops]; hops != nil {
		if err := noteHops(msgs, hops); err != nil {
			return nil, err
		}
	}
	errs, err := c.hub.SendBatch(ctx, ref, msgs, key)
	if app == nil || !errors.Is(err, fanfare.ErrNotFound) {
		return errs, err
	}
	if _, ours := fanfare.DecodeID("app_", ref); ours {
		return nil, err
	}
	if uid := app.UID.value; uid != "" && uid != ref {
		return nil, &fanfare.InvalidError{Field: "application.uid", Reason: "must be the one in the path"}
	}
	if err := c.who.mayCreateApplication(); err != nil {
		return nil, err
	}
	if _, err := c.create(ctx, ref, app); err != nil && !errors.Is(err, fanfare.ErrExists) {
		var wrong *fanfare.InvalidError
		if errors.As(err, &wrong) {
			err = &fanfare.InvalidError{Field: "application." + wrong.Field, Reason: wrong.Reason}
		}
		return nil, err
	}
	return c.hub.SendBatch(ctx, ref, msgs, key)
}

// answerSize is about how long a message is as JSON, without its payload.
const answerSize = 384

// appendJSON implements appender.
func (m *messageOut) appendJSON(b []byte) ([]byte, error) {
	b = slices.Grow(b, answerSize+len(m.Payload))
	b = quote(append(b, `{"id":`...), m.ID)
	b = appendOptional(append(b, `,"eventId":`...), m.EventID)
	b = quote(append(b, `,"eventType":`...), m.EventType)
	b = append(append(b, `,"payload":`...), m.Payload...)
	b = appendStrings(append(b, `,"channels":`...), m.Channels)
	b = appendStrings(append(b, `,"tags":`...), m.Tags)
	b = appendOptional(append(b, `,"orderingKey":`...), m.OrderingKey)
	b = appendTime(append(b, `,"timestamp":`...), &m.Timestamp)
	b = appendTime(append(b, `,"deliverAt":`...), m.DeliverAt)
	b = append(b, `,"eventTypeVersion":`...)
	if m.EventTypeVersion == nil {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, int64(*m.EventTypeVersion), 10)
	}
	return append(b, '}'), nil
}

func appendOptional(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return quote(b, *s)
}

func appendStrings(b []byte, list *[]string) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, s := range *list {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(b, s)
	}
	return append(b, ']')
}

func appendTime(b []byte, t *time.Time) []byte {
	if t == nil {
		return append(b, "null"...)
	}
	return append(t.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

type precheckIn struct {
	EventType string          `json:"eventType" doc:"Such as record.created."`
	Channels  field[[]string] `json:"channels,omitzero"`
}

type precheckOut struct {
	Active bool `json:"active" doc:"Whether there is an endpoint that wants it and is not disabled."`
}

func precheckMessage(c *call, in *precheckIn) (*precheckOut, error) {
	ref, err := c.ref("app")
	if err != nil {
		return nil, err
	}
	active, err := c.hub.Wanted(c.r.Context(), ref, in.EventType, in.Channels.value)
	return &precheckOut{active}, missing(err, "application", ref, here)
}

func listMessages(c *call, _ *none) (*list[*messageOut], error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	filter, content := c.messageFilter(), c.boolean("with_content", true)
	filter.Within = c.who.channels()
	if filter.States = c.statesAsked(); filter.States != nil && c.listening {
		c.mistake(waitParam.name, "is for new messages, not for what becomes of them; leave out status and delivered, or follow /events/stream")
	}
	c.listenForMessages(app.ID)
	return paged(c, listing[*fanfare.Message]{
		scope:      []string{string(app.ID)},
		descending: true,
		looks:      c.narrowed(),
		id:         func(msg *fanfare.Message) string { return string(msg.ID) },
		fetch: func(p fanfare.Page) ([]*fanfare.Message, error) {
			filter.Page = p
			return c.hub.Messages(c.r.Context(), app.ID, filter)
		},
	}, func(msg *fanfare.Message) (*messageOut, error) {
		return c.showMessage(msg, payloadOf(msg, content)), nil
	})
}

func readMessage(c *call, _ *none) (*messageOut, error) {
	content := c.boolean("with_content", true)
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	msg, err := c.message()
	if err != nil {
		return nil, err
	}
	return c.showMessage(msg, payloadOf(msg, content)), nil
}

func expungeMessage(c *call, _ *none) (none, error) {
	msg, err := c.message()
	if err != nil {
		return none{}, err
	}
	return none{}, c.hub.ExpungePayload(c.r.Context(), msg.Application, msg.ID)
}

type cancelOut struct {
	Cancelled int `json:"cancelled" doc:"How many deliveries were cancelled."`
}

func cancelMessage(c *call, _ *none) (*cancelOut, error) {
	msg, err := c.message()
	if err != nil {
		return nil, err
	}
	n, err := c.hub.CancelWithin(c.r.Context(), msg.Application, msg.ID, c.who.channels())
	if err != nil {
		return nil, err
	}
	return &cancelOut{n}, nil
}
