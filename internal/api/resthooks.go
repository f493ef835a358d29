package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// A REST hook (resthooks.org) is an ordinary endpoint that a program subscribed,
// not a person: Zapier subscribes one for each Zap that is turned on, and
// unsubscribes it when the Zap is turned off. That an endpoint is one, and for
// what, its uid tells; so no two are the same.
const hookPrefix = "hook-"

// hookUID is the uid of the hook to a target for these event types and channels.
// All hooks to one target have the same beginning, which ends at hookTargetEnd.
func hookUID(target string, events, channels []string) string {
	to := sha256.Sum256([]byte(target))
	sorted := slices.Concat(slices.Sorted(slices.Values(events)), []string{""}, slices.Sorted(slices.Values(channels)))
	of := sha256.Sum256([]byte(strings.Join(sorted, "\n")))
	return hookPrefix + hex.EncodeToString(to[:12]) + "-" + hex.EncodeToString(of[:12])
}

const (
	hookTargetEnd = len(hookPrefix) + 24
	hookUIDLength = hookTargetEnd + 1 + 24
)

func isHook(ep *fanfare.Endpoint) bool {
	return strings.HasPrefix(ep.UID, hookPrefix) && len(ep.UID) == hookUIDLength
}

// hookTarget is where a hook goes, by any of the names that clients have for it.
type hookTarget struct {
	TargetURL       field[string] `json:"target_url,omitzero" doc:"Where messages go."`
	TargetURLCamel  field[string] `json:"targetUrl,omitzero" doc:"Another name of target_url."`
	HookURL         field[string] `json:"hookUrl,omitzero" doc:"Another name of target_url."`
	HookURLSnake    field[string] `json:"hook_url,omitzero" doc:"Another name of target_url."`
	SubscriptionURL field[string] `json:"subscription_url,omitzero" doc:"Another name of target_url."`
	Target          field[string] `json:"target,omitzero" doc:"Another name of target_url."`
	URL             field[string] `json:"url,omitzero" doc:"Another name of target_url."`
}

func (t *hookTarget) target() string {
	return t.TargetURL.or(t.TargetURLCamel).or(t.HookURL).or(t.HookURLSnake).or(t.SubscriptionURL).or(t.Target).or(t.URL).value
}

// hookEvents are what a hook is for, by any of its names.
type hookEvents struct {
	Event          field[string]   `json:"event,omitzero" doc:"The event type, or a group such as record.*."`
	EventTypeSnake field[string]   `json:"event_type,omitzero" doc:"Another name of event."`
	EventType      field[string]   `json:"eventType,omitzero" doc:"Another name of event."`
	Events         field[[]string] `json:"events,omitzero" doc:"Several of them, in place of event."`
}

func (e *hookEvents) events() []string {
	if one := e.Event.or(e.EventTypeSnake).or(e.EventType); one.value != "" {
		return []string{one.value}
	}
	return e.Events.value
}

type hookIn struct {
	hookTarget
	hookEvents
	Channels field[[]string] `json:"channels,omitzero" doc:"If there are any, only messages that share one."`
	Active   field[bool]     `json:"active,omitzero" doc:"False stops deliveries."`
	Secret   field[string]   `json:"secret,omitzero" doc:"Signs what is sent, in X-Hook-Signature, and has 8 to 256 characters. Without one, attempts are signed as those to other endpoints are."`
}

// apply writes what in says into ep, whose uid follows from it.
func (in *hookIn) apply(ep *fanfare.Endpoint) error {
	if to := in.target(); to != "" {
		ep.URL = to
	}
	if events := in.events(); len(events) > 0 {
		ep.EventTypes = events
	}
	in.Channels.into(&ep.Channels)
	switch {
	case ep.URL == "":
		return &fanfare.InvalidError{Field: "target_url", Reason: "say where to send to"}
	case len(ep.EventTypes) == 0:
		return &fanfare.InvalidError{Field: "event", Reason: `name the event type, such as "record.created"; * is all`}
	}
	if in.Active.set {
		ep.Disabled = !in.Active.value
	}
	if in.Secret.value != "" {
		ep.Signature, ep.Secrets = string(webhook.RESTHooks), []fanfare.Secret{{Text: in.Secret.value}}
	}
	uid := hookUID(ep.URL, ep.EventTypes, ep.Channels)
	if in.target() == "" { // ep.URL may be spelt in another way than the subscriber's
		uid = ep.UID[:hookTargetEnd] + uid[hookTargetEnd:]
	}
	ep.UID = uid
	return nil
}

