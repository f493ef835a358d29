package storetest

import (
	"context"
	"time"

	"github.com/fanfarehq/fanfare"
)

// CreateApplication implements [fanfare.Catalogue].
func (m *Model) CreateApplication(_ context.Context, app *fanfare.Application) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.applicationTakenLocked(app) {
		return fanfare.ErrExists
	}
	app.Revision = 1
	m.applications[app.ID] = cloneApplication(app)
	return nil
}

// applicationTakenLocked reports whether another application has app's uid.
func (m *Model) applicationTakenLocked(app *fanfare.Application) bool {
	for _, other := range m.applications {
		if app.UID != "" && other.UID == app.UID && other.ID != app.ID {
			return true
		}
	}
	return false
}

// Application implements [fanfare.Catalogue]. An id goes before a uid.
func (m *Model) Application(_ context.Context, ref string) (*fanfare.Application, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if app, ok := m.applications[fanfare.ApplicationID(ref)]; ok {
		return cloneApplication(app), nil
	}
	for _, app := range m.applications {
		if ref != "" && app.UID == ref {
			return cloneApplication(app), nil
		}
	}
	return nil, fanfare.ErrNotFound
}

// Applications implements [fanfare.Catalogue].
func (m *Model) Applications(ctx context.Context, page fanfare.Page) ([]*fanfare.Application, error) {
	return m.ApplicationsBy(ctx, fanfare.ApplicationFilter{Page: page})
}

// ApplicationsBy implements [fanfare.ApplicationLists].
func (m *Model) ApplicationsBy(_ context.Context, f fanfare.ApplicationFilter) ([]*fanfare.Application, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := func(app *fanfare.Application) string { return string(app.ID) }
	want := func(app *fanfare.Application) bool {
		if f.Only != "" && f.Only != app.ID {
			return false
		}
		there, enabled := 0, 0
		for _, ep := range m.endpoints {
			if ep.Application == app.ID {
				there++
				if !ep.Disabled {
					enabled++
				}
			}
		}
		return !(f.WithEndpoints && there == 0) && !(f.WithEnabled && there > 0 && enabled == 0)
	}
	return pick(m.applications, f.Page, id, want, cloneApplication), nil
}

// UpdateApplication implements [fanfare.Catalogue].
func (m *Model) UpdateApplication(_ context.Context, app *fanfare.Application) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.applications[app.ID]
	if before == nil {
		return fanfare.ErrNotFound
	}
	if app.Revision != 0 && app.Revision != before.Revision {
		return fanfare.ErrConflict
	}
	if m.applicationTakenLocked(app) {
		return fanfare.ErrExists
	}
	app.Revision = before.Revision + 1
	m.applications[app.ID] = cloneApplication(app)
	return nil
}

// DeleteApplication implements [fanfare.Catalogue].
func (m *Model) DeleteApplication(ctx context.Context, id fanfare.ApplicationID) error {
	return m.DeleteApplicationAt(ctx, id, 0)
}

// DeleteApplicationAt implements [fanfare.Revisions].
func (m *Model) DeleteApplicationAt(_ context.Context, id fanfare.ApplicationID, revision int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch app := m.applications[id]; {
	case app == nil:
		return fanfare.ErrNotFound
	case revision != 0 && revision != app.Revision:
		return fanfare.ErrConflict
	}
	delete(m.applications, id)
	m.dropAccessLocked(id)
	m.dropSourcesLocked(id)
	for _, ep := range m.endpoints {
		if ep.Application == id {
			m.dropEndpointLocked(ep.ID)
		}
	}
	for _, msg := range m.messages {
		if msg.Application == id {
			m.dropMessageLocked(msg.ID)
		}
	}
	for k := range m.requests {
		if k.application == id {
			delete(m.requests, k)
		}
	}
	for _, t := range m.tasks {
		if t.Application == id {
			delete(m.tasks, t.ID)
		}
	}
	return nil
}

// CreateEndpoint implements [fanfare.Catalogue].
func (m *Model) CreateEndpoint(_ context.Context, ep *fanfare.Endpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.applications[ep.Application] == nil {
		return fanfare.ErrNotFound
	}
	if m.endpointTakenLocked(ep) {
		return fanfare.ErrExists
	}
	ep.Revision = 1
	m.endpoints[ep.ID] = cloneEndpoint(ep)
	return nil
}

// endpointTakenLocked reports whether another endpoint of the application has
// ep's uid.
func (m *Model) endpointTakenLocked(ep *fanfare.Endpoint) bool {
	for _, other := range m.endpoints {
		if ep.UID != "" && other.UID == ep.UID && other.Application == ep.Application && other.ID != ep.ID {
			return true
		}
	}
	return false
}

