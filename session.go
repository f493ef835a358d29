package fanfare

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// A Session lets someone use the portal of one application, as far as its
// capabilities go and until it expires.
type Session struct {
	Application  ApplicationID
	Hash         [32]byte // keyed, of its secret
	Capabilities []Capability
	Channels     []string // the only ones of the application that it is let into; none: all
	FeatureFlags []string // event types that have flags are shown to those who have one of them
	Label        string   // the provider's own, for ending the sessions that have it
	ExpiresAt    time.Time
	CreatedAt    time.Time

	// CreatedBy is who asked for it, as the audit log has it ("admin", or the id of a
	// key), and CreatedByName what they are called; "" if it was not said.
	CreatedBy, CreatedByName string
}

// ID names the session without opening anything, as the audit log does.
func (s *Session) ID() string { return "session_" + hex.EncodeToString(s.Hash[:8]) }

// A Capability is something that a portal session may do. The names are those
// that the field's clients know.
type Capability string

// The capabilities. Every session has ViewBase.
const (
	ViewBase              Capability = "ViewBase"              // read all but secrets
	ViewEndpointSecret    Capability = "ViewEndpointSecret"    // read signing secrets
	ManageEndpointSecret  Capability = "ManageEndpointSecret"  // read and rotate them
	ManageTransformations Capability = "ManageTransformations" // write transformations
	CreateAttempts        Capability = "CreateAttempts"        // send again, and send examples
	ManageEndpoint        Capability = "ManageEndpoint"        // read and write all of an endpoint, its secrets too

	// ManageKeys lets make and end API keys of the application: see [Key.Portal]. A key
	// stays good when the session has ended, so that this has to be granted by name: it
	// comes with no other capability, and is not among the [UsualCapabilities].
	ManageKeys Capability = "ManageKeys"
)

// Capabilities are all there are.
func Capabilities() []Capability { return append(UsualCapabilities(), ManageKeys) }

// UsualCapabilities are those of a session for which nobody has named any.
func UsualCapabilities() []Capability {
	return []Capability{ViewBase, ViewEndpointSecret, ManageEndpointSecret, ManageTransformations, CreateAttempts, ManageEndpoint}
}

// Has reports whether a session may do what c says, also because it may do more.
func (s *Session) Has(c Capability) bool {
	has := func(c Capability) bool { return slices.Contains(s.Capabilities, c) }
	switch c {
	case ViewBase:
		return true
	case ViewEndpointSecret:
		return has(c) || has(ManageEndpointSecret) || has(ManageEndpoint)
	case ManageEndpointSecret:
		return has(c) || has(ManageEndpoint)
	}
	return has(c)
}

// Sees reports whether an event type is shown in the session: one that has
// feature flags only if the session has one of them.
func (s *Session) Sees(t *EventType) bool {
	return len(t.FeatureFlags) == 0 || slices.ContainsFunc(t.FeatureFlags, func(flag string) bool {
		return slices.Contains(s.FeatureFlags, flag)
	})
}

// Bounds of sessions.
const (
	MinSession = time.Hour
	MaxSession = 7 * 24 * time.Hour

	maxSessions = 1000 // of one application
	maxFlags    = 100
	maxLabel    = 256
)

// CreateSession checks and stores s, which ends after ttl, fills in its hash and
// times, and returns its secret. An application has at most 1000 sessions: the
// oldest make room. It returns [ErrNotFound] when there is no such application.
func (h *Hub) CreateSession(ctx context.Context, s *Session, ttl time.Duration) (secret string, err error) {
	if err := s.check(ttl); err != nil {
		return "", err
	}
	secret = newSecret(sessionSecret)
	if s.Hash, err = h.bearers.hash(ctx, secret); err != nil {
		return "", fmt.Errorf("session: %w", err)
	}
	s.CreatedAt = h.now()
	s.ExpiresAt = s.CreatedAt.Add(ttl)
	if err := h.store.CreateSession(ctx, s, maxSessions); err != nil {
		return "", fmt.Errorf("session: application %s: %w", s.Application, err)
	}
	return secret, nil
}

func (s *Session) check(ttl time.Duration) error {
	if ttl < MinSession || ttl > MaxSession {
		return &InvalidError{"expiry", fmt.Sprintf("from %d to %d seconds", int(MinSession.Seconds()), int(MaxSession.Seconds()))}
	}
	for i, c := range s.Capabilities {
		if !slices.Contains(Capabilities(), c) || slices.Contains(s.Capabilities[:i], c) {
			return &InvalidError{"capabilities", fmt.Sprintf("%q is none, or is there twice; there are: %s", bound(string(c), 32), commas(Capabilities()))}
		}
	}
	if len(s.FeatureFlags) > maxFlags {
		return &InvalidError{"featureFlags", fmt.Sprintf("at most %d", maxFlags)}
	}
	for _, flag := range s.FeatureFlags {
		if flag == "" || len(flag) > maxLabel || !printable(flag) {
			return &InvalidError{"featureFlags", "each has 1 to 256 printable ASCII characters"}
		}
	}
	if err := checkNarrowed(s.Channels); err != nil {
		return err
	}
	return checkLabel("sessionId", s.Label)
}

func checkLabel(field, label string) error {
	if len(label) > maxLabel || !printable(label) {
		return &InvalidError{field, fmt.Sprintf("at most %d printable ASCII characters", maxLabel)}
	}
	return nil
}

// ExpireSessions ends an application's sessions after a while, at once if that is
// zero; with labels, only the sessions that have one of them. Those that would
// have ended sooner still do.
func (h *Hub) ExpireSessions(ctx context.Context, app ApplicationID, labels []string, after time.Duration) error {
	if after < 0 || after > MaxSession {
		return &InvalidError{"expiry", fmt.Sprintf("from 0 to %d seconds", int(MaxSession.Seconds()))}
	}
	if len(labels) > maxSessions {
		return &InvalidError{"sessionIds", fmt.Sprintf("at most %d", maxSessions)}
	}
	for _, label := range labels {
		if err := checkLabel("sessionIds", label); err != nil {
			return err
		}
	}
	err := h.store.ExpireSessions(ctx, app, labels, h.now().Add(after))
	h.bearers.forget(func(b *Bearer) bool { return b.Session != nil && b.Session.Application == app })
	if err != nil {
		return fmt.Errorf("sessions of application %s: %w", app, err)
	}
	return nil
}

// Sessions lists the sessions of an application that have not ended, the newest first:
// a thousand at most.
func (h *Hub) Sessions(ctx context.Context, app ApplicationID) ([]*Session, error) {
	return h.store.Sessions(ctx, app, h.now())
}

// SessionNamed finds a session of an application, by its ID, that has not ended.
func (h *Hub) SessionNamed(ctx context.Context, app ApplicationID, id string) (*Session, error) {
	all, err := h.Sessions(ctx, app)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.ID() == id {
			return s, nil
		}
	}
	return nil, fmt.Errorf("session %q: %w", id, ErrNotFound)
}

// EndSession ends one session. Once it has returned, the session opens nothing
// any more. One that has ended is no error.
func (h *Hub) EndSession(ctx context.Context, s *Session) error {
	err := h.store.DeleteSession(ctx, s.Hash)
	h.bearers.forget(func(b *Bearer) bool { return b.Session != nil && b.Session.Hash == s.Hash })
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}
