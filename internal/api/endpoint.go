package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
)

type endpointIn struct {
	URL     string                   `json:"url,omitzero" doc:"Where messages go. Only a poller needs none."`
	Secret  field[string]            `json:"secret,omitzero" doc:"To sign with, whsec_… or whsk_…, or for a signature other than standard any text of 8 to 256 characters; one is made if there is none."`
	Headers field[map[string]string] `json:"headers,omitzero" doc:"Sent with every attempt."`
	endpointFields
}

type endpointPut struct {
	URL string `json:"url,omitzero" doc:"Where messages go. Only a poller needs none."`
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
	Kind        field[string]             `json:"kind,omitzero" doc:"webhook (unless told), poller: it is sent nothing, needs no url, and is there to be polled; or one of those that GET /kind lists, with its config."`
	Config      field[jsontext.Value]     `json:"config,omitzero" doc:"What an endpoint of another kind needs to be told, as GET /kind shows. A secret of it that is shown masked stays as it is when it comes back so."`
	Ordered     field[bool]               `json:"ordered,omitzero" doc:"Strictly in order of acceptance."`
	OrderingKey field[string]             `json:"orderingKey,omitzero" doc:"For ordered ones, where in the payload the ordering key of a message stands, as a JSON pointer (RFC 6901) such as /customer/id, read when the message is accepted: a string or a number goes before the message's own orderingKey; null: only that counts."`
	Filter      field[string]             `json:"filter,omitzero" doc:"An expression (CEL) over eventType, payload, channels and tags that a message has to match to be sent here, such as payload.status == 'open'. Try it first with POST /app/{app}/filter/try."`
	Transform   field[string]             `json:"transformation,omitzero" doc:"JavaScript that makes of each message what is sent: function handler(webhook) gets eventType, payload, channels and tags, and returns an object with payload, perhaps headers, or cancel: true for nothing to be sent. Try it first with POST /app/{app}/transformation/try."`
	Format      field[string]             `json:"format,omitzero" doc:"Of the body: raw (unless told), envelope, event, fulcrum, thin, form, mandrill, cloudevents or cloudevents-binary."`
	Signature   field[string]             `json:"signature,omitzero" doc:"How attempts are signed: standard (unless told), basic, body-token, dropbox, github, intercom, mandrill, none, query, resthooks, shopify, slack, stripe or twilio."`
	IncludeApp  field[bool]               `json:"includeApplication,omitzero" doc:"Whether the receiver is told whose the message is, by the application's uid or else its id: in the header webhook-application and, with the format envelope, in the member application."`
	Retry       field[retryIn]            `json:"retry,omitzero"`
	RetryByType field[map[string]retryIn] `json:"retryByType,omitzero" doc:"Plans for some event types, by exact name or group such as record.*; they go before retry."`
	Handshake   field[string]             `json:"handshake,omitzero" doc:"How the receiver shows that it wants messages before it is sent any: x-hook-secret, challenge, dropbox, websub or cloudevents; null: it need not."`
	Success     field[successIn]          `json:"success,omitzero"`
	Auth        field[*authIn]            `json:"auth,omitzero" doc:"How the receiver knows who comes, beside the signature. What is left out of it stays as it is."`
	Debounce    field[seconds]            `json:"debounce,omitzero" doc:"How long a message waits for a later one of its type and ordering key, which is then sent in its place, in seconds; 0: every message is sent."`
	Batch       field[*batching]          `json:"batch,omitzero" doc:"Messages gather, and several are sent as one POST: a JSON array of what the format makes of each, with a webhook-id of its own. null: each is sent by itself."`
	Timeout     field[seconds]            `json:"timeout,omitzero" doc:"Of one attempt, in seconds, 1 to 60."`
	MaxInFlight field[int]                `json:"maxInFlight,omitzero" doc:"Attempts under way at once."`
	Paused      field[bool]               `json:"paused,omitzero" doc:"Deliveries are made and wait, unless onPause says otherwise."`
	TypePins    field[map[string]int]     `json:"eventTypeVersions,omitzero" doc:"Versions of event types that it is pinned to, by exact name, such as record.created: of those types it is sent the messages of that version only, of all others those of the current one."`
	OnPause     field[string]             `json:"onPause,omitzero" doc:"What becomes of messages while it is paused: hold (they wait; unless told), or cancel (what waits is cancelled, what is under way is seen through without retries, and what comes is not for it)."`
}

