package ui

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

func issuePages() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"GET /issue": listIssues, "GET /issue/muted": listMuted, "GET /issue/muted/confirm": confirmUnmute, "GET /issue/of/{app}/{endpoint}": readIssue,
		"GET /issue/group": readGroup, "GET /issue/group/confirm/{act}": confirmGroup, "POST /issue/group/do/{act}": actOnGroup,
	}
}

// An issueRow is failures that have one cause: of one endpoint, or of several at one host.
type issueRow struct {
	ID          string
	Heading     string // the cause in a word or two
	Why         *why
	Endpoint    place   // of several: it leads to all of them
	Application place   // of several: there is none
	Some        []place // of several: the first of them
	Since       when    // it has done nothing but fail
	Last        when    // such an attempt was made
	Seen        string  // how many of the newest attempts
	Waits       string  // how many deliveries wait meanwhile
	Lined       place   // what has them sent again once it is healthy
	LinedAt     when    // since when
	Example     string  // address of a delivery that failed so

	cause    string    // "": it is not known any more
	endpoint *everyRow // nil: it is of several
	waiting  int       // deliveries, as far as is known
	further  bool      // there are more of them
}

type issuesBody struct {
	Rows     []issueRow
	Disabled []issueRow // endpoints that were disabled for nothing but failures
	Enable   []place    // of several at one host: what enables all of them
	Pager    pager
	Partial  bool   // there are more endpoints than were looked at
	Muted    string // how many mutes there are; "": none
	Untold   bool   // the visitor might have somebody told, but there is nobody
	Empty    empty
}

// Bounds of a page of issues.
const (
	issuesPage = 10              // hosts
	issuesRead = 20              // endpoints whose attempts are read
	issuesMost = fanfare.MaxPage // endpoints that fail
	issuesLook = 5000            // endpoints that are looked at, most of which are well
)

// listIssues begins at a place of two parts: from which endpoint on those are listed that
// fail, and behind which host of these.
func listIssues(v *visit) error {
	from, behind, _ := strings.Cut(v.asked("at"), ",")
	failing, next, err := v.everyEndpoint(fanfare.EndpointFilter{Before: fanfare.EndpointID(from), Which: fanfare.FailingEndpoints, Limit: issuesMost, Look: issuesLook})
	if err != nil {
		return err
	}
	look, err := v.issueLook()
	if err != nil {
		return err
	}
	body := issuesBody{Muted: look.count}
	body.Empty = empty{"Nothing fails", "Every endpoint takes what it is sent. What fails is listed here by its cause, with what to do about it.", nil}
	if n := look.count; n != "" {
		what := n + " issues are muted, and not listed here. No endpoint fails for another cause."
		if n == "1" {
			what = "1 issue is muted, and not listed here. No endpoint fails for another cause."
		}
		body.Empty = empty{"Nothing fails that is not muted", what, []place{{Text: "Show what is muted", URL: v.root + "/issue/muted"}}}
	}
	var last fanfare.EndpointID
	if body.Rows, last, err = v.issuesAt(sitesOf(failing, from, fanfare.EndpointID(behind)), look, issuesPage, issuesRead); err != nil {
		return err
	}
	if last != "" {
		body.Pager = v.pagerTo("/issue", from+","+string(last))
	} else {
		body.Pager, body.Partial = v.pagerTo("/issue", string(next)), next != ""
	}
	if v.asked("at") == "" {
		if body.Disabled, err = v.disabledForFailing(look); err != nil {
			return err
		}
		body.Enable = v.enables(body.Disabled)
	}
	body.Untold = look.untold && len(body.Rows) > 0
	return v.show("console/issues", "Issues", body)
}

// disabledForFailing are the newest endpoints that the Hub has disabled itself.
func (v *visit) disabledForFailing(look *issueLook) (rows []issueRow, err error) {
	off, _, err := v.everyOf(fanfare.EndpointFilter{Which: fanfare.DisabledEndpoints, Limit: issuesPage, Look: issuesLook})
	if err != nil {
		return nil, err
	}
	for _, ep := range off {
		if ep.DisabledReason != "" {
			rows = append(rows, v.disabledIssue(ep, look))
		}
	}
	return rows, nil
}

func (v *visit) disabledIssue(ep *everyRow, look *issueLook) issueRow {
	row, of := v.issue(ep)
	row.Lined, row.LinedAt = look.lined[ep.ID], look.linedAt[ep.ID]
	row.ID, row.Heading = "off-"+ep.ID, "Disabled"
	row.Why = &why{Tone: "wait", Heading: "Disabled", What: ep.DisabledReason, Fix: "Once its receiver is well again, enable it, and send what failed again.",
		Acts:  []*act{of.act("/endpoint/"+ep.ID+"/do/enable", "Enable again", "")},
		Links: []place{{Text: "Recover failed…", URL: of.base + "/endpoint/" + ep.ID + "/confirm/recover"}}}
	if row.Lined.URL == "" {
		row.Why.Links = append(row.Why.Links, of.retries(&ep.endpointOut)...)
	}
	return row
}

