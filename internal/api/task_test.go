package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// answered is a receiver that answers with the status that is stored there at the time.
func answered(status *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(int(status.Load())) }
}

// past sets up an application with an endpoint that has given up five messages.
func (w *world) past() {
	w.app("acme")
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"http://example.com/in","uid":"ep","retry":{"preset":"none"}}`).want(201)
	for i := range 5 {
		w.message("acme", fmt.Sprintf(`{"eventType":"a.b","eventId":"m%d","tags":["t%d"],"payload":{"n":%d}}`, i, i%2, i))
		time.Sleep(2 * time.Minute) // the endpoint fails, and is tried again after a pause
		synctest.Wait()
	}
}

const since = `"since":"1999-01-01T00:00:00Z"`

func TestATaskIsPlannedFirst(t *testing.T) {
	var status atomic.Int32
	status.Store(500)
	running(t, answered(&status), func(t *testing.T, w *world) {
		w.past()
		for _, c := range []struct {
			path, body, task string
			total            int
		}{
			{"endpoint/ep/recover", `{` + since + `}`, "endpoint.recover", 5},
			{"endpoint/ep/recover", `{"since":"2100-01-01T00:00:00Z"}`, "endpoint.recover", 0},
			{"endpoint/ep/replay-missing", `{` + since + `}`, "endpoint.replay", 0},
			{"endpoint/ep/bulk-replay", `{` + since + `}`, "endpoint.bulk-replay", 5},
			{"endpoint/ep/bulk-replay", `{` + since + `,"status":2,"statusCodeClass":500,"tag":"t1","eventTypes":["a.b"]}`, "endpoint.bulk-replay", 2},
			{"endpoint/ep/bulk-replay", `{` + since + `,"status":0}`, "endpoint.bulk-replay", 0},
			{"endpoint/ep/bulk-replay", `{` + since + `,"statusCodeClass":200}`, "endpoint.bulk-replay", 0},
			{"msg/bulk-replay", `{` + since + `,"tag":"t0"}`, "endpoint.bulk-replay", 3},
			{"msg/bulk-expunge", `{"filter":{"tag":"t0"}}`, "application.purge_content", 3},
			{"msg/expunge-all-contents", ``, "application.purge_content", 5},
		} {
			a := w.do("POST", "/api/v1/app/acme/"+c.path+"?plan=true", c.body).want(200)
			a.has(map[string]any{"id": "", "status": "planned", "state": "planned", "task": c.task, "total": c.total, "done": 0})
		}
		if got := w.do("GET", "/api/v1/background-task", "").items(); len(got) != 0 {
			t.Errorf("plans are kept: %v", got)
		}
		got := w.do("GET", "/api/v1/app/acme/endpoint/ep/stats", "").want(200)
		got.has(map[string]any{"fail": 5, "success": 0, "pending": 0})
		// A plan and what it is of are two requests, though they have the same body.
		key := "Idempotency-Key: k"
		w.do("POST", "/api/v1/app/acme/endpoint/ep/recover?plan=true", `{`+since+`}`, key).want(200)
		w.do("POST", "/api/v1/app/acme/endpoint/ep/recover", `{`+since+`}`, key).want(409)
	})
}

func TestATaskIsSeenThrough(t *testing.T) {
	var status atomic.Int32
	status.Store(500)
	running(t, answered(&status), func(t *testing.T, w *world) {
		w.past()
		status.Store(200)
		started := w.do("POST", "/api/v1/app/acme/endpoint/ep/recover", `{`+since+`}`).want(202)
		started.has(map[string]any{"status": "finished", "task": "endpoint.recover", "total": 5, "done": 5, "error": nil})
		time.Sleep(time.Minute)
		synctest.Wait()
		w.do("GET", "/api/v1/app/acme/endpoint/ep/stats", "").has(map[string]any{"fail": 0, "success": 5})
		read := w.do("GET", "/api/v1/background-task/"+started.id(), "").want(200)
		read.has(map[string]any{"id": started.id(), "status": "finished", "state": "finished", "total": 5, "done": 5})
		if got := fmt.Sprint(read.object()["data"]); got != "map[messagesSent:5]" {
			t.Errorf("data is %s", got)
		}
		w.do("POST", "/api/v1/app/acme/endpoint/ep/bulk-replay", `{`+since+`,"status":0,"tag":"t1"}`).want(202).has(map[string]any{"status": "finished", "done": 2})
		w.do("POST", "/api/v1/app/acme/msg/bulk-replay", `{`+since+`}`).want(202).has(map[string]any{"status": "finished", "endpointId": nil, "task": "endpoint.bulk-replay"})
		w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"http://example.com/in","uid":"late"}`).want(201)
		w.do("POST", "/api/v1/app/acme/endpoint/late/replay-missing", `{`+since+`}`).want(202).has(map[string]any{"status": "finished", "done": 5, "task": "endpoint.replay"})
		time.Sleep(time.Minute)
		synctest.Wait()
		w.do("GET", "/api/v1/app/acme/endpoint/late/stats", "").has(map[string]any{"success": 5})
		purge := w.do("POST", "/api/v1/app/acme/msg/bulk-expunge", `{"filter":{"tag":"t1"}}`).want(202)
		purge.has(map[string]any{"status": "finished", "done": 2, "task": "application.purge_content"})
		if got := fmt.Sprint(purge.object()["data"]); got != "map[messagesPurged:2]" {
			t.Errorf("data is %s", got)
		}
		w.do("POST", "/api/v1/app/acme/msg/expunge-all-contents", "").want(202).has(map[string]any{"status": "finished", "total": 3, "done": 3})
		w.do("GET", "/api/v1/app/acme/msg/m0", "").has(map[string]any{"payload": map[string]any{"expired": true}})
	})
}

