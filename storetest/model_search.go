package storetest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// LookForMessages implements [fanfare.Searches], in the order of ids.
func (m *Model) LookForMessages(_ context.Context, l fanfare.MessageLook) (found []*fanfare.Message, looked fanfare.Looked, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var since, until time.Time
	if !l.Since.IsZero() {
		since = l.Since.Add(-fanfare.SearchSlack)
	}
	if !l.Until.IsZero() {
		until = l.Until.Add(fanfare.SearchSlack)
	}
	var all []*fanfare.Message
	for _, msg := range m.messages {
		if (l.Before == "" || string(msg.ID) < l.Before) && (l.Application == "" || l.Application == msg.Application) && within(msg.CreatedAt, since, until) {
			all = append(all, msg)
		}
	}
	slices.SortFunc(all, func(a, b *fanfare.Message) int { return strings.Compare(string(b.ID), string(a.ID)) })
	size := 0
	for _, msg := range all {
		if looked.Count == l.Look || len(found) == l.Limit || l.Bytes > 0 && size >= l.Bytes {
			return found, looked, nil
		}
		looked = fanfare.Looked{Next: string(msg.ID), Count: looked.Count + 1, Back: msg.CreatedAt}
		if len(l.Text) > 0 {
			size += len(msg.Payload)
		}
		if (l.Application != "" || msg.Application != fanfare.OperationalApplication) && within(msg.CreatedAt, l.Since, l.Until) &&
			matches(msg, l.EventTypes, l.Channel, l.Tag) && msg.Within(l.Within) && bytes.Contains(msg.Payload, l.Text) {
			found = append(found, head(msg))
		}
	}
	if looked.Count < l.Look && len(found) < l.Limit && (l.Bytes == 0 || size < l.Bytes) {
		looked.Next = ""
	}
	return found, looked, nil
}

// head is a message without its payload.
func head(msg *fanfare.Message) *fanfare.Message {
	c := cloneMessage(msg)
	c.Payload = nil
	return c
}

// AttemptNamed implements [fanfare.Searches].
func (m *Model) AttemptNamed(_ context.Context, id fanfare.AttemptID, look int) (fanfare.Lane, fanfare.MessageID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.attempts[id]; a != nil {
		newest := slices.Sorted(maps.Keys(m.endpoints))
		newest = newest[max(0, len(newest)-look):]
		if ep := m.endpoints[a.Endpoint]; ep != nil && slices.Contains(newest, a.Endpoint) && ep.Application != fanfare.OperationalApplication {
			return fanfare.Lane{Application: ep.Application, Endpoint: ep.ID}, a.Message, nil
		}
	}
	return fanfare.Lane{}, "", fanfare.ErrNotFound
}

// MessagesNamed implements [fanfare.Searches].
func (m *Model) MessagesNamed(ctx context.Context, ref string, before fanfare.ApplicationID, look int) (found []*fanfare.Message, next fanfare.ApplicationID, err error) {
	m.mu.Lock()
	var apps []fanfare.ApplicationID
	for id := range m.applications {
		if before == "" || id < before {
			apps = append(apps, id)
		}
	}
	m.mu.Unlock()
	slices.SortFunc(apps, func(a, b fanfare.ApplicationID) int { return strings.Compare(string(b), string(a)) })
	if len(apps) >= look {
		apps, next = apps[:look], apps[look-1]
	}
	for _, app := range apps {
		if msg, err := m.Message(ctx, app, ref); err == nil && app != fanfare.OperationalApplication {
			found = append(found, head(msg))
		}
	}
	return found, next, nil
}
