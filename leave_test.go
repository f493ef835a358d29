package fanfare

import "context"

// Expect notes messages that are about to be stored.
func (h *Hub) Expect(intakes []*Intake) { h.recent.expect(intakes) }

// Leave is called when they were, by a Hub that was not running then.
func (h *Hub) Leave(ctx context.Context, intakes []*Intake) { h.leave(ctx, intakes) }
