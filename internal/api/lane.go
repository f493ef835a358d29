package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// laneRoutes are for admins alone.
func (s *server) laneRoutes() []*route {
	return []*route{
		on("GET /lane", "List the endpoints that this server has anything to do for, those for which the most waits first, 250 at most", listLanes),
	}
}

type lanesOut struct {
	Data      []laneOut  `json:"data"`
	Total     int        `json:"total" doc:"How many there are, those that are not listed included."`
	InFlight  int64      `json:"inFlight" doc:"Attempts under way in all."`
	OldestDue *time.Time `json:"oldestDue" doc:"The earliest due time of all that waits; null: nothing does."`
}

type laneOut struct {
	AppID        fanfare.ApplicationID `json:"appId"`
	EndpointID   fanfare.EndpointID    `json:"endpointId"`
	Waiting      int                   `json:"waiting" doc:"Deliveries that the server has in memory."`
	More         bool                  `json:"more" doc:"Whether there may be others behind them, in the store."`
	InFlight     int                   `json:"inFlight" doc:"Attempts under way."`
	Paused       bool                  `json:"paused" doc:"Whether somebody has paused the endpoint."`
	Probing      bool                  `json:"probing" doc:"Whether it fails, and is tried with one delivery at a time."`
	FailingSince *time.Time            `json:"failingSince" doc:"Since when it does nothing but fail; null: it does not."`
	OldestDue    *time.Time            `json:"oldestDue" doc:"The earliest due time of what waits."`
	HoldUntil    *time.Time            `json:"holdUntil" doc:"Until when the receiver has asked to be left alone."`
}

func listLanes(c *call, _ *none) (*lanesOut, error) {
	lanes, all, err := c.hub.Lanes(c.r.Context())
	if errors.Is(err, fanfare.ErrNotFound) {
		return nil, refuse(http.StatusServiceUnavailable, "unavailable", "This server does not deliver at present; ask again later.")
	}
	if err != nil {
		return nil, err
	}
	counted := c.hub.Counters()
	out := &lanesOut{Data: []laneOut{}, Total: all, InFlight: counted.InFlight, OldestDue: pointer(counted.OldestDue)}
	for _, l := range lanes {
		out.Data = append(out.Data, laneOut{
			AppID: l.Application, EndpointID: l.Endpoint, Waiting: l.Waiting, More: l.More, InFlight: l.InFlight,
			Paused: l.Paused, Probing: l.Probing, FailingSince: pointer(l.Since), OldestDue: pointer(l.OldestDue), HoldUntil: pointer(l.HoldUntil),
		})
	}
	return out, nil
}
