package connecttest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/memnet"
)

// A Request is what came to a fake by HTTP.
type Request struct {
	Method string
	URL    string // with the host
	Header http.Header
	Body   string
}

// Way is a way out on which handler answers under every address, by HTTP and HTTPS
// alike, for tests of what only one connector does. took is what has come to it so far.
func Way(t *testing.T, handler http.Handler) (way fanfare.Way, took func() []Request) {
	seen := &recorder{handler: handler}
	w := (&Case{}).way(t, seen)
	return w.Way, seen.requests
}

// A recorder keeps what it passes on.
type recorder struct {
	handler http.Handler

	mu  sync.Mutex
	all []Request
}

func (rec *recorder) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(rw, "the body was cut off", http.StatusBadRequest)
		return
	}
	rec.mu.Lock()
	rec.all = append(rec.all, Request{r.Method, r.Host + r.URL.RequestURI(), r.Header.Clone(), string(body)})
	rec.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec.handler.ServeHTTP(rw, r)
}

func (rec *recorder) requests() []Request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return append([]Request(nil), rec.all...)
}

// A way is a fanfare.Way that leads nowhere but to a fake.
type way struct {
	fanfare.Way
	log  *journal
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// way makes one on which handler, or else the case's own fake, answers.
func (c *Case) way(t *testing.T, handler http.Handler) *way {
	w := &way{log: &journal{}, dial: c.Dial}
	if w.dial == nil {
		if handler == nil {
			handler = c.Fake
		}
		w.dial = serve(t, handler)
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		return w.dial(ctx, network, address)
	}
	// To the transport, what DialTLSContext returns is encrypted already.
	transport := &http.Transport{DialContext: dial, DialTLSContext: dial, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	w.Way = fanfare.Way{
		Dial: dial,
		HTTP: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Logger: w.log.logger(),
	}
	return w
}

// serve has handler answer on a network of its own, and dials it there.
func serve(t *testing.T, handler http.Handler) func(ctx context.Context, network, address string) (net.Conn, error) {
	network := memnet.New()
	const all = "fake:80"
	ln, err := network.Listen(all)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(ln) })
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	return func(ctx context.Context, kind, _ string) (net.Conn, error) {
		return network.DialContext(ctx, kind, all)
	}
}

// deafen has everybody take what they are sent and answer nothing.
func (w *way) deafen() {
	w.dial = func(_ context.Context, network, address string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			_, _ = io.Copy(io.Discard, there) // until here is closed
			_ = there.Close()
		}()
		return here, nil
	}
}

// refuse has nobody listen anywhere.
func (w *way) refuse() {
	w.dial = func(_ context.Context, network, _ string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
}

// Taken is what a fake says it took.
func Taken(t *testing.T, fake http.Handler) []json.RawMessage {
	t.Helper()
	answer := httptest.NewRecorder()
	fake.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/fake/taken", nil))
	var all []json.RawMessage
	if err := json.Unmarshal(answer.Body.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	return all
}
