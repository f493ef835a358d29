//go:build linux

package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

// TestAMessageIsNotAcceptedBehindThoseWhoPoll has a node that was out of touch accept
// what it had made an identifier for before: those who poll are past it by then.
func TestAMessageIsNotAcceptedBehindThoseWhoPoll(t *testing.T) {
	t.Parallel()
	url := database(t)
	frozen, _ := joined(t, url, "a")
	other, _ := joined(t, url, "b")
	shop := newShop(t, frozen, 1)
	late := shop.intakeAt(0, time.Now().Add(-time.Minute))
	execute(t, url, "DELETE FROM node WHERE name = 'a'")
	horizon := ordinalAt(time.Now())
	if got := renewed(t, other, horizon).Horizon; got != horizon {
		t.Errorf("the horizon is %d, want %d", got, horizon)
	}
	for _, key := range []*fanfare.Idempotency{nil, {Key: "a"}} {
		_, err := frozen.Accept(t.Context(), shop.app, []*fanfare.Intake{late}, key)
		over, ok := errors.AsType[*fanfare.OvertakenError](err)
		if !ok || over.Horizon != horizon {
			t.Errorf("accepting what is behind the horizon: %v", err)
		}
	}
	n := 0
	if row(t, url, "SELECT count(*) FROM message", &n); n != 0 {
		t.Errorf("there are %d messages", n)
	}
	if err := shop.acceptErr(shop.intakeAt(1, time.Now().Add(time.Second))); err != nil {
		t.Errorf("accepting what is not: %v", err)
	}
}

// TestTheHorizonWaitsForWhoeverAccepts has someone who is no node in the midst of
// accepting: what those who poll are shown ends before it, until it is there.
func TestTheHorizonWaitsForWhoeverAccepts(t *testing.T) {
	t.Parallel()
	url := database(t)
	node, _ := joined(t, url, "a")
	shop := newShop(t, openAt(t, url+"&pool_max_conns=1", nil), 1)
	for _, keys := range [][2]*fanfare.Idempotency{{nil, nil}, {{Key: "a"}, {Key: "b"}}} {
		// The first prepares the statements, which waits for a lock of the table too.
		if _, err := shop.store.Accept(t.Context(), shop.app, []*fanfare.Intake{shop.intake(0)}, keys[0]); err != nil {
			t.Fatal(err)
		}
		now, key := time.Now(), keys[1]
		end := begun(t, url, "LOCK TABLE message")
		accepted := make(chan error, 1)
		go func() {
			_, err := shop.store.Accept(t.Context(), shop.app, []*fanfare.Intake{shop.intakeAt(0, now)}, key)
			accepted <- err
		}()
		waitFor(t, url, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
		far := ordinalAt(now.Add(5 * time.Second))
		if got, want := renewed(t, node, far).Horizon, ordinalAt(now)-1; got != want {
			t.Errorf("the horizon is %d while a message is accepted, want %d", got, want)
		}
		end()
		if err := <-accepted; err != nil {
			t.Fatal(err)
		}
		if got := renewed(t, node, far).Horizon; got != far {
			t.Errorf("the horizon is %d afterwards, want %d", got, far)
		}
		execute(t, url, "UPDATE counter SET n = 0 WHERE name = 'horizon'")
	}
}

// ordinalAt is the first horizon of a millisecond.
func ordinalAt(at time.Time) uint64 { return uint64(at.UnixMilli()) << 12 }

// TestAClockThatIsLateLosesNothing sends through a Hub that does not run, on a machine
// whose clock is behind how far those who poll have been shown.
func TestAClockThatIsLateLosesNothing(t *testing.T) {
	t.Parallel()
	url := database(t)
	store := openAt(t, url, nil)
	hub := fanfare.New(store, nil)
	if err := hub.CreateApplication(t.Context(), &fanfare.Application{Name: "Acme", UID: "acme"}); err != nil {
		t.Fatal(err)
	}
	ahead := time.Now().Add(time.Hour)
	if _, err := hub.Send(t.Context(), "acme", "x.y", 1); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "UPDATE counter SET n = $1 WHERE name = 'horizon'", int64(ordinalAt(ahead))); err != nil {
		t.Fatal(err)
	}
	msg, err := hub.Send(t.Context(), "acme", "x.y", 2)
	if err != nil {
		t.Fatal(err)
	}
	if first := idAt("msg_", ahead, 0); string(msg.ID) <= first {
		t.Errorf("message %s is behind the horizon, %s", msg.ID, first)
	}
}
