package fanfare_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestMissingMessagesAreReplayed(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		later := w.start.Add(time.Hour)
		msgs := w.past(600, nil, 0, func(i int, msg *fanfare.Message) {
			switch {
			case i%3 == 1:
				msg.EventType = "c.d"
			case i == 3:
				msg.DeliverAt = later
			}
		})
		if err := w.hub.ExpungePayload(t.Context(), w.app.ID, msgs[6].ID); err != nil {
			t.Fatal(err)
		}
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, EventTypes: []string{"a.b"}})
		w.send("a.b", "has a delivery")
		time.Sleep(time.Second)
		since := msgs[300].CreatedAt
		for _, c := range []struct {
			since time.Time
			want  int
		}{{since, 200}, {time.Time{}, 199}, {time.Time{}, 0}} { // the second has what the first has left, less the one expunged
			task := w.startTask(fanfare.Task{Kind: fanfare.TaskReplayMissing, Endpoint: ep.ID, Selection: fanfare.Selection{Since: c.since}})
			time.Sleep(time.Minute)
			w.wantTask(task.ID, fanfare.TaskFinished, c.want, c.want)
		}
		if n := len(rcv.requests()); n != 1+398 {
			t.Errorf("%d requests, want 399", n)
		}
		time.Sleep(2 * time.Hour)
		requests := rcv.requests()
		if last := requests[len(requests)-1]; last.body != "3" || !last.at.Equal(later) || len(requests) != 400 {
			t.Errorf("%d requests, the last one %q at %v", len(requests), last.body, last.at.Sub(w.start))
		}
	})
}

func TestABulkReplayGoesThroughAllEndpoints(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var rcvs []*receiver
		var eps []*fanfare.Endpoint
		states := []fanfare.State{fanfare.Delivered, fanfare.GivenUp, fanfare.Cancelled}
		for i, state := range states {
			rcvs = append(rcvs, w.receiver(fmt.Sprintf("%d.test", i), nil))
			eps = append(eps, w.endpoint(fanfare.Endpoint{URL: rcvs[i].url}))
			w.past(300, eps[i], state, func(i int, msg *fanfare.Message) { msg.Tags = []string{[]string{"even", "odd"}[i%2]} })
		}
		all := w.startTask(fanfare.Task{Kind: fanfare.TaskBulkReplay})
		time.Sleep(time.Minute)
		w.wantTask(all.ID, fanfare.TaskFinished, 900, 900)
		for _, rcv := range rcvs {
			w.once(rcv, 300)
		}
		some := w.startTask(fanfare.Task{Kind: fanfare.TaskBulkReplay, Endpoint: eps[1].ID, Selection: fanfare.Selection{Tag: "odd", States: []fanfare.State{fanfare.Delivered}}})
		time.Sleep(time.Minute)
		w.wantTask(some.ID, fanfare.TaskFinished, 150, 150)
		if n := len(rcvs[1].requests()); n != 450 {
			t.Errorf("%d requests, want 450", n)
		}
	})
}

func TestWhatWaitsIsReplayedOnRequestOnly(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", status(500, 200))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Delays: []time.Duration{10 * time.Hour}}})
		msg := w.send("a.b", 1)
		time.Sleep(time.Minute)
		idle := w.startTask(fanfare.Task{Kind: fanfare.TaskBulkReplay, Endpoint: ep.ID})
		time.Sleep(time.Minute)
		w.wantTask(idle.ID, fanfare.TaskFinished, 0, 0)
		task := w.startTask(fanfare.Task{Kind: fanfare.TaskBulkReplay, Endpoint: ep.ID, Selection: fanfare.Selection{States: []fanfare.State{fanfare.Waiting}}})
		time.Sleep(time.Minute)
		w.wantTask(task.ID, fanfare.TaskFinished, 1, 1)
		if s := w.delivery(msg).State; s != fanfare.Delivered || len(rcv.requests()) != 2 {
			t.Errorf("%v after %d requests", s, len(rcv.requests()))
		}
		time.Sleep(20 * time.Hour)
		if n := len(rcv.requests()); n != 2 {
			t.Errorf("%d requests: it waited in two places", n)
		}
	})
}

func TestAPurgeRemovesPayloads(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Paused: true})
		old := w.past(600, nil, 0, func(i int, msg *fanfare.Message) { msg.Channels = []string{[]string{"eu", "us"}[i%2]} })
		recent := w.send("a.b", 1)
		some := w.startTask(fanfare.Task{Kind: fanfare.TaskPurge, Selection: fanfare.Selection{Channel: "us"}})
		time.Sleep(time.Minute)
		w.wantTask(some.ID, fanfare.TaskFinished, 300, 300)
		for i := range 2 {
			if gone := w.message(old[i].ID).Payload == nil; gone != (i == 1) {
				t.Errorf("payload %d: gone is %v", i, gone)
			}
		}
		all := w.startTask(fanfare.Task{Kind: fanfare.TaskPurge})
		after := w.send("a.b", 2) // is not among those the task is about
		time.Sleep(time.Minute)
		w.wantTask(all.ID, fanfare.TaskFinished, 301, 301)
		if w.message(recent.ID).Payload != nil || w.message(after.ID).Payload == nil {
			t.Error("the wrong payloads are gone")
		}
		ep, err := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.hub.ResumeEndpoint(t.Context(), ep[0]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := rcv.bodies(); !slices.Equal(got, []string{"2"}) {
			t.Errorf("sent %q: what was removed must not be sent from memory", got)
		}
	})
}

func TestAResponseIsRemovedForGood(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", func(_ int, rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Set-Cookie", "secret")
			fmt.Fprint(rw, "secret")
		})
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		msg := w.send("a.b", 1)
		time.Sleep(time.Second)
		a := w.attempts(msg)[0]
		if err := w.hub.ExpungeResponse(t.Context(), w.app.ID, msg.ID, a.ID); err != nil {
			t.Fatal(err)
		}
		if a := w.attempts(msg)[0]; len(a.ResponseBody)+len(a.ResponseHeader) > 0 || a.Status != 200 || len(a.RequestHeader) == 0 {
			t.Errorf("left is %+v", a)
		}
		if err := w.hub.ExpungeResponse(t.Context(), w.app.ID, msg.ID, "atmpt_nobody"); !errors.Is(err, fanfare.ErrNotFound) {
			t.Errorf("of what is not there: %v", err)
		}
	})
}
