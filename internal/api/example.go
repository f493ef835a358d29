package api

import (
	"encoding/json"
	"errors"

	"github.com/fanfarehq/fanfare"
)

// ping is an event type that need not be in the catalogue: its example says nothing, and
// shows whether an endpoint takes messages.
var ping = &fanfare.EventType{Name: "ping", Examples: json.RawMessage(`[{"type":"ping","message":"It works: this endpoint can be reached."}]`)}

type exampleIn struct {
	EventType    string     `json:"eventType" doc:"The event type whose example is sent; ping, which need not be in the catalogue, says nothing."`
	ExampleIndex field[int] `json:"exampleIndex,omitzero" doc:"Which of the examples of its current schema, or of the version that the endpoint has pinned; 0, the first, unless told."`
}

func sendExample(c *call, in *exampleIn) (*messageOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	if in.EventType == "" {
		return nil, &fanfare.InvalidError{Field: "eventType", Reason: `name the event type, such as "record.created"`}
	}
	t, err := c.hub.EventType(c.r.Context(), in.EventType)
	if in.EventType == ping.Name && errors.Is(err, fanfare.ErrNotFound) {
		t, err = ping, nil
	}
	if err == nil && !c.who.sees(t) {
		err = fanfare.ErrNotFound
	}
	if err != nil {
		return nil, missing(err, "event type", in.EventType, here)
	}
	msg, err := c.hub.SendExample(c.r.Context(), ep, t, in.ExampleIndex.value)
	if err != nil {
		return nil, err
	}
	return c.showMessage(msg, payloadOf(msg, true)), nil
}
