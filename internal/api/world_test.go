package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/sqlite"
)

const testKey = "fan_admin_test"

// A world is an API over a hub and a store, and what was logged.
type world struct {
	t     *testing.T
	store fanfare.Store
	hub   *fanfare.Hub
	api   http.Handler
	log   *bytes.Buffer
}

func newWorld(t *testing.T) *world {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	file, err := empty()
	if err == nil {
		err = os.WriteFile(path, file, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return worldOn(t, store, &fanfare.Options{})
}

// empty is the file of a new store. To copy it takes a tenth of what making one does.
var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "fanfare-api-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "fanfare.db")
	store, err := sqlite.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func worldOn(t *testing.T, store fanfare.Store, opt *fanfare.Options) *world {
	w := &world{t: t, store: store, log: &bytes.Buffer{}}
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	opt.Logger = logger
	w.hub = fanfare.New(store, opt)
	w.api = New(w.hub, store, &Options{Logger: logger, KeyHash: HashKey(testKey), Version: "1.2.3"})
	return w
}

// An answer is what a request was answered.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// do sends a request with the key, and with headers given as "Name: value".
func (w *world) do(method, path, body string, headers ...string) *answer {
	w.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, in)
	r.Header.Set("Authorization", "Bearer "+testKey)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if value == "-" {
			r.Header.Del(name)
		} else {
			r.Header.Set(name, value)
		}
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) *answer {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	a := &answer{w.t, rec.Code, rec.Header(), rec.Body.Bytes()}
	a.checkRefusal(r.Method)
	return a
}

// checkRefusal holds every refusal to its shape: JSON of at most 4 KiB, with a
// code and a sentence, or with what is wrong with which field.
func (a *answer) checkRefusal(method string) {
	a.t.Helper()
	if a.status < 400 {
		return
	}
	if ct := a.header.Get("Content-Type"); ct != "application/json" {
		a.t.Errorf("status %d has Content-Type %q", a.status, ct)
	}
	if len(a.body) > 4096 {
		a.t.Errorf("status %d has a body of %d bytes", a.status, len(a.body))
	}
	if method == http.MethodHead {
		return
	}
	if a.status == 422 {
		var out invalidOut
		a.decode(&out)
		for _, f := range out.Detail {
			if len(f.Loc) == 0 || f.Msg == "" || f.Type == "" {
				a.t.Errorf("a 422 says %s", a.body)
			}
		}
		if len(out.Detail) == 0 {
			a.t.Errorf("a 422 says %s", a.body)
		}
		return
	}
	var out errorOut
	a.decode(&out)
	if out.Code == "" || out.Detail == "" {
		a.t.Errorf("a %d says %s", a.status, a.body)
	}
}

func (a *answer) decode(into any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, into); err != nil {
		a.t.Fatalf("status %d with body %q: %v", a.status, a.body, err)
	}
}

// want fails the test unless the answer has that status.
func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// object is the answer's body.
func (a *answer) object() map[string]any {
	a.t.Helper()
	var m map[string]any
	a.decode(&m)
	return m
}

func (a *answer) id() string {
	a.t.Helper()
	id, _ := a.object()["id"].(string)
	if id == "" {
		a.t.Fatalf("no id in %s", a.body)
	}
	return id
}

// app creates an application of that uid.
func (w *world) app(uid string) string {
	w.t.Helper()
	return w.do("POST", "/api/v1/app", `{"name":"`+uid+`","uid":"`+uid+`"}`).want(201).id()
}

// endpoint creates one in the application.
func (w *world) endpoint(app, uid string) string {
	w.t.Helper()
	return w.do("POST", "/api/v1/app/"+app+"/endpoint", `{"url":"https://example.com/in","uid":"`+uid+`"}`).want(201).id()
}

func (w *world) message(app, body string) string {
	w.t.Helper()
	return w.do("POST", "/api/v1/app/"+app+"/msg", body).want(202).id()
}
