package fanfaretest

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// A Receiver is what an endpoint leads to. It notes what it is sent, and answers
// 200, unless it was told otherwise. A request whose signature is wrong fails the
// test, where the endpoint's signature is the standard one.
type Receiver struct {
	Endpoint *fanfare.Endpoint // as it was made

	t        testing.TB
	hub      *Hub
	host     string
	verifier *webhook.Verifier // nil: not of the standard

	mu      sync.Mutex
	server  *http.Server  // nil: it refuses connections
	ended   chan struct{} // closed when server has
	got     []*Request
	script  []int // what the next requests are answered with; hang: nothing
	answer  http.Handler
	delay   time.Duration
	changed chan struct{} // closed, and made anew, when something was answered
}

// hang is the status of what is never answered.
const hang = 0

// A Request is one that a receiver got.
type Request struct {
	At     time.Time
	ID     string // of the message: webhook-id
	Type   string // webhook-event-type
	Header http.Header
	Body   []byte
	Status int // what it was answered; 0: nothing, or not yet
}

// Fail has the next n requests, after those there are plans for, answered with a
// status such as 503.
func (r *Receiver) Fail(n, status int) { r.plan(n, status) }

// Hang leaves the next n requests, after those there are plans for, without an
// answer, until the Hub gives up on them (Options.Timeout, 20 s). Outside of a
// bubble that is a long time: give the endpoint a Timeout of a second.
func (r *Receiver) Hang(n int) { r.plan(n, hang) }

func (r *Receiver) plan(n, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script = append(r.script, slices.Repeat([]int{status}, n)...)
}

// Slow has every answer from now on come that much later; 0 ends it.
func (r *Receiver) Slow(delay time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = delay
}

// Answer has handler answer the requests for which there is no plan; nil: with 200.
// The body can be read as usual.
func (r *Receiver) Answer(handler http.Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = handler
}

// Refuse refuses connections, and ends those there are, until [Receiver.Accept].
func (r *Receiver) Refuse() { r.close() }

// Accept accepts connections again.
func (r *Receiver) Accept() {
	r.t.Helper()
	r.listen()
}

func (r *Receiver) listen() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		return
	}
	l, err := r.hub.network.Listen(r.host + ":80")
	if err != nil {
		r.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(r.serve), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	ended := make(chan struct{})
	r.server, r.ended = server, ended
	go func() {
		defer close(ended)
		_ = server.Serve(l) // it ends when it is closed, and no sooner
	}()
}

func (r *Receiver) close() {
	r.mu.Lock()
	server, ended := r.server, r.ended
	r.server = nil
	r.mu.Unlock()
	if server != nil {
		server.Close()
		<-ended
	}
}

func (r *Receiver) serve(w http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return // the connection broke, so there is no request to speak of
	}
	in.Body = io.NopCloser(strings.NewReader(string(body)))
	got := &Request{
		At: time.Now(), Header: in.Header.Clone(), Body: body,
		ID: in.Header.Get(webhook.HeaderID), Type: in.Header.Get(webhook.HeaderEventType),
	}
	if r.verifier != nil {
		if _, err := r.verifier.Verify(in.Header, body, got.At); err != nil {
			r.t.Errorf("fanfaretest: %s got a request that does not verify: %v", r.host, err)
		}
	}
	status, answer, delay := r.take(got)
	if status == hang {
		<-in.Context().Done()
		return
	}
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-in.Context().Done():
			return
		}
	}
	noting := &notingWriter{ResponseWriter: w, status: http.StatusOK}
	if answer != nil {
		answer.ServeHTTP(noting, in)
	} else {
		noting.WriteHeader(status)
	}
	r.answered(got, noting.status)
}

// take notes a request, and says what becomes of it.
func (r *Receiver) take(got *Request) (status int, answer http.Handler, delay time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, got)
	if len(r.script) > 0 {
		status, r.script = r.script[0], r.script[1:]
		return status, nil, r.delay
	}
	return http.StatusOK, r.answer, r.delay
}

func (r *Receiver) answered(got *Request, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	got.Status = status
	close(r.changed)
	r.changed = make(chan struct{})
}

// A notingWriter knows what status was written.
type notingWriter struct {
	http.ResponseWriter
	status int
}

func (w *notingWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Requests returns all that came, in the order in which they came.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Request, len(r.got))
	for i, got := range r.got {
		all[i] = *got
	}
	return all
}

// Taken returns the requests that were answered with a status of 200 to 299.
func (r *Receiver) Taken() []Request {
	return slices.DeleteFunc(r.Requests(), func(got Request) bool { return got.Status < 200 || got.Status > 299 })
}

// WaitFor waits until n requests were answered with a status of 200 to 299, and
// returns them. The test fails if they do not come, or if there are more by then.
func (r *Receiver) WaitFor(n int) []Request {
	r.t.Helper()
	patience := time.NewTimer(r.hub.patience)
	defer patience.Stop()
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		taken := r.Taken()
		switch {
		case len(taken) > n:
			r.t.Fatalf("fanfaretest: %d requests were taken; want %d: %s", len(taken), n, told(taken))
		case len(taken) == n:
			return taken
		}
		select {
		case <-changed:
		case <-r.hub.ended:
			r.t.Fatalf("fanfaretest: the Hub ended: %v", r.hub.err)
		case <-patience.C:
			r.t.Fatalf("fanfaretest: within %v, %d requests were taken; want %d. There came: %s", r.hub.patience, len(taken), n, told(r.Requests()))
		}
	}
}

// WantNone fails the test if there has been any request once all deliveries have
// ended.
func (r *Receiver) WantNone() {
	r.t.Helper()
	r.hub.Settle()
	if all := r.Requests(); len(all) > 0 {
		r.t.Errorf("fanfaretest: want no request; there came: %s", told(all))
	}
}

// told tells of requests in a line.
func told(all []Request) string {
	if len(all) == 0 {
		return "nothing"
	}
	var texts []string
	for i, got := range all {
		if i == 10 {
			texts = append(texts, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		texts = append(texts, fmt.Sprintf("%s %.100s (answered %d)", got.Type, got.Body, got.Status))
	}
	return strings.Join(texts, ", ")
}
