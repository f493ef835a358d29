package torture

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A verdict is what a client knows of an event.
type verdict uint8

const (
	unknown  verdict = iota // it was sent, and no answer settled what became of it
	accepted                // the server has it for certain
	rejected                // the server has it not, for certain
)

// An event is a line of the clients' ledger, written before the event is sent.
type event struct {
	id        string
	app       *application
	sequence  int // in the application, in order of sending
	kind      string
	channel   string // "" if none
	key       string // that orders it; "" if none
	malformed bool   // it must be refused
	sum       [sha256.Size]byte

	verdict verdict
	message string    // the id the server gave it; "" while nobody was told
	at      time.Time // when the verdict was known first
}

// An arrival is a line of a receiver's ledger: a request that was verified.
type arrival struct {
	event  *event
	at     time.Time
	status int // that was answered; 0 if the sender had gone
}

func (a *arrival) delivered() bool { return a.status == 200 }

// A ledger is what clients and receivers wrote down. Its lock guards the verdict
// and message of all events, what is said so of applications and endpoints, and
// the fields below it.
type ledger struct {
	mu       sync.Mutex
	events   map[string]*event
	answers  map[int]int // to clients, by status
	doubts   int         // requests without an answer
	accepted int         // events
	problems []string
	more     int // problems beyond those
}

// maxProblems is how many are shown.
const maxProblems = 30

// wrong notes that a promise was broken.
func (l *ledger) wrong(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrongLocked(format, args...)
}

func (l *ledger) wrongLocked(format string, args ...any) {
	if len(l.problems) >= maxProblems {
		l.more++
		return
	}
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

// count counts an answer to a client, or that there was none.
func (l *ledger) count(status int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.doubts++
		return
	}
	l.answers[status]++
}

// acceptedSoFar is how many events have been accepted for certain.
func (l *ledger) acceptedSoFar() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accepted
}

// write notes an event that is about to be sent.
func (l *ledger) write(ev *event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ev.app.sent++
	ev.sequence = ev.app.sent
	l.events[ev.id] = ev
}

// settle notes what became of an event that was sent. message is its id if the
// server said so.
func (l *ledger) settle(ev *event, v verdict, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := ev.verdict
	if ev.verdict = v; before == unknown {
		ev.at = time.Now()
	}
	if v == accepted && before != accepted {
		l.accepted++
	}
	switch {
	case before == accepted && v == accepted: // it was asked for at several places
		l.nameLocked(ev, message)
		return
	case before != unknown && before != v:
		l.wrongLocked("%s: accepted as well as refused", ev.id)
	case v == rejected:
		return
	case ev.malformed:
		l.wrongLocked("%s: accepted, although its event type is %q", ev.id, ev.kind)
	}
	for _, ep := range ev.app.endpoints {
		if ep.wants(ev) {
			ev.app.owed++
		}
	}
	l.nameLocked(ev, message)
}

// nameLocked notes which message an event is: always the same.
func (l *ledger) nameLocked(ev *event, message string) {
	switch {
	case message == "":
	case ev.message == "":
		ev.message = message
	case ev.message != message:
		l.wrongLocked("%s: is message %s and message %s", ev.id, ev.message, message)
	}
}

// arrive notes a request at an endpoint, and returns what is to be answered.
func (l *ledger) arrive(ep *endpoint, id, message string, sum [sha256.Size]byte, gone bool) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	ev := l.events[id]
	switch {
	case ev == nil:
		l.wrongLocked("%s: %q arrived, which was never sent", ep, id)
		return 200
	case ev.app != ep.app || !ep.wants(ev):
		l.wrongLocked("%s: %s arrived, which is of %s, type %q, channel %q", ep, id, ev.app.uid, ev.kind, ev.channel)
	case ev.sum != sum:
		l.wrongLocked("%s: the payload of %s is not what was sent", ep, id)
	}
	l.nameLocked(ev, message)
	a := arrival{event: ev, at: time.Now(), status: 200}
	switch tried := ep.tried[ev]; {
	case gone:
		a.status = 0
	case tried.requests < ep.refuses(ev):
		a.status = 500
	}
	ep.note(a)
	return a.status
}

// owes returns how many deliveries an application's receivers still wait for.
func (l *ledger) owes(app *application) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return app.owed
}

// lastOf returns how many deliveries an endpoint is owed, and describes the last requests
// that came for it, the latest first, a few at most.
func (l *ledger) lastOf(ep *endpoint) (owed int, last []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ev := range l.events {
		if ev.verdict == accepted && ev.app == ep.app && ep.wants(ev) && ep.tried[ev].successes == 0 {
			owed++
		}
	}
	for _, a := range slices.Backward(ep.arrivals) {
		if len(last) == maxProblems {
			break
		}
		last = append(last, fmt.Sprintf("%s %d %s", a.at.Format("15:04:05.000"), a.status, a.event.id))
	}
	return owed, last
}

// missing describes deliveries that were promised and not made, at most a few;
// n is how many there are.
func (l *ledger) missing() (n int, some []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ev := range l.events {
		if ev.verdict != accepted {
			continue
		}
		for _, ep := range ev.app.endpoints {
			if !ep.wants(ev) || ep.tried[ev].successes > 0 {
				continue
			}
			if n++; len(some) < maxProblems {
				some = append(some, fmt.Sprintf("%s: %s (message %q) was accepted and not delivered, after %d requests",
					ep, ev.id, ev.message, ep.tried[ev].requests))
			}
		}
	}
	slices.Sort(some)
	return n, some
}
