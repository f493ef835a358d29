package api

import (
	"maps"
	"time"

	"github.com/fanfarehq/fanfare"
)

var (
	stateParam     = param{name: "status", kind: "integer", doc: "Only messages with a delivery that stands so: 0 Success, 1 Pending, 2 Fail, 3 Sending, 4 Canceled.", enum: []string{"0", "1", "2", "3", "4"}}
	deliveredParam = param{name: "delivered", kind: "boolean", doc: "false: only messages with a delivery that has not succeeded, or not yet; true: with one that has."}
)

// logRoute searches messages and shows what has become of them.
func (s *server) logRoute() *route {
	return on("GET /app/{app}/log", "Search an application's messages, each with its deliveries", listLog, filters(stateParam, deliveredParam)...).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels()
}

// statesAsked are the states of deliveries that the query says; none: it says
// nothing of them.
func (c *call) statesAsked() []fanfare.State {
	states := statesOf(c.integer("status", statusSuccess, statusCanceled, -1), true)
	if c.get("delivered") == nil {
		return states
	}
	if states != nil {
		c.mistake("delivered", "says less than status; give one of them")
	}
	if c.boolean("delivered", true) {
		return []fanfare.State{fanfare.Delivered}
	}
	return []fanfare.State{fanfare.Waiting, fanfare.GivenUp, fanfare.Cancelled}
}

// logOut is a message and what has become of it.
type logOut struct {
	messageOut
	became
}

type became struct {
	Deliveries []logDelivery `json:"deliveries" doc:"To each endpoint that it was for, 250 at most."`
}

type logDelivery struct {
	EndpointID  fanfare.EndpointID `json:"endpointId"`
	Status      int                `json:"status" doc:"0 Success, 1 Pending, 2 Fail, 4 Canceled."`
	StatusText  string             `json:"statusText" enum:"success,pending,fail,canceled"`
	Attempts    int                `json:"attempts" doc:"Since it was last sent again, if it was."`
	NextAttempt *time.Time         `json:"nextAttempt"`
}

// appendJSON implements appender.
func (out *logOut) appendJSON(b []byte) ([]byte, error) {
	b, err := out.messageOut.appendJSON(b)
	if err != nil {
		return nil, err
	}
	return splice(b, &out.became)
}

func listLog(c *call, _ *none) (*list[*logOut], error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	filter, content := c.messageFilter(), c.boolean("with_content", true)
	filter.States, filter.Within = c.statesAsked(), c.who.channels()
	of := make(map[fanfare.MessageID][]*fanfare.Delivery)
	return paged(c, listing[*fanfare.Message]{
		scope:      []string{string(app.ID), "log"},
		descending: true,
		looks:      c.narrowed(),
		id:         func(msg *fanfare.Message) string { return string(msg.ID) },
		fetch: func(p fanfare.Page) ([]*fanfare.Message, error) {
			filter.Page = p
			msgs, err := c.hub.Messages(c.r.Context(), app.ID, filter)
			if err != nil {
				return nil, err
			}
			ids := make([]fanfare.MessageID, len(msgs))
			for i, msg := range msgs {
				ids[i] = msg.ID
			}
			some, err := c.hub.DeliveriesOf(c.r.Context(), app.ID, ids, filter.Within)
			maps.Copy(of, some)
			return msgs, err
		},
	}, func(msg *fanfare.Message) (*logOut, error) {
		out := &logOut{*c.showMessage(msg, payloadOf(msg, content)), became{[]logDelivery{}}}
		for _, d := range of[msg.ID] {
			s := standingOf(d, true)
			out.Deliveries = append(out.Deliveries, logDelivery{d.Endpoint, s.Status, s.StatusText, d.Attempts, s.NextAttempt})
		}
		return out, nil
	})
}
