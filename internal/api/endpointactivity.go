package api

import (
	"time"

	"github.com/fanfarehq/fanfare"
)

var activityParam = param{name: "with_activity", kind: "boolean", doc: "Whether to show how many attempts were begun in each of the last 24 hours; false unless told. They are of all messages but tests, so who is let into some channels only is not shown them.", view: true}

// activityHours is of how many hours it is shown, the present one among them.
const activityHours = 24

type hourOut struct {
	Begins    time.Time `json:"begins" doc:"When the hour does."`
	Succeeded int64     `json:"succeeded" doc:"Attempts that were begun in it and succeeded."`
	Failed    int64     `json:"failed" doc:"Those that failed."`
}

// An activity is how much endpoints were sent of late; nil if the query does not ask for it, or
// the caller is let into some channels only.
type activity map[fanfare.EndpointID][]hourOut

func (c *call) activityAsked(eps ...*fanfare.Endpoint) (activity, error) {
	if !c.boolean("with_activity", false) || len(c.who.channels()) > 0 {
		return nil, c.mistakes()
	}
	since := time.Now().Truncate(fanfare.EndpointTallyLasts).Add(-(activityHours - 1) * fanfare.EndpointTallyLasts)
	all, err := c.hub.EndpointTallies(c.r.Context(), eps, since)
	if err != nil {
		return nil, err
	}
	by := make(activity, len(eps))
	for _, ep := range eps {
		by[ep.ID] = []hourOut{}
	}
	for _, t := range all {
		by[t.Endpoint] = append(by[t.Endpoint], hourOut{t.Begins, t.Succeeded, t.Failed})
	}
	return by, nil
}

// showActive is showEndpoint, with what was asked for of its activity.
func (c *call) showActive(ep *fanfare.Endpoint, a activity) (*endpointOut, error) {
	out, err := c.showEndpoint(ep)
	if err == nil {
		out.Activity = a[ep.ID]
	}
	return out, err
}
