package fanfare

import (
	"context"
	"slices"
)

// portalScopes are those that a key of a portal may have, each with the capability of
// the session that may give it, which the key then has.
var portalScopes = []struct {
	scope      Scope
	capability Capability
}{
	{ScopeReadMessages, ViewBase},
	{ScopeReadEndpoints, ViewBase},
	{ScopeReadEventTypes, ViewBase},
	{ScopeWriteMessages, CreateAttempts}, // of which it is let send again, and send examples
	{ScopeWriteEndpoints, ManageEndpoint},
}

// PortalScopes are what s may give to keys of its application.
func (s *Session) PortalScopes() (all []Scope) {
	for _, p := range portalScopes {
		if s.Has(p.capability) {
			all = append(all, p.scope)
		}
	}
	return all
}

// PortalSession is the session of which a key of a portal opens no more, beside being
// bound to its scopes: sending messages, for one, is the provider's, whatever scope the key
// has. It is nil for the provider's keys.
func (k *Key) PortalSession() *Session {
	if !k.Portal {
		return nil
	}
	s := &Session{Application: k.Application, Channels: k.Channels, ExpiresAt: k.ExpiresAt, CreatedAt: k.CreatedAt}
	for _, p := range portalScopes {
		if slices.Contains(k.Scopes, p.scope) && !slices.Contains(s.Capabilities, p.capability) {
			s.Capabilities = append(s.Capabilities, p.capability)
		}
	}
	return s
}

// PortalKeys lists the keys of an application's portal, the newest first, those that have
// expired included.
func (h *Hub) PortalKeys(ctx context.Context, app ApplicationID) ([]*Key, error) {
	return h.store.PortalKeys(ctx, app)
}

// mayHave are the scopes that there are for it.
func (k *Key) mayHave() []Scope {
	if k.Portal {
		return (&Session{Capabilities: Capabilities()}).PortalScopes()
	}
	return Scopes()
}
