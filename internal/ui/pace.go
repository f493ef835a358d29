package ui

import (
	"context"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A pace knows how much happens in this minute in this process, from what the Hub counts
// anyway: nothing is looked up for it.
type pace struct {
	mu     sync.Mutex // guards everything below
	minute []counted  // of the last minute, the oldest first
	last   counted
}

// counted is how much had happened at a time.
type counted struct {
	at                  time.Time
	accepted, delivered int64
}

const sampled = 5 * time.Second // how often, while Run runs

// Run keeps the figures of the console's first page. It returns when ctx ends.
func (h *Handler) Run(ctx context.Context) error {
	tick := time.NewTicker(sampled)
	defer tick.Stop()
	for {
		h.pace.sample(now(), h.hub.Counters())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sample takes in what the Hub has counted by now.
func (p *pace) sample(now time.Time, c fanfare.Counters) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.last.at) {
		return
	}
	p.last = counted{now, c.Accepted, c.Delivered}
	for len(p.minute) > 1 && now.Sub(p.minute[1].at) >= time.Minute {
		p.minute = p.minute[1:]
	}
	if n := len(p.minute); n > 0 && now.Sub(p.minute[n-1].at) < time.Second {
		return // many visitors at once make the list no longer
	}
	p.minute = append(p.minute, p.last)
}

// rates are how many messages were accepted, and deliveries succeeded, each second of
// the last minute.
func (p *pace) rates(now time.Time) (accepted, delivered float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.minute) == 0 {
		return 0, 0
	}
	first := p.minute[0]
	took := now.Sub(first.at).Seconds()
	if took < 1 {
		return 0, 0
	}
	return float64(p.last.accepted-first.accepted) / took, float64(p.last.delivered-first.delivered) / took
}
