//go:build linux

package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
)

// TestOnlyWhoWantsTheSameWaitsForAProgram has programs keep transactions open that have
// sent under event ids and a key. Calls with the same ones wait for them to end, and all
// others are accepted meanwhile.
func TestOnlyWhoWantsTheSameWaitsForAProgram(t *testing.T) {
	t.Parallel()
	url := database(t)
	s := newShop(t, openAt(t, url, nil), 1)
	sender := postgres.NewSender(nil)
	begin := func(eventID string, key *fanfare.Idempotency) pgx.Tx {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
		tx, err := conn.Begin(t.Context())
		if err == nil {
			_, err = sender.In(tx).SendBatch(t.Context(), string(s.app), []*fanfare.Message{{EventType: "record.created", EventID: eventID, Payload: payload}}, key)
		}
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	key := &fanfare.Idempotency{Key: "order-1", Fingerprint: [32]byte{1}}
	kept, undone, keyed := begin("kept", nil), begin("undone", nil), begin("", key)

	accept := func(eventID string, key *fanfare.Idempotency) error {
		in := s.intake(0)
		in.Message.EventID = eventID
		earlier, err := s.store.Accept(t.Context(), s.app, []*fanfare.Intake{in}, key)
		if err == nil && len(earlier) > 0 {
			err = errAnswered
		}
		return errors.Join(err, in.Err)
	}
	waits := make(map[string]chan error)
	for name, call := range map[string]func() error{
		"kept":   func() error { return accept("kept", nil) },
		"undone": func() error { return accept("undone", nil) },
		"keyed":  func() error { return accept("", key) },
	} {
		ended := make(chan error, 1)
		waits[name] = ended
		go func() { ended <- call() }()
	}
	begun := time.Now()
	for range 3 {
		var others sync.WaitGroup
		for i := range 40 {
			others.Go(func() {
				name, own := "", (*fanfare.Idempotency)(nil)
				switch i % 3 {
				case 1:
					name = s.id("event_")
				case 2:
					own = &fanfare.Idempotency{Key: s.id("key_")}
				}
				if err := accept(name, own); err != nil {
					t.Errorf("another call: %v", err)
				}
			})
		}
		others.Wait()
	}
	if took := time.Since(begun); took > 15*time.Second { // those three wait for as long as they are open
		t.Errorf("others waited %v", took)
	}
	for name, ended := range waits {
		select {
		case err := <-ended:
			t.Errorf("%s did not wait: %v", name, err)
		default:
		}
	}
	if err := errors.Join(kept.Commit(t.Context()), undone.Rollback(t.Context()), keyed.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"kept": fanfare.ErrExists, "undone": nil, "keyed": errAnswered} {
		if err := <-waits[name]; !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

var errAnswered = errors.New("it was accepted before")
