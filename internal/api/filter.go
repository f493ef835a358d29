package api

import (
	"time"

	"github.com/fanfarehq/fanfare"
)

type filterTrialIn struct {
	Filter     string   `json:"filter" doc:"The expression, as in an endpoint's filter."`
	EventTypes []string `json:"eventTypes,omitzero" doc:"Only messages of these, as in an endpoint's."`
	Channels   []string `json:"channels,omitzero" doc:"Only messages of these, as in an endpoint's."`
}

type filterTrialOut struct {
	Looked  int             `json:"looked" doc:"How many messages it was tried on: the newest, 1000 at most."`
	Matched int             `json:"matched" doc:"How many of them it lets through."`
	Misses  []filterMissOut `json:"misses" doc:"The newest that it does not let through."`
	Since   *time.Time      `json:"since" doc:"When the oldest of those that were looked at was accepted; null: there are none."`
}

type filterMissOut struct {
	ID        fanfare.MessageID `json:"id"`
	EventType string            `json:"eventType"`
	Why       string            `json:"why,omitzero" doc:"Where it is not simply false: the end of a sentence."`
}

func (s *server) filterRoutes() []*route {
	return []*route{on("POST /app/{app}/filter/try", "Try a filter on the newest messages", tryFilter).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).exactly().unaudited()}
}

func tryFilter(c *call, in *filterTrialIn) (*filterTrialOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	trial, err := c.hub.TryFilter(c.r.Context(), app.ID, &fanfare.Endpoint{Filter: in.Filter, EventTypes: in.EventTypes, Channels: in.Channels})
	if err != nil {
		return nil, err
	}
	out := &filterTrialOut{Looked: trial.Looked, Matched: trial.Matched, Since: pointer(trial.Since), Misses: []filterMissOut{}}
	for _, m := range trial.Misses {
		out.Misses = append(out.Misses, filterMissOut{m.Message, m.EventType, m.Why})
	}
	return out, nil
}
