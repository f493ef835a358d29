package ui

import (
	"net/url"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// A site is endpoints that fail at one host.
type site struct {
	host string // "": it is one endpoint, and has none
	from string // before which endpoint such were looked for; "": from the newest on
	eps  []*fanfare.Endpoint
}

// address is that of a page about what fails there for a cause.
func (s *site) address(path, cause string) string {
	q := url.Values{"host": {s.host}, "cause": {cause}}
	if s.from != "" {
		q.Set("from", s.from)
	}
	return address(path, q.Encode())
}

// hostOf is the host of an address, with its port if it says so; "": it has none.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// sitesOf puts those together that have one host, in the order of the first of each; only
// those behind the one that begins with that endpoint, if there is one named.
func sitesOf(eps []*fanfare.Endpoint, from string, behind fanfare.EndpointID) (sites []*site) {
	at := map[string]*site{}
	for _, ep := range eps {
		host := hostOf(ep.URL)
		s := at[host]
		if s == nil || host == "" {
			s = &site{host: host, from: from}
			at[host], sites = s, append(sites, s)
		}
		s.eps = append(s.eps, ep)
	}
	return slices.DeleteFunc(sites, func(s *site) bool { return behind != "" && s.eps[0].ID >= behind })
}

// siteAt is what fails at a host, of the endpoints that a page of issues from there on
// looks at; nil: nothing does.
func (v *visit) siteAt(host, from string) (*site, error) {
	failing, _, err := v.everyEndpoint(fanfare.EndpointFilter{Before: fanfare.EndpointID(from), Which: fanfare.FailingEndpoints, Limit: issuesMost, Look: issuesLook})
	if err != nil {
		return nil, err
	}
	for _, s := range sitesOf(failing, from, "") {
		if s.host == host && host != "" {
			return s, nil
		}
	}
	return nil, nil
}

// issuesAt are the issues of so many sites that have some which are not muted, for which
// the attempts of so many endpoints are read. last is what the last site begins with, if
// there are others behind it.
func (v *visit) issuesAt(sites []*site, look *issueLook, most, reads int) (rows []issueRow, last fanfare.EndpointID, err error) {
	for i, s := range sites {
		if i > 0 && (most == 0 || len(s.eps) > reads) {
			return rows, sites[i-1].eps[0].ID, nil
		}
		some, err := v.issuesOfSite(s, look, reads)
		if err != nil {
			return nil, "", err
		}
		if rows = append(rows, look.together(s, some, reads)...); len(some) > 0 {
			most--
		}
		reads = max(0, reads-len(s.eps))
	}
	return rows, "", nil
}

// issuesOfSite are those of the first endpoints of a site, each by itself.
func (v *visit) issuesOfSite(s *site, look *issueLook, reads int) (rows []issueRow, err error) {
	first := s.eps[:min(reads, len(s.eps))]
	eps, err := v.everyRows(first)
	if err != nil {
		return nil, err
	}
	var ids []fanfare.EndpointID
	for _, ep := range first {
		ids = append(ids, ep.ID)
	}
	newest, err := v.newestOf(ids, newestLooked)
	if err != nil {
		return nil, err
	}
	for i, ep := range eps {
		var attempts []attemptOut
		for _, a := range newest[ids[i]] {
			attempts = append(attempts, shownAttempt(a))
		}
		some, err := v.issuesOf(ep, attempts, look)
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

// together makes one issue of those of several endpoints that have one cause.
func (look *issueLook) together(s *site, rows []issueRow, reads int) (all []issueRow) {
	same := map[string][]issueRow{}
	for _, row := range rows {
		same[row.cause] = append(same[row.cause], row)
	}
	for _, row := range rows {
		switch some := same[row.cause]; {
		case row.cause == "" || len(some) == 1:
			all = append(all, row)
		case some[0].ID == row.ID:
			all = append(all, look.groupOf(s, some, len(s.eps) > reads))
		}
	}
	return all
}

// groupSome is how many endpoints of several are named where they are one issue.
const groupSome = 3

// groupOf is the issue of several endpoints. It says why with the newest of them.
func (look *issueLook) groupOf(s *site, rows []issueRow, more bool) issueRow {
	newest := slices.MaxFunc(rows, func(a, b issueRow) int { return a.Last.At.Compare(b.Last.At) })
	g := issueRow{ID: "group-" + rows[0].ID, Heading: rows[0].Heading + " at " + cut(s.host, 80), Since: rows[0].Since, Last: newest.Last, Example: newest.Example, cause: rows[0].cause}
	g.Endpoint = place{Text: endpoints(rows, more), URL: look.root + s.address("/issue/group", g.cause)}
	g.Application = place{Text: applications(rows)}
	waits, some := 0, false
	others, lined := apart(rows)
	if len(lined) > 0 {
		g.Lined = place{Text: "what was given up of " + count(len(lined), "endpoint", "endpoints") + " is sent again once it is healthy", URL: look.root + s.address("/issue/group/confirm/retry", g.cause)}
		g.LinedAt = slices.MinFunc(lined, func(a, b linedRow) int { return a.At.At.Compare(b.At.At) }).At
	}
	for i, row := range rows {
		if i < groupSome {
			g.Some = append(g.Some, row.named())
		}
		if row.Since.At.Before(g.Since.At) {
			g.Since = row.Since
		}
		waits, some = waits+row.waiting, some || row.further
	}
	g.Waits = waitsWords(waits, some)
	g.Why = &why{Tone: newest.Why.Tone, Heading: g.Heading, What: newest.Why.What, Fix: newest.Why.Fix, Links: look.groupLinks(s, g.cause, more || len(others) > 0)}
	return g
}

// groupLinks lead to what can be done with all of them; retry: some are not in line.
func (look *issueLook) groupLinks(s *site, cause string, retry bool) (all []place) {
	for _, a := range groupActs {
		if a.text == "" || a.name == "retry" && !retry || a.name == notifyAll && !look.notify {
			continue
		}
		all = append(all, place{Text: a.text, URL: look.root + s.address("/issue/group/confirm/"+a.name, cause)})
	}
	return all
}

func endpoints(rows []issueRow, more bool) string {
	n := count(len(rows), "endpoint", "endpoints")
	if more {
		return "at least " + n
	}
	return n
}

func applications(rows []issueRow) string {
	all := map[fanfare.ApplicationID]bool{}
	for _, row := range rows {
		all[row.endpoint.Application] = true
	}
	return count(len(all), "application", "applications")
}

// askedSite is the one that the address names, without its endpoints.
func (v *visit) askedSite() *site { return &site{host: v.asked("host"), from: v.asked("from")} }

// groupMost is how many endpoints of a site are looked at for one of its issues.
const groupMost = 25

// askedGroup are the endpoints that fail at the host and for the cause that the address
// names. more: not all that fail at that host were looked at.
func (v *visit) askedGroup(look *issueLook) (rows []issueRow, more bool, err error) {
	s, err := v.siteAt(v.asked("host"), v.asked("from"))
	if s == nil || err != nil {
		return nil, false, err
	}
	rows, err = v.issuesOfSite(s, look, groupMost)
	rows = slices.DeleteFunc(rows, func(row issueRow) bool { return row.cause != v.asked("cause") })
	return rows, len(s.eps) > groupMost, err
}

// groupOver is what there is to be said of an issue that is none any more.
func (v *visit) groupOver() empty {
	return empty{"Nothing fails so any more", "No endpoint at this host that was looked at fails for that cause, or it is muted.", []place{{Text: "See the issues", URL: v.root + "/issue"}}}
}

func readGroup(v *visit) error {
	look, err := v.issueLook()
	if err != nil {
		return err
	}
	rows, more, err := v.askedGroup(look)
	if err != nil {
		return err
	}
	body := issueBody{Heading: "What fails at " + cut(v.asked("host"), 80), Rows: rows, Empty: v.groupOver()}
	if len(rows) > 0 {
		body.Heading = rows[0].Heading + " at " + cut(v.asked("host"), 80)
		body.Text = endpoints(rows, more) + " of " + applications(rows) + "."
		others, _ := apart(rows)
		body.Links = look.groupLinks(v.askedSite(), v.asked("cause"), more || len(others) > 0)
	}
	off, err := v.anyDisabledAt(v.asked("host"))
	if err != nil {
		return err
	}
	if off {
		body.Links = append(body.Links, v.enableAt(v.asked("host")))
	}
	return v.show("console/issue", body.Heading, body)
}
