//go:build linux

package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestServersCountTogether has two of them count, on a database that they share.
func TestServersCountTogether(t *testing.T) {
	t.Parallel()
	url := database(t)
	app := &fanfare.Application{Name: "Acme"}
	begin := func() (hub *fanfare.Hub, stop func()) {
		hub = fanfare.New(openAt(t, url, nil), nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- hub.Run(ctx) }()
		for hub.Counters().Node == nil || hub.Counters().Node.LeaseUntil.IsZero() {
			time.Sleep(time.Millisecond)
		}
		return hub, func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	send := func(hub *fanfare.Hub, n int) {
		for range n {
			if _, err := hub.Send(t.Context(), string(app.ID), "record.created", 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	accepted := func(hub *fanfare.Hub) (n int64) {
		all, err := hub.Tallies(t.Context(), time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, tally := range all {
			n += tally.Accepted
		}
		return n
	}
	first, stopFirst := begin()
	second, stopSecond := begin()
	if err := first.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	send(first, 2)
	send(second, 3)
	stopFirst()
	if n := accepted(second); n != 5 {
		t.Errorf("the second server knows of %d messages, want 5", n)
	}
	stopSecond()
	third, stopThird := begin()
	defer stopThird()
	send(third, 4)
	if n := accepted(third); n != 9 {
		t.Errorf("the third server knows of %d messages, want 9", n)
	}
	if n := accepted(first); n != 5 {
		t.Errorf("the first server, which was stopped, knows of %d messages, want those of the first two", n)
	}
}
