package ui

import (
	"errors"

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
}

type everyBody struct {
	Fields []field
	Rows   []*everyRow
	Pager  pager
	Empty  empty
}

var whichEndpoints = map[string]fanfare.EndpointState{"failing": fanfare.FailingEndpoints, "disabled": fanfare.DisabledEndpoints}

func listEveryEndpoint(v *visit) error {
	chosen := v.asked("state")
	rows, next, err := v.every(whichEndpoints[chosen], fanfare.EndpointID(v.asked("at")), pageSize)
	if err != nil {
		return err
	}
	body := everyBody{
		Fields: []field{{Name: "state", Label: "State", Kind: "select", Options: options(chosen, "", "Any", "failing", "Failing", "disabled", "Disabled")}},
		Rows:   rows, Pager: v.pagerTo("/endpoint", string(next)),
	}
	body.Empty = empty{"There are no endpoints yet", "An endpoint belongs to an application: it is added on the application's page, or by its customer in the portal.", []place{{Text: "See the applications", URL: v.root + "/app"}}}
	if chosen != "" {
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
			row.Acts = []*act{of.act(at+"/do/pause", "Pause", "quiet")}
		}
	}
	return v.show("console/endpoints", "Endpoints", body)
}

func (v *visit) every(which fanfare.EndpointState, before fanfare.EndpointID, limit int) ([]*everyRow, fanfare.EndpointID, error) {
	return v.everyOf(fanfare.EndpointFilter{Before: before, Which: which, Limit: limit, Look: issuesLook})
}

// everyOf lists endpoints of all applications. The API has no such list: it is the
// Hub's, and only for those who may see all applications.
func (v *visit) everyOf(f fanfare.EndpointFilter) (rows []*everyRow, next fanfare.EndpointID, err error) {
	eps, next, err := v.hub.EveryEndpoint(v.r.Context(), f)
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
			ID: string(ep.ID), Kind: ep.Kind, URL: ep.URL, Description: ep.Description, Disabled: ep.Disabled, Paused: ep.Paused,
			EventTypes: ep.EventTypes, Unverified: ep.Unverified(), FailingSince: ep.FailingSince, DisabledReason: ep.DisabledReason, CreatedAt: ep.CreatedAt,
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
