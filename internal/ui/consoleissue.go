package ui

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

func issuePages() map[string]func(*visit) error {
	return map[string]func(*visit) error{"GET /issue": listIssues}
}

// An issueRow is failures of one endpoint that have one cause.
type issueRow struct {
	ID          string
	Heading     string // the cause in a word or two
	Why         *why
	Endpoint    place
	Application place
	Since       when   // it has done nothing but fail
	Last        when   // such an attempt was made
	Seen        string // how many of the newest attempts
	Example     string // address of a delivery that failed so
}

type issuesBody struct {
	Rows     []issueRow
	Disabled []issueRow // endpoints that were disabled for nothing but failures
	Pager    pager
	Partial  bool // there are more endpoints than were looked at
	Empty    empty
}

// Bounds of a page of issues.
const (
	issuesPage = 10   // endpoints
	issuesLook = 5000 // endpoints that are looked at, most of which are well
)

func listIssues(v *visit) error {
	failing, next, err := v.everyOf(fanfare.EndpointFilter{Before: fanfare.EndpointID(v.asked("at")), Which: fanfare.FailingEndpoints, Limit: issuesPage, Look: issuesLook})
	if err != nil {
		return err
	}
	body := issuesBody{Pager: v.pagerTo("/issue", string(next)), Partial: next != "" && len(failing) < issuesPage}
	body.Empty = empty{"Nothing fails", "Every endpoint takes what it is sent. What fails is listed here by its cause, with what to do about it.", nil}
	for _, ep := range failing {
		rows, err := v.issuesOf(ep)
		if err != nil {
			return err
		}
		body.Rows = append(body.Rows, rows...)
	}
	if v.asked("at") == "" {
		if body.Disabled, err = v.disabledForFailing(); err != nil {
			return err
		}
	}
	return v.show("console/issues", "Issues", body)
}

// disabledForFailing are the newest endpoints that the Hub has disabled itself.
func (v *visit) disabledForFailing() (rows []issueRow, err error) {
	off, _, err := v.everyOf(fanfare.EndpointFilter{Which: fanfare.DisabledEndpoints, Limit: issuesPage, Look: issuesLook})
	if err != nil {
		return nil, err
	}
	for _, ep := range off {
		if ep.DisabledReason == "" {
			continue
		}
		row, of := v.issue(ep)
		row.ID, row.Heading = "off-"+ep.ID, "Disabled"
		row.Why = &why{Tone: "wait", Heading: "Disabled", What: ep.DisabledReason, Fix: "Once its receiver is well again, enable it, and send what failed again.",
			Acts:  []*act{of.act("/endpoint/"+ep.ID+"/do/enable", "Enable again", "")},
			Links: []place{{Text: "Recover failed…", URL: of.base + "/endpoint/" + ep.ID + "/confirm/recover"}}}
		rows = append(rows, row)
	}
	return rows, nil
}

func (v *visit) issue(ep *everyRow) (issueRow, *visit) {
	of := v.within(string(ep.Application))
	return issueRow{
		Endpoint:    place{Text: ep.Name(), URL: of.base + "/endpoint/" + ep.ID},
		Application: place{Text: ep.AppName, URL: of.base}, Since: v.when(ep.FailingSince),
	}, of
}

// newestLooked is how many of an endpoint's newest attempts are looked at for why it fails.
const newestLooked = 10

// lateBy is how long before an endpoint began to fail a message may have been accepted
// that failed as the first.
const lateBy = time.Minute

// issuesOf groups an endpoint's newest failures by their cause: an issue for each, that
// of the newest first. An endpoint that fails and has no attempt has one too.
func (v *visit) issuesOf(ep *everyRow) (rows []issueRow, err error) {
	base, of := v.issue(ep)
	attempts, err := of.newest(ep.ID, newestLooked)
	if gone(err) {
		return nil, nil // it was deleted just now
	}
	if err != nil {
		return nil, err
	}
	seen, at := map[string]int{}, map[string]int{}
	for i := range attempts {
		a := &attempts[i]
		if a.Status == statusDelivered {
			break // before that there was another run of failures
		}
		cause := a.Answer()
		if seen[cause]++; seen[cause] > 1 {
			continue
		}
		row := base
		row.ID, row.Heading, row.Last = fmt.Sprintf("%s-%d", ep.ID, len(rows)), strings.ToUpper(cause[:min(1, len(cause))])+cause[min(1, len(cause)):], v.when(a.Timestamp)
		row.Example = of.base + "/message/" + url.PathEscape(a.MsgID) + "/to/" + ep.ID
		row.Why = of.whyFailed(&ep.endpointOut, a)
		row.Why.Heading = row.Heading
		row.Why.Links = append(row.Why.Links, place{Text: "Recover failed…", URL: of.base + "/endpoint/" + ep.ID + "/confirm/recover?since=" + url.QueryEscape(ep.FailingSince.Add(-lateBy).UTC().Format(time.RFC3339Nano))})
		if !ep.Paused {
			row.Why.Acts = append(row.Why.Acts, of.act("/endpoint/"+ep.ID+"/do/pause", "Pause", ""))
		}
		at[cause] = len(rows)
		rows = append(rows, row)
	}
	for cause, n := range seen {
		rows[at[cause]].Seen = fmt.Sprintf("%d of the newest %s", n, count(len(attempts), "attempt", "attempts"))
	}
	if len(rows) == 0 {
		base.ID, base.Heading = ep.ID+"-0", "Failing"
		base.Why = &why{Tone: "bad", Heading: "Failing", What: "Its attempts are not kept any more."}
		rows = append(rows, base)
	}
	return rows, nil
}

// pagerTo leads on to what is behind a place; "": nothing is.
func (v *visit) pagerTo(path, next string) pager {
	l := listOf[struct{}]{Iterator: next, Done: next == ""}
	return l.pager(v, path)
}
