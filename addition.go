package fanfare

import (
	"context"
	"time"

	"github.com/fanfarehq/fanfare/internal/lane"
)

// The inputs of a node about what others have accepted.
type (
	found struct { // what the store says of it
		asks       []lane.Seek
		deliveries []*Delivery
		messages   []*Message
	}
	notFound struct{ asks []lane.Seek } // the store did not answer
)

// A search is for additions that are read together.
type search struct {
	asks      []lane.Seek
	additions []Addition
	messages  int
}

// seek has what is new in lanes be read by itself, and the lanes as a whole where that
// will not do.
func (d *dispatcher) seek(ctx context.Context, now time.Time, additions []Addition) {
	var some search
	for _, a := range additions {
		switch {
		case !d.owns(a.Endpoint):
			continue
		case d.targets[a.Endpoint] == nil:
			d.work.Go(func() { d.h.rouse(ctx, a.Application, a.Endpoint) })
			continue
		}
		for rest := a.Messages; len(rest) > 0; {
			n := min(len(rest), readMost-some.messages)
			ask, ok := d.lanes.Seek(string(a.Endpoint), texts(rest[:n]))
			if !ok {
				d.reread(now, a.Endpoint)
				break
			}
			some.asks = append(some.asks, ask)
			some.additions = append(some.additions, Addition{a.Lane, rest[:n]})
			if some.messages += n; some.messages == readMost {
				d.find(ctx, some)
				some = search{}
			}
			rest = rest[n:]
		}
	}
	if some.messages > 0 {
		d.find(ctx, some)
	}
}

func texts(ids []MessageID) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = string(id)
	}
	return all
}

func (d *dispatcher) find(ctx context.Context, s search) {
	d.work.Go(func() {
		deliveries, messages, err := d.cluster.store.Added(ctx, s.additions)
		if err != nil {
			d.fault(ctx, "reading what other nodes have accepted", err)
			d.h.inbox.put(notFound{s.asks})
			return
		}
		d.h.inbox.put(found{s.asks, deliveries, messages})
	})
}

func (in found) apply(_ context.Context, d *dispatcher, _ time.Time) {
	d.h.recent.keep(in.messages, nil) // their uses are counted as they come
	by := make(map[string][]lane.Delivery)
	for _, del := range in.deliveries {
		if d.h.recent.arriving(del.Message) {
			continue // see recent
		}
		by[string(del.Endpoint)] = append(by[string(del.Endpoint)], inLane(del))
	}
	for _, ask := range in.asks {
		d.lanes.Found(ask, by[ask.Endpoint])
	}
}

func (in notFound) apply(_ context.Context, d *dispatcher, now time.Time) {
	for _, ask := range in.asks {
		d.lanes.Found(ask, nil) // it is not asked for any more
		if d.targets[EndpointID(ask.Endpoint)] != nil {
			d.reread(now, EndpointID(ask.Endpoint))
		}
	}
}
