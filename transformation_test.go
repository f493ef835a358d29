package fanfare_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/transform"
)

// TestMain is also the process that runs scripts.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "run-scripts" {
		if err := transform.Serve(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// scripts runs them for real. It is made outside of any bubble: its processes are.
func scripts(t *testing.T) fanfare.Transformer {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pool := transform.NewPool(1, self, "run-scripts")
	t.Cleanup(pool.Close)
	return pool
}

func TestTransformation(t *testing.T) {
	pool := scripts(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &fanfare.Options{Transformer: pool})
		defer w.close()
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Transformation: `function handler(w) {
			if (w.payload.quiet) return {cancel: true}
			return {payload: {text: w.eventType + ": " + w.payload.name}, headers: {"x-made-by": "script"}}
		}`})
		const payload = `{"name":"Bob","n":12345678901234567890}`
		msg := w.send("record.created", json.RawMessage(payload))
		quiet := w.send("record.created", json.RawMessage(`{"quiet":true}`))
		synctest.Wait()
		got := rcv.requests()
		if len(got) != 1 || got[0].body != `{"text":"record.created: Bob"}` || got[0].header.Get("X-Made-By") != "script" || got[0].header.Get("Content-Type") != "application/json" {
			t.Errorf("sent %+v", got)
		}
		if stored := w.message(msg.ID); string(stored.Payload) != payload {
			t.Errorf("the message itself is now %s", stored.Payload)
		}
		if a := w.attempts(quiet)[0]; a.State != fanfare.Delivered || !strings.Contains(a.Explanation(), "not to be sent, so nothing was") {
			t.Errorf("cancelled: %+v", a)
		}
		ep.Transformation = `function handler(w) { return {payload: w.payload.a.b} }`
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		bad := w.send("record.created", json.RawMessage(`{}`))
		synctest.Wait()
		a := w.attempts(bad)[0]
		if a.Class != fanfare.ClassTransformation || a.State != fanfare.Waiting || !strings.HasPrefix(a.Detail, "TypeError: ") {
			t.Errorf("failed: %+v", a)
		}
		ep.Transformation = ""
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := rcv.requests(); len(got) != 2 || got[1].body != `{}` {
			t.Errorf("without the script %d requests came", len(got))
		}
	})
}

func TestTransformationRefused(t *testing.T) {
	pool := scripts(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &fanfare.Options{})
		defer w.close()
		ep := &fanfare.Endpoint{Application: w.app.ID, URL: "http://a.test/", Transformation: "x"}
		if err := w.hub.CreateEndpoint(t.Context(), ep); err == nil || err.Error() != "transformation: this program runs no transformations" {
			t.Errorf("without a transformer: %v", err)
		}
	})
	hub := fanfare.New(nil, &fanfare.Options{Transformer: pool})
	for script, want := range map[string]string{
		"function handler(":           "transformation: SyntaxError: ",
		strings.Repeat("x", 64<<10+1): "transformation: 65537 bytes; ",
	} {
		ep := &fanfare.Endpoint{URL: "https://example.com/", Transformation: script}
		if err := hub.CreateEndpoint(t.Context(), ep); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.20s: %v", script, err)
		}
	}
	for script, want := range map[string]string{
		`function handler() { return {} }`:                                             "what the script returns has no payload",
		`function handler() { return {payload: 1, headers: {"Content-Length": "3"}} }`: "headers: ",
		`function handler() { return {payload: 1, headers: 3} }`:                       "what the script returns is no webhook: ",
	} {
		msg := &fanfare.Message{EventType: "a.b", Payload: []byte(`1`)}
		if _, err := hub.Transform(t.Context(), script, msg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
	if _, err := hub.Transform(t.Context(), `function handler(w) { return w }`, &fanfare.Message{Payload: []byte(`a=b`)}); err == nil {
		t.Error("a payload that is not JSON was transformed")
	}
}
