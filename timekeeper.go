package fanfare

import (
	"context"
	"sync"
	"time"
)

// A Timekeeper is a store that knows what time it is, and is asked each time before
// messages are accepted: where a Hub does not run, so that no [Lease] tells it.
type Timekeeper interface {
	// Skew is what is to be added to this machine's clock for the store's: at least
	// and at most so much. No node has made an identifier yet, nor given a horizon,
	// that is behind the store's clock of that moment.
	Skew(ctx context.Context) (least, most time.Duration, err error)
}

// timekeeping is what a Hub has of a store that is a Timekeeper.
type timekeeping struct {
	keeper Timekeeper // nil: it is none

	mu   sync.Mutex
	skew time.Duration
}

// keepTime has h go by the store's clock. It goes neither behind what that was when it
// was asked, nor ahead of what it is.
func (h *Hub) keepTime(ctx context.Context) error {
	least, most, err := h.time.keeper.Skew(ctx)
	if err != nil {
		return err
	}
	h.time.mu.Lock()
	defer h.time.mu.Unlock()
	h.time.skew = min(max(h.time.skew, least), most)
	h.skew.Store(int64(h.time.skew))
	return nil
}
