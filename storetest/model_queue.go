package storetest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// Accept implements [fanfare.Queue].
func (m *Model) Accept(_ context.Context, app fanfare.ApplicationID, in []*fanfare.Intake, key *fanfare.Idempotency) ([]fanfare.MessageID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.applications[app] == nil {
		return nil, fanfare.ErrNotFound
	}
	now := time.Now()
	if key != nil {
		earlier, ok := m.requests[requestKey{app, key.Key}]
		switch {
		case !ok || !now.Before(earlier.until):
		case earlier.fingerprint != key.Fingerprint:
			return nil, fanfare.ErrConflict
		default:
			return slices.Clone(earlier.ids), nil
		}
	}
	ids := make([]fanfare.MessageID, len(in))
	for i, intake := range in {
		intake.Err = m.acceptLocked(app, intake)
		if intake.Err == nil {
			ids[i] = intake.Message.ID
		}
	}
	if key != nil {
		m.requests[requestKey{app, key.Key}] = request{key.Fingerprint, ids, now.Add(keyRetention)}
	}
	return nil, nil
}

// acceptLocked stores one message. A delivery to an endpoint that has been
// deleted meanwhile is left out, as if the deletion had come afterwards.
func (m *Model) acceptLocked(app fanfare.ApplicationID, in *fanfare.Intake) error {
	for _, msg := range m.messages {
		if in.Message.EventID == "" { // it is like no other
			break
		}
		if msg.Application == app && msg.EventID == in.Message.EventID && msg.EventTypeVersion == in.Message.EventTypeVersion {
			return fanfare.ErrExists
		}
	}
	msg := cloneMessage(in.Message)
	msg.Application = app
	if msg.Payload == nil {
		msg.Payload = []byte{} // nil is what an expunged one is
	}
	m.messages[msg.ID] = msg
	m.sawLocked("msg_", string(msg.ID))
	for i, d := range in.Deliveries {
		if _, ok := m.endpointLocked(app, d.Endpoint); ok {
			d.Message = msg.ID
			if d.Latest {
				m.replaceLocked(&d)
				in.Deliveries[i].Due, in.Deliveries[i].Rank, in.Deliveries[i].Replaced = d.Due, d.Rank, d.Replaced
				d.Latest, d.Replaced = false, ""
			}
			m.deliveries[way{d.Message, d.Endpoint}] = cloneDelivery(&d)
		}
	}
	return nil
}

// replaceLocked cancels the delivery whose place d takes.
func (m *Model) replaceLocked(d *fanfare.Delivery) {
	var old *fanfare.Delivery
	for _, other := range m.deliveries {
		if other.Endpoint == d.Endpoint && other.OrderingKey == d.OrderingKey && other.State == fanfare.Waiting &&
			other.Attempts == 0 && !other.Manual && (old == nil || inLane(other, old) < 0) {
			old = other
		}
	}
	d.Replaced = ""
	if old == nil {
		return
	}
	old.State, d.Replaced = fanfare.Cancelled, old.Message
	if old.Due.Before(d.Due) {
		d.Due, d.Rank = old.Due, fanfare.RankOf(d.Rank == 0, old.Due)
	}
}

func (m *Model) byEventIDLocked(app fanfare.ApplicationID, eventID string) (first *fanfare.Message) {
	for _, msg := range m.messages {
		if msg.Application == app && msg.EventID == eventID && (first == nil || msg.EventTypeVersion > first.EventTypeVersion) {
			first = msg
		}
	}
	return first
}

// Record implements [fanfare.Queue]. An attempt that was recorded before
// changes nothing, and is kept only while there is the message it belongs to.
func (m *Model) Record(_ context.Context, os ...*fanfare.Outcome) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range os {
		m.recordLocked(o)
	}
	return nil
}

