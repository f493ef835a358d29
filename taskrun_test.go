package fanfare_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

func (b *bent) StepTask(ctx context.Context, step *fanfare.TaskStep) (bool, error) {
	if b.step != nil {
		if err := b.step(step); err != nil {
			return false, err
		}
	}
	return b.Store.StepTask(ctx, step)
}

// past puts n messages into the store as if they had come a while ago, a second
// apart, and had come to stand so at ep; nil: they have no delivery.
func (w *world) past(n int, ep *fanfare.Endpoint, state fanfare.State, change ...func(int, *fanfare.Message)) []*fanfare.Message {
	w.t.Helper()
	begin := w.start.Add(-24 * time.Hour)
	var intakes []*fanfare.Intake
	var msgs []*fanfare.Message
	for i := range n {
		at := begin.Add(time.Duration(i) * time.Second)
		var raw [16]byte
		binary.BigEndian.PutUint64(raw[:], uint64(at.UnixMilli())<<16|0x7000)
		raw[8] = 0x80
		if ep != nil {
			decoded, _ := fanfare.DecodeID("ep_", string(ep.ID))
			copy(raw[10:], decoded[10:]) // so that several endpoints can have a past
		}
		msg := &fanfare.Message{
			ID: fanfare.MessageID(fanfare.EncodeID("msg_", raw)), Application: w.app.ID, EventType: "a.b",
			Payload: fmt.Appendf(nil, "%d", i), CreatedAt: at,
		}
		if ep != nil {
			msg.Application = ep.Application
		}
		for _, c := range change {
			c(i, msg)
		}
		in := &fanfare.Intake{Message: msg}
		if ep != nil {
			in.Deliveries = []fanfare.Delivery{{Message: msg.ID, Endpoint: ep.ID, State: state, Due: at, Rank: at.UnixMicro(), Attempts: 3}}
		}
		intakes, msgs = append(intakes, in), append(msgs, msg)
	}
	app := msgs[0].Application
	if _, err := w.store.Accept(w.t.Context(), app, intakes, nil); err != nil {
		w.t.Fatal(err)
	}
	return msgs
}

func (w *world) startTask(t fanfare.Task) *fanfare.Task {
	w.t.Helper()
	if t.Application == "" {
		t.Application = w.app.ID
	}
	if err := w.hub.StartTask(w.t.Context(), &t); err != nil {
		w.t.Fatal(err)
	}
	return &t
}

func (w *world) task(id fanfare.TaskID) *fanfare.Task {
	w.t.Helper()
	t, err := w.hub.Task(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// wantTask holds a task to what it is to have come to.
func (w *world) wantTask(id fanfare.TaskID, state fanfare.TaskState, total, done int) *fanfare.Task {
	w.t.Helper()
	t := w.task(id)
	if t.State != state || t.Total != total || t.Done != done {
		w.t.Errorf("the task is %v with %d of %d done, want %v with %d of %d (%s)", t.State, t.Done, t.Total, state, done, total, t.Error)
	}
	return t
}

// once holds a receiver to have been sent each of n payloads once.
func (w *world) once(rcv *receiver, n int) {
	w.t.Helper()
	seen := map[string]int{}
	for _, body := range rcv.bodies() {
		seen[body]++
	}
	for i := range n {
		if got := seen[fmt.Sprint(i)]; got != 1 {
			w.t.Fatalf("payload %d came %d times, of %d in all", i, got, len(rcv.requests()))
		}
	}
	if len(rcv.requests()) != n {
		w.t.Errorf("%d requests, want %d", len(rcv.requests()), n)
	}
}

func TestATaskIsDoneAPieceAtATime(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var sizes, done []int
		var at []time.Time
		w.bend(&bent{step: func(step *fanfare.TaskStep) error {
			sizes, at = append(sizes, len(step.Again)), append(at, time.Now())
			done = append(done, w.task(step.Task).Done)
			if n := len(step.Again); n == 250 && step.At.Message != step.Again[n-1].Message {
				t.Errorf("behind %s it goes on at %s", step.Again[n-1].Message, step.At.Message)
			}
			return nil
		}}, nil)
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.past(600, ep, fanfare.GivenUp)
		w.past(600, w.endpoint(fanfare.Endpoint{URL: "http://b.test/"}), fanfare.GivenUp) // which nobody recovers
		task := fanfare.Task{Kind: fanfare.TaskRecover, Application: w.app.ID, Endpoint: ep.ID}
		if n, _, err := w.hub.PlanTask(t.Context(), &task, 0); n != 600 || err != nil {
			t.Fatalf("the plan is %d, %v", n, err)
		}
		synctest.Wait()
		if len(sizes) > 0 {
			t.Fatal("a plan was carried out")
		}
		started := w.startTask(task)
		if !strings.HasPrefix(string(started.ID), "qtask_") || started.Total != 600 {
			t.Errorf("started %+v", started)
		}
		ended, err := w.hub.AwaitTask(t.Context(), started.ID, time.Minute)
		if err != nil || ended.State != fanfare.TaskFinished {
			t.Fatalf("it came to %+v, %v", ended, err)
		}
		w.wantTask(started.ID, fanfare.TaskFinished, 600, 600)
		if want := []int{250, 250, 100}; !slices.Equal(sizes, want) {
			t.Errorf("its pieces are %v, want %v", sizes, want)
		}
		if want := []int{0, 250, 500}; !slices.Equal(done, want) {
			t.Errorf("before each piece %v are done, want %v", done, want)
		}
		for i, t0 := range at[1:] {
			if gap := t0.Sub(at[i]); gap != 20*time.Millisecond {
				t.Errorf("between pieces %d and %d are %v", i, i+1, gap)
			}
		}
		time.Sleep(time.Minute)
		w.once(rcv, 600)
	})
}

