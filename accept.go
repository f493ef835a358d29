package fanfare

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	r, err := h.catalogue.of(ctx, app)
	if err != nil {
		return nil, err
	}
	errs = make([]error, len(msgs))
	intakes := make([]*Intake, 0, len(msgs))
	places := make([]int, 0, len(msgs)) // of the intakes in msgs
	wanted := make([][]*target, 0, len(msgs))
	for i, msg := range msgs {
		if errs[i] = h.checkMessage(msg); errs[i] != nil {
			continue
		}
		in, targets, err := h.intake(r, msg)
		if err != nil {
			errs[i] = err
			continue
		}
		intakes, places, wanted = append(intakes, in), append(places, i), append(wanted, targets)
	}
	if len(intakes) == 0 {
		return errs, nil
	}
	earlier, err := h.store.Accept(ctx, r.app.ID, intakes, key)
	if err != nil {
		return nil, fmt.Errorf("application %s: accepting: %w", r.app.ID, err)
	}
	if earlier != nil {
		return errs, h.replay(ctx, r.app.ID, earlier, msgs, errs, places)
	}
	for i, in := range intakes {
		if in.Err != nil {
			errs[places[i]] = fmt.Errorf("event id %q: %w", in.Message.EventID, in.Err)
			continue
		}
		h.counters.accepted.Add(1)
		if len(wanted[i]) > 0 && h.inbox.open.Load() {
			h.recent.put(in.Message, len(wanted[i]))
			h.inbox.put(accepted{in, wanted[i]})
		}
	}
	return errs, nil
}

// intake makes msg ready to be stored, with a delivery to each endpoint that
// wants it.
func (h *Hub) intake(r *roster, msg *Message) (*Intake, []*target, error) {
	now := h.now()
	msg.ID = MessageID(h.ids.next(now, "msg_"))
	msg.Application, msg.CreatedAt = r.app.ID, now
	due := now
	if msg.DeliverAt.After(now) {
		due = msg.DeliverAt
	}
	in := &Intake{Message: msg}
	var targets []*target
	for _, t := range r.targets {
		if t.Disabled || !t.Wants(msg.EventType, msg.Channels) {
			continue
		}
		targets = append(targets, t)
		in.Deliveries = append(in.Deliveries, Delivery{
			Message: msg.ID, Endpoint: t.ID,
			Due: due, Rank: RankOf(t.Ordered, due), OrderingKey: msg.OrderingKey,
		})
	}
	if len(targets) > h.opt.MaxEndpoints {
		return nil, nil, &InvalidError{"eventType", fmt.Sprintf("goes to %d endpoints; at most %d are allowed", len(targets), h.opt.MaxEndpoints)}
	}
	return in, targets, nil
}

// replay fills in the messages that were accepted when the request first came.
func (h *Hub) replay(ctx context.Context, app ApplicationID, earlier []MessageID, msgs []*Message, errs []error, places []int) error {
	for i, id := range earlier {
		if id == "" {
			errs[places[i]] = fmt.Errorf("event id %q: %w", msgs[places[i]].EventID, ErrExists)
			continue
		}
		msg, err := h.store.Message(ctx, app, string(id))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err == nil {
			*msgs[places[i]] = *msg
		}
		msgs[places[i]].ID = id
	}
	return nil
}

// recentBudget bounds the payloads kept in memory between acceptance and the
// first attempt, in bytes.
const recentBudget = 64 << 20

// recent keeps messages that were just accepted, so that their first attempts
// need not read them back. What it does not have is in the store.
type recent struct {
	mu    sync.Mutex
	byID  map[MessageID]*recentMessage
	order []MessageID // oldest first, with some that are gone already
	bytes int
}

type recentMessage struct {
	*Message
	uses int // first attempts still to come
}

func (r *recent) put(msg *Message, uses int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		r.byID = make(map[MessageID]*recentMessage)
	}
	r.byID[msg.ID] = &recentMessage{msg, uses}
	r.order = append(r.order, msg.ID)
	r.bytes += len(msg.Payload)
	for r.bytes > recentBudget || len(r.order) > 2*len(r.byID)+1024 {
		r.dropLocked(r.order[0])
		r.order = r.order[1:]
	}
}

// get returns a message if it is here, or nil.
func (r *recent) get(id MessageID) *Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.byID[id]; m != nil {
		return m.Message
	}
	return nil
}

// used says that one first attempt has been made.
func (r *recent) used(id MessageID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.byID[id]; m != nil {
		if m.uses--; m.uses <= 0 {
			r.dropLocked(id)
		}
	}
}

func (r *recent) drop(id MessageID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropLocked(id)
}

func (r *recent) dropLocked(id MessageID) {
	if m := r.byID[id]; m != nil {
		r.bytes -= len(m.Payload)
		delete(r.byID, id)
	}
}
