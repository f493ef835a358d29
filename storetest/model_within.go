package storetest

import (
	"context"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// EndpointsWithin implements [fanfare.Views].
func (m *Model) EndpointsWithin(_ context.Context, app fanfare.ApplicationID, channels []string, page fanfare.Page) ([]*fanfare.Endpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := func(ep *fanfare.Endpoint) string { return string(ep.ID) }
	want := func(ep *fanfare.Endpoint) bool { return ep.Application == app && ep.Within(channels) }
	return pick(m.endpoints, page, id, want, cloneEndpoint), nil
}

// CountWithin implements [fanfare.Views]; a state without deliveries is not in the map.
func (m *Model) CountWithin(_ context.Context, app fanfare.ApplicationID, f fanfare.DeliveryFilter) (map[fanfare.State]int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := map[fanfare.State]int{}
	var looked []*fanfare.Delivery // the newest first
	for _, d := range m.deliveries {
		if d.Endpoint == f.Endpoint {
			looked = append(looked, d)
		}
	}
	slices.SortFunc(looked, func(a, b *fanfare.Delivery) int { return strings.Compare(string(b.Message), string(a.Message)) })
	if f.Limit > 0 {
		looked = looked[:min(f.Limit, len(looked))]
	}
	for _, d := range looked {
		msg := m.messages[d.Message]
		if msg.Application == app && !msg.IsTest() && within(msg.CreatedAt, f.Since, f.Until) &&
			msg.Within(f.Within) && m.endpoints[d.Endpoint].Within(f.Within) {
			counts[d.State]++
		}
	}
	return counts, nil
}

// CountWaiting implements [fanfare.Views].
func (m *Model) CountWaiting(ctx context.Context, app fanfare.ApplicationID, f fanfare.DeliveryFilter) (n int, _ error) {
	first, err := m.Waiting(ctx, fanfare.WaitingQuery{Endpoint: f.Endpoint, Limit: f.Limit})
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range first {
		if msg := m.messages[d.Message]; msg.Application == app && msg.Within(f.Within) && m.endpoints[d.Endpoint].Within(f.Within) {
			n++
		}
	}
	return n, err
}