// TestARecoveryWaitsForItsEndpoint begins one while the receiver is down.
func TestARecoveryWaitsForItsEndpoint(t *testing.T) {
	var status atomic.Int32
	status.Store(500)
	running(t, answered(&status), func(t *testing.T, w *world) {
		w.past()
		asked := time.Now()
		started := w.do("POST", "/api/v1/app/acme/endpoint/ep/recover", `{`+since+`,"whenHealthy":true}`).want(202)
		if took := time.Since(asked); took > 0 {
			t.Errorf("it is answered after %v, as though it were to end by then", took)
		}
		started.has(map[string]any{"status": "running", "total": 5})
		if p := started.object()["parameters"].(map[string]any); p["whenHealthy"] != true {
			t.Errorf("it is shown with %v", p)
		}
		time.Sleep(10 * time.Minute)
		w.do("GET", "/api/v1/background-task/"+started.id(), "").has(map[string]any{"status": "running"})
		status.Store(200)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		w.do("GET", "/api/v1/background-task/"+started.id(), "").has(map[string]any{"status": "finished"})
		w.do("GET", "/api/v1/app/acme/endpoint/ep/stats", "").has(map[string]any{"fail": 0, "success": 5})
		w.do("POST", "/api/v1/app/acme/endpoint/ep/replay-missing", `{`+since+`,"whenHealthy":true}`).want(422)
	})
}

func TestTasksAreListed(t *testing.T) {
	w := newWorld(t) // whose hub does not run
	for _, app := range []string{"acme", "other"} {
		w.app(app)
		w.endpoint(app, "ep")
		w.message(app, `{"eventType":"x","payload":1}`)
	}
	recover := w.do("POST", "/api/v1/app/acme/endpoint/ep/recover", `{`+since+`,"until":"2100-01-01T00:00:00Z"}`).want(202)
	recover.has(map[string]any{"status": "running", "total": 0})
	replay := w.do("POST", "/api/v1/app/other/endpoint/ep/replay-missing", `{`+since+`}`).want(202)
	purge := w.do("POST", "/api/v1/app/acme/msg/expunge-all-contents", "").want(202)
	purge.has(map[string]any{"status": "running", "total": 1, "done": 0})
	gone := w.do("POST", "/api/v1/background-task/"+replay.id()+"/cancel", "").want(200)
	gone.has(map[string]any{"status": "failed", "state": "cancelled", "error": "It was cancelled."})
	if again := w.do("POST", "/api/v1/background-task/"+replay.id()+"/cancel", "").want(200); string(again.body) != string(gone.body) {
		t.Errorf("cancelled again it is %s", again.body)
	}
	strict := "User-Agent: svix-libs/1.44.0/go"
	for query, want := range map[string][]string{
		"":                                       {purge.id(), replay.id(), recover.id()},
		"?limit=2":                               {purge.id(), replay.id()},
		"?order=ascending&task=endpoint.recover": {recover.id()},
		"?status=running":                        {purge.id(), recover.id()},
		"?status=failed":                         {replay.id()},
		"?status=cancelled":                      {replay.id()},
		"?status=finished":                       nil,
		"?task=endpoint.bulk-replay":             nil,
		"?task=application.purge_content":        {purge.id()},
	} {
		var got []string
		for _, item := range w.do("GET", "/api/v1/background-task"+query, "").items() {
			got = append(got, item["id"].(string))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s lists %v, want %v", query, got, want)
		}
	}
	items := w.do("GET", "/api/v1/background-task", "", strict).items()
	if len(items) != 2 || names(items[0]) != "data id status task" {
		t.Errorf("strict clients, which know not all kinds, are shown %v", items)
	}
	if got := names(w.do("GET", "/api/v1/background-task/"+recover.id(), "", strict).object()); got != "data id status task" {
		t.Errorf("strict clients are shown %s", got)
	}
	w.do("GET", "/api/v1/background-task?status=planned", "").want(422)
	w.do("GET", "/api/v1/background-task?task=x", "").want(422)
	w.do("GET", "/api/v1/background-task/qtask_nobody", "").want(404).has(map[string]any{"code": "not_found"})
	w.do("POST", "/api/v1/background-task/qtask_nobody/cancel", "").want(404)
	if until := recover.object()["parameters"].(map[string]any)["until"].(string); strings.HasPrefix(until, "2100") {
		t.Errorf("it is about what comes until %s, though it is planned now", until)
	}
	w.do("DELETE", "/api/v1/app/acme", "").want(204)
	w.do("GET", "/api/v1/background-task/"+recover.id(), "").want(404)
}

