package api

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
)

// Bounds on a batch.
const (
	maxBatch     = 1000
	maxBatchBody = 16 << 20
)

// batchIn is one of the forms of a batch; the others are a bare list of
// messages, and one message a line.
type batchIn struct {
	Messages []messageIn `json:"messages" doc:"1 to 1000."`
}

type batchOut struct {
	Data []batchResult `json:"data" doc:"One for each message, in order."`
}

// A batchResult is a message, or why there is none.
type batchResult struct {
	*messageOut
	Error    *batchError `json:"error,omitzero"`
	Warnings []string    `json:"warnings,omitzero" doc:"Where the payload is not as the schema of its event type wants it, if that only warns; that the catalogue of event types does not have its type, if it has any; and that its type or version is deprecated."`
}

// A batchError is what the message would have been answered on its own.
type batchError struct {
	Status int            `json:"status"`
	Code   string         `json:"code"`
	Detail jsontext.Value `json:"detail" doc:"A sentence, or a list of what is wrong with which field."`
}

func (s *server) batchRoute() *route {
	content := param{name: "with_content", kind: "boolean", doc: "Whether to give the payloads back, as for a message that is sent alone; false unless told, since the answer would be as long as the request.", view: true}
	rt := describe[batchIn, *batchOut]("POST /app/{app}/msg/batch", "Send up to 1000 messages in one transaction", content).answering(http.StatusAccepted).needs(fanfare.ScopeWriteMessages, noSession).inChannels().unaudited()
	rt.serve, rt.ownKeys, rt.hot, rt.maxBody = createBatch, true, true, maxBatchBody
	rt.alternatives = []string{"application/x-ndjson", "application/ndjson", "application/jsonl"}
	return rt
}

// createBatch answers 202 with one result for each message: one that is refused
// does not hold up the others. There is no body for who prefers none, unless there is
// something to say of a message.
func createBatch(c *call) error {
	content := c.boolean("with_content", false)
	if err := c.mistakes(); err != nil {
		return err
	}
	ref, err := c.ref("app")
	if err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	key, err := c.idempotency(body)
	if err != nil {
		return err
	}
	parts, err := split(body, slices.ContainsFunc(c.route.alternatives, func(t string) bool {
		return bytes.HasPrefix([]byte(c.r.Header.Get("Content-Type")), []byte(t))
	}))
	if err != nil {
		return err
	}
	b := newBatch(parts, c.who.channels())
	c.ignored(b.ignored)
	errs, err := c.accept(c.r.Context(), ref, b.msgs, b.app, key)
	if err != nil {
		return missing(err, "application", ref, here)
	}
	for i, place := range b.places {
		b.errs[place] = taken(errs[i], "event id", b.msgs[i].EventID, byMessage)
	}
	out := &batchOut{Data: make([]batchResult, len(parts))}
	brief := minimal(c.r.Header)
	var accepted []*fanfare.Message
	for i, err := range b.errs {
		if err == nil {
			accepted = append(accepted, &b.envelopes[i].msg)
			out.Data[i].Warnings = c.warnings(&b.envelopes[i].msg)
			brief = brief && out.Data[i].Warnings == nil
			continue
		}
		brief = false
		p := problemOf(err)
		if p == nil {
			return err
		}
		out.Data[i].Error = p.inBatch()
	}
	c.retiring(accepted...)
	if brief {
		return nil
	}
	for i, err := range b.errs {
		if err == nil {
			out.Data[i].messageOut = c.show(&b.envelopes[i], content)
		}
	}
	return c.answer(out)
}

// A batch is what its parts were parsed to.
type batch struct {
	envelopes []envelope
	errs      []error // of each part
	msgs      []*fanfare.Message
	places    []int // of the msgs among the parts
	app       *applicationIn
	ignored   []string
}

// newBatch parses the parts of a batch, which may have only these channels, if there
// are any.
func newBatch(parts [][]byte, channels []string) *batch {
	b := &batch{envelopes: make([]envelope, len(parts)), errs: make([]error, len(parts))}
	for i, part := range parts {
		e := &b.envelopes[i]
		if b.errs[i] = e.parse(part); b.errs[i] != nil {
			continue
		}
		if b.errs[i] = sendable(&e.msg, channels); b.errs[i] != nil {
			continue
		}
		e.msg.Payload = bytes.Clone(e.msg.Payload) // one that waits long must not hold on to the whole batch
		b.msgs, b.places = append(b.msgs, &e.msg), append(b.places, i)
		if b.app == nil {
			b.app = e.app
		}
		for _, name := range e.ignored {
			if !slices.Contains(b.ignored, name) && len(b.ignored) < 16 {
				b.ignored = append(b.ignored, name)
			}
		}
	}
	return b
}

// split finds the messages in a body: a list, an object with a list, or lines.
func split(body []byte, lines bool) (parts [][]byte, err error) {
	if lines {
		for line := range bytes.SplitSeq(body, []byte("\n")) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				parts = append(parts, line)
			}
		}
	} else if parts, err = splitJSON(body); err != nil {
		return nil, err
	}
	switch {
	case len(parts) == 0:
		return nil, invalid(fieldError{[]string{"body", "messages"}, "must hold 1 to 1000 messages", "value_error"})
	case len(parts) > maxBatch:
		return nil, refuse(http.StatusRequestEntityTooLarge, "payload_too_large", "A batch has at most 1000 messages, this one has "+strconv.Itoa(len(parts))+"; send several.")
	}
	return parts, nil
}

func splitJSON(body []byte) ([][]byte, error) {
	if len(bytes.TrimSpace(body)) > 0 && bytes.TrimSpace(body)[0] == '{' {
		if _, err := checkJSON(body); err != nil {
			return nil, err
		}
		var in struct {
			Messages jsontext.Value `json:"messages"`
		}
		if err := json.Unmarshal(body, &in, lenient, lenientText); err != nil {
			return nil, jsonProblem(err)
		}
		if body = in.Messages; body == nil {
			return nil, nil
		}
	}
	var list []jsontext.Value
	if err := json.Unmarshal(body, &list, lenient, lenientText); err != nil {
		return nil, jsonProblem(err)
	}
	parts := make([][]byte, len(list))
	for i, value := range list {
		parts[i] = value
	}
	return parts, nil
}

func (p *problem) inBatch() *batchError {
	var as struct {
		Detail jsontext.Value `json:"detail"`
	}
	if err := json.Unmarshal(p.body(), &as); err != nil {
		as.Detail = jsontext.Value(`""`)
	}
	return &batchError{p.status, p.code, as.Detail}
}

// appendJSON implements appender.
func (out *batchOut) appendJSON(b []byte) ([]byte, error) {
	b = append(b, `{"data":[`...)
	for i, result := range out.Data {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if result.messageOut != nil {
			b, err = result.messageOut.appendJSON(b)
			if len(result.Warnings) > 0 {
				b = appendStrings(append(b[:len(b)-1], `,"warnings":`...), &result.Warnings)
				b = append(b, '}')
			}
		} else {
			b, err = appendJSON(append(b, `{"error":`...), result.Error)
			b = append(b, '}')
		}
		if err != nil {
			return nil, err
		}
	}
	return append(b, "]}"...), nil
}
