package fanfare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare/internal/lane"
)

// Run delivers what is accepted, and what was accepted before, until ctx ends;
// then it sees the attempts under way through, for at most
// [Options.DrainTimeout], and returns nil. It returns an error when the store
// has broken: nothing more can be trusted to it, and the process should end. A
// Hub runs once.
func (h *Hub) Run(ctx context.Context) error {
	if h.invalid != nil {
		return &InvalidError{"options", h.invalid.Error()}
	}
	if h.ran.Swap(true) {
		return errors.New("fanfare: a Hub runs once")
	}
	h.inbox.open.Store(true)
	defer h.inbox.close()
	switch err := h.prepare(ctx); {
	case err != nil && ctx.Err() != nil:
		return nil // it was stopped before it had begun
	case err != nil:
		return fmt.Errorf("starting: %w", err)
	}
	d := &dispatcher{
		h:        h,
		lanes:    lane.New(h.limits()),
		targets:  make(map[EndpointID]*target),
		failing:  make(map[EndpointID]time.Time),
		noting:   make(map[EndpointID]bool),
		replaced: make(map[waiting]bool),
		alarms:   make(map[EndpointID]alarm),
		cluster:  newCluster(h.store),
		recorder: recorder{wake: make(chan struct{}, 1)},
		broken:   make(chan error, 1),
	}
	h.counters.cluster.Store(d.cluster)
	return d.run(ctx)
}

// prepare reads what must be known before the first attempt.
func (h *Hub) prepare(ctx context.Context) error {
	if err := h.floor(ctx); err != nil {
		return err
	}
	if err := h.readTypeRetries(ctx); err != nil {
		return err
	}
	return h.readOperations(ctx)
}

// A dispatcher is a running Hub: it owns the scheduler and does the I/O that the
// scheduler asks for. Only run touches lanes and the maps, so they have no lock.
type dispatcher struct {
	h         *Hub
	lanes     *lane.Scheduler
	targets   map[EndpointID]*target   // as the scheduler was last told
	failing   map[EndpointID]time.Time // as the store was last told
	noting    map[EndpointID]bool      // the store is being told
	replaced  map[waiting]bool         // deliveries that are arriving, and need not
	alarms    map[EndpointID]alarm     // of failing endpoints, as the operator was last told
	cluster   *cluster                 // nil: there are no other nodes
	work      sync.WaitGroup           // attempts, loads and the like
	recording sync.WaitGroup           // the recorder
	nodes     sync.WaitGroup           // what keeps the lease of a node
	crew      crew
	recorder  recorder
	broken    chan error  // receives the first fault that ends the Hub
	early     []lane.Load // that found only what is arriving
	listed    bool        // the scheduler was told of every lane that waited at the start
	sought    []Addition  // that others have accepted, and no search looks for yet
	searches  int         // under way
}

// waiting names a delivery.
type waiting struct {
	endpoint EndpointID
	message  MessageID
}

func (d *dispatcher) run(ctx context.Context) error {
	// An attempt once begun is seen through; abandon ends those that outlast the drain.
	inFlight, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	defer d.h.client.CloseIdle()
	defer d.h.transport.CloseIdleConnections()
	defer d.h.sinks.closeAll()
	background, stop := context.WithCancel(ctx)
	defer stop()
	// A node keeps its lease until all that was under way is recorded.
	node, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer d.nodes.Wait()
	defer leave()
	if d.cluster == nil {
		d.work.Go(func() { d.wakeLanes(background) })
	} else {
		d.nodes.Go(func() { d.keep(node) })
		d.work.Go(func() { d.hear(background) })
		d.work.Go(func() { d.look(background) })
	}
	d.work.Go(func() { d.prune(background) })
	d.work.Go(func() { d.runTasks(background) })
	d.work.Go(func() { d.noteUses(background) })
	d.work.Go(func() { d.tally(background) })

	d.recording.Go(func() { d.recorder.run(inFlight, d) })

	timer := time.NewTimer(0)
	defer timer.Stop()
	var observed time.Time
	for {
		now := d.h.clock()
		d.expire(inFlight, now)
		for _, in := range d.h.inbox.take() {
			in.apply(inFlight, d, now)
		}
		actions := d.lanes.Step(now)
		d.begin(inFlight, actions.Start)
		for _, l := range actions.Load {
			d.work.Go(func() { d.load(background, l) })
		}
		wake := actions.Wake
		if next := observed.Add(observeEvery); now.Before(next) {
			wake = earlier(wake, next) // so that the figures of the last step are seen
		} else {
			observed = now
			d.h.counters.observe(d.lanes.Stats())
			d.h.tallies.rouse()
		}
		timer.Stop()
		if !wake.IsZero() {
			timer.Reset(wake.Sub(d.h.clock()))
		}
		select {
		case <-d.h.inbox.wake:
		case <-timer.C:
		case err := <-d.broken:
			abandon()
			stop()
			d.finish()
			return err
		case <-ctx.Done():
			defer d.tallyLast(ctx)
			return d.drain(abandon)
		}
	}
}

// observeEvery is how often the scheduler's figures are taken while it works:
// they cost more than a step does.
const observeEvery = 100 * time.Millisecond

