package ui

import (
	"net/url"

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
		if body.Rows, err = v.issuesOf(row, look); err != nil {
			return err
		}
		if err := v.besideIssue(&body, ep.URL); err != nil {
			return err
		}
	}
	return v.show("console/issue", body.Heading, body)
}

// besideIssue leads on to other endpoints that fail at the same host.
func (v *visit) besideIssue(body *issueBody, address string) error {
	host := hostOf(address)
	if host == "" || len(body.Rows) == 0 || body.Rows[0].cause == "" {
		return nil
	}
	s, err := v.siteAt(host, "")
	if err == nil && s != nil && len(s.eps) > 1 {
		body.Links = []place{{Text: "All that fails so at " + cut(host, 80), URL: v.root + s.address("/issue/group", body.Rows[0].cause)}}
	}
	return err
}
