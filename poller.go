package fanfare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// KindPoller is the kind of an endpoint that is sent nothing: its messages are
// there to be asked for.
const KindPoller = "poller"

// Bounds on one poll.
const (
	pollPage  = 50      // messages read at a time
	pollLook  = 1000    // messages looked at
	pollBytes = 8 << 20 // of payloads in memory, and what the last one has
)

// MaxConsumers is how many consumers an endpoint may have.
const MaxConsumers = 100

const (
	consumerKeep  = 30 * 24 * time.Hour // one that is not used is forgotten
	consumerTouch = 24 * time.Hour      // how exactly it is known when it was used
)

// maxConsumerName bounds the names of consumers, in bytes.
const maxConsumerName = 128

// checkTarget checks where an endpoint is sent its messages, if it is.
func (h *Hub) checkTarget(ep *Endpoint) error {
	if ep.Kind == KindFunction {
		return h.checkFunction(ep)
	}
	if c, ok := h.opt.Connectors[ep.Kind]; ok {
		return h.checkConnector(ep, c)
	}
	if ep.Kind != "" && ep.Kind != KindPoller {
		return &InvalidError{"kind", "one of " + h.kinds()}
	}
	if len(ep.Config) > 0 {
		return &InvalidError{"config", "is for endpoints of other kinds; say which in kind"}
	}
	if ep.Kind == KindPoller && ep.Application == OperationalApplication {
		return &InvalidError{"kind", "no operational endpoint can be polled; give it a url, or another kind"}
	}
	if ep.Kind == KindPoller && ep.URL == "" {
		return nil
	}
	if ep.URL == "" {
		return &InvalidError{"url", "is missing; say where messages go, such as https://example.com/hooks"}
	}
	if h.opt.Bins.has(ep.URL) {
		return nil
	}
	u, err := h.guard.CheckURL(ep.URL)
	if err != nil {
		return &InvalidError{"url", err.Error()}
	}
	ep.URL = u.String()
	return h.checkOwn(u)
}

// checkSent refuses an endpoint that is sent nothing.
func (ep *Endpoint) checkSent() error {
	if ep.Kind == KindPoller {
		return &InvalidError{"endpoint", "is a poller, and is sent nothing; poll it for its messages"}
	}
	return nil
}

// Pollers keeps how far those who poll have come.
type Pollers interface {
	// Consumer finds a consumer of an endpoint by name.
	Consumer(ctx context.Context, app ApplicationID, ep EndpointID, name string) (*Consumer, error)
	// Consumers lists an endpoint's consumers by name.
	Consumers(ctx context.Context, app ApplicationID, ep EndpointID, page Page) ([]*Consumer, error)
	// MoveConsumer stores where c stands, and makes it if there is none of that
	// name. ErrConflict: one is there that stands further on, or whose Epoch is
	// another. ErrTooMany: it would be one more than MaxConsumers of the endpoint.
	// ErrNotFound: the endpoint is not the application's.
	MoveConsumer(ctx context.Context, app ApplicationID, c *Consumer) error
	// SeekConsumer stores where c stands wherever it stood before, makes its Epoch
	// one more than it was, and sets it in c. It fails as MoveConsumer does, but
	// for ErrConflict.
	SeekConsumer(ctx context.Context, app ApplicationID, c *Consumer) error
	// DeleteConsumer forgets a consumer.
	DeleteConsumer(ctx context.Context, app ApplicationID, ep EndpointID, name string) error
	// ExpireConsumers forgets at most limit of those that were not seen since t,
	// and returns how many.
	ExpireConsumers(ctx context.Context, t time.Time, limit int) (int, error)

	// Recorded returns attempts of an application, or with "" of all, in the order
	// in which they were stored, behind a place. It looks at no more than limit of
	// all there are and returns how far it came: next is after when there is
	// nothing further. Places only grow, also when what was stored is removed.
	Recorded(ctx context.Context, app ApplicationID, after Place, limit int) (some []Record, next Place, err error)
	// LastRecorded is the place of the attempt that was stored last.
	LastRecorded(ctx context.Context) (Place, error)
}

// A Consumer is someone who polls, and whose place the store keeps.
type Consumer struct {
	Endpoint  EndpointID
	Name      string
	After     MessageID // what is up to this place was received; "": nothing
	Epoch     int       // counts how often it was set elsewhere
	SeenAt    time.Time // to about a day
	CreatedAt time.Time
}

// A Place is one among all attempts, in the order in which they were stored. 0 is
// before the first.
type Place int64

// A Record is an attempt and its place.
type Record struct {
	Place
	*Attempt
}

// A Poller reads messages of an application as one of its endpoints wants them, in
// order of acceptance. What the endpoint wants is judged when it is read, whether
// or not it was sent anything. It begins when the endpoint was created, but may be
// set to a place before that: what is still kept is read from there.
type Poller struct {
	hub    *Hub
	target *target
	within []string // only messages that have one of these channels
}

