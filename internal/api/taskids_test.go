package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestBulkReplayOfNamedMessages(t *testing.T) {
	var mu sync.Mutex
	var got []string
	sent := func() (all []string) {
		mu.Lock()
		defer mu.Unlock()
		all, got = got, nil
		slices.Sort(all)
		return all
	}
	running(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.URL.Path+" "+r.Header.Get("webhook-id"))
	}, func(t *testing.T, w *world) {
		w.app("acme")
		w.app("other")
		for _, ep := range []string{"a", "b"} {
			w.do("POST", "/api/v1/app/acme/endpoint", `{"uid":"`+ep+`","url":"http://example.com/`+ep+`"}`).want(201)
		}
		one := w.message("acme", `{"eventType":"x","payload":1,"eventId":"one"}`)
		two := w.message("acme", `{"eventType":"x","payload":2}`)
		w.message("acme", `{"eventType":"x","payload":3,"eventId":"three"}`)
		gone := w.message("acme", `{"eventType":"x","payload":4,"eventId":"gone"}`)
		theirs := w.message("other", `{"eventType":"x","payload":5}`)
		time.Sleep(time.Second)
		w.do("DELETE", "/api/v1/app/acme/msg/"+gone+"/content", "").want(204)
		sent()

		body := fmt.Sprintf(`{"ids":["one",%q,%q,"gone"]}`, two, one)
		if plan := w.do("POST", "/api/v1/app/acme/endpoint/a/bulk-replay?plan=true", body).want(200).object(); plan["total"] != 2.0 {
			t.Errorf("planned: %v", plan)
		}
		started := w.do("POST", "/api/v1/app/acme/endpoint/a/bulk-replay", body).want(202).object()
		time.Sleep(time.Second)
		if all, want := sent(), []string{"/a " + one, "/a " + two}; !slices.Equal(all, want) || started["done"] != 2.0 {
			t.Errorf("sent %v, want %v: %v", all, want, started)
		}
		ids := started["parameters"].(map[string]any)["ids"]
		if want := []any{one, two, gone}; fmt.Sprint(ids) != fmt.Sprint(want) {
			t.Errorf("the task names %v, want %v", ids, want)
		}
		w.do("POST", "/api/v1/app/acme/msg/bulk-replay", `{"ids":["one"],"status":0}`).want(202)
		w.do("POST", "/api/v1/app/acme/msg/bulk-replay", `{"ids":["one"],"status":2}`).want(202)
		time.Sleep(time.Second)
		if all, want := sent(), []string{"/a " + one, "/b " + one}; !slices.Equal(all, want) {
			t.Errorf("sent %v, want %v", all, want)
		}

		tooMany := `{"ids":["one"` + strings.Repeat(`,"one"`, 250) + `]}`
		for body, loc := range map[string]string{
			`{"ids":["one","nothing"]}`:                      "body ids 1",
			`{"ids":["` + theirs + `"]}`:                     "body ids 0",
			`{"ids":["one"],"since":"2026-01-01T00:00:00Z"}`: "body ids",
			`{"ids":["one"],"tag":"t"}`:                      "body ids",
			`{"ids":["one"],"statusCodeClass":500}`:          "body ids",
			`{"ids":[]}`:                                     "body ids",
			`{"ids":"one"}`:                                  "body ids",
			`{}`:                                             "body since",
			`{"msgIds":["one"],"since":"2020-01-01T00:00:00Z"}`: "body msgIds",
			tooMany: "body ids",
		} {
			for _, path := range []string{"/endpoint/a", "/msg"} {
				var out invalidOut
				w.do("POST", "/api/v1/app/acme"+path+"/bulk-replay", body).want(422).decode(&out)
				if got := strings.Join(out.Detail[0].Loc, " "); got != loc {
					t.Errorf("%.80s: %s, want %s", body, got, loc)
				}
			}
		}
		time.Sleep(time.Second)
		if all := sent(); all != nil {
			t.Errorf("sent although refused: %v", all)
		}
	})
}

// TestTasksRefuseWhatTheyDoNotKnow: what is ignored elsewhere would do harm here.
func TestTasksRefuseWhatTheyDoNotKnow(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	w.message("acme", `{"eventType":"x","payload":1,"eventId":"m"}`)
	begin := 0
	for op := range w.operations() {
		method, path, _ := strings.Cut(op, " ")
		switch path[strings.LastIndexByte(path, '/')+1:] {
		case "recover", "replay-missing", "bulk-replay", "bulk-expunge", "expunge-all-contents":
		default:
			continue
		}
		begin++
		body := `{"since":"2020-01-01T00:00:00Z","eventType":"y"}`
		switch {
		case strings.HasSuffix(path, "/bulk-expunge"):
			body = `{"ids":["m"],"eventType":"y"}`
		case strings.HasSuffix(path, "contents"):
			body = `{"eventType":"y"}`
		}
		at := strings.NewReplacer("{app}", "acme", "{endpoint}", "ep").Replace(path)
		if a := w.do(method, at, body).want(422); !strings.Contains(string(a.body), `"eventType"`) {
			t.Errorf("%s: %s", op, a.body)
		}
	}
	if begin != 7 {
		t.Errorf("%d routes begin a task, want 7", begin)
	}
	if got := w.kept("acme", "m"); got != "1" {
		t.Errorf("the payload is %q", got)
	}
	w.do("POST", "/api/v1/app/acme/msg/expunge-all-contents", "").want(202)
}
