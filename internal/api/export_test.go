package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/sqlite"
)

// export has acme's messages written down, and waits until that has ended.
func (w *world) export(body string) (task map[string]any) {
	w.t.Helper()
	task = w.do("POST", "/api/v1/app/acme/msg/export", body).want(202).object()
	for task["state"] == "running" {
		time.Sleep(50 * time.Millisecond)
		task = w.do("GET", "/api/v1/background-task/"+task["id"].(string), "").want(200).object()
	}
	return task
}

func content(task map[string]any) string {
	return "/api/v1/background-task/" + fmt.Sprint(task["id"]) + "/content"
}

// lines are those of an export that has finished.
func (w *world) lines(task map[string]any) (lines []string) {
	w.t.Helper()
	if task["state"] != "finished" {
		w.t.Fatalf("the export is %v", task)
	}
	a := w.do("GET", content(task), "").want(200)
	if ct := a.header.Get("Content-Type"); ct != "application/x-ndjson" {
		w.t.Errorf("the type is %q", ct)
	}
	for line := range strings.Lines(string(a.body)) {
		lines = append(lines, line)
	}
	if n := task["data"].(map[string]any)["lines"]; n != float64(len(lines)) {
		w.t.Errorf("there are %d lines, and the task says %v", len(lines), n)
	}
	return lines
}

