// Package lane decides which delivery starts when. A lane is the waiting
// deliveries of one endpoint; a Scheduler holds all lanes and sees to order,
// due times, caps, rates, health and fairness between them.
//
// It is a pure state machine: inputs go in as calls, [Scheduler.Step] says what
// to do, and whoever owns the Scheduler does it. Nothing here reads a clock,
// does I/O, starts a goroutine or draws a random number, so the same inputs
// give the same outputs. A Scheduler has one owner and no lock.
//
// The store holds every waiting delivery; a lane holds the first ones only (its
// window) and asks for more as they drain. So a million waiting deliveries of
// an endpoint that hangs cost a few kilobytes and one probe at a time.
package lane

import (
	"cmp"
	"strings"
	"time"
)

// Settings is what the scheduler must know of an endpoint.
type Settings struct {
	Endpoint, Application string

	// Host is what Limits.PerHost is counted by. Empty: not counted.
	Host string

	// Ordered lanes start strictly in order of acceptance, each delivery only
	// after the one before it has ended.
	Ordered bool

	// Gather is of no meaning in ordered lanes. Zero: each delivery goes by itself.
	Gather Gather

	// Paused lanes start nothing; what is in flight finishes.
	Paused bool

	// MaxInFlight replaces Limits.PerEndpoint. Zero: Limits.PerEndpoint.
	MaxInFlight int

	// Rate and AppRate limit deliveries started per second, of the endpoint
	// and of its whole application: a token bucket of max(1, ceil(rate)).
	// Zero: no limit. The AppRate that was configured last counts.
	Rate, AppRate float64

	// FailingSince is what the store remembered from before a restart. It is
	// looked at when the endpoint is first configured. Zero: healthy.
	FailingSince time.Time
}

// Delivery is a waiting delivery. Its place in the lane is (Rank, Message).
type Delivery struct {
	Message string // sorts in order of acceptance

	// Rank is the due time in microseconds, and 0 in an ordered lane.
	Rank int64

	Due      time.Time // it does not start before
	Key      string    // in an ordered lane only deliveries of one key wait for each other
	Attempts int       // made so far
	Apart    bool      // where others gather it waits for none, and goes with its like only
}

// Place is where d stands in its lane.
func (d *Delivery) Place() Position { return Position{d.Rank, d.Message} }

// Position is a place in a lane. The zero Position is before every delivery.
type Position struct {
	Rank    int64
	Message string
}

// Compare is negative if p comes before q, and positive if after.
func (p Position) Compare(q Position) int {
	if c := cmp.Compare(p.Rank, q.Rank); c != 0 {
		return c
	}
	return strings.Compare(p.Message, q.Message)
}

// Limits bound what is in flight and in memory. A zero field means its default.
type Limits struct {
	InFlight    int // deliveries in flight altogether; 2048
	PerEndpoint int // in flight to one endpoint; 128
	PerHost     int // in flight to one host; 256
	Window      int // waiting deliveries of one lane in memory; 512
}

func (l Limits) withDefaults() Limits {
	set := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	set(&l.InFlight, 2048)
	set(&l.PerEndpoint, 128)
	set(&l.PerHost, 256)
	set(&l.Window, 512)
	return l
}

// Verdict is how an attempt ended.
type Verdict struct {
	OK    bool // it succeeded
	Again bool // it did not, and there will be another attempt

	// Rank, Due and Attempts are the delivery's new place when Again.
	Rank     int64
	Due      time.Time
	Attempts int

	// HoldUntil stops the whole lane until then (Retry-After). Zero: it does not.
	HoldUntil time.Time

	Slow    bool // the endpoint asked for less (429, 503): its concurrency is halved
	Neutral bool // says nothing about the endpoint's health

	Unrecorded bool // the store has the delivery as it was: the lane is read again
	Untried    bool // no attempt was made after all: the delivery waits where it did
}

// Actions is what the owner has to do after a Step. The slices are used again
// by the next Step.
type Actions struct {
	Start []Start   // start these attempts; each is in flight until its Finish
	Load  []Load    // read these from the store; answer each with Loaded or LoadFailed
	Wake  time.Time // call Step at this time at the latest; zero: at the next input
}

// Start is an attempt to start.
type Start struct {
	Endpoint, Message string

	Attempts int // made before this one

	// More are others that go in the same attempt, if the lane gathers.
	More []Start
}

// Load asks for the first Limit waiting deliveries of an endpoint whose place
// is after After, in order of place.
type Load struct {
	Endpoint string
	After    Position
	Limit    int

	// OneKey restricts the answer to deliveries whose ordering key is Key,
	// which may be empty.
	OneKey bool
	Key    string

	seq uint64
}

// State is an endpoint's health.
type State uint8

// An endpoint is Healthy until it has failed ten times in a row, then Probing
// until an attempt succeeds, then Reopening until its full concurrency is
// reached again, or Probing once more if as many attempts as it may have in
// flight, from four to ten, fail in a row. One that failed before a restart
// begins as Reopening.
const (
	Healthy State = iota
	Probing
	Reopening
)

func (s State) String() string {
	switch s {
	case Probing:
		return "probing"
	case Reopening:
		return "reopening"
	}
	return "healthy"
}

// instant is a time in nanoseconds since 1970; 0 stands for the zero time.
type instant int64

const never instant = 1<<63 - 1

// at turns t into an instant. What is out of range becomes the nearest instant
// from which nothing overflows.
func at(t time.Time) instant {
	switch sec := t.Unix(); {
	case sec < 0:
		return 0
	case sec >= 6e9: // the year 2160
		return 6e18
	}
	return instant(t.UnixNano())
}

func (i instant) add(d time.Duration) instant { return i + instant(d) }

func (i instant) time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(i)).UTC()
}
