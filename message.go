package fanfare

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// A Message is one event, sent to one application. Once it is handed to Send or
// SendBatch, or was returned by a method, it must not be changed.
type Message struct {
	ID          MessageID
	Application ApplicationID
	EventID     string // the sender's own id for it; while it is kept the application has it once, or once a version; "" if none
	EventType   string
	Payload     []byte // as it came in, byte for byte; nil once expunged
	ContentType string // of the payload; "" means application/json
	Channels    []string
	Tags        []string
	OrderingKey string    // ordered endpoints keep messages of one key in order, and only those wait for each other
	DeliverAt   time.Time // not before; zero: at once
	CreatedAt   time.Time // when it was accepted

	// EventTypeVersion is which version of its type the payload is of, one that the
	// catalogue has a schema for; 0: the sender does not say, and it is taken for the
	// current one. See [Endpoint.EventTypeVersions].
	EventTypeVersion int

	// Damaged, set when it is read, says that what is on disk is not what was stored:
	// there is no Payload, and nothing is sent.
	Damaged bool

	// Warnings, set when it is accepted, tell where the payload is not as the
	// schema of its event type wants it. They are not stored.
	Warnings []Violation
}

// Idempotency names a request so that repeating it does nothing again.
type Idempotency struct {
	Key         string   // the caller's; 1 to 256 printable ASCII characters
	Fingerprint [32]byte // of the request; the same key with another one is refused
}

// Send accepts one event for an application, found by id or uid. Data that is a
// []byte or json.RawMessage is the payload, byte for byte; anything else is
// marshalled to JSON. When Send returns without error the message is on disk and
// will be delivered at least once to every endpoint that wants it.
func (h *Hub) Send(ctx context.Context, app, eventType string, data any) (*Message, error) {
	payload, err := payloadOf(data)
	if err != nil {
		return nil, err
	}
	msg := &Message{EventType: eventType, Payload: payload}
	errs, err := h.SendBatch(ctx, app, []*Message{msg}, nil)
	if err != nil {
		return nil, err
	}
	return msg, errs[0]
}

func payloadOf(data any) ([]byte, error) {
	switch data := data.(type) {
	case json.RawMessage:
		return data, nil
	case []byte:
		return data, nil
	}
	payload, err := json.Marshal(data)
	if err != nil {
		return nil, &InvalidError{"payload", "cannot be written as JSON: " + err.Error()}
	}
	return payload, nil
}

// Message finds a message of an application by id or event id: of several renditions
// of one event that of the largest version. With [ErrDamaged] it returns what there is of it.
func (h *Hub) Message(ctx context.Context, app ApplicationID, ref string) (*Message, error) {
	msg, err := h.store.Message(ctx, app, ref)
	if err != nil {
		return msg, fmt.Errorf("message %q: %w", ref, err)
	}
	return msg, nil
}

// Messages lists an application's messages by age. One that is damaged is among them,
// and says so.
func (h *Hub) Messages(ctx context.Context, app ApplicationID, f MessageFilter) ([]*Message, error) {
	return h.store.Messages(ctx, app, f)
}

// NamedMessages reads messages of an application by their ids, each once and by age.
// One that is not there is left out, and one that is damaged says so.
func (h *Hub) NamedMessages(ctx context.Context, app ApplicationID, ids []MessageID) ([]*Message, error) {
	return h.store.NamedMessages(ctx, app, ids)
}

// ExpungePayload removes a message's payload for good. Deliveries of it that
// still wait end as given up.
func (h *Hub) ExpungePayload(ctx context.Context, app ApplicationID, id MessageID) error {
	if err := h.store.ExpungePayload(ctx, app, id); err != nil {
		return fmt.Errorf("message %s: %w", id, err)
	}
	h.recent.drop(id)
	h.feed.changed(app)
	return nil
}

// Cancel cancels the deliveries of a message that wait and returns how many
// there were. Attempts under way are seen through.
func (h *Hub) Cancel(ctx context.Context, app ApplicationID, id MessageID) (int, error) {
	return h.CancelWithin(ctx, app, id, nil)
}
