package storetest

import (
	"maps"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// The functions here make deep copies as a store does: times in UTC, to the
// microsecond.

// stored gives t as a store gives it back: to the microsecond, rounded down, in UTC; the zero
// time stays zero.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

func cloneApplication(app *fanfare.Application) *fanfare.Application {
	c := *app
	c.Metadata = maps.Clone(app.Metadata)
	c.Retry.Delays = slices.Clone(app.Retry.Delays)
	c.CreatedAt, c.UpdatedAt = stored(app.CreatedAt), stored(app.UpdatedAt)
	return &c
}

func cloneEndpoint(ep *fanfare.Endpoint) *fanfare.Endpoint {
	c := *ep
	c.Metadata = maps.Clone(ep.Metadata)
	c.EventTypes = slices.Clone(ep.EventTypes)
	c.EventTypeVersions = maps.Clone(ep.EventTypeVersions)
	c.Channels = slices.Clone(ep.Channels)
	c.Secrets = slices.Clone(ep.Secrets)
	for i := range c.Secrets {
		c.Secrets[i].ExpiresAt = stored(c.Secrets[i].ExpiresAt)
	}
	c.Headers = maps.Clone(ep.Headers)
	c.Auth = cloneAuth(ep.Auth)
	c.Retry.Delays = slices.Clone(ep.Retry.Delays)
	c.RetryByType = maps.Clone(ep.RetryByType)
	c.Handshake.AskedAt, c.Handshake.VerifiedAt = stored(ep.Handshake.AskedAt), stored(ep.Handshake.VerifiedAt)
	c.FailingSince = stored(ep.FailingSince)
	c.CreatedAt, c.UpdatedAt = stored(ep.CreatedAt), stored(ep.UpdatedAt)
	return &c
}

func cloneEventType(t *fanfare.EventType) *fanfare.EventType {
	c := *t
	c.Schemas = slices.Clone(t.Schemas)
	c.Examples = slices.Clone(t.Examples)
	c.FeatureFlags = slices.Clone(t.FeatureFlags)
	c.Retry.Delays = slices.Clone(t.Retry.Delays)
	c.DeprecatedAt, c.SunsetAt = stored(t.DeprecatedAt), stored(t.SunsetAt)
	c.Versions = maps.Clone(t.Versions)
	for version, r := range c.Versions {
		c.Versions[version] = fanfare.Retirement{DeprecatedAt: stored(r.DeprecatedAt), SunsetAt: stored(r.SunsetAt)}
	}
	c.CreatedAt, c.UpdatedAt = stored(t.CreatedAt), stored(t.UpdatedAt)
	return &c
}

func cloneMessage(msg *fanfare.Message) *fanfare.Message {
	c := *msg
	c.Payload = slices.Clone(msg.Payload)
	c.Channels = slices.Clone(msg.Channels)
	c.Tags = slices.Clone(msg.Tags)
	c.DeliverAt, c.CreatedAt = stored(msg.DeliverAt), stored(msg.CreatedAt)
	return &c
}

func cloneDelivery(d *fanfare.Delivery) *fanfare.Delivery {
	c := *d
	c.Due = stored(d.Due)
	return &c
}

func cloneAttempt(a *fanfare.Attempt) *fanfare.Attempt {
	c := *a
	c.RequestHeader = slices.Clone(a.RequestHeader)
	c.ResponseHeader = slices.Clone(a.ResponseHeader)
	c.ResponseBody = slices.Clone(a.ResponseBody)
	c.StartedAt, c.NextAt = stored(a.StartedAt), stored(a.NextAt)
	return &c
}

func cloneAnswer(a *fanfare.Answer) *fanfare.Answer {
	c := *a
	c.Body = slices.Clone(a.Body)
	return &c
}
