package ui

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// doAct does at once what a button says.
func doAct(v *visit) error {
	ep := v.r.PathValue("endpoint")
	at := v.of("endpoint", ep)
	change := func(word string, what map[string]any) error {
		if err := v.ask(http.MethodPatch, at, nil, what, nil); err != nil {
			return err
		}
		return v.to("/endpoint/"+ep, word)
	}
	do := func(word, path string, in any) error {
		if err := v.ask(http.MethodPost, at+path, nil, in, nil); err != nil {
			return err
		}
		return v.to("/endpoint/"+ep, word)
	}
	switch v.r.PathValue("act") {
	case "pause":
		return do("paused", "/pause", struct{}{})
	case "resume":
		if v.own { // what the API has not beside the others
			return change("resumed", map[string]any{"paused": false})
		}
		return do("resumed", "/resume", struct{}{})
	case "verify":
		return do("verified", "/verify", struct{}{})
	case "rotate":
		return do("rotated", "/secret/rotate", struct{}{})
	case "enable":
		return change("enabled", map[string]any{"disabled": false})
	case "disable":
		return change("disabled", map[string]any{"disabled": true})
	case "cancel":
		return do("emptied", "/pause", map[string]any{"waiting": "cancel"})
	case "try":
		return v.tryNow(ep)
	case "url":
		return change("url", map[string]any{"url": v.said("url")})
	case "timeout":
		return change("patience", map[string]any{"timeout": patience})
	case "success":
		return change("counted", map[string]any{"success": map[string]string{"preset": scriptSuccess}})
	case "recover":
		return do("recovering", "/recover", map[string]any{"since": v.said("since")})
	case "retry":
		return v.putInLine()
	case "replay":
		return do("replaying", "/replay-missing", map[string]any{"since": v.said("since")})
	case "delete":
		if err := v.ask(http.MethodDelete, at, nil, nil, nil); err != nil {
			return err
		}
		return v.to("", "deleted")
	}
	return noPage(v)
}

// A question is asked before something is done that cannot be undone, or that is much.
type question struct {
	endpointOut
	Heading, Text string
	Do            *act
	Spans         []place // from when on
}

// askedOf is what those may who are asked; to plan the others the API says whether they may.
var askedOf = map[string]fanfare.Capability{
	"delete": fanfare.ManageEndpoint, "disable": fanfare.ManageEndpoint, "cancel": fanfare.ManageEndpoint, "rotate": fanfare.ManageEndpointSecret,
}

func confirmAct(v *visit) error {
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	q := question{endpointOut: *ep}
	what := v.r.PathValue("act")
	do := func(text, tone string, hidden ...place) {
		q.Do = v.act("/endpoint/"+ep.ID+"/do/"+what, text, tone, hidden...)
	}
	if c, ok := askedOf[what]; ok && !v.may(c) {
		return &refusal{Status: http.StatusForbidden, Detail: "This link does not let you do that. Ask whoever gave it to you for one that does."}
	}
	switch what {
	case "delete":
		q.Heading, q.Text = "Delete this endpoint?", "It is sent nothing any more, and what waits for it is cancelled. Its deliveries and attempts are removed with it. This cannot be undone."
		if ep.Kind == fanfare.KindPoller {
			q.Text = "Nobody can ask it for messages any more, and how far those who did have come is forgotten. This cannot be undone."
		}
		do("Delete it", "danger")
	case "disable":
		q.Heading, q.Text = "Disable this endpoint?", "It is sent nothing, and what happens meanwhile is not kept for it. It can be enabled again at any time, and sent what it missed."
		if v.own {
			q.Text = "It is told nothing, and what happens meanwhile is not kept for it. It can be enabled again at any time."
		}
		do("Disable it", "danger")
	case "rotate":
		q.Heading, q.Text = "Make a new signing secret?", "Messages are signed with both secrets for 24 hours, so that the receiver can change over. After that only the new one signs."
		do("Make a new secret", "main")
	case "cancel":
		return v.askCancel(&q)
	case "retry":
		if t, err := v.linedOf(ep); t != nil || err != nil {
			return v.askedAlready(&q, t, err)
		}
		return v.askAgain(&q, what)
	case "recover", "replay":
		return v.askAgain(&q, what)
	default:
		return noPage(v)
	}
	return v.show("portal/confirm", q.Heading, q)
}

// askAgain says how much would be sent again, from a time on.
func (v *visit) askAgain(q *question, what string) error {
	since := v.asked("since")
	at := v.now.Add(-24 * time.Hour)
	if d, ok := spans[since]; ok {
		at = v.now.Add(-d)
	} else if t, err := time.Parse(time.RFC3339Nano, since); err == nil {
		at = t
	}
	text := at.UTC().Format(time.RFC3339Nano)
	path, heading := "recover", "Send again what failed?"
	switch what {
	case "replay":
		path, heading = "replay-missing", "Send what was never sent?"
	case "retry":
		heading = "Retry all when healthy?"
	}
	var plan taskOut
	if err := v.plan(v.of("endpoint", q.ID, path), map[string]any{"since": text}, planTime, &plan); err != nil {
		return err
	}
	q.Heading = heading
	for _, s := range []struct{ span, text string }{{"1h", "The last hour"}, {"24h", "The last 24 hours"}, {"7d", "The last 7 days"}} {
		q.Spans = append(q.Spans, place{s.text, v.base + "/endpoint/" + q.ID + "/confirm/" + what + "?since=" + s.span, since == s.span || since == "" && s.span == "24h"})
	}
	from := "since " + at.UTC().Format("2006-01-02 15:04:05 UTC")
	none := plan.Total == 0 && !plan.More
	switch {
	case none && what == "replay":
		q.Text = "There is no message " + from + " that this endpoint wants and was not sent."
	case none:
		q.Text = "Nothing that was accepted " + from + " has been given up."
	case what == "replay":
		q.Text = capital(planned(plan.Total, plan.More, "message was accepted", "messages were accepted")) + " " + from + " that this endpoint wants, and was never sent."
	case what == "retry":
		q.Text = capital(planned(plan.Total, plan.More, "delivery was given up", "deliveries were given up")) + " " + from + ". " + untilHealthy
	default:
		q.Text = capital(planned(plan.Total, plan.More, "delivery was given up", "deliveries were given up")) + " " + from + ". The receiver sees the same message ids as before."
	}
	if n := q.RateLimit; n != nil && plan.Total > *n && !plan.More {
		q.Text += fmt.Sprintf(" At %s a second, as the endpoint has it, that takes about %s.", count(*n, "message", "messages"), long(time.Duration(plan.Total / *n)*time.Second))
	}
	if !none {
		verb := "Send "
		if what == "retry" {
			verb = "Retry "
		}
		q.Do = v.act("/endpoint/"+q.ID+"/do/"+what, verb+them(plan.Total, plan.More, "message", "messages"), "main", place{Text: "since", URL: text})
	}
	if none && what != "replay" {
		if err := v.askWaiting(q); err != nil {
			return err
		}
	}
	return v.show("portal/confirm", heading, q)
}

// capital is a sentence with a capital letter in front.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// count is a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// thousands is n as people write it.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
