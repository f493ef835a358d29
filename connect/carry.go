package connect

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/expression"
	"github.com/fanfarehq/fanfare/webhook"
)

// Carried is what goes with msg beside its payload, by the names that webhooks have for
// it: as headers or attributes, where a queue has those. It is the same however often
// the message is sent.
func Carried(msg *fanfare.Message) []fanfare.Header {
	all := []fanfare.Header{
		{Name: webhook.HeaderID, Value: string(msg.ID)},
		{Name: webhook.HeaderTimestamp, Value: strconv.FormatInt(msg.CreatedAt.Unix(), 10)},
		{Name: webhook.HeaderEventType, Value: msg.EventType},
	}
	if msg.EventTypeVersion > 0 {
		all = append(all, fanfare.Header{Name: webhook.HeaderEventTypeVersion, Value: strconv.Itoa(msg.EventTypeVersion)})
	}
	if msg.IsTest() {
		all = append(all, fanfare.Header{Name: webhook.HeaderTest, Value: "true"})
	}
	return append(all, fanfare.Header{Name: webhook.HeaderApplication, Value: string(msg.Application)})
}

// CarriedInputOf is [InputOf] for what is sent with [Carried]: templates find it in
// headers, and there too the day on which the message was accepted, as date.
func CarriedInputOf(msg *fanfare.Message) *expression.Input {
	in := InputOf(msg)
	in.Headers = map[string]string{"date": msg.CreatedAt.UTC().Format(time.DateOnly)}
	for _, h := range Carried(msg) {
		in.Headers[h.Name] = h.Value
	}
	return in
}

// ContentType is that of msg's payload.
func ContentType(msg *fanfare.Message) string {
	if msg.ContentType == "" {
		return "application/json"
	}
	return msg.ContentType
}

// A Body is what of a message a queue is given: its payload, byte for byte, unless a
// template says otherwise.
type Body struct{ template *Template }

// BodyOf reads the template of a Body from the member body; "": it is the payload.
func BodyOf(source string) (Body, error) {
	if source == "" {
		return Body{}, nil
	}
	t, err := Text("body", source)
	return Body{t}, err
}

// Fill makes the body of msg.
func (b Body) Fill(msg *fanfare.Message, in *expression.Input) ([]byte, error) {
	if b.template == nil {
		return msg.Payload, nil
	}
	text, err := Fill("body", b.template, in, nil)
	return []byte(text), err
}

// LineOf is msg in a line of NDJSON, with the line's end. Its data is the payload: a text
// where that is not JSON.
func LineOf(msg *fanfare.Message) ([]byte, error) {
	var data any = string(msg.Payload)
	if json.Valid(msg.Payload) {
		data = json.RawMessage(msg.Payload)
	}
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		ID        fanfare.MessageID `json:"id"`
		Type      string            `json:"type"`
		Timestamp time.Time         `json:"timestamp"`
		Data      any               `json:"data"`
	}{msg.ID, msg.EventType, msg.CreatedAt.UTC(), data})
	return line.Bytes(), err
}
