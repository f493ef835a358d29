package storetest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

type sheetKey struct {
	begins   int64
	endpoint fanfare.EndpointID
	sheet    [16]byte
}

// KeepEndpointTallies implements [fanfare.EndpointTallies].
func (m *Model) KeepEndpointTallies(_ context.Context, sheet [16]byte, some []fanfare.EndpointTally) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sheets == nil {
		m.sheets = make(map[sheetKey]fanfare.EndpointTally)
	}
	for _, t := range some {
		t.Begins = stored(t.Begins)
		m.sheets[sheetKey{t.Begins.UnixMicro(), t.Endpoint, sheet}] = t
	}
	return nil
}

// EndpointTallies implements [fanfare.EndpointTallies].
func (m *Model) EndpointTallies(_ context.Context, but [][16]byte, eps []fanfare.EndpointID, since time.Time) (all []fanfare.EndpointTally, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sums := make(map[sheetKey]fanfare.EndpointTally)
	for key, t := range m.sheets {
		if slices.Contains(but, key.sheet) || !slices.Contains(eps, t.Endpoint) || !within(t.Begins, since, time.Time{}) {
			continue
		}
		key.sheet = [16]byte{}
		t.Succeeded, t.Failed = t.Succeeded+sums[key].Succeeded, t.Failed+sums[key].Failed
		sums[key] = t
	}
	for _, t := range sums {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b fanfare.EndpointTally) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), a.Begins.Compare(b.Begins))
	})
	return all, nil
}

// PruneEndpointTallies implements [fanfare.EndpointTallies].
func (m *Model) PruneEndpointTallies(_ context.Context, t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.sheets {
		if key.begins < stored(t.Add(time.Microsecond-1)).UnixMicro() {
			delete(m.sheets, key)
		}
	}
	return nil
}
