package fanfare

import (
	"context"
	"maps"
	"strings"
	"time"
)

// A Rehearsal is a copy of a message, changed by hand, that is sent to one of this
// program's bins as an endpoint would be sent it. See [Hub.Rehearse].
type Rehearsal struct {
	URL         string // of one of [Options.Bins]
	Secret      string // signs it, in the way of the endpoint: never the endpoint's own secret
	Payload     []byte
	ContentType string            // of the payload; "": that of the message
	Headers     map[string]string // beside the endpoint's, and instead of those of the same names
}

// Rehearse makes one attempt to send a copy of msg through all that messages for ep go
// through: script, format, headers and signature. It is sent to a bin, and signed with a
// secret of the bin's, so that nobody gets a signature that ep's receiver would trust by
// writing a message. What opens the doors of ep's receiver is left out, and nothing is
// stored. To be refused is no error; [ErrBusy] is as of [Hub.Reach].
func (h *Hub) Rehearse(ctx context.Context, ep *Endpoint, msg *Message, r *Rehearsal) (*Attempt, error) {
	if ep.Kind != "" {
		return nil, &InvalidError{"endpoint", "is no webhook, but of the kind " + ep.Kind + "; only what webhooks are sent can be sent to a bin"}
	}
	if !h.opt.Bins.has(r.URL) {
		return nil, &InvalidError{"url", "is not a bin of this server; give the address of one"}
	}
	own := ep.rehearsing(r)
	if err := h.checkEndpoint(ctx, own); err != nil {
		return nil, err
	}
	app, err := h.Application(ctx, string(ep.Application))
	if err != nil {
		return nil, err
	}
	now := h.now()
	written := *msg
	written.Payload, written.Damaged, written.CreatedAt = r.Payload, false, now
	written.EventID, written.DeliverAt = "", time.Time{}
	written.ContentType = orDefault(r.ContentType, msg.ContentType)
	if err := h.checkMessage(&written); err != nil {
		return nil, err
	}
	written.ID = MessageID(h.ids.next(now, "msg_"))
	t, err := h.target(app, own, now)
	if err != nil {
		return nil, err
	}
	end, err := h.reaching.begin(ep.Application)
	if err != nil {
		return nil, err
	}
	defer end()
	return h.deliver(ctx, t, &written), nil
}

// rehearsing is ep as far as what it is sent goes, at a bin.
func (ep *Endpoint) rehearsing(r *Rehearsal) *Endpoint {
	own := *ep
	own.URL, own.Secrets, own.Auth = r.URL, []Secret{{Text: r.Secret}}, Auth{}
	own.Batch, own.Debounce, own.Handshake = Batching{}, 0, Handshake{}
	own.Headers = map[string]string{}
	for name, value := range ep.Headers {
		if SensitiveHeader(name) {
			value = notShown
		}
		own.Headers[name] = value
	}
	for name := range r.Headers {
		maps.DeleteFunc(own.Headers, func(other, _ string) bool { return strings.EqualFold(name, other) })
	}
	maps.Copy(own.Headers, r.Headers)
	return &own
}
