// Package fake has services for connectors to be tried on where the real ones must not
// be called: each takes and refuses what the service's documentation says it does, with
// the same statuses and bodies, and answers GET /fake/taken with what it took.
package fake

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
)

// maxTaken bounds how many a fake keeps; it is the newest it keeps.
const maxTaken = 1000

// maxBody bounds what a fake reads of a request, in bytes.
const maxBody = 1 << 20

// taken is what a fake took, in order.
type taken struct {
	mu  sync.Mutex
	all []any
}

func (t *taken) add(one any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, one)
	t.all = t.all[max(0, len(t.all)-maxTaken):]
}

// shownBy is handler, and beside it GET /fake/taken; DELETE /fake/taken forgets.
func (t *taken) shownBy(handler http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.HandleFunc("GET /fake/taken", func(rw http.ResponseWriter, _ *http.Request) {
		t.mu.Lock()
		defer t.mu.Unlock()
		answer(rw, http.StatusOK, append([]any{}, t.all...))
	})
	mux.HandleFunc("DELETE /fake/taken", func(rw http.ResponseWriter, _ *http.Request) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.all = nil
		rw.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// answer writes v as JSON.
func answer(rw http.ResponseWriter, status int, v any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(v) // who does not read it, does not
}

// body reads a request's.
func body(r *http.Request) ([]byte, error) {
	return io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
}
