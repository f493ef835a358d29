package recipes_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/all"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/internal/mariadbtest"
	"github.com/fanfarehq/fanfare/internal/pgtest"
	"github.com/fanfarehq/fanfare/source"
	"github.com/fanfarehq/fanfare/storetest"
	"github.com/fanfarehq/fanfare/transform"
	"github.com/fanfarehq/fanfare/webhook"
)

// The servers are started when the first test wants them, and ended with the last.
var (
	postgres = sync.OnceValues(func() (*pgtest.Server, error) {
		s, err := pgtest.Run()
		if err == nil {
			started = append(started, s.Stop)
		}
		return s, err
	})
	mariadb = sync.OnceValues(func() (*mariadbtest.Server, error) {
		s, err := mariadbtest.Run()
		if err == nil {
			started = append(started, s.Stop)
		}
		return s, err
	})
	started []func()
)

// runScripts makes a process of this test one that runs transformations, and
// runProgram one that notes in a file what it was run with.
const (
	runScripts = "run-scripts"
	noted      = "noted.json"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == runScripts {
		if err := transform.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	for _, stop := range started {
		stop()
	}
	os.Exit(code)
}

const adminKey = "fan_admin_recipes"

// A world is a server as a user has it, with an application acme, all connectors and
// what runs scripts.
type world struct {
	*testing.T
	hub   *fanfare.Hub
	store fanfare.Store
	url   string
	dir   string // for files
}

func newWorld(t *testing.T, programs ...string) *world {
	t.Helper()
	w := &world{T: t, store: storetest.NewModel(), dir: t.TempDir()}
	allowed := make(map[string]string)
	for _, path := range programs {
		allowed["build"] = path
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	w.hub = fanfare.New(w.store, &fanfare.Options{
		AllowLoopback: true, Logger: log, Connectors: all.Connectors(&all.Options{Files: w.dir, Programs: allowed}),
		Transformer: transform.NewPool(1, os.Args[0], runScripts), DrainTimeout: time.Second,
	})
	var running sync.WaitGroup
	ctx := t.Context()
	running.Go(func() {
		if err := w.hub.Run(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	t.Cleanup(running.Wait)
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.ServeHTTP(rw, r) }))
	t.Cleanup(server.Close)
	w.url = server.URL
	handler = source.NewHandler(w.hub, &source.Options{Logger: log, BaseURL: w.url}).
		Before(api.New(w.hub, w.store, &api.Options{Logger: log, KeyHash: api.HashKey(adminKey), BaseURL: w.url}))
	w.call("POST", "/api/v1/app", map[string]any{"uid": "acme", "name": "Acme"}, 201, nil)
	return w
}

// call asks the API.
func (w *world) call(method, path string, in any, want int, out any) {
	w.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		w.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.Context(), method, w.url+path, bytes.NewReader(text))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	req.Header.Set("Content-Type", "application/json")
	status, answer := w.do(req)
	if status != want {
		w.Fatalf("%s %s: %d %s; want %d", method, path, status, answer, want)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			w.Fatalf("%s %s: %s: %v", method, path, answer, err)
		}
	}
}

func (w *world) do(req *http.Request) (status int, answer []byte) {
	w.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	return res.StatusCode, answer
}

// An installed recipe has the addresses of its sources, by their uid in the recipe, and
// the secrets that were made up.
type installed struct {
	url  map[string]string
	made map[string]string
}

func (w *world) install(name string, inputs map[string]string) installed {
	w.Helper()
	var out struct {
		Sources []struct{ UID, URL string }
		Made    map[string]string
	}
	w.call("POST", "/api/v1/app/acme/recipe", map[string]any{"name": name, "inputs": inputs}, 201, &out)
	got := installed{make(map[string]string), out.Made}
	for _, src := range out.Sources {
		got.url[strings.TrimPrefix(src.UID, "recipe."+name+".")] = src.URL
	}
	return got
}

// send sends a message as a program does.
func (w *world) send(eventType, payload string) {
	w.Helper()
	w.call("POST", "/api/v1/app/acme/msg", map[string]any{"eventType": eventType, "payload": json.RawMessage(payload)}, 202, nil)
}

// post is a request as a service of that profile makes it, signed; it returns the
// answer's body, of a 2xx.
func (w *world) post(to string, profile webhook.Profile, secret, contentType, body string) string {
	w.Helper()
	signed, err := profile.Sign(&webhook.Message{ID: "msg_1", Time: time.Now(), URL: to, ContentType: contentType, Body: []byte(body)}, secret)
	if err != nil {
		w.Fatal(err)
	}
	return w.posted(to, contentType, body, signed.Header...)
}

