package fanfare

import (
	"context"
	"fmt"
	"slices"
)

// Within, in filters, are the channels of an application that someone is let into.
// It narrows what is found to messages that have one of them, to endpoints that
// have channels and none but these, to deliveries and attempts of such messages to
// such endpoints, and to tasks that were narrowed to them. None do not narrow.

// Within reports whether ep has channels and none but these, so that all it is ever
// sent by them has one of these too. With none it reports true.
func (ep *Endpoint) Within(channels []string) bool {
	return len(channels) == 0 || within(ep.Channels, channels)
}

// Within reports whether msg has one of these channels. With none it reports true.
func (msg *Message) Within(channels []string) bool {
	return len(channels) == 0 || slices.ContainsFunc(msg.Channels, func(c string) bool { return slices.Contains(channels, c) })
}

// Within reports whether t was narrowed to some of these channels. With none it
// reports true.
func (t *Task) Within(channels []string) bool {
	return len(channels) == 0 || within(t.Selection.Within, channels)
}

// within reports whether there are some, and all are among channels.
func within(some, channels []string) bool {
	return len(some) > 0 && !slices.ContainsFunc(some, func(c string) bool { return !slices.Contains(channels, c) })
}

// Views are what a Store shows those of who are let into some channels only. Within
// means what it does in filters.
type Views interface {
	// EndpointsWithin is Endpoints, of those within.
	EndpointsWithin(ctx context.Context, app ApplicationID, within []string, page Page) ([]*Endpoint, error)
	// CancelWithin is Cancel, of the deliveries to endpoints within. ErrNotFound: the
	// message is not the application's, or is not within.
	CancelWithin(ctx context.Context, app ApplicationID, msg MessageID, within []string) ([]EndpointID, error)
	// RecordedWithin is Recorded, of attempts within.
	RecordedWithin(ctx context.Context, app ApplicationID, within []string, after Place, limit int) (some []Record, next Place, err error)
	// CountWithin is Stats, of the filter's Endpoint, Since, Until and Within. Unless its
	// Limit is 0, it looks at so many deliveries of the endpoint, the newest, and at no others.
	CountWithin(ctx context.Context, app ApplicationID, f DeliveryFilter) (map[State]int, error)
	// CountWaiting looks at the first deliveries that wait for the filter's Endpoint, as many
	// as its Limit says, and counts those that are Within.
	CountWaiting(ctx context.Context, app ApplicationID, f DeliveryFilter) (int, error)
}

// EndpointsWithin lists by age the endpoints of an application that have some of
// these channels and no others; all with none.
func (h *Hub) EndpointsWithin(ctx context.Context, app ApplicationID, channels []string, page Page) ([]*Endpoint, error) {
	if len(channels) == 0 {
		return h.store.Endpoints(ctx, app, page)
	}
	return h.store.EndpointsWithin(ctx, app, channels, page)
}

// CancelWithin is Cancel, of the deliveries to endpoints that have some of these
// channels and no others; all with none.
func (h *Hub) CancelWithin(ctx context.Context, app ApplicationID, id MessageID, channels []string) (int, error) {
	ended, err := h.store.CancelWithin(ctx, app, id, channels)
	if err != nil {
		return 0, fmt.Errorf("message %s: %w", id, err)
	}
	h.cancels.Add(1)
	h.inbox.put(cancelled{app, id, ended})
	return len(ended), nil
}

// RecordedWithin is Recorded, of messages that have one of these channels to
// endpoints that have no others; all with none.
func (h *Hub) RecordedWithin(ctx context.Context, app ApplicationID, channels []string, after Place, limit int) ([]Record, Place, error) {
	return h.store.RecordedWithin(ctx, app, channels, after, limit)
}

// EndpointStatsWithin is EndpointStats, of the filter's Since, Until and Within, and of so
// many deliveries of the endpoint, the newest, as its Limit says; 0: of all, at a cost that
// grows with them.
func (h *Hub) EndpointStatsWithin(ctx context.Context, ep *Endpoint, f DeliveryFilter) (map[State]int, error) {
	if len(f.Within) == 0 && f.Limit == 0 {
		return h.store.Stats(ctx, ep.Application, ep.ID, f.Since, f.Until)
	}
	f.Endpoint = ep.ID
	return h.store.CountWithin(ctx, ep.Application, f)
}

// CountWaiting is how many deliveries wait for ep, of messages that have one of these
// channels if there are any. It counts most of them at most.
func (h *Hub) CountWaiting(ctx context.Context, ep *Endpoint, channels []string, most int) (int, error) {
	return h.store.CountWaiting(ctx, ep.Application, DeliveryFilter{Endpoint: ep.ID, Within: channels, Page: Page{Limit: most}})
}

// checkNarrowed checks the channels that a key or session is narrowed to.
func checkNarrowed(channels []string) error {
	for i, c := range channels {
		if slices.Contains(channels[:i], c) {
			return &InvalidError{"channels", fmt.Sprintf("%q is there twice", bound(c, 32))}
		}
	}
	return checkLabels("channels", channels)
}

// Channels are the only ones of its applications that the bearer is let into; none:
// all.
func (b *Bearer) Channels() []string {
	if b.Session != nil {
		return b.Session.Channels
	}
	return b.Key.Channels
}

// Of reads on from a place, of messages within these channels only, so that what
// else there is does not show in its places.
func (p *Poller) Of(channels []string) *Poller {
	return &Poller{hub: p.hub, target: p.target, within: channels}
}
