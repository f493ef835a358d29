package storetest

import (
	"time"

	"github.com/fanfarehq/fanfare"
)

var auditTests = []test{
	{"an audit entry comes back as it was stored", auditComesBack},
	{"audit entries are listed as a filter asks", filterAudit},
	{"what is old or too much goes from the audit log", pruneAudit},
}

// audit stores an entry.
func (w *world) audit(change ...func(*fanfare.AuditEntry)) *fanfare.AuditEntry {
	w.Helper()
	id, at := w.stamp("audit_")
	e := &fanfare.AuditEntry{ID: fanfare.AuditID(id), At: at, Actor: "admin", Action: "endpoint.update"}
	for _, c := range change {
		c(e)
	}
	w.ok(w.store.AddAudit(w.Context(), e))
	return e
}

// audits are the ids of the entries that a filter picks.
func (w *world) audits(f fanfare.AuditFilter) []fanfare.AuditID {
	w.Helper()
	if f.Limit == 0 {
		f.Page = everything
	}
	es, err := w.store.AuditEntries(w.Context(), f)
	w.ok(err)
	return each(es, func(e *fanfare.AuditEntry) fanfare.AuditID { return e.ID })
}

func auditComesBack(w *world) {
	full := w.audit(func(e *fanfare.AuditEntry) {
		e.At = e.At.Add(1500 * time.Nanosecond)
		e.Application, e.Object, e.Address = "app_1", "ep_1", "192.0.2.1"
		e.Refused, e.Fields, e.Detail = true, []string{"url", "it's \"so\""}, "in words,\nof ümläuts"
	})
	bare := w.audit()
	want := []*fanfare.AuditEntry{cloneAudit(full), bare}
	full.Fields[0] = "x"
	for range 2 {
		got, err := w.store.AuditEntries(w.Context(), fanfare.AuditFilter{Page: everything})
		w.ok(err)
		same(w, "entries", got, want)
		got[0].Fields[0] = "x"
		w.reopen()
	}
}

func filterAudit(w *world) {
	by := func(actor, app, object string) *fanfare.AuditEntry {
		return w.audit(func(e *fanfare.AuditEntry) { e.Actor, e.Application, e.Object = actor, app, object })
	}
	a, b := by("admin", "app_1", "ep_1"), by("key_1", "app_1", "ep_2")
	c, d := by("admin", "app_2", "app_2"), by("cli", "", "")
	for what, is := range map[string]struct {
		filter fanfare.AuditFilter
		want   []*fanfare.AuditEntry
	}{
		"all":               {fanfare.AuditFilter{}, []*fanfare.AuditEntry{a, b, c, d}},
		"newest first":      {fanfare.AuditFilter{Page: fanfare.Page{Limit: 2}}, []*fanfare.AuditEntry{d, c}},
		"further down":      {fanfare.AuditFilter{Page: fanfare.Page{Limit: 9, After: string(c.ID)}}, []*fanfare.AuditEntry{b, a}},
		"further up":        {fanfare.AuditFilter{Page: fanfare.Page{Limit: 1, After: string(b.ID), Ascending: true}}, []*fanfare.AuditEntry{c}},
		"an actor":          {fanfare.AuditFilter{Actor: "admin"}, []*fanfare.AuditEntry{a, c}},
		"an object":         {fanfare.AuditFilter{Object: "ep_2"}, []*fanfare.AuditEntry{b}},
		"an application":    {fanfare.AuditFilter{Object: "app_1"}, []*fanfare.AuditEntry{a, b}},
		"both":              {fanfare.AuditFilter{Object: "app_1", Actor: "key_1"}, []*fanfare.AuditEntry{b}},
		"since":             {fanfare.AuditFilter{Since: c.At}, []*fanfare.AuditEntry{c, d}},
		"since a bit later": {fanfare.AuditFilter{Since: c.At.Add(time.Nanosecond)}, []*fanfare.AuditEntry{d}},
		"until":             {fanfare.AuditFilter{Until: c.At}, []*fanfare.AuditEntry{a, b}},
		"nobody":            {fanfare.AuditFilter{Actor: "adm"}, nil},
	} {
		same(w, what, w.audits(is.filter), each(is.want, func(e *fanfare.AuditEntry) fanfare.AuditID { return e.ID }))
	}
}

func pruneAudit(w *world) {
	var done, refused []fanfare.AuditID
	for range 5 {
		done = append(done, w.audit().ID)
		refused = append(refused, w.audit(func(e *fanfare.AuditEntry) { e.Refused = true }).ID)
	}
	last := w.audit()
	prune := func(keep fanfare.AuditKeep, want int) {
		w.Helper()
		n, err := w.store.PruneAudit(w.Context(), keep)
		w.ok(err)
		same(w, "entries removed", n, want)
	}
	prune(fanfare.AuditKeep{Done: 6, Refused: 5}, 0)
	prune(fanfare.AuditKeep{Done: 6, Refused: 2}, 3)
	prune(fanfare.AuditKeep{Done: 3, Refused: 2}, 3)
	same(w, "entries left", w.audits(fanfare.AuditFilter{}), []fanfare.AuditID{done[3], refused[3], done[4], refused[4], last.ID})
	prune(fanfare.AuditKeep{Since: last.At, Done: 9, Refused: 9}, 4)
	prune(fanfare.AuditKeep{Since: last.At.Add(time.Microsecond), Done: 9, Refused: 9}, 1)
	same(w, "entries left", w.audits(fanfare.AuditFilter{}), nil)
}
