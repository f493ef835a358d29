package api

import (
	"errors"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

type portalIn struct {
	Application  field[applicationIn] `json:"application,omitzero" doc:"Creates the application first if it does not exist."`
	Capabilities field[[]string]      `json:"capabilities,omitzero" doc:"ViewBase, which every session has, ViewEndpointSecret, ManageEndpointSecret, ManageTransformations, CreateAttempts, ManageEndpoint, and ManageKeys, which lets make API keys that stay good when the session has ended; all but ManageKeys unless told."`
	Channels     field[[]string]      `json:"channels,omitzero" doc:"The only ones that it is let into: it sees messages that have one of them, and endpoints that have no others. All that you are let into unless told."`
	Expiry       field[int64]         `json:"expiry,omitzero" doc:"Seconds, from an hour to 7 days; 7 days unless told."`
	FeatureFlags field[[]string]      `json:"featureFlags,omitzero" doc:"Event types that have flags are shown to those who have one of them."`
	ReadOnly     field[bool]          `json:"readOnly,omitzero" doc:"Whether only what lets view is left of the capabilities."`
	SessionID    field[string]        `json:"sessionId,omitzero" doc:"Your own name for the session, for ending it."`
}

type portalOut struct {
	URL   string `json:"url" doc:"Leads to the portal; not to be shown to anyone else."`
	Token string `json:"token" doc:"Opens the routes of this API that the portal uses, as a key would."`
}

type expireIn struct {
	Expiry     field[int64]    `json:"expiry,omitzero" doc:"Seconds until they end; at once unless told."`
	SessionIDs field[[]string] `json:"sessionIds,omitzero" doc:"Only the sessions of these names; all unless told."`
}

func (s *server) portalRoutes() []*route {
	begin := on("POST /auth/app-portal-access/{app}", "Begin a portal session of an application", beginSession).needs(fanfare.ScopePortal, noSession).inChannels().doing("portal-session.begin")
	dashboard := on("POST /auth/dashboard-access/{app}", "The same, as old clients ask", beginDashboard).needs(fanfare.ScopePortal, noSession).inChannels().doing("portal-session.begin")
	logout := on("POST /auth/logout", "End the portal session whose token this is asked with", logout).needs("", fanfare.ViewBase).inChannels().toAll().doing("portal-session.end")
	begin.ownKeys, dashboard.ownKeys, logout.ownKeys = true, true, true
	return []*route{
		begin, dashboard,
		on("GET /auth/app/{app}/session", "List an application's portal sessions that have not ended, but for what opens them", listSessions, params()...).needs(fanfare.ScopePortal, noSession),
		on("DELETE /auth/app/{app}/session/{session}", "End one of an application's portal sessions, at once", endSession).needs(fanfare.ScopePortal, noSession).doing("portal-session.end"),
		on("POST /auth/app/{app}/expire-all", "End an application's portal sessions", expireSessions).needs(fanfare.ScopePortal, noSession).doing("portal-session.end-all"),
		logout,
	}
}

// beginSession does not remember its answer under an idempotency key, as it would
// keep the token. A repeat begins another session.
func beginSession(c *call, in *portalIn) (*portalOut, error) {
	if _, err := c.idempotency(nil); err != nil {
		return nil, err
	}
	ttl := fanfare.MaxSession
	if in.Expiry.set && in.Expiry.value != 0 {
		ttl = time.Duration(max(-1, min(in.Expiry.value, maxSeconds))) * time.Second
	}
	session := &fanfare.Session{
		Capabilities: fanfare.UsualCapabilities(), FeatureFlags: in.FeatureFlags.value, Label: in.SessionID.value,
	}
	if err := c.narrow(session, in.Channels); err != nil {
		return nil, err
	}
	if given := in.Capabilities.value; given != nil {
		session.Capabilities = nil
		for _, capability := range given {
			session.Capabilities = append(session.Capabilities, fanfare.Capability(capability))
		}
	}
	if in.ReadOnly.value {
		session.Capabilities = slices.DeleteFunc(session.Capabilities, func(c fanfare.Capability) bool {
			return writes[c] || c == fanfare.ViewEndpointSecret && in.Capabilities.value == nil
		})
	}
	app, err := c.applicationOr(in.Application)
	if err != nil {
		return nil, err
	}
	session.Application = app.ID
	session.CreatedBy, session.CreatedByName = c.actor(), c.who.called()
	token, err := c.hub.CreateSession(c.r.Context(), session, ttl)
	if err != nil {
		return nil, missing(err, "application", c.r.PathValue("app"), here)
	}
	return &portalOut{URL: c.baseURL + "/portal#key=" + token, Token: token}, nil
}

// writes are the capabilities that let change something.
var writes = map[fanfare.Capability]bool{
	fanfare.ManageEndpointSecret: true, fanfare.ManageTransformations: true,
	fanfare.CreateAttempts: true, fanfare.ManageEndpoint: true, fanfare.ManageKeys: true,
}

func beginDashboard(c *call, _ *none) (*portalOut, error) {
	return beginSession(c, &portalIn{})
}

// applicationOr is the application that the path names. If it does not exist and
// in says how, it is made, under the uid of the path.
func (c *call) applicationOr(in field[applicationIn]) (*fanfare.Application, error) {
	app, err := c.application()
	if !in.set || in.value.Name == "" || !errors.Is(err, fanfare.ErrNotFound) {
		return app, err
	}
	ref := c.r.PathValue("app")
	if _, ours := fanfare.DecodeID("app_", ref); ours {
		return nil, err
	}
	if err := c.who.mayCreateApplication(); err != nil {
		return nil, err
	}
	if uid := in.value.UID.value; uid != "" && uid != ref {
		return nil, &fanfare.InvalidError{Field: "application.uid", Reason: "must be the one in the path"}
	}
	app, err = c.create(c.r.Context(), ref, &in.value)
	var wrong *fanfare.InvalidError
	if errors.As(err, &wrong) {
		err = &fanfare.InvalidError{Field: "application." + wrong.Field, Reason: wrong.Reason}
	}
	return app, err
}

func expireSessions(c *call, in *expireIn) (none, error) {
	app, err := c.application()
	if err != nil {
		return none{}, err
	}
	after := time.Duration(max(-1, min(in.Expiry.value, maxSeconds))) * time.Second
	return none{}, c.hub.ExpireSessions(c.r.Context(), app.ID, in.SessionIDs.value, after)
}

func logout(c *call, _ *none) (none, error) {
	if c.who.bearer == nil || c.who.bearer.Session == nil {
		return none{}, insufficient("Only a portal session can be logged out; revoke a key with DELETE /api-key/{key}.")
	}
	return none{}, c.hub.EndSession(c.r.Context(), c.who.bearer.Session)
}
