package webhook_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

func TestTheWindowForgetsTheOldestOfTenThousand(t *testing.T) {
	h := handler(t, nil)
	h.On("*", func(context.Context, webhook.Event) error { return nil })
	for i := range 10_000 {
		expect(t, h, post(t, strconv.Itoa(i), "b", ""), 200, "handled")
	}
	expect(t, h, post(t, "0", "b", ""), 200, "duplicate")
	expect(t, h, post(t, "one-more", "b", ""), 200, "handled")
	expect(t, h, post(t, "1", "b", ""), 200, "duplicate")
	expect(t, h, post(t, "0", "b", ""), 200, "handled")
	expect(t, h, post(t, "1", "b", ""), 200, "handled")
	expect(t, h, post(t, "9999", "b", ""), 200, "duplicate")
}

func TestTheWindowForgetsAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handler(t, nil)
		h.On("*", func(context.Context, webhook.Event) error { return nil })
		expect(t, h, post(t, "a", "b", ""), 200, "handled")
		time.Sleep(12 * time.Hour)
		expect(t, h, post(t, "later", "b", ""), 200, "handled")
		time.Sleep(12*time.Hour - 1)
		expect(t, h, post(t, "a", "b", ""), 200, "duplicate")
		time.Sleep(1)
		expect(t, h, post(t, "a", "b", ""), 200, "handled")
		expect(t, h, post(t, "later", "b", ""), 200, "duplicate")
		expect(t, h, post(t, "a", "b", ""), 200, "duplicate")
	})
}

// A table is a caller's own Memory.
type table struct {
	ids      map[string]bool
	has, add error
	ctx      context.Context
}

func (m *table) Has(_ context.Context, id string) (bool, error) { return m.ids[id], m.has }

func (m *table) Add(ctx context.Context, id string) error {
	m.ctx = ctx
	if m.add == nil {
		m.ids[id] = true
	}
	return m.add
}

func TestACallersMemory(t *testing.T) {
	memory := &table{ids: map[string]bool{"before": true}}
	h := handler(t, &webhook.HandlerOptions{Memory: memory, Logger: quiet})
	var cancel context.CancelFunc
	h.On("*", func(context.Context, webhook.Event) error { cancel(); return nil })
	send := func(id string, status int, word string) {
		t.Helper()
		r := post(t, id, "b", "")
		var ctx context.Context
		ctx, cancel = context.WithCancel(r.Context())
		defer cancel()
		expect(t, h, r.WithContext(ctx), status, word)
	}
	send("before", 200, "duplicate")
	send("a", 200, "handled")
	if memory.ctx.Err() != nil {
		t.Error("what was done is not remembered when the sender hangs up")
	}
	send("a", 200, "duplicate")

	memory.has = errors.New("no connection")
	send("c", 500, "internal_error")
	memory.has = nil
	send("c", 200, "handled")

	memory.add = errors.New("no connection")
	send("d", 200, "handled")
}
