package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// An identity is who makes a request. The zero value is nobody, who may nothing.
type identity struct {
	admin  bool            // has the admin key
	bearer *fanfare.Bearer // has another key, or is in a portal session
}

// application is the only one that anything is shown of; "": all.
func (who identity) application() fanfare.ApplicationID {
	if who.bearer == nil {
		return ""
	}
	return who.bearer.Application()
}

// session is the portal session the request is made in, or of which a portal's key opens
// no more; nil: none.
func (who identity) session() *fanfare.Session {
	switch b := who.bearer; {
	case b == nil:
		return nil
	case b.Key != nil:
		return b.Key.PortalSession()
	default:
		return b.Session
	}
}

// An access says who may call a route. The zero value is keys with the scope
// admin that are not for one application.
type access struct {
	scope      fanfare.Scope      // that a key needs; "": admin
	capability fanfare.Capability // that a portal session needs; "": none may
	shared     bool               // is of no application, and open to those who are let into one only
	inChannels bool               // open to those who are let into some channels only
	anyone     bool               // open to whoever has a key or token of any kind
}

// role is the scope that a key needs, by name.
func (a access) role() fanfare.Scope {
	return cmp.Or(a.scope, fanfare.ScopeAdmin)
}

// noSession is the capability of routes that no portal session may call.
const noSession fanfare.Capability = ""

// needs says what it takes to call the route, beside the admin key. Without it a
// route is for admins. A path with {app} is that application's; those who are let
// into another one do not find it.
func (rt *route) needs(scope fanfare.Scope, capability fanfare.Capability) *route {
	rt.access.scope, rt.access.capability = scope, capability
	return rt
}

// toAll opens a route that belongs to no application to those who are let into
// one only. It must show them nothing of others.
func (rt *route) toAll() *route {
	rt.access.shared = true
	return rt
}

// authorize lets the request through to its route, or refuses it. Those who are
// let into one application only find no other: its path is answered like one that
// was never there. What handlers read from the path afterwards is the id, so that
// the uid cannot come to mean another one in between.
func (c *call) authorize() error {
	own := c.who.application()
	if own != "" {
		if ref := c.r.PathValue("app"); ref != "" {
			is, err := c.hub.IsApplication(c.r.Context(), own, ref)
			if err == nil && !is {
				err = fanfare.ErrNotFound
			}
			if err != nil {
				return c.unknownApplication(err)
			}
			c.r.SetPathValue("app", string(own))
		} else if !c.route.access.shared {
			return insufficient(notOfYours)
		}
	}
	if !c.route.access.inChannels {
		if err := c.who.wholly(); err != nil {
			return err
		}
	}
	return c.who.may(c.route.access)
}

const notOfYours = "This is not part of the one application that you are let into."

// unknownApplication is what a path is answered whose application is not there.
func (c *call) unknownApplication(err error) error {
	ref, bad := c.ref("app")
	if bad != nil {
		return bad
	}
	return missing(err, "application", ref, here)
}

// may is nil for those who have what a thing takes.
func (who identity) may(a access) error {
	switch {
	case who.admin:
		return nil
	case who.bearer == nil:
		return unauthenticated
	case a.anyone:
		return nil
	}
	s, k := who.session(), who.bearer.Key
	switch {
	case s != nil && a.capability == noSession:
		return insufficient("Neither a portal session nor a key made in one can do this.")
	case k != nil && !slices.Contains(k.Scopes, fanfare.ScopeAdmin) && !slices.Contains(k.Scopes, a.role()):
		return insufficient(`This needs a key with the scope "` + string(a.role()) + `".`)
	case s != nil && !s.Has(a.capability):
		return insufficient(`This needs a portal session with the capability "` + string(a.capability) + `".`)
	}
	return nil
}

// sees reports whether an event type is shown: those with feature flags are not to
// everybody who is let into one application only.
func (who identity) sees(t *fanfare.EventType) bool {
	switch {
	case who.session() != nil:
		return who.session().Sees(t)
	case who.application() != "" || len(who.channels()) > 0:
		return len(t.FeatureFlags) == 0
	}
	return true
}

// seen is a page of the event types that are shown.
func (c *call) seen(p fanfare.Page, archived bool) (page []*fanfare.EventType, err error) {
	if c.who.application() == "" && len(c.who.channels()) == 0 {
		return c.hub.EventTypes(c.r.Context(), p, archived)
	}
	limit := p.Limit
	for p.Limit = fanfare.MaxPage; ; {
		types, err := c.hub.EventTypes(c.r.Context(), p, archived)
		if err != nil {
			return nil, err
		}
		for _, t := range types {
			if c.who.sees(t) && len(page) < limit {
				page = append(page, t)
			}
		}
		if len(page) == limit || len(types) < p.Limit {
			return page, nil
		}
		p.After = types[len(types)-1].Name
	}
}

// mayCreateApplication is nil for those who may make an application beside what
// they ask for.
func (who identity) mayCreateApplication() error {
	if who.application() != "" {
		return insufficient("A new application is not part of the one that you are let into.")
	}
	if err := who.wholly(); err != nil {
		return err
	}
	return who.may(access{scope: fanfare.ScopeWriteApplications})
}

func insufficient(detail string) *problem {
	return refuse(http.StatusForbidden, "insufficient_access", detail)
}

// whileLetIn ends what lasts when the key or session it is done with does.
func (c *call) whileLetIn() (stop func()) {
	b := c.who.bearer
	if b == nil {
		return func() {}
	}
	end := b.ExpiresAt()
	if end.IsZero() {
		end = time.Now().AddDate(1000, 0, 0)
	}
	ctx, cancel := context.WithDeadline(c.r.Context(), end)
	c.r = c.r.WithContext(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-b.Ended():
			cancel()
		case <-ctx.Done():
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// identify finds who has a key that is not the admin's.
func (s *server) identify(ctx context.Context, key string) (identity, error) {
	b, err := s.hub.Identify(ctx, key)
	if errors.Is(err, fanfare.ErrNotFound) {
		return identity{}, unauthenticated
	}
	return identity{bearer: b}, err
}
