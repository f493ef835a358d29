package fanfare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/fanfarehq/fanfare/internal/lane"
)

// maxRetryAfter bounds how long a receiver can put us off at a time.
const maxRetryAfter = 24 * time.Hour

// finished is the input that an attempt was made and recorded.
type finished struct {
	target  *target
	message MessageID
	verdict lane.Verdict
	at      time.Time
}

// finishedAll is the input that several were.
type finishedAll []finished

// attempt makes one attempt and has it recorded, with what comes next. The
// scheduler is told once that is on disk.
func (d *dispatcher) attempt(ctx context.Context, t *target, s lane.Start) {
	if t.Batch.Size > 0 {
		d.attemptTogether(ctx, t, s)
		return
	}
	id := MessageID(s.Message)
	msg, err := d.message(ctx, t, id)
	if d.lapsed() {
		d.h.inbox.put(d.later(t, id))
		return
	}
	damaged := errors.Is(err, ErrDamaged)
	if err != nil {
		d.fault(ctx, "reading a message", err)
		if !damaged {
			d.h.inbox.put(d.later(t, id))
			return
		}
		msg = &Message{ID: id}
	}
	a := d.h.deliver(ctx, t, msg)
	if damaged {
		a.Class = ClassDamaged
	}
	d.h.recent.used(id)
	d.attempted(ctx, t, s, a, msg.IsTest())
}

// attempted has an attempt recorded. It is apart from attempt so that a stack is
// small while it waits for a receiver.
func (d *dispatcher) attempted(ctx context.Context, t *target, s lane.Start, a *Attempt, test bool) {
	next := settle(a, round{d.h.retryOf(t, a.EventType), t.Ordered, s.Attempts, t.connects()}, d.h.opt.Chance())
	if d.h.operations.on.Load() {
		d.report(ctx, t, a)
	}
	r := recording{&Outcome{Attempt: a, Delivery: next.delivery}, finished{t, a.Message, next.verdict, a.StartedAt.Add(a.Duration)}, test}
	if a.Class == ClassSuccess {
		d.h.inbox.put(sent{t.ID, a.Message})
		d.recorder.put(r)
	} else {
		d.recordAll(ctx, []recording{r})
	}
	if next.gone {
		if err := d.h.disable(ctx, t, goneReason(a)); err != nil {
			d.fault(ctx, "disabling an endpoint", err)
		}
	}
}

// message reads a message that is to be sent. One that is not there any more has
// no payload.
func (d *dispatcher) message(ctx context.Context, t *target, id MessageID) (*Message, error) {
	if msg := d.h.recent.get(id); msg != nil {
		return msg, nil
	}
	msg, err := d.h.store.Message(ctx, t.Application, string(id))
	if errors.Is(err, ErrNotFound) {
		return &Message{ID: id}, nil
	}
	return msg, err
}

// later is what becomes of a delivery when the store fails us: the same again,
// soon.
func (d *dispatcher) later(t *target, id MessageID) finished {
	now := d.h.now()
	return finished{t, id, lane.Verdict{Unrecorded: true, HoldUntil: now.Add(time.Second), Neutral: true}, now}
}

// recordAgain is how long to wait before a record that found the disk full is
// tried again.
const recordAgain = time.Second

// record stores outcomes. While the disk is full it tries again; the attempts
// still count for the process, so no more is under way than can be recorded.
func (d *dispatcher) record(ctx context.Context, os ...*Outcome) error {
	for {
		err := d.h.store.Record(context.WithoutCancel(ctx), os...)
		if !errors.Is(err, ErrFull) {
			return err
		}
		select {
		case <-time.After(recordAgain):
		case <-ctx.Done():
			return err
		}
	}
}

// A settlement is what follows from an attempt.
type settlement struct {
	delivery Delivery
	verdict  lane.Verdict
	gone     bool // the endpoint wants nothing any more
}

// A round is what has to be known of a delivery to say what follows an attempt.
type round struct {
	retry   Retry
	ordered bool
	made    int  // attempts before
	judged  bool // by a connector, which says itself when the endpoint is gone, whatever the status
}

