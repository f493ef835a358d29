package source_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/source"
	"github.com/fanfarehq/fanfare/storetest"
	"github.com/fanfarehq/fanfare/webhook"
)

// A world is a Hub on the model store and the handler of its sources.
type world struct {
	*testing.T
	store   fanfare.Store
	hub     *fanfare.Hub
	handler http.Handler
	app     *fanfare.Application
}

const maxBody = 1 << 20

func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOn(t, storetest.NewModel())
}

func worldOn(t *testing.T, store fanfare.Store) *world {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	w := &world{T: t, store: store, hub: fanfare.New(store, &fanfare.Options{Logger: log})}
	w.handler = source.NewHandler(w.hub, &source.Options{Logger: log, MaxBody: maxBody, BaseURL: "https://hooks.example.com"})
	w.app = &fanfare.Application{Name: "Acme", UID: "acme"}
	w.ok(w.hub.CreateApplication(t.Context(), w.app))
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// source makes one of that profile.
func (w *world) source(profile, secret string, change ...func(*fanfare.Source)) *fanfare.Source {
	w.Helper()
	src := &fanfare.Source{Application: w.app.ID, Name: "n", Profile: profile}
	if secret != "" {
		src.Secrets = []fanfare.Secret{{Text: secret}}
	}
	for _, c := range change {
		c(src)
	}
	w.ok(w.hub.CreateSource(w.Context(), src))
	return src
}

// An answer is what a sender is answered.
type answer struct {
	*testing.T
	status int
	header http.Header
	body   string
}

func (a *answer) want(status int, has string) *answer {
	a.Helper()
	if a.status != status || !strings.Contains(a.body, has) {
		a.Errorf("%d %s; want %d with %q", a.status, a.body, status, has)
	}
	return a
}

// send sends a request to src, with header lines as "Name: value".
func (w *world) send(method string, src *fanfare.Source, body string, lines ...string) *answer {
	w.Helper()
	return w.sendTo(method, "/in/"+src.Token, body, lines...)
}

func (w *world) sendTo(method, path, body string, lines ...string) *answer {
	w.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	if rec.Code >= 400 && method != "HEAD" && !json.Valid(rec.Body.Bytes()) {
		w.Errorf("status %d with body %q, which is not JSON", rec.Code, rec.Body)
	}
	if got := rec.Header().Get("X-Content-Type-Options"); got != "nosniff" {
		w.Errorf("X-Content-Type-Options is %q", got)
	}
	return &answer{w.T, rec.Code, rec.Header(), rec.Body.String()}
}

// post is send of a POST.
func (w *world) post(src *fanfare.Source, body string, lines ...string) *answer {
	w.Helper()
	return w.send("POST", src, body, lines...)
}

// signed are the lines by which a request with that body is signed.
func (w *world) signed(src *fanfare.Source, body, contentType, id string) []string {
	w.Helper()
	s, err := webhook.Profile(src.Profile).Sign(&webhook.Message{
		ID: id, Type: "record.create", Time: time.Now(), URL: "https://hooks.example.com/in/" + src.Token, ContentType: contentType, Body: []byte(body),
	}, src.Secrets[0].Text)
	w.ok(err)
	lines := []string{"Content-Type: " + contentType}
	for _, f := range s.Header {
		lines = append(lines, f.Name+": "+f.Value)
	}
	return lines
}

// kept are all messages, oldest first.
func (w *world) kept() []*fanfare.Message {
	w.Helper()
	msgs, err := w.hub.Messages(w.Context(), w.app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: fanfare.MaxPage, Ascending: true}})
	w.ok(err)
	return msgs
}

// one is the only message.
func (w *world) one() *fanfare.Message {
	w.Helper()
	msgs := w.kept()
	if len(msgs) != 1 {
		w.Fatalf("%d messages are kept; want 1", len(msgs))
	}
	return msgs[0]
}

func (w *world) none() {
	w.Helper()
	if n := len(w.kept()); n != 0 {
		w.Errorf("%d messages are kept; want none", n)
	}
}

// at runs test in a bubble whose clock shows that many seconds since 1970.
func at(t *testing.T, seconds int64, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(seconds, 0)))
		test(newWorld(t))
	})
}

// request is one whose method may be anything.
func request(method, path, body string) (*http.Request, *httptest.ResponseRecorder) {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Method = method
	return r, httptest.NewRecorder()
}
