package fanfare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A Transformer runs people's scripts. Package transform has one.
type Transformer interface {
	// Transform calls the handler of a script with a value, JSON, and returns what that
	// returns, as JSON.
	Transform(ctx context.Context, code string, input []byte) ([]byte, error)
	// Check says what is wrong with a script without calling it.
	Check(ctx context.Context, code string) error
}

// maxTransformation bounds a script, in bytes.
const maxTransformation = 64 << 10

// webhookIn is what a script's handler is called with, and webhookOut what it may
// return of that.
type (
	webhookIn struct {
		EventType string          `json:"eventType"`
		Payload   json.RawMessage `json:"payload"`
		Channels  []string        `json:"channels"`
		Tags      []string        `json:"tags"`
	}
	webhookOut struct {
		Payload json.RawMessage   `json:"payload"`
		Headers map[string]string `json:"headers"`
		Cancel  bool              `json:"cancel"`
	}
)

// A Transformed message is what a script made of one.
type Transformed struct {
	Payload []byte            // JSON
	Headers map[string]string // to be sent beside the endpoint's
	Cancel  bool              // nothing is to be sent
}

// Transform runs a script on a message, as an endpoint of that Transformation does.
func (h *Hub) Transform(ctx context.Context, code string, msg *Message) (*Transformed, error) {
	if h.opt.Transformer == nil {
		return nil, errNoTransformer
	}
	in := webhookIn{msg.EventType, msg.Payload, append([]string{}, msg.Channels...), append([]string{}, msg.Tags...)}
	if !json.Valid(in.Payload) {
		return nil, errors.New("the payload is not JSON, and scripts are run on JSON only")
	}
	input, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	text, err := h.opt.Transformer.Transform(ctx, code, input)
	if err != nil {
		return nil, err
	}
	var out webhookOut
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("what the script returns is no webhook: %w", err)
	}
	if out.Cancel {
		return &Transformed{Cancel: true}, nil
	}
	if len(out.Payload) == 0 {
		return nil, errors.New("what the script returns has no payload")
	}
	if err := checkHeaders(out.Headers); err != nil {
		return nil, err
	}
	return &Transformed{Payload: bytes.Clone(out.Payload), Headers: out.Headers}, nil
}

var errNoTransformer = errors.New("this program runs no transformations")

// checkTransformation says what is wrong with ep's script.
func (h *Hub) checkTransformation(ctx context.Context, ep *Endpoint) error {
	switch {
	case ep.Transformation == "":
		return nil
	case len(ep.Transformation) > maxTransformation:
		return &InvalidError{"transformation", fmt.Sprintf("%d bytes; at most %d are allowed", len(ep.Transformation), maxTransformation)}
	case h.opt.Transformer == nil:
		return &InvalidError{"transformation", errNoTransformer.Error()}
	case ep.Batch != Batching{}:
		return &InvalidError{"transformation", "does not go with batch; turn one of the two off"}
	}
	if err := h.opt.Transformer.Check(ctx, ep.Transformation); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &InvalidError{"transformation", plain(err.Error())}
	}
	return nil
}

// notToBeSent is the Detail of an attempt of which the script has cancelled the sending.
const notToBeSent = "the transformation said that it is not to be sent"

// transform is msg as t's script makes it, and the headers that the script adds; nil
// if a says why there is none, or that nothing is to be sent.
func (h *Hub) transform(ctx context.Context, t *target, msg *Message, a *Attempt) (*Message, []Header) {
	out, err := h.Transform(ctx, t.Transformation, msg)
	switch {
	case err != nil && ctx.Err() != nil:
		a.Class = ClassInterrupted
		return nil, nil
	case err != nil:
		a.Class, a.Detail = ClassTransformation, detail(err)
		return nil, nil
	case out.Cancel:
		a.Class, a.Detail = ClassSuccess, notToBeSent
		return nil, nil
	}
	own := *msg
	own.Payload, own.ContentType = out.Payload, ""
	var added []Header
	for _, name := range slices.Sorted(maps.Keys(out.Headers)) {
		added = append(added, Header{Name: name, Value: out.Headers[name]})
	}
	return &own, added
}
