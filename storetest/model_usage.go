package storetest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// Usage implements [fanfare.Usages].
func (m *Model) Usage(_ context.Context, app fanfare.ApplicationID, since, until time.Time, most int) (total fanfare.Usage, top []fanfare.Usage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	types := map[string]*fanfare.Usage{}
	for _, msg := range m.messages {
		if app != "" && msg.Application != app || msg.IsTest() || !within(msg.CreatedAt, since, until) {
			continue
		}
		of := types[msg.EventType]
		if of == nil {
			of = &fanfare.Usage{EventType: msg.EventType}
			types[msg.EventType] = of
		}
		total.Messages++
		of.Messages++
		for _, d := range m.deliveries {
			if d.Message == msg.ID {
				total.Deliveries++
				of.Deliveries++
			}
		}
	}
	for _, of := range types {
		top = append(top, *of)
	}
	slices.SortFunc(top, func(a, b fanfare.Usage) int {
		return cmp.Or(b.Messages-a.Messages, cmp.Compare(a.EventType, b.EventType))
	})
	if most == 0 {
		return total, nil, nil
	}
	return total, top[:min(most, len(top))], nil
}

// standsLocked reports whether a delivery of msg is in one of the states, or none
// is named.
func (m *Model) standsLocked(msg *fanfare.Message, states []fanfare.State, channels []string) bool {
	if len(states) == 0 {
		return true
	}
	for _, d := range m.deliveries {
		if d.Message == msg.ID && slices.Contains(states, d.State) && m.endpoints[d.Endpoint].Within(channels) {
			return true
		}
	}
	return false
}
