package main

import (
	"bytes"
	"context"
	"database/sql"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/fanfarehttp"
	"github.com/fanfarehq/fanfare/outbox"
	"github.com/fanfarehq/fanfare/storetest"
)

// A lockedBuffer may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestRelay relays from a SQLite file; see also TestRelayFromPostgreSQL.
func TestRelay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a program's #1.db")
	code, _, words := (&relayWorld{from: file}).relay(t.Context(), "--once")
	if code != 1 || !strings.Contains(words.String(), "there is no database at") {
		t.Errorf("no database: exit code %d, %s", code, words)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at, err := openOutbox(file) // which waits for a relay that is writing
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	testRelay(t, at, file, "sqlite")
}

// A relayWorld is an outbox, and the server that takes from it.
type relayWorld struct{ from, server, key string }

func (w *relayWorld) relay(ctx context.Context, args ...string) (code int, out, words *lockedBuffer) {
	out, words = &lockedBuffer{}, &lockedBuffer{}
	e := &env{
		args: append([]string{"relay", "--server", w.server, "--key", w.key, "--from", w.from}, args...), stdin: strings.NewReader(""), stdout: out, stderr: words,
		getenv: func(string) string { return "" }, isTerminal: func(any) bool { return false },
	}
	return run(ctx, e), out, words
}

// testRelay relays from a database without tables yet.
func testRelay(t *testing.T, at *sql.DB, from, dialect string) {
	const key = "fan_admin_for_this_test"
	store := storetest.NewModel()
	hub := fanfare.New(store, nil)
	api, err := fanfarehttp.New(hub, store, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	defer server.Close()
	app := &fanfare.Application{Name: "Acme", UID: "acme"}
	if err := hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	w := &relayWorld{from, server.URL, key}
	relay := w.relay
	wants := func(what string, got, want int, text *lockedBuffer, has string) {
		t.Helper()
		if got != want || !strings.Contains(text.String(), has) {
			t.Errorf("%s: exit code %d, %s\nwant %d with %q", what, got, text, want, has)
		}
	}
	code, _, words := relay(t.Context(), "--status")
	wants("no tables", code, 1, words, "fanfare relay --schema")
	code, out, _ := relay(t.Context(), "--schema", dialect)
	wants("the schema", code, 0, out, "CREATE TABLE")
	if _, err := at.Exec(out.String()); err != nil {
		t.Fatalf("what it prints does not make the tables: %v", err)
	}
	code, _, words = relay(t.Context(), "--schema", "mysql")
	wants("another schema", code, 2, words, "sqlite or postgres")

	event := func(n string) *fanfare.Message { return &fanfare.Message{EventType: "a.b", Payload: []byte(n)} }
	if err := outbox.Send(t.Context(), at, "acme", event("1"), event("2")); err != nil {
		t.Fatal(err)
	}
	if err := outbox.Send(t.Context(), at, "nobody", event("3")); err != nil {
		t.Fatal(err)
	}
	code, out, _ = relay(t.Context(), "--status", "--json")
	wants("before", code, 0, out, `"waiting":3`)
	code, out, _ = relay(t.Context(), "--once", "--json")
	wants("relaying", code, 0, out, `{"accepted":2,"repeated":0,"refused":1,"lagSeconds":0,"standby":false}`)
	code, out, words = relay(t.Context(), "--status")
	wants("after", code, 0, words, "0 messages wait, 1 were refused.")
	wants("what was refused", code, 0, out, "there is no such application")
	code, _, words = relay(t.Context(), "--retry", "nobody")
	wants("again", code, 0, words, "1 messages are to be sent again.")

	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		code, out, _ := relay(ctx, "--json", "--interval", "5ms")
		wants("until stopped", code, 0, out, `"accepted":1,"repeated":0,"refused":1`)
	})
	if err := outbox.Send(t.Context(), at, "acme", event("4")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		msgs, err := hub.Messages(t.Context(), app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 10}})
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%d messages, %v", len(msgs), err)
		}
		if b, err := outbox.Look(t.Context(), at); err == nil && len(msgs) == 3 && b.Waiting == 0 {
			break
		}
	}
	stop()
	wg.Wait()
}
