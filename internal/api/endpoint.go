package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

type endpointIn struct {
	URL     string                   `json:"url" doc:"Where messages go."`
	Secret  field[string]            `json:"secret,omitzero" doc:"To sign with, whsec_… or whsk_…, or for a signature other than standard any text of 8 to 256 characters; one is made if there is none."`
	Headers field[map[string]string] `json:"headers,omitzero" doc:"Sent with every attempt."`
	endpointFields
}

type endpointPut struct {
	URL string `json:"url"`
	endpointFields
}

type endpointPatch struct {
	URL    field[string] `json:"url,omitzero"`
	Secret field[string] `json:"secret,omitzero" doc:"A new one; the old one goes on signing beside it for 24 hours."`
	endpointFields
}

// endpointFields are what can be written of an endpoint, but for its URL.
type endpointFields struct {
	knownFields
	ownFields
}

// knownFields are those that every client of the field knows.
type knownFields struct {
	UID          field[string]            `json:"uid,omitzero" doc:"Your own name for it, which may stand wherever its id may."`
	Description  field[string]            `json:"description,omitzero"`
	EventTypes   field[[]string]          `json:"eventTypes,omitzero" doc:"Exact names, and groups such as record.*; none means all."`
	FilterTypes  field[[]string]          `json:"filterTypes,omitzero" doc:"Another name of eventTypes."`
	Channels     field[[]string]          `json:"channels,omitzero" doc:"If there are any, only messages that share one."`
	RateLimit    field[int]               `json:"rateLimit,omitzero" doc:"Deliveries started per second."`
	ThrottleRate field[int]               `json:"throttleRate,omitzero" doc:"Another name of rateLimit."`
	Metadata     field[map[string]string] `json:"metadata,omitzero"`
	Disabled     field[bool]              `json:"disabled,omitzero"`
	Version      field[int]               `json:"version,omitzero" doc:"Of no meaning; taken for the sake of old clients."`
}

// ownFields are Fanfare's. A PUT that leaves one out leaves it as it is, so that
// a client that does not know it cannot undo it.
type ownFields struct {
	Ordered     field[bool]      `json:"ordered,omitzero" doc:"Strictly in order of acceptance."`
	Format      field[string]    `json:"format,omitzero" doc:"Of the body: raw (unless told), envelope, event, fulcrum, thin, form, cloudevents or cloudevents-binary."`
	Signature   field[string]    `json:"signature,omitzero" doc:"How attempts are signed: standard (unless told), basic, dropbox, github, intercom, mandrill, none, query, resthooks, shopify, slack, stripe or twilio."`
	Retry       field[retryIn]   `json:"retry,omitzero"`
	Success     field[successIn] `json:"success,omitzero"`
	Debounce    field[seconds]   `json:"debounce,omitzero" doc:"How long a message waits for a later one of its type and ordering key, which is then sent in its place, in seconds; 0: every message is sent."`
	Timeout     field[seconds]   `json:"timeout,omitzero" doc:"Of one attempt, in seconds, 1 to 60."`
	MaxInFlight field[int]       `json:"maxInFlight,omitzero" doc:"Attempts under way at once."`
	Paused      field[bool]      `json:"paused,omitzero" doc:"Deliveries are made and wait."`
}

type retryIn struct {
	Preset string    `json:"preset,omitzero" enum:"standard,stripe-2017,fulcrum,resthooks,wufoo,shopify,dropbox,github,none" doc:"A schedule by name."`
	Delays []seconds `json:"delays,omitzero" doc:"One's own, in seconds: between one attempt and the next."`
}

type successIn struct {
	Preset   string `json:"preset,omitzero" enum:"default,fulcrum,slack,apps-script,carto" doc:"Conditions by name, instead of one's own."`
	Statuses string `json:"statuses,omitzero" doc:"Such as 200-207 or 200,204; 200-299 unless told."`
	Contains string `json:"contains,omitzero" doc:"The body must contain it."`
	Lacks    string `json:"lacks,omitzero" doc:"The body must not contain it."`
}

