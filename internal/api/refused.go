package api

import (
	"time"

	"github.com/fanfarehq/fanfare"
)

type activityOut struct {
	Accepted int64 `json:"accepted" doc:"Messages kept."`
	Repeated int64 `json:"repeated" doc:"Messages that were there already."`
	Filtered int64 `json:"filtered" doc:"Messages that the source's filter did not let through."`
	Refused  int64 `json:"refused" doc:"Requests refused."`

	Newest []arrivalOut `json:"newest" doc:"The newest 20 messages that came, the newest first."`
}

type arrivalOut struct {
	Timestamp time.Time               `json:"timestamp"`
	Outcome   fanfare.ReceivedOutcome `json:"outcome" enum:"accepted,repeated" doc:"Repeated: it was there already."`
	MsgID     *fanfare.MessageID      `json:"msgId" doc:"null: it was there already."`
	EventID   *string                 `json:"eventId" doc:"What it is known by if it comes again; null: nothing."`
	EventType string                  `json:"eventType"`
}

func sourceActivity(c *call, _ *none) (*activityOut, error) {
	src, err := c.source()
	if err != nil {
		return nil, err
	}
	a := c.hub.SourceActivity(src.ID)
	out := &activityOut{a.Accepted, a.Repeated, a.Filtered, a.Refused, []arrivalOut{}}
	for _, m := range a.Arrivals {
		out.Newest = append(out.Newest, arrivalOut{m.At, m.Outcome, pointer(m.Message), pointer(m.EventID), m.EventType})
	}
	return out, nil
}

type refusalOut struct {
	Timestamp   time.Time               `json:"timestamp"`
	Outcome     fanfare.ReceivedOutcome `json:"outcome" enum:"refused,filtered" doc:"Filtered: the source's filter did not let a message through."`
	Status      *int                    `json:"status" doc:"What the sender was answered; null where that followed from other messages too."`
	Reason      string                  `json:"reason" doc:"In words, why nothing was kept."`
	Method      *string                 `json:"method" doc:"Of the request."`
	Address     *string                 `json:"address" doc:"Where the request came from."`
	ContentType *string                 `json:"contentType" doc:"Of the body."`
	Size        int                     `json:"size" doc:"Of the body in bytes, as far as it was read."`
}

type refusedOut struct {
	Data []refusalOut `json:"data" doc:"The newest 20 that this server has seen since it was started, the newest first."`
}

func listRefused(c *call, _ *none) (*refusedOut, error) {
	src, err := c.source()
	if err != nil {
		return nil, err
	}
	out := &refusedOut{Data: []refusalOut{}}
	for _, r := range c.hub.SourceActivity(src.ID).Refusals {
		out.Data = append(out.Data, refusalOut{
			r.At, r.Outcome, pointer(r.Status), r.Reason, pointer(r.Method), pointer(r.Address), pointer(r.ContentType), r.Size,
		})
	}
	return out, nil
}
