package api

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
)

// samples are payloads, as a list without anything around it: what Zapier shows to
// whoever sets up a Zap. Each is an object with an id that no other has.
type samples []jsontext.Value

// appendJSON implements appender: payloads are shown byte for byte.
func (s samples) appendJSON(b []byte) ([]byte, error) {
	b = append(b, '[')
	for i, item := range s {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, item...)
	}
	return append(b, ']'), nil
}

// A sampler gathers samples.
type sampler struct {
	samples
	seen map[string]bool // the ids, as they are written
}

// add takes a payload in, unless one with the same id is there. One without an id
// gets id, and one that is no object becomes its member data.
func (s *sampler) add(payload jsontext.Value, id string) {
	payload = bytes.TrimSpace(payload)
	own := idOf(payload)
	if own == "" {
		own = string(quote(nil, id))
		head := `{"id":` + own
		switch {
		case payload.Kind() != '{':
			payload = append([]byte(head+`,"data":`), append(payload[:len(payload):len(payload)], '}')...)
		case len(bytes.TrimSpace(payload[1:len(payload)-1])) == 0:
			payload = []byte(head + "}")
		default:
			payload = append([]byte(head+","), payload[1:]...)
		}
	}
	if !s.seen[own] {
		s.seen[own] = true
		s.samples = append(s.samples, payload)
	}
}

// idOf is the member id of an object as it is written there, "" if it has none.
func idOf(payload jsontext.Value) string {
	dec := jsontext.NewDecoder(bytes.NewReader(payload), lenient, lenientText)
	if dec.PeekKind() != '{' {
		return ""
	}
	if _, err := dec.ReadToken(); err != nil {
		return ""
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return ""
		}
		found := name.String() == "id"
		value, err := dec.ReadValue()
		if err != nil {
			return ""
		}
		if found && value.Kind() != 'n' {
			return string(value)
		}
	}
	return ""
}

// sampleHook answers with the payloads of the newest messages of an event type,
// or, if there are none, with the event type's examples.
func sampleHook(c *call, _ *none) (samples, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	event, limit := c.event(), c.integer("limit", 1, 100, 10)
	if event == "" && c.wrong == nil {
		c.mistake("event", `name the event type, such as "record.created"`)
	}
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	s := sampler{seen: map[string]bool{}}
	msgs, err := c.hub.Messages(c.r.Context(), app.ID, fanfare.MessageFilter{
		EventTypes: []string{event}, Page: fanfare.Page{Limit: limit, Look: &fanfare.Look{Most: maxNewest}}, Within: c.who.channels(),
	})
	if err != nil {
		return nil, err
	}
	for _, msg := range msgs {
		if msg.Payload != nil {
			s.add(payloadOf(msg, true), string(msg.ID))
		}
	}
	if len(s.samples) == 0 {
		err = c.sampleExamples(&s, event, limit)
	}
	return s.samples, err
}

func (c *call) sampleExamples(s *sampler, event string, limit int) error {
	t, err := c.hub.EventType(c.r.Context(), event)
	if errors.Is(err, fanfare.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var last []byte
	for i := range limit {
		example, err := t.Example(i)
		if err != nil || bytes.Equal(example, last) { // the only one is there at every place
			return nil
		}
		s.add(jsontext.Value(example), "example_"+strconv.Itoa(i+1))
		last = example
	}
	return nil
}
