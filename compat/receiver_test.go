package compat

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// An arrival is one request as a receiver got it.
type arrival struct {
	at     time.Time
	header http.Header
	body   []byte
	uri    string // path and query
}

func (a *arrival) id() string { return a.header.Get("Webhook-Id") }

// A receiver is the server of someone who has an endpoint.
type receiver struct {
	url    string
	answer func(a *arrival, earlier []*arrival) int // the status; nil: 200

	mu  sync.Mutex
	got []*arrival
}

func newReceiver(t *testing.T, answer func(a *arrival, earlier []*arrival) int) *receiver {
	r := &receiver{answer: answer}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	r.url = srv.URL + "/hook"
	return r
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // what broke off did not arrive
	}
	a := &arrival{time.Now(), req.Header, body, req.RequestURI}
	r.mu.Lock()
	defer r.mu.Unlock()
	status := http.StatusOK
	if r.answer != nil {
		status = r.answer(a, r.got)
	}
	r.got = append(r.got, a)
	w.WriteHeader(status)
	io.WriteString(w, "thank you")
}

func (r *receiver) arrivals() []*arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// wait returns the arrivals once there are n, and fails the test if there are
// more.
func (r *receiver) wait(t *testing.T, n int) []*arrival {
	t.Helper()
	eventually(t, func() bool { return len(r.arrivals()) >= n })
	got := r.arrivals()
	if len(got) != n {
		t.Fatalf("%d requests arrived, want %d", len(got), n)
	}
	return got
}

// eventually waits until something holds: the server is another process, whose
// clock no test can turn.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("what is waited for did not come about in a minute")
		}
	}
}
