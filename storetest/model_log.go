package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// Message implements [fanfare.Log]. An id goes before an event id.
func (m *Model) Message(_ context.Context, app fanfare.ApplicationID, ref string) (*fanfare.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if msg, ok := m.messageLocked(app, fanfare.MessageID(ref)); ok {
		return cloneMessage(msg), nil
	}
	if msg := m.byEventIDLocked(app, ref); ref != "" && msg != nil {
		return cloneMessage(msg), nil
	}
	return nil, fanfare.ErrNotFound
}

// Messages implements [fanfare.Log].
func (m *Model) Messages(_ context.Context, app fanfare.ApplicationID, f fanfare.MessageFilter) ([]*fanfare.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := func(msg *fanfare.Message) string { return string(msg.ID) }
	want := func(msg *fanfare.Message) bool {
		return msg.Application == app && within(msg.CreatedAt, f.Since, f.Until) &&
			matches(msg, f.EventTypes, f.Channel, f.Tag) && msg.Within(f.Within) && m.standsLocked(msg, f.States, f.Within)
	}
	want = look(m.messages, f.Page, id, func(msg *fanfare.Message) bool { return msg.Application == app }, want)
	page := pick(m.messages, f.Page, id, want, cloneMessage)
	size := 0
	for i, msg := range page {
		if size += len(msg.Payload); f.Bytes > 0 && size >= f.Bytes {
			return page[:i+1], nil
		}
	}
	return page, nil
}

// NamedMessages implements [fanfare.Log].
func (m *Model) NamedMessages(_ context.Context, app fanfare.ApplicationID, ids []fanfare.MessageID) (named []*fanfare.Message, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		if msg, ok := m.messageLocked(app, id); ok {
			named = append(named, cloneMessage(msg))
		}
	}
	return named, nil
}

// matches reports whether a message is what the three filters have in common.
func matches(msg *fanfare.Message, types []string, channel, tag string) bool {
	isOf := func(pattern string) bool {
		if group, wild := strings.CutSuffix(pattern, "*"); wild && group != "" && strings.Contains(".:/", group[len(group)-1:]) {
			return strings.HasPrefix(msg.EventType, group)
		}
		return pattern == msg.EventType
	}
	return (len(types) == 0 || slices.ContainsFunc(types, isOf)) &&
		(channel == "" || slices.Contains(msg.Channels, channel)) &&
		(tag == "" || slices.Contains(msg.Tags, tag))
}

// ExpungePayload implements [fanfare.Log].
func (m *Model) ExpungePayload(_ context.Context, app fanfare.ApplicationID, id fanfare.MessageID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	msg, ok := m.messageLocked(app, id)
	if !ok {
		return fanfare.ErrNotFound
	}
	msg.Payload = nil
	return nil
}

// Deliveries implements [fanfare.Log].
func (m *Model) Deliveries(_ context.Context, app fanfare.ApplicationID, f fanfare.DeliveryFilter) ([]*fanfare.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := func(d *fanfare.Delivery) string { return string(d.Endpoint) }
	if f.Endpoint != "" {
		id = func(d *fanfare.Delivery) string { return string(d.Message) }
	}
	want := func(d *fanfare.Delivery) bool {
		msg := m.messages[d.Message]
		return msg.Application == app &&
			(f.Message == "" || d.Message == f.Message) && (f.Endpoint == "" || d.Endpoint == f.Endpoint) &&
			(len(f.States) == 0 || slices.Contains(f.States, d.State)) &&
			within(msg.CreatedAt, f.Since, f.Until) && matches(msg, f.EventTypes, f.Channel, f.Tag) &&
			msg.Within(f.Within) && m.endpoints[d.Endpoint].Within(f.Within)
	}
	if f.Message == "" {
		want = look(m.deliveries, f.Page, id, func(d *fanfare.Delivery) bool { return d.Endpoint == f.Endpoint }, want)
	}
	return pick(m.deliveries, f.Page, id, want, cloneDelivery), nil
}

// DeliveriesOf implements [fanfare.Log].
func (m *Model) DeliveriesOf(ctx context.Context, messages map[fanfare.ApplicationID][]fanfare.MessageID, within []string) (map[fanfare.MessageID][]*fanfare.Delivery, error) {
	of := make(map[fanfare.MessageID][]*fanfare.Delivery)
	for app, ids := range messages {
		for _, id := range ids {
			if ds, _ := m.Deliveries(ctx, app, fanfare.DeliveryFilter{Message: id, Within: within, Page: everything}); len(ds) > 0 {
				of[id] = ds
			}
		}
	}
	return of, nil
}

