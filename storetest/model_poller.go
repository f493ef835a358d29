package storetest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

type consumerKey struct {
	endpoint fanfare.EndpointID
	name     string
}

func cloneConsumer(c *fanfare.Consumer) *fanfare.Consumer {
	n := *c
	n.SeenAt, n.CreatedAt = stored(c.SeenAt), stored(c.CreatedAt)
	return &n
}

// Consumer implements [fanfare.Pollers].
func (m *Model) Consumer(_ context.Context, app fanfare.ApplicationID, ep fanfare.EndpointID, name string) (*fanfare.Consumer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.consumers[consumerKey{ep, name}]
	if _, ok := m.endpointLocked(app, ep); !ok || c == nil {
		return nil, fanfare.ErrNotFound
	}
	return cloneConsumer(c), nil
}

// Consumers implements [fanfare.Pollers].
func (m *Model) Consumers(_ context.Context, app fanfare.ApplicationID, ep fanfare.EndpointID, page fanfare.Page) ([]*fanfare.Consumer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.endpointLocked(app, ep); !ok {
		return nil, nil
	}
	name := func(c *fanfare.Consumer) string { return c.Name }
	mine := func(c *fanfare.Consumer) bool { return c.Endpoint == ep }
	return pick(m.consumers, page, name, mine, cloneConsumer), nil
}

// MoveConsumer implements [fanfare.Pollers].
func (m *Model) MoveConsumer(_ context.Context, app fanfare.ApplicationID, c *fanfare.Consumer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, err := m.standLocked(app, c)
	switch {
	case err != nil:
		return err
	case known == nil && c.Epoch != 0, known != nil && (known.Epoch != c.Epoch || known.After > c.After):
		return fanfare.ErrConflict
	}
	m.putConsumerLocked(c, known)
	return nil
}

// SeekConsumer implements [fanfare.Pollers].
func (m *Model) SeekConsumer(_ context.Context, app fanfare.ApplicationID, c *fanfare.Consumer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, err := m.standLocked(app, c)
	if err != nil {
		return err
	}
	c.Epoch = 1
	if known != nil {
		c.Epoch = known.Epoch + 1
	}
	m.putConsumerLocked(c, known)
	return nil
}

// standLocked finds the consumer of c's name; nil if there is none, and may be.
func (m *Model) standLocked(app fanfare.ApplicationID, c *fanfare.Consumer) (*fanfare.Consumer, error) {
	if _, ok := m.endpointLocked(app, c.Endpoint); !ok {
		return nil, fanfare.ErrNotFound
	}
	known := m.consumers[consumerKey{c.Endpoint, c.Name}]
	if known != nil {
		return known, nil
	}
	n := 0
	for k := range m.consumers {
		if k.endpoint == c.Endpoint {
			n++
		}
	}
	if n >= fanfare.MaxConsumers {
		return nil, fanfare.ErrTooMany
	}
	return nil, nil
}

func (m *Model) putConsumerLocked(c, known *fanfare.Consumer) {
	n := cloneConsumer(c)
	if known != nil {
		n.CreatedAt = known.CreatedAt
	}
	m.consumers[consumerKey{c.Endpoint, c.Name}] = n
}

// DeleteConsumer implements [fanfare.Pollers].
func (m *Model) DeleteConsumer(_ context.Context, app fanfare.ApplicationID, ep fanfare.EndpointID, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := consumerKey{ep, name}
	if _, ok := m.endpointLocked(app, ep); !ok || m.consumers[k] == nil {
		return fanfare.ErrNotFound
	}
	delete(m.consumers, k)
	return nil
}

// ExpireConsumers implements [fanfare.Pollers].
func (m *Model) ExpireConsumers(_ context.Context, t time.Time, limit int) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, c := range m.consumers {
		if c.SeenAt.Before(t) && n < limit {
			delete(m.consumers, k)
			n++
		}
	}
	return n, nil
}

// dropConsumersLocked removes those of an endpoint.
func (m *Model) dropConsumersLocked(ep fanfare.EndpointID) {
	for k := range m.consumers {
		if k.endpoint == ep {
			delete(m.consumers, k)
		}
	}
}

// placeLocked gives an attempt that was just stored its place.
func (m *Model) placeLocked(id fanfare.AttemptID) {
	m.lastPlace++
	m.places[id] = m.lastPlace
}

// Recorded implements [fanfare.Pollers].
func (m *Model) Recorded(ctx context.Context, app fanfare.ApplicationID, after fanfare.Place, limit int) (some []fanfare.Record, next fanfare.Place, err error) {
	return m.RecordedWithin(ctx, app, nil, after, limit)
}

// RecordedWithin implements [fanfare.Views].
func (m *Model) RecordedWithin(_ context.Context, app fanfare.ApplicationID, within []string, after fanfare.Place, limit int) (some []fanfare.Record, next fanfare.Place, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []fanfare.Record
	for id, a := range m.attempts {
		if m.places[id] > after {
			all = append(all, fanfare.Record{Place: m.places[id], Attempt: a})
		}
	}
	slices.SortFunc(all, func(a, b fanfare.Record) int { return cmp.Compare(a.Place, b.Place) })
	next = after
	for _, r := range all[:min(limit, len(all))] {
		next = r.Place
		of := m.endpoints[r.Endpoint].Application
		if app == "" && of == fanfare.OperationalApplication || app != "" && of != app {
			continue
		}
		if !m.messages[r.Message].Within(within) || !m.endpoints[r.Endpoint].Within(within) {
			continue
		}
		some = append(some, fanfare.Record{Place: r.Place, Attempt: cloneAttempt(r.Attempt)})
	}
	return some, next, nil
}

// LastRecorded implements [fanfare.Pollers].
func (m *Model) LastRecorded(context.Context) (fanfare.Place, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lastPlace, nil
}