// settle decides what follows from an attempt, and writes it into a. chance
// spreads retries out.
func settle(a *Attempt, r round, chance float64) settlement {
	now := a.StartedAt.Add(a.Duration)
	a.Number = r.made + 1
	next := settlement{delivery: Delivery{Message: a.Message, Endpoint: a.Endpoint, Attempts: a.Number}}
	var due time.Time
	switch wait, again := r.retry.After(a.Number, chance); {
	case a.Class == ClassSuccess:
		a.State = Delivered
		next.verdict.OK, next.gone = true, a.retires()
	case a.Class == ClassInterrupted:
		a.State, due = Waiting, now
		next.delivery.Attempts = r.made
	case a.Status == http.StatusGone && !r.judged, a.Class == ClassGone:
		a.State, next.gone = GivenUp, true
	case a.Class == ClassRejected, a.Class == ClassNoPayload, a.Class == ClassDamaged, !again:
		a.State = GivenUp
	default:
		a.State, due = Waiting, now.Add(wait)
	}
	switch a.Class {
	case ClassInterrupted, ClassNoPayload, ClassDamaged, ClassRejected: // none of which the endpoint is to blame for
		next.verdict.Neutral = true
	}
	if a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable {
		next.verdict.Slow = a.Class != ClassSuccess
	}
	if a.Class != ClassSuccess {
		if asked := retryAfter(a); asked > 0 {
			until := now.Add(asked)
			if next.verdict.Slow {
				next.verdict.HoldUntil = until
			}
			if a.State == Waiting && due.Before(until) {
				due = until
			}
		}
	}
	next.delivery.State = a.State
	if a.State == Waiting {
		a.NextAt = due.Truncate(time.Microsecond)
		next.delivery.Due, next.delivery.Rank = a.NextAt, RankOf(r.ordered, a.NextAt)
		next.verdict.Again = true
		next.verdict.Due, next.verdict.Rank = a.NextAt, next.delivery.Rank
		next.verdict.Attempts = next.delivery.Attempts
	}
	return next
}

// retryAfter reads the Retry-After of a response (RFC 9110 §10.2.3): seconds or
// a date. What is negative, past or not understood is 0.
func retryAfter(a *Attempt) time.Duration {
	for _, line := range a.ResponseHeader {
		if line.Name != "Retry-After" {
			continue
		}
		if seconds, err := strconv.ParseUint(line.Value, 10, 64); err == nil {
			return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
		} else if errors.Is(err, strconv.ErrRange) {
			return maxRetryAfter
		}
		if at, err := http.ParseTime(line.Value); err == nil {
			return min(max(0, at.Sub(a.StartedAt.Add(a.Duration))), maxRetryAfter)
		}
		return 0
	}
	return 0
}

func (in finishedAll) apply(ctx context.Context, d *dispatcher, now time.Time) {
	for i := range in {
		in[i].apply(ctx, d, now)
	}
}

func (in finished) apply(ctx context.Context, d *dispatcher, now time.Time) {
	id := in.target.ID
	d.touchDown(id)
	d.lanes.Finish(now, string(id), string(in.message), in.verdict)
	if d.targets[id] == nil || in.verdict.Neutral {
		return
	}
	d.note(ctx, id)
	if d.h.operations.on.Load() {
		d.watchHealth(ctx, in.target, now)
	}
	_, since := d.lanes.Health(string(id))
	if !since.IsZero() && !in.verdict.OK && in.at.Sub(since) >= d.h.opt.DisableAfter && in.at.Sub(since) >= d.h.patience(d.targets[id]) {
		d.work.Go(func() { d.giveUpOn(ctx, in.target, since) })
	}
}

// noted is the input that the store was told of an endpoint's health.
type noted struct {
	endpoint EndpointID
	since    time.Time
}

// note keeps the beginning of an endpoint's run of failures across restarts. A
// pause, or being disabled, ends the run, since what is sent nothing does not fail.
// One note is under way at a time, so that none is overtaken by the one before it.
func (d *dispatcher) note(ctx context.Context, id EndpointID) {
	_, since := d.lanes.Health(string(id))
	if t := d.targets[id]; t.Paused || t.Disabled {
		since = time.Time{}
	}
	if d.noting[id] || since.Equal(d.failing[id]) {
		return
	}
	d.noting[id] = true
	d.takeOff(id, 1) // whoever has the lane next is to find the note
	t, before := d.targets[id], d.failing[id]
	over := d.h.operations.on.Load() && since.IsZero() && !t.Paused && !t.Disabled
	d.work.Go(func() {
		if over {
			d.relief(ctx, t, before)
		}
		if err := d.h.store.SetFailingSince(ctx, id, since); err != nil {
			d.fault(ctx, "noting an endpoint's health", err)
		}
		d.h.inbox.put(noted{id, since})
	})
}

func (in noted) apply(ctx context.Context, d *dispatcher, _ time.Time) {
	delete(d.noting, in.endpoint)
	d.touchDown(in.endpoint)
	if d.targets[in.endpoint] != nil {
		d.failing[in.endpoint] = in.since
		d.note(ctx, in.endpoint)
	}
}

func (d *dispatcher) giveUpOn(ctx context.Context, t *target, since time.Time) {
	reason := fmt.Sprintf("nothing but failures since %s", since.UTC().Format(time.RFC3339))
	if err := d.h.disable(ctx, t, reason); err != nil {
		d.fault(ctx, "disabling an endpoint", err)
	}
}
