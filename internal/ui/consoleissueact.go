package ui

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
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
	issues  bool   // it is done with issues, of which an endpoint may have several
	state   string // of the endpoints of their list that it is done with; "": it is not done from there
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
	{name: notifyAll, text: "Notify of all…", heading: "Tell that these endpoints fail?", button: "Notify of", done: "groupnotified",
		do: func(of *visit, ep, _, _ string) error {
			return of.ask(http.MethodPost, of.of("endpoint", ep, "notify"), nil, struct{}{}, nil)
		}},
	{name: resumeAll, heading: "Resume these endpoints?", button: "Resume", done: "groupresumed", state: "paused",
		do: func(of *visit, ep, _, _ string) error {
			return of.ask(http.MethodPost, of.of("endpoint", ep, "resume"), nil, struct{}{}, nil)
		}},
	{name: enableAll, heading: "Enable these endpoints?", button: "Enable", done: "groupenabled", state: "disabled",
		do: func(of *visit, ep, _, _ string) error {
			return of.ask(http.MethodPatch, of.of("endpoint", ep), nil, map[string]any{"disabled": false}, nil)
		}},
	{name: unmuteAll, heading: "Unmute these issues?", button: "Unmute", done: "groupunmuted", issues: true,
		do: func(of *visit, ep, mute, _ string) error {
			err := of.ask(http.MethodDelete, of.of("endpoint", ep, "mute", mute), nil, nil, nil)
			if gone(err) {
				return nil // somebody else has unmuted it, or it went with its endpoint
			}
			return err
		}},
}

// Of the acts notifyAll is offered only where somebody is told, resumeAll and enableAll
// where endpoints are listed that are paused or disabled, and unmuteAll on the list of
// what is muted.
const (
	notifyAll = "notify"
	resumeAll = "resume"
	enableAll = "enable"
	unmuteAll = "unmute"
)

// count is of how many something is done with.
func (a *groupAct) count(n int) string {
	if a.issues {
		return count(n, "issue", "issues")
	}
	return count(n, "endpoint", "endpoints")
}

// groupAct is the one that the path names; nil: there is none.
func (v *visit) groupAct() *groupAct { return actNamed(v.r.PathValue("act")) }

func actNamed(name string) *groupAct {
	for _, a := range groupActs {
		if a.name == name {
			return a
		}
	}
	return nil
}

type groupBody struct {
	Heading, Text string
	Endpoints     []place
	Lined         []linedRow // those of which what was given up is in line already
	Do            *act       // nil: there is nothing to do
	Back          string
}

// confirmGroup says how many endpoints something would be done with, and to how much.
func confirmGroup(v *visit) error {
	a := v.groupAct()
	if a == nil || a.text == "" {
		return noPage(v)
	}
	look, err := v.issueLook()
	if err != nil {
		return err
	}
	rows, more, err := v.askedGroup(look)
	if err != nil {
		return err
	}
	body := groupBody{Heading: a.heading, Back: v.root + v.askedSite().address("/issue/group", v.asked("cause"))}
	if len(rows) == 0 {
		body.Text = v.groupOver().Text
		return v.show("console/groupask", body.Heading, body)
	}
	if a.name == "retry" {
		rows, body.Lined = apart(rows)
	}
	if len(rows) == 0 {
		body.Heading = "It is in line already"
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
	hidden := []place{{Text: "cause", URL: v.asked("cause")}, {Text: "host", URL: v.asked("host")}}
	for _, row := range rows {
		body.Endpoints = append(body.Endpoints, row.named())
		hidden = append(hidden, inGroup(row.endpoint, row.since()))
	}
	if some {
		body.Do = v.act("/issue/group/do/"+a.name, a.button+" "+count(len(rows), "endpoint", "endpoints"), "main", hidden...)
	}
	return v.show("console/groupask", body.Heading, body)
}

// A linedRow is an endpoint of which what was given up is in line, and what has it sent.
type linedRow struct {
	Endpoint, Task place
	At             when
}

// apart parts the endpoints of which what was given up is in line from the others.
func apart(rows []issueRow) (others []issueRow, lined []linedRow) {
	for _, row := range rows {
		if row.Lined.URL == "" {
			others = append(others, row)
		} else {
			lined = append(lined, linedRow{row.named(), row.Lined, row.LinedAt})
		}
	}
	return others, lined
}

// named is the endpoint of an issue, as it is named among those of other applications.
func (row *issueRow) named() place {
	return place{Text: row.Endpoint.Text + " of " + row.Application.Text, URL: row.Endpoint.URL}
}

// inGroup is how a form names an endpoint that something is done with; since is from when
// on, if that matters to it.
func inGroup(ep *everyRow, since string) place {
	return place{Text: "endpoint", URL: strings.Join([]string{string(ep.Application), ep.ID, cmp.Or(since, "-")}, " ")}
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
	case notifyAll:
		return "The operational endpoints are told of each of them, with why its newest attempt failed, so that your program can write to whoever owns it.", true, nil
	case "retry":
		return v.wouldRetry(rows)
	}
	what = "They are sent nothing until they are resumed, and what is for them waits."
	waits, more, drop, lost, lose := 0, false, 0, 0, false
	for _, row := range rows {
		waits, more = waits+row.waiting, more || row.further
		if row.endpoint.drops() {
			drop, lost, lose = drop+1, lost+row.waiting, lose || row.further
		}
	}
	if text := waitsWords(waits, more); text != "" {
		what += fmt.Sprintf(" At present %s.", text)
	}
	if drop > 0 {
		what += fmt.Sprintf(" Of %s what waits is cancelled, as the settings have it", count(drop, "endpoint", "endpoints"))
		if text := waitsWords(lost, lose); text != "" {
			what += ": " + text + " there"
		}
		what += ". That cannot be undone."
	}
	return what, true, nil
}

