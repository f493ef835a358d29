package fanfare

import (
	"context"
	"errors"
	"slices"
	"time"
)

// What a recovery that waits for its endpoint to be healthy goes by.
const (
	probeEvery = time.Minute      // unless something else is tried there; as seldom as the scheduler probes
	healthLook = 10 * time.Second // how soon it looks again
)

// mayAgain is how many deliveries a task may have wait again at once: taskChunk, or of one
// that waits for its endpoint to be healthy a single one, which is to find out whether it
// is, or none as yet.
func (h *Hub) mayAgain(ctx context.Context, t *Task) (int, error) {
	if !t.Selection.WhenHealthy {
		return taskChunk, nil
	}
	ep, err := h.store.Endpoint(ctx, t.Application, string(t.Endpoint))
	if errors.Is(err, ErrNotFound) {
		return 0, errEndpointGone
	}
	if err != nil {
		return 0, err
	}
	if ep.Paused || ep.Disabled || !ep.Verified() {
		return 0, nil
	}
	newest, err := h.store.Attempts(ctx, t.Application, AttemptFilter{Endpoint: ep.ID, Page: Page{Limit: 1}})
	if err != nil {
		return 0, err
	}
	now := h.now()
	for _, a := range newest {
		switch {
		case a.Class == ClassSuccess:
			return taskChunk, nil
		case now.Sub(a.StartedAt) < probeEvery:
			return 0, nil
		}
	}
	first, err := h.store.Waiting(ctx, WaitingQuery{Endpoint: ep.ID, Limit: 1})
	if err != nil || len(first) > 0 && (ep.Ordered || !first[0].Due.After(now)) {
		return 0, err // the scheduler tries that one
	}
	return 1, nil
}

// probe leaves of a piece one delivery, and has the task look at all of it again after
// that. In an ordered lane it is the first; else each time another, so that one which is
// always refused does not stand for all.
func (p *piece) probe(t *Task) {
	if len(p.again) == 0 {
		return
	}
	i := 0
	if !p.ordered {
		i = t.Revision % len(p.again)
	}
	p.again, p.next, p.last = p.again[i:i+1], t.At, false
	p.next.Probe = p.again[0].Message
}

// undone is how many of the piece were done before: the task's last probe, if it was given
// up since.
func (p *piece) undone(t *Task) int {
	if slices.ContainsFunc(p.again, func(d *Delivery) bool { return d.Message == t.At.Probe }) {
		return 1
	}
	return 0
}
