package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

type portalKeyIn struct {
	Name      string           `json:"name" doc:"For people: who uses it."`
	Scopes    []string         `json:"scopes" doc:"What it may do: messages:read, endpoints:read, event-types:read, with CreateAttempts also messages:write, of which it may send again and send examples, and with ManageEndpoint also endpoints:write. Each stands by itself."`
	ExpiresAt field[time.Time] `json:"expiresAt,omitzero" doc:"Never unless told."`
}

// portalKeyRoutes are about the keys that customers make for themselves, which open no
// more than the portal does. Those who are let into some channels only see to the keys of
// no other channels.
func (s *server) portalKeyRoutes() []*route {
	create := on("POST /app/{app}/key", "Create an API key of an application's portal, which is shown once", createPortalKey).
		answering(http.StatusCreated).needs("", fanfare.ManageKeys).inChannels().doing("api-key.create")
	create.ownKeys = true
	return []*route{
		on("GET /app/{app}/key", "List the API keys of an application's portal, those that have expired included", listPortalKeys, params()...).needs("", fanfare.ManageKeys).inChannels(),
		create,
		on("DELETE /app/{app}/key/{key}", "Revoke an API key of an application's portal, at once", revokePortalKey).needs("", fanfare.ManageKeys).inChannels().doing("api-key.revoke"),
	}
}

// portalKeys are those of an application that whoever asks sees to, the newest first.
func (c *call) portalKeys(app fanfare.ApplicationID) ([]*fanfare.Key, error) {
	all, err := c.hub.PortalKeys(c.r.Context(), app)
	mine := c.who.channels()
	return slices.DeleteFunc(all, func(k *fanfare.Key) bool {
		return len(mine) > 0 && (len(k.Channels) == 0 || slices.ContainsFunc(k.Channels, func(name string) bool { return !slices.Contains(mine, name) }))
	}), err
}

func listPortalKeys(c *call, _ *none) (*list[*keyOut], error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	return paged(c, listing[*fanfare.Key]{
		scope:      []string{string(app.ID)},
		descending: true,
		id:         func(k *fanfare.Key) string { return string(k.ID) },
		fetch: func(p fanfare.Page) ([]*fanfare.Key, error) {
			all, err := c.portalKeys(app.ID)
			if p.Ascending {
				slices.Reverse(all)
			}
			all = slices.DeleteFunc(all, func(k *fanfare.Key) bool {
				return p.After != "" && (p.Ascending && string(k.ID) <= p.After || !p.Ascending && string(k.ID) >= p.After)
			})
			return all[:min(len(all), p.Limit)], err
		},
	}, showKey)
}

// createPortalKey makes a key that is let into what the caller is. As createKey it does
// not remember its answer under an idempotency key.
func createPortalKey(c *call, in *portalKeyIn) (*keyMade, error) {
	if _, err := c.idempotency(nil); err != nil {
		return nil, err
	}
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	k := &fanfare.Key{Name: in.Name, Application: app.ID, Channels: c.who.channels(), Portal: true, ExpiresAt: in.ExpiresAt.value}
	for _, scope := range in.Scopes {
		k.Scopes = append(k.Scopes, fanfare.Scope(scope))
	}
	if s := c.who.session(); s != nil {
		if err := givable(s, k.Scopes); err != nil {
			return nil, err
		}
	}
	made, err := c.makeKey(k)
	if errors.Is(err, fanfare.ErrTooMany) {
		return nil, refuse(http.StatusConflict, "conflict", fmt.Sprintf("There are %d keys already, which is as many as there can be; revoke some that are not used any more.", fanfare.MaxPortalKeys))
	}
	return made, err
}

// givable refuses scopes that a session cannot give to a key.
func givable(s *fanfare.Session, scopes []fanfare.Scope) error {
	all := s.PortalScopes()
	may := string(all[0]) // every session has some
	for _, scope := range all[1:] {
		may += ", " + string(scope)
	}
	if len(scopes) == 0 {
		return &fanfare.InvalidError{Field: "scopes", Reason: "say at least one of: " + may}
	}
	for i, scope := range scopes {
		if !slices.Contains(all, scope) || slices.Contains(scopes[:i], scope) {
			return &fanfare.InvalidError{Field: "scopes", Reason: fmt.Sprintf("%q is none that this session can give to a key, or is there twice; it can give: %s", cut(string(scope), maxLoc), may)}
		}
	}
	return nil
}

func revokePortalKey(c *call, _ *none) (none, error) {
	app, err := c.application()
	if err != nil {
		return none{}, err
	}
	ref, err := c.ref("key")
	if err != nil {
		return none{}, err
	}
	all, err := c.portalKeys(app.ID)
	if err == nil && !slices.ContainsFunc(all, func(k *fanfare.Key) bool { return string(k.ID) == ref }) {
		err = fanfare.ErrNotFound
	}
	if err == nil {
		err = c.hub.RevokeKey(c.r.Context(), fanfare.KeyID(ref))
	}
	return none{}, missing(err, "key", ref, c.within())
}