func (f *endpointFields) apply(ep *fanfare.Endpoint) {
	f.UID.into(&ep.UID)
	f.Description.into(&ep.Description)
	f.EventTypes.or(f.FilterTypes).into(&ep.EventTypes)
	f.Channels.into(&ep.Channels)
	f.ThrottleRate.or(f.RateLimit).into(&ep.RateLimit)
	f.Metadata.into(&ep.Metadata)
	f.Disabled.into(&ep.Disabled)
	f.Ordered.into(&ep.Ordered)
	f.Format.into(&ep.Format)
	f.Signature.into(&ep.Signature)
	f.MaxInFlight.into(&ep.MaxInFlight)
	f.Paused.into(&ep.Paused)
	if f.Debounce.set {
		ep.Debounce = f.Debounce.value.duration()
	}
	if f.Timeout.set {
		ep.Timeout = f.Timeout.value.duration()
	}
	if f.Success.set {
		ep.Success = fanfare.Success(f.Success.value)
	}
	if f.Retry.set {
		ep.Retry = fanfare.Retry{Preset: f.Retry.value.Preset}
		for _, s := range f.Retry.value.Delays {
			ep.Retry.Delays = append(ep.Retry.Delays, s.duration())
		}
	}
}

// replace is apply, after the fields that every client knows were cleared.
func (f *endpointFields) replace(ep *fanfare.Endpoint) {
	ep.UID, ep.Description, ep.EventTypes, ep.Channels = "", "", nil, nil
	ep.RateLimit, ep.Metadata, ep.Disabled = 0, nil, false
	f.apply(ep)
}

type endpointOut struct {
	ID             fanfare.EndpointID `json:"id"`
	UID            *string            `json:"uid"`
	URL            string             `json:"url"`
	Description    string             `json:"description"`
	Version        int                `json:"version"`
	Disabled       bool               `json:"disabled"`
	EventTypes     *[]string          `json:"eventTypes" newer:"true"`
	FilterTypes    *[]string          `json:"filterTypes"`
	Channels       *[]string          `json:"channels"`
	RateLimit      *int               `json:"rateLimit"`
	ThrottleRate   *int               `json:"throttleRate" newer:"true"`
	Metadata       map[string]string  `json:"metadata"`
	Ordered        bool               `json:"ordered" newer:"true"`
	Format         string             `json:"format" newer:"true" enum:"raw,envelope,event,fulcrum,thin,form,cloudevents,cloudevents-binary" doc:"Of the body."`
	Signature      string             `json:"signature" newer:"true" enum:"standard,basic,body-token,dropbox,github,intercom,mandrill,none,query,resthooks,shopify,slack,stripe,twilio" doc:"How attempts are signed."`
	Retry          retryIn            `json:"retry" newer:"true"`
	Success        successIn          `json:"success" newer:"true"`
	Debounce       *seconds           `json:"debounce" newer:"true"`
	Timeout        *seconds           `json:"timeout" newer:"true"`
	MaxInFlight    *int               `json:"maxInFlight" newer:"true"`
	Paused         bool               `json:"paused" newer:"true"`
	FailingSince   *time.Time         `json:"failingSince" newer:"true" doc:"When the present run of failures began."`
	DisabledReason *string            `json:"disabledReason" newer:"true" doc:"In words, when it was not the owner who disabled it."`
	CreatedAt      time.Time          `json:"createdAt"`
	UpdatedAt      time.Time          `json:"updatedAt"`
}

func showEndpoint(ep *fanfare.Endpoint) (*endpointOut, error) {
	out := &endpointOut{
		ID: ep.ID, UID: pointer(ep.UID), URL: ep.URL, Description: ep.Description, Version: 1,
		Disabled: ep.Disabled, EventTypes: someOf(ep.EventTypes), FilterTypes: someOf(ep.EventTypes), Channels: someOf(ep.Channels),
		RateLimit: pointer(ep.RateLimit), ThrottleRate: pointer(ep.RateLimit), Metadata: ep.Metadata,
		Ordered: ep.Ordered, Format: ep.Format, Signature: ep.Signature, Retry: retryIn{Preset: ep.Retry.Preset}, Success: successIn(ep.Success),
		Debounce: pointer(secondsOf(ep.Debounce)), Timeout: pointer(secondsOf(ep.Timeout)), MaxInFlight: pointer(ep.MaxInFlight), Paused: ep.Paused,
		FailingSince: pointer(ep.FailingSince), DisabledReason: pointer(ep.DisabledReason),
		CreatedAt: ep.CreatedAt, UpdatedAt: ep.UpdatedAt,
	}
	for _, d := range ep.Retry.Delays {
		out.Retry.Delays = append(out.Retry.Delays, secondsOf(d))
	}
	if len(ep.Retry.Delays) == 0 && ep.Retry.Preset == "" {
		out.Retry.Preset = "standard"
	}
	if out.Format == "" {
		out.Format = "raw"
	}
	if out.Signature == "" {
		out.Signature = "standard"
	}
	if out.Success.Statuses == "" && out.Success.Preset == "" {
		out.Success.Statuses = "200-299"
	}
	return out, nil
}

