package storetest

import (
	"context"

	"github.com/fanfarehq/fanfare"
)

// CheckedEventTypes implements [fanfare.Checks].
func (m *Model) CheckedEventTypes(_ context.Context, page fanfare.Page) ([]*fanfare.EventType, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := func(t *fanfare.EventType) string { return t.Name }
	want := func(t *fanfare.EventType) bool {
		return !t.Archived && t.Validation != fanfare.ValidationOff ||
			t.CurrentVersion != 0 || !t.DeprecatedAt.IsZero() || !t.SunsetAt.IsZero() || len(t.Versions) > 0
	}
	return pick(m.eventTypes, page, name, want, cloneEventType), nil
}
