package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/fanfarehq/fanfare"
)

// Bounds of the API on a batch.
const (
	maxBatch     = 1000
	maxBatchBody = 16 << 20
)

// Send sends one event to an application, by id or uid, as Hub.Send does. When it
// returns without error the message is on the server's disk.
func (c *Client) Send(ctx context.Context, app, eventType string, data any) (*fanfare.Message, error) {
	msg := &fanfare.Message{EventType: eventType}
	switch data := data.(type) {
	case json.RawMessage:
		msg.Payload = data
	case []byte:
		msg.Payload = data
	default:
		text, err := json.Marshal(data)
		if err != nil {
			return nil, &fanfare.InvalidError{Field: "payload", Reason: "cannot be written as JSON: " + err.Error()}
		}
		msg.Payload = text
	}
	errs, err := c.SendBatch(ctx, app, []*fanfare.Message{msg}, nil)
	if err != nil {
		return nil, err
	}
	return msg, errs[0]
}

// SendBatch sends up to 1000 messages, together at most 16 MiB, in one transaction,
// as Hub.SendBatch does, and fills in their ids and times. Of key, if there is one,
// only the Key counts: the server itself sees whether the request is the same.
//
// A payload goes byte for byte. One that is not JSON must be UTF-8.
func (c *Client) SendBatch(ctx context.Context, app string, msgs []*fanfare.Message, key *fanfare.Idempotency) (errs []error, err error) {
	if len(msgs) > maxBatch {
		return nil, &fanfare.InvalidError{Field: "messages", Reason: fmt.Sprintf("at most %d at a time", maxBatch)}
	}
	errs = make([]error, len(msgs))
	body := []byte{'['}
	var places []int // of what is sent, in msgs
	for i, msg := range msgs {
		text, err := write(msg)
		if err != nil {
			errs[i] = err
			continue
		}
		if len(places) > 0 {
			body = append(body, ',')
		}
		body, places = append(body, text...), append(places, i)
	}
	if len(places) == 0 {
		return errs, nil
	}
	if body = append(body, ']'); len(body) > maxBatchBody {
		return nil, &fanfare.InvalidError{Field: "messages", Reason: fmt.Sprintf("at most %d bytes together", maxBatchBody)}
	}
	req := request{method: http.MethodPost, path: within(app, "/msg/batch"), body: body}
	if key != nil {
		req.key = key.Key
	}
	var answer struct {
		Data []struct {
			ID        fanfare.MessageID
			Timestamp time.Time
			Error     *struct {
				Status int
				Code   string
				Detail json.RawMessage
			}
		}
	}
	if err := c.do(ctx, req, &answer); err != nil {
		return nil, fmt.Errorf("application %s: %w", app, err)
	}
	if len(answer.Data) != len(places) {
		return nil, fmt.Errorf("%s answers for %d messages of %d, as no Fanfare server does", c.base, len(answer.Data), len(places))
	}
	for i, one := range answer.Data {
		msg := msgs[places[i]]
		if one.Error != nil {
			errs[places[i]] = taken(newError(one.Error.Status, one.Error.Code, one.Error.Detail))
			continue
		}
		msg.ID, msg.CreatedAt = one.ID, one.Timestamp
	}
	return errs, nil
}

// wire is a message as the API takes it, but for its payload.
type wire struct {
	EventType   string    `json:"eventType"`
	EventID     string    `json:"eventId,omitempty"`
	Channels    []string  `json:"channels,omitempty"`
	Tags        []string  `json:"tags,omitempty"`
	OrderingKey string    `json:"orderingKey,omitempty"`
	DeliverAt   time.Time `json:"deliverAt,omitzero"`
	Version     int       `json:"eventTypeVersion,omitempty"`
	Raw         *raw      `json:"transformationsParams,omitempty"`
}

type raw struct {
	Payload string            `json:"rawPayload"`
	Headers map[string]string `json:"headers,omitempty"`
}

// write writes msg as the API takes it. An encoder would tidy its payload up, so that
// is put in place as it is.
func write(msg *fanfare.Message) ([]byte, error) {
	if err := msg.Check(); err != nil {
		return nil, err
	}
	w := wire{msg.EventType, msg.EventID, msg.Channels, msg.Tags, msg.OrderingKey, msg.DeliverAt, msg.EventTypeVersion, nil}
	payload := msg.Payload
	if msg.ContentType != "" || !json.Valid(payload) {
		if !utf8.Valid(payload) {
			return nil, &fanfare.InvalidError{Field: "payload", Reason: "must be JSON or text: the API has no room for other bytes"}
		}
		w.Raw = &raw{Payload: string(payload)}
		if msg.ContentType != "" {
			w.Raw.Headers = map[string]string{"content-type": msg.ContentType}
		}
		payload = []byte(`{}`)
	}
	text, err := json.Marshal(w)
	if err != nil {
		return nil, &fanfare.InvalidError{Field: "deliverAt", Reason: "cannot be written: " + err.Error()}
	}
	return bytes.Join([][]byte{text[:len(text)-1], []byte(`,"payload":`), payload, []byte("}")}, nil), nil
}

// within is a path in an application.
func within(app, rest string) string { return "/app/" + url.PathEscape(app) + rest }