func TestACancelledTaskStopsBetweenPieces(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		steps := 0
		w.bend(&bent{step: func(step *fanfare.TaskStep) error {
			if step.State == fanfare.TaskCancelled {
				return nil
			}
			if steps++; steps == 2 { // this one is worked out already, and must not be done
				if _, err := w.hub.CancelTask(context.Background(), step.Task); err != nil {
					t.Error(err)
				}
			}
			return nil
		}}, nil)
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.past(600, ep, fanfare.GivenUp)
		task := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: ep.ID})
		time.Sleep(time.Hour)
		w.wantTask(task.ID, fanfare.TaskCancelled, 600, 250)
		w.once(rcv, 250)
		if steps != 2 {
			t.Errorf("%d steps", steps)
		}
		again, err := w.hub.CancelTask(t.Context(), task.ID)
		if err != nil || again.State != fanfare.TaskCancelled || again.Revision != 2 {
			t.Errorf("cancelled again it is %+v, %v", again, err)
		}
		if _, err := w.hub.CancelTask(t.Context(), "qtask_nobody"); !errors.Is(err, fanfare.ErrNotFound) {
			t.Errorf("cancelling what is not there gives %v", err)
		}
	})
}

func TestATaskGoesOnAfterARestart(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		died := false
		w.bend(&bent{step: func(step *fanfare.TaskStep) error {
			if step.At.Message != "" && !died {
				died = true
				return nil
			}
			return errors.New("the process is dead")
		}}, nil)
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.past(600, ep, fanfare.GivenUp)
		task := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: ep.ID})
		synctest.Wait()
		w.wantTask(task.ID, fanfare.TaskRunning, 600, 250)
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		var first fanfare.TaskPlace
		w.bend(&bent{step: func(step *fanfare.TaskStep) error {
			if first.Message == "" {
				first.Message = step.Again[0].Message
			}
			return nil
		}}, nil)
		time.Sleep(time.Hour)
		w.wantTask(task.ID, fanfare.TaskFinished, 600, 600)
		if body := string(w.message(first.Message).Payload); body != "250" {
			t.Errorf("after the restart it goes on at %s", body)
		}
		w.once(rcv, 600)
	})
}

func (w *world) message(id fanfare.MessageID) *fanfare.Message {
	w.t.Helper()
	msg, err := w.hub.Message(w.t.Context(), w.app.ID, string(id))
	if err != nil {
		w.t.Fatal(err)
	}
	return msg
}

func TestAStepThatFailsIsTriedAgain(t *testing.T) {
	for _, failures := range []int{3, 1000} {
		inBubble(t, nil, func(t *testing.T, w *world) {
			var tries []time.Duration
			var begun time.Time
			w.bend(&bent{step: func(step *fanfare.TaskStep) error {
				if step.State == fanfare.TaskFailed {
					return nil
				}
				if tries = append(tries, time.Since(begun)); len(tries) <= failures {
					return errors.New("no room")
				}
				return nil
			}}, nil)
			rcv := w.receiver("a.test", nil)
			ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
			w.past(10, ep, fanfare.GivenUp)
			begun = time.Now()
			task := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: ep.ID})
			time.Sleep(24 * time.Hour)
			s := time.Second
			want := []time.Duration{0, 1 * s, 3 * s, 7 * s, 15 * s, 31 * s, 63 * s, 127 * s, 255 * s, 511 * s, 811 * s, 1111 * s}
			if failures == 3 {
				want = want[:4]
				w.wantTask(task.ID, fanfare.TaskFinished, 10, 10)
				w.once(rcv, 10)
			} else if got := w.wantTask(task.ID, fanfare.TaskFailed, 10, 0).Error; got != "no room" {
				t.Errorf("it says %q", got)
			}
			for i := range tries {
				tries[i] = tries[i].Round(s) // each try is followed by a pause
			}
			if !slices.Equal(tries, want) {
				t.Errorf("tries at %v, want %v", tries, want)
			}
		})
	}
}

