package api

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// maxExpunged bounds the messages that one request names.
const maxExpunged = 1000

type expungeIn struct {
	IDs    field[[]string]      `json:"ids,omitzero" doc:"Messages by id or event id, 1000 at most: their payloads are removed at once."`
	Filter field[expungeFilter] `json:"filter,omitzero" doc:"Instead: which messages; their payloads are removed by a background task."`
}

// An expungeFilter picks messages. What is not known in it is refused: a slip in a
// name would remove more than was meant.
type expungeFilter struct {
	Since      time.Time `json:"since,omitzero" doc:"Accepted at this time or later."`
	Until      time.Time `json:"until,omitzero" doc:"Accepted before this time; now unless told."`
	EventTypes []string  `json:"eventTypes,omitzero"`
	Channel    string    `json:"channel,omitzero"`
	Tag        string    `json:"tag,omitzero"`
}

// An expungeOut has either results or a task.
type expungeOut struct {
	Results map[string]string `json:"results,omitzero" doc:"Of each message named: expunged or not-found."`
	*startedOut
}

func bulkExpunge(c *call, in *expungeIn) (*expungeOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	f := in.Filter.value
	switch {
	case in.IDs.set == in.Filter.set:
		return nil, &fanfare.InvalidError{Reason: "must have either ids or a filter"}
	case in.IDs.set:
		return c.expungeNamed(app.ID, in.IDs.value)
	case f.Since.IsZero() && f.Until.IsZero() && len(f.EventTypes) == 0 && f.Channel == "" && f.Tag == "":
		return nil, &fanfare.InvalidError{Field: "filter", Reason: "must have since, until, eventTypes, channel or tag; for all messages there is expunge-all-contents"}
	}
	out, err := c.start(&fanfare.Task{Kind: fanfare.TaskPurge, Application: app.ID, Selection: fanfare.Selection{
		Since: f.Since, Until: f.Until, EventTypes: f.EventTypes, Channel: f.Channel, Tag: f.Tag,
	}})
	if err != nil {
		return nil, err
	}
	return &expungeOut{startedOut: out}, nil
}

// expungeNamed removes the payloads of messages by id or event id, or only says
// which there are.
func (c *call) expungeNamed(app fanfare.ApplicationID, refs []string) (*expungeOut, error) {
	plan := c.boolean("plan", false)
	c.planned = plan
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	if len(refs) > maxExpunged {
		return nil, &fanfare.InvalidError{Field: "ids", Reason: fmt.Sprintf("has at most %d; send several requests, or a filter", maxExpunged)}
	}
	out := &expungeOut{Results: make(map[string]string, len(refs))}
	for _, ref := range refs {
		msg, err := c.messageOf(app, ref)
		if errors.Is(err, fanfare.ErrDamaged) {
			err = nil
		}
		if err == nil && !plan {
			err = c.hub.ExpungePayload(c.r.Context(), app, msg.ID)
		}
		switch {
		case err == nil:
			out.Results[ref] = "expunged"
		case errors.Is(err, fanfare.ErrNotFound):
			out.Results[ref] = "not-found"
		default:
			return nil, err
		}
	}
	c.status = http.StatusOK
	return out, nil
}

func expungeAll(c *call, _ *none) (*startedOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	return c.start(&fanfare.Task{Kind: fanfare.TaskPurge, Application: app.ID})
}

func expungeAttempt(c *call, _ *none) (none, error) {
	msg, a, err := c.attempt()
	if err != nil {
		return none{}, err
	}
	return none{}, c.hub.ExpungeResponse(c.r.Context(), msg.Application, msg.ID, a.ID)
}
