package fanfare_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/fanfarehq/fanfare"
)

// audit is the audit log, oldest first.
func (w *world) audit() []*fanfare.AuditEntry {
	w.t.Helper()
	es, err := w.hub.AuditEntries(w.t.Context(), fanfare.AuditFilter{Page: fanfare.Page{Limit: fanfare.MaxPage, Ascending: true}})
	if err != nil {
		w.t.Fatal(err)
	}
	return es
}

func TestWhatTheEngineDisablesIsInTheAuditLog(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(410))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.send("record.created", 1)
		time.Sleep(time.Second)
		es := w.audit()
		if len(es) != 1 {
			t.Fatalf("there are %d entries, want one", len(es))
		}
		e := es[0]
		if e.Actor != "engine" || e.Action != "endpoint.disable" || e.Object != string(ep.ID) || e.Application != string(w.app.ID) ||
			!strings.Contains(e.Detail, "410") || e.Refused || !strings.HasPrefix(string(e.ID), "audit_") || e.At.IsZero() {
			t.Errorf("the entry is %+v", e)
		}
	})
}

func TestAuditEntriesAreBounded(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		e := &fanfare.AuditEntry{Actor: strings.Repeat("a", 5000), Object: "\xff\x00" + strings.Repeat("ö", 5000), Fields: make([]string, 1000)}
		e.Fields[0] = strings.Repeat("f", 5000)
		if err := w.hub.Audit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		got := w.audit()[0]
		if len(got.Actor) > 260 || len(got.Object) > 260 || len(got.Fields) != 64 || len(got.Fields[0]) > 260 {
			t.Errorf("the actor has %d bytes, the object %d, and there are %d fields, the first with %d", len(got.Actor), len(got.Object), len(got.Fields), len(got.Fields[0]))
		}
		if !utf8.ValidString(got.Object) || strings.Contains(got.Object, "\x00") || !strings.HasSuffix(got.Object, "ö…") {
			t.Errorf("the object is %.20q", got.Object)
		}
	})
}

func TestTheAuditLogIsKeptForItsTime(t *testing.T) {
	inBubble(t, &fanfare.Options{AuditRetention: 48 * time.Hour}, func(t *testing.T, w *world) {
		note := func() {
			if err := w.hub.Audit(t.Context(), &fanfare.AuditEntry{Actor: "cli", Action: "test"}); err != nil {
				t.Fatal(err)
			}
		}
		note()
		time.Sleep(24 * time.Hour)
		note()
		time.Sleep(23 * time.Hour)
		if n := len(w.audit()); n != 2 {
			t.Errorf("before its time is up there are %d, want 2", n)
		}
		time.Sleep(3 * time.Hour)
		if n := len(w.audit()); n != 1 {
			t.Errorf("after the first one's time is up there are %d, want 1", n)
		}
	})
}

// Who is refused again and again cannot push out what was done, nor fill the disk.
func TestTheAuditLogHoldsSoManyRefusals(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		if err := w.hub.Audit(t.Context(), &fanfare.AuditEntry{Actor: "admin", Action: "deed"}); err != nil {
			t.Fatal(err)
		}
		for range 12_000 {
			if err := w.hub.Audit(t.Context(), &fanfare.AuditEntry{Actor: "key_1", Action: "try", Refused: true}); err != nil {
				t.Fatal(err)
			}
		}
		if es := w.audit(); es[0].Action != "deed" {
			t.Errorf("the first is %+v", es[0])
		}
		n := 0
		for page := (fanfare.Page{Limit: fanfare.MaxPage, Ascending: true}); ; {
			es, err := w.hub.AuditEntries(t.Context(), fanfare.AuditFilter{Page: page, Actor: "key_1"})
			if err != nil {
				t.Fatal(err)
			}
			n += len(es)
			if len(es) < page.Limit {
				break
			}
			page.After = string(es[len(es)-1].ID)
		}
		if n < 10_000 || n > 11_000 {
			t.Errorf("there are %d refusals, want 10,000 and at most 1000 more", n)
		}
	})
}
