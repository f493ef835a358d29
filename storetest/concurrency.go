package storetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
)

var concurrencyTests = []test{
	{"one of a hundred requests of one key is stored", sameKeyAtOnce},
	{"one of many messages of an event id is stored", sameEventIDAtOnce},
	{"a batch is seen whole or not at all", batchesSeenWhole},
	{"every delivery is accounted for", accounting},
}

// atOnce runs f n times, all at the same time, and waits for them.
func (w *world) atOnce(n int, f func(i int) error) {
	w.Helper()
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			if err := f(i); err != nil {
				w.Error(err)
			}
		})
	}
	close(begin)
	wg.Wait()
	if w.Failed() {
		w.FailNow()
	}
}

func sameKeyAtOnce(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	key := &fanfare.Idempotency{Key: "k", Fingerprint: [32]byte{1}}
	const n = 100
	got := make([][]fanfare.MessageID, n)
	first := make([]bool, n)
	w.atOnce(n, func(i int) error {
		in := []*fanfare.Intake{intake(w.draft(app), ep), intake(w.draft(app), ep)}
		earlier, err := w.store.Accept(w.Context(), app.ID, in, key)
		if earlier == nil {
			first[i], earlier = true, []fanfare.MessageID{in[0].Message.ID, in[1].Message.ID}
		}
		got[i] = earlier
		return err
	})
	same(w, "requests that were the first", len(slices.DeleteFunc(first, func(f bool) bool { return !f })), 1)
	for i := range got {
		same(w, "ids", got[i], got[0])
	}
	same(w, "what waits", w.waiting(ep), got[0])
}

func sameEventIDAtOnce(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	const n, events = 96, 8
	var mu sync.Mutex
	stored := map[string][]fanfare.MessageID{}
	w.atOnce(n, func(i int) error {
		event := fmt.Sprint("order-", i%events)
		in := intake(w.draft(app, func(m *fanfare.Message) { m.EventID = event }), ep)
		_, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{in}, nil)
		if in.Err == nil {
			mu.Lock()
			stored[event] = append(stored[event], in.Message.ID)
			mu.Unlock()
		}
		return err
	})
	for i := range events {
		event := fmt.Sprint("order-", i)
		msg, err := w.store.Message(w.Context(), app.ID, event)
		w.ok(err)
		same(w, event, stored[event], []fanfare.MessageID{msg.ID})
	}
	same(w, "how many wait", len(w.waiting(ep)), events)
}

// batchesSeenWhole reads while others write: a reader must never see some of a
// batch, or a message without its deliveries.
func batchesSeenWhole(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	const writers, batches, size = 4, 8, 5
	w.atOnce(writers+2, func(i int) error {
		for range batches {
			if i >= writers {
				list, err := w.store.Messages(w.Context(), app.ID, fanfare.MessageFilter{Page: everything})
				if err != nil {
					return err
				}
				ds, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Endpoint: ep.ID})
				if err != nil {
					return err
				}
				if len(list)%size != 0 || len(ds)%size != 0 || len(ds) < len(list) {
					return fmt.Errorf("batches of %d show as %d messages, then %d deliveries", size, len(list), len(ds))
				}
				continue
			}
			var in []*fanfare.Intake
			for range size {
				in = append(in, intake(w.draft(app), ep))
			}
			if _, err := w.store.Accept(w.Context(), app.ID, in, nil); err != nil {
				return err
			}
		}
		return nil
	})
	same(w, "how many wait", len(w.waiting(ep)), writers*batches*size)
}

// accounting lets everything that moves deliveries run against everything else,
// then counts: every message that was accepted has exactly its deliveries, each
// is counted once, and the lanes hold those that wait.
func accounting(w *world) {
	app := w.application("")
	plain, inOrder := w.endpoint(app), w.endpoint(app, ordered)
	doomed := w.endpoint(app)
	const n, each = 12, 6
	msgs := make([][]*fanfare.Message, n)
	w.atOnce(n, func(i int) error {
		for j := range each {
			msg := w.draft(app)
			in := []*fanfare.Intake{intake(msg, plain, inOrder, doomed)}
			if _, err := w.store.Accept(w.Context(), app.ID, in, nil); err != nil {
				return err
			}
			msgs[i] = append(msgs[i], msg)
			if err := w.disturb(i+j, msg, plain, inOrder); err != nil {
				return err
			}
		}
		if i == n/2 {
			return w.store.DeleteEndpoint(w.Context(), app.ID, doomed.ID)
		}
		return nil
	})
	w.reopen()
	whole := w.photograph(app)
	same(w, "messages", len(whole.Messages), n*each)
	states := map[fanfare.EndpointID]map[fanfare.State]int{plain.ID: {}, inOrder.ID: {}}
	for _, d := range whole.Deliveries {
		if states[d.Endpoint] == nil {
			w.Fatalf("a delivery to the deleted endpoint: %v", d)
		}
		states[d.Endpoint][d.State]++
	}
	for _, ep := range []*fanfare.Endpoint{plain, inOrder} {
		stats, err := w.store.Stats(w.Context(), app.ID, ep.ID, time.Time{}, time.Time{})
		w.ok(err)
		same(w, "stats", counts(stats), counts(states[ep.ID]))
		sum := 0
		for _, count := range stats {
			sum += count
		}
		same(w, "deliveries", sum, n*each)
		same(w, "how many wait", len(w.waiting(ep)), stats[fanfare.Waiting])
	}
	for _, d := range whole.Waiting {
		same(w, "rank", d.Rank, fanfare.RankOf(d.Endpoint == inOrder.ID, d.Due))
	}
	for _, a := range whole.Attempts {
		same(w, "an attempt is at", a.Endpoint != doomed.ID, true)
	}
}

// disturb does to the deliveries of msg something that depends on i, and to what
// is in the lanes as well.
func (w *world) disturb(i int, msg *fanfare.Message, plain, inOrder *fanfare.Endpoint) (err error) {
	ctx, s := w.Context(), w.store
	switch i % 6 {
	case 0:
		_, err = s.Cancel(ctx, msg.Application, msg.ID)
	case 1:
		err = s.Record(ctx, w.outcome(msg, plain, fanfare.Delivered))
	case 2:
		err = s.Record(ctx, w.outcome(msg, inOrder, fanfare.GivenUp))
	case 3:
		err = s.Resend(ctx, msg.Application, &fanfare.Delivery{Message: msg.ID, Endpoint: plain.ID, Due: start, Rank: fanfare.RankOf(false, start)})
	case 4:
		err = w.again(inOrder, 5)
	case 5:
		_, err = s.CancelLane(ctx, msg.Application, plain.ID)
	}
	return err
}

// again has a task make some that were given up wait again.
func (w *world) again(ep *fanfare.Endpoint, most int) error {
	walk := fanfare.Walk{Selection: fanfare.Selection{States: []fanfare.State{fanfare.GivenUp}}, Look: 1000, Limit: most}
	found, _, err := w.store.WalkDeliveries(w.Context(), ep.Application, ep.ID, walk)
	if err != nil {
		return err
	}
	for _, d := range found {
		d.Due = start
	}
	id, at := w.stamp("qtask_")
	t := &fanfare.Task{ID: fanfare.TaskID(id), Kind: fanfare.TaskRecover, Application: ep.Application, CreatedAt: at, UpdatedAt: at}
	if err := w.store.CreateTask(w.Context(), t, fanfare.TaskKeep{Most: 3}); err != nil {
		return err
	}
	_, err = w.store.StepTask(w.Context(), &fanfare.TaskStep{Task: t.ID, State: fanfare.TaskFinished, Again: found})
	return err
}