type hookOut struct {
	ID        fanfare.EndpointID `json:"id" doc:"To unsubscribe by; also the endpoint's."`
	Event     string             `json:"event"`
	Events    []string           `json:"events"`
	TargetURL string             `json:"target_url"`
	Channels  *[]string          `json:"channels"`
	Active    bool               `json:"active"`
	Reason    *string            `json:"reason" doc:"Why it is not active, in words, when it was not the subscriber who stopped it: the target answered 410, say."`
	Account   string             `json:"account" doc:"The application, as it stands in the path."`
	CreatedAt time.Time          `json:"createdAt"`
	UpdatedAt time.Time          `json:"updatedAt"`
}

func (c *call) showHook(ep *fanfare.Endpoint) (*hookOut, error) {
	events := ep.EventTypes
	if len(events) == 0 { // changed as an endpoint, where none means all
		events = []string{"*"}
	}
	return &hookOut{
		ID: ep.ID, Event: events[0], Events: events, TargetURL: c.showURL(ep.URL), Channels: someOf(ep.Channels),
		Active: !ep.Disabled, Reason: pointer(ep.DisabledReason), Account: c.r.PathValue("app"),
		CreatedAt: ep.CreatedAt, UpdatedAt: ep.UpdatedAt,
	}, nil
}

// hookRoutes are there twice: as hooks, and as the subscriptions that
// resthooks.org calls them.
func (s *server) hookRoutes() []*route {
	event := param{name: "event", kind: "string", doc: "The event type."}
	alias := param{name: "event_type", kind: "string", doc: "Another name of event."}
	count := param{name: "limit", kind: "integer", doc: "How many at most, 1 to 100; 10 unless told."}
	to := param{name: "target_url", kind: "string", doc: "Of the subscriptions to end, if the body does not say."}
	reads := func(rt *route) *route { return rt.needs(fanfare.ScopeReadEndpoints, fanfare.ViewBase).inChannels() }
	writes := func(rt *route) *route {
		return rt.needs(fanfare.ScopeWriteEndpoints, fanfare.ManageEndpoint).inChannels()
	}
	var all []*route
	for _, name := range []string{"hooks", "subscriptions"} {
		at := "/app/{app}/" + name
		all = append(all,
			reads(on("GET "+at, "List an application's REST hooks", listHooks, params()...)),
			writes(on("POST "+at, "Subscribe a REST hook", subscribeHook).answering(http.StatusCreated)).doing("hook.subscribe"),
			writes(on("DELETE "+at, "Unsubscribe all REST hooks to a target", unsubscribeHooks, to, event, alias)).doing("hook.unsubscribe"),
			on("GET "+at+"/sample", "Read what a REST hook for an event type would be sent, newest first", sampleHook, event, alias, count).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
			writes(on("POST "+at+"/subscribe", "Subscribe a REST hook", subscribeHook).answering(http.StatusCreated)).doing("hook.subscribe"),
			writes(on("POST "+at+"/unsubscribe", "Unsubscribe a REST hook by id, or all to a target", unsubscribeHooks, to, event, alias)).doing("hook.unsubscribe"),
			reads(on("GET "+at+"/{endpoint}", "Read a REST hook", readHook)),
			writes(on("PUT "+at+"/{endpoint}", "Change a REST hook", changeHook).amending()).doing("hook.update"),
			writes(on("DELETE "+at+"/{endpoint}", "Unsubscribe a REST hook", deleteHook)).doing("hook.unsubscribe"),
		)
	}
	return all
}

// hook is the one the path names. Endpoints that were not subscribed as hooks are
// not found, so that a Zap's key to its own cannot be one to all.
func (c *call) hook() (*fanfare.Endpoint, error) {
	ep, err := c.endpoint()
	if err == nil && !isHook(ep) {
		return nil, missing(fanfare.ErrNotFound, "REST hook", c.r.PathValue("endpoint"), c.within())
	}
	return ep, err
}

func listHooks(c *call, _ *none) (*list[*hookOut], error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	return paged(c, listing[*fanfare.Endpoint]{
		scope:      []string{string(app.ID)},
		descending: true,
		id:         func(ep *fanfare.Endpoint) string { return string(ep.ID) },
		fetch: func(p fanfare.Page) ([]*fanfare.Endpoint, error) {
			var found []*fanfare.Endpoint
			err := c.eachHook(app.ID, p, func(ep *fanfare.Endpoint) bool {
				found = append(found, ep)
				return len(found) < p.Limit
			})
			return found, err
		},
	}, c.showHook)
}

// eachHook goes through an application's hooks, in p's order from where p begins,
// until more says that it is enough.
func (c *call) eachHook(app fanfare.ApplicationID, p fanfare.Page, more func(*fanfare.Endpoint) bool) error {
	for p.Limit = fanfare.MaxPage; ; {
		eps, err := c.hub.EndpointsWithin(c.r.Context(), app, c.who.channels(), p)
		if err != nil {
			return err
		}
		for _, ep := range eps {
			if isHook(ep) && !more(ep) {
				return nil
			}
		}
		if len(eps) < p.Limit {
			return nil
		}
		p.After = string(eps[len(eps)-1].ID)
	}
}

