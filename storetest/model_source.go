package storetest

import (
	"context"
	"slices"

	"github.com/fanfarehq/fanfare"
)

// CreateSource implements [fanfare.Sources].
func (m *Model) CreateSource(_ context.Context, src *fanfare.Source, most int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.applications[src.Application] == nil {
		return fanfare.ErrNotFound
	}
	n := 0
	for _, other := range m.sources {
		if other.Application == src.Application {
			n++
		}
	}
	switch {
	case n >= most:
		return fanfare.ErrTooMany
	case m.sourceTakenLocked(src):
		return fanfare.ErrExists
	}
	src.Revision = 1
	if m.sources == nil {
		m.sources = make(map[fanfare.SourceID]*fanfare.Source)
	}
	m.sources[src.ID] = cloneSource(src)
	return nil
}

func (m *Model) sourceTakenLocked(src *fanfare.Source) bool {
	for _, other := range m.sources {
		if src.UID != "" && other.ID != src.ID && other.Application == src.Application && other.UID == src.UID {
			return true
		}
	}
	return false
}

// Source implements [fanfare.Sources].
func (m *Model) Source(_ context.Context, app fanfare.ApplicationID, ref string) (*fanfare.Source, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if src := m.sources[fanfare.SourceID(ref)]; src != nil && src.Application == app {
		return cloneSource(src), nil
	}
	for _, src := range m.sources {
		if ref != "" && src.Application == app && src.UID == ref {
			return cloneSource(src), nil
		}
	}
	return nil, fanfare.ErrNotFound
}

// SourceOf implements [fanfare.Sources].
func (m *Model) SourceOf(_ context.Context, hash [32]byte) (*fanfare.Source, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, src := range m.sources {
		if hash == fanfare.TokenHash(src.Token) || src.OldToken.Text != "" && hash == fanfare.TokenHash(src.OldToken.Text) {
			return cloneSource(src), nil
		}
	}
	return nil, fanfare.ErrNotFound
}

// Sources implements [fanfare.Sources].
func (m *Model) Sources(_ context.Context, app fanfare.ApplicationID, page fanfare.Page) ([]*fanfare.Source, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := func(src *fanfare.Source) string { return string(src.ID) }
	return pick(m.sources, page, id, func(src *fanfare.Source) bool { return src.Application == app }, cloneSource), nil
}

// UpdateSource implements [fanfare.Sources].
func (m *Model) UpdateSource(_ context.Context, src *fanfare.Source) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.sources[src.ID]
	switch {
	case old == nil || old.Application != src.Application:
		return fanfare.ErrNotFound
	case src.Revision != 0 && src.Revision != old.Revision:
		return fanfare.ErrConflict
	case m.sourceTakenLocked(src):
		return fanfare.ErrExists
	}
	src.Revision = old.Revision + 1
	m.sources[src.ID] = cloneSource(src)
	return nil
}

// DeleteSource implements [fanfare.Sources].
func (m *Model) DeleteSource(_ context.Context, app fanfare.ApplicationID, id fanfare.SourceID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if src := m.sources[id]; src == nil || src.Application != app {
		return fanfare.ErrNotFound
	}
	delete(m.sources, id)
	return nil
}

// dropSourcesLocked removes the sources of an application.
func (m *Model) dropSourcesLocked(app fanfare.ApplicationID) {
	for id, src := range m.sources {
		if src.Application == app {
			delete(m.sources, id)
		}
	}
}

func cloneSource(src *fanfare.Source) *fanfare.Source {
	c := *src
	c.OldToken.ExpiresAt = stored(src.OldToken.ExpiresAt)
	c.Secrets = slices.Clone(src.Secrets)
	for i := range c.Secrets {
		c.Secrets[i].ExpiresAt = stored(c.Secrets[i].ExpiresAt)
	}
	c.CreatedAt, c.UpdatedAt = stored(src.CreatedAt), stored(src.UpdatedAt)
	return &c
}
