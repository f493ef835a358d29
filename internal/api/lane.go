package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// laneRoutes are for admins alone where they are of all endpoints.
func (s *server) laneRoutes() []*route {
	return []*route{
		on("GET /lane", "List the endpoints that this server has anything to do for, those for which the most waits first, 250 at most", listLanes),
		on("GET /app/{app}/endpoint/{endpoint}/lane", "Show how what waits for an endpoint is sent at present; 503 with the code not_here if another server does that", readLane).needs(fanfare.ScopeReadEndpoints, fanfare.ViewBase).inChannels(),
		on("POST /app/{app}/endpoint/{endpoint}/try-now", "Try what waits for an endpoint at once, one delivery first and the others if that goes well; 503 with the code not_here if another server sends to it", tryNow).answering(http.StatusAccepted).needs(fanfare.ScopeWriteMessages, fanfare.CreateAttempts).inChannels().doing("endpoint.try-now"),
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
	NextProbe    *time.Time            `json:"nextProbe" doc:"While it is probing, when it may be tried next; null: at once, or when what is under way has ended."`

	Held     []heldOut `json:"held" doc:"Ordering keys that wait for a delivery of theirs to be tried again, 5 at most, those for which the most waits first."`
	HeldKeys int       `json:"heldKeys" doc:"How many there are."`
}

type heldOut struct {
	Key     string    `json:"key" doc:"Empty: of all that have none."`
	Waiting int       `json:"waiting" doc:"Deliveries that the server has in memory."`
	More    bool      `json:"more" doc:"Whether there may be others behind them, in the store."`
	Until   time.Time `json:"until" doc:"When the first of them is tried again."`
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
		held := []heldOut{}
		for _, k := range l.Held {
			held = append(held, heldOut(k))
		}
		out.Data = append(out.Data, laneOut{
			AppID: l.Application, EndpointID: l.Endpoint, Waiting: l.Waiting, More: l.More, InFlight: l.InFlight,
			Paused: l.Paused, Probing: l.Probing, FailingSince: pointer(l.Since), OldestDue: pointer(l.OldestDue), HoldUntil: pointer(l.HoldUntil), NextProbe: pointer(l.NextProbe),
			Held: held, HeldKeys: l.Holding,
		})
	}
	return out, nil
}

// endpointLane has no numbers of what waits: some of that may be nothing that the caller
// may see.
type endpointLane struct {
	Waits        bool       `json:"waits" doc:"Whether anything waits for it."`
	Probing      bool       `json:"probing" doc:"Whether it fails, and is tried with one delivery at a time."`
	InFlight     bool       `json:"inFlight" doc:"Whether an attempt is under way."`
	FailingSince *time.Time `json:"failingSince" doc:"Since when it does nothing but fail; null: it does not."`
	NextProbe    *time.Time `json:"nextProbe" doc:"While it is probing, when it may be tried next; null: at once, or when what is under way has ended."`
	HoldUntil    *time.Time `json:"holdUntil" doc:"Until when the receiver has asked to be left alone."`
}

func readLane(c *call, _ *none) (*endpointLane, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	l, err := c.hub.Lane(c.r.Context(), ep)
	if err != nil {
		return nil, notHere(err)
	}
	return &endpointLane{
		Waits: l.Waiting > 0 || l.More, Probing: l.Probing, InFlight: l.InFlight > 0, FailingSince: pointer(l.Since),
		NextProbe: pointer(l.NextProbe), HoldUntil: pointer(l.HoldUntil),
	}, nil
}

type urgedOut struct {
	Waits bool `json:"waits" doc:"Whether anything waits that can be tried."`
}

func tryNow(c *call, _ *none) (*urgedOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	waits, err := c.hub.TryNow(c.r.Context(), ep)
	if err != nil {
		return nil, notHere(err)
	}
	return &urgedOut{waits}, nil
}

func notHere(err error) error {
	if errors.Is(err, fanfare.ErrNotFound) {
		return refuse(http.StatusServiceUnavailable, "not_here", "Another server sends to this endpoint, or none does at present. An endpoint that fails is tried by itself, once a minute or more often.")
	}
	return err
}
