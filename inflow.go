package fanfare

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// maxRefusals is how many of what a source did not keep are remembered, and maxArrivals of
// what it kept.
const (
	maxRefusals = 20
	maxArrivals = 20
)

// maxInflow bounds the sources that inflow knows; beyond it, it begins anew.
const maxInflow = 10_000

// A Refusal is a request to a source of which nothing was kept, and why.
type Refusal struct {
	At          time.Time
	Outcome     ReceivedOutcome // refused or filtered
	Status      int             // of the answer; 0 where that depended on other messages too
	Reason      string          // a sentence that shows no secret
	Method      string
	Address     string // where it came from
	ContentType string
	Size        int // of the body in bytes, as far as it was read
}

// SourceActivity is what became of what a source received, since this process began.
type SourceActivity struct {
	Accepted, Repeated, Filtered int64     // messages
	Refused                      int64     // requests
	Refusals                     []Refusal // the newest, newest first
	Arrivals                     []Arrival // the newest, newest first
}

// An Arrival is a message that came by a source.
type Arrival struct {
	At        time.Time
	Outcome   ReceivedOutcome // accepted or repeated
	Message   MessageID       // "": it was there already
	EventID   string          // "" if it has none
	EventType string
}

// A ReceivedCount says how often a profile has had an outcome.
type ReceivedCount struct {
	Profile string
	Outcome ReceivedOutcome
}

// inflow remembers what came by sources, in memory: it is for people who look for why
// something does not arrive, and for metrics.
type inflow struct {
	mu       sync.Mutex // guards everything below
	counts   map[ReceivedCount]int64
	bySource map[SourceID]*stream
}

// A stream is what came by one source.
type stream struct {
	activity SourceActivity // Refusals and Arrivals oldest first
	tokens   float64        // of its rate
	at       time.Time      // when they were counted
}

func (in *inflow) streamLocked(id SourceID) *stream {
	s := in.bySource[id]
	if s != nil {
		return s
	}
	if in.bySource == nil || len(in.bySource) >= maxInflow {
		in.bySource = make(map[SourceID]*stream)
	}
	s = &stream{}
	in.bySource[id] = s
	return s
}

func (in *inflow) countLocked(src *Source, outcome ReceivedOutcome) *stream {
	if in.counts == nil {
		in.counts = make(map[ReceivedCount]int64)
	}
	in.counts[ReceivedCount{src.Profile, outcome}]++
	s := in.streamLocked(src.ID)
	switch outcome {
	case ReceivedAccepted:
		s.activity.Accepted++
	case ReceivedRepeated:
		s.activity.Repeated++
	case ReceivedFiltered:
		s.activity.Filtered++
	case ReceivedRefused:
		s.activity.Refused++
	}
	return s
}

func (in *inflow) arrived(src *Source, a Arrival) {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.countLocked(src, a.Outcome)
	if len(s.activity.Arrivals) == maxArrivals {
		s.activity.Arrivals = append(s.activity.Arrivals[:0], s.activity.Arrivals[1:]...)
	}
	s.activity.Arrivals = append(s.activity.Arrivals, a)
}

func (in *inflow) refused(src *Source, r Refusal) {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.countLocked(src, r.Outcome)
	if len(s.activity.Refusals) == maxRefusals {
		s.activity.Refusals = append(s.activity.Refusals[:0], s.activity.Refusals[1:]...)
	}
	s.activity.Refusals = append(s.activity.Refusals, r)
}

func (in *inflow) filtered(src *Source, why string, now time.Time) {
	reason := "the filter does not match"
	if why != "" {
		reason += ": " + why
	}
	in.refused(src, Refusal{At: now, Outcome: ReceivedFiltered, Reason: bound(reason, maxDetail)})
}

func (in *inflow) forget(id SourceID) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.bySource, id)
}

// AdmitToSource reports whether src may take a request more this second.
func (h *Hub) AdmitToSource(src *Source) bool {
	if src.RateLimit == 0 {
		return true
	}
	now, rate := h.now(), float64(src.RateLimit)
	h.inflow.mu.Lock()
	defer h.inflow.mu.Unlock()
	s := h.inflow.streamLocked(src.ID)
	if s.at.IsZero() {
		s.tokens = rate
	} else {
		s.tokens = min(rate, s.tokens+max(0, now.Sub(s.at).Seconds())*rate)
	}
	s.at = now
	if s.tokens < 1 {
		return false
	}
	s.tokens--
	return true
}

// NoteRefusal remembers that a request to src was refused, at the present time.
func (h *Hub) NoteRefusal(src *Source, r Refusal) {
	r.At, r.Outcome = h.now(), ReceivedRefused
	r.Reason, r.ContentType, r.Method = bound(r.Reason, maxDetail), bound(r.ContentType, maxDetail), bound(r.Method, maxDetail)
	h.inflow.refused(src, r)
}

// SourceActivity tells what this process has seen come by a source.
func (h *Hub) SourceActivity(id SourceID) SourceActivity {
	h.inflow.mu.Lock()
	defer h.inflow.mu.Unlock()
	s := h.inflow.bySource[id]
	if s == nil {
		return SourceActivity{}
	}
	a := s.activity
	a.Refusals, a.Arrivals = slices.Clone(a.Refusals), slices.Clone(a.Arrivals)
	slices.Reverse(a.Refusals)
	slices.Reverse(a.Arrivals)
	return a
}

// Received counts what came by all sources since this process began.
func (h *Hub) Received() map[ReceivedCount]int64 {
	h.inflow.mu.Lock()
	defer h.inflow.mu.Unlock()
	return maps.Clone(h.inflow.counts)
}
