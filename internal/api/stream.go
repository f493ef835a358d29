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

func (s *server) streamRoutes() []*route {
	all := describe[none, *attemptOut]("GET /events/stream", "Follow the attempts of all applications as they are made, as server-sent events")
	one := describe[none, *attemptOut]("GET /app/{app}/events/stream", "Follow an application's attempts as they are made, as server-sent events")
	all.serve = func(c *call) error { return c.follow("") }
	one.serve = func(c *call) error {
		app, err := c.application()
		if err != nil {
			return err
		}
		return c.follow(app.ID)
	}
	all.stream, one.stream = true, true
	return []*route{one, all}
}

// follow writes attempts until the client goes or falls behind. In the latter
// case its last event is "behind": it has missed some, and should read the list.
func (c *call) follow(app fanfare.ApplicationID) error {
	ctx, stop := context.WithCancel(c.r.Context())
	defer stop()
	attempts := c.hub.Watch(ctx, app)
	out := http.NewResponseController(c.w)
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	text := []byte(": attempts follow\n\n")
	for {
		out.SetWriteDeadline(time.Now().Add(patience)) // not all writers have one
		if _, err := c.w.Write(text); err != nil {
			return nil // the client is gone
		}
		if err := out.Flush(); err != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			text = append(text[:0], ":\n\n"...)
		case a, ok := <-attempts:
			if !ok {
				c.w.Write([]byte("event: behind\ndata: {}\n\n"))
				return nil
			}
			var err error
			if text, err = appendEvent(text[:0], a); err != nil {
				return nil
			}
		}
	}
}

// appendEvent writes an attempt as an event. JSON has no line breaks of its own.
func appendEvent(b []byte, a *fanfare.Attempt) ([]byte, error) {
	b = append(append(b, "event: attempt\nid: "...), a.ID...)
	b, err := appendJSON(append(b, "\ndata: "...), showAttempt(a, true))
	return append(b, "\n\n"...), err
}
