package fanfare

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanfarehq/fanfare/internal/lane"
)

// inbox carries what the scheduler must know of to the goroutine that owns it.
type inbox struct {
	open atomic.Bool   // false until Run: what is accepted before is found in the store
	wake chan struct{} // has room for one

	mu    sync.Mutex
	queue []input
	spare []input // the queue before this one, to be used again
}

// An input is something the scheduler must know of.
type input interface {
	apply(ctx context.Context, d *dispatcher, now time.Time)
}

func (b *inbox) put(in input) {
	b.mu.Lock()
	if b.open.Load() {
		b.queue = append(b.queue, in)
	}
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// close lets nothing more in: what is accepted from now on waits in the store.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open.Store(false)
	b.queue, b.spare = nil, nil
}

// take returns everything that came since it was last called. The slice is good
// until it is called again.
func (b *inbox) take() []input {
	b.mu.Lock()
	defer b.mu.Unlock()
	took := b.queue
	clear(b.spare)
	b.queue, b.spare = b.spare[:0], took
	return took
}

// The inputs.
type (
	accepted struct { // a message was stored
		in      *Intake
		targets []*target // of its deliveries
		cancels int64     // how many cancellations there had been before it was
	}
	sent struct { // an attempt went well and is being recorded
		endpoint EndpointID
		message  MessageID
	}
	stored  struct{ *target } // the store holds deliveries of this lane
	unwoken struct {          // this lane should have been told of, and could not be
		application ApplicationID
		endpoint    EndpointID
	}
	configured struct{ targets []*target }         // endpoints have new settings
	unread     struct{ application ApplicationID } // its endpoints have, and could not be read
	removed    struct{ endpoint EndpointID }       // nothing waits for this endpoint any more
	cancelled  struct {
		application ApplicationID
		message     MessageID
		endpoints   []EndpointID
	}
	loaded struct { // what a load found
		lane.Load
		deliveries []*Delivery
	}
	loadFailed struct{ lane.Load }
	emptied    struct { // what waited in this lane was cancelled
		application ApplicationID
		endpoint    EndpointID
	}
	listed struct{} // every lane that waited at the start was told of
)

func (in accepted) apply(ctx context.Context, d *dispatcher, now time.Time) {
	d.h.recent.arrived(in.in.Message.ID)
	for _, l := range d.early {
		d.work.Go(func() { d.load(ctx, l) })
	}
	d.early = nil
	for i, t := range in.targets {
		del := &in.in.Deliveries[i]
		if del.Latest && !d.replace(del) {
			continue
		}
		if !d.owns(t.ID) {
			d.acceptedElsewhere(t, in.in.Message, del)
			continue
		}
		if d.targets[t.ID] != t && !d.h.catalogue.present(t.age) {
			d.work.Go(func() { d.h.rouse(ctx, t.Application, t.ID) }) // it may have been changed or deleted meanwhile
			continue
		}
		d.configure(ctx, t, now)
		if d.h.cancels.Load() != in.cancels || d.cluster != nil && t.Ordered {
			d.reread(now, t.ID) // it may have been cancelled, or be behind another node's: the store knows
			continue
		}
		d.lanes.Accept(now, string(t.ID), inLane(del))
	}
}

// replace takes out of its lane what del, just accepted, has replaced. It reports
// whether del still waits: one that replaced it may have overtaken it here.
func (d *dispatcher) replace(del *Delivery) bool {
	switch old := del.Replaced; {
	case old == "":
	case d.h.recent.arriving(old):
		d.replaced[waiting{del.Endpoint, old}] = true
	default:
		d.lanes.Cancel(string(del.Endpoint), string(old))
	}
	self := waiting{del.Endpoint, del.Message}
	gone := d.replaced[self]
	delete(d.replaced, self)
	return !gone
}

func (in unwoken) apply(ctx context.Context, d *dispatcher, _ time.Time) {
	d.work.Go(func() {
		select {
		case <-time.After(time.Second):
			d.h.rouse(ctx, in.application, in.endpoint)
		case <-ctx.Done():
		}
	})
}

func (in sent) apply(_ context.Context, d *dispatcher, _ time.Time) {
	d.lanes.Sent(string(in.endpoint), string(in.message))
}

func (in stored) apply(ctx context.Context, d *dispatcher, now time.Time) {
	if !d.owns(in.ID) {
		d.elsewhere(ctx, in.Application, in.ID)
		return
	}
	d.configure(ctx, in.target, now)
	if t := d.targets[in.ID]; t.Kind == KindPoller {
		d.work.Go(func() { d.clear(ctx, t) })
		return
	}
	d.reread(now, in.ID)
}

// clear cancels what waits for a poller. It would wait for ever, and was stored
// while the endpoint was becoming one.
func (d *dispatcher) clear(ctx context.Context, t *target) {
	if _, err := d.h.CancelWaiting(ctx, t.Endpoint); err != nil && !errors.Is(err, ErrNotFound) {
		d.fault(ctx, "cancelling what waits for a poller", err)
		d.h.inbox.put(unwoken{t.Application, t.ID})
	}
}

func (in configured) apply(ctx context.Context, d *dispatcher, now time.Time) {
	for _, t := range in.targets {
		if !d.owns(t.ID) {
			continue
		}
		if before := d.targets[t.ID]; before != nil && before.age <= t.age && before.Disabled && !t.Disabled {
			d.anew(ctx, t, now)
		} else {
			d.configure(ctx, t, now)
		}
	}
}

func (in unread) apply(ctx context.Context, d *dispatcher, _ time.Time) {
	d.work.Go(func() {
		select {
		case <-time.After(time.Second):
			if err := d.h.reconfigureAll(ctx, in.application); err != nil && !errors.Is(err, ErrNotFound) {
				d.fault(ctx, "reading an application's endpoints", err)
			}
		case <-ctx.Done():
		}
	})
}

func (in removed) apply(_ context.Context, d *dispatcher, _ time.Time) {
	d.forget(in.endpoint)
}

func (in emptied) apply(ctx context.Context, d *dispatcher, _ time.Time) {
	if !d.owns(in.endpoint) {
		d.elsewhere(ctx, in.application, in.endpoint)
		return
	}
	d.lanes.Emptied(string(in.endpoint))
}

func (listed) apply(_ context.Context, d *dispatcher, _ time.Time) {
	d.listed = true
}

func (in cancelled) apply(ctx context.Context, d *dispatcher, _ time.Time) {
	for _, ep := range in.endpoints {
		if !d.owns(ep) {
			d.elsewhere(ctx, in.application, ep)
			continue
		}
		d.lanes.Cancel(string(ep), string(in.message))
	}
}

func (in loaded) apply(_ context.Context, d *dispatcher, now time.Time) {
	ds := make([]lane.Delivery, 0, len(in.deliveries))
	for _, delivery := range in.deliveries {
		if !d.h.recent.arriving(delivery.Message) {
			ds = append(ds, inLane(delivery))
		}
	}
	full := len(in.deliveries) == in.Limit
	if full && len(ds) == 0 { // all are about to arrive: then the load is made again
		d.early = append(d.early, in.Load)
		return
	}
	d.lanes.Loaded(now, in.Load, ds, full)
	d.read(now, EndpointID(in.Endpoint))
}

func (in loadFailed) apply(_ context.Context, d *dispatcher, now time.Time) {
	d.lanes.LoadFailed(now, in.Load)
}
