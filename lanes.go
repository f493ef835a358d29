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
	NextProbe time.Time // while it is Probing, when it may be tried next; zero: at once, or when what is under way has ended

	// Held are ordering keys of which nothing starts before the delivery that failed is
	// tried again, those for which the most waits first, of Holding in all.
	Held    []HeldKey
	Holding int
}

// A HeldKey is an ordering key that waits; "" is that of all that have none.
type HeldKey struct {
	Key     string
	Waiting int       // deliveries in memory
	More    bool      // there may be others behind them, in the store
	Until   time.Time // when the first of them is tried again
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
		told.lanes = append(told.lanes, laneState(k))
	}
	in.answer <- told
}

func laneState(k lane.Look) LaneState {
	var held []HeldKey
	for _, key := range k.Held {
		held = append(held, HeldKey(key))
	}
	return LaneState{
		Lane:    Lane{ApplicationID(k.Application), EndpointID(k.Endpoint)},
		Waiting: k.Waiting, More: k.More, InFlight: k.InFlight, Paused: k.Paused,
		Probing: k.State == lane.Probing, Since: k.Since, OldestDue: k.Oldest, HoldUntil: k.Hold, NextProbe: k.Probe,
		Held: held, Holding: k.Holding,
	}
}
