package fanfare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// KeyID names an API key without opening anything: key_…
type KeyID string

// A Key lets a program use the API, within its scopes. Its secret is shown once,
// when it is made; what is kept is a keyed hash of it.
type Key struct {
	ID          KeyID
	Name        string
	Hash        [32]byte
	Scopes      []Scope
	Application ApplicationID // the only one it opens anything of; "": all
	Channels    []string      // the only ones of its applications that it is let into; none: all
	Portal      bool          // its application's own, as customers make them in the portal: see PortalSession
	ExpiresAt   time.Time     // zero: never
	UsedAt      time.Time     // to about a minute; zero: never
	CreatedAt   time.Time
}

// A Scope is something that a key may do. Each stands by itself: one that lets
// write does not let read.
type Scope string

// The scopes. ScopeAdmin is all of them, and what none of the others opens: keys
// and all that belongs to the server rather than to an application.
const (
	ScopeAdmin             Scope = "admin"
	ScopeReadApplications  Scope = "applications:read"
	ScopeWriteApplications Scope = "applications:write"
	ScopeReadEndpoints     Scope = "endpoints:read"  // but for their secrets
	ScopeWriteEndpoints    Scope = "endpoints:write" // and their secrets, read too
	ScopeReadEventTypes    Scope = "event-types:read"
	ScopeWriteEventTypes   Scope = "event-types:write"
	ScopeReadMessages      Scope = "messages:read"  // with deliveries and attempts
	ScopeWriteMessages     Scope = "messages:write" // send, send again, cancel, remove contents
	ScopePortal            Scope = "portal"         // begin and end portal sessions
)

// Scopes are all there are.
func Scopes() []Scope {
	return []Scope{
		ScopeAdmin, ScopeReadApplications, ScopeWriteApplications, ScopeReadEndpoints, ScopeWriteEndpoints,
		ScopeReadEventTypes, ScopeWriteEventTypes, ScopeReadMessages, ScopeWriteMessages, ScopePortal,
	}
}

// Access is who is let in beside the one with the admin key. Secrets are known by
// their hash only. Deleting an application deletes its keys and sessions.
type Access interface {
	// CreateKey keeps k. ErrNotFound: its application is not there; ErrTooMany:
	// there are most keys already, of which those of portals count in their
	// application only, and nowhere else.
	CreateKey(ctx context.Context, k *Key, most int) error
	Key(ctx context.Context, id KeyID) (*Key, error)
	KeyOf(ctx context.Context, hash [32]byte) (*Key, error)
	Keys(ctx context.Context, page Page) ([]*Key, error)
	// PortalKeys are those of an application's portal, the newest first.
	PortalKeys(ctx context.Context, app ApplicationID) ([]*Key, error)
	DeleteKey(ctx context.Context, id KeyID) error
	// UseKeys notes when keys were last used, and passes over those that are gone.
	UseKeys(ctx context.Context, at map[KeyID]time.Time) error

	// CreateSession keeps s, and removes all sessions that have expired when it
	// was made, and the oldest of its application beyond most. ErrNotFound: the
	// application is not there.
	CreateSession(ctx context.Context, s *Session, most int) error
	SessionOf(ctx context.Context, hash [32]byte) (*Session, error)
	// Sessions are those of an application that end after now, the newest first.
	Sessions(ctx context.Context, app ApplicationID, now time.Time) ([]*Session, error)
	// ExpireSessions makes an application's sessions end at a time, those that
	// end earlier excepted; with labels, only the sessions that have one of them.
	// No application is no error.
	ExpireSessions(ctx context.Context, app ApplicationID, labels []string, at time.Time) error
	DeleteSession(ctx context.Context, hash [32]byte) error
}

// ErrTooMany says that there may not be more of something.
var ErrTooMany = errors.New("too many")

// Bounds of how many keys there can be.
const (
	MaxPortalKeys = 100 // of one application's portal

	maxKeys = 10_000 // the provider's
)

// CreateKey checks and stores k, fills in its id, hash and time, and returns its
// secret, which nobody can be shown again. It returns [ErrNotFound] when the
// application does not exist, and [ErrTooMany] when there are 10,000 keys, or
// [MaxPortalKeys] of the application's portal.
func (h *Hub) CreateKey(ctx context.Context, k *Key) (secret string, err error) {
	now := h.now()
	if err := k.check(now); err != nil {
		return "", err
	}
	prefix, most := keySecret, maxKeys
	if k.Portal {
		prefix, most = portalSecret, MaxPortalKeys
	}
	secret = newSecret(prefix)
	if k.Hash, err = h.bearers.hash(ctx, secret); err != nil {
		return "", fmt.Errorf("key %q: %w", k.Name, err)
	}
	if err := h.floor(ctx); err != nil {
		return "", err
	}
	k.ID = KeyID(h.ids.next(now, "key_"))
	k.CreatedAt, k.UsedAt = now, time.Time{}
	if err := h.store.CreateKey(ctx, k, most); err != nil {
		return "", fmt.Errorf("key %q: %w", k.Name, err)
	}
	return secret, nil
}

func (k *Key) check(now time.Time) error {
	switch {
	case k.Name == "":
		return &InvalidError{"name", "give the key a name that says who uses it"}
	case len(k.Name) > 256:
		return &InvalidError{"name", "at most 256 bytes"}
	case len(k.Scopes) == 0:
		return &InvalidError{"scopes", "say at least one of: " + commas(k.mayHave())}
	case !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now):
		return &InvalidError{"expiresAt", "must be later than now"}
	case k.ExpiresAt.Year() > 9999:
		return &InvalidError{"expiresAt", "must be before the year 10000"}
	}
	for i, scope := range k.Scopes {
		if !slices.Contains(k.mayHave(), scope) || slices.Contains(k.Scopes[:i], scope) {
			return &InvalidError{"scopes", fmt.Sprintf("%q is none that it may have, or is there twice; it may have: %s", bound(string(scope), 32), commas(k.mayHave()))}
		}
	}
	if err := checkNarrowed(k.Channels); err != nil {
		return err
	}
	if k.Portal && k.Application == "" {
		return &InvalidError{"application", "a key of a portal is of one application"}
	}
	return checkText("name", k.Name)
}

// commas puts words in a row, with commas.
func commas[T ~string](words []T) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return strings.Join(all, ", ")
}

// Key finds a key by its id.
func (h *Hub) Key(ctx context.Context, id KeyID) (*Key, error) {
	k, err := h.store.Key(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", id, err)
	}
	return k, nil
}

// Keys lists keys by age, those that have expired included.
func (h *Hub) Keys(ctx context.Context, page Page) ([]*Key, error) {
	return h.store.Keys(ctx, page)
}

// RevokeKey deletes a key. Once it has returned, the key opens nothing any more.
func (h *Hub) RevokeKey(ctx context.Context, id KeyID) error {
	err := h.store.DeleteKey(ctx, id)
	h.bearers.forget(func(b *Bearer) bool { return b.Key != nil && b.Key.ID == id })
	if err != nil {
		return fmt.Errorf("key %q: %w", id, err)
	}
	return nil
}