// subscribeHook answers 409 for what is subscribed already, unless that had ended
// because the target answered 410 or did nothing but fail: then it begins again.
func subscribeHook(c *call, in *hookIn) (*hookOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	ep := &fanfare.Endpoint{Application: app.ID, Description: "REST hook"}
	if mine := c.who.channels(); len(mine) > 0 && in.Channels.value == nil {
		in.Channels = field[[]string]{set: true, value: mine} // which its uid follows from
	}
	if err := in.apply(ep); err != nil {
		return nil, err
	}
	if err := c.writable(ep, in.Channels, false); err != nil {
		return nil, err
	}
	err = c.hub.CreateEndpoint(c.r.Context(), ep)
	if errors.Is(err, fanfare.ErrExists) {
		ep, err = c.reviveHook(app.ID, ep.UID, in)
		if errors.Is(err, fanfare.ErrNotFound) {
			err = hookTaken
		}
	}
	if err != nil {
		return nil, hookProblem(err)
	}
	if err := c.sweepHooks(app.ID, time.Now()); err != nil {
		return nil, err
	}
	return c.showHook(ep)
}

// hookTaken is said of what cannot be shown, or has gone in between.
var hookTaken = refuse(http.StatusConflict, "conflict", "This is subscribed already, by somebody else. Subscribe another target, or for other event types.")

func (c *call) reviveHook(app fanfare.ApplicationID, uid string, in *hookIn) (*fanfare.Endpoint, error) {
	read := func() (*fanfare.Endpoint, error) { return c.endpointOf(app, uid) }
	return amend(c, read, c.showHook, func(ep *fanfare.Endpoint) error {
		return c.beginAgain(ep, in)
	})
}

func (c *call) beginAgain(ep *fanfare.Endpoint, in *hookIn) error {
	if ep.DisabledReason == "" {
		return refuse(http.StatusConflict, "conflict", "This is subscribed already, as "+string(ep.ID)+". Unsubscribe that first, or use it.")
	}
	ep.Disabled = false
	if err := in.apply(ep); err != nil {
		return err
	}
	return c.hub.UpdateEndpoint(c.r.Context(), ep)
}

// hookKept is how long a hook that has ended by itself can be looked at.
const hookKept = 7 * 24 * time.Hour

// sweepHooks deletes the hooks that ended by themselves long ago: nobody else
// would, and each Zap has a target of its own.
func (c *call) sweepHooks(app fanfare.ApplicationID, now time.Time) error {
	var over []fanfare.EndpointID
	err := c.eachHook(app, fanfare.Page{Ascending: true}, func(ep *fanfare.Endpoint) bool {
		if ep.Disabled && ep.DisabledReason != "" && now.Sub(ep.UpdatedAt) > hookKept {
			over = append(over, ep.ID)
		}
		return len(over) < fanfare.MaxPage
	})
	if err != nil {
		return err
	}
	return c.removeHooks(app, over)
}

func (c *call) removeHooks(app fanfare.ApplicationID, ids []fanfare.EndpointID) error {
	for _, id := range ids {
		if err := c.hub.DeleteEndpoint(c.r.Context(), app, id); err != nil && !errors.Is(err, fanfare.ErrNotFound) {
			return err
		}
	}
	return nil
}

// hookProblem calls the fields of an endpoint by the names that hooks have for
// them.
func hookProblem(err error) error {
	var wrong *fanfare.InvalidError
	if !errors.As(err, &wrong) {
		return err
	}
	names := map[string]string{"url": "target_url", "eventTypes": "event"}
	if name, ok := names[wrong.Field]; ok {
		return &fanfare.InvalidError{Field: name, Reason: wrong.Reason}
	}
	return err
}

func readHook(c *call, _ *none) (*hookOut, error) {
	ep, err := c.hook()
	if err != nil {
		return nil, err
	}
	return c.showHook(ep)
}

// changeHook leaves as it is what the body does not say.
func changeHook(c *call, in *hookIn) (*hookOut, error) {
	ep, err := amend(c, c.hook, c.showHook, func(ep *fanfare.Endpoint) error {
		if err := in.apply(ep); err != nil {
			return err
		}
		if err := c.writable(ep, in.Channels, false); err != nil {
			return err
		}
		return c.hub.UpdateEndpoint(c.r.Context(), ep)
	})
	if errors.Is(err, fanfare.ErrExists) {
		return nil, refuse(http.StatusConflict, "conflict", "That is what another REST hook of this application is subscribed to. Unsubscribe one of the two.")
	}
	if err != nil {
		return nil, hookProblem(err)
	}
	return c.showHook(ep)
}
