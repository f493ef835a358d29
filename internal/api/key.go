package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

type keyIn struct {
	Name        string           `json:"name" doc:"For people: who uses it."`
	Scopes      []string         `json:"scopes" doc:"What it may do: admin, applications:read, applications:write, endpoints:read, endpoints:write, event-types:read, event-types:write, messages:read, messages:write, portal. Each stands by itself; admin is all of them."`
	Application field[string]    `json:"application,omitzero" doc:"Id or uid of the only application it opens anything of; all unless told."`
	Channels    field[[]string]  `json:"channels,omitzero" doc:"The only ones that it is let into: it sees messages that have one of them, and endpoints that have no others, and sends to no others. All unless told."`
	ExpiresAt   field[time.Time] `json:"expiresAt,omitzero" doc:"Never unless told."`
}

type keyOut struct {
	ID          fanfare.KeyID          `json:"id"`
	Name        string                 `json:"name"`
	Scopes      []fanfare.Scope        `json:"scopes"`
	Application *fanfare.ApplicationID `json:"application"`
	Channels    *[]string              `json:"channels" doc:"The only ones that it is let into; null: all."`
	Portal      bool                   `json:"portal" doc:"Made in the portal of its application: it opens no more than a portal session, within its scopes."`
	CreatedAt   time.Time              `json:"createdAt"`
	ExpiresAt   *time.Time             `json:"expiresAt"`
	LastUsedAt  *time.Time             `json:"lastUsedAt" doc:"To about a minute; null: never."`
}

// keyMade is the one answer that has the key itself.
type keyMade struct {
	keyOut
	Token string `json:"token" doc:"The key itself, which is not shown again."`
}

func showKey(k *fanfare.Key) (*keyOut, error) {
	return &keyOut{
		ID: k.ID, Name: k.Name, Scopes: k.Scopes, Application: pointer(k.Application), Channels: someOf(k.Channels), Portal: k.Portal,
		CreatedAt: k.CreatedAt, ExpiresAt: pointer(k.ExpiresAt), LastUsedAt: pointer(k.UsedAt),
	}, nil
}

// keyRoutes are for admins alone: who can make a key can do all that a key can.
func (s *server) keyRoutes() []*route {
	create := on("POST /api-key", "Create an API key, which is shown once", createKey).answering(http.StatusCreated).doing("api-key.create")
	create.ownKeys = true
	return []*route{
		on("GET /api-key", "List API keys, those that have expired included", listKeys, params()...),
		create,
		on("GET /api-key/{key}", "Read an API key, but for the key itself", readKey),
		on("DELETE /api-key/{key}", "Revoke an API key, at once", revokeKey).doing("api-key.revoke"),
	}
}

func listKeys(c *call, _ *none) (*list[*keyOut], error) {
	return paged(c, listing[*fanfare.Key]{
		descending: true,
		id:         func(k *fanfare.Key) string { return string(k.ID) },
		fetch: func(p fanfare.Page) ([]*fanfare.Key, error) {
			return c.hub.Keys(c.r.Context(), p)
		},
	}, showKey)
}

// createKey does not remember its answer under an idempotency key, as it would
// keep the secret. A repeat makes another key.
func createKey(c *call, in *keyIn) (*keyMade, error) {
	if _, err := c.idempotency(nil); err != nil {
		return nil, err
	}
	k := &fanfare.Key{Name: in.Name, Channels: in.Channels.value, ExpiresAt: in.ExpiresAt.value}
	if in.Channels.value != nil && len(in.Channels.value) == 0 {
		return nil, &fanfare.InvalidError{Field: "channels", Reason: "must name one; leave it out for all"}
	}
	for _, scope := range in.Scopes {
		k.Scopes = append(k.Scopes, fanfare.Scope(scope))
	}
	if ref := in.Application.value; ref != "" {
		app, err := c.hub.Application(c.r.Context(), ref)
		if errors.Is(err, fanfare.ErrNotFound) {
			return nil, &fanfare.InvalidError{Field: "application", Reason: "must be the id or uid of an application"}
		}
		if err != nil {
			return nil, err
		}
		k.Application = app.ID
	}
	made, err := c.makeKey(k)
	if errors.Is(err, fanfare.ErrTooMany) {
		return nil, refuse(http.StatusConflict, "conflict", "There are as many keys as there can be; revoke some that are not used any more.")
	}
	return made, err
}

// makeKey makes one that is not of a login.
func (c *call) makeKey(k *fanfare.Key) (*keyMade, error) {
	if strings.HasPrefix(k.Name, LoginPrefix) {
		return nil, &fanfare.InvalidError{Field: "name", Reason: fmt.Sprintf("must not begin with %q, as those of logins do", LoginPrefix)}
	}
	secret, err := c.hub.CreateKey(c.r.Context(), k)
	if err != nil {
		return nil, err
	}
	out, err := showKey(k)
	if err != nil {
		return nil, err
	}
	return &keyMade{*out, secret}, nil
}

func readKey(c *call, _ *none) (*keyOut, error) {
	ref, err := c.ref("key")
	if err != nil {
		return nil, err
	}
	k, err := c.hub.Key(c.r.Context(), fanfare.KeyID(ref))
	if err != nil {
		return nil, missing(err, "key", ref, here)
	}
	return showKey(k)
}

func revokeKey(c *call, _ *none) (none, error) {
	ref, err := c.ref("key")
	if err != nil {
		return none{}, err
	}
	return none{}, missing(c.hub.RevokeKey(c.r.Context(), fanfare.KeyID(ref)), "key", ref, here)
}
