package fanfare

import (
	"context"
	"time"

	"github.com/fanfarehq/fanfare/internal/lane"
)

// MaxLanes is how many lanes [Hub.Lanes] tells of.
const MaxLanes = 250

// A LaneState is how the deliveries of an endpoint stand that wait, as the scheduler of
// this process knows them: its window into them, not all that the store holds.
type LaneState struct {
	Lane
	Waiting   int       // deliveries in memory
	More      bool      // there may be others behind them, in the store
	InFlight  int       // attempts under way
	Paused    bool      // somebody has paused the endpoint
	Probing   bool      // it fails, and is tried with one delivery at a time
	Since     time.Time // it does nothing but fail; zero: it is healthy
	OldestDue time.Time // the earliest due time of those in memory; zero: none waits
	HoldUntil time.Time // the receiver has asked to be left alone until then; zero: it has not
}

// Lanes returns the lanes that have anything to do, those with the most in memory first
// and at most MaxLanes, and how many there are. It reads nothing from the store.
// [ErrNotFound] says that [Hub.Run] does not run, or is busy with something that takes
// seconds.
func (h *Hub) Lanes(ctx context.Context) (lanes []LaneState, all int, err error) {
	if !h.inbox.open.Load() {
		return nil, 0, ErrNotFound
	}
	in := lanesAsked{make(chan lanesTold, 1)}
	h.inbox.put(in)
	select {
	case told := <-in.answer:
		return told.lanes, told.all, nil
	case <-time.After(lanesPatience): // Run may have ended in between
		return nil, 0, ErrNotFound
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

const lanesPatience = 3 * time.Second

// lanesAsked is an input that changes nothing.
type lanesAsked struct{ answer chan lanesTold } // which has room for one

type lanesTold struct {
	lanes []LaneState
	all   int
}

func (in lanesAsked) apply(_ context.Context, d *dispatcher, _ time.Time) {
	looks, all := d.lanes.Looks(MaxLanes)
	told := lanesTold{all: all}
	for _, k := range looks {
		told.lanes = append(told.lanes, LaneState{
			Lane:    Lane{ApplicationID(k.Application), EndpointID(k.Endpoint)},
			Waiting: k.Waiting, More: k.More, InFlight: k.InFlight, Paused: k.Paused,
			Probing: k.State == lane.Probing, Since: k.Since, OldestDue: k.Oldest, HoldUntil: k.Hold,
		})
	}
	in.answer <- told
}
