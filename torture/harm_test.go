package torture

import (
	"bytes"
	"fmt"
	"sync"
	"time"
)

// A harm is what was done to a node, from when to when. What it had under way then
// may be delivered twice; so may what it does afterwards, until it knows.
type harm struct{ begun, ended time.Time }

const (
	// recordTime is how long an attempt may have been over and not recorded yet when a
	// harm begins.
	recordTime = 2 * time.Second
	// wakeTime is how long what a node had begun may still come after a harm.
	wakeTime = 2 * time.Second
)

// covers reports whether a harm explains that what was delivered at that time is
// delivered again.
func (h harm) covers(at time.Time) bool {
	return at.After(h.begun.Add(-recordTime)) && at.Before(h.ended.Add(wakeTime))
}

// maxPickup is how long the lanes of a node that is gone may stand still.
const maxPickup = 12 * time.Second

// beyond says what so many harms to nodes do not explain: a delivery is made again only
// if its first attempt was under way then, and so was never recorded. Only a node that
// lost its lease, and has another one by the time it can record, still does so.
func (f *figures) beyond(harms int) (problems []string) {
	if f.Duplicates > f.Unrecorded && f.Fenced == 0 {
		problems = append(problems, fmt.Sprintf("%d duplicates, and only %d attempts were under way when harm came to a node", f.Duplicates, f.Unrecorded))
	}
	if harms == 0 && f.Unrecorded > 0 {
		problems = append(problems, fmt.Sprintf("%d attempts are not recorded, and no harm came to any node", f.Unrecorded))
	}
	return problems
}

// auditRepeatsLocked sees that nothing was delivered again but what a harm explains:
// of the deliveries of one event, all but one came when something was done to a node.
func (w *world) auditRepeatsLocked(ep *endpoint) {
	unexplained := make(map[*event]int)
	for _, a := range ep.arrivals {
		if !a.delivered() || ep.tried[a.event].successes < 2 {
			continue
		}
		explained := false
		for _, h := range w.harms {
			explained = explained || h.covers(a.at)
		}
		if !explained {
			unexplained[a.event]++
		}
	}
	for ev, n := range unexplained {
		if n > 1 {
			w.wrongLocked("%s: %s was delivered %d times, %d of them when nothing had been done to any node",
				ep, ev.id, ep.tried[ev].successes, n)
		}
	}
}

// pickup is how long after that moment the lanes took, at most, to be worked on again:
// what was accepted before counts from then, the rest from its acceptance. What a node
// had on the wire when it died is left out.
func (w *world) pickup(died time.Time) (longest time.Duration) {
	const wire, late = 200 * time.Millisecond, time.Minute
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, app := range w.apps {
		for _, ep := range app.endpoints {
			for _, a := range ep.arrivals {
				since := a.at.Sub(died)
				if since < wire || since > late || a.event.verdict != accepted {
					continue
				}
				if a.event.at.After(died) {
					since = a.at.Sub(a.event.at)
				}
				longest = max(longest, since)
				break
			}
		}
	}
	return longest
}

// A sameAnswer is what the first client of a key was answered.
type sameAnswer struct {
	key string
	mu  sync.Mutex
	got []byte
}

// hears reports whether an answer is what the others have heard.
func (s *sameAnswer) hears(body []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.got == nil {
		s.got = body
	}
	return bytes.Equal(s.got, body)
}
