package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/expression"
	"github.com/fanfarehq/fanfare/webhook"
)

// maxEvents is how many events Mandrill sends together.
const maxEvents = 1000

const (
	jsonType   = "application/json"
	formType   = "application/x-www-form-urlencoded"
	binaryType = "application/octet-stream"
)

// messages makes of the request what is to be kept: the body as it is, or, where the
// service wraps JSON in a form, that JSON.
func (a *arrival) messages(event webhook.Event) ([]*fanfare.Message, error) {
	contentType := a.contentType()
	payloads := [][]byte{a.body}
	whole := true // the body is the payload
	switch webhook.Profile(a.src.Profile) {
	case webhook.GitHub:
		if wrapped, ok := a.field("payload"); ok {
			payloads, contentType, whole = [][]byte{[]byte(wrapped)}, jsonType, false
		}
	case webhook.Mandrill:
		if wrapped, ok := a.field("mandrill_events"); ok {
			events, err := elements(wrapped)
			if err != nil {
				return nil, err
			}
			payloads, contentType, whole = events, jsonType, false
		}
	}
	hops := a.r.Header[fanfare.HeaderHops]
	msgs := make([]*fanfare.Message, len(payloads))
	for i, payload := range payloads {
		if payload == nil {
			payload = []byte{}
		}
		msg := &fanfare.Message{Payload: payload, ContentType: contentType}
		msg.KeepHeaders(a.kept())
		if len(hops) > 0 {
			if err := msg.Passed(hops[0]); err != nil {
				return nil, refuse(http.StatusBadRequest, "bad_request", "%v.", err)
			}
		}
		if err := a.name(msg, event); err != nil {
			return nil, err
		}
		msg.EventID = a.eventID(msg, event, i, whole)
		msgs[i] = msg
	}
	return msgs, nil
}

// contentType is what the body is said to be. What is not said is JSON if it can be, or
// else bytes; and so is what cannot be passed on.
func (a *arrival) contentType() string {
	said := a.r.Header.Get("Content-Type")
	if _, _, err := mime.ParseMediaType(said); err == nil && len(said) <= 256 {
		return said
	}
	if json.Valid(a.body) {
		return jsonType
	}
	return binaryType
}

// kept are the headers that messages may keep: not the one that the sender signs in,
// whatever it is called.
func (a *arrival) kept() http.Header {
	header := a.r.Header
	if a.src.Profile == fanfare.ProfileHMAC {
		header = header.Clone()
		header.Del(a.src.HMAC.Header)
	}
	return header
}

// field is what a form has under that name, if the body is a form that has it.
func (a *arrival) field(name string) (value string, ok bool) {
	if media, _, _ := mime.ParseMediaType(a.r.Header.Get("Content-Type")); media != formType {
		return "", false
	}
	fields, err := url.ParseQuery(string(a.body))
	if err != nil || len(fields[name]) != 1 {
		return "", false
	}
	return fields[name][0], true
}

// elements are those of a JSON array, each as it stands there.
func elements(text string) ([][]byte, error) {
	var events []json.RawMessage
	if err := json.Unmarshal([]byte(text), &events); err != nil {
		return nil, refuse(http.StatusBadRequest, "bad_request", "mandrill_events is not a JSON array.")
	}
	if len(events) > maxEvents {
		return nil, refuse(http.StatusRequestEntityTooLarge, "payload_too_large", "At most %d events are taken together.", maxEvents)
	}
	payloads := make([][]byte, len(events))
	for i, event := range events {
		payloads[i] = event
	}
	return payloads, nil
}

// name gives msg its event type.
func (a *arrival) name(msg *fanfare.Message, event webhook.Event) error {
	usual := fanfare.FitEventType(a.usualType(msg, event))
	if usual == "" {
		usual = fanfare.FitEventType("source." + a.src.Name)
	}
	msg.EventType = usual
	if a.src.EventType == "" {
		return nil
	}
	t, err := expression.ParseTemplate(a.src.EventType)
	if err == nil {
		var text string
		if text, err = t.Text(inputOf(msg), nil); err == nil {
			msg.EventType = fanfare.FitEventType(text)
		}
	}
	if err != nil || msg.EventType == "" {
		return refuse(http.StatusUnprocessableEntity, "invalid", "The source's template makes no event type of this: %s.", reasonOf(err))
	}
	return nil
}

