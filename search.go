package fanfare

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Searches is how messages are found that may be of any application. Neither method
// costs more the more there is: each looks at so much and says how far it came.
type Searches interface {
	// LookForMessages lists messages that a look finds, those stored last first and
	// without their payloads, of all applications but the operational one unless the
	// look names one. Messages are taken to be stored about in the order of their
	// CreatedAt: what stands out of it by more than [SearchSlack] may be passed over
	// where the look has bounds of time.
	LookForMessages(ctx context.Context, l MessageLook) ([]*Message, Looked, error)
	// MessagesNamed finds messages by id or event id, as Message does, without their
	// payloads, in the next applications before one, in the order of these, the newest
	// first; "": from the newest on. It looks into as many as it is told, the operational
	// one not among them, and may find more than they have. next is before which to go on;
	// "" when there is nothing further.
	MessagesNamed(ctx context.Context, ref string, before ApplicationID, look int) (found []*Message, next ApplicationID, err error)
	// AttemptNamed finds whose an attempt is, at so many of the newest endpoints, the
	// operational ones not among them. ErrNotFound: it is at none of those.
	AttemptNamed(ctx context.Context, id AttemptID, look int) (Lane, MessageID, error)
}

// SearchSlack is how far out of the order of their age messages may be stored without
// being passed over by a look that has bounds of time.
const SearchSlack = time.Minute

// A MessageLook picks messages of all applications, or of one. Zero fields do not restrict.
type MessageLook struct {
	Application  ApplicationID
	Before       string    // where the look before it ended; "": from the last on
	Since, Until time.Time // accepted in [Since, Until)
	EventTypes   []string  // as in MessageFilter
	Channel      string
	Tag          string
	Within       []string // has one of these channels
	Text         []byte   // the payload contains it
	Limit        int      // of what is found; at least 1
	Look         int      // of what is looked at, found or not; at least 1
	Bytes        int      // of payloads that are looked into for Text: it ends with the message with which they come to so many
}

// Looked is how far a look came.
type Looked struct {
	Next  string    // where to go on; "" when there is nothing further
	Count int       // of messages that were looked at
	Back  time.Time // when the last of them was accepted; zero: there was none
}

// Bounds on a page of a search. It looks at a piece after the other until it has
// what was asked for, or has taken searchTime, or has looked at so much.
const (
	searchTime         = 20 * time.Millisecond
	searchLook         = 20_000
	searchPiece        = 500
	searchBytes        = 1 << 20
	searchApplications = 500 // a piece, of those that a name is looked for in
	maxSearchText      = 256
)

// A MessageSearch asks for a page of what a look finds.
type MessageSearch struct {
	MessageLook         // but for Look and Bytes; Limit is from 1 to MaxPage
	States      []State // a delivery stands so, within the channels
}

// A MessageFinding is a page of messages, without their payloads, and the deliveries of
// each: of those within the channels, the first MaxPage by endpoint.
type MessageFinding struct {
	Messages   []*Message
	Deliveries map[MessageID][]*Delivery
	Looked
}

// SearchMessages finds messages of all applications but the operational one, or of one,
// those stored last first. There is no index of what payloads contain, nor one of
// most else: a page is looked for as long as it may take, and what it has may be less
// than was asked for while there is more to be looked at.
func (h *Hub) SearchMessages(ctx context.Context, s MessageSearch) (*MessageFinding, error) {
	if len(s.Text) > maxSearchText {
		return nil, &InvalidError{"text", fmt.Sprintf("at most %d bytes", maxSearchText)}
	}
	begun := time.Now()
	f := &MessageFinding{Deliveries: make(map[MessageID][]*Delivery)}
	for {
		l := s.MessageLook
		l.Limit, l.Look, l.Bytes = s.Limit-len(f.Messages), searchPiece, searchBytes
		found, looked, err := h.store.LookForMessages(ctx, l)
		if err != nil {
			return nil, err
		}
		if found, err = h.standing(ctx, found, &s, f.Deliveries); err != nil {
			return nil, err
		}
		f.Messages = append(f.Messages, found...)
		f.Next, s.Before = looked.Next, looked.Next
		f.Count += looked.Count
		if !looked.Back.IsZero() {
			f.Back = looked.Back
		}
		if f.Next == "" || len(f.Messages) >= s.Limit || f.Count >= searchLook || time.Since(begun) >= searchTime {
			return f, nil
		}
	}
}

// standing reads the deliveries of messages into of, and leaves those messages with one
// that stands as the search says.
func (h *Hub) standing(ctx context.Context, found []*Message, s *MessageSearch, of map[MessageID][]*Delivery) ([]*Message, error) {
	owned := make(map[ApplicationID][]MessageID)
	for _, msg := range found {
		owned[msg.Application] = append(owned[msg.Application], msg.ID)
	}
	some, err := h.store.DeliveriesOf(ctx, owned, s.Within)
	if err != nil {
		return nil, err
	}
	maps.Copy(of, some)
	if len(s.States) == 0 {
		return found, nil
	}
	return slices.DeleteFunc(found, func(msg *Message) bool {
		return !slices.ContainsFunc(of[msg.ID], func(d *Delivery) bool { return slices.Contains(s.States, d.State) })
	}), nil
}

// attemptLook is at how many endpoints an attempt is looked for.
const attemptLook = 1000

// FindAttempt finds whose an attempt is, at the newest thousand endpoints of all
// applications. ErrNotFound: it is at none of them.
func (h *Hub) FindAttempt(ctx context.Context, id AttemptID) (Lane, MessageID, error) {
	lane, msg, err := h.store.AttemptNamed(ctx, id, attemptLook)
	if err != nil {
		err = fmt.Errorf("attempt %q: %w", id, err)
	}
	return lane, msg, err
}

// FindMessages finds messages by id or event id in all applications but the operational
// one that have one of these channels, and the deliveries of each. With no channels it
// finds all. Next is an application's id, before which to go on.
func (h *Hub) FindMessages(ctx context.Context, ref string, before ApplicationID, within []string, limit int) (*MessageFinding, error) {
	begun := time.Now()
	f := &MessageFinding{Deliveries: make(map[MessageID][]*Delivery)}
	for {
		found, next, err := h.store.MessagesNamed(ctx, ref, before, searchApplications)
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(msg *Message) bool { return !msg.Within(within) })
		if room := limit - len(f.Messages); len(found) > room {
			found, next = found[:room], found[room-1].Application // each has one at most
		}
		if found, err = h.standing(ctx, found, &MessageSearch{MessageLook: MessageLook{Within: within}}, f.Deliveries); err != nil {
			return nil, err
		}
		f.Messages = append(f.Messages, found...)
		f.Next, before = string(next), next
		if next == "" || len(f.Messages) >= limit || time.Since(begun) >= searchTime {
			return f, nil
		}
	}
}
