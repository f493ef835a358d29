package torture

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// Figures are what a run came to.
type figures struct {
	Test       string `json:"test"`
	Seed       uint64 `json:"seed"`
	Kills      int    `json:"kills"`
	Sent       int    `json:"sent"`     // events
	Accepted   int    `json:"accepted"` // of them
	Rejected   int    `json:"rejected"`
	Doubts     int    `json:"doubts"`       // requests of clients without an answer
	Deliveries int    `json:"deliveries"`   // promised
	Requests   int    `json:"requests"`     // that reached receivers
	Duplicates int    `json:"duplicates"`   // of deliveries that were made
	Unrecorded int    `json:"unrecorded"`   // requests of which the server knows nothing any more
	Lost       int    `json:"lost"`         // deliveries
	RestartMS  int64  `json:"restartMaxMs"` // from a start to the first delivery, at most
	DrainMS    int64  `json:"drainMs"`

	*nodeFigures // nil: there was one server
}

// quiesce waits until all that is owed has arrived and is recorded.
func (w *world) quiesce(t *testing.T) {
	t.Helper()
	err := until(t.Context(), 30*time.Second, func() bool {
		if !w.owesNothing() {
			return false
		}
		n, _ := w.missing()
		return n == 0
	})
	if err == nil {
		return
	}
	n, some := w.missing()
	t.Errorf("%d deliveries are missing 30 s after the load has ended, such as:", n)
	for _, text := range some {
		t.Error(text)
	}
	w.tellLanes(t)
}

// tellLanes tells what each endpoint that is still owed something was sent last, and how
// its server deals with it.
func (w *world) tellLanes(t *testing.T) {
	t.Helper()
	for _, app := range w.apps {
		for _, ep := range app.endpoints {
			owed, last := w.lastOf(ep)
			if owed == 0 {
				continue
			}
			t.Logf("%s is owed %d; the last requests to it: %s", ep, owed, strings.Join(last, ", "))
			var lane, attempts json.RawMessage
			path := "/app/" + app.uid
			w.call(t, http.MethodGet, path+"/endpoint/"+ep.uid+"/lane", nil, &lane)
			w.call(t, http.MethodGet, path+"/attempt/endpoint/"+ep.uid+"?limit=10", nil, &attempts)
			t.Logf("its lane: %s; its last attempts: %s", lane, attempts)
		}
	}
}

func (w *world) owesNothing() bool {
	for _, app := range w.apps {
		if w.owes(app) > 0 {
			return false
		}
	}
	return true
}

// checkStats compares what the server tells of each endpoint with the ledger. It
// gives the server a moment to record what has just been answered.
func (w *world) checkStats(t *testing.T) {
	t.Helper()
	for _, app := range w.apps {
		for _, ep := range app.endpoints {
			type stats struct{ Success, Pending, Sending, Fail, Canceled int }
			var got stats
			err := until(t.Context(), 5*time.Second, func() bool {
				w.call(t, http.MethodGet, "/app/"+app.uid+"/endpoint/"+ep.uid+"/stats", nil, &got)
				return got.Pending == 0
			})
			if want := (stats{Success: w.promised(ep)}); err != nil || got != want {
				t.Errorf("%s: the server counts %+v, the ledger %+v", ep, got, want)
			}
		}
	}
}

// promised is how many of the accepted events an endpoint wants.
func (w *world) promised(ep *endpoint) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ev := range w.events {
		if ev.verdict == accepted && ev.app == ep.app && ep.wants(ev) {
			n++
		}
	}
	return n
}

// audit holds the ledgers of clients and receivers against each other. kills is
// how often a server was killed, or kept from recording what it had under way.
func (w *world) audit(t *testing.T, kills int) *figures {
	t.Helper()
	f := w.hold(kills)
	w.mu.Lock()
	defer w.mu.Unlock()
	f.Test = t.Name()
	for _, problem := range w.problems {
		t.Error(problem)
	}
	if w.more > 0 {
		t.Errorf("and %d problems more", w.more)
	}
	t.Logf("answers to clients: %v", w.answers)
	return f
}

// hold is the audit itself, which adds what it finds to the problems.
func (w *world) hold(kills int) *figures {
	f := &figures{Kills: kills}
	f.Lost, _ = w.missing()
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.Lost > 0 {
		w.wrongLocked("%d deliveries are lost", f.Lost)
	}
	f.Sent, f.Doubts = len(w.events), w.doubts
	for _, ev := range w.events {
		switch ev.verdict {
		case accepted:
			f.Accepted++
		case rejected:
			f.Rejected++
		}
		w.auditEventLocked(ev, f)
	}
	for _, app := range w.apps {
		for _, ep := range app.endpoints {
			w.auditEndpointLocked(ep, kills, f)
		}
	}
	return f
}

