package fanfare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// SendBatch accepts messages for an application, found by id or uid, in one
// transaction, and fills in their ids and times. errs has one entry a message:
// nil, an *InvalidError, or ErrExists when the application has its event id
// already; a message refused does not hold up the others. When err is not nil
// none was accepted.
//
// With a key, repeating the request accepts nothing and gives the messages of the
// first time; another request under the same key is ErrConflict.
func (h *Hub) SendBatch(ctx context.Context, app string, msgs []*Message, key *Idempotency) (errs []error, err error) {
	if err := key.check(); err != nil {
		return nil, err
	}
	r, err := h.roster(ctx, app)
	if err != nil {
		return nil, err
	}
	return h.sendBatch(ctx, r, msgs, key)
}

// sendBatch is SendBatch to an application that is known.
func (h *Hub) sendBatch(ctx context.Context, r *roster, msgs []*Message, key *Idempotency) (errs []error, err error) {
	errs, err = h.sendOnce(ctx, r, msgs, key)
	for n := 1; n < acceptTries && h.overtaken(err); n++ {
		errs, err = h.sendOnce(ctx, r, msgs, key)
	}
	return errs, err
}

// acceptTries is how often messages are given identifiers anew that came too late.
const acceptTries = 5

// overtaken reports whether err says that identifiers were too old, of messages none of
// which was stored. Those to come will be new enough, unless it takes as long again.
func (h *Hub) overtaken(err error) bool {
	late, ok := errors.AsType[*OvertakenError](err)
	if ok {
		h.ids.pass(late.Horizon)
	}
	return ok
}

func (h *Hub) sendOnce(ctx context.Context, r *roster, msgs []*Message, key *Idempotency) (errs []error, err error) {
	if err := h.floor(ctx); err != nil {
		return nil, err
	}
	if h.time.keeper != nil {
		if err := h.keepTime(ctx); err != nil {
			return nil, err
		}
	}
	arriving := h.feed.begin(r.app.ID, &h.ids)
	defer h.feed.end(arriving)
	var checks map[string]*check // none for news: a user's schema must not keep it back
	if !r.reserved {
		if checks, err = h.loadChecks(ctx); err != nil {
			return nil, err
		}
	}
	errs = make([]error, len(msgs))
	intakes := make([]*Intake, 0, len(msgs))
	places := make([]int, 0, len(msgs)) // of the intakes in msgs
	wanted := make([][]*target, 0, len(msgs))
	for i, msg := range msgs {
		if errs[i] = h.checkMessage(msg); errs[i] != nil {
			continue
		}
		current, err := h.currentFor(ctx, r.pins, msg)
		if err != nil && !refusal(err) {
			return nil, err
		} else if errs[i] = err; err != nil {
			continue
		}
		if by := checks[msg.EventType]; by != nil {
			if err := h.checkPayload(by, msg); err != nil && !refusal(err) {
				return nil, err
			} else if errs[i] = err; err != nil {
				continue
			}
		}
		in, targets, err := h.intake(r, msg, current)
		if err != nil {
			errs[i] = err
			continue
		}
		intakes, places, wanted = append(intakes, in), append(places, i), append(wanted, targets)
	}
	if len(intakes) == 0 {
		return errs, nil
	}
	h.recent.expect(intakes)
	cancels := h.cancels.Load()
	earlier, err := h.store.Accept(ctx, r.app.ID, intakes, key)
	// Asked only now: a Hub that is not running yet will find what is stored
	// already, and one that is must be told.
	running := h.inbox.open.Load()
	switch {
	case err != nil || earlier != nil:
		h.recent.forget(intakes)
	case !running:
		h.leave(ctx, intakes)
	}
	if err != nil {
		return nil, fmt.Errorf("application %s: accepting: %w", r.app.ID, err)
	}
	h.awaitOrder(ctx, intakes)
	if earlier != nil {
		return errs, h.replay(ctx, r.app.ID, earlier, msgs, errs, places)
	}
	for i, in := range intakes {
		if in.Err != nil {
			h.recent.forget([]*Intake{in})
			errs[places[i]] = fmt.Errorf("event id %q: %w", in.Message.EventID, in.Err)
			continue
		}
		h.counters.accept(in.Message)
		arriving.newest = in.Message.ID
		if running {
			h.inbox.put(accepted{in, wanted[i], cancels})
		}
	}
	return errs, nil
}

// leave leaves what was just stored to be found there. If the Hub has begun to run in
// this very moment, it may have looked already, and passed over what was arriving: so it
// looks again.
func (h *Hub) leave(ctx context.Context, intakes []*Intake) {
	h.recent.forget(intakes)
	if !h.inbox.open.Load() {
		return
	}
	seen := make(map[EndpointID]bool)
	for _, in := range intakes {
		for i := range in.Deliveries {
			if ep := in.Deliveries[i].Endpoint; !seen[ep] {
				seen[ep] = true
				h.rouse(ctx, in.Message.Application, ep)
			}
		}
	}
}

// intake makes msg ready to be stored, with a delivery to each endpoint that
// wants it; current is the version of its type that is.
func (h *Hub) intake(r *roster, msg *Message, current int) (*Intake, []*target, error) {
	now := h.now()
	msg.ID = MessageID(h.ids.next(now, "msg_"))
	msg.Application, msg.CreatedAt = r.app.ID, now
	due := now
	if msg.DeliverAt.After(now) {
		due = msg.DeliverAt
	}
	in := &Intake{Message: msg}
	keys := keyReader{payload: msg.Payload}
	through := sieve{msg: msg}
	var targets []*target
	for _, t := range r.targets {
		if t.Disabled || t.Kind == KindPoller || t.drops() || !t.Wants(msg.EventType, msg.Channels) || !t.WantsVersion(msg.EventType, msg.EventTypeVersion, current) || !through.passes(h, t) {
			continue
		}
		targets = append(targets, t)
		d := Delivery{
			Message: msg.ID, Endpoint: t.ID,
			Due: due, Rank: RankOf(t.Ordered, due), OrderingKey: msg.OrderingKey,
		}
		if t.keyAt != nil {
			d.OrderingKey = cmp.Or(keys.at(t.keyAt), msg.OrderingKey)
		}
		if t.Debounce > 0 && msg.DeliverAt.IsZero() {
			d.debounce(msg, now.Add(t.Debounce))
		}
		in.Deliveries = append(in.Deliveries, d)
	}
	if len(targets) > h.opt.MaxEndpoints {
		return nil, nil, &InvalidError{"eventType", fmt.Sprintf("goes to %d endpoints; at most %d are allowed", len(targets), h.opt.MaxEndpoints)}
	}
	return in, targets, nil
}

// replay fills in the messages that were accepted when the request first came. One
// that was removed since is as it comes now, and one that is damaged says so.
func (h *Hub) replay(ctx context.Context, app ApplicationID, earlier []MessageID, msgs []*Message, errs []error, places []int) error {
	kept, err := h.store.NamedMessages(ctx, app, earlier)
	if err != nil {
		return err
	}
	byID := make(map[MessageID]*Message, len(kept))
	for _, msg := range kept {
		byID[msg.ID] = msg
	}
	for i, id := range earlier {
		if id == "" {
			errs[places[i]] = fmt.Errorf("event id %q: %w", msgs[places[i]].EventID, ErrExists)
			continue
		}
		if msg := byID[id]; msg != nil {
			msg.Warnings = msgs[places[i]].Warnings
			*msgs[places[i]] = *msg
		}
		msgs[places[i]].ID = id
	}
	return nil
}