func (w *world) posted(to, contentType, body string, header ...webhook.Field) string {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), "POST", to, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	for _, h := range header {
		req.Header.Set(h.Name, h.Value)
	}
	status, answer := w.do(req)
	if status < 200 || status > 299 {
		w.Fatalf("the source answered %d %s", status, answer)
	}
	return string(answer)
}

// github has GitHub's fake send an event, signed as GitHub signs.
func (w *world) github(to, secret, event, payload string) {
	w.Helper()
	server := httptest.NewServer(fake.GitHub(nil))
	defer server.Close()
	body := fmt.Sprintf(`{"url":%q,"secret":%q,"event":%q,"payload":%s}`, to, secret, event, payload)
	if said := w.posted(server.URL+"/fake/push", "application/json", body); !strings.Contains(said, `"status":"OK"`) {
		w.Fatalf("what GitHub sent was answered: %s", said)
	}
}

// service runs a fake until the test ends, and returns its address.
func (w *world) service(handler http.Handler) string {
	server := httptest.NewServer(handler)
	w.Cleanup(server.Close)
	return server.URL
}

// settle waits until no delivery waits any more.
func (w *world) settle() {
	w.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		lanes, err := w.store.Lanes(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		if len(lanes) == 0 {
			break
		}
		if time.Now().After(end) {
			w.tell()
			w.Fatal("deliveries still wait")
		}
	}
	if w.Failed() {
		w.tell()
	}
}

// tell logs what became of each attempt.
func (w *world) tell() {
	app, err := w.hub.Application(w.Context(), "acme")
	if err != nil {
		w.Fatal(err)
	}
	as, err := w.hub.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: fanfare.Page{Limit: 50}})
	if err != nil {
		w.Fatal(err)
	}
	for _, a := range as {
		w.Logf("%s %s: %s %s", a.EventType, a.URL, a.Class, a.Detail)
	}
}

// taken are what a fake took once all is settled, n of them: each as JSON.
func (w *world) taken(at string, n int) []map[string]any {
	w.Helper()
	w.settle()
	req, err := http.NewRequestWithContext(w.Context(), "GET", at+"/fake/taken", nil)
	if err != nil {
		w.Fatal(err)
	}
	_, text := w.do(req)
	var all []map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		w.Fatalf("%s: %v", text, err)
	}
	if len(all) != n {
		w.tell()
		w.Fatalf("%d were taken: %s; want %d", len(all), text, n)
	}
	return all
}

// want compares members of what was taken.
func (w *world) want(got map[string]any, want map[string]any) {
	w.Helper()
	for name, value := range want {
		if fmt.Sprint(got[name]) != fmt.Sprint(value) {
			w.Errorf("%s is %q; want %q", name, got[name], value)
		}
	}
}

// A desk notes the requests that come to it, and answers them: OAuth 2's with a token.
type desk struct {
	mu  sync.Mutex
	all []request
}

type request struct {
	method, path, authorization, contentType, key string
	body                                          string
	idempotency                                   string
}

// ServeHTTP is http.Handler's.
func (d *desk) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	d.all = append(d.all, request{
		r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), r.Header.Get("X-Api-Key"),
		string(body), r.Header.Get("Idempotency-Key"),
	})
	d.mu.Unlock()
	rw.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/token" {
		_, _ = io.WriteString(rw, `{"access_token":"fetched","token_type":"Bearer","expires_in":3600}`)
		return
	}
	_, _ = io.WriteString(rw, `{"ok":true}`)
}

// came are the requests that came, n of them once all is settled.
func (d *desk) came(w *world, n int) []request {
	w.Helper()
	w.settle()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) != n {
		w.tell()
		w.Fatalf("%d requests came: %+v; want %d", len(d.all), d.all, n)
	}
	return d.all
}

// same compares JSON.
func (w *world) same(got, want string) {
	w.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		w.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		w.Fatal(err)
	}
	if fmt.Sprint(a) != fmt.Sprint(b) {
		w.Errorf("came: %s\nwant: %s", got, want)
	}
}

// mailbox is an SMTP server until the test ends.
func (w *world) mailbox() (*fake.Mailbox, string) {
	w.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	m := &fake.Mailbox{}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := m.Serve(ln); err != nil {
			w.Error(err)
		}
	})
	w.Cleanup(func() {
		if err := m.Close(); err != nil {
			w.Error(err)
		}
		_ = ln.Close() // which Close has done, if it served
		serving.Wait()
	})
	return m, ln.Addr().String()
}
