package ui

import (
	"net/url"
	"slices"

	"github.com/fanfarehq/fanfare"
)

type issueBody struct {
	Heading, Text string
	Links         []place
	Rows          []issueRow
	Empty         empty
}

// readIssue shows why one endpoint fails, if it does.
func readIssue(v *visit) error {
	of := v.within(url.PathEscape(v.r.PathValue("app")))
	of.app = fanfare.ApplicationID(v.r.PathValue("app"))
	ep, err := of.endpoint()
	if err != nil {
		return err
	}
	row := &everyRow{endpointOut: *ep, Application: of.app}
	if row.AppName, err = v.names()(of.app); err != nil {
		return err
	}
	body := issueBody{Heading: "Why " + cut(ep.Name(), 80) + " fails"}
	body.Empty = empty{"Nothing fails there", "The endpoint takes what it is sent, or is sent nothing at present; or what it fails for is muted.", []place{{Text: "See the endpoint", URL: of.base + "/endpoint/" + url.PathEscape(ep.ID)}}}
	look, err := v.issueLook()
	if err != nil {
		return err
	}
	switch {
	case ep.Disabled && ep.DisabledReason != "":
		body.Rows = []issueRow{v.disabledIssue(row, look)}
	case !ep.FailingSince.IsZero():
		attempts, err := of.newest(ep.ID, newestLooked)
		if err != nil {
			return err
		}
		if body.Rows, err = v.issuesOf(row, attempts, look); err != nil {
			return err
		}
		if err := v.besideIssue(&body, ep.URL, look); err != nil {
			return err
		}
	}
	return v.show("console/issue", body.Heading, body)
}

// besideRead is how many endpoints at its host an issue is compared with.
const besideRead = 10

// besideIssue leads on to the other endpoints that fail at the same host for what this one
// does, a way for each cause.
func (v *visit) besideIssue(body *issueBody, address string, look *issueLook) error {
	host := hostOf(address)
	if host == "" || len(body.Rows) == 0 {
		return nil
	}
	s, err := v.siteAt(host, "")
	if err != nil || s == nil || len(s.eps) < 2 {
		return err
	}
	all, err := v.issuesOfSite(s, look, besideRead)
	if err != nil {
		return err
	}
	for _, row := range body.Rows {
		if row.cause == "" || !slices.ContainsFunc(all, func(o issueRow) bool { return o.cause == row.cause && o.endpoint.ID != row.endpoint.ID }) {
			continue
		}
		body.Links = append(body.Links, place{Text: "All at " + cut(host, 80) + ": " + row.Heading, URL: v.root + s.address("/issue/group", row.cause)})
	}
	return nil
}
