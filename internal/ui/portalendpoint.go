package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// An endpointHead is what all pages of an endpoint begin with.
type endpointHead struct {
	endpointOut
	State  badge
	Tabs   []place
	Acts   []*act  // done at once
	Ask    []place // done after another question
	Banner *why    // what keeps it from being sent to; nil: nothing
	Took   string  // half of the newest answers came within; "": there are none
	Rate   string  // how much of a day's deliveries succeeded; "": there are none
	Strip  *strip

	turn *turn // nil: it does not fail, or that is not known
}

// A why says in words how something stands, and what to do, with buttons where a
// button is enough.
type why struct {
	Tone, Heading string
	What, Fix     string
	Then          string // what becomes of what waits; "": nothing does
	Acts          []*act
	Links         []place
}

// headOf reads what pages of an endpoint begin with.
func (v *visit) headOf(ep *endpointOut, tab string) (*endpointHead, error) {
	at := "/endpoint/" + ep.ID
	head := &endpointHead{endpointOut: *ep, State: ep.state(v)}
	head.Tabs = []place{{"Deliveries", v.base + at, tab == "deliveries"}, {"Settings", v.base + at + "/settings", tab == "settings"}}
	if v.may(fanfare.CreateAttempts) {
		head.Tabs = append(head.Tabs, place{"Test", v.base + at + "/test", tab == "test"})
	}
	head.Tabs = v.offered(append(head.Tabs, place{"Transform", v.base + at + "/transform", tab == "transform"}))
	inbox, err := v.inboxOf(ep)
	if err != nil {
		return nil, err
	}
	if inbox != "" {
		head.Tabs = append(head.Tabs, place{"Test inbox", inbox, false})
	}
	attempts, err := v.newest(ep.ID, pageSize)
	if err != nil {
		return nil, err
	}
	head.Strip, head.Took = newStrip(attempts), median(attempts)
	if head.Rate, err = v.rate(ep.ID); err != nil {
		return nil, err
	}
	if v.may(fanfare.ManageEndpoint) && !ep.Disabled {
		head.Acts, head.Ask = v.pauses(ep, "")
	}
	if v.may(fanfare.CreateAttempts) {
		head.Ask = append(head.Ask, place{Text: "Recover failed…", URL: v.base + at + "/confirm/recover"}, place{Text: "Replay missing…", URL: v.base + at + "/confirm/replay"})
	}
	head.Banner = v.banner(ep, attempts)
	if head.turn, err = v.turnOf(ep); err != nil {
		return nil, err
	}
	if head.Banner != nil {
		v.sayTurn(head.Banner, ep, head.turn)
	}
	return head, v.sayLined(head.Banner, ep)
}

func median(attempts []attemptOut) string {
	ms, ok := medianOf(attempts)
	if !ok {
		return ""
	}
	return taken(ms)
}

// medianOf is the time within which half of the answers came; false if none did.
func medianOf(attempts []attemptOut) (ms int64, ok bool) {
	var took []int64
	for _, a := range attempts {
		if a.ResponseStatusCode > 0 {
			took = append(took, a.DurationMs)
		}
	}
	if len(took) == 0 {
		return 0, false
	}
	slices.Sort(took)
	return took[len(took)/2], true
}

