package api

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// exportRoutes write messages down as a background task, and give out what it has
// written.
func (s *server) exportRoutes() []*route {
	content := describe[none, *messageOut]("GET /background-task/{task}/content", "Read what an export has written, as NDJSON, the oldest message first: a line is a message or, if asked for, one of its attempts, as lists show them").
		needs(fanfare.ScopeReadMessages, noSession).inChannels().toAll()
	content.serve, content.stream, content.media = readContent, true, ndjson
	return []*route{
		s.logRoute(),
		on("POST /app/{app}/msg/export", "Write messages down, with their payloads, to be read as the task's content", exportMessages, planParams...).
			answering(http.StatusAccepted).needs(fanfare.ScopeReadMessages, noSession).inChannels().exactly().doing("message.export"),
		content,
		on("DELETE /background-task/{task}/content", "Remove what an export has written before it expires", dropContent).
			needs(fanfare.ScopeReadMessages, noSession).inChannels().toAll().doing("task.content.delete"),
	}
}

type exportIn struct {
	Since      field[time.Time] `json:"since,omitzero" doc:"Only messages accepted at this time or later."`
	Until      field[time.Time] `json:"until,omitzero" doc:"Only messages accepted before this time; now unless told."`
	EventTypes field[[]string]  `json:"eventTypes,omitzero" doc:"Only of these event types."`
	Channel    field[string]    `json:"channel,omitzero"`
	Tag        field[string]    `json:"tag,omitzero"`
	Attempts   field[bool]      `json:"attempts,omitzero" doc:"Whether each message is followed by its attempts; false unless told."`
}

func exportMessages(c *call, in *exportIn) (*startedOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	return c.start(&fanfare.Task{Kind: fanfare.TaskExport, Application: app.ID, Selection: fanfare.Selection{
		Since: in.Since.value, Until: in.Until.value, EventTypes: in.EventTypes.value,
		Channel: in.Channel.value, Tag: in.Tag.value, Attempts: in.Attempts.value,
	}})
}

// export is the one the path names.
func (c *call) export() (*fanfare.Task, error) {
	t, err := c.task()
	if err == nil && t.Kind != fanfare.TaskExport {
		err = refuse(http.StatusNotFound, "not_found", "This task writes nothing down: only an export has content.")
	}
	return t, err
}

// whole refuses an export that cannot be read to its end.
func whole(t *fanfare.Task) error {
	switch t.State {
	case fanfare.TaskRunning:
		p := refuse(http.StatusConflict, "conflict", fmt.Sprintf("The export is still under way, with %d of %d messages written; ask for its content once the task is finished.", t.Done, t.Total))
		p.retryAfter = "1"
		return p
	case fanfare.TaskFailed:
		return refuse(http.StatusConflict, "conflict", "The export has failed, and nothing is kept of it: "+t.Error+". Start another.")
	case fanfare.TaskCancelled:
		return refuse(http.StatusConflict, "conflict", "The export was cancelled, and nothing is kept of it; start another.")
	}
	if !t.Export.ExpiresAt.After(time.Now()) {
		return expiredContent
	}
	return nil
}

var (
	expiredContent = refuse(http.StatusGone, "gone", "What the export has written is removed, as it has expired or someone has asked for that; start another.")
	damagedContent = refuse(http.StatusGone, "gone", "What the export has written was damaged on the server's disk; start another.")
)

const ndjson = "application/x-ndjson"

// An exporter writes lines to a client.
type exporter struct {
	*call
	out  *http.ResponseController
	line []byte
}

func readContent(c *call) error {
	t, err := c.export()
	if err == nil {
		err = whole(t)
	}
	if err != nil {
		return err
	}
	next, stop := iter.Pull2(c.hub.Exported(c.r.Context(), t))
	defer stop()
	first, err, some := next() // before the status is sent
	switch {
	case errors.Is(err, fanfare.ErrNotFound):
		return expiredContent
	case errors.Is(err, fanfare.ErrDamaged):
		c.log.ErrorContext(c.r.Context(), "an export cannot be read", "error", err)
		return damagedContent
	case err != nil:
		return err
	}
	e := &exporter{call: c, out: http.NewResponseController(c.w)}
	e.begin()
	if c.r.Method == http.MethodHead {
		return nil
	}
	for line := first; some; line, err, some = next() {
		if err != nil {
			if c.r.Context().Err() == nil {
				c.log.ErrorContext(c.r.Context(), "an export is broken off", "error", err)
			}
			panic(http.ErrAbortHandler) // so that the client sees that it is not whole
		}
		if !e.write(line) {
			return nil // the client is gone
		}
	}
	return nil
}

func (e *exporter) begin() {
	h := e.w.Header()
	h["Content-Type"] = []string{ndjson}
	h["X-Content-Type-Options"] = nosniff
	h["Cache-Control"] = noStore
	e.w.WriteHeader(http.StatusOK)
}

// write reports whether the client takes the line.
func (e *exporter) write(line fanfare.Exported) bool {
	var item any
	if line.Attempt != nil {
		item = e.showAttempt(line.Attempt, true)
	} else {
		item = e.showMessage(line.Message, payloadOf(line.Message, true))
	}
	var err error
	if e.line, err = appendJSON(e.line[:0], item); err != nil {
		e.log.ErrorContext(e.r.Context(), "an export is broken off", "error", err)
		panic(http.ErrAbortHandler)
	}
	for i, b := range e.line {
		if b == '\n' || b == '\r' { // in a payload, between its tokens
			e.line[i] = ' '
		}
	}
	e.out.SetWriteDeadline(time.Now().Add(patience)) // not all writers have one
	_, err = e.w.Write(append(e.line, '\n'))
	return err == nil
}

func dropContent(c *call, _ *none) (none, error) {
	t, err := c.export()
	if err == nil {
		err = whole(t)
	}
	if err != nil {
		return none{}, err
	}
	if err = c.hub.DropExport(c.r.Context(), t.ID); errors.Is(err, fanfare.ErrNotFound) {
		err = expiredContent
	}
	return none{}, err
}