// Attempts implements [fanfare.Log].
func (m *Model) Attempts(_ context.Context, app fanfare.ApplicationID, f fanfare.AttemptFilter) ([]*fanfare.Attempt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := func(a *fanfare.Attempt) string { return string(a.ID) }
	want := func(a *fanfare.Attempt) bool {
		msg, success := m.messages[a.Message], a.Class == fanfare.ClassSuccess
		return msg.Application == app &&
			(f.Message == "" || a.Message == f.Message) && (f.Endpoint == "" || a.Endpoint == f.Endpoint) &&
			(f.Outcome != fanfare.OnlySuccesses || success) && (f.Outcome != fanfare.OnlyFailures || !success) &&
			(f.StatusClass == 0 || a.Status/100 == f.StatusClass) &&
			within(a.StartedAt, f.Since, f.Until) && matches(msg, f.EventTypes, f.Channel, f.Tag) &&
			msg.Within(f.Within) && m.endpoints[a.Endpoint].Within(f.Within)
	}
	if f.Message == "" {
		want = look(m.attempts, f.Page, id, func(a *fanfare.Attempt) bool { return a.Endpoint == f.Endpoint }, want)
	}
	return pick(m.attempts, f.Page, id, want, cloneAttempt), nil
}

// Attempt implements [fanfare.Log].
func (m *Model) Attempt(_ context.Context, app fanfare.ApplicationID, msg fanfare.MessageID, id fanfare.AttemptID) (*fanfare.Attempt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.attempts[id]
	if _, ok := m.messageLocked(app, msg); !ok || a == nil || a.Message != msg {
		return nil, fanfare.ErrNotFound
	}
	return cloneAttempt(a), nil
}

// Stats implements [fanfare.Log]; a state without deliveries is not in the map.
func (m *Model) Stats(_ context.Context, app fanfare.ApplicationID, ep fanfare.EndpointID, since, until time.Time) (map[fanfare.State]int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	stats := map[fanfare.State]int{}
	for _, d := range m.deliveries {
		msg := m.messages[d.Message]
		if d.Endpoint == ep && msg.Application == app && !msg.IsTest() && within(msg.CreatedAt, since, until) {
			stats[d.State]++
		}
	}
	return stats, nil
}

// Prune implements [fanfare.Log], the oldest message first.
func (m *Model) Prune(_ context.Context, t time.Time, limit int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	waits := map[fanfare.MessageID]bool{}
	for _, d := range m.deliveries {
		waits[d.Message] = waits[d.Message] || d.State == fanfare.Waiting
	}
	var old []*fanfare.Message
	for _, msg := range m.messages {
		if msg.CreatedAt.Before(t) && !waits[msg.ID] {
			old = append(old, msg)
		}
	}
	slices.SortFunc(old, func(a, b *fanfare.Message) int { return cmp.Compare(a.ID, b.ID) })
	old = old[:min(limit, len(old))]
	for _, msg := range old {
		m.dropMessageLocked(msg.ID)
	}
	m.expireLocked(time.Now())
	return len(old), nil
}

// expireLocked forgets the keys and answers whose time is up.
func (m *Model) expireLocked(now time.Time) {
	for k, r := range m.requests {
		if !now.Before(r.until) {
			delete(m.requests, k)
		}
	}
	for k, a := range m.answers {
		if !now.Before(a.until) {
			delete(m.answers, k)
		}
	}
}

// Answer implements [fanfare.Log].
func (m *Model) Answer(_ context.Context, scope, key string) (*fanfare.Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.answers[answerKey{scope, key}]
	if !ok || !time.Now().Before(a.until) {
		return nil, fanfare.ErrNotFound
	}
	return cloneAnswer(a.answer), nil
}

// Remember implements [fanfare.Log].
func (m *Model) Remember(_ context.Context, scope, key string, a *fanfare.Answer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	old, ok := m.answers[answerKey{scope, key}]
	if ok && now.Before(old.until) && (old.answer.Status != 0 || a.Status == 0) {
		return fanfare.ErrExists
	}
	m.answers[answerKey{scope, key}] = kept{cloneAnswer(a), now.Add(keyRetention)}
	return nil
}

// Forget implements [fanfare.Log].
func (m *Model) Forget(_ context.Context, scope, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.answers[answerKey{scope, key}]; ok && old.answer.Status == 0 {
		delete(m.answers, answerKey{scope, key})
	}
	return nil
}

// Setting implements [fanfare.Log].
func (m *Model) Setting(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.settings[name]
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	return slices.Clone(value), nil
}

// SetSetting implements [fanfare.Log].
func (m *Model) SetSetting(_ context.Context, name string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settings[name] = slices.Clone(value)
	return nil
}
