package sqlite

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A disk that is full is the only thing that needs all of it.
func init() { reserveSize = 64 << 10 }

func name(prefix string, n int) string {
	return fanfare.EncodeID(prefix, [16]byte{0: 1, 6: 0x70, 8: 0x80, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)})
}

var (
	app = fanfare.ApplicationID(name("app_", 1))
	ep  = fanfare.EndpointID(name("ep_", 2))
)

// furnish makes an application with an endpoint.
func furnish(t *testing.T, s *Store) {
	t.Helper()
	now := time.Now()
	if err := s.CreateApplication(t.Context(), &fanfare.Application{ID: app, Name: "Acme", CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateEndpoint(t.Context(), &fanfare.Endpoint{ID: ep, Application: app, URL: "https://example.com", CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
}

// accept stores message n, of that many bytes.
func accept(t *testing.T, s *Store, n, size int) error {
	msg := &fanfare.Message{ID: fanfare.MessageID(name("msg_", n)), EventType: "a", Payload: make([]byte, size), CreatedAt: time.Now()}
	in := &fanfare.Intake{Message: msg, Deliveries: []fanfare.Delivery{{Message: msg.ID, Endpoint: ep, Due: msg.CreatedAt, Rank: msg.CreatedAt.UnixMicro()}}}
	_, err := s.Accept(t.Context(), app, []*fanfare.Intake{in}, nil)
	return err
}

// record stores an attempt, by which message n is delivered.
func record(t *testing.T, s *Store, n int) error {
	a := &fanfare.Attempt{
		ID: fanfare.AttemptID(name("atmpt_", n)), Message: fanfare.MessageID(name("msg_", n)), Endpoint: ep, URL: "https://example.com",
		StartedAt: time.Now(), Status: 200, Class: fanfare.ClassSuccess, State: fanfare.Delivered,
	}
	d := fanfare.Delivery{Message: a.Message, Endpoint: ep, State: fanfare.Delivered, Attempts: 1}
	return s.Record(t.Context(), &fanfare.Outcome{Attempt: a, Delivery: d})
}

// fill accepts messages until there is no room, and returns how many there are.
func fill(t *testing.T, s *Store, size int) (n int) {
	t.Helper()
	for {
		err := accept(t, s, n+1, size)
		if errors.Is(err, fanfare.ErrFull) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 10_000 {
			t.Fatal("it never becomes full")
		}
	}
}

func waiting(t *testing.T, s *Store) int {
	t.Helper()
	ds, err := s.Waiting(t.Context(), fanfare.WaitingQuery{Endpoint: ep, Limit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	return len(ds)
}

func TestAFullDatabaseRefusesAndResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, path := openTemp(t)
		furnish(t, s)
		pages := s.number(t, "PRAGMA page_count")
		s.number(t, fmt.Sprintf("PRAGMA max_page_count = %d", pages+50))
		n := fill(t, s, 20_000)
		if n < 5 {
			t.Fatalf("full after %d messages", n)
		}
		if _, err := os.Stat(path + ".reserve"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the reserve: %v, want it given up", err)
		}
		frames, _ := os.Stat(path + "-wal")
		if err := accept(t, s, n+1, 10); !errors.Is(err, fanfare.ErrFull) {
			t.Errorf("a small message gives %v, want %v", err, fanfare.ErrFull)
		}
		if after, _ := os.Stat(path + "-wal"); after.ModTime() != frames.ModTime() {
			t.Error("the refusal touched the disk")
		}
		if got := waiting(t, s); got != n {
			t.Errorf("%d deliveries wait, want %d", got, n)
		}
		s.number(t, "PRAGMA max_page_count = 1000000")
		time.Sleep(fullAgain + time.Millisecond)
		synctest.Wait()
		if err := accept(t, s, n+1, 20_000); err != nil {
			t.Errorf("with room again: %v", err)
		}
		if info, err := os.Stat(path + ".reserve"); err != nil || info.Size() != int64(reserveSize) {
			t.Errorf("the reserve: %v, want it taken again", err)
		}
		if got := waiting(t, s); got != n+1 {
			t.Errorf("%d deliveries wait, want %d", got, n+1)
		}
		s.Close()
	})
}
