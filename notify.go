package fanfare

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// NotifyFailing tells the operational endpoints that want [EndpointFailing] that ep
// fails and why, by its newest failure unless reason says it, as often as it is called, beside what they are told by themselves: for
// the provider's own program to write to whoever owns ep. It returns an [InvalidError]
// when ep does not fail, and ErrNotFound when nobody wants to be told.
func (h *Hub) NotifyFailing(ctx context.Context, ep *Endpoint, reason string) error {
	if ep.FailingSince.IsZero() {
		return &InvalidError{"endpoint", "does not fail, so there is nothing to tell"}
	}
	r, err := h.catalogue.of(ctx, string(OperationalApplication))
	if err == nil && !slices.ContainsFunc(r.targets, func(t *target) bool { return !t.Disabled && t.Wants(EndpointFailing, nil) }) {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("telling of endpoint %s: %w", ep.ID, err)
	}
	n, data := h.newsOf(ctx, EndpointFailing, ep)
	since := ep.FailingSince
	data.FailSince, data.Trigger, data.Reason = &since, "manual", cmp.Or(reason, h.whyFailing(ctx, ep))
	h.mail(n, data)
	return h.tell(ctx, n)
}