// TestTasksOfOthersAreNotFound asks as those who are let into one application.
func TestTasksOfOthersAreNotFound(t *testing.T) {
	w := newWorld(t)
	tasks := map[string]string{}
	for _, app := range []string{"acme", "other"} {
		w.app(app)
		w.endpoint(app, "ep")
		tasks[app] = w.do("POST", "/api/v1/app/"+app+"/endpoint/ep/recover", `{`+since+`}`).want(202).id()
	}
	acme, err := w.hub.Application(t.Context(), "acme")
	w.ok(err)
	key, err := w.hub.CreateKey(t.Context(), &fanfare.Key{Name: "k", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}, Application: acme.ID})
	w.ok(err)
	session, err := w.hub.CreateSession(t.Context(), &fanfare.Session{Application: acme.ID, Capabilities: fanfare.Capabilities()}, time.Hour)
	w.ok(err)
	for _, token := range []string{key, session} {
		items := w.as(token, "GET", "/api/v1/background-task", "").items()
		if len(items) != 1 || items[0]["id"] != tasks["acme"] {
			t.Errorf("listed are %v", items)
		}
		w.as(token, "GET", "/api/v1/background-task/"+tasks["acme"], "").want(200)
		absent := "qtask_" + strings.Repeat("0", 26)
		for method, tail := range map[string]string{"GET": "", "POST": "/cancel"} {
			theirs := w.as(token, method, "/api/v1/background-task/"+tasks["other"]+tail, "").want(404)
			never := w.as(token, method, "/api/v1/background-task/"+absent+tail, "").want(404)
			if string(theirs.body) != strings.ReplaceAll(string(never.body), absent, tasks["other"]) {
				t.Errorf("another's: %s, what never was: %s", theirs.body, never.body)
			}
		}
	}
	w.do("GET", "/api/v1/background-task/"+tasks["other"], "").want(200).has(map[string]any{"state": "running"})

	w.do("POST", operational, `{"url":"https://example.com/in","uid":"mine"}`).want(201)
	news := w.do("POST", operational+"/mine/recover", `{`+since+`}`).want(202).id()
	clerk, err := w.hub.CreateKey(t.Context(), &fanfare.Key{Name: "c", Scopes: []fanfare.Scope{fanfare.ScopeReadMessages, fanfare.ScopeWriteMessages}})
	w.ok(err)
	if items := w.as(clerk, "GET", "/api/v1/background-task", "").items(); len(items) != 2 {
		t.Errorf("to a key of all applications are listed %v", items)
	}
	w.as(clerk, "GET", "/api/v1/background-task/"+news, "").want(404)
	w.as(clerk, "POST", "/api/v1/background-task/"+news+"/cancel", "").want(404)
	w.do("GET", "/api/v1/background-task/"+news, "").want(200).has(map[string]any{"state": "running"})

	purge := w.do("POST", "/api/v1/app/acme/msg/expunge-all-contents", "").want(202).id()
	w.as(session, "POST", "/api/v1/background-task/"+purge+"/cancel", "").want(403)
	w.as(session, "POST", "/api/v1/background-task/"+tasks["acme"]+"/cancel", "").want(200).has(map[string]any{"state": "cancelled"})
	w.as(key, "POST", "/api/v1/background-task/"+purge+"/cancel", "").want(200).has(map[string]any{"state": "cancelled"})
}

func TestTasksThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	for _, c := range []struct {
		path, body string
		loc        string
	}{
		{"endpoint/ep/replay-missing", `{}`, "body since"},
		{"endpoint/ep/replay-missing", `{"since":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}`, "body until"},
		{"endpoint/ep/bulk-replay", `{}`, "body since"},
		{"endpoint/ep/bulk-replay", `{` + since + `,"status":5}`, "body status"},
		{"endpoint/ep/bulk-replay", `{` + since + `,"status":"fail"}`, "body status"},
		{"endpoint/ep/bulk-replay", `{` + since + `,"statusCodeClass":2}`, "body statusCodeClass"},
		{"endpoint/ep/bulk-replay", `{` + since + `,"statusCodeClass":600}`, "body statusCodeClass"},
		{"endpoint/ep/bulk-replay", `{` + since + `,"eventTypes":["no type"]}`, "body eventTypes"},
		{"msg/bulk-replay", `{}`, "body since"},
		{"msg/bulk-expunge", `{}`, "body"},
		{"msg/bulk-expunge", `{"ids":[],"filter":{"tag":"x"}}`, "body"},
		{"msg/bulk-expunge", `{"filter":{}}`, "body filter"},
		{"msg/bulk-expunge", `{"filter":{"eventType":"x"}}`, "body filter eventType"},
		{"msg/bulk-expunge", `{"ids":"m"}`, "body ids"},
		{"msg/bulk-expunge", `{"ids":[` + strings.Repeat(`"m",`, 1000) + `"m"]}`, "body ids"},
		{"endpoint/ep/recover?plan=perhaps", `{` + since + `}`, "query plan"},
	} {
		a := w.do("POST", "/api/v1/app/acme/"+c.path, c.body).want(422)
		var out invalidOut
		a.decode(&out)
		if got := strings.Join(out.Detail[0].Loc, " "); got != c.loc {
			t.Errorf("%s %.60s: loc %q, want %q: %s", c.path, c.body, got, c.loc, a.body)
		}
	}
	for _, path := range []string{"endpoint/nobody/replay-missing", "endpoint/nobody/bulk-replay"} {
		w.do("POST", "/api/v1/app/acme/"+path, `{`+since+`}`).want(404)
	}
	w.do("POST", "/api/v1/app/nobody/msg/bulk-replay", `{`+since+`}`).want(404)
	w.do("POST", "/api/v1/app/nobody/msg/expunge-all-contents", "").want(404)
	if got := w.do("GET", "/api/v1/background-task", "").items(); len(got) != 0 {
		t.Errorf("what was refused is kept: %v", got)
	}
}

func TestPayloadsAreRemovedByName(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.app("other")
	id := w.message("acme", `{"eventType":"x","payload":{"n":1}}`)
	w.message("acme", `{"eventType":"x","payload":{"n":2},"eventId":"e"}`)
	w.message("acme", `{"eventType":"x","payload":{"n":3},"eventId":"kept"}`)
	foreign := w.message("other", `{"eventType":"x","payload":{"n":4}}`)
	body := `{"ids":["` + id + `","e","` + foreign + `","nobody"]}`
	want := map[string]any{"results": map[string]any{id: "expunged", "e": "expunged", foreign: "not-found", "nobody": "not-found"}}
	for _, plan := range []bool{true, false} {
		a := w.do("POST", fmt.Sprintf("/api/v1/app/acme/msg/bulk-expunge?plan=%v", plan), body).want(200)
		a.has(want)
		if len(a.object()) != 1 {
			t.Errorf("beside the results there is more: %s", a.body)
		}
		gone := map[string]any{"expired": true}
		if plan {
			gone = map[string]any{"n": 2.0}
		}
		w.do("GET", "/api/v1/app/acme/msg/e", "").has(map[string]any{"payload": gone})
	}
	w.do("GET", "/api/v1/app/acme/msg/kept", "").has(map[string]any{"payload": map[string]any{"n": 3.0}})
	w.do("GET", "/api/v1/app/other/msg/"+foreign, "").has(map[string]any{"payload": map[string]any{"n": 4.0}})
}

func TestAResponseIsRemoved(t *testing.T) {
	receive := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Token", "hunter2")
		fmt.Fprint(w, "hunter2")
	}
	running(t, receive, func(t *testing.T, w *world) {
		w.app("acme")
		w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"http://example.com/in","uid":"ep"}`).want(201)
		w.message("acme", `{"eventType":"x","eventId":"e","payload":1}`)
		synctest.Wait()
		first := w.do("GET", "/api/v1/app/acme/attempt/msg/e", "").items()[0]
		if first["response"] != "hunter2" {
			t.Fatalf("the response is %v", first["response"])
		}
		path := "/api/v1/app/acme/msg/e/attempt/" + fmt.Sprint(first["id"])
		w.do("DELETE", path+"/content", "").want(204)
		w.do("DELETE", path+"/content", "").want(204)
		if a := w.do("GET", path, "").want(200); strings.Contains(string(a.body), "hunter2") || a.object()["responseStatusCode"] != 200.0 {
			t.Errorf("left is %s", a.body)
		}
		w.do("DELETE", "/api/v1/app/acme/msg/e/attempt/atmpt_nobody/content", "").want(404)
	})
}
