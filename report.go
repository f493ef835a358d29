package fanfare

import (
	"context"
	"errors"
	"time"

	"github.com/fanfarehq/fanfare/internal/lane"
)

// What a running Hub tells its operator of attempts and of endpoints' health. It is
// only asked while there is an operational endpoint.
//
// What an attempt has come to is told before the attempt is recorded. So no crash
// leaves a delivery given up of which nobody has heard; but after one the attempt
// may be made again, and told of twice, or have come to something else.

// report tells what is worth telling of an attempt that settle has looked at.
func (d *dispatcher) report(ctx context.Context, t *target, a *Attempt) {
	kind := ""
	switch {
	case t.Application == OperationalApplication, a.Class == ClassNoPayload: // of which whoever removed it knows
	case a.State == GivenUp:
		kind = AttemptExhausted
	case a.State == Waiting && a.Number == failingFrom && a.Class != ClassInterrupted:
		kind = AttemptFailing
	case a.State == Delivered && a.Number > failingFrom:
		kind = AttemptRecovered
	}
	if kind == "" {
		return
	}
	n := &news{Type: kind}
	data := &attemptNews{
		App: t.Application, Endpoint: t.ID, Message: a.Message,
		Last: lastAttempt{a.ID, a.Status, a.StartedAt},
	}
	switch count, end := d.h.operations.allow(tallied{t.ID, kind}, d.h.now()); {
	case count > tellAttempts+1:
		return
	case count == tellAttempts+1:
		n.at, data.Until = end, &end
	}
	if t.owner != string(t.Application) {
		data.AppUID = t.owner
	}
	if msg, err := d.h.store.Message(ctx, t.Application, string(a.Message)); err == nil {
		data.EventID = msg.EventID
	}
	n.Data = data
	d.tell(ctx, n)
}

// tell is Hub.tell for what must not be lost to a full disk, as records must not.
func (d *dispatcher) tell(ctx context.Context, n *news) {
	for {
		err := d.h.tell(context.WithoutCancel(ctx), n)
		if err == nil {
			return
		}
		if !errors.Is(err, ErrFull) {
			d.fault(ctx, "telling of "+n.Type, err)
			return
		}
		select {
		case <-time.After(recordAgain):
		case <-ctx.Done():
			return
		}
	}
}

// An alarm is the run of failures of an endpoint that was told of last, and when.
type alarm struct{ since, at time.Time }

// watchHealth tells that an endpoint fails so often that it is only probed, once a
// run of failures and an hour.
func (d *dispatcher) watchHealth(ctx context.Context, t *target, now time.Time) {
	state, since := d.lanes.Health(string(t.ID))
	last := d.alarms[t.ID]
	if t.Application == OperationalApplication || state != lane.Probing || since.IsZero() ||
		last.since.Equal(since) || now.Sub(last.at) < tellWindow {
		return
	}
	d.alarms[t.ID] = alarm{since, now}
	d.work.Go(func() {
		n, data := d.h.newsOf(ctx, EndpointFailing, t.Endpoint)
		data.FailSince, data.Reason, n.once = &since, d.h.whyFailing(ctx, t.Endpoint), healthName(EndpointFailing, t.ID, since)
		d.h.mail(n, data)
		d.tell(ctx, n)
	})
}

// whyFailing explains the newest attempt that failed.
func (h *Hub) whyFailing(ctx context.Context, ep *Endpoint) string {
	failed, err := h.store.Attempts(ctx, ep.Application, AttemptFilter{Endpoint: ep.ID, Outcome: OnlyFailures, Page: Page{Limit: 1}})
	if err != nil || len(failed) == 0 {
		return "it fails so often that it is only tried now and then"
	}
	return failed[0].Explanation()
}

// relief tells that an endpoint's run of failures is over, if it was told of. It
// comes before the store is told, so that after a crash it is done again.
func (d *dispatcher) relief(ctx context.Context, t *target, since time.Time) {
	known, err := d.h.told(ctx, healthName(EndpointFailing, t.ID, since))
	if err != nil {
		d.fault(ctx, "reading an operational message", err)
	}
	if !known {
		return
	}
	n, data := d.h.newsOf(ctx, EndpointRecovered, t.Endpoint)
	data.FailSince, n.once = &since, healthName(EndpointRecovered, t.ID, since)
	d.tell(ctx, n)
}
