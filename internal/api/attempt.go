package api

import (
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// attemptOut is an attempt as clients read it, and, where asked for, its message.
type attemptOut struct {
	attemptFields
	Msg *messageOut `json:"msg,omitzero"`
}

type attemptFields struct {
	ID                 fanfare.AttemptID  `json:"id"`
	MsgID              fanfare.MessageID  `json:"msgId"`
	EndpointID         fanfare.EndpointID `json:"endpointId"`
	EventType          string             `json:"eventType" newer:"true"`
	Test               bool               `json:"test" newer:"true" doc:"Whether the message is a test, by the tag fanfare-test."`
	URL                string             `json:"url"`
	Timestamp          time.Time          `json:"timestamp"`
	Status             int                `json:"status" doc:"0 Success or 2 Fail."`
	StatusText         string             `json:"statusText" newer:"true" enum:"success,fail"`
	TriggerType        int                `json:"triggerType" doc:"0 Scheduled or 1 Manual."`
	Number             int                `json:"number" newer:"true" doc:"1 for the first of a round of the schedule."`
	RequestHeaders     [][2]string        `json:"requestHeaders" newer:"true" doc:"Names and values; what opens doors is not shown."`
	ResponseStatusCode int                `json:"responseStatusCode" doc:"0 if there was no response."`
	ResponseHeaders    [][2]string        `json:"responseHeaders" newer:"true"`
	Response           string             `json:"response" doc:"The first 64 KiB of the body."`
	Truncated          bool               `json:"truncated" newer:"true" doc:"Whether there was, or may have been, more of it."`
	ResponseDurationMs int64              `json:"responseDurationMs"`
	ErrorClass         *fanfare.Class     `json:"errorClass" newer:"true" doc:"The kind of failure."`
	Detail             string             `json:"detail" newer:"true" doc:"What the machine said."`
	Explanation        explanation        `json:"explanation" newer:"true"`
	NextAttempt        *time.Time         `json:"nextAttempt" newer:"true"`
}

// An explanation says in a sentence what happened, and in another what to do.
type explanation struct {
	What string `json:"what"`
	Fix  string `json:"fix"`
}

func (c *call) showAttempt(a *fanfare.Attempt, content bool) *attemptOut {
	out := &attemptOut{attemptFields: attemptFields{
		ID: a.ID, MsgID: a.Message, EndpointID: a.Endpoint, EventType: a.EventType, Test: a.Test,
		URL: c.showURL(a.URL), Timestamp: a.StartedAt, Status: statusFail, StatusText: "fail", Number: a.Number,
		RequestHeaders: headerLines(a.RequestHeader), ResponseStatusCode: a.Status, ResponseHeaders: headerLines(a.ResponseHeader),
		Truncated: a.Truncated, ResponseDurationMs: a.Duration.Milliseconds(),
		ErrorClass: &a.Class, Detail: asText(a.Detail), NextAttempt: pointer(a.NextAt),
	}}
	out.Explanation.What, out.Explanation.Fix = a.Explain()
	out.Explanation.What = asText(out.Explanation.What)
	if a.Class == fanfare.ClassSuccess {
		out.Status, out.StatusText, out.ErrorClass = statusSuccess, "success", nil
	}
	if a.Manual {
		out.TriggerType = 1
	}
	if content {
		out.Response = asText(string(a.ResponseBody))
	}
	return out
}

// headerLines shows headers, but for the values of those that open doors.
func headerLines(lines []fanfare.Header) [][2]string {
	out := make([][2]string, 0, len(lines))
	for _, h := range lines {
		if fanfare.SensitiveHeader(h.Name) {
			h.Value = "(not shown)"
		}
		out = append(out, [2]string{asText(h.Name), asText(h.Value)})
	}
	return out
}

// asText makes what a receiver sent fit for JSON.
func asText(s string) string {
	return strings.ToValidUTF8(s, "\uFFFD")
}

// appendJSON implements appender.
func (out *attemptOut) appendJSON(b []byte) ([]byte, error) {
	b, err := appendJSON(b, &out.attemptFields)
	if err != nil || out.Msg == nil {
		return b, err
	}
	b, err = out.Msg.appendJSON(append(b[:len(b)-1], `,"msg":`...))
	return append(b, '}'), err
}

var withMsgParam = param{name: "with_msg", kind: "boolean", doc: "Whether to show the message with each; false unless told.", view: true}

// attemptFilters are filters, with what only attempts have.
func attemptFilters(more ...param) []param {
	class := param{name: "status_code_class", kind: "integer", doc: "Only responses of this class: 100 to 500, or 0 for those without one.", enum: []string{"0", "100", "200", "300", "400", "500"}}
	return filters(append([]param{statusParam, class, withMsgParam, expandedParam}, more...)...)
}

func (s *server) attemptRoutes() []*route {
	only := param{name: "endpoint_id", kind: "string", doc: "Only to this endpoint, by id or uid."}
	query := attemptFilters(waitParam)
	ofMessage := attemptFilters(waitParam, only)
	return []*route{
		on("GET /app/{app}/attempt/endpoint/{endpoint}", "List the attempts to an endpoint", listAttempts, query...).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
		on("GET /app/{app}/attempt/msg/{msg}", "List the attempts of a message", listAttempts, ofMessage...).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
		on("GET /app/{app}/msg/{msg}/attempt", "List the attempts of a message, as old clients ask", listAttempts, ofMessage...).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
		on("GET /app/{app}/msg/{msg}/endpoint/{endpoint}/attempt", "List the attempts of a message to an endpoint", listAttempts, query...).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
		on("GET /app/{app}/msg/{msg}/attempt/{attempt}", "Read an attempt", readAttempt, contentParam, withMsgParam, expandedParam).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
		on("GET /app/{app}/msg/{msg}/attempt/{attempt}/headers", "Read the headers of an attempt", readAttemptHeaders).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels(),
	}
}

// scopeOf is whose attempts the path asks for.
func (c *call) scopeOf() (app fanfare.ApplicationID, f fanfare.AttemptFilter, err error) {
	found, err := c.application()
	if err != nil {
		return "", f, err
	}
	if c.r.PathValue("msg") != "" {
		msg, err := c.message()
		if err != nil {
			return "", f, err
		}
		f.Message = msg.ID
	}
	ref := c.r.PathValue("endpoint")
	if ref == "" && f.Message != "" {
		ref = c.text("endpoint_id")
	}
	if ref != "" {
		ep, err := c.endpointOf(found.ID, ref)
		if err != nil {
			return "", f, missing(err, "endpoint", ref, c.within())
		}
		f.Endpoint = ep.ID
	}
	return found.ID, f, nil
}

// filterAttempts adds to f what the query says, and reports whether there can
// be any such attempt.
func (c *call) filterAttempts(f *fanfare.AttemptFilter) (some bool) {
	m := c.messageFilter()
	f.Since, f.Until, f.EventTypes, f.Channel, f.Tag = m.Since, m.Until, m.EventTypes, m.Channel, m.Tag
	some = true
	switch c.integer("status", statusSuccess, statusCanceled, -1) {
	case statusSuccess:
		f.Outcome = fanfare.OnlySuccesses
	case statusFail:
		f.Outcome = fanfare.OnlyFailures
	case statusPending, statusSending, statusCanceled:
		some = false // an attempt has ended, and nobody cancels it
	}
	switch class := c.integer("status_code_class", 0, 500, -1); {
	case class == 0:
		some = false // the store does not tell those without a response apart
	case class > 0 && class%100 != 0:
		c.mistake("status_code_class", "must be 0, 100, 200, 300, 400 or 500")
	case class > 0:
		f.StatusClass = class / 100
	}
	return some
}

func listAttempts(c *call, _ *none) (*list[*attemptOut], error) {
	app, filter, err := c.scopeOf()
	if err != nil {
		return nil, err
	}
	some := c.filterAttempts(&filter)
	filter.Within = c.who.channels()
	c.listenForAttempts(app)
	content, withMsg := c.boolean("with_content", true), c.boolean("with_msg", false)
	msgs := &beside{}
	return paged(c, listing[*fanfare.Attempt]{
		scope:      []string{string(app), string(filter.Message), string(filter.Endpoint)},
		descending: true,
		looks:      c.narrowed(),
		id:         func(a *fanfare.Attempt) string { return string(a.ID) },
		fetch: func(p fanfare.Page) ([]*fanfare.Attempt, error) {
			if !some {
				return nil, nil
			}
			filter.Page = p
			return c.hub.Attempts(c.r.Context(), app, filter)
		},
		load: func(page []*fanfare.Attempt) error {
			if !withMsg {
				return nil
			}
			for _, a := range page {
				msgs.want(a.Message, a.EventType)
			}
			return msgs.read(c, app)
		},
	}, func(a *fanfare.Attempt) (*attemptOut, error) {
		out := c.showAttempt(a, content)
		if withMsg {
			msg := msgs.of(a.Message)
			out.Msg = c.showMessage(msg, payloadOf(msg, content))
		}
		return out, nil
	})
}

// attempt is the one the path names, of the message it names.
func (c *call) attempt() (*fanfare.Message, *fanfare.Attempt, error) {
	msg, err := c.message()
	if err != nil {
		return nil, nil, err
	}
	id, err := c.ref("attempt")
	if err != nil {
		return nil, nil, err
	}
	a, err := c.attemptOf(msg, id)
	return msg, a, missing(err, "attempt", id, "of message "+echo(c.r.PathValue("msg"))+" "+c.within())
}

func readAttempt(c *call, _ *none) (*attemptOut, error) {
	content, withMsg := c.boolean("with_content", true), c.boolean("with_msg", false)
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	msg, a, err := c.attempt()
	if err != nil {
		return nil, err
	}
	out := c.showAttempt(a, content)
	if withMsg {
		out.Msg = c.showMessage(msg, payloadOf(msg, content))
	}
	return out, nil
}

type attemptHeadersOut struct {
	SentHeaders     map[string]string `json:"sentHeaders"`
	ResponseHeaders [][2]string       `json:"responseHeaders"`
	Sensitive       []string          `json:"sensitive" doc:"Names of those that were sent, but are not shown."`
}

func readAttemptHeaders(c *call, _ *none) (*attemptHeadersOut, error) {
	_, a, err := c.attempt()
	if err != nil {
		return nil, err
	}
	out := &attemptHeadersOut{SentHeaders: map[string]string{}, Sensitive: []string{}, ResponseHeaders: headerLines(a.ResponseHeader)}
	for _, h := range a.RequestHeader {
		if fanfare.SensitiveHeader(h.Name) {
			out.Sensitive = append(out.Sensitive, h.Name)
		} else {
			out.SentHeaders[h.Name] = h.Value
		}
	}
	return out, nil
}
