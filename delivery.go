package fanfare

import (
	"context"
	"fmt"
	"time"
)

// State is where a delivery stands. Stores keep the number.
type State uint8

// A delivery waits until it ends in one of the other three, and then only a
// resend makes it wait again.
const (
	Waiting State = iota
	Delivered
	GivenUp
	Cancelled
)

func (s State) String() string {
	switch s {
	case Waiting:
		return "waiting"
	case Delivered:
		return "delivered"
	case GivenUp:
		return "given up"
	case Cancelled:
		return "cancelled"
	}
	return fmt.Sprintf("State(%d)", s)
}

// A Delivery is one message on its way to one endpoint.
type Delivery struct {
	Message     MessageID
	Endpoint    EndpointID
	State       State
	Rank        int64     // its place in the lane before the message id decides: 0 in an ordered lane, else Due in microseconds
	Due         time.Time // the next attempt comes no earlier; of no meaning once it has ended
	OrderingKey string    // the message's, unless the endpoint has found one in the payload
	Attempts    int       // made by this round of the schedule; a resend begins a new one
	Manual      bool      // this round was asked for by someone

	// Latest says, when the delivery is accepted, that it takes the place of the one
	// under the same OrderingKey that waits for its first attempt, if there is one:
	// the store then says which in Replaced. Both have no meaning afterwards.
	Latest   bool
	Replaced MessageID
}

// RankOf gives the rank of a delivery due at that time.
func RankOf(ordered bool, due time.Time) int64 {
	if ordered {
		return 0
	}
	return due.UnixMicro()
}

// debounce lets d wait until a time for a later message of msg's type and key.
func (d *Delivery) debounce(msg *Message, until time.Time) {
	d.Latest = true
	d.OrderingKey = msg.EventType + "\n" + msg.OrderingKey
	d.Due, d.Rank = until, RankOf(false, until)
}

// An Attempt is one try of one delivery, complete: what was sent, what came
// back, and what was made of it. Times are to the microsecond.
type Attempt struct {
	ID        AttemptID
	Message   MessageID
	Endpoint  EndpointID
	EventType string // of the message
	Test      bool   // whether that is one: see [TestTag]
	Number    int    // 1 for the first of the round
	Manual    bool
	URL       string
	StartedAt time.Time
	Duration  time.Duration // until the verdict
	FirstByte time.Duration // until the response's headers were complete; 0: there were none

	RequestHeader  []Header
	Status         int // HTTP status; 0: there was no response
	ResponseHeader []Header
	ResponseBody   []byte // its first 64 KiB
	Truncated      bool   // there was, or may have been, more of it

	Class  Class  // Success, or the kind of failure
	Detail string // what the machine said of a failure, in its words; bounded and printable
	// State is the delivery's after this attempt; Waiting means there is another
	// one at NextAt.
	State  State
	NextAt time.Time
}

// A Header is one line of an HTTP header.
type Header struct{ Name, Value string }

// Deliveries lists deliveries of an application: of one message or to one
// endpoint, as the filter says.
func (h *Hub) Deliveries(ctx context.Context, app ApplicationID, f DeliveryFilter) ([]*Delivery, error) {
	return h.store.Deliveries(ctx, app, f)
}

// DeliveriesOf reads the deliveries of several messages, each of them there once: of each the
// first [MaxPage] by endpoint. within is as in [DeliveryFilter].
func (h *Hub) DeliveriesOf(ctx context.Context, app ApplicationID, messages []MessageID, within []string) (map[MessageID][]*Delivery, error) {
	return h.store.DeliveriesOf(ctx, map[ApplicationID][]MessageID{app: messages}, within)
}

// Attempts lists attempts of one message or to one endpoint, as the filter says.
func (h *Hub) Attempts(ctx context.Context, app ApplicationID, f AttemptFilter) ([]*Attempt, error) {
	return h.store.Attempts(ctx, app, f)
}

// Attempt finds one attempt of a message.
func (h *Hub) Attempt(ctx context.Context, app ApplicationID, msg MessageID, id AttemptID) (*Attempt, error) {
	a, err := h.store.Attempt(ctx, app, msg, id)
	if err != nil {
		return nil, fmt.Errorf("attempt %q: %w", id, err)
	}
	return a, nil
}

// EndpointStats counts an endpoint's deliveries of messages accepted in
// [since, until) by state, but for those of tests: see [TestTag].
func (h *Hub) EndpointStats(ctx context.Context, app ApplicationID, ep EndpointID, since, until time.Time) (map[State]int, error) {
	return h.store.Stats(ctx, app, ep, since, until)
}

// Resend makes a message's delivery to ep wait again from the first attempt, at
// once, whatever became of it before. An endpoint that did not want the message
// when it was accepted is sent it now. It returns ErrNotFound for a message that
// is not the application's.
func (h *Hub) Resend(ctx context.Context, msg *Message, ep *Endpoint) error {
	if msg.Damaged {
		return &InvalidError{"message", "its payload was damaged on disk, so there is nothing to send"}
	}
	if msg.Payload == nil {
		return &InvalidError{"message", "its payload was expunged, so there is nothing to send"}
	}
	if err := ep.checkSent(); err != nil {
		return err
	}
	now := h.now()
	d := Delivery{
		Message: msg.ID, Endpoint: ep.ID, Manual: true,
		Due: now, Rank: RankOf(ep.Ordered, now), OrderingKey: ep.orderingKeyOf(msg),
	}
	if err := h.store.Resend(ctx, msg.Application, &d); err != nil {
		return fmt.Errorf("message %s to endpoint %s: %w", msg.ID, ep.ID, err)
	}
	h.inbox.put(cancelled{ep.Application, msg.ID, []EndpointID{ep.ID}}) // from the place where it may have waited
	h.rouse(ctx, msg.Application, ep.ID)
	return nil
}