// Poller returns that of an endpoint, by the ids or uids of both. Of what is used
// often it finds them without a look into the store.
func (h *Hub) Poller(ctx context.Context, app, endpoint string) (*Poller, error) {
	r, err := h.roster(ctx, app)
	if err != nil {
		return nil, err
	}
	var found *target
	for _, t := range r.targets {
		if string(t.ID) == endpoint {
			found = t
			break
		}
		if t.UID == endpoint {
			found = t
		}
	}
	if found == nil {
		return nil, fmt.Errorf("endpoint %q: %w", endpoint, ErrNotFound)
	}
	return &Poller{hub: h, target: found}, nil
}

// Endpoint is the one whose messages are read. It must not be changed.
func (p *Poller) Endpoint() *Endpoint { return p.target.Endpoint }

// A PollQuery says what to read.
type PollQuery struct {
	After     MessageID // only behind this place
	Limit     int       // 1 to MaxPage
	EventType string    // "": all
	Channel   string    // "": all
}

// A Batch is what was read.
type Batch struct {
	Messages []*Message
	Next     MessageID // the place behind all that was looked at
	Done     bool      // there is nothing further at present
}

// Start is the place before all messages since the endpoint was created.
func (p *Poller) Start() MessageID { return placeAt(p.target.CreatedAt) }

// Read reads on from a place. It never passes a message that is still to come, so
// that going on from Next misses none.
func (p *Poller) Read(ctx context.Context, q PollQuery) (*Batch, error) {
	h, app := p.hub, p.target.Application
	if h.feed.quiet(app, reach(q.After)) {
		return &Batch{Next: q.After, Done: true}, nil
	}
	if err := h.floor(ctx); err != nil {
		return nil, err
	}
	mark := h.feed.ask(app)
	horizon := h.feed.horizon(&h.ids) // before reading: what is not settled now may be passed over then
	b := &Batch{Next: q.After}
	for looked, bytes := 0, 0; looked < pollLook && bytes < pollBytes; {
		f := MessageFilter{Page: Page{Limit: pollPage, After: string(b.Next), Ascending: true}, Within: p.within, Bytes: pollBytes - bytes}
		msgs, err := h.store.Messages(ctx, app, f)
		if err != nil {
			return nil, err
		}
		looked += len(msgs)
		for _, msg := range msgs {
			if ordinal(msg.ID) > horizon {
				b.Done = true
				return b, nil
			}
			if len(b.Messages) == q.Limit {
				return b, nil
			}
			wants, err := p.wants(ctx, msg, &q)
			if err != nil {
				return nil, err
			}
			b.Next = msg.ID
			if wants {
				b.Messages = append(b.Messages, msg)
				bytes += len(msg.Payload)
			}
		}
		if f.ends(msgs) {
			b.Done = true
			if len(p.within) == 0 {
				h.feed.learn(app, reach(b.Next), mark)
			}
			return b, nil
		}
	}
	return b, nil
}

func (p *Poller) wants(ctx context.Context, msg *Message, q *PollQuery) (bool, error) {
	if q.EventType != "" && q.EventType != msg.EventType {
		return false, nil
	}
	if q.Channel != "" && !slices.Contains(msg.Channels, q.Channel) {
		return false, nil
	}
	return p.hub.wantsMessage(ctx, p.target.Endpoint, msg)
}

// floor makes further identifiers larger than those stored, unless that was done.
// Whoever makes one asks for it first.
func (h *Hub) floor(ctx context.Context) error {
	if h.feed.floored.Load() {
		return nil
	}
	newest, err := h.store.Newest(ctx)
	if err == nil {
		h.ids.floor(newest)
		h.feed.floored.Store(true)
	}
	return err
}

// Consumer returns a consumer of the endpoint; one that is not there yet stands at
// the start, and is kept once it moves.
func (p *Poller) Consumer(ctx context.Context, name string) (*Consumer, error) {
	if err := checkConsumer(name); err != nil {
		return nil, err
	}
	c, err := p.hub.store.Consumer(ctx, p.target.Application, p.target.ID, name)
	if errors.Is(err, ErrNotFound) {
		return &Consumer{Endpoint: p.target.ID, Name: name, After: p.Start()}, nil
	}
	return c, err
}

func checkConsumer(name string) error {
	if name == "" || len(name) > maxConsumerName {
		return &InvalidError{"consumer", fmt.Sprintf("1 to %d bytes", maxConsumerName)}
	}
	for _, c := range []byte(name) {
		if !isWord(c) && c != '.' {
			return &InvalidError{"consumer", `letters, digits, "_", "-" and "." only`}
		}
	}
	return nil
}

