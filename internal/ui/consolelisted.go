package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/fanfarehq/fanfare"
)

// listedActs lead to what can be done with all of so many endpoints of a state that are
// listed.
func (v *visit) listedActs(state string, n int) (all []place) {
	for _, a := range groupActs {
		if a.state == "" || a.state != state || n < 2 {
			continue
		}
		q := v.r.URL.Query()
		q.Del("done")
		these := " these "
		if n > groupMost {
			these, n = " the newest ", groupMost
		}
		all = append(all, place{Text: a.button + these + a.count(n) + "…", URL: address(v.root+"/endpoint/confirm/"+a.name, q.Encode())})
	}
	return all
}

// confirmListed says with how many of the endpoints that the address lists something would
// be done, and to how much.
func confirmListed(v *visit) error {
	a := v.groupAct()
	if a == nil || a.state == "" {
		return noPage(v)
	}
	eps, next, err := v.everyAsked(a.state)
	if err != nil {
		return err
	}
	if a.name == enableAll && v.asked("host") != "" { // as it is offered for what was disabled for failing
		eps = slices.DeleteFunc(eps, func(ep *everyRow) bool { return ep.DisabledReason == "" })
	}
	more := next != "" || len(eps) > groupMost
	eps = eps[:min(groupMost, len(eps))]
	back := v.r.URL.Query()
	back.Set("state", a.state)
	body := groupBody{Heading: a.heading, Back: address(v.root+"/endpoint", back.Encode())}
	if len(eps) == 0 {
		body.Heading = "Nothing to do"
		body.Text = "No endpoint that was asked for and looked at is " + a.state + "."
		return v.show("console/groupask", body.Heading, body)
	}
	what, err := v.wouldStart(a, eps)
	if err != nil {
		return err
	}
	rows, hidden := []issueRow{}, []place{}
	for _, ep := range eps {
		row, _ := v.issue(ep)
		named := row.named()
		if ep.DisabledReason != "" {
			named.Text = cut(named.Text, 80) + ": " + ep.DisabledReason
		}
		rows, hidden = append(rows, row), append(hidden, inGroup(ep, ""))
		body.Endpoints = append(body.Endpoints, named)
	}
	at := ""
	if host := v.asked("host"); host != "" {
		at = " at " + cut(host, 80)
	}
	body.Text = a.count(len(eps)) + " of " + applications(rows) + at + ". " + what
	if more {
		body.Text += fmt.Sprintf(" These are the newest, %d at most; do it again for those that are left.", groupMost)
	}
	body.Do = v.act("/issue/group/do/"+a.name, a.button+" "+a.count(len(eps)), "main", hidden...)
	return v.show("console/groupask", body.Heading, body)
}

// wouldStart says what becomes of endpoints that were sent nothing, and are again.
func (v *visit) wouldStart(a *groupAct, eps []*everyRow) (what string, err error) {
	waiting, more, ours := 0, false, 0
	for _, ep := range eps {
		if ep.DisabledReason != "" {
			ours++
		}
		if more || a.name == enableAll && ep.Paused { // which is enough to know, or stays as it is
			continue
		}
		n, err := v.within(string(ep.Application)).waiting(ep.ID)
		if err != nil && !gone(err) {
			return "", err
		}
		waiting += n
		more = waiting >= waitingCounted
	}
	if what = "Nothing waits for them."; waiting > 0 {
		what = capital(planned(waiting, more, "delivery waits", "deliveries wait")) + " for them, to be sent at once."
	}
	if a.name == resumeAll {
		return what + " They are sent what is for them, each as fast and in the order that it is set to.", nil
	}
	switch {
	case ours == len(eps):
		what = "Fanfare has disabled them itself. " + what
	case ours == 0:
		what = "Somebody has disabled them. " + what
	default:
		what = fmt.Sprintf("Fanfare has disabled %d of them itself, somebody the others. ", ours) + what
	}
	return what + " What happened while they were disabled was not kept for them: “Replay missing…” on the page of each sends it, and “Recover failed…” what was given up. One that does nothing but fail is disabled again.", nil
}

// enableAt leads to what enables all endpoints at a host that are disabled.
func (v *visit) enableAt(host string) place {
	return place{Text: "Enable all at " + cut(host, 80) + "…", URL: address(v.root+"/endpoint/confirm/"+enableAll, url.Values{"host": {host}}.Encode())}
}

// enables are those of the hosts at which several of these were disabled.
func (v *visit) enables(rows []issueRow) (all []place) {
	n := map[string]int{}
	for _, row := range rows {
		host := hostOf(row.endpoint.URL)
		if n[host]++; n[host] == 2 && host != "" {
			all = append(all, v.enableAt(host))
		}
	}
	return all
}

// anyDisabledAt reports whether there is an endpoint at a host that was disabled for
// failing, of those that are looked at.
func (v *visit) anyDisabledAt(host string) (bool, error) {
	if host == "" || !v.opens(http.MethodGet, v.root+"/endpoint/confirm/"+enableAll) {
		return false, nil
	}
	off, _, err := v.everyEndpoint(fanfare.EndpointFilter{Which: fanfare.DisabledEndpoints, Limit: issuesMost, Look: issuesLook})
	return slices.ContainsFunc(off, func(ep *fanfare.Endpoint) bool { return ep.DisabledReason != "" && hostOf(ep.URL) == host }), err
}
