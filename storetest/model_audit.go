package storetest

import (
	"cmp"
	"context"
	"slices"

	"github.com/fanfarehq/fanfare"
)

// AddAudit implements [fanfare.AuditLog].
func (m *Model) AddAudit(_ context.Context, e *fanfare.AuditEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.audit == nil {
		m.audit = map[fanfare.AuditID]*fanfare.AuditEntry{}
	}
	m.audit[e.ID] = cloneAudit(e)
	return nil
}

// AuditEntries implements [fanfare.AuditLog].
func (m *Model) AuditEntries(_ context.Context, f fanfare.AuditFilter) ([]*fanfare.AuditEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := func(e *fanfare.AuditEntry) string { return string(e.ID) }
	want := func(e *fanfare.AuditEntry) bool {
		return within(e.At, f.Since, f.Until) && (f.Actor == "" || f.Actor == e.Actor) &&
			(f.Object == "" || f.Object == e.Object || f.Object == e.Application)
	}
	return pick(m.audit, f.Page, id, want, cloneAudit), nil
}

// PruneAudit implements [fanfare.AuditLog].
func (m *Model) PruneAudit(_ context.Context, keep fanfare.AuditKeep) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.audit)
	for refused, most := range map[bool]int{false: keep.Done, true: keep.Refused} {
		var kind []*fanfare.AuditEntry
		for _, e := range m.audit {
			if e.At.Before(keep.Since) {
				delete(m.audit, e.ID)
			} else if e.Refused == refused {
				kind = append(kind, e)
			}
		}
		slices.SortFunc(kind, func(a, b *fanfare.AuditEntry) int { return cmp.Compare(b.ID, a.ID) })
		for _, e := range kind[min(most, len(kind)):] {
			delete(m.audit, e.ID)
		}
	}
	return before - len(m.audit), nil
}

func cloneAudit(e *fanfare.AuditEntry) *fanfare.AuditEntry {
	c := *e
	c.At = stored(e.At)
	c.Fields = slices.Clone(e.Fields)
	return &c
}