// groupCounted is of how many endpoints what was given up is counted, as each is looked
// through for that.
const groupCounted = 10

// wouldRetry counts what would be sent again to the endpoints of these issues, or to the
// first of them.
func (v *visit) wouldRetry(rows []issueRow) (what string, some bool, err error) {
	n, unsure, counted := 0, false, rows[:min(groupCounted, len(rows))]
	for _, row := range counted {
		of := v.within(string(row.endpoint.Application))
		var plan taskOut
		err := of.plan(of.of("endpoint", row.endpoint.ID, "recover"), map[string]any{"since": row.since()}, planTime/groupCounted, &plan)
		if err != nil && !gone(err) {
			return "", false, err
		}
		n, unsure = n+plan.Total, unsure || plan.More
	}
	switch further := len(rows) - len(counted); {
	case further > 0:
		what = fmt.Sprintf("Since they began to fail %s given up to the first %d; of the other %d it was not counted.", planned(n, unsure, "delivery was", "deliveries were"), len(counted), further)
	case n == 0 && !unsure:
		return "Nothing has been given up since they began to fail.", false, nil
	default:
		what = fmt.Sprintf("Since they began to fail %s given up.", planned(n, unsure, "delivery was", "deliveries were"))
	}
	return what + " " + untilHealthy, true, nil
}

// actOnGroup does with each endpoint of the form what the page said.
func actOnGroup(v *visit) error {
	a := v.groupAct()
	if a == nil {
		return noPage(v)
	}
	named := v.r.PostForm["endpoint"]
	if len(named) == 0 || len(named) > groupMost {
		return &refusal{Status: http.StatusUnprocessableEntity, Detail: fmt.Sprintf("Name between 1 and %s: go back, and load the page anew.", a.count(groupMost))}
	}
	of, err := v.actOnEach(a, named)
	switch {
	case err != nil:
		return err
	case of.first != nil || of.done == 0:
		return of.notAll(a, len(named))
	case of.gone > 0:
		return v.afterGroup(a, "groupgone")
	}
	return v.afterGroup(a, a.done)
}

// An outcomesOf counts what became of something that was done with several endpoints.
type outcomesOf struct {
	done, gone int
	first      *refusal // of those that were refused; nil: none was
}

// actOnEach does it with those endpoints of a form of which it is not done.
func (v *visit) actOnEach(a *groupAct, named []string) (of outcomesOf, err error) {
	look := &issueLook{lined: map[string]place{}, linedAt: map[string]when{}}
	if a.name == "retry" {
		if err := v.lookAtLined(look); err != nil {
			return of, err
		}
	}
	for _, text := range named {
		part := strings.Fields(text)
		if len(part) != 3 {
			return of, &refusal{Status: http.StatusUnprocessableEntity, Detail: "The form names something that is no endpoint: go back, and load the page anew."}
		}
		var err error
		if look.lined[part[1]].URL == "" { // else somebody was faster
			err = a.do(v.within(part[0]), part[1], part[2], v.said("cause"))
		}
		told, refused := isRefused(err)
		switch {
		case err == nil:
			of.done++
		case gone(err):
			of.gone++
		case !refused || told.Status == http.StatusUnauthorized || told.Status == http.StatusForbidden:
			return of, err
		case of.first == nil:
			of.first = told
		}
	}
	return of, nil
}

// afterGroup leads on after something was done with several endpoints: from where they are
// paused to where all of them are resumed, and else to where it was asked for.
func (v *visit) afterGroup(a *groupAct, done string) error {
	v.base = v.root
	switch a.name {
	case "pause":
		return v.to(address("/endpoint", url.Values{"state": {"paused"}, "search": {"//" + v.said("host")}}.Encode()), done)
	case resumeAll, enableAll:
		return v.to("/endpoint", done)
	case unmuteAll:
		return v.to("/issue/muted", done)
	}
	return v.to("/issue", done)
}

// notAll says that something was not done with some of several endpoints.
func (of outcomesOf) notAll(a *groupAct, all int) *refusal {
	text := fmt.Sprintf("It was done with %d of %s.", of.done, a.count(all))
	if of.gone > 0 {
		text += fmt.Sprintf(" %s not there any more.", count(of.gone, "endpoint is", "endpoints are"))
	}
	if of.first != nil {
		text += " Of the others the first was refused: " + of.first.Detail
	}
	return &refusal{Status: http.StatusConflict, Heading: "Not all of it was done", Detail: text}
}