// banner says what is the matter with an endpoint; nil: nothing.
func (v *visit) banner(ep *endpointOut, attempts []attemptOut) *why {
	at := "/endpoint/" + ep.ID
	manage := v.may(fanfare.ManageEndpoint)
	switch {
	case ep.Disabled:
		w := &why{Tone: "wait", Heading: "Disabled", What: "This endpoint is sent nothing.", Fix: "Once it is enabled again, what failed or was missed can be sent."}
		if ep.DisabledReason != "" {
			w.What = ep.DisabledReason
		}
		if manage {
			w.Acts = []*act{v.act(at+"/do/enable", "Enable again", "main")}
		}
		w.Links = v.retries(ep)
		if ep.DisabledReason != "" {
			w.Links = append(w.Links, v.toIssue(ep)...)
		}
		return w
	case ep.Unverified != "":
		w := &why{Tone: "wait", Heading: "Not confirmed yet", What: ep.Unverified}
		if manage {
			w.Acts = []*act{v.act(at+"/do/verify", "Ask the receiver again", "main")}
		}
		return w
	case ep.Unusable != "":
		return &why{Tone: "bad", Heading: "It cannot be sent to", What: ep.Unusable}
	case ep.Paused:
		w := &why{Tone: "wait", Heading: "Paused", What: "What is for this endpoint waits until it is resumed.", Links: v.retries(ep)}
		if ep.drops() {
			w.What = "What comes while it is paused is not for this endpoint."
		}
		return w
	case ep.FailingSince.IsZero() || len(attempts) == 0 || attempts[0].Status == statusDelivered:
		return nil
	}
	w := v.whyFailed(ep, &attempts[0])
	w.Heading = "Failing since " + ep.FailingSince.UTC().Format("2006-01-02 15:04 UTC")
	w.Links = append(w.Links, append(v.retries(ep), v.toIssue(ep)...)...)
	return w
}

// whyFailed says why an attempt failed, with a button where one will do.
func (v *visit) whyFailed(ep *endpointOut, a *attemptOut) *why {
	w := &why{Tone: "bad", Heading: "Why", What: a.Explanation.What, Fix: a.Explanation.Fix}
	if to := redirected(a); to != "" && ep != nil && to != ep.URL && v.may(fanfare.ManageEndpoint) {
		w.Acts = append(w.Acts, v.act("/endpoint/"+ep.ID+"/do/url", "Use "+cut(to, 60), "main", place{Text: "url", URL: to}))
	} else if to != "" && ep != nil && to == ep.URL {
		w.Fix = "The endpoint has that URL by now: it is sent there at the next try."
	}
	return w
}

// redirected is the whole address that an answer points to; "": none that could be an
// endpoint's.
func redirected(a *attemptOut) string {
	if a.ErrorClass != string(fanfare.ClassRedirect) {
		return ""
	}
	from, err := url.Parse(a.URL)
	if err != nil {
		return ""
	}
	to, err := from.Parse(a.location())
	if err != nil || to.Scheme != "https" && to.Scheme != "http" || to.Host == "" || to.User != nil {
		return ""
	}
	return to.String()
}

type deliveriesBody struct {
	*endpointHead
	Fields []field
	Rows   []deliveryRow
	Pager  pager
	Empty  empty
}

// A deliveryRow is a delivery in a list.
type deliveryRow struct {
	ID        string // of its row
	URL       string
	EventType string
	Endpoint  string
	State     badge
	Attempts  string
	At, Next  when
}

func endpointDeliveries(v *visit) error {
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	head, err := v.headOf(ep, "deliveries")
	if err != nil {
		return err
	}
	var list listOf[struct {
		messageOut
		standing
	}]
	fields, query := v.filter()
	query = append(query, "limit", fmt.Sprint(pageSize), "with_content", "false", "expanded_statuses", "true", "iterator", v.asked("at"))
	if err := v.read(&list, v.of("endpoint", ep.ID, "msg"), query...); err != nil {
		return err
	}
	body := deliveriesBody{endpointHead: head, Fields: fields, Pager: list.pager(v, "/endpoint/"+ep.ID)}
	for _, d := range list.Data {
		body.Rows = append(body.Rows, deliveryRow{
			ID: d.ID, URL: v.base + "/message/" + d.ID + "/to/" + ep.ID, EventType: d.EventType,
			State: d.badge(), At: v.when(d.Timestamp), Next: v.nextTry(d.NextAttempt, ep, head.turn),
		})
	}
	body.Empty = empty{"No deliveries yet", "As soon as something happens that this endpoint wants to hear of, it is here.", nil}
	if v.may(fanfare.CreateAttempts) {
		body.Empty.Links = []place{{Text: "Send an example", URL: v.base + "/endpoint/" + ep.ID + "/test"}}
	}
	if len(v.r.URL.Query()) > 0 && v.asked("done") == "" {
		body.Empty = empty{"Nothing like that", "No delivery is as the filters say.", []place{{Text: "Show all", URL: v.base + "/endpoint/" + ep.ID}}}
	}
	return v.show("portal/deliveries", ep.Name(), body)
}

