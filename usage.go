package fanfare

import (
	"context"
	"time"
)

// A Usage is how much was sent, but for tests: see [TestTag].
type Usage struct {
	EventType  string // "" of all
	Messages   int    // that were accepted
	Deliveries int    // of them; those to endpoints that were deleted since may be left out
}

// Usages counts what is stored.
type Usages interface {
	// Usage counts the messages of an application, or of all with "", that were
	// accepted in [since, until), but for tests. top are the event types with the most messages, most
	// of them, by name where they have as many.
	Usage(ctx context.Context, app ApplicationID, since, until time.Time, most int) (total Usage, top []Usage, err error)
}

// Usage counts the messages of an application that were accepted in [since, until)
// and are still kept, or of all applications if app is "". A zero time is no
// bound. top are the event types with the most messages, most at most.
func (h *Hub) Usage(ctx context.Context, app ApplicationID, since, until time.Time, most int) (total Usage, top []Usage, err error) {
	return h.store.Usage(ctx, app, since, until, most)
}
