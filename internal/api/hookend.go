package api

import (
	"errors"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// hookEnded is what unsubscribing is answered: Zapier's platform takes an answer
// without JSON for a failure, and one of 404 as well. So what is not there is
// unsubscribed too, a repeat, say, or one that was swept away.
type hookEnded struct {
	Unsubscribed int `json:"unsubscribed" doc:"How many were; 0 if there was none any more."`
}

func deleteHook(c *call, _ *none) (*hookEnded, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	return c.endHook(app.ID, c.r.PathValue("endpoint"))
}

// endHook ends the hook of an id. It does not touch other endpoints.
func (c *call) endHook(app fanfare.ApplicationID, ref string) (*hookEnded, error) {
	ep, err := c.endpointOf(app, ref)
	switch {
	case errors.Is(err, fanfare.ErrNotFound):
		return &hookEnded{}, nil
	case err == nil && !isHook(ep):
		err = missing(fanfare.ErrNotFound, "REST hook", ref, c.within())
	}
	if err != nil {
		return nil, err
	}
	return &hookEnded{1}, c.removeHooks(app, []fanfare.EndpointID{ep.ID})
}

type hookEnd struct {
	ID field[string] `json:"id,omitzero" doc:"Of the one to end."`
	hookTarget
	hookEvents
}

// unsubscribeHooks ends the hook of an id, or those to a target, of which only
// the ones for the event types that are named, if any are.
func unsubscribeHooks(c *call, in *hookEnd) (*hookEnded, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	to, events := in.target(), in.events()
	if to == "" {
		to = c.text("target_url")
	}
	if event := c.event(); len(events) == 0 && event != "" {
		events = []string{event}
	}
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	switch id := in.ID.value; {
	case id != "":
		return c.endHook(app.ID, id)
	case to == "":
		return nil, &fanfare.InvalidError{Field: "target_url", Reason: "say the target of what is to end, or its id"}
	}
	over, err := c.hooksTo(app.ID, to, events)
	if err != nil {
		return nil, err
	}
	return &hookEnded{len(over)}, c.removeHooks(app.ID, over)
}

// event is the event type that the query names.
func (c *call) event() string {
	if event := c.text("event"); event != "" {
		return event
	}
	return c.text("event_type")
}

func (c *call) hooksTo(app fanfare.ApplicationID, to string, events []string) (found []fanfare.EndpointID, err error) {
	begins := hookUID(to, nil, nil)[:hookTargetEnd]
	err = c.eachHook(app, fanfare.Page{}, func(ep *fanfare.Endpoint) bool {
		there := ep.URL == to || strings.HasPrefix(ep.UID, begins)
		if there && (len(events) == 0 || slices.ContainsFunc(events, func(e string) bool { return slices.Contains(ep.EventTypes, e) })) {
			found = append(found, ep.ID)
		}
		return true
	})
	return found, err
}
