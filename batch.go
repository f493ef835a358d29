package fanfare

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/internal/lane"
	"github.com/fanfarehq/fanfare/internal/post"
	"github.com/fanfarehq/fanfare/webhook"
)

// Bounds of a Batching.
const (
	minBatch       = 2
	maxBatch       = 500
	minBatchWindow = 100 * time.Millisecond
	maxBatchWindow = 24 * time.Hour
)

// batchFormats are those that make JSON of a message.
var batchFormats = []string{"raw", "envelope", "event", "fulcrum", "thin", "cloudevents"}

// Batching says that an endpoint's messages go together: they gather until there
// are Size of them or the first has been due for Window, and go as one POST, whose
// body is a JSON array of what the endpoint's format makes of each, in order of
// acceptance. It is one attempt towards the endpoint, for its limits and its
// health, and one of each delivery in it: if it fails each is tried again by its
// own plan, in the same company or in another.
//
// The body is no larger than one payload may be ([Options.MaxPayload]); what has no
// room goes in the next one. The request's webhook-id is "batch_" and a digest of
// the ids of its messages, so it is the same when the same messages come again; a
// receiver that must know a message from an earlier batch needs a format with ids.
// There is no webhook-event-type. What was asked for by someone, such as a resend,
// waits for nobody and goes only with its like. A raw payload that is not JSON goes
// alone, as it is. While the endpoint is probed, a batch has 32 messages at most.
//
// A receiver verifies the request as any other and reads its body as an array; a
// [webhook.Handler] runs the function of "*" for it. With the signature body-token
// the array is the member "data" of an object.
//
// The zero Batching is none. There is none with Ordered, with a format that is no
// JSON, or with a signature that has a header for a message's type.
type Batching struct {
	Size   int           // 2 to 500
	Window time.Duration // 100 ms to 24 h
}

// checkBatch refuses what cannot go together.
func (ep *Endpoint) checkBatch() error {
	b, profile := ep.Batch, ep.profile()
	switch {
	case b == Batching{}:
		return nil
	case b.Size < minBatch || b.Size > maxBatch:
		return &InvalidError{"batch.size", fmt.Sprintf("from %d to %d; for each message to be sent by itself leave batch out", minBatch, maxBatch)}
	case b.Window < minBatchWindow || b.Window > maxBatchWindow:
		return &InvalidError{"batch.windowSeconds", fmt.Sprintf("from %v to %v", minBatchWindow.Seconds(), maxBatchWindow.Seconds())}
	case ep.Ordered:
		return &InvalidError{"batch", "an ordered endpoint is sent one message at a time; turn one of the two off"}
	case !slices.Contains(batchFormats, orDefault(ep.Format, "raw")):
		return &InvalidError{"batch", fmt.Sprintf("the format %s is not JSON that could stand in an array; choose one of %s", ep.Format, strings.Join(batchFormats, ", "))}
	case profile == webhook.GitHub, profile == webhook.Shopify:
		return &InvalidError{"batch", fmt.Sprintf("the signature %s has a header for the type of one message; choose another, such as standard", profile)}
	}
	return nil
}

// batchType is the content type of a batch in the endpoint's format. That of
// CloudEvents is of their JSON format 1.0.2, section 4.
func (ep *Endpoint) batchType() string {
	if ep.Format == "cloudevents" {
		return "application/cloudevents-batch+json"
	}
	return typeJSON
}

// joins reports whether what ep's format makes of msg is JSON, as only a raw
// payload may not be.
func (ep *Endpoint) joins(msg *Message) bool {
	if orDefault(ep.Format, "raw") != "raw" {
		return true
	}
	how, _ := holderOf(msg)
	return how == asJSON
}

// A member is a message that goes with others, and what stands for it in the body.
type member struct {
	lane.Start
	msg  *Message
	part []byte
}

// attemptTogether is attempt for an endpoint with a Batching.
func (d *dispatcher) attemptTogether(ctx context.Context, t *target, s lane.Start) {
	members := d.gather(ctx, t, s)
	if d.lapsed() {
		var back finishedAll
		for _, m := range members {
			back = append(back, d.later(t, m.msg.ID))
		}
		d.h.inbox.put(back)
		return
	}
	switch {
	case len(members) == 0:
		return
	case len(members) == 1 && !t.joins(members[0].msg):
		d.attemptAlone(ctx, t, members[0].Start, members[0].msg)
		return
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.Message, b.Message) })
	a := d.h.deliverTogether(ctx, t, members)
	for _, m := range members {
		d.h.recent.used(m.msg.ID)
	}
	d.attemptedTogether(ctx, t, members, a)
}

