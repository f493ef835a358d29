package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/memnet"
	"github.com/fanfarehq/fanfare/storetest"
)

// running calls do with a world whose hub runs, in a bubble, and delivers to
// receive.
func running(t *testing.T, receive http.HandlerFunc, do func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New()
		l, err := net.Listen("example.com:80")
		if err != nil {
			t.Fatal(err)
		}
		receiver := &http.Server{Handler: receive}
		go receiver.Serve(l)
		w := worldOn(t, storetest.NewModel(), &fanfare.Options{Dial: net.DialContext, Chance: func() float64 { return 0.5 }})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.hub.Run(ctx) }()
		synctest.Wait()
		do(t, w)
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		receiver.Close()
		synctest.Wait()
	})
}

func (a *answer) items() (all []map[string]any) {
	a.t.Helper()
	for _, item := range a.want(200).object()["data"].([]any) {
		all = append(all, item.(map[string]any))
	}
	return all
}

func TestAttemptsAndDeliveries(t *testing.T) {
	refusing := true
	running(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "session=hush")
		w.Header().Set("X-Receiver", "1")
		if refusing {
			w.WriteHeader(500)
		}
		w.Write([]byte("caf\xe9"))
	}, func(t *testing.T, w *world) {
		w.app("acme")
		ep := w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"http://example.com/in","uid":"ep","retry":{"delays":[60]},"headers":{"X-Token":"hush","X-Plain":"1"}}`).want(201).id()
		msg := w.message("acme", `{"eventType":"x","eventId":"e","payload":{"n": 1},"channels":["c"]}`)
		synctest.Wait()
		first := w.do("GET", "/api/v1/app/acme/attempt/msg/"+msg, "").items()
		if len(first) != 1 {
			t.Fatalf("attempts: %v", first)
		}
		next, err := time.Parse(time.RFC3339Nano, fmt.Sprint(first[0]["nextAttempt"]))
		if err != nil || !next.After(time.Now()) {
			t.Errorf("the next attempt is at %v", first[0]["nextAttempt"])
		}
		pending := w.do("GET", "/api/v1/app/acme/endpoint/ep/msg", "").items()
		if len(pending) != 1 || pending[0]["statusText"] != "pending" || pending[0]["status"] != 1.0 || pending[0]["nextAttempt"] != first[0]["nextAttempt"] || pending[0]["eventId"] != "e" {
			t.Errorf("pending: %v", pending)
		}
		time.Sleep(time.Minute)
		synctest.Wait()

		a := w.do("GET", "/api/v1/app/acme/attempt/endpoint/ep?with_msg=true", "")
		all := a.items()
		if len(all) != 2 {
			t.Fatalf("attempts: %v", all)
		}
		last := all[0]
		for name, want := range map[string]any{
			"msgId": msg, "endpointId": ep, "url": "http://example.com/in", "eventType": "x", "status": 2.0, "statusText": "fail", "triggerType": 0.0, "number": 2.0,
			"responseStatusCode": 500.0, "response": "caf\uFFFD", "truncated": false, "errorClass": "status", "nextAttempt": nil, "responseDurationMs": 0.0,
		} {
			if last[name] != want {
				t.Errorf("%s is %v, want %v", name, last[name], want)
			}
		}
		if !strings.Contains(string(a.body), `"msg":{"id":"`+msg+`"`) || !strings.Contains(string(a.body), `"payload":{"n": 1}`) {
			t.Errorf("with_msg: %s", a.body)
		}
		if strings.Contains(string(a.body), "hush") || !strings.Contains(string(a.body), `["X-Plain","1"]`) || !strings.Contains(string(a.body), `["X-Receiver","1"]`) {
			t.Errorf("headers: %s", a.body)
		}
		if e := last["explanation"].(map[string]any); e["what"] == "" || e["fix"] == "" {
			t.Errorf("explanation: %v", e)
		}
		id := fmt.Sprint(last["id"])
		one := w.do("GET", "/api/v1/app/acme/msg/e/attempt/"+id+"?with_content=false", "").want(200).has(map[string]any{"id": id, "response": "", "number": 2})
		if _, has := one.object()["msg"]; has {
			t.Error("the message is there unasked")
		}
		w.do("GET", "/api/v1/app/acme/msg/e/attempt/"+id+"?with_msg=true&expanded_statuses=true", "").want(200)
		h := w.do("GET", "/api/v1/app/acme/msg/e/attempt/"+id+"/headers", "").want(200)
		if strings.Contains(string(h.body), "hush") || !strings.Contains(string(h.body), `"sensitive":["X-Token"]`) {
			t.Errorf("headers: %s", h.body)
		}
		for query, want := range map[string]int{
			"": 2, "?status=2": 2, "?status=0": 0, "?status=1": 0, "?status_code_class=500": 2, "?status_code_class=200": 0, "?status_code_class=0": 0,
			"?channel=c": 2, "?channel=d": 0, "?event_types=x,y": 2, "?event_types=y": 0, "?limit=1": 1, "?after=" + next.Add(-time.Second).Format(time.RFC3339): 1, "?before=2000-01-01T00:00:00Z": 0,
		} {
			for _, path := range []string{"/attempt/endpoint/ep", "/attempt/msg/e", "/msg/e/attempt", "/msg/e/endpoint/ep/attempt"} {
				if got := len(w.do("GET", "/api/v1/app/acme"+path+query, "").items()); got != want {
					t.Errorf("%s%s has %d, want %d", path, query, got, want)
				}
			}
		}
		if got := len(w.do("GET", "/api/v1/app/acme/attempt/msg/e?endpoint_id=ep", "").items()); got != 2 {
			t.Errorf("by endpoint_id: %d", got)
		}
		w.do("GET", "/api/v1/app/acme/attempt/msg/e?endpoint_id=none", "").want(404)

		failed := w.do("GET", "/api/v1/app/acme/msg/e/endpoint", "").items()
		if len(failed) != 1 || failed[0]["id"] != ep || failed[0]["status"] != 2.0 || failed[0]["statusText"] != "fail" || failed[0]["nextAttempt"] != nil || failed[0]["version"] != 1.0 {
			t.Errorf("by endpoint: %v", failed)
		}
		for query, want := range map[string]int{"?status=2": 1, "?status=2&expanded_statuses=true": 1, "?status=0": 0, "?status=1": 0, "?status=4": 0, "?tag=t": 0} {
			if got := len(w.do("GET", "/api/v1/app/acme/endpoint/ep/msg"+query, "").items()); got != want {
				t.Errorf("deliveries %s: %d, want %d", query, got, want)
			}
		}

		refusing = false
		if got := w.do("POST", "/api/v1/app/acme/msg/e/endpoint/ep/resend", "").want(202); string(got.body) != "{}" {
			t.Errorf("resend answers %s", got.body)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		last = w.do("GET", "/api/v1/app/acme/attempt/endpoint/ep", "").items()[0]
		if last["status"] != 0.0 || last["statusText"] != "success" || last["triggerType"] != 1.0 || last["errorClass"] != nil || last["number"] != 1.0 {
			t.Errorf("resent: %v", last)
		}
		w.do("GET", "/api/v1/app/acme/endpoint/ep/stats", "").has(map[string]any{"success": 1, "fail": 0})

		refusing = true
		w.message("acme", `{"eventType":"x","payload":2}`)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		task := w.do("POST", "/api/v1/app/acme/endpoint/ep/recover", `{"since":"2000-01-01T00:00:00Z"}`).want(202)
		task.has(map[string]any{"status": "finished", "task": "endpoint.recover", "total": 1, "done": 1, "state": "finished"})
		if !strings.HasPrefix(task.id(), "qtask_") || task.object()["updatedAt"] == nil {
			t.Errorf("recover answers %s", task.body)
		}
		w.do("POST", "/api/v1/app/acme/endpoint/ep/pause", `{"waiting":"cancel"}`).want(200)
		for query, want := range map[string]float64{"": 2, "&expanded_statuses=true": 4} {
			got := w.do("GET", "/api/v1/app/acme/endpoint/ep/msg?limit=1"+query, "").items()[0]
			if got["status"] != want || got["statusText"] != "canceled" {
				t.Errorf("cancelled with %q: %v %v", query, got["status"], got["statusText"])
			}
		}
	})
}

func TestAttemptsOfOthersAreNotFound(t *testing.T) {
	running(t, func(w http.ResponseWriter, r *http.Request) {}, func(t *testing.T, w *world) {
		for _, app := range []string{"acme", "other"} {
			w.app(app)
			w.do("POST", "/api/v1/app/"+app+"/endpoint", `{"url":"http://example.com/in","uid":"ep"}`).want(201)
			w.message(app, `{"eventType":"x","eventId":"e","payload":1}`)
		}
		synctest.Wait()
		theirs := fmt.Sprint(w.do("GET", "/api/v1/app/other/attempt/msg/e", "").items()[0]["id"])
		w.do("GET", "/api/v1/app/other/msg/e/attempt/"+theirs, "").want(200)
		unknown := w.do("GET", "/api/v1/app/acme/msg/e/attempt/atmpt_0000000000000000000000000Z", "").want(404)
		for _, tail := range []string{"", "/headers"} {
			if a := w.do("GET", "/api/v1/app/acme/msg/e/attempt/"+theirs+tail, "").want(404); string(a.body) != strings.ReplaceAll(string(unknown.body), "atmpt_0000000000000000000000000Z", theirs) {
				t.Errorf("%s, want as %s", a.body, unknown.body)
			}
		}
	})
}

func TestStream(t *testing.T) {
	running(t, func(w http.ResponseWriter, r *http.Request) {}, func(t *testing.T, w *world) {
		for _, app := range []string{"acme", "other"} {
			w.app(app)
			w.do("POST", "/api/v1/app/"+app+"/endpoint", `{"url":"http://example.com/in"}`).want(201)
		}
		for path, want := range map[string]int{"/api/v1/app/acme/events/stream": 1, "/api/v1/events/stream": 2} {
			ctx, leave := context.WithCancel(t.Context())
			in, out := io.Pipe()
			rec := &flushing{header: http.Header{}, Writer: out}
			ended := make(chan bool)
			go func() {
				r := httptest.NewRequestWithContext(ctx, "GET", path, nil)
				r.Header.Set("Authorization", "Bearer "+testKey)
				w.api.ServeHTTP(rec, r)
				out.Close()
				close(ended)
			}()
			lines := make(chan string, 100)
			go func() {
				for s := bufio.NewScanner(in); s.Scan(); {
					lines <- s.Text()
				}
				close(lines)
			}()
			synctest.Wait()
			for _, app := range []string{"other", "acme"} {
				w.message(app, `{"eventType":"x","payload":1}`)
			}
			time.Sleep(heartbeat + time.Second)
			leave()
			<-ended
			var events, beats int
			for line := range lines {
				if strings.HasPrefix(line, `data: {"id":"atmpt_`) {
					events++
				}
				if line == ":" {
					beats++
				}
			}
			if events != want || beats != 1 || rec.status != 200 || rec.header.Get("Content-Type") != "text/event-stream" {
				t.Errorf("%s: %d events, %d heartbeats, status %d; want %d events", path, events, beats, rec.status, want)
			}
		}
		w.do("GET", "/api/v1/app/none/events/stream", "").want(404)
		w.do("HEAD", "/api/v1/events/stream", "").want(200)
	})
}

