package webhook

import (
	"context"
	"strings"
	"sync"
	"time"
)

// Memory knows which messages have been handled. A receiver of several
// processes shares one, such as a table with a unique column. It must be safe
// for concurrent use.
type Memory interface {
	// Has reports whether id was added.
	Has(ctx context.Context, id string) (bool, error)

	// Add remembers id for longer than its sender retries.
	Add(ctx context.Context, id string) error
}

// The window a Handler remembers unless it is given another Memory.
const (
	windowIDs = 10_000
	windowAge = 24 * time.Hour
)

// window is a Memory of the newest ids. Both of its bounds drop the oldest
// first, so a ring in order of arrival is enough.
type window struct {
	age time.Duration

	mu    sync.Mutex
	seen  map[string]time.Time
	ring  []string // the oldest at start
	start int
	count int
}

func newWindow(size int, age time.Duration) *window {
	return &window{age: age, seen: make(map[string]time.Time), ring: make([]string, size)}
}

// Has implements [Memory].
func (w *window) Has(_ context.Context, id string) (bool, error) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expireLocked(now)
	_, ok := w.seen[id]
	return ok, nil
}

// Add implements [Memory].
func (w *window) Add(_ context.Context, id string) error {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expireLocked(now)
	if _, ok := w.seen[id]; ok {
		return nil
	}
	if w.count == len(w.ring) {
		w.dropLocked()
	}
	id = strings.Clone(id) // not the whole header it is part of
	w.seen[id] = now
	w.ring[(w.start+w.count)%len(w.ring)] = id
	w.count++
	return nil
}

func (w *window) expireLocked(now time.Time) {
	for w.count > 0 && now.Sub(w.seen[w.ring[w.start]]) >= w.age {
		w.dropLocked()
	}
}

func (w *window) dropLocked() {
	delete(w.seen, w.ring[w.start])
	w.ring[w.start] = ""
	w.start = (w.start + 1) % len(w.ring)
	w.count--
}