// Confirm notes that c has received all up to a place, which it is given when
// Confirm returns nil. ErrConflict: c stands further on by now, or was set
// elsewhere.
func (p *Poller) Confirm(ctx context.Context, c *Consumer, place MessageID) error {
	moved := *c
	moved.After, moved.SeenAt = place, p.hub.now()
	if moved.CreatedAt.IsZero() {
		moved.CreatedAt = moved.SeenAt
	}
	if err := p.hub.store.MoveConsumer(ctx, p.target.Application, &moved); err != nil {
		return fmt.Errorf("consumer %q: %w", c.Name, err)
	}
	*c = moved
	return nil
}

// Stale reports whether it is time to note that c is still used.
func (p *Poller) Stale(c *Consumer) bool {
	return c.CreatedAt.IsZero() || p.hub.now().Sub(c.SeenAt) >= consumerTouch
}

// Seek sets c to a place, wherever it stood before. What it was given before is no
// use to Confirm then.
func (p *Poller) Seek(ctx context.Context, c *Consumer, place MessageID) error {
	now := p.hub.now()
	c.After, c.SeenAt = place, now
	if c.CreatedAt.IsZero() {
		c.CreatedAt = now
	}
	if err := p.hub.store.SeekConsumer(ctx, p.target.Application, c); err != nil {
		return fmt.Errorf("consumer %q: %w", c.Name, err)
	}
	return nil
}

// PlaceAfter is the place before the first message that was accepted after t.
func (p *Poller) PlaceAfter(ctx context.Context, t time.Time) (MessageID, error) {
	h := p.hub
	since := t.UTC().Truncate(time.Microsecond).Add(time.Microsecond)
	place := placeAt(since)
	if err := h.floor(ctx); err != nil {
		return "", err
	}
	horizon := h.feed.horizon(&h.ids)
	page := Page{Limit: 1, After: string(place), Ascending: true}
	msgs, err := h.store.Messages(ctx, p.target.Application, MessageFilter{Page: page, Since: since, Within: p.within})
	switch {
	case err != nil:
		return "", err
	case len(msgs) > 0 && ordinal(msgs[0].ID) <= horizon:
		return placeOf(ordinal(msgs[0].ID)), nil
	case horizon >= ordinal(place):
		return placeOf(horizon + 1), nil
	}
	return place, nil
}

// Consumers lists the endpoint's consumers by name.
func (p *Poller) Consumers(ctx context.Context, page Page) ([]*Consumer, error) {
	return p.hub.store.Consumers(ctx, p.target.Application, p.target.ID, page)
}

// DeleteConsumer forgets a consumer: should it come again, it begins at the start.
func (p *Poller) DeleteConsumer(ctx context.Context, name string) error {
	return p.hub.store.DeleteConsumer(ctx, p.target.Application, p.target.ID, name)
}

// expireConsumers forgets those who have not polled for long.
func (d *dispatcher) expireConsumers(ctx context.Context) {
	before := d.h.now().Add(-consumerKeep)
	for n := pruneChunk; n == pruneChunk; {
		var err error
		if n, err = d.h.store.ExpireConsumers(ctx, before, pruneChunk); err != nil {
			d.fault(ctx, "forgetting those who poll no more", err)
			return
		}
	}
}

// ApplicationID is the id of an application, by id or uid. Of one in use nothing is
// read from the store.
func (h *Hub) ApplicationID(ctx context.Context, ref string) (ApplicationID, error) {
	r, err := h.roster(ctx, ref)
	if err != nil {
		return "", err
	}
	return r.app.ID, nil
}

// MessageChanges counts the changes of an application's messages: as long as it
// stays the same, so do they, but for those that have outlived their retention.
func (h *Hub) MessageChanges(app ApplicationID) uint64 { return h.feed.changes(app) }

// Recorded returns attempts in the order in which they were stored. See
// [Pollers.Recorded].
func (h *Hub) Recorded(ctx context.Context, app ApplicationID, after Place, limit int) ([]Record, Place, error) {
	return h.store.Recorded(ctx, app, after, limit)
}

// LastRecorded is the place of the attempt that was stored last.
func (h *Hub) LastRecorded(ctx context.Context) (Place, error) { return h.store.LastRecorded(ctx) }

// placeAt is the place before all messages that were accepted at t or later.
func placeAt(t time.Time) MessageID {
	return placeOf(uint64(max(0, t.UnixMilli())) << 12)
}

// placeOf is the place before the message of that ordinal: an id that is larger
// than all before it, and no message's.
func placeOf(n uint64) MessageID {
	var raw [16]byte
	raw[6], raw[7] = 0x70|byte(n>>8&0xf), byte(n)
	for i, ms := 5, n>>12; i >= 0; i, ms = i-1, ms>>8 {
		raw[i] = byte(ms)
	}
	return MessageID(EncodeID("msg_", raw))
}
