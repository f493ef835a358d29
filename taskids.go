package fanfare

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// MaxNamed is how many messages a task may name.
const MaxNamed = 250

// checkNamed holds a task that names messages to what that allows, and makes ids
// of them, in order, each once.
func (h *Hub) checkNamed(ctx context.Context, t *Task) error {
	s := &t.Selection
	switch {
	case len(s.Messages) == 0:
		return nil
	case t.Kind != TaskBulkReplay:
		return &InvalidError{"ids", "can be named in a bulk replay only"}
	case !s.Since.IsZero() || !s.Until.IsZero() || len(s.EventTypes) > 0 || s.Channel != "" || s.Tag != "" || s.StatusClass != 0:
		return &InvalidError{"ids", "say themselves which messages; beside them there can be a status only"}
	case len(s.Messages) > MaxNamed:
		return &InvalidError{"ids", fmt.Sprintf("has at most %d; start several tasks, or pick by time", MaxNamed)}
	}
	ids := make([]MessageID, len(s.Messages))
	for i, ref := range s.Messages {
		msg, err := h.Message(ctx, t.Application, string(ref))
		if msg != nil && !msg.Within(s.Within) {
			err = ErrNotFound
		}
		if errors.Is(err, ErrNotFound) {
			return &InvalidError{fmt.Sprintf("ids.%d", i), "is no message of this application; nothing was started"}
		}
		if errors.Is(err, ErrDamaged) {
			return &InvalidError{fmt.Sprintf("ids.%d", i), "was damaged on disk, and cannot be sent; nothing was started"}
		}
		if err != nil {
			return err
		}
		ids[i] = msg.ID
	}
	slices.Sort(ids)
	s.Messages = slices.Compact(ids)
	return nil
}

// namedDeliveries are those of the messages that a selection names, to one
// endpoint, as WalkDeliveries has them. There are too few for pieces.
func (h *Hub) namedDeliveries(ctx context.Context, app ApplicationID, ep EndpointID, s *Selection) (found []*Delivery, err error) {
	for _, id := range s.Messages {
		ds, err := h.store.Deliveries(ctx, app, DeliveryFilter{Page: Page{Limit: 1}, Message: id, Endpoint: ep, States: s.States})
		if err != nil {
			return nil, err
		}
		if len(ds) == 0 {
			continue
		}
		msg, err := h.store.Message(ctx, app, string(id))
		switch {
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrDamaged): // since it was named
		case err != nil:
			return nil, err
		case msg.Payload != nil:
			found = append(found, ds[0])
		}
	}
	return found, nil
}