func reasonOf(err error) string {
	if err == nil {
		return "nothing is left of it"
	}
	return err.Error()
}

// inputOf is msg as the source's templates see it.
func inputOf(msg *fanfare.Message) *expression.Input {
	return &expression.Input{EventType: msg.EventType, Payload: msg.View(), Headers: msg.Headers(), Tags: msg.Tags}
}

// usualType is what the service calls it; "" if it does not say.
func (a *arrival) usualType(msg *fanfare.Message, event webhook.Event) string {
	header := a.r.Header
	switch webhook.Profile(a.src.Profile) {
	case webhook.GitHub:
		if header.Get("X-GitHub-Event") == "" {
			return ""
		}
		name := "github." + header.Get("X-GitHub-Event")
		if action := member(msg.Payload, "action"); action != "" {
			name += "." + action
		}
		return name
	case webhook.Stripe:
		return member(msg.Payload, "type")
	case webhook.Slack:
		if t := member(msg.Payload, "event", "type"); t != "" {
			return t
		}
		return member(msg.Payload, "type")
	case webhook.Shopify:
		return header.Get("X-Shopify-Topic")
	case webhook.Intercom:
		return member(msg.Payload, "topic")
	case webhook.Mandrill:
		return member(msg.Payload, "event")
	case webhook.Standard:
		return event.Type
	}
	return ""
}

// member is the text at that place of a JSON object; "" if there is none.
func member(object []byte, path ...string) string {
	for _, name := range path {
		var members map[string]json.RawMessage
		if json.Unmarshal(object, &members) != nil {
			return ""
		}
		object = members[name]
	}
	var text string
	if !bytes.HasPrefix(object, []byte(`"`)) || json.Unmarshal(object, &text) != nil {
		return ""
	}
	return text
}

// eventID is what the request is known by when it comes again: of the i-th message of it.
// It is the source's own: what one knows its requests by says nothing of another's. "" if
// it is known by nothing.
func (a *arrival) eventID(msg *fanfare.Message, event webhook.Event, i int, whole bool) string {
	id := a.identity(msg, event)
	if id == "" {
		return ""
	}
	if !whole {
		id += "/" + strconv.Itoa(i)
	}
	id = string(a.src.ID) + ":" + id
	for _, c := range []byte(id) {
		if c < ' ' || c > '~' || len(id) > maxEventID {
			sum := sha256.Sum256([]byte(id))
			return string(a.src.ID) + ":" + hex.EncodeToString(sum[:])
		}
	}
	return id
}

// maxEventID is how long the event id of a message may be.
const maxEventID = 256

// identity is what the source is told to know the request by.
func (a *arrival) identity(msg *fanfare.Message, event webhook.Event) string {
	name, header := strings.CutPrefix(a.src.Dedupe, fanfare.DedupeHeader)
	profile := webhook.Profile(a.src.Profile)
	switch {
	case header:
		return a.r.Header.Get(name)
	case a.src.Dedupe == fanfare.DedupeOff:
		return ""
	case a.src.Dedupe == fanfare.DedupeBody, profile == webhook.Mandrill: // whose events have no ids of their own
		sum := sha256.Sum256(a.body)
		return hex.EncodeToString(sum[:])
	case profile == webhook.GitHub:
		return a.r.Header.Get("X-GitHub-Delivery")
	case profile == webhook.Stripe, profile == webhook.Intercom:
		return member(msg.Payload, "id")
	case profile == webhook.Slack:
		return member(msg.Payload, "event_id")
	case profile == webhook.Shopify:
		return a.r.Header.Get("X-Shopify-Webhook-Id")
	}
	return event.ID
}
