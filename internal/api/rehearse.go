package api

import (
	"encoding/base64"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
)

// byHandRoutes are of what somebody has written or changed by hand.
func (s *server) byHandRoutes() []*route {
	return []*route{
		on("POST /app/{app}/msg/{msg}/endpoint/{endpoint}/rehearse", "Send a changed copy of a message to a bin, as the endpoint would be sent it", rehearse).needs(fanfare.ScopeWriteMessages, fanfare.CreateAttempts).inChannels().exactly().doing("message.rehearse"),
		on("POST /app/{app}/endpoint/{endpoint}/msg", "Send a message to one endpoint alone, whether or not it wants it", sendAlone).answering(http.StatusAccepted).needs(fanfare.ScopeWriteMessages, noSession).exactly().doing("endpoint.send"),
		on("POST /url/send", "Make a request by hand, through the guard that deliveries go through", sendRequest).exactly().doing("url.send"),
	}
}

type rehearsalIn struct {
	URL         string            `json:"url" doc:"The address of a bin of this server."`
	Secret      string            `json:"secret" doc:"Signs the copy, in the way of the endpoint; the endpoint's own secret never does."`
	Payload     jsontext.Value    `json:"payload,omitzero" doc:"Any JSON value, sent as it stands here; without it and rawPayload, the message's own."`
	RawPayload  *string           `json:"rawPayload,omitzero" doc:"The payload as text, in place of payload."`
	ContentType string            `json:"contentType,omitzero" doc:"Of the payload; that of the message unless told."`
	Headers     map[string]string `json:"headers,omitzero" doc:"Sent beside the endpoint's, and instead of those of the same names."`
}

// triedOut is what came of something that is stored nowhere.
type triedOut struct {
	URL             string         `json:"url" doc:"Where it was sent."`
	RequestHeaders  [][2]string    `json:"requestHeaders" doc:"Names and values; what opens doors is not shown."`
	Status          *int           `json:"status" doc:"Of the answer; null: there was none."`
	ResponseHeaders [][2]string    `json:"responseHeaders" doc:"Names and values of the answer's headers."`
	Response        string         `json:"response" doc:"The first 64 KiB of the answer's body."`
	Truncated       bool           `json:"truncated" doc:"Whether there was, or may have been, more of it."`
	DurationMs      int64          `json:"durationMs" doc:"How long it took."`
	ErrorClass      *fanfare.Class `json:"errorClass" doc:"The kind of failure, as of attempts; null: it went well."`
	Detail          string         `json:"detail" doc:"What the machine said."`
	Explanation     explanation    `json:"explanation"`
}

func showTried(a *fanfare.Attempt) *triedOut {
	out := &triedOut{
		URL: a.URL, RequestHeaders: headerLines(a.RequestHeader), Status: pointer(a.Status), ResponseHeaders: headerLines(a.ResponseHeader),
		Response: asText(string(a.ResponseBody)), Truncated: a.Truncated, DurationMs: a.Duration.Milliseconds(), Detail: asText(a.Detail),
	}
	if a.Class != fanfare.ClassSuccess {
		out.ErrorClass = &a.Class
	}
	out.Explanation.What, out.Explanation.Fix = a.Explain()
	out.Explanation.What = asText(out.Explanation.What)
	return out
}

// written is a payload that was given as a JSON value or as text; nil: neither was.
func written(payload jsontext.Value, raw *string) ([]byte, error) {
	switch {
	case raw != nil && len(payload) > 0:
		return nil, &fanfare.InvalidError{Field: "rawPayload", Reason: "stands in place of payload; give one of the two"}
	case raw != nil:
		return append([]byte{}, *raw...), nil
	case len(payload) > 0:
		return append([]byte{}, payload...), nil
	}
	return nil, nil
}

func rehearse(c *call, in *rehearsalIn) (*triedOut, error) {
	msg, err := c.message()
	if err != nil {
		return nil, err
	}
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	r := &fanfare.Rehearsal{URL: in.URL, Secret: in.Secret, ContentType: in.ContentType, Headers: in.Headers}
	if r.Payload, err = written(in.Payload, in.RawPayload); err != nil {
		return nil, err
	}
	if r.Payload == nil {
		if r.Payload = msg.Payload; r.Payload == nil {
			return nil, &fanfare.InvalidError{Field: "payload", Reason: "is missing, and that of the message is no more; give one"}
		}
	}
	a, err := c.hub.Rehearse(c.r.Context(), ep, msg, r)
	if err != nil {
		return nil, err
	}
	return showTried(a), nil
}

type aloneIn struct {
	EventType   string         `json:"eventType" doc:"Such as record.created."`
	Payload     jsontext.Value `json:"payload,omitzero" doc:"What is delivered, byte for byte as it stands here."`
	RawPayload  *string        `json:"rawPayload,omitzero" doc:"The payload as text, in place of payload."`
	ContentType string         `json:"contentType,omitzero" doc:"Of the payload; application/json unless told."`
}

func sendAlone(c *call, in *aloneIn) (*messageOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	msg := &fanfare.Message{EventType: in.EventType, ContentType: in.ContentType, Channels: append([]string{}, ep.Channels...)}
	if msg.Payload, err = written(in.Payload, in.RawPayload); err != nil {
		return nil, err
	}
	if err := c.hub.SendTo(c.r.Context(), ep, msg); err != nil {
		return nil, err
	}
	c.warn(msg.Warnings)
	return c.showMessage(msg, payloadOf(msg, true)), nil
}

type requestIn struct {
	Method     string      `json:"method,omitzero" enum:"GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS" doc:"POST unless told."`
	URL        string      `json:"url" doc:"Where to; what no endpoint could be at is refused."`
	Headers    [][2]string `json:"headers,omitzero" doc:"Names and values."`
	Body       string      `json:"body,omitzero" doc:"As text."`
	BodyBase64 string      `json:"bodyBase64,omitzero" doc:"In base 64, in place of body."`
}

func sendRequest(c *call, in *requestIn) (*triedOut, error) {
	r := &fanfare.Request{Method: in.Method, URL: in.URL, Body: []byte(in.Body)}
	if r.Method == "" {
		r.Method = http.MethodPost
	}
	if in.BodyBase64 != "" {
		body, err := base64.StdEncoding.DecodeString(in.BodyBase64)
		if err != nil || in.Body != "" {
			return nil, &fanfare.InvalidError{Field: "bodyBase64", Reason: "is base 64 of the body, in place of body"}
		}
		r.Body = body
	}
	for _, line := range in.Headers {
		r.Header = append(r.Header, fanfare.Header{Name: line[0], Value: line[1]})
	}
	a, err := c.hub.SendRequest(c.r.Context(), r)
	if err != nil {
		return nil, err
	}
	return showTried(a), nil
}
