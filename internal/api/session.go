package api

import (
	"cmp"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

type sessionOut struct {
	ID            string               `json:"id" doc:"Opens nothing; the audit log has it for what is done in the session."`
	SessionID     *string              `json:"sessionId" doc:"The provider's own name for it."`
	Capabilities  []fanfare.Capability `json:"capabilities" doc:"What it lets do; ViewBase, which every session has, need not be among them."`
	Channels      *[]string            `json:"channels" doc:"The only ones that it is let into; null: all."`
	FeatureFlags  *[]string            `json:"featureFlags"`
	CreatedBy     *string              `json:"createdBy" doc:"Who asked for it, as in the audit log: admin, or the id of a key; null: it was not noted."`
	CreatedByName *string              `json:"createdByName" doc:"The name of that key, or who had logged in to the console."`
	CreatedAt     time.Time            `json:"createdAt"`
	ExpiresAt     time.Time            `json:"expiresAt"`
}

func showSession(s *fanfare.Session) (*sessionOut, error) {
	return &sessionOut{
		ID: s.ID(), SessionID: pointer(s.Label), Capabilities: append([]fanfare.Capability{}, s.Capabilities...), Channels: someOf(s.Channels), FeatureFlags: someOf(s.FeatureFlags),
		CreatedBy: pointer(s.CreatedBy), CreatedByName: pointer(s.CreatedByName), CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt,
	}, nil
}

// called is the name of whoever makes the request; "": they have none.
func (who identity) called() string {
	if who.bearer == nil || who.bearer.Key == nil {
		return ""
	}
	return cmp.Or(who.loggedIn(), who.bearer.Key.Name)
}

// age is the place of a session among others, in the order in which the Hub lists them.
func age(s *fanfare.Session) string {
	return s.CreatedAt.UTC().Format("20060102150405.000000") + s.ID()
}

func listSessions(c *call, _ *none) (*list[*sessionOut], error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	return paged(c, listing[*fanfare.Session]{
		scope:      []string{string(app.ID)},
		descending: true,
		id:         age,
		fetch: func(p fanfare.Page) ([]*fanfare.Session, error) {
			all, err := c.hub.Sessions(c.r.Context(), app.ID)
			if p.Ascending {
				slices.Reverse(all)
			}
			all = slices.DeleteFunc(all, func(s *fanfare.Session) bool {
				return p.After != "" && (p.Ascending && age(s) <= p.After || !p.Ascending && age(s) >= p.After)
			})
			return all[:min(len(all), p.Limit)], err
		},
	}, showSession)
}

func endSession(c *call, _ *none) (none, error) {
	app, err := c.application()
	if err != nil {
		return none{}, err
	}
	ref, err := c.ref("session")
	if err != nil {
		return none{}, err
	}
	s, err := c.hub.SessionNamed(c.r.Context(), app.ID, ref)
	if err != nil {
		return none{}, missing(err, "session", ref, c.within())
	}
	return none{}, c.hub.EndSession(c.r.Context(), s)
}