// earlier returns the earlier of two times, of which the first may be zero for never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// drain waits for the attempts under way, and for their records.
func (d *dispatcher) drain(abandon func()) error {
	overtime := time.AfterFunc(d.h.opt.DrainTimeout, abandon)
	defer overtime.Stop()
	d.quit()
	d.finish()
	select {
	case err := <-d.broken:
		return err
	default:
		return nil
	}
}

// finish returns once what is under way has ended and is recorded.
func (d *dispatcher) finish() {
	d.crew.dismiss()
	d.work.Wait()
	d.recorder.close()
	d.recording.Wait()
}

// fault ends the Hub if the store has broken, and otherwise logs what went wrong
// where only an operator can act on it.
func (d *dispatcher) fault(ctx context.Context, doing string, err error) {
	if errors.Is(err, ErrBroken) {
		select {
		case d.broken <- err:
		default:
		}
		return
	}
	if ctx.Err() == nil {
		d.h.opt.Logger.ErrorContext(ctx, doing, "error", err)
	}
}

// wakeLanes tells the scheduler of every lane that had deliveries waiting when
// the Hub was started.
func (d *dispatcher) wakeLanes(ctx context.Context) {
	lanes, err := d.h.store.Lanes(ctx)
	for err != nil {
		d.fault(ctx, "reading the lanes that wait", err)
		select {
		case <-time.After(time.Second):
			lanes, err = d.h.store.Lanes(ctx)
		case <-ctx.Done():
			return
		}
	}
	for len(lanes) > 0 {
		lanes = slices.DeleteFunc(lanes, func(l Lane) bool {
			err := d.h.wake(ctx, l.Application, l.Endpoint)
			if err == nil || errors.Is(err, ErrNotFound) {
				return true
			}
			d.fault(ctx, "reading an endpoint", err)
			return false
		})
		if len(lanes) == 0 {
			break
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
	d.h.inbox.put(listed{})
}

// wake tells the scheduler that the store holds deliveries of a lane it may not
// know of.
func (h *Hub) wake(ctx context.Context, app ApplicationID, ep EndpointID) error {
	if !h.inbox.open.Load() {
		return nil
	}
	r, err := h.catalogue.of(ctx, string(app))
	if err != nil {
		return err
	}
	t := r.find(ep)
	if t == nil {
		return fmt.Errorf("endpoint %s: %w", ep, ErrNotFound)
	}
	h.inbox.put(stored{t})
	return nil
}

// rouse is wake for what is stored already, of which the scheduler must hear in
// the end: if the endpoint cannot be read now, it is tried again.
func (h *Hub) rouse(ctx context.Context, app ApplicationID, ep EndpointID) {
	err := h.wake(context.WithoutCancel(ctx), app, ep)
	if err == nil || errors.Is(err, ErrNotFound) {
		return
	}
	h.opt.Logger.ErrorContext(ctx, "reading an endpoint", "endpoint", ep, "error", err)
	h.inbox.put(unwoken{app, ep})
}

// load reads the next deliveries of a lane from the store.
func (d *dispatcher) load(ctx context.Context, l lane.Load) {
	q := WaitingQuery{
		Endpoint:  EndpointID(l.Endpoint),
		AfterRank: l.After.Rank, AfterMessage: MessageID(l.After.Message),
		Limit: l.Limit,
	}
	if l.OneKey {
		q.Key = &l.Key
	}
	ds, err := d.h.store.Waiting(ctx, q)
	if err != nil {
		d.fault(ctx, "reading deliveries that wait", err)
		d.h.inbox.put(loadFailed{l})
		return
	}
	d.h.inbox.put(loaded{l, ds})
}

// forget drops an endpoint with all that waits for it.
func (d *dispatcher) forget(id EndpointID) {
	d.lanes.Remove(string(id))
	delete(d.targets, id)
	delete(d.failing, id)
	delete(d.alarms, id)
}

// anew has the scheduler forget what it knows of a lane, the endpoint's failures
// included, and read it again.
func (d *dispatcher) anew(ctx context.Context, t *target, now time.Time) {
	d.forget(t.ID)
	d.configure(ctx, t, now)
	d.lanes.Stored(now, string(t.ID))
}

// configure tells the scheduler of an endpoint it does not know as it now is.
// Until every lane that waited at the start was told of, a lane may have older
// deliveries in the store than the one that brings it here.
func (d *dispatcher) configure(ctx context.Context, t *target, now time.Time) {
	known := d.targets[t.ID]
	if known == t || known != nil && t.age < known.age {
		return
	}
	d.targets[t.ID] = t
	if known == nil || !d.noting[t.ID] {
		d.failing[t.ID] = t.FailingSince
	}
	d.lanes.Configure(now, t.settings())
	d.note(ctx, t.ID)
	if known == nil && !d.listed {
		d.lanes.Stored(now, string(t.ID))
	}
}

func inLane(d *Delivery) lane.Delivery {
	return lane.Delivery{
		Message: string(d.Message), Rank: d.Rank, Due: d.Due, Key: d.OrderingKey,
		Attempts: d.Attempts, Apart: d.Manual,
	}
}
