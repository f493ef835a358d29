package pages_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// A task as the API has it.
type task struct {
	ID, Task, State string
	Total, Done     int
}

func (w *world) tasks() []task {
	w.t.Helper()
	var all list[task]
	w.api("GET", "/background-task", "", &all)
	return all.Data
}

// TestMuchIsDoneAtOnce plans a bulk operation, begins it and sees it end, in the store too.
func TestMuchIsDoneAtOnce(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		ep := w.endpoint(`,"rateLimit":2`)
		w.answers(func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "out of order", 500) })
		for i := range 3 {
			w.send(1, fmt.Sprint(i))
		}
		w.answers(nil)
		b.open("/task")
		b.shows("No bulk operations yet")
		b.press("New bulk operation")
		b.fill("kind", "recover")
		b.fill("app", "acme")
		b.fill("since", "yesterday")
		b.press("Show how much it is")
		b.shows("Say which endpoint")
		b.fill("endpoint", ep.ID)
		b.press("Show how much it is")
		b.shows("That is no time such as")
		b.fill("since", "1h")
		b.press("Show how much it is")
		b.shows("Send again what was given up: 3")
		b.shows("That takes about 1 s, at 2 a second, as its limit has it.")
		b.shot("o10-plan")
		if all := w.tasks(); len(all) != 0 {
			t.Errorf("a plan has begun %v", all)
		}
		b.press("Begin")
		b.shows("3 of 3")
		b.shows("Finished")
		if all := w.tasks(); len(all) != 1 || all[0].Task != "endpoint.recover" || all[0].State != "finished" || all[0].Done != 3 {
			t.Errorf("the tasks are %v", all)
		}
		w.until(func() bool {
			n := 0
			for _, d := range w.deliveries(ep.ID) {
				if d.Status == 0 {
					n++
				}
			}
			return n == 3
		})
		b.press("Bulk")
		b.reads("Send again what was given up", "Finished", "3 of 3")

		b.press("New bulk operation")
		b.fill("kind", "purge")
		b.fill("app", "acme")
		b.fill("since", "7d")
		b.fill("eventTypes", "record.created")
		b.press("Show how much it is")
		b.shows("Remove payloads: 3")
		b.press("Begin")
		b.shows("Finished")
		var msgs struct{ Data []struct{ Payload any } }
		w.api("GET", "/app/acme/msg?with_content=true", "", &msgs)
		for _, m := range msgs.Data {
			if fmt.Sprint(m.Payload) != "map[expired:true]" {
				t.Errorf("a payload is there still: %v", m.Payload)
			}
		}
	})
}

// TestATaskIsCancelledUnderWay begins one that has to take turns with others, sees how far
// it is, and ends it.
func TestATaskIsCancelledUnderWay(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		const many, others = 8000, 15 // so much that it is under way for ten seconds
		var mine, held endpoint
		w.api("POST", "/app/acme/endpoint", `{"url":`+quoted(w.rcv.URL)+`,"paused":true}`, &mine)
		w.api("POST", "/app/acme/endpoint", `{"url":`+quoted(w.rcv.URL)+`,"paused":true}`, &held)
		var batch []string
		for i := range many / 8 {
			batch = append(batch, fmt.Sprintf(`{"eventType":"record.created","payload":%d}`, i))
		}
		for range 8 {
			w.api("POST", "/app/acme/msg/batch", `{"messages":[`+strings.Join(batch, ",")+`]}`, nil)
		}
		w.api("POST", "/app/acme/endpoint/"+mine.ID+"/pause", `{"waiting":"cancel"}`, nil) // what waits is not sent again
		var begun sync.WaitGroup
		for range others {
			begun.Go(func() {
				w.asked(adminKey, "POST", "/api/v1/app/acme/endpoint/"+held.ID+"/bulk-replay", `{"since":"2026-01-02T15:04:05Z","status":1}`)
			})
		}
		begun.Wait()
		b.open("/task/new?kind=again&app=acme&since=1h&endpoint=" + mine.ID)
		b.press("Show how much it is")
		b.shows("Send messages again: ") // all of them, or as many as were counted
		b.press("Begin")
		b.shows("What is done stays done")
		if b.scripts() {
			if !b.soon(`(v => v > 0 && v < 100)(document.querySelector("progress").value)`) {
				t.Errorf("it is not seen how far it is: %s", eval[string](b, `document.body.innerText`))
			}
		} else {
			b.press("Look again")
			b.shows("Running")
		}
		b.shot("o10-running")
		b.press("Cancel")
		b.shows("The bulk operation is cancelled")
		b.shows("Cancelled")
		ended := w.tasks()[0]
		if ended.State != "cancelled" || ended.Done >= many || ended.Total != many {
			t.Errorf("it is %+v", ended)
		}
		b.open("/task?status=cancelled")
		b.reads("Send messages again", "Cancelled", fmt.Sprintf("%d of %d", ended.Done, many))
		if n := eval[int](b, `document.querySelectorAll("tbody tr").length`); n != 1 {
			t.Errorf("%d are listed as cancelled", n)
		}
	})
}

