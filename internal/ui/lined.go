package ui

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// since is when the task was begun.
func (t *taskFull) since() string { return t.CreatedAt.UTC().Format("2006-01-02 15:04 UTC") }

// linedOf is what sends again what an endpoint has given up, once it is healthy; nil:
// nothing does.
func (v *visit) linedOf(ep *endpointOut) (*taskFull, error) {
	if !v.reaches("GET /background-task") {
		return nil, nil
	}
	var list listOf[taskFull]
	if err := v.read(&list, "/background-task", "status", "running", "task", "endpoint.recover", "limit", strconv.Itoa(fanfare.MaxPage)); err != nil {
		return nil, err
	}
	for i, t := range list.Data {
		if t.EndpointID == ep.ID && t.Parameters.WhenHealthy {
			return &list.Data[i], nil
		}
	}
	return nil, nil
}

// sayLined says in the place of what offers to put in line what was given up that it is,
// where it is.
func (v *visit) sayLined(w *why, ep *endpointOut) error {
	offered := func(p place) bool { return strings.Contains(p.URL, "/confirm/retry") }
	if w == nil || !slices.ContainsFunc(w.Links, offered) {
		return nil
	}
	t, err := v.linedOf(ep)
	if t == nil || err != nil {
		return err
	}
	w.Links = slices.DeleteFunc(w.Links, offered)
	w.Then = strings.TrimLeft(w.Then+" "+t.lined(), " ")
	if v.console {
		w.Links = append(w.Links, place{Text: "See what is in line", URL: v.root + "/task/" + url.PathEscape(t.ID)})
	}
	return nil
}

// lined says since when it is in line, and how much.
func (t *taskFull) lined() string {
	return "In line since " + t.since() + ": " + count(t.Total, "delivery that was given up is", "deliveries that were given up are") + " sent again once the endpoint takes what it is sent."
}

// putInLine has what an endpoint has given up sent again once it is healthy, unless
// something does so already.
func (v *visit) putInLine() error {
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	at := "/endpoint/" + ep.ID
	switch t, err := v.linedOf(ep); {
	case err != nil:
		return err
	case t != nil && v.console:
		return v.toLined(t)
	case t != nil:
		return v.to(at, "inline")
	}
	return v.after(v.ask(http.MethodPost, v.of("endpoint", ep.ID, "recover"), nil, map[string]any{"since": v.said("since"), "whenHealthy": true}, nil), at, "lined")
}

// toLined leads in the console to what waits already for its endpoint to be healthy.
func (v *visit) toLined(t *taskFull) error {
	v.base = v.root
	return v.to("/task/"+url.PathEscape(t.ID), "inline")
}

// askedAlready is the page that asks, where there is nothing to ask.
func (v *visit) askedAlready(q *question, t *taskFull, err error) error {
	if err != nil {
		return err
	}
	if v.console {
		return v.toLined(t)
	}
	q.Heading, q.Text = "It is in line already", t.lined()
	return v.show("portal/confirm", q.Heading, *q)
}

// sends reports whether the task puts deliveries in line.
func (t *taskFull) sends() bool {
	return t.Task == "endpoint.recover" || t.Task == "endpoint.replay" || t.Task == "endpoint.bulk-replay"
}

// Much is how much there is to do, in words.
func (t *taskFull) Much() string {
	if t.sends() {
		return planned(t.Total, t.More, "delivery", "deliveries")
	}
	return planned(t.Total, t.More, "message", "messages")
}

// sayTaskWaits says of a task that is finished that what it was for is in line with it,
// and how much waits there now.
func (v *visit) sayTaskWaits(body *taskBody) error {
	if !body.sends() || body.State != "finished" || body.Done == 0 {
		return nil
	}
	body.Lined = count(body.Done, "delivery was", "deliveries were") + " put in line, and sent as the limits of each endpoint let them."
	if v.opens("GET", v.root+"/queue") {
		body.Queue = v.root + "/queue"
	}
	if body.EndpointID == "" || !v.reaches("GET /app/{app}/endpoint/{endpoint}/stats") {
		return nil
	}
	n, err := v.within(body.AppID).waiting(body.EndpointID)
	if gone(err) {
		return nil // it was deleted since
	}
	body.Lined += " At present " + waits(n) + " for the endpoint."
	return err
}