func (m *Model) recordLocked(o *fanfare.Outcome) {
	d := m.deliveries[way{o.Attempt.Message, o.Attempt.Endpoint}]
	if d == nil || m.attempts[o.Attempt.ID] != nil {
		return
	}
	o.Attempt.Manual = d.Manual
	m.attempts[o.Attempt.ID] = cloneAttempt(o.Attempt)
	m.placeLocked(o.Attempt.ID)
	m.sawLocked("atmpt_", string(o.Attempt.ID))
	if d.State != fanfare.Waiting {
		return
	}
	after := &o.Delivery
	d.State, d.Due, d.Attempts = after.State, stored(after.Due), after.Attempts
	d.Rank = fanfare.RankOf(m.endpoints[d.Endpoint].Ordered, d.Due)
}

// Lanes implements [fanfare.Queue], in order of endpoint.
func (m *Model) Lanes(context.Context) ([]fanfare.Lane, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var lanes []fanfare.Lane
	for _, d := range m.deliveries {
		if d.State == fanfare.Waiting {
			lanes = append(lanes, fanfare.Lane{Application: m.endpoints[d.Endpoint].Application, Endpoint: d.Endpoint})
		}
	}
	slices.SortFunc(lanes, func(a, b fanfare.Lane) int { return cmp.Compare(a.Endpoint, b.Endpoint) })
	return slices.Compact(lanes), nil
}

// Waiting implements [fanfare.Queue].
func (m *Model) Waiting(_ context.Context, q fanfare.WaitingQuery) ([]*fanfare.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := &fanfare.Delivery{Rank: q.AfterRank, Message: q.AfterMessage}
	var found []*fanfare.Delivery
	for _, d := range m.deliveries {
		if d.Endpoint == q.Endpoint && d.State == fanfare.Waiting && inLane(d, after) > 0 &&
			(q.Key == nil || d.OrderingKey == *q.Key) {
			found = append(found, cloneDelivery(d))
		}
	}
	slices.SortFunc(found, inLane)
	return found[:min(q.Limit, len(found))], nil
}

// inLane compares the places of two deliveries in their lane.
func inLane(a, b *fanfare.Delivery) int {
	return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Message, b.Message))
}

// Resend implements [fanfare.Queue].
func (m *Model) Resend(_ context.Context, app fanfare.ApplicationID, d *fanfare.Delivery) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.messageLocked(app, d.Message); !ok {
		return fanfare.ErrNotFound
	}
	if _, ok := m.endpointLocked(app, d.Endpoint); !ok {
		return fanfare.ErrNotFound
	}
	again := cloneDelivery(d)
	again.State = fanfare.Waiting
	if had := m.deliveries[way{d.Message, d.Endpoint}]; had != nil {
		again.OrderingKey = had.OrderingKey
	}
	m.deliveries[way{d.Message, d.Endpoint}] = again
	return nil
}

// Cancel implements [fanfare.Queue]; the endpoints are in order.
func (m *Model) Cancel(ctx context.Context, app fanfare.ApplicationID, msg fanfare.MessageID) ([]fanfare.EndpointID, error) {
	return m.CancelWithin(ctx, app, msg, nil)
}

// CancelWithin implements [fanfare.Views].
func (m *Model) CancelWithin(_ context.Context, app fanfare.ApplicationID, msg fanfare.MessageID, within []string) ([]fanfare.EndpointID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found, ok := m.messageLocked(app, msg); !ok || !found.Within(within) {
		return nil, fanfare.ErrNotFound
	}
	var ended []fanfare.EndpointID
	for _, d := range m.deliveries {
		if d.Message == msg && d.State == fanfare.Waiting && m.endpoints[d.Endpoint].Within(within) {
			d.State = fanfare.Cancelled
			ended = append(ended, d.Endpoint)
		}
	}
	slices.Sort(ended)
	return ended, nil
}

// CancelLane implements [fanfare.Queue].
func (m *Model) CancelLane(_ context.Context, app fanfare.ApplicationID, ep fanfare.EndpointID) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.endpointLocked(app, ep); !ok {
		return 0, fanfare.ErrNotFound
	}
	n := 0
	for _, d := range m.deliveries {
		if d.Endpoint == ep && d.State == fanfare.Waiting {
			d.State = fanfare.Cancelled
			n++
		}
	}
	return n, nil
}
