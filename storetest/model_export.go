package storetest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A partOf is what a task has written under a number.
type partOf struct {
	task fanfare.TaskID
	n    int
}

// writeLocked notes what a step has written.
func (m *Model) writeLocked(t *fanfare.Task, step *fanfare.TaskStep) {
	t.Export.ExpiresAt = stored(step.Expires)
	p := step.Part
	if p == nil {
		return
	}
	m.parts[partOf{t.ID, t.Export.Parts}] = bytes.Clone(p.Content)
	t.Export.Parts++
	t.Export.Lines += p.Lines
	t.Export.Damaged += p.Damaged
	t.Export.Size += int64(len(p.Content))
	t.Done += p.Messages
}

// keepsLocked reports whether what a task has written is there.
func (m *Model) keepsLocked(id fanfare.TaskID, now time.Time) bool {
	t := m.tasks[id]
	return t != nil && (t.State == fanfare.TaskRunning || t.State == fanfare.TaskFinished && t.Export.ExpiresAt.After(now))
}

// TaskPart implements [fanfare.Exports].
func (m *Model) TaskPart(_ context.Context, id fanfare.TaskID, n int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.parts[partOf{id, n}]
	if !ok || !m.keepsLocked(id, time.Now()) {
		return nil, fanfare.ErrNotFound
	}
	return bytes.Clone(content), nil
}

// ExpireTask implements [fanfare.Exports].
func (m *Model) ExpireTask(_ context.Context, id fanfare.TaskID, t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	task := m.tasks[id]
	if task == nil || task.State != fanfare.TaskFinished {
		return fanfare.ErrNotFound
	}
	task.Export.ExpiresAt = stored(t)
	return nil
}

// SweepParts implements [fanfare.Exports].
func (m *Model) SweepParts(_ context.Context, now time.Time, limit int) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range slices.Collect(maps.Keys(m.parts)) {
		if n < limit && !m.keepsLocked(p.task, now) {
			delete(m.parts, p)
			n++
		}
	}
	return n, nil
}

// Expunged implements [fanfare.Exports].
func (m *Model) Expunged(_ context.Context, app fanfare.ApplicationID, ids []fanfare.MessageID) (gone []fanfare.MessageID, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if msg, ok := m.messageLocked(app, id); ok && msg.Payload == nil {
			gone = append(gone, id)
		}
	}
	return gone, nil
}

// CountDeliveries implements [fanfare.Counts].
func (m *Model) CountDeliveries(ctx context.Context, app fanfare.ApplicationID, ep fanfare.EndpointID, w fanfare.Walk) (int, fanfare.MessageID, error) {
	w.Limit = w.Look + 1
	found, next, err := m.WalkDeliveries(ctx, app, ep, w)
	return len(found), next, err
}

// CountMessages implements [fanfare.Counts].
func (m *Model) CountMessages(_ context.Context, app fanfare.ApplicationID, w fanfare.Walk) (n, expunged int, next fanfare.MessageID, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	passed := map[fanfare.MessageID]*fanfare.Message{}
	for _, msg := range m.messages {
		if msg.Application == app && (w.To == "" || msg.ID <= w.To) {
			passed[msg.ID] = msg
		}
	}
	w.Limit = w.Look + 1
	s := w.Selection
	found, next := walk(passed, w, func(msg *fanfare.Message) bool {
		return within(msg.CreatedAt, s.Since, s.Until) && matches(msg, s.EventTypes, s.Channel, s.Tag) && msg.Within(s.Within)
	})
	for _, msg := range found {
		if msg.Payload == nil {
			expunged++
		}
	}
	return len(found), expunged, next, nil
}
