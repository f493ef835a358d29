package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestAClockThatWasAheadHoldsUpNoPruning: messages are pruned in the order in
// which they came, so one with a wrong time must not keep those behind it.
func TestAClockThatWasAheadHoldsUpNoPruning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	setUp(t, path)
	s := open(t, path)
	now := time.Now()
	var ids []fanfare.MessageID
	for i, age := range []time.Duration{3 * time.Hour, -10 * time.Hour, 3 * time.Hour, time.Minute, 3 * time.Hour} {
		msg := &fanfare.Message{ID: fanfare.MessageID(idOf("msg_", uint32(10+i))), EventType: "a.b", CreatedAt: now.Add(-age)}
		if _, err := s.Accept(t.Context(), application, []*fanfare.Intake{{Message: msg}}, nil); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, msg.ID)
	}
	if n, err := s.Prune(t.Context(), now.Add(-time.Hour), 100); n != 2 || err != nil {
		t.Errorf("pruned %d, %v; want the first and the third", n, err)
	}
	for i, want := range []bool{false, true, false, true, true} { // the last is behind one that is too young
		if _, err := s.Message(t.Context(), application, string(ids[i])); (err == nil) != want {
			t.Errorf("message %d: %v, want it kept: %v", i, err, want)
		}
	}
}