// Endpoint implements [fanfare.Catalogue]. An id goes before a uid.
func (m *Model) Endpoint(_ context.Context, app fanfare.ApplicationID, ref string) (*fanfare.Endpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ep, ok := m.endpointLocked(app, fanfare.EndpointID(ref)); ok {
		return cloneEndpoint(ep), nil
	}
	for _, ep := range m.endpoints {
		if ref != "" && ep.UID == ref && ep.Application == app {
			return cloneEndpoint(ep), nil
		}
	}
	return nil, fanfare.ErrNotFound
}

// Endpoints implements [fanfare.Catalogue].
func (m *Model) Endpoints(_ context.Context, app fanfare.ApplicationID, page fanfare.Page) ([]*fanfare.Endpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := func(ep *fanfare.Endpoint) string { return string(ep.ID) }
	own := func(ep *fanfare.Endpoint) bool { return ep.Application == app }
	return pick(m.endpoints, page, id, own, cloneEndpoint), nil
}

// UpdateEndpoint implements [fanfare.Catalogue].
func (m *Model) UpdateEndpoint(_ context.Context, ep *fanfare.Endpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, ok := m.endpointLocked(ep.Application, ep.ID)
	if !ok {
		return fanfare.ErrNotFound
	}
	if ep.Revision != 0 && ep.Revision != before.Revision {
		return fanfare.ErrConflict
	}
	if m.endpointTakenLocked(ep) {
		return fanfare.ErrExists
	}
	ep.Revision = before.Revision + 1
	after := cloneEndpoint(ep)
	if !ep.FailingSince.IsZero() {
		after.FailingSince = before.FailingSince
	}
	m.endpoints[ep.ID] = after
	if ep.Ordered == before.Ordered {
		return nil
	}
	for _, d := range m.deliveries {
		if d.Endpoint == ep.ID && d.State == fanfare.Waiting {
			d.Rank = fanfare.RankOf(ep.Ordered, d.Due)
		}
	}
	return nil
}

// DeleteEndpoint implements [fanfare.Catalogue].
func (m *Model) DeleteEndpoint(ctx context.Context, app fanfare.ApplicationID, id fanfare.EndpointID) error {
	return m.DeleteEndpointAt(ctx, app, id, 0)
}

// DeleteEndpointAt implements [fanfare.Revisions].
func (m *Model) DeleteEndpointAt(_ context.Context, app fanfare.ApplicationID, id fanfare.EndpointID, revision int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch ep, ok := m.endpointLocked(app, id); {
	case !ok:
		return fanfare.ErrNotFound
	case revision != 0 && revision != ep.Revision:
		return fanfare.ErrConflict
	}
	m.dropEndpointLocked(id)
	return nil
}

// SetFailingSince implements [fanfare.Catalogue].
func (m *Model) SetFailingSince(_ context.Context, id fanfare.EndpointID, t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ep := m.endpoints[id]; ep != nil {
		ep.FailingSince = stored(t)
	}
	return nil
}

// CreateEventType implements [fanfare.Catalogue].
func (m *Model) CreateEventType(_ context.Context, t *fanfare.EventType) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.eventTypes[t.Name] != nil {
		return fanfare.ErrExists
	}
	t.Revision = 1
	m.eventTypes[t.Name] = cloneEventType(t)
	return nil
}

// EventType implements [fanfare.Catalogue].
func (m *Model) EventType(_ context.Context, name string) (*fanfare.EventType, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.eventTypes[name]
	if t == nil {
		return nil, fanfare.ErrNotFound
	}
	return cloneEventType(t), nil
}

// EventTypes implements [fanfare.Catalogue]: with archived, those as well.
func (m *Model) EventTypes(_ context.Context, page fanfare.Page, archived bool) ([]*fanfare.EventType, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := func(t *fanfare.EventType) string { return t.Name }
	want := func(t *fanfare.EventType) bool { return archived || !t.Archived }
	return pick(m.eventTypes, page, name, want, cloneEventType), nil
}

// UpdateEventType implements [fanfare.Catalogue]. The name says which.
func (m *Model) UpdateEventType(_ context.Context, t *fanfare.EventType) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.eventTypes[t.Name]
	if before == nil {
		return fanfare.ErrNotFound
	}
	if t.Revision != 0 && (t.Revision != before.Revision || t.ID != before.ID) {
		return fanfare.ErrConflict
	}
	t.Revision = before.Revision + 1
	m.eventTypes[t.Name] = cloneEventType(t)
	return nil
}

// DeleteEventType implements [fanfare.Catalogue].
func (m *Model) DeleteEventType(ctx context.Context, name string) error {
	return m.DeleteEventTypeAt(ctx, name, 0)
}

// DeleteEventTypeAt implements [fanfare.Revisions].
func (m *Model) DeleteEventTypeAt(_ context.Context, name string, revision int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch t := m.eventTypes[name]; {
	case t == nil:
		return fanfare.ErrNotFound
	case revision != 0 && revision != t.Revision:
		return fanfare.ErrConflict
	}
	delete(m.eventTypes, name)
	return nil
}
