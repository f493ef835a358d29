package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/fanfarehq/fanfare"
)

func (s *server) pollerRoutes() []*route {
	eventType := param{name: "event_type", kind: "string", doc: "Only of this event type."}
	after := param{name: "after", kind: "time", doc: "Begin with what was accepted after this time, which may be before the endpoint was created; of no meaning beside an iterator."}
	iterator := param{name: "iterator", kind: "string", doc: "Go on from here: the iterator of the answer before."}
	confirming := param{name: "iterator", kind: "string", doc: "The iterator of the answer before. It says that all before it was received, and goes on from there; without one the answer is the same again."}
	list := on("GET /app/{app}/poller/{endpoint}/consumer", "List those who poll an endpoint", listConsumers, params()...)
	remove := on("DELETE /app/{app}/poller/{endpoint}/consumer/{consumer}", "Forget one who polls an endpoint", deleteConsumer).doing("consumer.delete")
	poll := on("GET /app/{app}/poller/{endpoint}", "Poll the messages that an endpoint wants, from its creation on unless after says otherwise", pollMessages, limitParam, iterator, eventType, channelParam, after, waitParam)
	consume := on("GET /app/{app}/poller/{endpoint}/consumer/{consumer}", "Poll, and have the server keep how far one has come", pollAsConsumer, limitParam, confirming, eventType, channelParam, waitParam)
	seek := on("POST /app/{app}/poller/{endpoint}/consumer/{consumer}/seek", "Have a consumer go on from another place", seekConsumer).doing("consumer.seek")
	return []*route{
		poll.needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
		consume.needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
		seek.needs(fanfare.ScopeReadMessages, fanfare.ManageEndpoint).inChannels(),
		list.needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
		remove.needs(fanfare.ScopeReadMessages, fanfare.ManageEndpoint).inChannels(),
	}
}

// A stand is where someone who polls goes on. Its text also carries whose it is,
// so that it fits no other endpoint.
type stand struct {
	mark  [markBytes]byte
	moved bool // there were messages since the last one that was confirmed
	epoch int  // of the consumer
	place fanfare.MessageID
}

const (
	still  = 's'
	onMove = 'm'
)

