package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// How much of an export is read at a time, which bounds its memory.
const (
	exportMessages = 20
	exportAttempts = 50
)

// exportRoutes stream what there is. They are no tasks: whoever asks for an export
// takes it in as it is made, and nothing is kept of it here.
func (s *server) exportRoutes() []*route {
	attempts := param{name: "attempts", kind: "boolean", doc: "Whether each message is followed by its attempts; false unless told."}
	rt := describe[none, *messageOut]("GET /app/{app}/log/export", "Export messages as NDJSON, the oldest first: a line is a message or, if asked for, one of its attempts, as lists show them",
		sinceParam, untilParam, typesParam, channelParam, tagParam, attempts).needs(fanfare.ScopeReadMessages, noSession)
	rt.serve, rt.stream = export, true
	return []*route{s.logRoute(), rt}
}

// errClientGone ends an export that nobody takes.
var errClientGone = errors.New("the client is gone")

// An exporter writes lines to a client.
type exporter struct {
	*call
	out   *http.ResponseController
	begun bool // the status has been sent: what goes wrong now can only break off
	line  []byte
}

func export(c *call) error {
	app, err := c.application()
	if err != nil {
		return err
	}
	f := fanfare.MessageFilter{
		Page:  fanfare.Page{Limit: exportMessages, Ascending: true},
		Since: c.time("since"), Until: c.time("until"),
		EventTypes: c.list("event_types"), Channel: c.text("channel"), Tag: c.text("tag"),
	}
	attempts := c.boolean("attempts", false)
	if err := c.mistakes(); err != nil {
		return err
	}
	if f.Until.IsZero() {
		f.Until = time.Now() // or it might never end
	}
	e := &exporter{call: c, out: http.NewResponseController(c.w)}
	if c.r.Method == http.MethodHead {
		e.begin()
		return nil
	}
	err = e.messages(app.ID, f, attempts)
	switch {
	case errors.Is(err, errClientGone):
		return nil
	case err == nil, !e.begun:
		return err
	}
	if c.r.Context().Err() == nil {
		c.log.ErrorContext(c.r.Context(), "export broken off", "application", app.ID, "error", err)
	}
	panic(http.ErrAbortHandler) // so that the client sees that it is not whole
}

func (e *exporter) messages(app fanfare.ApplicationID, f fanfare.MessageFilter, attempts bool) error {
	for {
		msgs, err := e.hub.Messages(e.r.Context(), app, f)
		if err != nil {
			return err
		}
		for _, msg := range msgs {
			if err := e.write(e.showMessage(msg, payloadOf(msg, true))); err != nil {
				return err
			}
			if !attempts {
				continue
			}
			if err := e.attempts(msg); err != nil {
				return err
			}
		}
		if err := e.flush(); err != nil || len(msgs) < f.Limit {
			return err
		}
		f.After = string(msgs[len(msgs)-1].ID)
	}
}

func (e *exporter) attempts(msg *fanfare.Message) error {
	f := fanfare.AttemptFilter{Message: msg.ID, Page: fanfare.Page{Limit: exportAttempts, Ascending: true}}
	for {
		as, err := e.hub.Attempts(e.r.Context(), msg.Application, f)
		if err != nil {
			return err
		}
		for _, a := range as {
			if err := e.write(e.showAttempt(a, true)); err != nil {
				return err
			}
		}
		if len(as) < f.Limit {
			return nil
		}
		f.After = string(as[len(as)-1].ID)
	}
}

// begin sends the status, once the first read has gone well.
func (e *exporter) begin() {
	if e.begun {
		return
	}
	h := e.w.Header()
	h["Content-Type"] = []string{"application/x-ndjson"}
	h["X-Content-Type-Options"] = nosniff
	h["Cache-Control"] = noStore
	e.w.WriteHeader(http.StatusOK)
	e.begun = true
}

func (e *exporter) write(item any) (err error) {
	e.begin()
	if e.line, err = appendJSON(e.line[:0], item); err != nil {
		return err
	}
	for i, b := range e.line {
		if b == '\n' || b == '\r' { // in a payload, between its tokens
			e.line[i] = ' '
		}
	}
	e.out.SetWriteDeadline(time.Now().Add(patience)) // not all writers have one
	if _, err := e.w.Write(append(e.line, '\n')); err != nil {
		return errClientGone
	}
	return nil
}

func (e *exporter) flush() error {
	e.begin()
	if err := e.out.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return errClientGone
	}
	return nil
}
