package api

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
)

// An envelope is a message as it comes in. Decoding is the hot path: it goes
// over the bytes once, makes nothing but what the message keeps, and takes the
// payload as it stands.
type envelope struct {
	msg     fanfare.Message
	json    bool           // whether the payload is the JSON it was given as, not raw text
	app     *applicationIn // to be created if it does not exist
	ignored []string       // names that mean nothing here
}

// messageIn is what parse takes, for the document.
type messageIn struct {
	EventType             string            `json:"eventType" doc:"Such as record.created."`
	Payload               any               `json:"payload" doc:"What is delivered, byte for byte as it stands here."`
	EventTypeVersion      field[int]        `json:"eventTypeVersion,omitzero" doc:"Which version of its type the payload is of; one that the event type has a schema for. Without one it is taken for the current version."`
	EventID               field[string]     `json:"eventId,omitzero" doc:"Your own id for it; a second message with the same one is refused, unless it is of another version of its type."`
	Channels              field[[]string]   `json:"channels,omitzero"`
	Tags                  field[[]string]   `json:"tags,omitzero"`
	DeliverAt             field[time.Time]  `json:"deliverAt,omitzero" doc:"Not before."`
	OrderingKey           field[string]     `json:"orderingKey,omitzero" doc:"Ordered endpoints keep messages of one key in order, and only those wait for each other."`
	Application           *applicationIn    `json:"application,omitzero" doc:"Created first, if the one in the path does not exist."`
	TransformationsParams *transformationIn `json:"transformationsParams,omitzero"`
}

// transformationIn is how clients send payloads that are not JSON.
type transformationIn struct {
	RawPayload *string           `json:"rawPayload,omitzero" doc:"The payload as text, in place of payload."`
	Headers    map[string]string `json:"headers,omitzero" doc:"content-type is that of rawPayload; others are ignored."`
}

// The envelope's names, as bits of a set.
const (
	hasEventType = 1 << iota
	hasPayload
	hasEventID
	hasChannels
	hasTags
	hasDeliverAt
	hasOrderingKey
	hasApplication
	hasTransformations
	hasEventTypeVersion
)

func bitOf(name string) int {
	switch name {
	case "eventType":
		return hasEventType
	case "payload":
		return hasPayload
	case "eventId":
		return hasEventID
	case "channels":
		return hasChannels
	case "tags":
		return hasTags
	case "deliverAt":
		return hasDeliverAt
	case "orderingKey":
		return hasOrderingKey
	case "application":
		return hasApplication
	case "transformationsParams":
		return hasTransformations
	case "eventTypeVersion":
		return hasEventTypeVersion
	}
	return 0
}

// reader is a decoder to be used again, with what it reads: it works directly on
// the bytes of a buffer.
type reader struct {
	buf bytes.Buffer
	dec jsontext.Decoder
}

