package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

// quiet is for handlers whose failures are wanted.
var quiet = slog.New(slog.DiscardHandler)

func handler(t testing.TB, options *webhook.HandlerOptions) *webhook.Handler {
	t.Helper()
	return webhook.NewHandler(webhook.NewVerifier(secret(t, publishedSecret)), options)
}

// post is a request of that type, signed now.
func post(t testing.TB, id, eventType, body string) *http.Request {
	t.Helper()
	now := time.Now()
	r := httptest.NewRequest(http.MethodPost, "/webhooks", strings.NewReader(body))
	r.Header = headers(id, now, signer(t, publishedSecret).Sign(id, now, []byte(body)))
	r.Header.Set(webhook.HeaderEventType, eventType)
	return r
}

// serve returns the status and the outcome, or else the code, of the answer.
func serve(t testing.TB, h http.Handler, r *http.Request) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer(t, w.Result())
}

func answer(t testing.TB, res *http.Response) (int, string) {
	t.Helper()
	defer res.Body.Close()
	var body struct{ Outcome, Code, Detail string }
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		t.Fatalf("status %d without a JSON body: %v", res.StatusCode, err)
	}
	if got := res.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type is %q", got)
	}
	if (res.StatusCode == http.StatusOK) != (body.Outcome != "") || (body.Code == "") != (body.Detail == "") {
		t.Errorf("status %d with %+v", res.StatusCode, body)
	}
	return res.StatusCode, body.Outcome + body.Code
}

func expect(t testing.TB, h http.Handler, r *http.Request, status int, word string) {
	t.Helper()
	if gotStatus, got := serve(t, h, r); gotStatus != status || got != word {
		t.Errorf("answer is %d %s, want %d %s", gotStatus, got, status, word)
	}
}

func TestHandlerHandsOverTheEvent(t *testing.T) {
	h := handler(t, nil)
	var got webhook.Event
	h.On("record.create", func(_ context.Context, e webhook.Event) error { got = e; return nil })
	body := string(everyByte())
	for _, mediaType := range []string{"", "application/json", "application/json; charset=utf-8", "text/plain", "=;;"} {
		r := post(t, "msg"+strconv.Itoa(len(mediaType)), "record.create", body)
		r.Header.Set("Content-Type", mediaType)
		r.Header.Set(webhook.HeaderApplication, "acme"+mediaType)
		test := mediaType == "text/plain"
		if test {
			r.Header.Set(webhook.HeaderTest, "true")
		}
		got = webhook.Event{}
		expect(t, h, r, 200, "handled")
		if got.ID != r.Header.Get(webhook.HeaderID) || got.Type != "record.create" || got.Application != "acme"+mediaType || got.Test != test || string(got.Body) != body {
			t.Errorf("media type %q: event is %+v", mediaType, got)
		}
	}
}

func TestTheClosestPatternHandles(t *testing.T) {
	h := handler(t, nil)
	var ran string
	for _, pattern := range []string{"*", "record.*", "record.create", "record.create.*", "random_number:*", "ping"} {
		h.On(pattern, func(context.Context, webhook.Event) error { ran += pattern; return nil })
	}
	for i, test := range []struct{ eventType, want string }{
		{"record.create", "record.create"},
		{"record.create.v2", "record.create.*"},
		{"record.update", "record.*"},
		{"record.", "record.*"},
		{"record", "*"},
		{"records.create", "*"},
		{"Record.create", "*"},
		{"random_number:generate", "random_number:*"},
		{"ping", "ping"},
		{"pingpong", "*"},
		{"", "*"},
		{"*", "*"},
		{"record.*", "record.*"},
	} {
		ran = ""
		expect(t, h, post(t, strconv.Itoa(i), test.eventType, "{}"), 200, "handled")
		if ran != test.want {
			t.Errorf("%q ran %q, want %q", test.eventType, ran, test.want)
		}
	}
}

func TestUnknownTypesAreAnswered200(t *testing.T) {
	h := handler(t, nil)
	h.On("record.*", func(context.Context, webhook.Event) error { t.Error("ran"); return nil })
	for _, eventType := range []string{"other", "", "record"} {
		expect(t, h, post(t, "a", eventType, "{}"), 200, "ignored")
	}
}

func TestPatternsThatAreNone(t *testing.T) {
	nop := func(context.Context, webhook.Event) error { return nil }
	h := handler(t, nil)
	h.On("taken", nop)
	for _, pattern := range []string{"", "*.create", "a*b", "**", "taken"} {
		if !panics(func() { h.On(pattern, nop) }) {
			t.Errorf("On takes %q", pattern)
		}
	}
	if !panics(func() { h.On("a", nil) }) {
		t.Error("On takes a nil function")
	}
}

func TestOnlyVerifiedRequestsAreHandled(t *testing.T) {
	h := handler(t, nil)
	h.On("*", func(context.Context, webhook.Event) error { t.Error("ran"); return nil })
	for _, c := range hostile {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(publishedBody))
		r.Header = c.headers()
		expect(t, h, r, 401, "authentication_failed")
	}
	r := post(t, "a", "b", `{"n":1}`)
	r.Body = io.NopCloser(strings.NewReader(`{"n":2}`))
	expect(t, h, r, 401, "authentication_failed")

	for _, v := range []*webhook.Verifier{nil, webhook.NewVerifier()} {
		h := webhook.NewHandler(v, nil)
		h.On("*", func(context.Context, webhook.Event) error { t.Error("ran"); return nil })
		expect(t, h, post(t, "a", "b", ""), 401, "authentication_failed")
	}
}

