package storetest

import (
	"cmp"
	"context"
	"slices"

	"github.com/fanfarehq/fanfare"
)

// CreateTask implements [fanfare.Tasks].
func (m *Model) CreateTask(_ context.Context, t *fanfare.Task, keep fanfare.TaskKeep) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.applications[t.Application] == nil {
		return fanfare.ErrNotFound
	}
	running := 0
	for _, other := range m.tasks {
		if other.State == fanfare.TaskRunning && other.Application == t.Application {
			running++
		}
	}
	if t.State == fanfare.TaskRunning && running >= fanfare.MaxRunningTasks {
		return fanfare.ErrTooMany
	}
	m.tasks[t.ID] = cloneTask(t)
	var ended []*fanfare.Task
	for id, t := range m.tasks {
		switch {
		case t.State == fanfare.TaskRunning:
		case t.UpdatedAt.Before(keep.Since):
			delete(m.tasks, id)
		default:
			ended = append(ended, t)
		}
	}
	slices.SortFunc(ended, func(a, b *fanfare.Task) int { return cmp.Compare(b.ID, a.ID) })
	for _, t := range ended[min(keep.Most, len(ended)):] {
		delete(m.tasks, t.ID)
	}
	return nil
}

// Task implements [fanfare.Tasks].
func (m *Model) Task(_ context.Context, id fanfare.TaskID) (*fanfare.Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.tasks[id]; t != nil {
		return cloneTask(t), nil
	}
	return nil, fanfare.ErrNotFound
}

// Tasks implements [fanfare.Tasks].
func (m *Model) Tasks(_ context.Context, f fanfare.TaskFilter) ([]*fanfare.Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := func(t *fanfare.Task) string { return string(t.ID) }
	want := func(t *fanfare.Task) bool {
		return (f.Application == "" || t.Application == f.Application) &&
			(len(f.Kinds) == 0 || slices.Contains(f.Kinds, t.Kind)) &&
			(len(f.States) == 0 || slices.Contains(f.States, t.State)) && t.Within(f.Within)
	}
	return pick(m.tasks, f.Page, id, want, cloneTask), nil
}

// StepTask implements [fanfare.Tasks].
func (m *Model) StepTask(_ context.Context, step *fanfare.TaskStep) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tasks[step.Task]
	if t == nil || t.State != fanfare.TaskRunning || t.Revision != step.Revision {
		return false, nil
	}
	t.State, t.At, t.Error, t.UpdatedAt = step.State, step.At, step.Error, stored(step.Time)
	t.Revision++
	t.Done -= step.Undone
	for _, d := range step.Again {
		if had := m.deliveries[way{d.Message, d.Endpoint}]; had != nil && had.State == d.State && m.messages[d.Message].Application == t.Application {
			m.waitLocked(had, d)
			t.Done++
		}
	}
	for _, d := range step.New {
		_, ok := m.messageLocked(t.Application, d.Message)
		_, has := m.endpointLocked(t.Application, d.Endpoint)
		if ok && has && m.deliveries[way{d.Message, d.Endpoint}] == nil {
			made := &fanfare.Delivery{Message: d.Message, Endpoint: d.Endpoint, OrderingKey: d.OrderingKey}
			m.deliveries[way{d.Message, d.Endpoint}] = made
			m.waitLocked(made, d)
			t.Done++
		}
	}
	for _, id := range step.Expunge {
		if msg, ok := m.messageLocked(t.Application, id); ok && msg.Payload != nil {
			msg.Payload = nil
			t.Done++
		}
	}
	m.writeLocked(t, step)
	return true, nil
}

// waitLocked makes d wait as asked, in a manual round.
func (m *Model) waitLocked(d, asked *fanfare.Delivery) {
	d.State, d.Attempts, d.Manual = fanfare.Waiting, 0, true
	d.Due = stored(asked.Due)
	d.Rank = fanfare.RankOf(m.endpoints[d.Endpoint].Ordered, d.Due)
}

