package compat

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestZapier runs a Zap of the app in examples/zapier from on to off, by Zapier's own
// platform library.
func TestZapier(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.call(t, "POST", "/app", `{"name":"Acme","uid":"acme"}`, http.StatusCreated, nil)
	s.call(t, "POST", "/event-type", `{"name":"record.created","description":"A record was made."}`, http.StatusCreated, nil)
	got := make(chan string, 10)
	zap := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
		io.WriteString(w, `{"status":"success"}`)
	}))
	defer zap.Close()
	target := zap.URL + "/hooks/standard/1/a/"
	out := node(t, nil, "zapier.mjs", s.url, s.key, target)
	at := bytes.LastIndex(out, []byte("\n")) // before it the library speaks of itself
	var steps map[string]struct {
		Result json.RawMessage
		Error  string
	}
	if at < 0 || json.Unmarshal(out[at:], &steps) != nil {
		t.Fatalf("the session printed %s", out)
	}
	refused := map[string]string{"unknown": "the key", "onNowhere": "target_url: "}
	for name, step := range steps {
		if want := refused[name]; (want == "") != (step.Error == "") || !strings.Contains(step.Error, want) {
			t.Errorf("%s: %s; want %q", name, step.Error, want)
		}
	}
	var subscribed struct {
		ID, Event string
		TargetURL string `json:"target_url"`
	}
	if err := json.Unmarshal(steps["on"].Result, &subscribed); err != nil || subscribed.ID == "" || subscribed.Event != "record.created" || subscribed.TargetURL != target {
		t.Errorf("turned on: %s", steps["on"].Result)
	}
	for name, want := range map[string]string{
		"wrong": `[]`, "types": `[{"id":"record.created","name":"record.created"}]`, "list": `[]`, "listNow": `[{"id":7,"name":"seven"}]`, "perform": `[{"id":7,"name":"seven"}]`,
		"off": `{"unsubscribed":1}`, "offAgain": `{"unsubscribed":0}`,
	} {
		if step := steps[name]; string(step.Result) != want {
			t.Errorf("%s: %s, want %s", name, step.Result, want)
		}
	}
	var sent struct{ ID, EventType, EventID string }
	if err := json.Unmarshal(steps["sent"].Result, &sent); err != nil || sent.ID == "" || sent.EventType != "record.created" || sent.EventID != "seven" {
		t.Errorf("sent: %s", steps["sent"].Result)
	}
	if string(steps["sentAgain"].Result) == "" || !strings.Contains(string(steps["sentAgain"].Result), sent.ID) {
		t.Errorf("sent again: %s", steps["sentAgain"].Result)
	}
	select {
	case body := <-got:
		if strings.TrimSpace(body) != `{"id":7,"name":"seven"}` {
			t.Errorf("the Zap was sent %s", body)
		}
	case <-time.After(time.Minute):
		t.Error("the Zap was sent nothing")
	}
	s.call(t, "GET", "/app/acme/endpoint/"+subscribed.ID, "", http.StatusNotFound, nil)
}
