package api

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/sqlite"
)

// TestADamagedMessageIsListedAsThat has one of three payloads changed on disk.
func TestADamagedMessageIsListedAsThat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	begin := func() *world {
		store, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		return worldOn(t, store, &fanfare.Options{})
	}
	w := begin()
	w.app("acme")
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in","uid":"in"}`).want(201)
	send := func(n string) *answer {
		return w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"a.b","eventId":"`+n+`","payload":{"n":"telltale `+n+`"}}`, "Idempotency-Key: "+n).want(202)
	}
	for _, n := range []string{"one", "two", "six"} {
		send(n)
	}
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(file, []byte("telltale two")); n != 1 {
		t.Fatalf("the payload is in the file %d times, want once", n)
	}
	if err := os.WriteFile(path, bytes.Replace(file, []byte("telltale two"), []byte("telltale ten"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	w = begin()
	for _, where := range []string{"/msg", "/poller/in", "/endpoint/in/msg"} {
		body := string(w.do("GET", "/api/v1/app/acme"+where, "").want(200).body)
		for text, want := range map[string]int{`{"damaged":true}`: 1, "telltale one": 1, "telltale six": 1, "telltale": 2} {
			if n := strings.Count(body, text); n != want {
				t.Errorf("%s has %s %d times, want %d: %s", where, text, n, want, body)
			}
		}
	}
	again := send("two")
	if !strings.Contains(string(again.body), `"payload":{"damaged":true}`) || again.id() != w.do("GET", "/api/v1/app/acme/msg/two", "").want(200).id() {
		t.Errorf("the repeat of its request is answered %s", again.body)
	}
	shown := func() string {
		return asJSON(t, w.do("GET", "/api/v1/app/acme/msg/two", "").want(200).object()["payload"])
	}
	if got := shown(); got != `{"damaged":true}` {
		t.Errorf("read by itself it has %s", got)
	}
	if a := w.do("POST", "/api/v1/app/acme/msg/two/endpoint/in/resend", "").want(422); !strings.Contains(string(a.body), "damaged") {
		t.Errorf("sent again: %s", a.body)
	}
	w.exportDamaged()
	w.do("DELETE", "/api/v1/app/acme/msg/two/content", "").want(204)
	if got := shown(); got != `{"expired":true}` {
		t.Errorf("removed for good it has %s", got)
	}
	if strings.Contains(w.log.String(), "request failed") {
		t.Errorf("logged: %s", w.log)
	}
}

// exportDamaged holds an export to saying which of three messages is damaged.
func (w *world) exportDamaged() {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan error)
	go func() { done <- w.hub.Run(ctx) }()
	task := w.export(`{}`)
	lines := w.lines(task)
	if len(lines) != 3 || !strings.Contains(lines[1], `"eventId":"two"`) || !strings.Contains(lines[1], `"payload":{"damaged":true}`) || !strings.Contains(lines[2], "telltale six") {
		w.t.Errorf("exported are %s", lines)
	}
	if got, want := fmt.Sprint(task["data"]), "map[damaged:1 lines:3 messagesExported:3]"; got != want {
		w.t.Errorf("the data is %s, want %s", got, want)
	}
	stop()
	if err := <-done; err != nil {
		w.t.Error(err)
	}
}