type successIn struct {
	Preset   string `json:"preset,omitzero" enum:"default,fulcrum,slack,apps-script,carto" doc:"Conditions by name, instead of one's own."`
	Statuses string `json:"statuses,omitzero" doc:"Such as 200-207 or 200,204; 200-299 unless told."`
	Contains string `json:"contains,omitzero" doc:"The body must contain it."`
	Lacks    string `json:"lacks,omitzero" doc:"The body must not contain it."`

	Redirects string `json:"redirects,omitzero" enum:"none,accept_gas,follow_get_once,follow_307_308,success,refuse,follow" doc:"What becomes of redirects: a failure (none, unless told); accept_gas: a success when Google Apps Script points to its output, as the preset apps-script has it; follow_get_once: one 301, 302 or 303 is followed by a GET without the payload, and what it gives decides; follow_307_308: 307 and 308 are followed with the payload, up to five times; success: as good as a 200. refuse and follow are older names of none and follow_307_308. It may stand beside a preset."`
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
	f.Filter.into(&ep.Filter)
	f.Transform.into(&ep.Transformation)
	f.Signature.into(&ep.Signature)
	f.IncludeApp.into(&ep.IncludeApplication)
	f.MaxInFlight.into(&ep.MaxInFlight)
	f.Paused.into(&ep.Paused)
	f.OnPause.into(&ep.OnPause)
	f.OrderingKey.into(&ep.OrderingKey)
	if f.Kind.set {
		ep.Kind = strings.TrimPrefix(f.Kind.value, kindWebhook)
	}
	if f.Config.set {
		if ep.Config = json.RawMessage(f.Config.value); string(ep.Config) == "null" {
			ep.Config = nil
		}
	}
	if f.Debounce.set {
		ep.Debounce = f.Debounce.value.duration()
	}
	if f.Batch.set {
		ep.Batch = f.Batch.value.batching()
	}
	if f.Timeout.set {
		ep.Timeout = f.Timeout.value.duration()
	}
	if f.Auth.set {
		f.Auth.value.apply(&ep.Auth)
	}
	if f.Success.set {
		ep.Success = fanfare.Success(f.Success.value)
	}
	if f.Retry.set {
		ep.Retry = f.Retry.value.retry()
	}
	if f.RetryByType.set {
		ep.RetryByType = retriesIn(f.RetryByType.value)
	}
	f.Handshake.into(&ep.Handshake.Kind)
	f.TypePins.into(&ep.EventTypeVersions)
}

// replace is apply, after the fields that every client knows were cleared.
func (f *endpointFields) replace(ep *fanfare.Endpoint) {
	ep.UID, ep.Description, ep.EventTypes, ep.Channels = "", "", nil, nil
	ep.RateLimit, ep.Metadata, ep.Disabled = 0, nil, false
	f.apply(ep)
}

// settle sees to what of an endpoint, with the fields f applied to it, depends on who
// the caller is and on what else there is. anew is whether it is written as a whole.
func (c *call) settle(ep *fanfare.Endpoint, f *endpointFields, anew bool) error {
	if err := c.writable(ep, f.Channels, anew); err != nil {
		return err
	}
	return c.knownPins(f.TypePins)
}

