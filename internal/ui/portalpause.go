package ui

import (
	"net/url"
	"strconv"

	"github.com/fanfarehq/fanfare"
)

// drops reports whether nothing waits for the endpoint while it is paused.
func (ep *endpointOut) drops() bool { return ep.OnPause == fanfare.OnPauseCancel }

// pauses are the ways to pause an endpoint, or to let it go on: the buttons that lose
// nothing, and what leads to a page which says what would be cancelled.
func (v *visit) pauses(ep *endpointOut, tone string) (acts []*act, ask []place) {
	at := "/endpoint/" + ep.ID
	cancel := place{Text: "Pause and cancel…", URL: v.base + at + "/confirm/cancel"}
	switch {
	case ep.Paused && ep.drops(): // nothing waits
		return []*act{v.act(at+"/do/resume", "Resume", tone)}, nil
	case ep.Paused:
		cancel.Text = "Cancel what waits…"
		return []*act{v.act(at+"/do/resume", "Resume", tone)}, []place{cancel}
	case ep.drops(): // by its settings a pause cancels what waits
		return nil, []place{cancel}
	}
	return []*act{v.act(at+"/do/pause", "Pause", tone)}, []place{cancel}
}

// waitingCounted is how far what waits for an endpoint is counted.
const waitingCounted = 1000

// waiting is how much waits for an endpoint: so much, or waitingCounted and perhaps more.
func (v *visit) waiting(endpoint string) (int, error) {
	var n struct{ Pending int }
	err := v.read(&n, v.of("endpoint", endpoint, "stats"), "waiting", strconv.Itoa(waitingCounted))
	return n.Pending, err
}

// waits says how much that is.
func waits(n int) string {
	return planned(n, n == waitingCounted, "delivery waits", "deliveries wait")
}

// askCancel says how much is cancelled when an endpoint is paused so.
func (v *visit) askCancel(q *question) error {
	n, err := v.waiting(q.ID)
	if err != nil {
		return err
	}
	much := count(n, "delivery", "deliveries")
	if n == waitingCounted {
		much = "all that waits"
	}
	q.Heading = "Pause it and cancel what waits?"
	button := "Pause it and cancel " + much
	switch {
	case q.Paused:
		q.Heading, button = "Cancel what waits?", "Cancel "+much
	case n == 0:
		button = "Pause it"
	}
	q.Text = "No delivery waits for it at present."
	if n > 0 {
		q.Text = capital(waits(n)) + " for it, and would be cancelled. That cannot be undone: what is cancelled is sent only if somebody resends it."
	}
	q.Text += " An attempt that is under way is seen through."
	if q.drops() {
		q.Text += " What comes while it is paused is not for it, as its settings say."
	} else {
		q.Text += " What comes while it is paused waits until it is resumed."
	}
	if n > 0 || !q.Paused {
		q.Do = v.act("/endpoint/"+q.ID+"/do/cancel", button, "danger")
	}
	return v.show("portal/confirm", q.Heading, *q)
}

// askWaiting says of what was not given up that it is sent by itself, and when.
func (v *visit) askWaiting(q *question) error {
	n, err := v.waiting(q.ID)
	if err != nil || n == 0 {
		return err
	}
	t, err := v.turnOf(&q.endpointOut)
	if err != nil {
		return err
	}
	w := &why{}
	v.sayTurn(w, &q.endpointOut, t)
	q.Text += " But " + waits(n) + " for it. " + w.Then
	if len(w.Acts) > 0 {
		q.Do = w.Acts[0]
	}
	return nil
}

// untilHealthy says what it means that something is sent again once its endpoint is healthy.
const untilHealthy = "While the endpoint fails, it is tried with one of them a minute at most, and with none while it is paused or disabled. As soon as it takes one, all of them are sent, with the same message ids as before, and in order to an endpoint that is sent everything in order."

// retries leads to the page from which what an endpoint has given up is sent again once it
// is healthy.
func (v *visit) retries(ep *endpointOut) []place {
	if !v.may(fanfare.CreateAttempts) {
		return nil
	}
	return []place{{Text: "Retry all when healthy…", URL: v.base + "/endpoint/" + ep.ID + "/confirm/retry" + sinceFailing(ep.FailingSince)}}
}

// toIssue leads in the console to what an endpoint fails for.
func (v *visit) toIssue(ep *endpointOut) []place {
	if !v.console {
		return nil
	}
	return []place{{Text: "See the issue", URL: v.root + "/issue/of/" + url.PathEscape(string(v.app)) + "/" + url.PathEscape(ep.ID)}}
}
