package api

import (
	"context"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// Timing of a stream.
const (
	heartbeat = 15 * time.Second // between signs of life
	patience  = 30 * time.Second // for a client that does not read
)

// streamPage is how many attempts are looked at before what was found is written.
const streamPage = 250

// lastEventID is the header by which a client says where it was (HTML, §9.2).
const lastEventID = "Last-Event-Id"

var lastEventParam = param{name: "last_event_id", kind: "string", view: true,
	doc: "Go on behind the event of this id, as with the header Last-Event-ID. The answer has that header too: where the stream begins."}

func (s *server) streamRoutes() []*route {
	all := describe[none, *attemptOut]("GET /events/stream", "Follow the attempts of all applications as they are made, as server-sent events", lastEventParam)
	one := describe[none, *attemptOut]("GET /app/{app}/events/stream", "Follow an application's attempts as they are made, as server-sent events", lastEventParam)
	all.serve = func(c *call) error { return c.follow("") }
	one.serve = func(c *call) error {
		app, err := c.application()
		if err != nil {
			return err
		}
		return c.follow(app.ID)
	}
	all.stream, one.stream = true, true
	one.needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels()
	all.needs(fanfare.ScopeReadMessages, noSession).inChannels()
	return []*route{one, all}
}

// A stream writes attempts as events, in the order in which they were stored. They
// are read from the store, live ones too: so it makes no difference whether a
// client was there when they were made, and one that reads slowly costs no memory.
type stream struct {
	*call
	out   *http.ResponseController
	app   fanfare.ApplicationID // "": all
	place fanfare.Place         // all up to it is written
	text  []byte
}

// follow writes attempts until the client goes, or does not read for half a
// minute. It then goes on where it was, by the id of the last event that it has.
func (c *call) follow(app fanfare.ApplicationID) error {
	s := &stream{call: c, app: app, out: http.NewResponseController(c.w)}
	if c.waiting.Add(1) > maxWaiting {
		c.waiting.Add(-1)
		return tooManyWait
	}
	defer c.waiting.Add(-1)
	bell := c.hub.AttemptBell(app) // before anything is read, so that nothing is missed
	defer bell.Close()
	if err := s.begin(); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	h[lastEventID] = []string{string(s.places.seal(s.own(), s.place))} // to go on from, for who asks by HEAD
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return nil
	}
	// The server's limit on reading a request would end the context. Not all writers
	// have one.
	_ = s.out.SetReadDeadline(time.Time{})
	s.text = append(s.text, ": attempts follow\nretry: 1000\n"...)
	s.appendPlace()
	s.run(c.r.Context(), bell)
	return nil
}

// begin settles where the stream begins: behind the last event the client has, or
// now.
func (s *stream) begin() (err error) {
	id := s.one(lastEventParam.name)
	if err := s.mistakes(); err != nil {
		return err
	}
	if lines := s.r.Header[lastEventID]; len(lines) > 0 {
		id = lines[0]
	}
	if err := s.places.ready(s.r.Context(), s.hub); err != nil {
		return err
	}
	if id == "" {
		s.place, err = s.hub.LastRecorded(s.r.Context())
		return err
	}
	place, ok := s.places.open(s.own(), id)
	if !ok {
		return badRequest("The Last-Event-ID is not of this stream; begin again without one.")
	}
	s.place = place
	return nil
}

// own is whose the ids of events are: of an application, and of those who are let into
// the same channels.
func (s *stream) own() fanfare.ApplicationID {
	return s.app + fanfare.ApplicationID(s.who.apart())
}

// run writes what there is, and waits for more.
func (s *stream) run(ctx context.Context, bell *fanfare.Bell) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		some, next, err := s.hub.RecordedWithin(ctx, s.app, s.who.channels(), s.place, streamPage)
		for i := 0; err == nil && i < len(some); i++ {
			err = s.appendAttempt(&some[i])
		}
		if err != nil {
			s.failed(ctx, err)
			return
		}
		further := next != s.place
		s.place = next
		if len(s.text) > 0 && !s.write() {
			return
		}
		if further {
			continue // there may be more
		}
		select {
		case <-ctx.Done():
			return
		case <-bell.Rung():
		case <-beat.C:
			s.text = append(s.text, ":\n"...)
			s.appendPlace()
		}
	}
}

// failed logs a fault. The client will ask again, and go on where it was.
func (s *stream) failed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.log.ErrorContext(ctx, "stream failed", "route", s.route.path, "error", err)
	}
}

// write reports whether the client takes what there is to write.
func (s *stream) write() bool {
	_ = s.out.SetWriteDeadline(time.Now().Add(patience)) // not all writers have one
	_, err := s.w.Write(s.text)
	s.text = s.text[:0]
	return err == nil && s.out.Flush() == nil
}

// appendPlace tells the client its place without an event, as the format allows.
func (s *stream) appendPlace() {
	s.text = append(s.appendID(s.place), '\n')
}

func (s *stream) appendID(place fanfare.Place) []byte {
	b := append(s.text, "id: "...)
	return append(append(b, s.places.seal(s.own(), place)...), '\n')
}

// appendAttempt writes an attempt as an event. JSON has no line breaks of its own.
func (s *stream) appendAttempt(r *fanfare.Record) error {
	s.text = append(s.text, "event: attempt\n"...)
	s.text = append(s.appendID(r.Place), "data: "...)
	b, err := appendJSON(s.text, s.showAttempt(r.Attempt, true))
	s.text = append(b, "\n\n"...)
	return err
}
