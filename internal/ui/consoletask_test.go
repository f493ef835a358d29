package ui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestBulkOperationsArePlannedThenBegun(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	ep := w.endpoint()
	w.answers(500, "no")
	msg := w.message(1, `{"a":1}`)
	w.answers(200, "yes")
	w.get(200, "/task").says("No bulk operations yet")
	d := w.get(200, "/task/new?app=acme&endpoint="+string(ep.ID)+"&since=1h")
	w.submit(422, d, "Show how much it is", "since", "yesterday").says("no time such as")
	w.submit(422, d, "Show how much it is", "endpoint", "").says("which endpoint")
	w.submit(422, d, "Show how much it is", "endpoint", "ep_none").says("Not yet: There is no endpoint")
	d = w.submit(200, d, "Show how much it is").says("Send again what was given up: 1")
	if tasks, _ := w.hub.Tasks(t.Context(), fanfare.TaskFilter{Page: fanfare.Page{Limit: 10}}); len(tasks) != 0 {
		t.Errorf("planning has begun %d", len(tasks))
	}
	w.submit(200, d, "Show how much it is", "since", "1ms").says("given up: 0", "There is nothing to do") // and what was planned is begun all the same
	w.comes(w.submit(303, d, "Begin").path, "Send again what was given up", "1 of 1", "Finished")
	w.attempts(msg, 2)
	w.get(200, "/task").says("Finished", "1 of 1")
	w.get(200, w.link(w.get(200, "/task?status=running").says("No bulk operation is in that state").lacks("1 of 1"), "Show all")).says("1 of 1")

	d = w.get(200, "/task/new")
	d = w.submit(200, d, "Show how much it is", "kind", "purge", "app", "acme", "since", "7d", "eventTypes", "record.created").says("Remove payloads: 1")
	w.submit(303, d, "Begin").says("Remove payloads")
	w.until("the payload is gone", func() bool {
		got, err := w.hub.Message(t.Context(), w.app.ID, string(msg.ID))
		return err == nil && got.Payload == nil
	})
}

func TestATaskThatRunsCanBeCancelled(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.get(404, "/task/qtask_none")
	if a := w.form("/task/qtask_none/cancel"); a.Code != http.StatusNotFound {
		t.Errorf("cancelling none was answered %d", a.Code)
	}
	task := &fanfare.Task{Kind: fanfare.TaskRecover, Application: w.app.ID, Endpoint: w.endpoint().ID, Selection: fanfare.Selection{Since: time.Now().Add(-time.Hour)}}
	if err := w.hub.StartTask(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	w.post(303, "/task/"+string(task.ID)+"/cancel").says("What it has done stays done")
	if now, err := w.hub.Task(t.Context(), task.ID); err != nil || now.State == fanfare.TaskRunning {
		t.Errorf("it is %+v, %v", now, err)
	}
}

func TestTheQueueShowsWhatWaits(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.get(200, "/queue").says("Nothing waits")
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Held books"; ep.Paused = true })
	gate := make(chan struct{})
	defer close(gate)
	w.mu.Lock()
	w.answer = func(http.ResponseWriter, *http.Request) { <-gate }
	w.mu.Unlock()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Slow stock"; ep.MaxInFlight = 1 })
	for range 3 {
		if _, err := w.hub.Send(t.Context(), "acme", "a.b", 1); err != nil {
			t.Fatal(err)
		}
	}
	w.until("the rows say of each lane how much waits and is under way", func() bool {
		rows := w.get(200, "/queue").all("tr", "")
		return len(rows) == 3 && strings.Contains(rows[1], "Paused30") && strings.HasPrefix(rows[2], "Slow stock") && strings.Contains(rows[2], "Healthy21")
	})
}
