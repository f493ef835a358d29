package ui

import (
	"errors"
	"strings"

	"github.com/fanfarehq/fanfare"
)

func endpointPages() map[string]func(*visit) error {
	return map[string]func(*visit) error{"GET /endpoint": listEveryEndpoint}
}

// An everyRow is an endpoint among those of all applications.
type everyRow struct {
	endpointOut
	Application fanfare.ApplicationID
	AppName     string
	At          string // its address
	State       badge
	Since       when
	Made        when
	Acts        []*act
	Ask         []place // done after another question
}

type everyBody struct {
	Fields []field
	Rows   []*everyRow
	Resume *act // of all that are listed, where they are paused; nil: it is not offered
	Pager  pager
	Empty  empty
}

var whichEndpoints = map[string]fanfare.EndpointState{"failing": fanfare.FailingEndpoints, "paused": fanfare.PausedEndpoints, "disabled": fanfare.DisabledEndpoints}

func listEveryEndpoint(v *visit) error {
	if v.rights.Application != "" {
		return ownEndpoints(v)
	}
	chosen := v.asked("state")
	f := fanfare.EndpointFilter{Before: fanfare.EndpointID(v.asked("at")), Which: whichEndpoints[chosen], Limit: pageSize, Look: issuesLook}
	list := v.everyOf
	if words := strings.Fields(strings.ToLower(v.asked("search"))); len(words) > 0 {
		list = func(f fanfare.EndpointFilter) ([]*everyRow, fanfare.EndpointID, error) {
			return v.findEvery(f, func(ep *fanfare.Endpoint) bool { return holds(ep, words) })
		}
	}
	rows, next, err := list(f)
	if err != nil {
		return err
	}
	body := everyBody{
		Fields: []field{
			{Name: "search", Label: "URL, description or id", Kind: "text", Value: v.asked("search")},
			fareField(chosen),
		},
		Rows: rows, Pager: v.pagerTo("/endpoint", string(next)),
	}
	body.Empty = empty{"There are no endpoints yet", "An endpoint belongs to an application: it is added on the application's page, or by its customer in the portal.", []place{{Text: "See the applications", URL: v.root + "/app"}}}
	switch {
	case v.asked("search") != "":
		body.Empty = empty{"Nothing like that", "No endpoint that was looked at has these words in its URL, description or id.", []place{{Text: "Show all", URL: v.root + "/endpoint"}}}
	case chosen != "":
		body.Empty = empty{"Nothing like that", "No endpoint is " + chosen + ", of those that were looked at.", []place{{Text: "Show all", URL: v.root + "/endpoint"}}}
	}
	for _, row := range rows {
		of := v.within(string(row.Application))
		switch at := "/endpoint/" + row.ID; {
		case row.Disabled:
			row.Acts = []*act{of.act(at+"/do/enable", "Enable", "quiet")}
		case row.Paused:
			row.Acts = []*act{of.act(at+"/do/resume", "Resume", "quiet")}
		default:
			if row.Acts, row.Ask = of.pauses(&row.endpointOut, "quiet"); len(row.Acts) > 0 {
				row.Ask = nil
			}
		}
	}
	if chosen == "paused" && len(rows) > 1 && v.reaches("POST /app/{app}/endpoint/{endpoint}/resume") {
		hidden := []place{}
		for _, row := range rows {
			hidden = append(hidden, inGroup(row, ""))
		}
		body.Resume = v.act("/issue/group/do/"+resumeAll, "Resume these "+count(len(rows), "endpoint", "endpoints"), "", hidden...)
	}
	return v.show("console/endpoints", "Endpoints", body)
}

// everyOf lists endpoints of all applications, as the API does: pages with it are for
// those only who may ask it for that list.
func (v *visit) everyOf(f fanfare.EndpointFilter) (rows []*everyRow, next fanfare.EndpointID, err error) {
	eps, next, err := v.everyEndpoint(f)
	if err != nil {
		return nil, "", err
	}
	rows, err = v.everyRows(eps)
	return rows, next, err
}

func (v *visit) everyRows(eps []*fanfare.Endpoint) (rows []*everyRow, err error) {
	names := v.names()
	for _, ep := range eps {
		row := &everyRow{Application: ep.Application, At: v.root + "/app/" + string(ep.Application) + "/endpoint/" + string(ep.ID), Since: v.when(ep.FailingSince), Made: v.when(ep.CreatedAt)}
		row.endpointOut = endpointOut{
			ID: string(ep.ID), UID: ep.UID, Kind: ep.Kind, URL: ep.URL, Description: ep.Description, Disabled: ep.Disabled, Paused: ep.Paused,
			EventTypes: ep.EventTypes, Unverified: ep.Unverified(), OnPause: ep.OnPause, FailingSince: ep.FailingSince, DisabledReason: ep.DisabledReason, CreatedAt: ep.CreatedAt,
			Success: successOut(ep.Success),
		}
		if s := ep.Timeout.Seconds(); s > 0 {
			row.Timeout = &s
		}
		row.State = row.state(v)
		if row.AppName, err = names(ep.Application); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// names returns a function that finds what applications are called, each once.
func (v *visit) names() func(fanfare.ApplicationID) (string, error) {
	known := map[fanfare.ApplicationID]string{}
	return func(id fanfare.ApplicationID) (string, error) {
		if name, ok := known[id]; ok {
			return name, nil
		}
		if !v.reaches("GET /app/{app}") {
			return string(id), nil
		}
		app, err := v.hub.Application(v.r.Context(), string(id))
		switch {
		case err == nil && app.Name != "":
			known[id] = app.Name
		case err == nil || errors.Is(err, fanfare.ErrNotFound): // it was deleted just now
			known[id] = string(id)
		default:
			return "", err
		}
		return known[id], nil
	}
}
