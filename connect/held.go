package connect

import (
	"context"
	"sync"
)

// Held is a connection that a sink keeps: made when it is first needed, and anew when it
// has ended. C is compared to tell one from another, as a pointer is.
type Held[C comparable] struct {
	// Open makes the connection within ctx.
	Open func(ctx context.Context) (C, error)
	// Alive reports whether one that was made can still be used.
	Alive func(C) bool
	// Close ends one.
	Close func(C)

	once sync.Once
	turn chan struct{} // has an element while nobody looks at what is below

	now C
	is  bool
}

func (h *Held[C]) begin() {
	h.once.Do(func() {
		h.turn = make(chan struct{}, 1)
		h.turn <- struct{}{}
	})
}

// Take is the connection. Of several that want it at once one makes it, and the others
// wait, each as long as its own ctx.
func (h *Held[C]) Take(ctx context.Context) (C, error) {
	var none C
	h.begin()
	select {
	case <-h.turn:
	case <-ctx.Done():
		return none, ctx.Err()
	}
	defer func() { h.turn <- struct{}{} }()
	if h.is && h.Alive(h.now) {
		return h.now, nil
	}
	h.dropLocked()
	c, err := h.Open(ctx)
	if err != nil {
		return none, err
	}
	h.now, h.is = c, true
	return c, nil
}

// Drop ends c, unless another has taken its place.
func (h *Held[C]) Drop(c C) {
	h.begin()
	<-h.turn
	defer func() { h.turn <- struct{}{} }()
	if h.is && h.now == c {
		h.dropLocked()
	}
}

// End ends the connection, if there is one.
func (h *Held[C]) End() {
	h.begin()
	<-h.turn
	defer func() { h.turn <- struct{}{} }()
	h.dropLocked()
}

func (h *Held[C]) dropLocked() {
	if h.is {
		h.Close(h.now)
	}
	var none C
	h.now, h.is = none, false
}