func TestOnlyPost(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO", "post"} {
		r := post(t, "a", "b", "")
		r.Method = method
		w := httptest.NewRecorder()
		handler(t, nil).ServeHTTP(w, r)
		if w.Code != 405 || w.Header().Get("Allow") != "POST" {
			t.Errorf("%s: status %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	for _, test := range []struct {
		name   string
		max    int64
		size   int
		status int
		word   string
	}{
		{"as long as it may be", 0, 1 << 20, 200, "ignored"},
		{"a byte more", 0, 1<<20 + 1, 413, "payload_too_large"},
		{"its own bound", 10, 10, 200, "ignored"},
		{"a byte over its own bound", 10, 11, 413, "payload_too_large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(handler(t, &webhook.HandlerOptions{MaxBody: test.max}))
			defer server.Close()
			for _, length := range []int64{int64(test.size), -1} { // -1: in chunks
				body := strings.Repeat("x", test.size)
				signed := post(t, "a", "b", body)
				r, err := http.NewRequest(http.MethodPost, server.URL, io.NopCloser(strings.NewReader(body)))
				if err != nil {
					t.Fatal(err)
				}
				r.Header, r.ContentLength = signed.Header, length
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				if status, word := answer(t, res); status != test.status || word != test.word {
					t.Errorf("length %d: %d %s, want %d %s", length, status, word, test.status, test.word)
				}
			}
		})
	}
}

func TestABodyThatIsCutOff(t *testing.T) {
	r := post(t, "a", "b", "{}")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), failingReader{}))
	expect(t, handler(t, nil), r, 400, "bad_request")
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestAMessageIsHandledOnce(t *testing.T) {
	h := handler(t, nil)
	runs := 0
	h.On("*", func(context.Context, webhook.Event) error { runs++; return nil })
	expect(t, h, post(t, "a", "b", "1"), 200, "handled")
	expect(t, h, post(t, "a", "b", "1"), 200, "duplicate")
	expect(t, h, post(t, "other", "b", "1"), 200, "handled")
	expect(t, h, post(t, "a", "b", "1"), 200, "duplicate")
	if runs != 2 {
		t.Errorf("ran %d times, want 2", runs)
	}
}

func TestAFailedMessageIsHandledAgain(t *testing.T) {
	var log bytes.Buffer
	h := handler(t, &webhook.HandlerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	runs := 0
	h.On("*", func(context.Context, webhook.Event) error {
		runs++
		switch runs {
		case 1:
			return errors.New("the database is away")
		case 2:
			panic("a bug")
		case 3:
			panic(http.ErrAbortHandler)
		}
		return nil
	})
	for range 3 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, post(t, "a", "b", ""))
		if w.Code != 500 || strings.Contains(w.Body.String(), "database") || strings.Contains(w.Body.String(), "bug") {
			t.Errorf("answer is %d %s, want 500 and no word of the cause", w.Code, w.Body)
		}
	}
	expect(t, h, post(t, "a", "b", ""), 200, "handled")
	expect(t, h, post(t, "a", "b", ""), 200, "duplicate")
	for _, cause := range []string{"the database is away", "panic: a bug", "handler_test.go", "id=a", "type=b"} {
		if !strings.Contains(log.String(), cause) {
			t.Errorf("the log does not have %q:\n%s", cause, &log)
		}
	}
}

func TestFailuresAreLoggedByDefault(t *testing.T) {
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	h := handler(t, nil)
	h.On("*", func(context.Context, webhook.Event) error { return errors.New("the database is away") })
	expect(t, h, post(t, "a", "b", ""), 500, "internal_error")
	if !strings.Contains(log.String(), "the database is away") {
		t.Errorf("the default logger was told %q", &log)
	}
}

func TestConcurrentDuplicatesRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handler(t, nil)
		var runs atomic.Int32
		finish := make(chan struct{})
		h.On("*", func(context.Context, webhook.Event) error {
			runs.Add(1)
			<-finish
			return nil
		})
		first := make(chan int)
		go func() {
			status, _ := serve(t, h, post(t, "a", "b", ""))
			first <- status
		}()
		synctest.Wait() // it is inside its function

		for range 10 {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, post(t, "a", "b", ""))
			if w.Code != 409 || w.Header().Get("Retry-After") != "1" {
				t.Errorf("a concurrent duplicate is answered %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
			}
		}
		other := make(chan int)
		go func() {
			status, _ := serve(t, h, post(t, "other", "b", ""))
			other <- status
		}()
		synctest.Wait()
		if got := runs.Load(); got != 2 {
			t.Errorf("%d ran, want one of each message", got)
		}
		close(finish)
		if a, b := <-first, <-other; a != 200 || b != 200 {
			t.Errorf("answers are %d and %d, want 200", a, b)
		}
		expect(t, h, post(t, "a", "b", ""), 200, "duplicate")
	})
}

func TestManyAtOnceRunOnce(t *testing.T) {
	h := handler(t, nil)
	var runs atomic.Int32
	h.On("*", func(context.Context, webhook.Event) error { runs.Add(1); return nil })
	statuses := make(chan int)
	const n = 100
	for range n {
		go func() {
			status, _ := serve(t, h, post(t, "a", "b", ""))
			statuses <- status
		}()
	}
	for range n {
		if status := <-statuses; status != 200 && status != 409 {
			t.Errorf("status %d", status)
		}
	}
	if got := runs.Load(); got != 1 {
		t.Errorf("ran %d times, want 1", got)
	}
}