func (w *world) auditEventLocked(ev *event, f *figures) {
	if ev.verdict == unknown {
		w.wrongLocked("%s: nobody knows what became of it", ev.id)
	}
	for _, ep := range ev.app.endpoints {
		if ev.verdict == accepted && ep.wants(ev) {
			f.Deliveries++
		}
		if ev.verdict == rejected && ep.tried[ev].requests > 0 {
			w.wrongLocked("%s: %s was rejected, and arrived", ep, ev.id)
		}
	}
}

// auditEndpointLocked counts duplicates: what was under way when the server was
// killed comes again, so they are bounded by the attempts an endpoint may have
// under way at once.
func (w *world) auditEndpointLocked(ep *endpoint, kills int, f *figures) {
	duplicates := 0
	for _, tried := range ep.tried {
		duplicates += max(0, tried.successes-1)
	}
	if most := kills * w.unrecorded(ep); duplicates > most {
		w.wrongLocked("%s: %d duplicates, and %d kills allow for %d", ep, duplicates, kills, most)
	}
	f.Requests += len(ep.arrivals)
	f.Duplicates += duplicates
	if w.balancer != nil && duplicates > 0 {
		w.auditRepeatsLocked(ep)
	}
	if ep.ordered {
		w.auditOrderLocked(ep)
	}
}

// auditOrderLocked sees that an ordered endpoint was sent nothing new before
// what was sent to it last had been taken. With nothing lost, that is the order
// of acceptance without gaps: the client has sent one after the other. Events with
// different ordering keys do not wait for each other.
func (w *world) auditOrderLocked(ep *endpoint) {
	newest := make(map[string]*event) // by key
	taken := make(map[*event]bool)
	for _, a := range ep.arrivals {
		switch last := newest[a.event.key]; {
		case last == nil || a.event.sequence > last.sequence && taken[last]:
			newest[a.event.key] = a.event
		case a.event == last || taken[a.event]:
			// again, because of a failure or a kill
		default:
			w.wrongLocked("%s: number %d arrived before number %d was taken (%s of %s, %s of %s)", ep, a.event.sequence, last.sequence,
				a.event.message, a.event.at.Format(time.StampMilli), last.message, last.at.Format(time.StampMilli))
			newest[a.event.key] = a.event
		}
		if a.delivered() {
			taken[a.event] = true
		}
	}
}

// checkDatabase looks into the database of a server that has ended: whether it
// is whole, and whether it holds an attempt for every request that arrived.
func (w *world) checkDatabase(t *testing.T, h *host, f *figures) {
	t.Helper()
	count, done := h.inspect(t)
	defer done()
	for what, query := range map[string]string{
		"deliveries without a message": "SELECT count(*) FROM delivery WHERE message NOT IN (SELECT id FROM message)",
		"attempts without a delivery":  "SELECT count(*) FROM attempt WHERE (endpoint, message) NOT IN (SELECT endpoint, message FROM delivery)",
		"deliveries not yet made":      "SELECT count(*) FROM delivery WHERE state <> 1",
	} {
		if n := count(query); n != 0 {
			t.Errorf("the database holds %d %s", n, what)
		}
	}
	if n := count("SELECT count(*) FROM message"); n != f.Accepted {
		t.Errorf("the database holds %d messages, and %d were accepted", n, f.Accepted)
	}
	f.Unrecorded = w.checkAttempts(t, h, f.Kills)
}

// checkAttempts compares the attempts recorded with the requests that arrived,
// and returns how many of those are not recorded: no more than were under way
// when the server was killed.
func (w *world) checkAttempts(t *testing.T, h *host, kills int) (unrecorded int) {
	t.Helper()
	count, done := h.inspect(t)
	defer done()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, app := range w.apps {
		for _, ep := range app.endpoints {
			id, _ := fanfare.DecodeID("ep_", ep.id)
			recorded := count("SELECT count(*) FROM attempt WHERE endpoint = $1", id[:])
			gone := len(ep.arrivals) - recorded
			if most := kills * w.unrecorded(ep); gone < 0 || gone > most {
				t.Errorf("%s: %d requests arrived and %d attempts are recorded; %d kills allow for %d less", ep, len(ep.arrivals), recorded, kills, most)
			}
			unrecorded += gone
		}
	}
	return unrecorded
}

// print prints the figures as one line of JSON.
func (f *figures) print(t *testing.T) {
	t.Helper()
	line, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(t.Output(), "%s\n", line)
}
