package api

import (
	"strconv"

	"github.com/fanfarehq/fanfare"
)

// Bounds on what is looked at for a page of what all applications have.
const (
	endpointsLook = 5000
	attemptsLook  = 2000
)

func (s *server) everyRoutes() []*route {
	outcome := param{name: "outcome", kind: "string", doc: "Only those that failed, or succeeded.", enum: []string{"failed", "succeeded"}}
	return []*route{
		on("GET /endpoint", "List the endpoints of all applications, the newest first; a page looks at 5,000 at most, and may be short of what was asked for before the list is done", listEveryEndpoint, limitParam, iteratorParam, fareParam).
			needs(fanfare.ScopeReadEndpoints, noSession),
		on("GET /attempt", "List the attempts of all applications without what was answered, those stored last first; a page looks at 2,000 at most, and may be short of what was asked for before the list is done", listEveryAttempt, limitParam, iteratorParam, outcome).
			needs(fanfare.ScopeReadMessages, noSession),
	}
}

var fareParam = param{name: "state", kind: "string", doc: "Only those that fail at present, that are paused, or that are disabled.", enum: []string{"failing", "paused", "disabled"}}

func (c *call) fareAsked() fanfare.EndpointState {
	fares := map[string]fanfare.EndpointState{"failing": fanfare.FailingEndpoints, "paused": fanfare.PausedEndpoints, "disabled": fanfare.DisabledEndpoints}
	return fares[c.choice("state", "", fareParam.enum...)]
}

type everyEndpoint struct {
	endpointOut
	AppID fanfare.ApplicationID `json:"appId"`
}

type everyAttempt struct {
	attemptFields
	AppID fanfare.ApplicationID `json:"appId"`
}

// onwards is behind what a list goes on that cannot be read backwards; "": it begins.
func (c *call) onwards() (after string, mark [markBytes]byte, err error) {
	text := c.one("iterator")
	mark = c.mark(nil, "descending")
	if err := c.mistakes(); err != nil {
		return "", mark, err
	}
	if err := c.cursors.ready(c.r.Context(), c.hub); err != nil || text == "" {
		return "", mark, err
	}
	plain, ok := c.cursors.open(text)
	from, read := parseCursor(plain)
	if !ok || !read || from.back || from.mark != mark {
		return "", mark, badRequest("This iterator is not of this list with these filters; begin again without one.")
	}
	return from.id, mark, nil
}

// further is the iterator behind the last that was looked at; nil: there is nothing
// further.
func (c *call) further(last string, mark [markBytes]byte) *string {
	if last == "" {
		return nil
	}
	text := c.cursors.seal(cursor{false, mark, last}.String())
	return &text
}

func listEveryEndpoint(c *call, _ *none) (*list[*everyEndpoint], error) {
	f := fanfare.EndpointFilter{Limit: c.integer("limit", 1, fanfare.MaxPage, 50), Look: endpointsLook, Which: c.fareAsked()}
	after, mark, err := c.onwards()
	if err != nil {
		return nil, err
	}
	f.Before = fanfare.EndpointID(after)
	eps, next, err := c.hub.EveryEndpoint(c.r.Context(), f)
	if err != nil {
		return nil, err
	}
	out := &list[*everyEndpoint]{Data: []*everyEndpoint{}, Iterator: c.further(string(next), mark), Done: next == ""}
	for _, ep := range eps {
		shown, err := c.showEndpoint(ep)
		if err != nil {
			return nil, err
		}
		out.Data = append(out.Data, &everyEndpoint{*shown, ep.Application})
	}
	return out, nil
}

func listEveryAttempt(c *call, _ *none) (*list[*everyAttempt], error) {
	f := fanfare.RecentFilter{Limit: c.integer("limit", 1, fanfare.MaxPage, 50), Look: attemptsLook}
	f.Outcome = map[string]fanfare.OutcomeFilter{"failed": fanfare.OnlyFailures, "succeeded": fanfare.OnlySuccesses}[c.choice("outcome", "", "failed", "succeeded")]
	after, mark, err := c.onwards()
	if err != nil {
		return nil, err
	}
	if after != "" {
		before, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return nil, err // it was sealed here
		}
		f.Before = fanfare.Place(before)
	}
	some, next, err := c.hub.RecordedBefore(c.r.Context(), f)
	if err != nil {
		return nil, err
	}
	last := ""
	if next != 0 {
		last = strconv.FormatInt(int64(next), 10)
	}
	out := &list[*everyAttempt]{Data: []*everyAttempt{}, Iterator: c.further(last, mark), Done: next == 0}
	for _, r := range some {
		out.Data = append(out.Data, &everyAttempt{c.showAttempt(r.Attempt, false).attemptFields, r.Application})
	}
	return out, nil
}