// flushing is a response that someone reads while it is written.
type flushing struct {
	io.Writer
	header http.Header
	status int
}

func (f *flushing) Header() http.Header    { return f.header }
func (f *flushing) WriteHeader(status int) { f.status = status }
func (f *flushing) Flush()                 {}

func TestMetrics(t *testing.T) {
	running(t, func(w http.ResponseWriter, r *http.Request) {}, func(t *testing.T, w *world) {
		w.app("acme")
		w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"http://example.com/in"}`).want(201)
		w.message("acme", `{"eventType":"x","payload":1}`)
		w.do("GET", "/api/v1/app/none", "").want(404)
		synctest.Wait()
		text := string(w.do("GET", "/metrics", "").want(200).body)
		for _, line := range []string{
			`fanfare_messages_accepted_total 1`, `fanfare_attempts_total{class="success"} 1`, `fanfare_deliveries_ended_total{state="delivered"} 1`, `fanfare_attempts_in_flight 0`,
			`fanfare_http_requests_total{method="POST",route="/app/{app}/msg",status="2xx"} 1`, `fanfare_http_requests_total{method="GET",route="/app/{app}",status="4xx"} 1`,
			`fanfare_http_request_duration_seconds_count{method="POST",route="/app/{app}/msg"} 1`, `fanfare_oldest_due_seconds 0`,
		} {
			if !strings.Contains(text, line+"\n") {
				t.Errorf("no line %q", line)
			}
		}
		if !strings.Contains(text, "go_goroutines ") || !strings.Contains(text, "process_") {
			t.Error("the process is not measured")
		}
	})
}
