package ui

import (
	"errors"
	"strings"

	"github.com/fanfarehq/fanfare"
)

func endpointPages() map[string]func(*visit) error {
	return map[string]func(*visit) error{"GET /endpoint": listEveryEndpoint, "GET /endpoint/confirm/{act}": confirmListed}
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
	All    []place // what can be done with all that are listed, after a page that asks
	Pager  pager
	Empty  empty
}

var whichEndpoints = map[string]fanfare.EndpointState{"failing": fanfare.FailingEndpoints, "paused": fanfare.PausedEndpoints, "disabled": fanfare.DisabledEndpoints}

func listEveryEndpoint(v *visit) error {
	if v.rights.Application != "" {
		return ownEndpoints(v)
	}
	chosen := v.asked("state")
	rows, next, err := v.everyAsked(chosen)
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
	host := v.asked("host")
	if host != "" {
		body.Fields = append(body.Fields, field{Name: "host", Label: "Host", Kind: "text", Value: host})
	}
	switch {
	case host != "":
		body.Empty = empty{"Nothing like that", "No endpoint that was looked at is at that host, and as the filters say.", []place{{Text: "Show all", URL: v.root + "/endpoint"}}}
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
	body.All = v.listedActs(chosen, len(rows))
	return v.show("console/endpoints", "Endpoints", body)
}

// everyAsked lists endpoints of all applications as the address asks for them: with words in
// what they are called by, at a host, and behind one.
func (v *visit) everyAsked(state string) (rows []*everyRow, next fanfare.EndpointID, err error) {
	f := fanfare.EndpointFilter{Before: fanfare.EndpointID(v.asked("at")), Which: whichEndpoints[state], Limit: pageSize, Look: issuesLook}
	words, host := strings.Fields(strings.ToLower(v.asked("search"))), v.asked("host")
	if len(words) == 0 && host == "" {
		return v.everyOf(f)
	}
	return v.findEvery(f, func(ep *fanfare.Endpoint) bool { return (host == "" || hostOf(ep.URL) == host) && holds(ep, words) })
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