// filter reads the filters of a list of deliveries from the address: as fields, and as
// the API is asked.
func (v *visit) filter() (fields []field, query []string) {
	span := v.asked("span")
	after := ""
	if d, ok := spans[span]; ok {
		after = v.now.Add(-d).UTC().Format(time.RFC3339)
		if v.asked("at") != "" { // pages after the first are of the same list
			after = v.asked("after")
		}
		q := v.r.URL.Query()
		q.Set("after", after)
		v.r.URL.RawQuery = q.Encode()
	}
	fields = []field{
		{Name: "status", Label: "State", Kind: "select", Options: states(v.asked("status"))},
		{Name: "type", Label: "Event type", Kind: "text", Value: v.asked("type"), Placeholder: "record.*", Code: true},
		{Name: "span", Label: "Accepted", Kind: "select", Options: options(span, "", "At any time", "1h", "In the last hour", "24h", "In the last 24 hours", "7d", "In the last 7 days")},
	}
	return fields, []string{"status", v.asked("status"), "event_types", v.asked("type"), "after", after}
}

var spans = map[string]time.Duration{"1h": time.Hour, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour}

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
	case "recover":
		return do("recovering", "/recover", map[string]any{"since": v.said("since")})
	case "retry":
		return do("lined", "/recover", map[string]any{"since": v.said("since"), "whenHealthy": true})
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
		do("Delete it", "danger")
	case "disable":
		q.Heading, q.Text = "Disable this endpoint?", "It is sent nothing, and what happens meanwhile is not kept for it. It can be enabled again at any time, and sent what it missed."
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
	if err := v.ask(http.MethodPost, v.of("endpoint", q.ID, path), url.Values{"plan": {"true"}}, map[string]any{"since": text}, &plan); err != nil {
		return err
	}
	q.Heading = heading
	for _, s := range []struct{ span, text string }{{"1h", "The last hour"}, {"24h", "The last 24 hours"}, {"7d", "The last 7 days"}} {
		q.Spans = append(q.Spans, place{s.text, v.base + "/endpoint/" + q.ID + "/confirm/" + what + "?since=" + s.span, since == s.span || since == "" && s.span == "24h"})
	}
	from := "since " + at.UTC().Format("2006-01-02 15:04:05 UTC")
	switch {
	case plan.Total == 0 && what == "replay":
		q.Text = "There is no message " + from + " that this endpoint wants and was not sent."
	case plan.Total == 0:
		q.Text = "Nothing that was accepted " + from + " has been given up."
	case what == "replay":
		q.Text = fmt.Sprintf("%s %s that this endpoint wants, and was never sent.", count(plan.Total, "message was accepted", "messages were accepted"), from)
	case what == "retry":
		q.Text = fmt.Sprintf("%s %s. %s", count(plan.Total, "delivery was given up", "deliveries were given up"), from, untilHealthy)
	default:
		q.Text = fmt.Sprintf("%s %s. The receiver sees the same message ids as before.", count(plan.Total, "delivery was given up", "deliveries were given up"), from)
	}
	if n := q.RateLimit; n != nil && plan.Total > *n {
		q.Text += fmt.Sprintf(" At %s a second, as the endpoint has it, that takes about %s.", count(*n, "message", "messages"), long(time.Duration(plan.Total / *n)*time.Second))
	}
	if plan.Total > 0 {
		verb := "Send "
		if what == "retry" {
			verb = "Retry "
		}
		q.Do = v.act("/endpoint/"+q.ID+"/do/"+what, verb+count(plan.Total, "message", "messages"), "main", place{Text: "since", URL: text})
	}
	if plan.Total == 0 && what != "replay" {
		if err := v.askWaiting(q); err != nil {
			return err
		}
	}
	return v.show("portal/confirm", heading, q)
}

// count is a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text + " " + many
}