// gather reads what is to go in one request: as much of s, from the front, as has
// room. What has not goes back into its lane at once, untried, and so does what
// has to go alone, unless it is the first. What was removed meanwhile has its own
// attempt, which comes to nothing.
func (d *dispatcher) gather(ctx context.Context, t *target, s lane.Start) []member {
	b := batch{target: t, room: d.h.opt.MaxPayload - len("[")}
	var back finishedAll
	for _, one := range append([]lane.Start{s}, s.More...) {
		id := MessageID(one.Message)
		if b.full {
			back = append(back, d.untried(t, id))
			continue
		}
		switch msg, err := d.message(ctx, t, id); {
		case errors.Is(err, ErrDamaged):
			d.fault(ctx, "reading a message", err)
			d.attemptAlone(ctx, t, one, nil)
		case err != nil:
			d.fault(ctx, "reading a message", err)
			back = append(back, d.later(t, id))
		case msg.Payload == nil:
			d.attemptAlone(ctx, t, one, msg)
		case !b.take(one, msg):
			back = append(back, d.untried(t, id))
		}
	}
	if back != nil {
		d.h.inbox.put(back)
	}
	return b.members
}

// A batch is a request that is being put together.
type batch struct {
	*target
	members []member
	room    int // in the body, for what comes and the comma or the end behind it
	full    bool
}

// take reports whether msg goes with those that were taken. The first always does.
func (b *batch) take(s lane.Start, msg *Message) bool {
	m := member{s, msg, b.format(msg, b.owner).body}
	first := len(b.members) == 0
	joins := b.joins(msg) && (first || msg.IsTest() == b.members[0].msg.IsTest()) // or a test would pass for an event
	needs := len(m.part) + len(",")
	b.full = !joins && first || joins && needs > b.room && !first
	if !first && (b.full || !joins) {
		return false
	}
	b.members = append(b.members, m)
	b.room -= needs
	return true
}

// untried is what becomes of a delivery that was to be attempted, and was not.
func (d *dispatcher) untried(t *target, id MessageID) finished {
	return finished{t, id, lane.Verdict{Untried: true, Neutral: true}, d.h.now()}
}

// attemptAlone makes an attempt at one of what has gathered. A nil msg is one that
// is damaged on disk.
func (d *dispatcher) attemptAlone(ctx context.Context, t *target, s lane.Start, msg *Message) {
	damaged := msg == nil
	if damaged {
		msg = &Message{ID: MessageID(s.Message)}
	}
	a := d.h.deliver(ctx, t, msg)
	if damaged {
		a.Class = ClassDamaged
	}
	d.h.recent.used(msg.ID)
	d.attempted(ctx, t, s, a, msg.IsTest())
}

// deliverTogether is deliver for several messages. The attempt is of the first.
func (h *Hub) deliverTogether(ctx context.Context, t *target, members []member) *Attempt {
	digest := sha256.New()
	size, hops := len("["), 0
	for _, m := range members {
		digest.Write([]byte(m.Message + "\n"))
		size += len(m.part) + len(",")
		hops = max(hops, m.msg.Hops())
	}
	body := append(make([]byte, 0, size), '[')
	for i, m := range members {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, m.part...)
	}
	a := h.newAttempt(t, members[0].msg)
	if hops > 0 {
		t = t.passing(hops)
	}
	out := formatted{body: append(body, ']'), contentType: t.batchType()}
	if !slices.ContainsFunc(members, func(m member) bool { return !m.msg.IsTest() }) {
		out.header = append(out.header, testHeader)
	}
	whole := &Message{ID: MessageID("batch_" + fmt.Sprintf("%x", digest.Sum(nil)[:16]))}
	h.transmit(ctx, t, whole, out, a)
	return a
}

// leastBody is how much of the response to a batch is recorded with each of its
// deliveries at least; together they have as much as one message's may, or else
// that.
const leastBody = 1 << 10

// attemptedTogether is attempted for each of members, of which a is the attempt.
// They are put off alike, so that they may meet again. The endpoint's health hears
// of it once.
func (d *dispatcher) attemptedTogether(ctx context.Context, t *target, members []member, a *Attempt) {
	chance, share := d.h.opt.Chance(), max(leastBody, post.MaxBody/len(members))
	recordings := make([]recording, len(members))
	gone := false
	for i, m := range members {
		own := *a
		if i > 0 {
			own.ID = AttemptID(d.h.ids.next(a.StartedAt, "atmpt_"))
		}
		own.Message, own.EventType = m.msg.ID, m.msg.EventType
		if len(own.ResponseBody) > share {
			own.ResponseBody, own.Truncated = own.ResponseBody[:share], true
		}
		next := settle(&own, round{d.h.retryOf(t, own.EventType), t.Ordered, m.Attempts, t.connects()}, chance)
		if i > 0 {
			next.verdict.Neutral, next.verdict.Slow = true, false
		}
		gone = gone || next.gone
		if d.h.operations.on.Load() {
			d.report(ctx, t, &own)
		}
		recordings[i] = recording{&Outcome{Attempt: &own, Delivery: next.delivery}, finished{t, own.Message, next.verdict, own.StartedAt.Add(own.Duration)}, m.msg.IsTest()}
	}
	if a.Class == ClassSuccess {
		d.h.inbox.put(sent{t.ID, a.Message})
		for _, r := range recordings {
			d.recorder.put(r)
		}
	} else {
		for some := range slices.Chunk(recordings, recordMost) {
			d.recordAll(ctx, some)
		}
	}
	if gone {
		if err := d.h.disable(ctx, t, goneReason(a)); err != nil {
			d.fault(ctx, "disabling an endpoint", err)
		}
	}
}
