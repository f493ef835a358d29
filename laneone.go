package fanfare

import (
	"context"
	"time"
)

// Lane returns the lane of ep, as [Hub.Lanes] does. [ErrNotFound] also says that another
// node sends to the endpoint.
func (h *Hub) Lane(ctx context.Context, ep *Endpoint) (LaneState, error) {
	told, err := h.askLane(ctx, ep, laneAsked{id: ep.ID})
	return told.state, err
}

// TryNow has an endpoint that fails tried at once with a delivery that waits to be tried
// again, before its time and the end of a pause. If that goes well the others follow at
// once too, until one fails. It reports whether anything waits that can be tried: what was
// not tried yet waits for its time. An endpoint that is sent
// nothing at present is an [InvalidError]; ErrNotFound is as for [Hub.Lane].
func (h *Hub) TryNow(ctx context.Context, ep *Endpoint) (bool, error) {
	if err := ep.checkSent(); err != nil {
		return false, err
	}
	switch {
	case ep.Disabled:
		return false, &InvalidError{"endpoint", "is disabled; enable it, and what waits is sent"}
	case ep.Paused:
		return false, &InvalidError{"endpoint", "is paused; resume it, and what waits is sent"}
	}
	told, err := h.askLane(ctx, ep, laneAsked{id: ep.ID, urge: true})
	return told.urged, err
}

// laneAsked is an input that changes nothing, unless it is to urge the lane.
type laneAsked struct {
	id     EndpointID
	urge   bool
	answer chan laneTold // which has room for one
}

type laneTold struct {
	state LaneState
	here  bool // its lane runs here
	urged bool
}

func (h *Hub) askLane(ctx context.Context, ep *Endpoint, in laneAsked) (laneTold, error) {
	if !h.inbox.open.Load() {
		return laneTold{}, ErrNotFound
	}
	in.answer = make(chan laneTold, 1)
	h.inbox.put(in)
	select {
	case told := <-in.answer:
		if !told.here {
			return laneTold{}, ErrNotFound
		}
		told.state.Lane = Lane{ep.Application, ep.ID}
		return told, nil
	case <-time.After(lanesPatience): // Run may have ended in between
		return laneTold{}, ErrNotFound
	case <-ctx.Done():
		return laneTold{}, ctx.Err()
	}
}

func (in laneAsked) apply(_ context.Context, d *dispatcher, now time.Time) {
	told := laneTold{here: d.owns(in.id)}
	if told.here {
		told.urged = in.urge && d.lanes.Urge(now, string(in.id))
		if look, ok := d.lanes.Look(string(in.id)); ok {
			told.state = laneState(look)
		}
	}
	in.answer <- told
}
