package storetest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// CreateKey implements [fanfare.Access].
func (m *Model) CreateKey(_ context.Context, k *fanfare.Key, most int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k.Application != "" && m.applications[k.Application] == nil {
		return fanfare.ErrNotFound
	}
	n := 0
	for _, other := range m.keys {
		if other.Portal == k.Portal && (!k.Portal || other.Application == k.Application) {
			n++
		}
	}
	if n >= most {
		return fanfare.ErrTooMany
	}
	m.keys[k.ID] = cloneKey(k)
	return nil
}

// Key implements [fanfare.Access].
func (m *Model) Key(_ context.Context, id fanfare.KeyID) (*fanfare.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.keys[id]; k != nil {
		return cloneKey(k), nil
	}
	return nil, fanfare.ErrNotFound
}

// KeyOf implements [fanfare.Access].
func (m *Model) KeyOf(_ context.Context, hash [32]byte) (*fanfare.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.keys {
		if k.Hash == hash {
			return cloneKey(k), nil
		}
	}
	return nil, fanfare.ErrNotFound
}

// Keys implements [fanfare.Access].
func (m *Model) Keys(_ context.Context, page fanfare.Page) ([]*fanfare.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := func(k *fanfare.Key) string { return string(k.ID) }
	return pick(m.keys, page, id, func(*fanfare.Key) bool { return true }, cloneKey), nil
}

// PortalKeys implements [fanfare.Access].
func (m *Model) PortalKeys(_ context.Context, app fanfare.ApplicationID) ([]*fanfare.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := func(k *fanfare.Key) string { return string(k.ID) }
	own := func(k *fanfare.Key) bool { return k.Portal && k.Application == app }
	return pick(m.keys, fanfare.Page{Limit: len(m.keys)}, id, own, cloneKey), nil
}

// DeleteKey implements [fanfare.Access].
func (m *Model) DeleteKey(_ context.Context, id fanfare.KeyID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys[id] == nil {
		return fanfare.ErrNotFound
	}
	delete(m.keys, id)
	return nil
}

// UseKeys implements [fanfare.Access].
func (m *Model) UseKeys(_ context.Context, at map[fanfare.KeyID]time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, t := range at {
		if k := m.keys[id]; k != nil {
			k.UsedAt = stored(t)
		}
	}
	return nil
}

// CreateSession implements [fanfare.Access].
func (m *Model) CreateSession(_ context.Context, s *fanfare.Session, most int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.applications[s.Application] == nil {
		return fanfare.ErrNotFound
	}
	var own []*fanfare.Session
	for hash, other := range m.sessions {
		switch {
		case !other.ExpiresAt.After(s.CreatedAt):
			delete(m.sessions, hash)
		case other.Application == s.Application:
			own = append(own, other)
		}
	}
	slices.SortFunc(own, func(a, b *fanfare.Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), slices.Compare(a.Hash[:], b.Hash[:]))
	})
	for _, old := range own[:max(0, len(own)-most+1)] {
		delete(m.sessions, old.Hash)
	}
	m.sessions[s.Hash] = cloneSession(s)
	return nil
}

// SessionOf implements [fanfare.Access].
func (m *Model) SessionOf(_ context.Context, hash [32]byte) (*fanfare.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sessions[hash]; s != nil {
		return cloneSession(s), nil
	}
	return nil, fanfare.ErrNotFound
}

// Sessions implements [fanfare.Access].
func (m *Model) Sessions(_ context.Context, app fanfare.ApplicationID, now time.Time) (all []*fanfare.Session, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if s.Application == app && s.ExpiresAt.After(stored(now)) {
			all = append(all, cloneSession(s))
		}
	}
	slices.SortFunc(all, func(a, b *fanfare.Session) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), slices.Compare(b.Hash[:], a.Hash[:]))
	})
	return all, nil
}

// ExpireSessions implements [fanfare.Access].
func (m *Model) ExpireSessions(_ context.Context, app fanfare.ApplicationID, labels []string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if s.Application == app && s.ExpiresAt.After(at) && (len(labels) == 0 || slices.Contains(labels, s.Label)) {
			s.ExpiresAt = stored(at)
		}
	}
	return nil
}

// DeleteSession implements [fanfare.Access].
func (m *Model) DeleteSession(_ context.Context, hash [32]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, hash)
	return nil
}

// dropAccessLocked removes the keys and sessions of an application.
func (m *Model) dropAccessLocked(app fanfare.ApplicationID) {
	for id, k := range m.keys {
		if k.Application == app {
			delete(m.keys, id)
		}
	}
	for hash, s := range m.sessions {
		if s.Application == app {
			delete(m.sessions, hash)
		}
	}
}

func cloneKey(k *fanfare.Key) *fanfare.Key {
	c := *k
	c.Scopes, c.Channels = slices.Clone(k.Scopes), slices.Clone(k.Channels)
	c.ExpiresAt, c.UsedAt, c.CreatedAt = stored(k.ExpiresAt), stored(k.UsedAt), stored(k.CreatedAt)
	return &c
}

func cloneSession(s *fanfare.Session) *fanfare.Session {
	c := *s
	c.Capabilities = slices.Clone(s.Capabilities)
	c.FeatureFlags, c.Channels = slices.Clone(s.FeatureFlags), slices.Clone(s.Channels)
	c.ExpiresAt, c.CreatedAt = stored(s.ExpiresAt), stored(s.CreatedAt)
	return &c
}
