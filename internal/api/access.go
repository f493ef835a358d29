package api

import (
	"errors"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// LoginPrefix is what the names of keys begin with that a browser has which is logged in
// to the console; behind it stands who logged in. The audit log says so of what is done
// with them.
const LoginPrefix = "Console: "

func (s *server) accessRoutes() []*route {
	read := on("GET /auth/access", "Read whose key or token it is that this is asked with, and what it opens", readAccess).toAll().inChannels()
	read.access.anyone = true
	return []*route{read}
}

type accessOut struct {
	Kind         string                 `json:"kind" enum:"admin,key,session" doc:"Whether it is the admin key, another one, or the token of a portal session."`
	ID           *fanfare.KeyID         `json:"id" doc:"Of a key; null: it has none."`
	Name         *string                `json:"name" doc:"Of a key."`
	Portal       bool                   `json:"portal" doc:"Of a key: it was made in the portal of its application, and opens no more than a portal session, within its scopes."`
	Scopes       []fanfare.Scope        `json:"scopes" doc:"Of a key; the admin key has admin."`
	Capabilities []fanfare.Capability   `json:"capabilities" doc:"Of a portal session."`
	Application  *fanfare.ApplicationID `json:"application" doc:"The only one that it opens anything of; null: all."`
	Channels     *[]string              `json:"channels" doc:"The only ones that it is let into; null: all."`
	ExpiresAt    *time.Time             `json:"expiresAt"`
	Routes       []accessRoute          `json:"routes" doc:"All there are."`
}

type accessRoute struct {
	Route   string  `json:"route" doc:"Method and path, such as GET /app/{app}."`
	Refused *string `json:"refused" doc:"Why it may not be called; null: it may."`
}

func readAccess(c *call, _ *none) (*accessOut, error) {
	out := &accessOut{Kind: "admin", Scopes: []fanfare.Scope{}, Capabilities: []fanfare.Capability{}}
	switch b := c.who.bearer; {
	case c.who.admin:
		out.Scopes = append(out.Scopes, fanfare.ScopeAdmin)
	case b.Session != nil:
		out.Kind, out.Capabilities = "session", append(out.Capabilities, b.Session.Capabilities...)
	default:
		out.Kind, out.ID, out.Name, out.Scopes = "key", &b.Key.ID, &b.Key.Name, append(out.Scopes, b.Key.Scopes...)
		out.Portal = b.Key.Portal
	}
	if c.who.bearer != nil {
		out.Application, out.Channels, out.ExpiresAt = pointer(c.who.application()), someOf(c.who.channels()), pointer(c.who.bearer.ExpiresAt())
	}
	for _, rt := range c.routes {
		shown := accessRoute{Route: rt.method + " " + rt.path}
		if err := c.who.opens(rt); err != nil {
			var p *problem
			if !errors.As(err, &p) {
				return nil, err
			}
			shown.Refused = &p.detail
		}
		out.Routes = append(out.Routes, shown)
	}
	return out, nil
}

// opens is nil for those who may call a route, of an application that they are let into.
func (who identity) opens(rt *route) error {
	if rt.open {
		return nil
	}
	if who.application() != "" && !rt.access.shared && !strings.Contains(rt.path, "{app}") {
		return insufficient(notOfYours)
	}
	if !rt.access.inChannels {
		if err := who.wholly(); err != nil {
			return err
		}
	}
	return who.may(rt.access)
}

// loggedIn is who has logged in to the console and makes the request; "": it comes from
// elsewhere.
func (who identity) loggedIn() string {
	if who.bearer == nil || who.bearer.Key == nil {
		return ""
	}
	name, is := strings.CutPrefix(who.bearer.Key.Name, LoginPrefix)
	if !is {
		return ""
	}
	return name
}