type endpointOut struct {
	ID             fanfare.EndpointID `json:"id"`
	UID            *string            `json:"uid"`
	Kind           string             `json:"kind" newer:"true" doc:"What becomes of its messages: they go to its url (webhook), are there to be polled (poller), go to a function of the program that runs the server (function), or where config says."`
	Filter         *string            `json:"filter" newer:"true" doc:"The expression that a message has to match; null: none."`
	Transformation *string            `json:"transformation" newer:"true" doc:"The script that makes of each message what is sent; null: none."`
	Config         jsontext.Value     `json:"config,omitzero" newer:"true" doc:"Of an endpoint of another kind, with its secrets masked."`
	URL            string             `json:"url"`
	Description    string             `json:"description"`
	Version        int                `json:"version"`
	Disabled       bool               `json:"disabled"`
	EventTypes     *[]string          `json:"eventTypes" newer:"true"`
	FilterTypes    *[]string          `json:"filterTypes"`
	TypePins       map[string]int     `json:"eventTypeVersions" newer:"true" doc:"Versions of event types that it is pinned to, by name."`
	Channels       *[]string          `json:"channels"`
	RateLimit      *int               `json:"rateLimit"`
	ThrottleRate   *int               `json:"throttleRate" newer:"true"`
	Metadata       map[string]string  `json:"metadata"`
	Ordered        bool               `json:"ordered" newer:"true"`
	OrderingKey    *string            `json:"orderingKey" newer:"true" doc:"Where in the payload the ordering key of a message stands, as a JSON pointer."`
	Format         string             `json:"format" newer:"true" enum:"raw,envelope,event,fulcrum,thin,form,mandrill,cloudevents,cloudevents-binary" doc:"Of the body."`
	Signature      string             `json:"signature" newer:"true" enum:"standard,basic,body-token,dropbox,github,intercom,mandrill,none,query,resthooks,shopify,slack,stripe,twilio" doc:"How attempts are signed."`
	IncludeApp     bool               `json:"includeApplication" newer:"true" doc:"Whether the receiver is told whose the message is."`
	Retry          retryIn            `json:"retry" newer:"true"`
	RetryByType    map[string]retryIn `json:"retryByType" newer:"true" doc:"Plans for some event types."`
	Handshake      *string            `json:"handshake" newer:"true" doc:"How the receiver shows that it wants messages."`
	VerifiedAt     *time.Time         `json:"verifiedAt" newer:"true" doc:"When it did."`
	Unverified     *string            `json:"unverified" newer:"true" doc:"In words, why it is sent nothing for want of a handshake, and what to do."`
	Unusable       *string            `json:"unusable" newer:"true" doc:"In words, why what is stored of it cannot be used, so that what is for it waits."`
	Success        successIn          `json:"success" newer:"true"`
	Auth           *authOut           `json:"auth" newer:"true" doc:"How the receiver knows who comes, beside the signature. Secrets are never shown."`
	Debounce       *seconds           `json:"debounce" newer:"true"`
	Batch          *batching          `json:"batch" newer:"true" doc:"How messages are sent together."`
	Timeout        *seconds           `json:"timeout" newer:"true"`
	MaxInFlight    *int               `json:"maxInFlight" newer:"true"`
	Paused         bool               `json:"paused" newer:"true"`
	OnPause        string             `json:"onPause" newer:"true" enum:"hold,cancel" doc:"What becomes of messages while it is paused."`
	FailingSince   *time.Time         `json:"failingSince" newer:"true" doc:"When the present run of failures began."`
	DisabledReason *string            `json:"disabledReason" newer:"true" doc:"In words, when it was not the owner who disabled it."`
	Activity       []hourOut          `json:"activity,omitzero" newer:"true" doc:"If with_activity asks for it: the hours of the last 24, by age, in which it was sent anything but tests."`
	CreatedAt      time.Time          `json:"createdAt"`
	UpdatedAt      time.Time          `json:"updatedAt"`
}

// kindWebhook is on the wire what is "" within.
const kindWebhook = "webhook"