func (v *visit) issue(ep *everyRow) (issueRow, *visit) {
	of := v.within(string(ep.Application))
	return issueRow{
		Endpoint:    place{Text: ep.told(), URL: of.base + "/endpoint/" + ep.ID},
		Application: place{Text: ep.AppName, URL: of.base}, Since: v.when(ep.FailingSince), endpoint: ep,
	}, of
}

// newestLooked is how many of an endpoint's newest attempts are looked at for why it fails.
const newestLooked = 10

// lateBy is how long before an endpoint began to fail a message may have been accepted
// that failed as the first.
const lateBy = time.Minute

// issuesOf groups an endpoint's newest attempts, as far as they failed, by their cause: an
// issue for each, that of the newest first, without those that are muted. An endpoint that
// fails and has no attempt has one too.
func (v *visit) issuesOf(ep *everyRow, attempts []attemptOut, look *issueLook) (rows []issueRow, err error) {
	base, of := v.issue(ep)
	base.waiting, base.further = look.waits(ep.ID)
	base.Waits, base.Lined, base.LinedAt = waitsWords(base.waiting, base.further), look.lined[ep.ID], look.linedAt[ep.ID]
	muted, err := look.mutedOf(of, ep.ID)
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
		cause := a.cause()
		if seen[cause]++; seen[cause] > 1 || muted[cause] {
			continue
		}
		row := base
		row.ID, row.Heading, row.Last, row.cause = fmt.Sprintf("%s-%d", ep.ID, len(rows)), causeWords(cause), v.when(a.Timestamp), cause
		row.Example = of.base + "/message/" + url.PathEscape(a.MsgID) + "/to/" + ep.ID
		row.Why = of.whyFailed(&ep.endpointOut, a)
		row.Why.Heading = row.Heading
		of.actOnIssue(&row, look)
		at[cause] = len(rows)
		rows = append(rows, row)
	}
	for cause, i := range at {
		rows[i].Seen = fmt.Sprintf("%d of the newest %s", seen[cause], count(len(attempts), "attempt", "attempts"))
	}
	if len(seen) == 0 {
		base.ID, base.Heading = ep.ID+"-0", "Failing"
		base.Why = &why{Tone: "bad", Heading: "Failing", What: "Its attempts are not kept any more."}
		rows = append(rows, base)
	}
	return rows, nil
}

// actOnIssue adds to an issue of one endpoint what can be done about it, beyond what mends
// it.
func (v *visit) actOnIssue(row *issueRow, look *issueLook) {
	ep, w := row.endpoint, row.Why
	if l := look.lanes[ep.ID]; l != nil {
		v.sayTurn(w, &ep.endpointOut, l.turn())
	}
	w.Links = append(w.Links, place{Text: "Recover failed…", URL: v.base + "/endpoint/" + ep.ID + "/confirm/recover" + sinceFailing(ep.FailingSince)})
	if row.Lined.URL == "" {
		w.Links = append(w.Links, v.retries(&ep.endpointOut)...)
	}
	if !ep.Paused {
		acts, ask := v.pauses(&ep.endpointOut, "")
		w.Acts = append(w.Acts, acts...)
		if len(acts) == 0 {
			w.Links = append(w.Links, ask...)
		}
	}
	w.Acts = append(w.Acts, look.acts(v, ep.ID, row.cause)...)
}

// sinceFailing is from when on what failed is sent again to an endpoint that fails, as a
// page is asked; "": as that page has it.
func sinceFailing(since time.Time) string {
	if since.IsZero() {
		return ""
	}
	return "?since=" + url.QueryEscape(since.Add(-lateBy).UTC().Format(time.RFC3339Nano))
}

// pagerTo leads on to what is behind a place; "": nothing is.
func (v *visit) pagerTo(path, next string) pager {
	l := listOf[struct{}]{Iterator: next, Done: next == ""}
	return l.pager(v, path)
}

// told is what an endpoint is called where another may have the same URL.
func (ep *endpointOut) told() string {
	switch {
	case ep.Description != "" || ep.URL == "":
		return ep.Name()
	case ep.UID != "":
		return ep.URL + " (" + ep.UID + ")"
	}
	return ep.URL + " (" + ep.ID + ")"
}
