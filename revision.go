package fanfare

import (
	"context"
	"errors"
	"fmt"
)

// Revisions is what keeps those who change the same application, endpoint or event
// type at the same time from undoing each other's work. Each has a Revision, which
// its Create and Update fill in: 1, and one more with every Update. An Update whose
// argument has another Revision than what is stored is ErrConflict, unless it has
// 0. SetFailingSince leaves it as it is.
type Revisions interface {
	// DeleteApplicationAt is DeleteApplication of what has that revision, or else
	// ErrConflict; 0: whichever it has.
	DeleteApplicationAt(ctx context.Context, id ApplicationID, revision int64) error
	// DeleteEndpointAt is the same for DeleteEndpoint.
	DeleteEndpointAt(ctx context.Context, app ApplicationID, id EndpointID, revision int64) error
	// DeleteEventTypeAt is the same for DeleteEventType.
	DeleteEventTypeAt(ctx context.Context, name string, revision int64) error
}

// MaxAmends is how often a change is begun anew because what it is derived from was
// changed meanwhile. Each time somebody else's has succeeded.
const MaxAmends = 100

// errMoot ends an amend that has nothing to change any more.
var errMoot = errors.New("moot")

// amend changes what is stored of an endpoint, and begins anew when somebody else
// does so meanwhile. It returns what is then stored. An error of change ends it.
func (h *Hub) amend(ctx context.Context, app ApplicationID, id EndpointID, change func(ep *Endpoint) error) (*Endpoint, error) {
	for try := 1; ; try++ {
		ep, err := h.store.Endpoint(ctx, app, string(id))
		if err == nil {
			err = change(ep)
		}
		if err == nil {
			err = h.store.UpdateEndpoint(ctx, ep)
		}
		if err == nil {
			return ep, nil
		}
		if !errors.Is(err, ErrConflict) || try == MaxAmends {
			return nil, fmt.Errorf("endpoint %s: %w", id, err)
		}
	}
}
