package fanfare_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestNoWayLeadsIntoTheOperationalApplication but those that are for it.
func TestNoWayLeadsIntoTheOperationalApplication(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		op, id := w.operator(nil), string(fanfare.OperationalApplication)
		for name, try := range map[string]func(ctx context.Context) error{
			"SendBatch": func(ctx context.Context) error {
				_, err := w.hub.SendBatch(ctx, id, []*fanfare.Message{{EventType: "a.b", Payload: []byte("1")}}, nil)
				return err
			},
			"Poller":        func(ctx context.Context) error { _, err := w.hub.Poller(ctx, id, string(op.ep.ID)); return err },
			"ApplicationID": func(ctx context.Context) error { _, err := w.hub.ApplicationID(ctx, id); return err },
			"Wanted":        func(ctx context.Context) error { _, err := w.hub.Wanted(ctx, id, "a.b", nil); return err },
			"IsApplication": func(ctx context.Context) error {
				_, err := w.hub.IsApplication(ctx, fanfare.OperationalApplication, id)
				return err
			},
		} {
			if err := try(t.Context()); !errors.Is(err, fanfare.ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", name, err)
			}
		}
	})
}

// TestTasksOfTheOperationalApplicationAreNotListed unless they are asked for by
// that application, however they lie among others.
func TestTasksOfTheOperationalApplicationAreNotListed(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.operator(nil)
		var want []fanfare.TaskID
		for i := range 12 {
			task := fanfare.Task{Kind: fanfare.TaskPurge}
			if i%3 > 0 {
				task.Application = fanfare.OperationalApplication
			}
			if id := w.startTask(task).ID; i%3 == 0 {
				want = append(want, id)
			}
			time.Sleep(time.Second)
		}
		var got []fanfare.TaskID
		f := fanfare.TaskFilter{Page: fanfare.Page{Limit: 3, Ascending: true}}
		for {
			page, err := w.hub.Tasks(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, task := range page {
				got = append(got, task.ID)
			}
			if len(page) < f.Limit {
				break
			}
			f.After = string(page[len(page)-1].ID)
		}
		if len(got) != len(want) || got[0] != want[0] || got[3] != want[3] {
			t.Errorf("listed %q, want %q", got, want)
		}
		f = fanfare.TaskFilter{Page: fanfare.Page{Limit: 20}, Application: fanfare.OperationalApplication}
		if own, err := w.hub.Tasks(t.Context(), f); err != nil || len(own) != 8 {
			t.Errorf("by its name there are %d, %v; want 8", len(own), err)
		}
	})
}

// TestNoSchemaKeepsNewsBack has an event type in the catalogue that is called like
// what the operator is told, and allows nothing.
func TestNoSchemaKeepsNewsBack(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		op := w.operator(nil, fanfare.EndpointDisabled)
		w.eventType(fanfare.EventType{Name: fanfare.EndpointDisabled, Schemas: []byte(`{"1":false}`), Validation: fanfare.ValidationReject})
		rcv := w.receiver("receiver.example", status(410))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.send("a.b", 1)
		time.Sleep(time.Second)
		if !w.reload(ep).Disabled {
			t.Error("the endpoint is not disabled")
		}
		if all := w.heard(op); len(all) != 1 {
			t.Errorf("it was told %d times", len(all))
		}
	})
}

// TestWhoIsToldIsKnownAfterChangesAtOnce has the reading of an older state end after
// that of a newer one.
func TestWhoIsToldIsKnownAfterChangesAtOnce(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var hold atomic.Bool
		gate := make(chan bool)
		w.bend(&bent{listed: func() {
			if hold.Swap(false) {
				<-gate
			}
		}}, nil)
		if _, err := w.hub.Operational(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		create := func(host string, disabled bool) {
			ep := &fanfare.Endpoint{Application: fanfare.OperationalApplication, URL: "http://" + host + "/", Disabled: disabled}
			if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
				t.Error(err)
			}
		}
		hold.Store(true)
		first := make(chan bool)
		go func() { create("first.example", true); close(first) }()
		synctest.Wait()
		create("second.example", false)
		close(gate)
		<-first
		w.endpoint(fanfare.Endpoint{URL: "http://a.example/"})
		if n := w.operationalMessages(); n != 1 {
			t.Errorf("%d messages tell of the new endpoint, want 1", n)
		}
	})
}