func (r *reader) reset(body []byte) {
	r.buf = *bytes.NewBuffer(body)
	r.dec.Reset(&r.buf, lenient, lenientText)
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// lenient lets payloads have a name twice and escapes of half a character:
// they are none of our business. That the bytes are UTF-8 is checked before.
var lenient = jsontext.AllowDuplicateNames(true)
var lenientText = jsontext.AllowInvalidUTF8(true)

// parse reads a message. The payload stays part of body, which must not be
// changed afterwards.
func (e *envelope) parse(body []byte) error {
	if err := checkText(body); err != nil {
		return err
	}
	r := readers.Get().(*reader)
	defer func() {
		r.reset(nil) // so that it does not hold on to body
		readers.Put(r)
	}()
	r.reset(body)
	if err := openObject(&r.dec, body); err != nil {
		return err
	}
	seen := 0
	for r.dec.PeekKind() != '}' {
		token, err := r.dec.ReadToken()
		if err != nil {
			return jsonProblem(err)
		}
		name := token.String()
		bit := bitOf(name)
		if bit&seen != 0 || bit == 0 && slices.Contains(e.ignored, name) {
			return badRequest("The envelope has the name " + cut(name, maxLoc) + " twice; send it once.")
		}
		seen |= bit
		if err := e.member(&r.dec, body, bit, name); err != nil {
			return err
		}
	}
	if err := closeObject(&r.dec); err != nil {
		return err
	}
	return missingFrom(seen, e.ignored)
}

func missingFrom(seen int, unknown []string) error {
	var missing []fieldError
	if seen&hasEventType == 0 {
		missing = append(missing, absent("eventType", unknown))
	}
	if seen&(hasPayload|hasTransformations) == 0 {
		missing = append(missing, absent("payload", unknown))
	}
	if missing == nil {
		return nil
	}
	return invalid(missing...)
}

// member reads the value that follows a name.
func (e *envelope) member(dec *jsontext.Decoder, body []byte, bit int, name string) error {
	switch bit {
	case hasEventType:
		return text(dec, name, &e.msg.EventType)
	case hasEventID:
		return text(dec, name, &e.msg.EventID)
	case hasOrderingKey:
		return text(dec, name, &e.msg.OrderingKey)
	case hasChannels:
		return texts(dec, name, &e.msg.Channels)
	case hasTags:
		return texts(dec, name, &e.msg.Tags)
	case hasDeliverAt:
		return moment(dec, name, &e.msg.DeliverAt)
	case hasEventTypeVersion:
		return version(dec, name, &e.msg.EventTypeVersion)
	}
	value, err := dec.ReadValue()
	if err != nil {
		return jsonProblem(err)
	}
	switch bit {
	case hasPayload:
		if e.msg.Payload == nil { // rawPayload goes before it
			end := int(dec.InputOffset())
			e.msg.Payload, e.json = body[end-len(value):end:end], true
		}
	case hasApplication:
		if value.Kind() == 'n' {
			return nil
		}
		return inside(name, value, &e.app)
	case hasTransformations:
		return e.transformations(name, value)
	default:
		e.ignored = append(e.ignored, name)
	}
	return nil
}

// inside decodes an object within the envelope.
func inside(name string, value jsontext.Value, into any) error {
	err := json.Unmarshal(value, into)
	if err == nil {
		return nil
	}
	err = jsonProblem(err)
	var p *problem
	if errors.As(err, &p) && p.fields != nil {
		loc := append([]string{"body", name}, p.fields[0].Loc[1:]...)
		return invalid(fieldError{loc, p.fields[0].Msg, p.fields[0].Type})
	}
	return err
}

func (e *envelope) transformations(name string, value jsontext.Value) error {
	var in transformationIn
	if value.Kind() == 'n' {
		return nil
	}
	if err := inside(name, value, &in); err != nil {
		return err
	}
	if in.RawPayload != nil {
		e.msg.Payload, e.json = []byte(*in.RawPayload), false
		for header, value := range in.Headers {
			if strings.EqualFold(header, "content-type") {
				e.msg.ContentType = value
			}
		}
	}
	return nil
}

// text reads a string, or null for none.
func text(dec *jsontext.Decoder, name string, into *string) error {
	switch kind := dec.PeekKind(); kind {
	case '"', 'n':
		token, err := dec.ReadToken()
		if err == nil && kind == '"' {
			*into = token.String()
		}
		if err != nil {
			return jsonProblem(err)
		}
		return nil
	default:
		return wrongKind(dec, kind, "a string", name)
	}
}

// texts reads a list of strings, or null for none.
func texts(dec *jsontext.Decoder, name string, into *[]string) error {
	kind := dec.PeekKind()
	if kind != '[' && kind != 'n' {
		return wrongKind(dec, kind, "a list of strings", name)
	}
	token, err := dec.ReadToken()
	if err != nil {
		return jsonProblem(err)
	}
	if token.Kind() == 'n' {
		return nil
	}
	list := []string{}
	for dec.PeekKind() != ']' {
		if kind := dec.PeekKind(); kind != '"' {
			return wrongKind(dec, kind, "a list of strings", name)
		}
		var item string
		if err := text(dec, name, &item); err != nil {
			return err
		}
		list = append(list, item)
	}
	*into = list
	_, err = dec.ReadToken()
	return err
}

// moment reads a time, or null for none.
func moment(dec *jsontext.Decoder, name string, into *time.Time) error {
	var s string
	if err := text(dec, name, &s); err != nil || s == "" {
		return err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return invalid(fieldError{[]string{"body", name}, "must be a time such as 2026-01-02T15:04:05Z", "value_error"})
	}
	*into = t.UTC().Truncate(time.Microsecond)
	return nil
}

// version reads a version of an event type, or null for none.
func version(dec *jsontext.Decoder, name string, into *int) error {
	kind := dec.PeekKind()
	if kind != '0' && kind != 'n' {
		return wrongKind(dec, kind, "a whole number", name)
	}
	value, err := dec.ReadValue()
	if err != nil {
		return jsonProblem(err)
	}
	if kind == 'n' {
		return nil
	}
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 1 || n > fanfare.MaxEventTypeVersion {
		return invalid(fieldError{[]string{"body", name}, "must be a whole number from 1 to " + strconv.Itoa(fanfare.MaxEventTypeVersion) + ", or null", "value_error"})
	}
	*into = n
	return nil
}

// wrongKind is 422 for a value that is not what it should be, and 400 for what
// is not JSON at all.
func wrongKind(dec *jsontext.Decoder, kind jsontext.Kind, want, name string) error {
	if _, err := dec.ReadValue(); err != nil && !errors.Is(err, io.EOF) {
		return jsonProblem(err)
	}
	return invalid(fieldError{[]string{"body", name}, "must be " + want + ", not " + jsonKind(kind), "type_error"})
}
