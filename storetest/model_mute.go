package storetest

import (
	"context"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// CreateMute implements [fanfare.Mutes].
func (m *Model) CreateMute(_ context.Context, mute *fanfare.Mute, most int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.endpointLocked(mute.Application, mute.Endpoint); !ok {
		return fanfare.ErrNotFound
	}
	var at []fanfare.MuteID // the endpoint's
	for id, other := range m.mutes {
		if other.Endpoint != mute.Endpoint {
			continue
		}
		if other.Cause == mute.Cause {
			return fanfare.ErrExists
		}
		at = append(at, id)
	}
	if m.mutes == nil {
		m.mutes = make(map[fanfare.MuteID]*fanfare.Mute)
	}
	m.mutes[mute.ID] = cloneMute(mute)
	at = append(at, mute.ID)
	slices.SortFunc(at, func(a, b fanfare.MuteID) int { return strings.Compare(string(b), string(a)) })
	for _, id := range at[min(most, len(at)):] {
		delete(m.mutes, id)
	}
	return nil
}

// Mutes implements [fanfare.Mutes].
func (m *Model) Mutes(_ context.Context, f fanfare.MuteFilter) ([]*fanfare.Mute, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	want := func(mute *fanfare.Mute) bool {
		return f.Application == "" && f.Endpoint == "" || mute.Endpoint == f.Endpoint && mute.Application == f.Application
	}
	return pick(m.mutes, f.Page, func(mute *fanfare.Mute) string { return string(mute.ID) }, want, cloneMute), nil
}

// DeleteMute implements [fanfare.Mutes].
func (m *Model) DeleteMute(_ context.Context, app fanfare.ApplicationID, ep fanfare.EndpointID, id fanfare.MuteID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if mute := m.mutes[id]; mute == nil || mute.Application != app || mute.Endpoint != ep {
		return fanfare.ErrNotFound
	}
	delete(m.mutes, id)
	return nil
}

// dropMutesLocked removes the mutes of an endpoint.
func (m *Model) dropMutesLocked(ep fanfare.EndpointID) {
	for id, mute := range m.mutes {
		if mute.Endpoint == ep {
			delete(m.mutes, id)
		}
	}
}

func cloneMute(mute *fanfare.Mute) *fanfare.Mute {
	c := *mute
	c.CreatedAt = stored(mute.CreatedAt)
	return &c
}
