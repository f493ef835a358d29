package api

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
)

type transformationTrialIn struct {
	Code      string         `json:"code" doc:"The script, as in an endpoint's transformation."`
	Message   string         `json:"message,omitzero" doc:"The id of a message to try it on, instead of a payload."`
	EventType string         `json:"eventType,omitzero" doc:"Of the payload."`
	Payload   jsontext.Value `json:"payload,omitzero" doc:"Any JSON value to try it on."`
}

type transformationTrialOut struct {
	Before  jsontext.Value    `json:"before" doc:"The payload as it is."`
	After   jsontext.Value    `json:"after,omitzero" doc:"As the script makes it; not there when it fails or cancels."`
	Headers map[string]string `json:"headers,omitzero" doc:"Headers that the script adds."`
	Cancel  bool              `json:"cancel,omitzero" doc:"Whether nothing would be sent."`
	Error   string            `json:"error,omitzero" doc:"What went wrong in the script, in a line."`
}

func (s *server) transformationRoutes() []*route {
	return []*route{on("POST /app/{app}/transformation/try", "Try a transformation on a message, or on a payload", tryTransformation).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).exactly().unaudited()}
}

func tryTransformation(c *call, in *transformationTrialIn) (*transformationTrialOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	msg := &fanfare.Message{EventType: in.EventType, Payload: in.Payload}
	switch {
	case in.Message != "":
		if msg, err = c.hub.Message(c.r.Context(), app.ID, in.Message); err != nil {
			return nil, err
		}
		if msg.Payload == nil {
			return nil, invalid(fieldError{[]string{"body", "message"}, "its payload is no more; give another message, or a payload", "value_error"})
		}
	case len(in.Payload) == 0:
		return nil, invalid(fieldError{[]string{"body", "payload"}, "is missing; give a payload or a message's id", "value_error.missing"})
	}
	if !jsontext.Value(msg.Payload).IsValid() {
		return nil, invalid(fieldError{[]string{"body", "message"}, "its payload is not JSON, and scripts are run on JSON only", "value_error"})
	}
	out := &transformationTrialOut{Before: msg.Payload}
	made, err := c.hub.Transform(c.r.Context(), in.Code, msg)
	var wrong *fanfare.InvalidError
	switch {
	case errors.As(err, &wrong):
		out.Error = wrong.Error()
	case err != nil:
		out.Error = err.Error()
	default:
		out.After, out.Headers, out.Cancel = made.Payload, made.Headers, made.Cancel
	}
	return out, nil
}
