package api

import (
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// inherit is the name of the plan that says nothing, so that whoever is asked next
// decides: the event type, the application, the deployment.
const inherit = "inherit"

// retryIn is a plan as clients write it and read it.
type retryIn struct {
	Preset string    `json:"preset,omitzero" enum:"inherit,standard,stripe-2017,fulcrum,resthooks,wufoo,shopify,dropbox,github,none" doc:"A schedule by name; inherit leaves it to the event type, the application and the deployment, in this order."`
	Delays []seconds `json:"delays,omitzero" doc:"One's own, in seconds: between one attempt and the next. None is shorter than the one before."`

	Formula string `json:"formula,omitzero" doc:"Makes the delays, in seconds, of n, the number of the attempt that has failed, such as n^4+5; with numbers, + - * / ^ and parentheses. What it comes to is kept, and shown as delays."`
	Times   int    `json:"times,omitzero" doc:"How many delays the formula makes, 1 to 100."`
}

func (in *retryIn) retry() fanfare.Retry {
	r := fanfare.Retry{Preset: in.Preset, Formula: in.Formula, Times: in.Times}
	if r.Preset == inherit {
		r.Preset = ""
	}
	if in.Preset == "" && in.Delays != nil {
		r.Delays = make([]time.Duration, 0, len(in.Delays)) // an empty list is refused, and nil is not
	}
	for _, s := range in.Delays {
		r.Delays = append(r.Delays, s.duration())
	}
	return r
}

func showRetry(r fanfare.Retry) retryIn {
	out := retryIn{Preset: r.Preset}
	if r.IsZero() {
		out.Preset = inherit
	}
	for _, d := range r.Delays {
		out.Delays = append(out.Delays, secondsOf(d))
	}
	return out
}

func retriesIn(in map[string]retryIn) map[string]fanfare.Retry {
	if len(in) == 0 {
		return nil
	}
	all := make(map[string]fanfare.Retry, len(in))
	for pattern, r := range in {
		all[pattern] = r.retry()
	}
	return all
}

func showRetries(all map[string]fanfare.Retry) map[string]retryIn {
	out := make(map[string]retryIn, len(all))
	for pattern, r := range all {
		out[pattern] = showRetry(r)
	}
	return out
}

func (s *server) retryRoutes() []*route {
	eventType := param{name: "event_type", doc: "Of the message; required."}
	return []*route{
		on("GET /app/{app}/endpoint/{endpoint}/retry-plan", "Read when a delivery to an endpoint is tried again, and who decided that", readRetryPlan, eventType).
			needs(fanfare.ScopeReadEndpoints, fanfare.ViewBase).inChannels(),
	}
}

type retryPlanOut struct {
	Preset   *string             `json:"preset" doc:"Its name; null if the delays are somebody's own."`
	Delays   []seconds           `json:"delays" doc:"Between one attempt and the next, in seconds, before chance moves each by up to a fifth."`
	Attempts int                 `json:"attempts" doc:"How many there are at most."`
	Source   fanfare.RetrySource `json:"source" enum:"endpoint by event type,endpoint,event type,application,deployment" doc:"Whose setting it is."`
}

func readRetryPlan(c *call, _ *none) (*retryPlanOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	eventType := c.one("event_type")
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	if eventType == "" {
		return nil, refuse(http.StatusBadRequest, "bad_request", "Say the type of the message, as in ?event_type=record.created.")
	}
	retry, source, err := c.hub.RetryPlan(c.r.Context(), ep, eventType)
	if err != nil {
		return nil, err
	}
	delays, err := retry.Plan()
	if err != nil {
		return nil, err
	}
	out := &retryPlanOut{Preset: pointer(retry.Preset), Delays: []seconds{}, Attempts: len(delays) + 1, Source: source}
	for _, d := range delays {
		out.Delays = append(out.Delays, secondsOf(d))
	}
	return out, nil
}