func TestAnExportIsWhole(t *testing.T) {
	running(t, func(w http.ResponseWriter, r *http.Request) {}, func(t *testing.T, w *world) {
		w.app("acme")
		w.app("other")
		w.message("other", `{"eventType":"x","payload":"theirs"}`)
		for _, uid := range []string{"a", "b"} {
			w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"http://example.com/in","uid":"`+uid+`"}`).want(201)
		}
		var all []string
		for i := range 45 {
			all = append(all, w.message("acme", fmt.Sprintf("{\"eventType\":\"e%d\",\"tags\":[\"t\"],\"payload\":{\n  \"n\": %d,\r\n\t\"s\": \"a\\nb\" }}", i%2, i)))
			time.Sleep(time.Second)
		}
		begin := time.Now().Add(-45 * time.Second)
		export := func(body string) (ids []string) {
			t.Helper()
			for _, line := range w.lines(w.export(body)) {
				var item struct {
					ID      string
					Payload json.RawMessage
				}
				if err := json.Unmarshal([]byte(line), &item); err != nil || !strings.HasSuffix(line, "\n") {
					t.Fatalf("%q: %v", line, err)
				}
				if n := slices.Index(all, item.ID); n >= 0 && string(item.Payload) != fmt.Sprintf(`{   "n": %d,  `+"\t"+`"s": "a\nb" }`, n) {
					t.Errorf("payload %d is %s", n, item.Payload)
				}
				ids = append(ids, item.ID)
			}
			return ids
		}
		stamp := func(second int) string {
			return begin.Add(time.Duration(second) * time.Second).UTC().Format(time.RFC3339Nano)
		}
		var odd []string
		for i := 1; i < 45; i += 2 {
			odd = append(odd, all[i])
		}
		for body, want := range map[string][]string{
			`{}`: all, `{"tag":"t"}`: all, `{"tag":"u"}`: nil, `{"eventTypes":["e1"]}`: odd, `{"eventTypes":["e0","e1"]}`: all, `{"channel":"c"}`: nil,
			`{"since":"` + stamp(10) + `","until":"` + stamp(12) + `"}`: all[10:12],
		} {
			if got := export(body); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", body, got, want)
			}
			plan := w.do("POST", "/api/v1/app/acme/msg/export?plan=true", body).want(200).object()
			if plan["total"] != float64(len(want)) || plan["id"] != "" {
				t.Errorf("%s: the plan is %v", body, plan)
			}
		}
		ids := export(`{"attempts":true}`)
		if len(ids) != 3*45 {
			t.Fatalf("%d lines with attempts, want each message with two", len(ids))
		}
		for i, id := range ids {
			if i%3 == 0 && id != all[i/3] || i%3 > 0 && !strings.HasPrefix(id, "atmpt_") {
				t.Errorf("line %d is %s", i, id)
			}
		}
	})
}

func TestAnExportIsReadWhenItIsWhole(t *testing.T) {
	running(t, func(w http.ResponseWriter, r *http.Request) {}, func(t *testing.T, w *world) {
		w.app("acme")
		w.app("other")
		w.message("acme", `{"eventType":"x","payload":1}`)
		removed := w.message("acme", `{"eventType":"x","payload":"hush"}`)
		time.Sleep(time.Second)
		task := w.export(`{}`)
		expires := time.Now().Add(24 * time.Hour)
		if at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(task["expiresAt"])); err != nil || at.Before(expires.Add(-time.Minute)) || at.After(expires) {
			t.Errorf("it expires at %v, want about %v", task["expiresAt"], expires)
		}
		if got, want := asJSON(t, task["data"]), `{"damaged":0,"lines":2,"messagesExported":2}`; got != want {
			t.Errorf("the data is %s, want %s", got, want)
		}
		if a := w.do("HEAD", content(task), "").want(200); len(a.body) > 0 || a.header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("HEAD is answered %q with %v", a.body, a.header)
		}
		_, foreign := w.makeKey(`{"name":"k","scopes":["admin"],"application":"other"}`)
		_, own := w.makeKey(`{"name":"k","scopes":["messages:read"],"application":"acme"}`)
		for _, method := range []string{"GET", "HEAD", "DELETE"} {
			w.as(foreign, method, content(task), "").want(404)
			w.do(method, "/api/v1/background-task/qtask_0000000000000000000000000Z/content", "").want(404)
		}
		w.as(own, "GET", content(task), "").want(200)
		purge := w.do("POST", "/api/v1/app/other/msg/expunge-all-contents", "").want(202).object()
		w.do("GET", content(purge), "").want(404)

		w.do("DELETE", "/api/v1/app/acme/msg/"+removed+"/content", "").want(204)
		if lines := w.lines(task); strings.Contains(strings.Join(lines, ""), "hush") || !strings.Contains(lines[1], `"payload":{"expired":true}`) {
			t.Errorf("after a payload was removed for good: %s", lines)
		}
		time.Sleep(23 * time.Hour)
		w.do("GET", content(task), "").want(200)
		time.Sleep(time.Hour)
		w.do("GET", content(task), "").want(410)
		w.do("DELETE", content(task), "").want(410)
		again := w.export(`{}`)
		w.as(own, "DELETE", content(again), "").want(204)
		w.do("GET", content(again), "").want(410)
		w.do("DELETE", content(again), "").want(410)
		for body, want := range map[string]int{`{"from":"2020-01-01T00:00:00Z"}`: 422, `{"since":"yesterday"}`: 422, `[]`: 422, `{"since":"2020-01-02T00:00:00Z","until":"2020-01-01T00:00:00Z"}`: 422} {
			w.do("POST", "/api/v1/app/acme/msg/export", body).want(want)
		}
		w.do("POST", "/api/v1/app/nobody/msg/export", `{}`).want(404)
	})
}

// TestAnExportIsCancelled: nobody carries it out here, so it stays as it is begun.
func TestAnExportIsCancelled(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.message("acme", `{"eventType":"x","payload":1}`)
	task := w.do("POST", "/api/v1/app/acme/msg/export", `{}`).want(202).object()
	if task["state"] != "running" || task["total"] != 1.0 || task["expiresAt"] != nil {
		t.Errorf("begun is %v", task)
	}
	for _, method := range []string{"GET", "DELETE"} {
		a := w.do(method, content(task), "").want(409)
		if !strings.Contains(string(a.body), "0 of 1") || a.header.Get("Retry-After") != "1" {
			t.Errorf("while it runs: %v %s", a.header, a.body)
		}
	}
	w.do("POST", "/api/v1/background-task/"+task["id"].(string)+"/cancel", "").want(200)
	if a := w.do("GET", content(task), "").want(409); !strings.Contains(string(a.body), "cancelled") {
		t.Errorf("when it was cancelled: %s", a.body)
	}
}

func TestOnlySoManyExportsAreKept(t *testing.T) {
	running(t, func(w http.ResponseWriter, r *http.Request) {}, func(t *testing.T, w *world) {
		w.app("acme")
		w.message("acme", `{"eventType":"x","payload":1}`)
		time.Sleep(time.Second)
		var last map[string]any
		for range fanfare.MaxExports {
			last = w.export(`{}`)
		}
		if a := w.do("POST", "/api/v1/app/acme/msg/export", `{}`).want(422); !strings.Contains(string(a.body), "remove the content of one") {
			t.Errorf("one more: %s", a.body)
		}
		w.do("DELETE", content(last), "").want(204)
		w.export(`{}`)
	})
}

// stopping is a store that stops whoever carries out an export after so many parts,
// when the last of them is on disk.
type stopping struct {
	fanfare.Store
	parts int
	stop  context.CancelFunc
}

func (s *stopping) StepTask(ctx context.Context, step *fanfare.TaskStep) (bool, error) {
	ok, err := s.Store.StepTask(ctx, step)
	if step.Part != nil && ok {
		if s.parts--; s.parts == 0 {
			s.stop()
			return false, errors.New("the process is gone")
		}
	}
	return ok, err
}

func TestAnExportGoesOnAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	begin := func(parts int) (w *world, end func()) {
		store, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		w = worldOn(t, &stopping{store, parts, stop}, &fanfare.Options{})
		done := make(chan error)
		go func() { done <- w.hub.Run(ctx) }()
		return w, func() {
			if parts == 0 {
				stop()
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			store.Close()
		}
	}
	w, end := begin(1)
	w.app("acme")
	var all []string
	for i := range 120 {
		all = append(all, w.message("acme", fmt.Sprintf(`{"eventType":"x","payload":{"n":%d,"s":%q}}`, i, strings.Repeat("long ", 8000))))
	}
	task := w.do("POST", "/api/v1/app/acme/msg/export", `{}`).want(202).object()
	end()
	for range 2 {
		w, end = begin(1)
		end()
	}
	w, end = begin(0)
	defer end()
	at := w.do("GET", "/api/v1/background-task/"+task["id"].(string), "").want(200).object()
	if at["state"] != "running" && at["state"] != "finished" || at["done"].(float64) < 60 {
		t.Fatalf("after three restarts it is %v", at)
	}
	for deadline := time.Now().Add(20 * time.Second); at["state"] == "running" && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
		at = w.do("GET", "/api/v1/background-task/"+task["id"].(string), "").want(200).object()
	}
	lines := w.lines(at)
	if len(lines) != len(all) {
		t.Fatalf("%d lines of %d messages", len(lines), len(all))
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, `{"id":"`+all[i]+`"`) || !strings.Contains(line, fmt.Sprintf(`"payload":{"n":%d,"s":"long `, i)) {
			t.Fatalf("line %d is %.80s…", i, line)
		}
	}
}

// spoilt is a store that gives out a part that is not what was stored.
type spoilt struct {
	fanfare.Store
	spoil func(n int, content []byte) ([]byte, error)
}

func (s spoilt) TaskPart(ctx context.Context, id fanfare.TaskID, n int) ([]byte, error) {
	content, err := s.Store.TaskPart(ctx, id, n)
	if err != nil {
		return nil, err
	}
	return s.spoil(n, content)
}

func TestAnExportThatIsDamagedIsNotTakenForWhole(t *testing.T) {
	running(t, func(w http.ResponseWriter, r *http.Request) {}, func(t *testing.T, w *world) {
		w.app("acme")
		for range 40 {
			w.message("acme", fmt.Sprintf(`{"eventType":"x","payload":%q}`, strings.Repeat("long ", 10_000)))
		}
		time.Sleep(time.Second)
		task := w.export(`{}`)
		reader := func(spoil func(n int, content []byte) ([]byte, error)) *world {
			return worldOn(t, spoilt{w.store, spoil}, &fanfare.Options{})
		}
		flip := func(at int) func(n int, content []byte) ([]byte, error) {
			return func(n int, content []byte) ([]byte, error) {
				if n == at {
					content[len(content)/2] ^= 1
				}
				return content, nil
			}
		}
		if a := reader(flip(0)).do("GET", content(task), "").want(410); !strings.Contains(string(a.body), "damaged") {
			t.Errorf("the first part: %s", a.body)
		}
		later := map[string]*world{
			"damaged": reader(flip(1)),
			"gone":    reader(func(n int, content []byte) ([]byte, error) { return content, map[int]error{1: fanfare.ErrNotFound}[n] }),
			"failing": reader(func(n int, content []byte) ([]byte, error) {
				return content, map[int]error{1: errors.New("the disk is gone")}[n]
			}),
		}
		for how, w := range later {
			func() {
				defer func() {
					if cause := recover(); cause != http.ErrAbortHandler {
						t.Errorf("%s: it ends with %v", how, cause)
					}
					if !strings.Contains(w.log.String(), "broken off") {
						t.Errorf("%s: logged: %s", how, w.log)
					}
				}()
				w.do("GET", content(task), "")
				t.Errorf("%s: it looks whole", how)
			}()
		}
		synctest.Wait()
	})
}
