package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A groupAct is what can be done with all endpoints of an issue, after a page that says how
// many they are: with each of them what the API does with one.
type groupAct struct {
	name    string
	text    string // of what leads to the page
	heading string
	button  string // before how many endpoints they are
	done    string // one of notices
	do      func(of *visit, endpoint, since, cause string) error
}

var groupActs = []*groupAct{
	{name: "pause", text: "Pause all…", heading: "Pause these endpoints?", button: "Pause", done: "grouppaused",
		do: func(of *visit, ep, _, _ string) error {
			return of.ask(http.MethodPost, of.of("endpoint", ep, "pause"), nil, struct{}{}, nil)
		}},
	{name: "mute", text: "Mute all…", heading: "Mute this issue of these endpoints?", button: "Mute it of", done: "groupmuted",
		do: func(of *visit, ep, _, cause string) error {
			err := of.ask(http.MethodPost, of.of("endpoint", ep, "mute"), nil, map[string]any{"cause": cause}, nil)
			if told, ok := isRefused(err); ok && told.Status == http.StatusConflict {
				return nil // somebody else has muted it
			}
			return err
		}},
	{name: "retry", text: "Retry all when healthy…", heading: "Retry all when healthy?", button: "Retry all of", done: "grouplined",
		do: func(of *visit, ep, since, _ string) error {
			return of.ask(http.MethodPost, of.of("endpoint", ep, "recover"), nil, map[string]any{"since": since, "whenHealthy": true}, nil)
		}},
}

// groupAct is the one that the path names; nil: there is none.
func (v *visit) groupAct() *groupAct {
	for _, a := range groupActs {
		if a.name == v.r.PathValue("act") {
			return a
		}
	}
	return nil
}

type groupBody struct {
	Heading, Text string
	Endpoints     []place
	Do            *act // nil: there is nothing to do
	Back          string
}

// confirmGroup says how many endpoints something would be done with, and to how much.
func confirmGroup(v *visit) error {
	a := v.groupAct()
	if a == nil {
		return noPage(v)
	}
	rows, more, err := v.askedGroup()
	if err != nil {
		return err
	}
	body := groupBody{Heading: a.heading, Back: v.root + v.askedSite().address("/issue/group", v.asked("cause"))}
	if a.name == "retry" {
		if rows = slices.DeleteFunc(rows, func(row issueRow) bool { return row.Lined.URL != "" }); len(rows) == 0 {
			body.Text = "What was given up of these endpoints is in line already, or nothing fails so any more."
			return v.show("console/groupask", body.Heading, body)
		}
	}
	if len(rows) == 0 {
		body.Text = v.groupOver().Text
		return v.show("console/groupask", body.Heading, body)
	}
	what, some, err := v.wouldDo(a, rows)
	if err != nil {
		return err
	}
	body.Text = fmt.Sprintf("%s of %s at %s: %s.", count(len(rows), "endpoint", "endpoints"), applications(rows), cut(v.asked("host"), 80), rows[0].Heading)
	body.Text += " " + what
	if more {
		body.Text += fmt.Sprintf(" The newest %d that fail there were looked at; do it again for those that are left.", groupMost)
	}
	hidden := []place{{Text: "cause", URL: v.asked("cause")}}
	for _, row := range rows {
		body.Endpoints = append(body.Endpoints, place{Text: row.Endpoint.Text + " of " + row.Application.Text, URL: row.Endpoint.URL})
		hidden = append(hidden, place{Text: "endpoint", URL: strings.Join([]string{string(row.endpoint.Application), row.endpoint.ID, row.since()}, " ")})
	}
	if some {
		body.Do = v.act("/issue/group/do/"+a.name, a.button+" "+count(len(rows), "endpoint", "endpoints"), "main", hidden...)
	}
	return v.show("console/groupask", body.Heading, body)
}

// since is from when on what the endpoint of an issue has given up is sent again.
func (row *issueRow) since() string {
	return row.endpoint.FailingSince.Add(-lateBy).UTC().Format(time.RFC3339Nano)
}

// wouldDo says what an act does to these endpoints; some: there is something to do.
func (v *visit) wouldDo(a *groupAct, rows []issueRow) (what string, some bool, err error) {
	switch a.name {
	case "mute":
		return "They are not listed for this until they fail for another cause, or it is unmuted. What is sent to them stays as it is.", true, nil
	case "retry":
		n, err := v.givenUp(rows)
		if n == 0 {
			return "Nothing has been given up since they began to fail.", false, err
		}
		return fmt.Sprintf("Since they began to fail %s given up. %s", count(n, "delivery was", "deliveries were"), untilHealthy), true, err
	}
	what = "They are sent nothing until they are resumed, and what is for them waits."
	waits, more, drop := 0, false, 0
	for _, row := range rows {
		waits, more = waits+row.waiting, more || row.further
		if row.endpoint.drops() {
			drop++
		}
	}
	if text := waitsWords(waits, more); text != "" {
		what += fmt.Sprintf(" At present %s.", text)
	}
	if drop > 0 {
		what += fmt.Sprintf(" Of %s what waits is cancelled, as the settings have it.", count(drop, "endpoint", "endpoints"))
	}
	return what, true, nil
}

// givenUp counts what would be sent again to the endpoints of these issues.
func (v *visit) givenUp(rows []issueRow) (n int, err error) {
	for _, row := range rows {
		of := v.within(string(row.endpoint.Application))
		var plan taskOut
		err := of.ask(http.MethodPost, of.of("endpoint", row.endpoint.ID, "recover"), url.Values{"plan": {"true"}}, map[string]any{"since": row.since()}, &plan)
		if err != nil && !gone(err) {
			return 0, err
		}
		n += plan.Total
	}
	return n, nil
}

// actOnGroup does with each endpoint of the form what the page said.
func actOnGroup(v *visit) error {
	a := v.groupAct()
	if a == nil {
		return noPage(v)
	}
	named := v.r.PostForm["endpoint"]
	if len(named) == 0 || len(named) > groupMost {
		return &refusal{Status: http.StatusUnprocessableEntity, Detail: fmt.Sprintf("Name between 1 and %d endpoints: go back, and load the page anew.", groupMost)}
	}
	done, first := 0, (*refusal)(nil)
	for _, text := range named {
		part := strings.Fields(text)
		if len(part) != 3 {
			return &refusal{Status: http.StatusUnprocessableEntity, Detail: "The form names something that is no endpoint: go back, and load the page anew."}
		}
		err := a.do(v.within(part[0]), part[1], part[2], v.said("cause"))
		told, refused := isRefused(err)
		switch {
		case err == nil || gone(err):
			done++
		case !refused || told.Status == http.StatusUnauthorized || told.Status == http.StatusForbidden:
			return err
		case first == nil:
			first = told
		}
	}
	if first != nil {
		return notAll(done, len(named), first)
	}
	return v.backToIssues(a.done)
}