func TestTasksTakeTurns(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		if err := w.stop(); err != nil { // so that all are there when it begins
			t.Fatal(err)
		}
		names := map[fanfare.TaskID]string{}
		other := &fanfare.Application{Name: "Other", UID: "other"}
		if err := w.hub.CreateApplication(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		ep := fanfare.Endpoint{URL: "http://b.test/", Application: other.ID}
		if err := w.hub.CreateEndpoint(t.Context(), &ep); err != nil {
			t.Fatal(err)
		}
		w.past(500, &ep, fanfare.Delivered)
		for _, name := range []string{"A1", "A2", "A3"} {
			ep := w.endpoint(fanfare.Endpoint{URL: "http://a.test/", Paused: true})
			w.past(1000, ep, fanfare.GivenUp)
			names[w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: ep.ID}).ID] = name
		}
		names[w.startTask(fanfare.Task{Kind: fanfare.TaskPurge, Application: other.ID}).ID] = "B1"
		var turns []string
		w.bend(&bent{step: func(step *fanfare.TaskStep) error {
			turns = append(turns, names[step.Task])
			return nil
		}}, nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		want := "A1 B1 A2 B1 A3 A1 A2 A3 A1 A2 A3 A1 A2 A3"
		if got := strings.Join(turns, " "); got != want {
			t.Errorf("the turns are\n%s, want\n%s", got, want)
		}
		for id := range names {
			if s := w.task(id).State; s != fanfare.TaskFinished {
				t.Errorf("%s is %v", names[id], s)
			}
		}
	})
}

func TestTheTaskOfADeletedEndpointFails(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		eps := []*fanfare.Endpoint{}
		for i := range 3 {
			eps = append(eps, w.endpoint(fanfare.Endpoint{URL: fmt.Sprintf("http://%d.test/", i), Paused: true}))
			w.past(300, eps[i], fanfare.GivenUp)
		}
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		one := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: eps[0].ID})
		all := w.startTask(fanfare.Task{Kind: fanfare.TaskBulkReplay})
		steps := 0
		w.bend(&bent{step: func(*fanfare.TaskStep) error {
			if steps++; steps == 2 { // a piece is done of one, and another one worked out for the other
				if err := w.store.DeleteEndpoint(context.Background(), w.app.ID, eps[0].ID); err != nil {
					t.Error(err)
				}
			}
			return nil
		}}, nil)
		time.Sleep(time.Hour)
		if got := w.wantTask(one.ID, fanfare.TaskFailed, 300, 250).Error; got != "the endpoint was deleted" {
			t.Errorf("it says %q", got)
		}
		if got := w.wantTask(all.ID, fanfare.TaskFinished, 900, 600); got.Error != "" {
			t.Errorf("it says %q", got.Error)
		}
	})
}

func TestTasksThatCannotBe(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		ep := w.endpoint(fanfare.Endpoint{URL: "http://a.test/", Paused: true})
		for want, task := range map[string]fanfare.Task{
			"endpoint":        {Kind: fanfare.TaskRecover},
			"task":            {Kind: "application.stats"},
			"status":          {Kind: fanfare.TaskRecover, Endpoint: ep.ID, Selection: fanfare.Selection{States: []fanfare.State{fanfare.GivenUp}}},
			"statusCodeClass": {Kind: fanfare.TaskBulkReplay, Selection: fanfare.Selection{StatusClass: 6}},
			"until":           {Kind: fanfare.TaskPurge, Selection: fanfare.Selection{Since: w.start, Until: w.start}},
			"eventTypes":      {Kind: fanfare.TaskPurge, Selection: fanfare.Selection{EventTypes: []string{"no type"}}},
		} {
			task.Application = w.app.ID
			var wrong *fanfare.InvalidError
			if err := w.hub.StartTask(t.Context(), &task); !errors.As(err, &wrong) || wrong.Field != want {
				t.Errorf("%s: %v", want, err)
			}
		}
		nobody := fanfare.Task{Kind: fanfare.TaskRecover, Application: w.app.ID, Endpoint: "ep_nobody"}
		if err := w.hub.StartTask(t.Context(), &nobody); !errors.Is(err, fanfare.ErrNotFound) {
			t.Errorf("an endpoint that is not there: %v", err)
		}
		w.bend(&bent{step: func(*fanfare.TaskStep) error { return errors.New("busy") }}, nil)
		for range fanfare.MaxRunningTasks {
			w.startTask(fanfare.Task{Kind: fanfare.TaskPurge})
		}
		more := fanfare.Task{Kind: fanfare.TaskPurge, Application: w.app.ID}
		var wrong *fanfare.InvalidError
		if err := w.hub.StartTask(t.Context(), &more); !errors.As(err, &wrong) || !strings.HasPrefix(wrong.Reason, "20 tasks") {
			t.Errorf("one more: %v", err)
		}
	})
}
