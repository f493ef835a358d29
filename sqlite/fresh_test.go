package sqlite_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/sqlite"
)

// TestFreshDeliveriesOutliveACrash copies the files of a store at work, which is
// what a crash would leave, and opens the copy.
func TestFreshDeliveriesOutliveACrash(t *testing.T) {
	for _, name := range []string{"unordered", "ordered"} {
		t.Run(name, func(t *testing.T) {
			ordered := name == "ordered"
			path := filepath.Join(t.TempDir(), "fanfare.db")
			setUp(t, path)
			s := open(t, path)
			ep, err := s.Endpoint(t.Context(), application, string(idOf("ep_", 2)))
			if err != nil {
				t.Fatal(err)
			}
			ep.Ordered = ordered
			if err := s.UpdateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
			at := time.Now().Truncate(time.Microsecond)
			var ins []*fanfare.Intake
			for n := range uint32(3) {
				msg := &fanfare.Message{ID: fanfare.MessageID(idOf("msg_", 10+n)), Application: application, EventType: "a.b",
					Payload: []byte("1"), CreatedAt: at, OrderingKey: "key"}
				due := at
				if n == 2 {
					msg.DeliverAt = at.Add(time.Hour)
					due = msg.DeliverAt
				}
				ins = append(ins, &fanfare.Intake{Message: msg, Deliveries: []fanfare.Delivery{
					{Message: msg.ID, Endpoint: ep.ID, Due: due, Rank: fanfare.RankOf(ordered, due), OrderingKey: "key"}}})
			}
			if _, err := s.Accept(t.Context(), application, ins, nil); err != nil {
				t.Fatal(err)
			}
			done := &fanfare.Outcome{
				Attempt: &fanfare.Attempt{ID: fanfare.AttemptID(idOf("atmpt_", 20)), Message: ins[0].Message.ID, Endpoint: ep.ID,
					Number: 1, StartedAt: at, Class: fanfare.ClassSuccess, State: fanfare.Delivered},
				Delivery: fanfare.Delivery{State: fanfare.Delivered, Attempts: 1},
			}
			if err := s.Record(t.Context(), done); err != nil {
				t.Fatal(err)
			}

			crashed := filepath.Join(t.TempDir(), "fanfare.db")
			for _, suffix := range []string{"", "-wal"} {
				copyFile(t, path+suffix, crashed+suffix)
			}
			s.Close()
			s = open(t, crashed)
			defer s.Close()
			ds, err := s.Waiting(t.Context(), fanfare.WaitingQuery{Endpoint: ep.ID, Limit: 10})
			if err != nil || len(ds) != 2 {
				t.Fatalf("after the crash %d deliveries wait, %v; want 2", len(ds), err)
			}
			for i, d := range ds {
				want := ins[i+1].Deliveries[0]
				if d.Message != want.Message || d.Rank != want.Rank || !d.Due.Equal(want.Due) || d.OrderingKey != "key" {
					t.Errorf("delivery %d is %+v, want %+v", i, d, want)
				}
			}
			if d := only(t, s, ins[0].Message.ID); d.State != fanfare.Delivered {
				t.Errorf("the one that was delivered is %v", d.State)
			}
		})
	}
}

func only(t *testing.T, s *sqlite.Store, msg fanfare.MessageID) *fanfare.Delivery {
	t.Helper()
	ds, err := s.Deliveries(t.Context(), application, fanfare.DeliveryFilter{Message: msg, Page: fanfare.Page{Limit: 2}})
	if err != nil || len(ds) != 1 {
		t.Fatalf("%d deliveries, %v; want 1", len(ds), err)
	}
	return ds[0]
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
