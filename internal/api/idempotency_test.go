package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestRepeatsAreAnsweredAsTheFirstTime(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	w.message("acme", `{"eventType":"x","payload":1,"eventId":"m"}`)
	for i, c := range []struct{ path, body, other string }{
		{"/app", `{"name":"n"}`, `{"name":"o"}`},
		{"/app/acme/msg", `{"eventType":"x","payload":{"a": 1}}`, `{"eventType":"x","payload":{"a":1}}`},
		{"/app/acme/msg?with_content=false", `{"eventType":"x","payload":1}`, `{"eventType":"y","payload":1}`},
		{"/app/acme/msg/batch", `[{"eventType":"x","payload":1}]`, `[{"eventType":"x","payload":2}]`},
		{"/app/acme/endpoint", `{"url":"https://example.com/"}`, `{"url":"https://example.com/other"}`},
		{"/event-type", `{"name":"record.created"}`, `{"name":"record.deleted"}`},
		{"/app/acme/endpoint/ep/recover", `{"since":"2026-01-01T00:00:00Z"}`, `{"since":"2026-01-02T00:00:00Z"}`},
		{"/app/acme/endpoint/ep/secret/rotate", ``, `{"key":null}`},
		{"/app/acme/endpoint/ep/pause", `{}`, `{"waiting":"hold"}`},
		{"/app/acme/msg/m/endpoint/ep/resend", ``, ""},
	} {
		key := fmt.Sprintf("Idempotency-Key: auto_%d", i)
		first := w.do("POST", "/api/v1"+c.path, c.body, key)
		if first.status >= 300 {
			t.Errorf("%s: %d %s", c.path, first.status, first.body)
		}
		for range 2 {
			again := w.do("POST", "/api/v1"+c.path, c.body, key)
			if again.status != first.status || string(again.body) != string(first.body) {
				t.Errorf("%s: again %d %s, first %d %s", c.path, again.status, again.body, first.status, first.body)
			}
		}
		if c.other != "" {
			w.do("POST", "/api/v1"+c.path, c.other, key).want(409).has(map[string]any{"code": "conflict"})
		}
	}
	w.do("POST", "/api/v1/app", `{"name":"n"}`, "Idempotency-Key: auto_1").want(201) // a key is of its application
	w.app("other")
	w.do("POST", "/api/v1/app/other/msg", `{"eventType":"y","payload":2}`, "Idempotency-Key: auto_1").want(202)
	w.do("POST", "/api/v1/app/other/endpoint", `{"url":"https://example.com/x"}`, "Idempotency-Key: auto_4").want(201)
}

func TestRefusalsAreNotRemembered(t *testing.T) {
	w := newWorld(t)
	key := "Idempotency-Key: k"
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/"}`, key).want(404)
	w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"x","payload":1}`, key).want(404)
	w.app("acme")
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":""}`, key).want(422)
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/"}`, key).want(201)
	w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"x","payload":1}`, key).want(202)
}

func TestBadKeys(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	for _, key := range []string{"", strings.Repeat("k", 257), "a\x01", "a\tb", "é", "\x7f"} {
		for path, body := range map[string]string{"/app": `{"name":"n"}`, "/app/acme/msg": `{"eventType":"x","payload":1}`} {
			a := w.do("POST", "/api/v1"+path, body, "Idempotency-Key: "+key).want(422)
			if !strings.Contains(string(a.body), `"loc":["header","Idempotency-Key"]`) {
				t.Errorf("%q: %s", key, a.body)
			}
		}
	}
	w.do("POST", "/api/v1/app", `{"name":"n"}`, "Idempotency-Key: "+strings.Repeat("k", 256)).want(201)
	w.do("GET", "/api/v1/app", "", "Idempotency-Key: é").want(200)
}

func TestConcurrentRepeatsActOnce(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	for path, body := range map[string]string{"/app": `{"name":"n"}`, "/app/acme/msg": `{"eventType":"x","payload":1}`, "/app/acme/endpoint": `{"url":"https://example.com/"}`} {
		var wg sync.WaitGroup
		answers := make([]*answer, 100)
		for i := range answers {
			wg.Go(func() { answers[i] = w.do("POST", "/api/v1"+path, body, "Idempotency-Key: same") })
		}
		wg.Wait()
		for _, a := range answers {
			if a.status != answers[0].status || string(a.body) != string(answers[0].body) || a.status >= 300 {
				t.Fatalf("%s: %d %s and %d %s", path, a.status, a.body, answers[0].status, answers[0].body)
			}
		}
	}
	for path, want := range map[string]int{"/app": 2, "/app/acme/msg": 1, "/app/acme/endpoint": 1} {
		if got := len(w.do("GET", "/api/v1"+path, "").object()["data"].([]any)); got != want {
			t.Errorf("%s has %d, want %d", path, got, want)
		}
	}
	if n := len(w.api.(*server).repeats.byKey); n != 0 {
		t.Errorf("%d locks are left", n)
	}
}
