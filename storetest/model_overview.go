package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// EveryEndpoint implements [fanfare.Overview].
func (m *Model) EveryEndpoint(_ context.Context, f fanfare.EndpointFilter) (eps []*fanfare.Endpoint, next fanfare.EndpointID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*fanfare.Endpoint
	for id, ep := range m.endpoints {
		if f.Before == "" || id < f.Before {
			all = append(all, ep)
		}
	}
	slices.SortFunc(all, func(a, b *fanfare.Endpoint) int { return strings.Compare(string(b.ID), string(a.ID)) })
	for i, ep := range all {
		if i == f.Look || len(eps) == f.Limit {
			return eps, next, nil
		}
		next = ep.ID
		if ep.Application != fanfare.OperationalApplication && f.Which.Is(ep) {
			eps = append(eps, cloneEndpoint(ep))
		}
	}
	if len(all) < f.Look && len(eps) < f.Limit {
		next = ""
	}
	return eps, next, nil
}

// RecordedBefore implements [fanfare.Overview].
func (m *Model) RecordedBefore(_ context.Context, f fanfare.RecentFilter) (some []fanfare.Recent, next fanfare.Place, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []fanfare.Recent
	for id, a := range m.attempts {
		if place := m.places[id]; f.Before == 0 || place < f.Before {
			all = append(all, fanfare.Recent{Record: fanfare.Record{Place: place, Attempt: a}})
		}
	}
	slices.SortFunc(all, func(a, b fanfare.Recent) int { return cmp.Compare(b.Place, a.Place) })
	for i, r := range all {
		if i == f.Look || len(some) == f.Limit {
			return some, next, nil
		}
		next = r.Place
		r.Application = m.endpoints[r.Endpoint].Application
		if r.Application != fanfare.OperationalApplication && f.Wants(r.Class) {
			r.Attempt = cloneAttempt(r.Attempt)
			some = append(some, r)
		}
	}
	if len(all) < f.Look && len(some) < f.Limit {
		next = 0
	}
	return some, next, nil
}

// NewestAttempts implements [fanfare.Overview].
func (m *Model) NewestAttempts(_ context.Context, eps []fanfare.EndpointID, most int) (map[fanfare.EndpointID][]*fanfare.Attempt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of := make(map[fanfare.EndpointID][]*fanfare.Attempt)
	for id, ep := range m.endpoints {
		if !slices.Contains(eps, id) || ep.Application == fanfare.OperationalApplication {
			continue
		}
		newest := pick(m.attempts, fanfare.Page{Limit: most}, func(a *fanfare.Attempt) string { return string(a.ID) }, func(a *fanfare.Attempt) bool { return a.Endpoint == id }, cloneAttempt)
		for _, a := range newest {
			a.ResponseBody = nil
		}
		if len(newest) > 0 {
			of[id] = newest
		}
	}
	return of, nil
}