// someOf is null on the wire for a list that restricts nothing.
func someOf(list []string) *[]string {
	if len(list) == 0 {
		return nil
	}
	return &list
}

func (s *server) endpointRoutes() []*route {
	return []*route{
		on("GET /app/{app}/endpoint", "List an application's endpoints", listEndpoints, params()...),
		on("POST /app/{app}/endpoint", "Create an endpoint", createEndpoint).answering(http.StatusCreated),
		on("GET /app/{app}/endpoint/{endpoint}", "Read an endpoint", readEndpoint),
		on("PUT /app/{app}/endpoint/{endpoint}", "Replace an endpoint, or create it under this uid", replaceEndpoint),
		on("PATCH /app/{app}/endpoint/{endpoint}", "Change an endpoint", changeEndpoint),
		on("DELETE /app/{app}/endpoint/{endpoint}", "Delete an endpoint; what waits for it is cancelled", deleteEndpoint),
	}
}

func listEndpoints(c *call, _ *none) (*list[*endpointOut], error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	return paged(c, listing[*fanfare.Endpoint]{
		scope:      []string{string(app.ID)},
		descending: true,
		id:         func(ep *fanfare.Endpoint) string { return string(ep.ID) },
		fetch: func(p fanfare.Page) ([]*fanfare.Endpoint, error) {
			return c.hub.Endpoints(c.r.Context(), app.ID, p)
		},
	}, showEndpoint)
}

func createEndpoint(c *call, in *endpointIn) (*endpointOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	ep := &fanfare.Endpoint{Application: app.ID, URL: in.URL, Headers: in.Headers.value}
	in.apply(ep)
	if in.Secret.value != "" {
		ep.Secrets = []fanfare.Secret{{Text: in.Secret.value}}
	}
	if err := c.hub.CreateEndpoint(c.r.Context(), ep); err != nil {
		return nil, taken(err, "uid", ep.UID, byEndpoint)
	}
	return showEndpoint(ep)
}

func readEndpoint(c *call, _ *none) (*endpointOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	return showEndpoint(ep)
}

// replaceEndpoint creates what does not exist with 201, under the uid of the
// path unless the body has one. What looks like an id of ours is not made up.
func replaceEndpoint(c *call, in *endpointPut) (*endpointOut, error) {
	ep, err := c.endpoint()
	if errors.Is(err, fanfare.ErrNotFound) {
		return c.endpointUnder(c.r.PathValue("endpoint"), in, err)
	}
	if err != nil {
		return nil, err
	}
	ep.URL = in.URL
	in.replace(ep)
	if err := c.hub.UpdateEndpoint(c.r.Context(), ep); err != nil {
		return nil, taken(err, "uid", ep.UID, byEndpoint)
	}
	return showEndpoint(ep)
}

func (c *call) endpointUnder(ref string, in *endpointPut, absent error) (*endpointOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	if _, ours := fanfare.DecodeID("ep_", ref); ours {
		return nil, absent
	}
	ep := &fanfare.Endpoint{Application: app.ID, URL: in.URL}
	in.apply(ep)
	if ep.UID == "" {
		ep.UID = ref
	}
	c.status = http.StatusCreated
	if err := c.hub.CreateEndpoint(c.r.Context(), ep); err != nil {
		return nil, taken(err, "uid", ep.UID, byEndpoint)
	}
	return showEndpoint(ep)
}

func changeEndpoint(c *call, in *endpointPatch) (*endpointOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	in.URL.into(&ep.URL)
	in.apply(ep)
	if in.Secret.value != "" {
		err = c.hub.RotateSecret(c.r.Context(), ep, in.Secret.value, fanfare.SecretOverlap)
	} else {
		err = c.hub.UpdateEndpoint(c.r.Context(), ep)
	}
	if err != nil {
		return nil, taken(err, "uid", ep.UID, byEndpoint)
	}
	return showEndpoint(ep)
}

func deleteEndpoint(c *call, _ *none) (none, error) {
	ep, err := c.endpoint()
	if err != nil {
		return none{}, err
	}
	return none{}, c.hub.DeleteEndpoint(c.r.Context(), ep.Application, ep.ID)
}
