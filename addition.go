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

// What has been told of waits while searches are under way: each takes a connection, which
// those who accept and record want too, and brings up to readMost payloads.
const (
	searchMost = 4    // at a time
	soughtMost = 4096 // additions that wait; beyond, their lanes are read as a whole
)

// seek has what is new in lanes be read by itself, and the lanes as a whole where that
// will not do.
func (d *dispatcher) seek(ctx context.Context, now time.Time, additions []Addition) {
	d.sought = append(d.sought, additions...)
	for len(d.sought) > 0 && d.searches < searchMost {
		if some := d.nextSearch(ctx, now); some.messages > 0 {
			d.find(ctx, some)
		}
	}
	if len(d.sought) <= soughtMost {
		return
	}
	whole := make(map[EndpointID]bool)
	for _, a := range d.sought {
		switch {
		case whole[a.Endpoint]:
		case d.owns(a.Endpoint) && d.targets[a.Endpoint] != nil:
			d.reread(now, a.Endpoint)
		default:
			d.rouse(ctx, a.Lane)
		}
		whole[a.Endpoint] = true
	}
	d.sought = nil
}

// nextSearch takes as much of what is sought as is read together.
func (d *dispatcher) nextSearch(ctx context.Context, now time.Time) (some search) {
	for len(d.sought) > 0 && some.messages < readMost {
		a := d.sought[0]
		n := min(len(a.Messages), readMost-some.messages)
		d.sought[0].Messages = a.Messages[n:]
		if a.Messages = a.Messages[:n]; !d.seekIn(ctx, now, a, &some) || len(d.sought[0].Messages) == 0 {
			d.sought = d.sought[1:]
		}
	}
	return some
}

// seekIn adds an addition to a search, and reports whether more of it can be.
func (d *dispatcher) seekIn(ctx context.Context, now time.Time, a Addition, some *search) bool {
	if !d.owns(a.Endpoint) || d.targets[a.Endpoint] == nil {
		d.rouse(ctx, a.Lane)
		return false
	}
	ask, ok := d.lanes.Seek(string(a.Endpoint), texts(a.Messages))
	if !ok {
		d.reread(now, a.Endpoint)
		return false
	}
	some.asks = append(some.asks, ask)
	some.additions = append(some.additions, a)
	some.messages += len(a.Messages)
	return true
}

func texts(ids []MessageID) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = string(id)
	}
	return all
}

func (d *dispatcher) find(ctx context.Context, s search) {
	d.searches++
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

func (in found) apply(ctx context.Context, d *dispatcher, now time.Time) {
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
	d.searches--
	d.seek(ctx, now, nil)
}

func (in notFound) apply(ctx context.Context, d *dispatcher, now time.Time) {
	for _, ask := range in.asks {
		d.lanes.Found(ask, nil) // it is not asked for any more
		if d.targets[EndpointID(ask.Endpoint)] != nil {
			d.reread(now, EndpointID(ask.Endpoint))
		}
	}
	d.searches--
	d.seek(ctx, now, nil)
}
