package fanfare

import (
	"context"
	"sync"
	"sync/atomic"
)

// maxTypeNames bounds how many names of event types are kept in memory. Of a
// catalogue that has more nothing is said.
const maxTypeNames = 100_000

// typeNames are the names that the catalogue of event types has, archived or not,
// so that a message costs one look in memory.
type typeNames struct {
	known sync.Map // of names
	count atomic.Int64
	read  atomic.Bool // all are known

	mu sync.Mutex // held while names come and go
}

// Listed reports whether the catalogue has an event type of that name, or nothing
// at all: a catalogue that nobody keeps says nothing about names. It also reports
// true where the catalogue cannot be read, which is logged.
func (h *Hub) Listed(ctx context.Context, name string) bool {
	n := &h.typeNames
	if !n.read.Load() {
		if err := h.readTypeNames(ctx); err != nil {
			h.opt.Logger.ErrorContext(ctx, "reading the catalogue of event types", "error", err)
			return true
		}
	}
	if count := n.count.Load(); count == 0 || count > maxTypeNames {
		return true
	}
	_, ok := n.known.Load(name)
	return ok
}

func (h *Hub) readTypeNames(ctx context.Context) error {
	n := &h.typeNames
	n.mu.Lock()
	defer n.mu.Unlock()
	for page := (Page{Limit: MaxPage, Ascending: true}); !n.read.Load() && n.count.Load() <= maxTypeNames; {
		some, err := h.store.EventTypes(ctx, page, true)
		if err != nil {
			return err
		}
		for _, t := range some {
			n.add(t.Name)
		}
		if len(some) < page.Limit {
			break
		}
		page.After = some[len(some)-1].Name
	}
	n.read.Store(true)
	return nil
}

// noteTypeName is called once the store has an event type of that name, or has it
// no more. It asks which: of two changes at once, the one that ends last need not
// be the one that was stored last.
func (h *Hub) noteTypeName(ctx context.Context, name string) {
	n := &h.typeNames
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, err := h.store.EventType(context.WithoutCancel(ctx), name); err == nil {
		n.add(name)
	} else {
		n.remove(name) // if it is there after all, a warning too many is what comes of it
	}
}

func (n *typeNames) add(name string) {
	if _, was := n.known.LoadOrStore(name, nil); !was {
		n.count.Add(1)
	}
}

func (n *typeNames) remove(name string) {
	if _, was := n.known.LoadAndDelete(name); was {
		n.count.Add(-1)
	}
}
