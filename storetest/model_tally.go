package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

type tallyKey struct {
	begins int64
	hub    [16]byte
}

// KeepTallies implements [fanfare.Tallies].
func (m *Model) KeepTallies(_ context.Context, hub [16]byte, some []fanfare.Tally) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tallies == nil {
		m.tallies = make(map[tallyKey]fanfare.Tally)
	}
	for _, t := range some {
		t.Begins = stored(t.Begins)
		m.tallies[tallyKey{t.Begins.UnixMicro(), hub}] = t
	}
	return nil
}

// Tallies implements [fanfare.Tallies].
func (m *Model) Tallies(_ context.Context, but [16]byte, since, until time.Time) (all []fanfare.Tally, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sums := make(map[int64]fanfare.Tally)
	for key, t := range m.tallies {
		if key.hub == but || !within(t.Begins, since, until) {
			continue
		}
		sum := sums[key.begins]
		sums[key.begins] = fanfare.Tally{
			Begins: t.Begins, Accepted: sum.Accepted + t.Accepted, Delivered: sum.Delivered + t.Delivered,
			GivenUp: sum.GivenUp + t.GivenUp, Failed: sum.Failed + t.Failed,
		}
	}
	for _, t := range sums {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b fanfare.Tally) int { return a.Begins.Compare(b.Begins) })
	return all, nil
}

// PruneTallies implements [fanfare.Tallies].
func (m *Model) PruneTallies(_ context.Context, t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.tallies {
		if key.begins < stored(t.Add(time.Microsecond-1)).UnixMicro() {
			delete(m.tallies, key)
		}
	}
	return nil
}
