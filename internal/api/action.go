package api

import (
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// endpointActionRoutes are what can be done with an endpoint beyond writing it.
func (s *server) endpointActionRoutes() []*route {
	return []*route{
		on("GET /app/{app}/endpoint/{endpoint}/secret", "Read an endpoint's signing secret", readSecret).needs(fanfare.ScopeWriteEndpoints, fanfare.ViewEndpointSecret).inChannels().doing("endpoint.secret.read"),
		on("POST /app/{app}/endpoint/{endpoint}/secret/rotate", "Change the signing secret; the old one signs beside it for a while", rotateSecret).amending().needs(fanfare.ScopeWriteEndpoints, fanfare.ManageEndpointSecret).inChannels().doing("endpoint.secret.rotate"),
		on("GET /app/{app}/endpoint/{endpoint}/headers", "Read the headers sent with every attempt", readHeaders).needs(fanfare.ScopeReadEndpoints, fanfare.ViewBase).inChannels(),
		on("PUT /app/{app}/endpoint/{endpoint}/headers", "Replace the headers", replaceHeaders).amending().needs(fanfare.ScopeWriteEndpoints, fanfare.ManageEndpoint).inChannels().doing("endpoint.headers.replace"),
		on("PATCH /app/{app}/endpoint/{endpoint}/headers", "Change some of the headers", changeHeaders).amending().needs(fanfare.ScopeWriteEndpoints, fanfare.ManageEndpoint).inChannels().doing("endpoint.headers.update"),
		on("GET /app/{app}/endpoint/{endpoint}/stats", "Count an endpoint's deliveries", endpointStats, sinceParam, untilParam, newestParam, waitingParam).needs(fanfare.ScopeReadEndpoints, fanfare.ViewBase).inChannels(),
		on("POST /app/{app}/endpoint/{endpoint}/recover", "Make the deliveries that were given up wait again", recoverEndpoint, planParams...).answering(http.StatusAccepted).needs(fanfare.ScopeWriteMessages, fanfare.CreateAttempts).inChannels().exactly().doing("endpoint.recover"),
		on("POST /app/{app}/endpoint/{endpoint}/send-example", "Send an event type's example to an endpoint", sendExample).answering(http.StatusAccepted).needs(fanfare.ScopeWriteMessages, fanfare.CreateAttempts).inChannels().doing("endpoint.send-example"),
		on("POST /app/{app}/endpoint/{endpoint}/pause", "Hold an endpoint's deliveries, or cancel those that wait", pauseEndpoint).amending().needs(fanfare.ScopeWriteEndpoints, fanfare.ManageEndpoint).inChannels().doing("endpoint.pause"),
		on("POST /app/{app}/endpoint/{endpoint}/resume", "Undo a pause", resumeEndpoint).amending().needs(fanfare.ScopeWriteEndpoints, fanfare.ManageEndpoint).inChannels().doing("endpoint.resume"),
	}
}

type secretOut struct {
	Key string `json:"key"`
}

type secretIn struct {
	Key         field[string] `json:"key,omitzero" doc:"The new one; one is made if there is none."`
	GracePeriod *int64        `json:"gracePeriodSeconds,omitzero" doc:"How long the old one signs beside it; 0: not at all; a day unless told."`
}

func readSecret(c *call, _ *none) (*secretOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	return &secretOut{ep.Secrets[0].Text}, nil
}

func rotateSecret(c *call, in *secretIn) (none, error) {
	overlap := fanfare.SecretOverlap
	if in.GracePeriod != nil { // far beyond what the Hub takes, but not beyond a Duration
		overlap = time.Duration(max(-1, min(*in.GracePeriod, 1<<32))) * time.Second
	}
	_, err := c.amendEndpoint(func(ep *fanfare.Endpoint) error {
		return c.hub.RotateSecret(c.r.Context(), ep, in.Key.value, overlap)
	})
	return none{}, err
}

type statsOut struct {
	Success  int `json:"success"`
	Pending  int `json:"pending"`
	Sending  int `json:"sending" doc:"Always 0: what is under way counts as pending."`
	Fail     int `json:"fail"`
	Canceled int `json:"canceled" newer:"true"`
}

// maxNewest bounds what is looked at in a moment.
const maxNewest = 10_000

var newestParam = param{name: "newest", kind: "integer", doc: "Only the endpoint's newest so many deliveries are looked at, 1 to 10,000, which takes no longer the more there are; all unless told."}

var waitingParam = param{name: "waiting", kind: "integer", doc: "Only what is pending is counted, as far as so many, 1 to 10,000: this much, or more. It takes no longer the more there is, and goes with none of the other parameters."}

func endpointStats(c *call, _ *none) (*statsOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	f := fanfare.DeliveryFilter{Since: c.time("since"), Until: c.time("until"), Within: c.who.channels()}
	f.Limit = c.integer("newest", 1, maxNewest, 0)
	waiting := c.integer("waiting", 1, maxNewest, 0)
	if waiting > 0 && (f.Limit > 0 || !f.Since.IsZero() || !f.Until.IsZero()) {
		c.mistake("waiting", "does not go with newest, since or until; leave them out")
	}
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	if waiting > 0 {
		n, err := c.hub.CountWaiting(c.r.Context(), ep, f.Within, waiting)
		return &statsOut{Pending: n}, err
	}
	n, err := c.hub.EndpointStatsWithin(c.r.Context(), ep, f)
	if err != nil {
		return nil, err
	}
	return &statsOut{Success: n[fanfare.Delivered], Pending: n[fanfare.Waiting], Fail: n[fanfare.GivenUp], Canceled: n[fanfare.Cancelled]}, nil
}

type pauseIn struct {
	Waiting string `json:"waiting,omitzero" enum:"hold,cancel" doc:"What becomes of the deliveries that wait; they are held unless told."`
}

type pauseOut struct {
	*endpointOut
	Cancelled int `json:"cancelled" doc:"How many deliveries were cancelled."`
}

func pauseEndpoint(c *call, in *pauseIn) (*pauseOut, error) {
	if in.Waiting != "" && in.Waiting != "hold" && in.Waiting != "cancel" {
		return nil, &fanfare.InvalidError{Field: "waiting", Reason: `must be "hold" or "cancel"`}
	}
	ep, err := c.amendEndpoint(func(ep *fanfare.Endpoint) error {
		return c.hub.PauseEndpoint(c.r.Context(), ep)
	})
	if err != nil {
		return nil, err
	}
	out := &pauseOut{}
	if in.Waiting == "cancel" {
		if out.Cancelled, err = c.hub.CancelWaiting(c.r.Context(), ep); err != nil {
			return nil, err
		}
	}
	out.endpointOut, err = c.shownEndpoint(ep)
	return out, err
}

func resumeEndpoint(c *call, _ *none) (*endpointOut, error) {
	ep, err := c.amendEndpoint(func(ep *fanfare.Endpoint) error {
		return c.hub.ResumeEndpoint(c.r.Context(), ep)
	})
	if err != nil {
		return nil, err
	}
	return c.shownEndpoint(ep)
}
