package ui

import (
	"context"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A pace knows how much has happened of late, from what the Hub counts anyway: nothing
// is looked up for it. It knows of this process, since it was started.
type pace struct {
	mu     sync.Mutex // guards everything below
	begun  time.Time
	last   counted
	minute []counted // of the last minute, the oldest first
	hours  [daySlots]slot
}

// counted is how much had happened at a time.
type counted struct {
	at                         time.Time
	accepted, delivered, given int64
	failed                     int64 // attempts
}

// A slot is how much happened in a quarter of an hour.
type slot struct {
	Begins                       time.Time
	Accepted, Delivered, GivenUp int64
	Failed                       int64 // attempts
}

const (
	slotLasts = 15 * time.Minute
	daySlots  = int(24 * time.Hour / slotLasts)
	sampled   = 5 * time.Second // how often, while Run runs
)

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
	s := counted{at: now, accepted: c.Accepted, delivered: c.Delivered, given: c.GivenUp}
	for class, n := range c.Attempts {
		if class != fanfare.ClassSuccess {
			s.failed += n
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun.IsZero() {
		p.begun = now
	}
	if now.Before(p.last.at) {
		return
	}
	begins := now.Truncate(slotLasts)
	in := &p.hours[int(begins.Unix()/int64(slotLasts/time.Second))%daySlots]
	if !in.Begins.Equal(begins) {
		*in = slot{Begins: begins}
	}
	in.Accepted += s.accepted - p.last.accepted
	in.Delivered += s.delivered - p.last.delivered
	in.GivenUp += s.given - p.last.given
	in.Failed += s.failed - p.last.failed
	p.last = s
	for len(p.minute) > 1 && now.Sub(p.minute[1].at) >= time.Minute {
		p.minute = p.minute[1:]
	}
	if n := len(p.minute); n > 0 && now.Sub(p.minute[n-1].at) < time.Second {
		return // many visitors at once make the list no longer
	}
	p.minute = append(p.minute, s)
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

// day is the last 24 hours, the oldest quarter first.
func (p *pace) day(now time.Time) []slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := now.Truncate(slotLasts)
	all := make([]slot, daySlots)
	for i := range all {
		begins := last.Add(-slotLasts * time.Duration(daySlots-1-i))
		all[i] = slot{Begins: begins}
		if s := p.hours[int(begins.Unix()/int64(slotLasts/time.Second))%daySlots]; s.Begins.Equal(begins) {
			all[i] = s
		}
	}
	return all
}

// since is when it began to know.
func (p *pace) since() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begun
}
