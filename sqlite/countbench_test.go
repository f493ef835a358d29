//go:build unix

package sqlite_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// BenchmarkCount counts 200,000 messages of 1 KiB and their deliveries, as the plan of
// a task does, beside walking through them, as carrying it out does.
func BenchmarkCount(b *testing.B) {
	const messages, look = 200_000, 10_000
	s := newShop(b, 1)
	payload := append(append([]byte(`{"data":"`), bytes.Repeat([]byte("x"), 1000)...), `"}`...)
	begin := time.Now()
	for n := uint32(0); n < messages; {
		var ins []*fanfare.Intake
		for range 500 {
			n++
			msg := &fanfare.Message{ID: fanfare.MessageID(idOf("msg_", n+1000)), EventType: "record.created", Payload: payload, CreatedAt: begin}
			ins = append(ins, &fanfare.Intake{Message: msg, Deliveries: []fanfare.Delivery{{Message: msg.ID, Endpoint: s.eps[0], Due: begin}}})
		}
		if _, err := s.store.Accept(b.Context(), s.app, ins, nil); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		s     fanfare.Selection
		piece func(w fanfare.Walk) (int, fanfare.MessageID, error)
	}{
		{"walk through messages", fanfare.Selection{}, func(w fanfare.Walk) (int, fanfare.MessageID, error) {
			found, next, err := s.store.WalkMessages(b.Context(), s.app, "", w)
			return len(found), next, err
		}},
		{"count messages", fanfare.Selection{}, func(w fanfare.Walk) (int, fanfare.MessageID, error) {
			n, _, next, err := s.store.CountMessages(b.Context(), s.app, w)
			return n, next, err
		}},
		{"count messages since", fanfare.Selection{Since: begin.Add(-time.Hour)}, func(w fanfare.Walk) (int, fanfare.MessageID, error) {
			n, _, next, err := s.store.CountMessages(b.Context(), s.app, w)
			return n, next, err
		}},
		{"walk through deliveries", fanfare.Selection{Since: begin.Add(-time.Hour)}, func(w fanfare.Walk) (int, fanfare.MessageID, error) {
			found, next, err := s.store.WalkDeliveries(b.Context(), s.app, s.eps[0], w)
			return len(found), next, err
		}},
		{"count deliveries", fanfare.Selection{Since: begin.Add(-time.Hour)}, func(w fanfare.Walk) (int, fanfare.MessageID, error) {
			return s.store.CountDeliveries(b.Context(), s.app, s.eps[0], w)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				total := 0
				for w := (fanfare.Walk{Selection: c.s, Look: look, Limit: look}); ; {
					n, next, err := c.piece(w)
					if err != nil {
						b.Fatal(err)
					}
					if total += n; next == "" {
						break
					}
					w.After = next
				}
				if total != messages {
					b.Fatalf("%d are counted", total)
				}
			}
		})
	}
}
