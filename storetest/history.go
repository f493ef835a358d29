package storetest

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fanfarehq/fanfare"
)

// histories runs random histories on a store and on a Model, and wants every
// answer to be the same.
func histories(t *testing.T, open Opener) {
	checkFewer(t)
	var made atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		name := fmt.Sprintf("history-%d", made.Add(1))
		h := &history{T: rt, ctx: t.Context(), model: NewModel(), open: func() fanfare.Store { return open(t, name) }}
		h.store = h.open()
		defer func() { h.store.Close() }()
		h.begin()
		rt.Repeat(h.steps())
		h.compareAll()
		if draw(h, "reopen at the end", false, false, true) {
			h.reopen()
			h.compareAll()
		}
	})
}

// checkFewer makes 30 histories of the 100 that rapid would check by default: a
// store that syncs takes its time. Any other number asked for stands.
func checkFewer(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	if checks.Value.String() != checks.DefValue {
		return
	}
	if err := checks.Value.Set("30"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { checks.Value.Set(checks.DefValue) })
}

// A history is a store and a Model that the same happens to. Whatever it ever
// made can be drawn again, deleted or not, and so can what never was.
type history struct {
	*rapid.T
	ctx   context.Context // of the test; rapid's steps are not given one
	store fanfare.Store
	model *Model
	open  func() fanfare.Store
	ids

	apps     []fanfare.ApplicationID
	eps      []*fanfare.Endpoint // as they were created
	msgs     []*fanfare.Message
	outcomes []*fanfare.Outcome
}

// begin makes two applications with two endpoints each.
func (h *history) begin() {
	for range 2 {
		h.createApplication()
	}
	for i := range 4 {
		h.createEndpoint(h.apps[i/2])
	}
}

// steps are what can happen; more often what has two names.
func (h *history) steps() map[string]func(*rapid.T) {
	steps := map[string]func(){
		"accept": h.accept, "accept more": h.accept, "record": h.record, "record more": h.record,
		"resend": h.resend, "again": h.again, "cancel": h.cancel, "cancel lane": h.cancelLane,
		"expunge": h.expunge, "prune": h.prune, "reopen": h.reopen,
		"create application": h.createApplication, "update application": h.updateApplication, "delete application": h.deleteApplication,
		"create endpoint": func() { h.createEndpoint(h.app()) }, "update endpoint": h.updateEndpoint, "update more": h.updateEndpoint,
		"delete endpoint": h.deleteEndpoint, "failing since": h.failingSince, "event type": h.eventTypeStep,
		"remember": h.remember, "setting": h.setting,
		"key": h.keyStep, "session": h.sessionStep, "mute": h.muteStep, "tally": h.tallyStep, "endpoint tally": h.endpointTallyStep,
		"look up": h.lookUp, "read lane": h.readLane, "read messages": h.readMessages,
		"read deliveries": h.readDeliveries, "read attempts": h.readAttempts, "read stats": h.readStats,
	}
	all := make(map[string]func(*rapid.T), len(steps))
	for name, step := range steps {
		all[name] = func(*rapid.T) { step() }
	}
	return all
}

// both does the same to store and Model, compares what they return, and returns
// it. do must hand each its own copy of what it passes.
func both[T any](h *history, what string, do func(fanfare.Store) (T, error)) (T, error) {
	h.Helper()
	want, wantErr := do(h.model)
	h.Logf("%s: %v", what, cmp.Or(wantErr, errNone))
	got, err := do(h.store)
	if !sameKind(err, wantErr) {
		h.Fatalf("%s: the error is %v, want %v", what, err, wantErr)
	}
	if diff := gocmp.Diff(want, got, likeness...); err == nil && diff != "" {
		h.Fatalf("%s (-want +got):\n%s", what, diff)
	}
	return want, wantErr
}

var errNone = errors.New("ok")

// sameKind reports whether callers, who use errors.Is, would do the same.
func sameKind(a, b error) bool {
	for _, kind := range []error{fanfare.ErrNotFound, fanfare.ErrExists, fanfare.ErrConflict, fanfare.ErrTooMany} {
		if errors.Is(a, kind) != errors.Is(b, kind) {
			return false
		}
	}
	return (a == nil) == (b == nil)
}

// do is both for what returns nothing but an error.
func (h *history) do(what string, do func(fanfare.Store) error) error {
	h.Helper()
	_, err := both(h, what, func(s fanfare.Store) (struct{}, error) { return struct{}{}, do(s) })
	return err
}

// compareAll compares all there is to see.
func (h *history) compareAll() {
	for _, app := range h.apps {
		both(h, "all of "+string(app), func(s fanfare.Store) (photograph, error) { return photographOf(h.ctx, s, app) })
	}
	both(h, "lanes", func(s fanfare.Store) ([]fanfare.Lane, error) {
		lanes, err := s.Lanes(h.ctx)
		return inOrder(lanes), err
	})
	both(h, "newest", func(s fanfare.Store) ([16]byte, error) { return s.Newest(h.ctx) })
	both(h, "applications", func(s fanfare.Store) ([]*fanfare.Application, error) { return s.Applications(h.ctx, everything) })
	both(h, "event types", func(s fanfare.Store) ([]*fanfare.EventType, error) { return s.EventTypes(h.ctx, everything, true) })
}

func (h *history) reopen() {
	h.Log("close and open again")
	if err := h.store.Close(); err != nil {
		h.Fatal(err)
	}
	h.store = h.open()
}

// What follows draws things to do something to.

func draw[T any](h *history, label string, from ...T) T {
	return from[rapid.IntRange(0, len(from)-1).Draw(h.T, label)]
}

func (h *history) app() fanfare.ApplicationID {
	return draw(h, "application", append(slices.Clone(h.apps), "app_01JCQ4E2M07000G00000000004")...)
}

// endpointAsIs draws an endpoint as the Model has it now, or as it was created
// when it is gone.
func (h *history) endpointAsIs() *fanfare.Endpoint {
	unknown := &fanfare.Endpoint{ID: "ep_01JCQ4E2M07000G00000000004", Application: h.apps[0], URL: "https://example.com"}
	ep := draw(h, "endpoint", append(slices.Clone(h.eps), unknown)...)
	if now := h.model.endpoints[ep.ID]; now != nil {
		ep = now
	}
	return cloneEndpoint(ep)
}

func (h *history) msg() *fanfare.Message {
	unknown := &fanfare.Message{ID: "msg_01JCQ4E2M07000G00000000004", Application: h.apps[0]}
	return draw(h, "message", append(slices.Clone(h.msgs), unknown)...)
}

// owner draws mostly the application that something belongs to.
func (h *history) owner(app fanfare.ApplicationID) fanfare.ApplicationID {
	if rapid.IntRange(0, 4).Draw(h.T, "whose") == 4 {
		return h.app()
	}
	return app
}

// moment draws a time at or between what was made, or none.
func (h *history) moment(label string) time.Time {
	if rapid.Bool().Draw(h.T, "no "+label) {
		return time.Time{}
	}
	return start.Add(time.Duration(rapid.IntRange(0, int(h.made.Load())+1).Draw(h.T, label)) * time.Second)
}

func (h *history) page(after ...string) fanfare.Page {
	return fanfare.Page{
		Limit:     draw(h, "limit", 1, 2, 3, fanfare.MaxPage),
		After:     draw(h, "after", append(after, "")...),
		Ascending: rapid.Bool().Draw(h.T, "ascending"),
	}
}
