package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// muteRoutes are for admins alone: what an operator does not want to see, and whom they
// have told.
func (s *server) muteRoutes() []*route {
	const of = "/app/{app}/endpoint/{endpoint}/mute"
	return []*route{
		on("GET /mute", "List the issues that are muted: failures of an endpoint that have one cause", listMutes, params()...),
		on("GET "+of, "List the causes that are muted of an endpoint", listEndpointMutes, params()...),
		on("POST "+of, "Mute what an endpoint fails for, until it fails for another cause; of each the 20 newest are kept", createMute).answering(http.StatusCreated).doing("endpoint.mute"),
		on("DELETE "+of+"/{mute}", "Unmute what an endpoint fails for", deleteMute).doing("endpoint.unmute"),
		on("POST /app/{app}/endpoint/{endpoint}/notify", "Tell the operational endpoints that an endpoint fails, and why", notifyFailing).doing("endpoint.notify"),
	}
}

type muteIn struct {
	Cause string `json:"cause" doc:"The errorClass of an attempt and, of an answer, a hyphen and its status, such as timeout or status-503."`
}

type muteOut struct {
	ID         fanfare.MuteID        `json:"id"`
	AppID      fanfare.ApplicationID `json:"appId"`
	EndpointID fanfare.EndpointID    `json:"endpointId"`
	Cause      string                `json:"cause" doc:"Of what is not to be listed: the errorClass of an attempt and, of an answer, a hyphen and its status."`
	CreatedAt  time.Time             `json:"createdAt"`
}

func showMute(m *fanfare.Mute) (*muteOut, error) {
	return &muteOut{m.ID, m.Application, m.Endpoint, m.Cause, m.CreatedAt}, nil
}

func (c *call) listMutes(f fanfare.MuteFilter) (*list[*muteOut], error) {
	return paged(c, listing[*fanfare.Mute]{
		scope:      []string{string(f.Endpoint)},
		descending: true,
		id:         func(m *fanfare.Mute) string { return string(m.ID) },
		fetch: func(p fanfare.Page) ([]*fanfare.Mute, error) {
			f.Page = p
			return c.hub.Mutes(c.r.Context(), f)
		},
	}, showMute)
}

func listMutes(c *call, _ *none) (*list[*muteOut], error) { return c.listMutes(fanfare.MuteFilter{}) }

func listEndpointMutes(c *call, _ *none) (*list[*muteOut], error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	return c.listMutes(fanfare.MuteFilter{Application: ep.Application, Endpoint: ep.ID})
}

func createMute(c *call, in *muteIn) (*muteOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	m := &fanfare.Mute{Application: ep.Application, Endpoint: ep.ID, Cause: in.Cause}
	err = c.hub.Mute(c.r.Context(), m)
	if errors.Is(err, fanfare.ErrExists) {
		return nil, refuse(http.StatusConflict, "conflict", "This cause is muted already.")
	}
	if err != nil {
		return nil, missing(err, "endpoint", string(ep.ID), c.within())
	}
	return showMute(m)
}

func deleteMute(c *call, _ *none) (none, error) {
	ep, err := c.endpoint()
	if err != nil {
		return none{}, err
	}
	ref, err := c.ref("mute")
	if err != nil {
		return none{}, err
	}
	return none{}, missing(c.hub.Unmute(c.r.Context(), ep.Application, ep.ID, fanfare.MuteID(ref)), "mute", ref, c.within())
}

type notifyIn struct {
	Reason string `json:"reason,omitzero" doc:"In words, for whoever is told; what the newest attempt failed for unless told."`
}

const maxReason = 1000 // bytes

func notifyFailing(c *call, in *notifyIn) (none, error) {
	ep, err := c.endpoint()
	if err != nil {
		return none{}, err
	}
	if len(in.Reason) > maxReason {
		return none{}, &fanfare.InvalidError{Field: "reason", Reason: "at most 1000 bytes"}
	}
	err = c.hub.NotifyFailing(c.r.Context(), ep, in.Reason)
	if errors.Is(err, fanfare.ErrNotFound) {
		return none{}, refuse(http.StatusConflict, "conflict", "Nobody is told: there is no operational endpoint that wants endpoint.failing. Create one with POST /operational-webhook/endpoint.")
	}
	return none{}, err
}