func (c *call) shownEndpoint(ep *fanfare.Endpoint) (*endpointOut, error) {
	out := &endpointOut{
		ID: ep.ID, UID: pointer(ep.UID), Kind: cmp.Or(ep.Kind, kindWebhook), URL: ep.URL, Description: ep.Description, Version: 1,
		Disabled: ep.Disabled, EventTypes: someOf(ep.EventTypes), FilterTypes: someOf(ep.EventTypes), Channels: someOf(ep.Channels),
		RateLimit: pointer(ep.RateLimit), ThrottleRate: pointer(ep.RateLimit), Metadata: ep.Metadata,
		Ordered: ep.Ordered, Format: ep.Format, Signature: ep.Signature, Retry: showRetry(ep.Retry), RetryByType: showRetries(ep.RetryByType), Success: successIn(ep.Success), Auth: showAuth(&ep.Auth),
		Timeout: pointer(secondsOf(ep.Timeout)), Debounce: pointer(secondsOf(ep.Debounce)), MaxInFlight: pointer(ep.MaxInFlight), Paused: ep.Paused,
		FailingSince: pointer(ep.FailingSince), DisabledReason: pointer(ep.DisabledReason),
		CreatedAt: ep.CreatedAt, UpdatedAt: ep.UpdatedAt,
	}
	out.Filter, out.Transformation = pointer(ep.Filter), pointer(ep.Transformation)
	out.Config = jsontext.Value(c.hub.ShownConfig(ep))
	out.Batch = showBatching(ep.Batch)
	out.TypePins = ep.EventTypeVersions
	out.OrderingKey, out.IncludeApp = pointer(ep.OrderingKey), ep.IncludeApplication
	out.OnPause = cmp.Or(ep.OnPause, fanfare.OnPauseHold)
	out.Handshake, out.Unverified = pointer(ep.Handshake.Kind), pointer(ep.Unverified())
	out.Unusable = pointer(ep.Unusable(time.Now()))
	if ep.Verified() {
		out.VerifiedAt = pointer(ep.Handshake.VerifiedAt)
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
	some := list // as in pointer
	return &some
}

func (s *server) endpointRoutes() []*route {
	return []*route{
		on("GET /app/{app}/endpoint", "List an application's endpoints", listEndpoints, params(fareParam, activityParam)...).needs(fanfare.ScopeReadEndpoints, fanfare.ViewBase).inChannels(),
		on("POST /app/{app}/endpoint", "Create an endpoint", createEndpoint).answering(http.StatusCreated).needs(fanfare.ScopeWriteEndpoints, fanfare.ManageEndpoint).inChannels().doing("endpoint.create"),
		on("GET /app/{app}/endpoint/{endpoint}", "Read an endpoint", readEndpoint, activityParam).needs(fanfare.ScopeReadEndpoints, fanfare.ViewBase).inChannels(),
		on("PUT /app/{app}/endpoint/{endpoint}", "Replace an endpoint, or create it under this uid", replaceEndpoint).amending().needs(fanfare.ScopeWriteEndpoints, fanfare.ManageEndpoint).inChannels().doing("endpoint.replace"),
		on("PATCH /app/{app}/endpoint/{endpoint}", "Change an endpoint", changeEndpoint).amending().needs(fanfare.ScopeWriteEndpoints, fanfare.ManageEndpoint).inChannels().doing("endpoint.update"),
		on("DELETE /app/{app}/endpoint/{endpoint}", "Delete an endpoint; what waits for it is cancelled", deleteEndpoint).amending().needs(fanfare.ScopeWriteEndpoints, fanfare.ManageEndpoint).inChannels().doing("endpoint.delete"),
	}
}

func listEndpoints(c *call, _ *none) (*list[*endpointOut], error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	which := c.fareAsked()
	var sent activity
	return paged(c, listing[*fanfare.Endpoint]{
		scope:      []string{string(app.ID)},
		descending: true,
		id:         func(ep *fanfare.Endpoint) string { return string(ep.ID) },
		fetch:      func(p fanfare.Page) ([]*fanfare.Endpoint, error) { return c.endpointsFaring(app.ID, which, p) },
		load:       func(page []*fanfare.Endpoint) (err error) { sent, err = c.activityAsked(page...); return err },
		looks:      which != fanfare.AnyEndpoint,
	}, func(ep *fanfare.Endpoint) (*endpointOut, error) { return c.showActive(ep, sent) })
}

// endpointsFaring is a page of an application's endpoints that fare so, found in a piece of
// the list where not all do.
func (c *call) endpointsFaring(app fanfare.ApplicationID, which fanfare.EndpointState, p fanfare.Page) (found []*fanfare.Endpoint, err error) {
	if which == fanfare.AnyEndpoint {
		return c.hub.EndpointsWithin(c.r.Context(), app, c.who.channels(), p)
	}
	limit, look := p.Limit, p.Look
	p.Limit, p.Look = fanfare.MaxPage, nil
	eps, err := c.hub.EndpointsWithin(c.r.Context(), app, c.who.channels(), p)
	for _, ep := range eps {
		if which.Is(ep) {
			if found = append(found, ep); len(found) == limit {
				return found, err
			}
		}
	}
	if len(eps) == p.Limit && look != nil {
		look.Last = string(eps[len(eps)-1].ID)
	}
	return found, err
}

func createEndpoint(c *call, in *endpointIn) (*endpointOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	ep := &fanfare.Endpoint{Application: app.ID, URL: in.URL, Headers: in.Headers.value}
	in.apply(ep)
	if err := c.settle(ep, &in.endpointFields, true); err != nil {
		return nil, err
	}
	if in.Secret.value != "" {
		ep.Secrets = []fanfare.Secret{{Text: in.Secret.value}}
	}
	if err := c.hub.CreateEndpoint(c.r.Context(), ep); err != nil {
		return nil, taken(err, "uid", ep.UID, byEndpoint)
	}
	return c.shownEndpoint(ep)
}

func readEndpoint(c *call, _ *none) (*endpointOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	sent, err := c.activityAsked(ep)
	if err != nil {
		return nil, err
	}
	return c.showActive(ep, sent)
}

// replaceEndpoint creates what does not exist with 201, under the uid of the
// path unless the body has one. What looks like an id of ours is not made up.
func replaceEndpoint(c *call, in *endpointPut) (*endpointOut, error) {
	ep, err := c.amendEndpoint(func(ep *fanfare.Endpoint) error {
		ep.URL = in.URL
		in.replace(ep)
		if err := c.settle(ep, &in.endpointFields, true); err != nil {
			return err
		}
		return taken(c.hub.UpdateEndpoint(c.r.Context(), ep), "uid", ep.UID, byEndpoint)
	})
	if errors.Is(err, fanfare.ErrNotFound) {
		return c.endpointUnder(c.r.PathValue("endpoint"), in, err)
	}
	if err != nil {
		return nil, err
	}
	return c.shownEndpoint(ep)
}

func (c *call) endpointUnder(ref string, in *endpointPut, absent error) (*endpointOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	if _, ours := fanfare.DecodeID("ep_", ref); ours {
		return nil, absent
	}
	if err := c.mayCreate(); err != nil {
		return nil, err
	}
	ep := &fanfare.Endpoint{Application: app.ID, URL: in.URL}
	in.apply(ep)
	if err := c.settle(ep, &in.endpointFields, true); err != nil {
		return nil, err
	}
	if ep.UID == "" {
		ep.UID = ref
	}
	c.status = http.StatusCreated
	if err := c.hub.CreateEndpoint(c.r.Context(), ep); err != nil {
		return nil, taken(err, "uid", ep.UID, byEndpoint)
	}
	return c.shownEndpoint(ep)
}

func changeEndpoint(c *call, in *endpointPatch) (*endpointOut, error) {
	ep, err := c.amendEndpoint(func(ep *fanfare.Endpoint) (err error) {
		in.URL.into(&ep.URL)
		in.apply(ep)
		if err := c.settle(ep, &in.endpointFields, false); err != nil {
			return err
		}
		if in.Secret.value != "" {
			err = c.hub.RotateSecret(c.r.Context(), ep, in.Secret.value, fanfare.SecretOverlap)
		} else {
			err = c.hub.UpdateEndpoint(c.r.Context(), ep)
		}
		return taken(err, "uid", ep.UID, byEndpoint)
	})
	if err != nil {
		return nil, err
	}
	return c.shownEndpoint(ep)
}

func deleteEndpoint(c *call, _ *none) (none, error) {
	_, err := c.amendEndpoint(func(ep *fanfare.Endpoint) error {
		return c.hub.DeleteEndpointAt(c.r.Context(), ep.Application, ep.ID, ep.Revision)
	})
	return none{}, err
}
