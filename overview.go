package fanfare

import "context"

// Overview is what there is of all applications together, for those who operate the
// server. The operational application has no part in it. Neither list costs more the
// more there is: each looks at so many and says how far it came.
type Overview interface {
	// EveryEndpoint lists endpoints, the newest first. next is behind which to go on;
	// "" when there is nothing further.
	EveryEndpoint(ctx context.Context, f EndpointFilter) (eps []*Endpoint, next EndpointID, err error)
	// RecordedBefore lists attempts, those stored last first. next is before which to
	// go on; 0 when there is nothing further.
	RecordedBefore(ctx context.Context, f RecentFilter) (some []Recent, next Place, err error)
	// NewestAttempts reads the newest attempts of each of several endpoints, so many of
	// each at most, the newest first, without the bodies that were answered. Who has none
	// is not in the map.
	NewestAttempts(ctx context.Context, eps []EndpointID, most int) (map[EndpointID][]*Attempt, error)
}

// An EndpointFilter picks endpoints of all applications.
type EndpointFilter struct {
	Before EndpointID // only older ones; "": from the newest on
	Which  EndpointState
	Limit  int // of what is found; 1 to MaxPage
	Look   int // of what is looked at, found or not; at least Limit
}

// An EndpointState is how an endpoint fares.
type EndpointState uint8

// AnyEndpoint is the zero value.
const (
	AnyEndpoint EndpointState = iota
	FailingEndpoints
	DisabledEndpoints
	PausedEndpoints
)

// Is reports whether an endpoint fares so.
func (s EndpointState) Is(ep *Endpoint) bool {
	switch s {
	case FailingEndpoints:
		return !ep.FailingSince.IsZero() && !ep.Disabled
	case DisabledEndpoints:
		return ep.Disabled
	case PausedEndpoints:
		return ep.Paused && !ep.Disabled
	}
	return true
}

// A RecentFilter picks attempts of all applications.
type RecentFilter struct {
	Before  Place // only those stored before; 0: from the last on
	Outcome OutcomeFilter
	Limit   int // of what is found; 1 to MaxPage
	Look    int // of what is looked at, found or not; at least Limit
}

// Wants reports whether the filter picks attempts of a class.
func (f *RecentFilter) Wants(c Class) bool {
	return f.Outcome == AnyOutcome || (c == ClassSuccess) == (f.Outcome == OnlySuccesses)
}

// A Recent is an attempt, its place, and whose it is.
type Recent struct {
	Application ApplicationID
	Record
}

// EveryEndpoint lists endpoints of all applications but the operational one, the newest
// first.
func (h *Hub) EveryEndpoint(ctx context.Context, f EndpointFilter) ([]*Endpoint, EndpointID, error) {
	return h.store.EveryEndpoint(ctx, f)
}

// RecordedBefore lists attempts of all applications but the operational one, those stored
// last first.
func (h *Hub) RecordedBefore(ctx context.Context, f RecentFilter) ([]Recent, Place, error) {
	return h.store.RecordedBefore(ctx, f)
}

// NewestAttempts reads the newest attempts of each of several endpoints of any applications
// but the operational one, so many of each at most, the newest first, without the bodies that
// were answered. Who has none is not in the map.
func (h *Hub) NewestAttempts(ctx context.Context, eps []EndpointID, most int) (map[EndpointID][]*Attempt, error) {
	return h.store.NewestAttempts(ctx, eps, most)
}
