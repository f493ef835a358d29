package api

import (
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// standing is where a delivery stands, in the words and numbers of the clients.
type standing struct {
	Status      int        `json:"status" doc:"0 Success, 1 Pending, 2 Fail, 4 Canceled."`
	StatusText  string     `json:"statusText" newer:"true" enum:"success,pending,fail,canceled"`
	NextAttempt *time.Time `json:"nextAttempt"`
}

// The numbers that clients know statuses by.
const (
	statusSuccess  = 0
	statusPending  = 1
	statusFail     = 2
	statusSending  = 3
	statusCanceled = 4
)

// statusOf gives the number and the word. Old clients do not know the number of
// what was cancelled, so they are shown that it was not delivered.
func statusOf(state fanfare.State, expanded bool) (int, string) {
	switch {
	case state == fanfare.Delivered:
		return statusSuccess, "success"
	case state == fanfare.GivenUp:
		return statusFail, "fail"
	case state == fanfare.Cancelled && expanded:
		return statusCanceled, "canceled"
	case state == fanfare.Cancelled:
		return statusFail, "canceled"
	}
	return statusPending, "pending"
}

func standingOf(d *fanfare.Delivery, expanded bool) standing {
	var s standing
	s.Status, s.StatusText = statusOf(d.State, expanded)
	if d.State == fanfare.Waiting {
		s.NextAttempt = &d.Due
	}
	return s
}

// statesOf is the other way round.
func statesOf(status int, expanded bool) []fanfare.State {
	switch {
	case status == statusSuccess:
		return []fanfare.State{fanfare.Delivered}
	case status == statusPending, status == statusSending:
		return []fanfare.State{fanfare.Waiting}
	case status == statusFail && expanded:
		return []fanfare.State{fanfare.GivenUp}
	case status == statusFail:
		return []fanfare.State{fanfare.GivenUp, fanfare.Cancelled}
	case status == statusCanceled:
		return []fanfare.State{fanfare.Cancelled}
	}
	return nil
}

// endpointMessageOut is a message and how its delivery to an endpoint stands.
type endpointMessageOut struct {
	messageOut
	standing
}

// appendJSON implements appender.
func (out *endpointMessageOut) appendJSON(b []byte) ([]byte, error) {
	b, err := out.messageOut.appendJSON(b)
	if err != nil {
		return nil, err
	}
	return splice(b, &out.standing)
}

// splice appends the members of v to the object that b ends with.
func splice(b []byte, v any) ([]byte, error) {
	end := len(b) - 1
	b, err := appendJSON(b[:end], v)
	if err != nil {
		return nil, err
	}
	b[end] = ','
	return b, nil
}

// messageEndpointOut is an endpoint and how the delivery of a message to it
// stands.
type messageEndpointOut struct {
	endpointOut
	standing
	Metadata map[string]string `json:"metadata" newer:"true"` // which old clients know of endpoints, but not here
}

func (s *server) deliveryRoutes() []*route {
	return []*route{
		on("GET /app/{app}/endpoint/{endpoint}/msg", "List an endpoint's deliveries, with their messages", listEndpointMessages, filters(statusParam, expandedParam)...).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
		on("GET /app/{app}/msg/{msg}/endpoint", "List a message's deliveries, with their endpoints", listMessageEndpoints, params(expandedParam)...).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
		on("GET /app/{app}/msg/{msg}/unsent", "Say of the endpoints that a message was not sent to why not", listUnsent).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels().exactly(),
		on("POST /app/{app}/msg/{msg}/endpoint/{endpoint}/resend", "Send a message to an endpoint again", resendMessage).answering(http.StatusAccepted).needs(fanfare.ScopeWriteMessages, fanfare.CreateAttempts).inChannels().doing("message.resend"),
	}
}

func listEndpointMessages(c *call, _ *none) (*list[*endpointMessageOut], error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	m := c.messageFilter()
	content, expanded := c.boolean("with_content", true), c.boolean("expanded_statuses", false)
	filter := fanfare.DeliveryFilter{
		Endpoint: ep.ID, States: statesOf(c.integer("status", statusSuccess, statusCanceled, -1), expanded),
		Since: m.Since, Until: m.Until, EventTypes: m.EventTypes, Channel: m.Channel, Tag: m.Tag, Within: c.who.channels(),
	}
	msgs := &beside{}
	return paged(c, listing[*fanfare.Delivery]{
		scope:      []string{string(ep.Application), string(ep.ID)},
		descending: true,
		looks:      c.narrowed(),
		id:         func(d *fanfare.Delivery) string { return string(d.Message) },
		load: func(page []*fanfare.Delivery) error {
			for _, d := range page {
				msgs.want(d.Message, "")
			}
			return msgs.read(c, ep.Application)
		},
		fetch: func(p fanfare.Page) ([]*fanfare.Delivery, error) {
			filter.Page = p
			return c.hub.Deliveries(c.r.Context(), ep.Application, filter)
		},
	}, func(d *fanfare.Delivery) (*endpointMessageOut, error) {
		msg := msgs.of(d.Message)
		return &endpointMessageOut{*c.showMessage(msg, payloadOf(msg, content)), standingOf(d, expanded)}, nil
	})
}

func listMessageEndpoints(c *call, _ *none) (*list[*messageEndpointOut], error) {
	msg, err := c.message()
	if err != nil {
		return nil, err
	}
	expanded := c.boolean("expanded_statuses", false)
	return paged(c, listing[*fanfare.Delivery]{
		scope: []string{string(msg.Application), string(msg.ID)},
		id:    func(d *fanfare.Delivery) string { return string(d.Endpoint) },
		fetch: func(p fanfare.Page) ([]*fanfare.Delivery, error) {
			return c.hub.Deliveries(c.r.Context(), msg.Application, fanfare.DeliveryFilter{Message: msg.ID, Page: p, Within: c.who.channels()})
		},
	}, func(d *fanfare.Delivery) (*messageEndpointOut, error) {
		ep, err := c.hub.Endpoint(c.r.Context(), msg.Application, string(d.Endpoint))
		if err != nil {
			return nil, err
		}
		shown, err := c.showEndpoint(ep)
		if err != nil {
			return nil, err
		}
		return &messageEndpointOut{*shown, standingOf(d, expanded), shown.Metadata}, nil
	})
}

type emptyOut struct{}

func resendMessage(c *call, _ *none) (*emptyOut, error) {
	msg, err := c.message()
	if err != nil {
		return nil, err
	}
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	return &emptyOut{}, c.hub.Resend(c.r.Context(), msg, ep)
}
