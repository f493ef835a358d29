package fanfare

import (
	"context"

	"github.com/fanfarehq/fanfare/webhook"
)

// RequestBody is the body of the requests in which ep is sent msg, as both are now: what
// was sent before is the same, unless what makes it has changed since: ep's format, script
// or batches, or the application's uid. ok is false where
// more than the format makes it: a script, a connector, a secret that stands in it, or
// other messages that go along; and where the payload is no more.
func (h *Hub) RequestBody(ctx context.Context, ep *Endpoint, msg *Message) (body []byte, ok bool, err error) {
	if ep.Kind != "" || ep.Transformation != "" || ep.Batch.Size > 0 || ep.profile() == webhook.BodyToken || msg.Payload == nil || msg.Damaged {
		return nil, false, nil
	}
	app, err := h.Application(ctx, string(ep.Application))
	if err != nil {
		return nil, false, err
	}
	t, err := h.target(app, ep, h.now())
	if err != nil {
		return nil, false, nil // nothing can be sent to it: see Endpoint.Unusable
	}
	return t.format(msg, t.owner).body, true, nil
}