// WalkDeliveries implements [fanfare.Tasks].
func (m *Model) WalkDeliveries(_ context.Context, app fanfare.ApplicationID, ep fanfare.EndpointID, w fanfare.Walk) ([]*fanfare.Delivery, fanfare.MessageID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	passed := map[fanfare.MessageID]*fanfare.Delivery{}
	only := len(w.States) == 1 && w.States[0] > fanfare.Delivered // then the others are not looked at: stores have an index
	for _, d := range m.deliveries {
		if d.Endpoint == ep && m.messages[d.Message].Application == app && (!only || d.State == w.States[0]) {
			passed[d.Message] = d
		}
	}
	found, next := walk(passed, w, func(d *fanfare.Delivery) bool {
		return (len(w.States) == 0 || slices.Contains(w.States, d.State)) &&
			(w.StatusClass == 0 || m.lastClassLocked(d) == w.StatusClass) && selected(m.messages[d.Message], w.Selection)
	})
	for i, d := range found {
		found[i] = cloneDelivery(d)
	}
	return found, next, nil
}

// WalkMessages implements [fanfare.Tasks].
func (m *Model) WalkMessages(_ context.Context, app fanfare.ApplicationID, ep fanfare.EndpointID, w fanfare.Walk) ([]*fanfare.Message, fanfare.MessageID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	passed := map[fanfare.MessageID]*fanfare.Message{}
	for _, msg := range m.messages {
		if msg.Application == app {
			passed[msg.ID] = msg
		}
	}
	found, next := walk(passed, w, func(msg *fanfare.Message) bool {
		return selected(msg, w.Selection) && (ep == "" || m.deliveries[way{msg.ID, ep}] == nil)
	})
	for i, msg := range found {
		found[i] = cloneMessage(msg)
		found[i].Payload = nil
		found[i].EventID, found[i].ContentType = "", ""
	}
	return found, next, nil
}

// walk looks at what is behind a place, in order.
func walk[V any](all map[fanfare.MessageID]*V, w fanfare.Walk, want func(*V) bool) (found []*V, next fanfare.MessageID) {
	var ids []fanfare.MessageID
	for id := range all {
		if id > w.After {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for i, id := range ids {
		if i == w.Look || len(found) == w.Limit {
			return found, ids[i-1]
		}
		if want(all[id]) {
			found = append(found, all[id])
		}
	}
	return found, ""
}

func selected(msg *fanfare.Message, s fanfare.Selection) bool {
	return msg.Payload != nil && within(msg.CreatedAt, s.Since, s.Until) && matches(msg, s.EventTypes, s.Channel, s.Tag) && msg.Within(s.Within)
}

// lastClassLocked is the class of the status of a delivery's last attempt; -1: there is none.
func (m *Model) lastClassLocked(d *fanfare.Delivery) int {
	var last *fanfare.Attempt
	for _, a := range m.attempts {
		if a.Message == d.Message && a.Endpoint == d.Endpoint && (last == nil || a.ID > last.ID) {
			last = a
		}
	}
	if last == nil {
		return -1
	}
	return last.Status / 100
}

// ExpungeResponse implements [fanfare.Log].
func (m *Model) ExpungeResponse(_ context.Context, app fanfare.ApplicationID, msg fanfare.MessageID, id fanfare.AttemptID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.attempts[id]
	if _, ok := m.messageLocked(app, msg); !ok || a == nil || a.Message != msg {
		return fanfare.ErrNotFound
	}
	a.ResponseHeader, a.ResponseBody, a.Truncated = nil, nil, false
	return nil
}

func cloneTask(t *fanfare.Task) *fanfare.Task {
	c := *t
	c.Selection.EventTypes = slices.Clone(t.Selection.EventTypes)
	c.Selection.States = slices.Clone(t.Selection.States)
	c.Selection.Messages = slices.Clone(t.Selection.Messages)
	c.Selection.Within = slices.Clone(t.Selection.Within)
	c.Selection.Since, c.Selection.Until = stored(t.Selection.Since), stored(t.Selection.Until)
	c.Export.ExpiresAt = stored(t.Export.ExpiresAt)
	c.CreatedAt, c.UpdatedAt = stored(t.CreatedAt), stored(t.UpdatedAt)
	return &c
}