// TestTheQueueIsSeenAndHeld shows lanes with what waits and for how long, holds one, and
// sends again what was given up.
func TestTheQueueIsSeenAndHeld(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		b.open("/queue")
		b.shows("Nothing waits")
		b.shows("Nothing that was tried of late was given up")
		var slow, shelf endpoint
		w.answers(func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "out of order", 500) })
		w.api("POST", "/app/acme/endpoint", `{"url":`+quoted(w.rcv.URL)+`,"description":"Books","retry":{"delays":[1800]},"filterTypes":["book"]}`, &slow)
		w.api("POST", "/app/acme/endpoint", `{"url":`+quoted(w.rcv.URL)+`,"description":"Shelves","ordered":true,"retry":{"delays":[1800]},"filterTypes":["shelf"]}`, &shelf)
		w.endpoint(`,"description":"Leaflets","filterTypes":["leaflet"]`)
		for _, text := range []string{`"book","payload":1`, `"book","payload":2`, `"shelf","payload":1,"orderingKey":"red shelf"`, `"shelf","payload":2,"orderingKey":"red shelf"`, `"leaflet","payload":1`} {
			w.api("POST", "/app/acme/msg", `{"eventType":`+text+`}`, nil)
		}
		w.until(func() bool {
			var out struct {
				Data []struct{ Waiting, InFlight int }
			}
			w.api("GET", "/lane", "", &out)
			return len(out.Data) == 2 && out.Data[0].InFlight+out.Data[1].InFlight == 0 && out.Data[0].Waiting+out.Data[1].Waiting == 4
		})
		if !b.scripts() {
			b.open("/queue")
		}
		b.reads("Books", "2", " min")
		b.reads("Ordering key red shelf", "Waits for another try", "2")
		b.reads("Leaflets", "Acme", "500 Internal Server Error")
		b.shot("o11-queue")

		b.click(`form[action*="` + slow.ID + `"] button`)
		b.shows("The endpoint is paused")
		if !w.named("Books").Paused {
			t.Error("it is not paused")
		}
		b.open("/queue")
		b.reads("Books", "Paused", "2")
		w.api("POST", "/app/acme/msg", `{"eventType":"book","payload":3}`, nil)
		if !b.scripts() {
			b.open("/queue")
		}
		b.reads("Books", "Paused", "3")
		b.click(`form[action*="` + slow.ID + `"] button`)
		b.shows("The endpoint is resumed")
		if w.named("Books").Paused {
			t.Error("it is paused still")
		}
		w.answers(nil)
		b.press("Recover…")
		b.shows("1 delivery was given up")
		b.press("Send 1 message")
		b.shows("is being sent again")
		w.until(func() bool {
			all := w.deliveries(w.named("Leaflets").ID)
			return len(all) == 1 && all[0].Status == 0
		})
		b.open("/queue")
		b.shows("Nothing that was tried of late was given up")
	})
}

// named is the endpoint with that description.
func (w *world) named(description string) (found struct {
	ID, Description string
	Paused          bool
}) {
	w.t.Helper()
	var all struct {
		Data []struct {
			ID, Description string
			Paused          bool
		}
	}
	w.api("GET", "/app/acme/endpoint", "", &all)
	for _, ep := range all.Data {
		if ep.Description == description {
			return ep
		}
	}
	w.t.Fatalf("there is no endpoint %q", description)
	return found
}