func (s stand) String() string {
	raw := make([]byte, 0, 1+markBytes+16+binary.MaxVarintLen64)
	if s.moved {
		raw = append(raw, onMove)
	} else {
		raw = append(raw, still)
	}
	raw = append(raw, s.mark[:]...)
	id, _ := fanfare.DecodeID("msg_", string(s.place))
	raw = append(raw, id[:]...)
	raw = binary.AppendUvarint(raw, uint64(s.epoch))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parseStand reads what String writes.
func parseStand(text string) (s stand, ok bool) {
	if len(text) > 64 {
		return s, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= 1+markBytes+16 || raw[0] != still && raw[0] != onMove {
		return s, false
	}
	s.moved = raw[0] == onMove
	raw = raw[1+copy(s.mark[:], raw[1:]):]
	s.place = fanfare.MessageID(fanfare.EncodeID("msg_", [16]byte(raw)))
	epoch, n := binary.Uvarint(raw[16:])
	s.epoch = int(epoch & (1<<31 - 1))
	return s, n == len(raw)-16
}

// markOf is of an endpoint, and of one of its consumers if it has a name, for those
// who are let into the caller's channels.
func (c *call) markOf(ep *fanfare.Endpoint, consumer string) (m [markBytes]byte) {
	sum := sha256.Sum256([]byte("poller\n" + string(ep.Application) + "\n" + string(ep.ID) + "\n" + consumer + c.who.apart()))
	copy(m[:], sum[:])
	return m
}

// stand reads an iterator; ok is false if it is none of ours.
func (c *call) stand(iterator string) (s stand, ok bool) {
	if text, ok := c.cursors.open(iterator); ok {
		return parseStand(text)
	}
	return s, false
}

// iterator is what the query has; ok is false if it has none.
func (c *call) iterator(mark [markBytes]byte) (s stand, ok bool, err error) {
	text := c.one("iterator")
	if err := c.mistakes(); err != nil || text == "" {
		return s, false, err
	}
	if s, ok = c.stand(text); !ok || s.mark != mark {
		return s, false, badRequest("This iterator is not of this poller; begin again without one.")
	}
	return s, true, nil
}

type pollOut struct {
	Data     []*messageOut `json:"data"`
	Iterator string        `json:"iterator" doc:"Goes on behind all that was looked at, at any time."`
	Done     bool          `json:"done" doc:"Whether there is nothing further at present."`
}

// appendJSON implements appender.
func (out *pollOut) appendJSON(b []byte) ([]byte, error) {
	b = append(b, `{"data":[`...)
	for i, m := range out.Data {
		if i > 0 {
			b = append(b, ',')
		}
		b, _ = m.appendJSON(b)
	}
	b = quote(append(b, `],"iterator":`...), out.Iterator)
	b = append(b, `,"done":`...)
	return append(strconv.AppendBool(b, out.Done), '}'), nil
}

// poller is of the endpoint that the path names. Of one in use nothing is read.
func (c *call) poller() (*fanfare.Poller, error) {
	if err := c.cursors.ready(c.r.Context(), c.hub); err != nil {
		return nil, err
	}
	app, err := c.ref("app")
	if err != nil {
		return nil, err
	}
	ep, err := c.ref("endpoint")
	if err != nil {
		return nil, err
	}
	p, err := c.hub.Poller(c.r.Context(), app, ep)
	mine := c.who.channels()
	switch {
	case err == nil && len(mine) == 0:
		return p, nil
	case err == nil && p.Endpoint().Within(mine):
		return p.Of(mine), nil
	case err == nil:
		err = fmt.Errorf("endpoint %q: %w", ep, fanfare.ErrNotFound)
	case !errors.Is(err, fanfare.ErrNotFound):
		return nil, err
	}
	if _, err := c.application(); err != nil {
		return nil, err
	}
	return nil, missing(err, "endpoint", ep, c.within())
}

// read reads on from s.
func (c *call) read(p *fanfare.Poller, s stand) (*pollOut, error) {
	q := fanfare.PollQuery{After: s.place, Limit: c.integer("limit", 1, fanfare.MaxPage, 50), EventType: c.text("event_type"), Channel: c.text("channel")}
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	c.listenForMessages(p.Endpoint().Application)
	b, err := p.Read(c.r.Context(), q)
	if err != nil {
		return nil, err
	}
	c.idle = len(b.Messages) == 0 && b.Done
	s.place = b.Next
	s.moved = s.moved || len(b.Messages) > 0
	out := &pollOut{Data: make([]*messageOut, len(b.Messages)), Iterator: c.cursors.seal(s.String()), Done: b.Done}
	for i, msg := range b.Messages {
		out.Data[i] = c.showMessage(msg, payloadOf(msg, true))
	}
	return out, nil
}

func pollMessages(c *call, _ *none) (*pollOut, error) {
	p, err := c.poller()
	if err != nil {
		return nil, err
	}
	after := c.time("after")
	s, ok, err := c.iterator(c.markOf(p.Endpoint(), ""))
	switch {
	case err != nil:
		return nil, err
	case ok:
	case after.IsZero():
		s.place = p.Start()
	default:
		if s.place, err = p.PlaceAfter(c.r.Context(), after); err != nil {
			return nil, err
		}
	}
	s = stand{mark: c.markOf(p.Endpoint(), ""), place: s.place}
	return c.read(p, s)
}

// elsewhere is what those are told who poll under one name and know nothing of
// each other.
var elsewhere = refuse(http.StatusConflict, "conflict",
	"The consumer does not stand where this iterator was given: it was moved by a seek, or by someone else who polls under its name. Leave the iterator out to go on from where it stands.")

// pollAsConsumer gives the messages behind the place that the server keeps. Only
// an iterator moves it: who loses an answer, or crashes over it, is given the same
// again.
func pollAsConsumer(c *call, _ *none) (*pollOut, error) {
	p, cons, err := c.consumer()
	if err != nil {
		return nil, err
	}
	s, ok, err := c.iterator(c.markOf(p.Endpoint(), cons.Name))
	if err != nil {
		return nil, err
	}
	if !ok {
		s = stand{place: cons.After}
	}
	if ok && (s.epoch != cons.Epoch || s.place < cons.After) {
		return nil, elsewhere
	}
	if ok && c.r.Method != http.MethodHead && (s.moved && s.place != cons.After || p.Stale(cons)) {
		if err := confirming(p.Confirm(c.r.Context(), cons, s.place)); err != nil {
			return nil, err
		}
	}
	// What was passed over without being wanted need not be confirmed: it is passed
	// over again if the iterator is lost.
	return c.read(p, stand{mark: c.markOf(p.Endpoint(), cons.Name), epoch: cons.Epoch, place: s.place, moved: s.moved && s.place != cons.After})
}

func confirming(err error) error {
	switch {
	case errors.Is(err, fanfare.ErrConflict):
		return elsewhere
	case errors.Is(err, fanfare.ErrTooMany):
		return refuse(http.StatusConflict, "conflict", "The endpoint has "+strconv.Itoa(fanfare.MaxConsumers)+" consumers, and there cannot be more; delete one that polls no more.")
	}
	return err
}

// consumer is the one that the path names.
func (c *call) consumer() (*fanfare.Poller, *fanfare.Consumer, error) {
	p, err := c.poller()
	if err != nil {
		return nil, nil, err
	}
	cons, err := p.Consumer(c.r.Context(), c.r.PathValue("consumer"))
	return p, cons, err
}

type seekIn struct {
	After    field[time.Time] `json:"after,omitzero" doc:"Go on with what was accepted after this time, which may be before the endpoint was created."`
	Iterator field[string]    `json:"iterator,omitzero" doc:"Or from this iterator: one of the endpoint's or of this consumer's."`
}

type seekOut struct {
	Iterator string `json:"iterator" doc:"Goes on from there. Those given before are refused."`
}

func seekConsumer(c *call, in *seekIn) (*seekOut, error) {
	p, cons, err := c.consumer()
	if err != nil {
		return nil, err
	}
	after, iterator := in.After.value, in.Iterator.value
	if after.IsZero() == (iterator == "") {
		return nil, &fanfare.InvalidError{Field: "after", Reason: "give either a time or an iterator"}
	}
	var place fanfare.MessageID
	mark := c.markOf(p.Endpoint(), cons.Name)
	if iterator != "" {
		s, ok := c.stand(iterator)
		if !ok || s.mark != mark && s.mark != c.markOf(p.Endpoint(), "") {
			return nil, &fanfare.InvalidError{Field: "iterator", Reason: "must be one of this endpoint's or of this consumer's"}
		}
		place = s.place
	} else if place, err = p.PlaceAfter(c.r.Context(), after); err != nil {
		return nil, err
	}
	if err := confirming(p.Seek(c.r.Context(), cons, place)); err != nil {
		return nil, err
	}
	return &seekOut{c.cursors.seal(stand{mark: mark, epoch: cons.Epoch, place: cons.After}.String())}, nil
}

type consumerOut struct {
	Name      string    `json:"name"`
	Iterator  string    `json:"iterator" doc:"Where it stands."`
	SeenAt    time.Time `json:"seenAt" doc:"When it last polled, to about a day. After 30 days it is forgotten."`
	CreatedAt time.Time `json:"createdAt"`
}

func listConsumers(c *call, _ *none) (*list[*consumerOut], error) {
	p, err := c.poller()
	if err != nil {
		return nil, err
	}
	ep := p.Endpoint()
	return paged(c, listing[*fanfare.Consumer]{
		scope: []string{string(ep.Application), string(ep.ID)},
		id:    func(cons *fanfare.Consumer) string { return cons.Name },
		fetch: func(page fanfare.Page) ([]*fanfare.Consumer, error) { return p.Consumers(c.r.Context(), page) },
	}, func(cons *fanfare.Consumer) (*consumerOut, error) {
		s := stand{mark: c.markOf(ep, cons.Name), epoch: cons.Epoch, place: cons.After}
		return &consumerOut{cons.Name, c.cursors.seal(s.String()), cons.SeenAt, cons.CreatedAt}, nil
	})
}

func deleteConsumer(c *call, _ *none) (none, error) {
	p, err := c.poller()
	if err != nil {
		return none{}, err
	}
	name, err := c.ref("consumer")
	if err != nil {
		return none{}, err
	}
	return none{}, missing(p.DeleteConsumer(c.r.Context(), name), "consumer", name, "of this endpoint")
}
