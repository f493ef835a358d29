package fanfare

import (
	"context"
	"fmt"
)

// MaxUnsent is of how many endpoints [Hub.Unsent] says why they were not sent a message.
const MaxUnsent = 20

// An Unsent is an endpoint that a message was not sent to.
type Unsent struct {
	Endpoint *Endpoint
	Why      string // a sentence without its end, as the endpoint is now, such as "it is disabled"
}

// Unsent says why msg was not sent to some endpoints of its application: to those Within
// channels, the oldest of them first, [MaxUnsent] at most. more is how many others there
// are.
func (h *Hub) Unsent(ctx context.Context, msg *Message, channels []string) (all []Unsent, more int, err error) {
	r, err := h.roster(ctx, string(msg.Application))
	if err != nil {
		return nil, 0, err
	}
	sent := make(map[EndpointID]bool)
	for f := (DeliveryFilter{Message: msg.ID, Page: Page{Limit: MaxPage, Ascending: true}}); ; {
		ds, err := h.store.Deliveries(ctx, msg.Application, f)
		if err != nil {
			return nil, 0, fmt.Errorf("message %s: %w", msg.ID, err)
		}
		for _, d := range ds {
			sent[d.Endpoint], f.After = true, string(d.Endpoint)
		}
		if len(ds) < f.Limit {
			break
		}
	}
	for _, t := range r.targets {
		switch {
		case sent[t.ID] || !t.Within(channels):
		case len(all) == MaxUnsent:
			more++
		default:
			why, err := h.unsent(ctx, t.Endpoint, msg)
			if err != nil {
				return nil, 0, err
			}
			all = append(all, Unsent{t.Endpoint, why})
		}
	}
	return all, more, nil
}

// unsent says why ep was not sent msg, as it is now.
func (h *Hub) unsent(ctx context.Context, ep *Endpoint, msg *Message) (string, error) {
	switch {
	case ep.CreatedAt.After(msg.CreatedAt):
		return "it was added after the message", nil
	case ep.Disabled && ep.DisabledReason != "":
		return "it is disabled: " + ep.DisabledReason, nil
	case ep.Disabled:
		return "it is disabled", nil
	case ep.drops():
		return "it is paused, and takes nothing meanwhile", nil
	case ep.Filter != "" && msg.Payload == nil && ep.Wants(msg.EventType, msg.Channels):
		return "the payload that its filter would be asked about is no more", nil
	}
	if why := h.unwanted(ep, msg); why != "" {
		return bound(why, 300), nil // it may have a long list of types
	}
	n, err := h.numbersOf(ctx, msg.EventType)
	if err != nil {
		return "", err
	}
	switch pin := ep.EventTypeVersions[msg.EventType]; {
	case !ep.WantsVersion(msg.EventType, msg.EventTypeVersion, n.current) && pin != 0:
		return fmt.Sprintf("it wants version %d of %s", pin, msg.EventType), nil
	case !ep.WantsVersion(msg.EventType, msg.EventTypeVersion, n.current):
		return fmt.Sprintf("it wants the current version of %s, which is %d", msg.EventType, n.current), nil
	case ep.Kind == KindPoller:
		return "it is a poller: the message is there for whoever polls", nil
	}
	return "it would be sent it now, and was changed since", nil
}
