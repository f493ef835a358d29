package fanfare

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Formats are the names that [Endpoint.Format] may have. Where data stands for
// the payload it is the payload byte for byte when that is JSON, a string when it
// is other text, and data_base64 stands in its place when it is neither.
//
//	raw                 the payload as it came in
//	envelope            {"id","created","type","data"}; created is in Unix seconds; "application" before data if the endpoint asks for it
//	event               {"id","event","data"}
//	fulcrum             {"id","type","owner_id","data"}, as Fulcrum sends it; owner_id is the application's uid or else id
//	thin                {"id","type","created","resource_url"}: where the API has the message, below [Options.BaseURL]
//	form                payload=…, URL-encoded, as GitHub's
//	mandrill            mandrill_events=…, URL-encoded, as Mandrill's: an array of the payload, or the payload if it is one; {"data"} of what is not JSON
//	cloudevents         CloudEvents 1.0, the whole event in one JSON document
//	cloudevents-binary  CloudEvents 1.0, the payload as it came in and the rest in the header
var Formats = []string{"raw", "envelope", "event", "fulcrum", "thin", "form", "mandrill", "cloudevents", "cloudevents-binary"}

// formatted is what of a request follows from the endpoint's format. The body is
// what is signed.
type formatted struct {
	body        []byte
	contentType string
	header      []Header // beside what is sent in every format
}

// A format makes of a message what an endpoint is sent. It depends on nothing
// else, so that each attempt sends the same. owner is the application's uid, or
// its id where it has none.
type format func(msg *Message, owner string) formatted

// formatNamed returns the format of that name, nil if there is none.
func formatNamed(name string) format {
	switch name {
	case "", "raw":
		return raw
	case "envelope":
		return envelope
	case "event":
		return seedEvent
	case "fulcrum":
		return fulcrum
	case "thin":
		return thin
	case "form":
		return form
	case "mandrill":
		return mandrill
	case "cloudevents":
		return cloudEvent
	case "cloudevents-binary":
		return binaryCloudEvent
	}
	return nil
}

const typeJSON = "application/json"

func raw(msg *Message, _ string) formatted {
	return formatted{body: msg.Payload, contentType: orDefault(msg.ContentType, typeJSON)}
}

func envelope(msg *Message, _ string) formatted {
	o := newObject(msg).text("id", string(msg.ID)).number("created", msg.CreatedAt.Unix()).text("type", msg.EventType)
	return formatted{body: o.data(msg), contentType: typeJSON}
}

// envelopeOf is envelope that says whose the message is.
func envelopeOf(msg *Message, owner string) formatted {
	o := newObject(msg).text("id", string(msg.ID)).number("created", msg.CreatedAt.Unix()).text("type", msg.EventType).text("application", owner)
	return formatted{body: o.data(msg), contentType: typeJSON}
}

func seedEvent(msg *Message, _ string) formatted {
	o := newObject(msg).text("id", string(msg.ID)).text("event", msg.EventType)
	return formatted{body: o.data(msg), contentType: typeJSON}
}

func fulcrum(msg *Message, owner string) formatted {
	o := newObject(msg).text("id", string(msg.ID)).text("type", msg.EventType).text("owner_id", owner)
	return formatted{body: o.data(msg), contentType: typeJSON}
}

func thin(msg *Message, owner string) formatted { return thinAt("")(msg, owner) }

// thinAt is thin with the whole address of the message, where the API is known to
// be at base.
func thinAt(base string) format {
	base = strings.TrimRight(base, "/") + "/api/v1/app/"
	return func(msg *Message, _ string) formatted {
		o := object("{").text("id", string(msg.ID)).text("type", msg.EventType).number("created", msg.CreatedAt.Unix())
		o = o.text("resource_url", base+string(msg.Application)+"/msg/"+string(msg.ID))
		return formatted{body: append(o, '}'), contentType: typeJSON}
	}
}

func form(msg *Message, _ string) formatted { return oneField("payload", msg.Payload) }

// mandrill writes a message as Mandrill writes its events, which come several
// together: a payload that is an array has several already.
func mandrill(msg *Message, _ string) formatted {
	events := msg.Payload
	if how, _ := holderOf(msg); how != asJSON {
		events = newObject(msg).data(msg)
	}
	if !bytes.HasPrefix(bytes.TrimLeft(events, " \t\r\n"), []byte("[")) {
		events = slices.Concat([]byte("["), events, []byte("]"))
	}
	return oneField("mandrill_events", events)
}

// oneField is a form with that field.
func oneField(name string, value []byte) formatted {
	return formatted{
		body:        []byte(name + "=" + url.QueryEscape(string(value))),
		contentType: "application/x-www-form-urlencoded",
	}
}

// cloudEvent writes the JSON event format of CloudEvents 1.0.2.
func cloudEvent(msg *Message, owner string) formatted {
	o := newObject(msg)
	for _, attribute := range cloudAttributes(msg, owner) {
		o = o.text(attribute.Name, attribute.Value)
	}
	if msg.EventTypeVersion != 0 {
		o = o.number(cloudVersion, int64(msg.EventTypeVersion))
	}
	_, contentType := holderOf(msg)
	o = o.text("datacontenttype", contentType)
	return formatted{body: o.data(msg), contentType: "application/cloudevents+json"}
}

// cloudVersion is the extension attribute with a message's version, if it has one: an
// Integer of CloudEvents. dataschema would need the address of a schema, which most
// receivers could not open.
const cloudVersion = "eventtypeversion"

// cloudHeader begins the name of each attribute in the HTTP binding's binary
// mode. Nothing in the values needs the escapes that it has.
const cloudHeader = "ce-"

func binaryCloudEvent(msg *Message, owner string) formatted {
	out := raw(msg, owner)
	out.header = cloudAttributes(msg, owner)
	if msg.EventTypeVersion != 0 {
		out.header = append(out.header, Header{cloudVersion, strconv.Itoa(msg.EventTypeVersion)})
	}
	for i := range out.header {
		out.header[i].Name = cloudHeader + out.header[i].Name
	}
	return out
}

// cloudAttributes are a message's context attributes. The source is told apart
// by application, and with it the id is unique.
func cloudAttributes(msg *Message, owner string) []Header {
	return []Header{
		{"specversion", "1.0"},
		{"id", string(msg.ID)},
		{"source", "/app/" + owner},
		{"type", msg.EventType},
		{"time", msg.CreatedAt.UTC().Format(time.RFC3339Nano)},
	}
}

// checkFormat refuses a format that does not exist, and headers that it sets
// itself. Other ce- headers are welcome: they are extension attributes.
func (ep *Endpoint) checkFormat() error {
	if formatNamed(ep.Format) == nil {
		return &InvalidError{"format", oneOf(Formats)}
	}
	if ep.Format != "cloudevents-binary" {
		return nil
	}
	for name := range ep.Headers {
		attribute, ok := strings.CutPrefix(strings.ToLower(name), cloudHeader)
		if ok && (attribute == cloudVersion || slices.ContainsFunc(cloudAttributes(&Message{}, ""), func(h Header) bool { return h.Name == attribute })) {
			return &InvalidError{"headers", fmt.Sprintf("%s%s is set by the format cloudevents-binary", cloudHeader, attribute)}
		}
	}
	return nil
}

// A holder is how a payload stands in a JSON document.
type holder uint8

const (
	asJSON   holder = iota // byte for byte
	asText                 // as a string
	asBase64               // as data_base64, which CloudEvents 1.0 has for it: no string holds bytes that are not UTF-8
)

// holderOf decides how a JSON document holds msg's payload, and gives the
// content type of what is held. A payload that was not declared as JSON is not
// taken for it, even when it could be: text that is a number now and then would
// change its type with its content.
func holderOf(msg *Message) (holder, string) {
	media, _, err := mime.ParseMediaType(msg.ContentType)
	declared := msg.ContentType
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		media = "" // what cannot be read declares nothing
	} else if err != nil || !printable(declared) {
		declared = media
	}
	likeJSON := media == "" || strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json")
	text := utf8.Valid(msg.Payload)
	switch {
	case likeJSON && text && json.Valid(msg.Payload): // which by itself admits strings that are not UTF-8
		if media == "" {
			return asJSON, typeJSON
		}
		return asJSON, declared
	case text && likeJSON:
		return asText, "text/plain; charset=utf-8"
	case text:
		return asText, declared
	case likeJSON:
		return asBase64, "application/octet-stream"
	}
	return asBase64, declared
}

// An object is a JSON object that is being written.
type object []byte

// newObject begins one with room for msg's payload.
func newObject(msg *Message) object {
	return append(make(object, 0, len(msg.Payload)+320), '{')
}

func (o object) name(name string) object {
	if len(o) > 1 {
		o = append(o, ',')
	}
	return append(append(append(o, '"'), name...), '"', ':')
}

func (o object) text(name, value string) object {
	return appendQuoted(o.name(name), value)
}

func (o object) number(name string, n int64) object {
	return strconv.AppendInt(o.name(name), n, 10)
}

// data writes msg's payload as the last member, and ends the object.
func (o object) data(msg *Message) object {
	switch how, _ := holderOf(msg); how {
	case asJSON:
		o = append(o.name("data"), msg.Payload...)
	case asText:
		o = appendQuoted(o.name("data"), msg.Payload)
	case asBase64:
		o = append(base64.StdEncoding.AppendEncode(append(o.name("data_base64"), '"'), msg.Payload), '"')
	}
	return append(o, '}')
}

// appendQuoted writes text, which is valid UTF-8, as a JSON string (RFC 8259 §7),
// and escapes no more of it than must be.
func appendQuoted[T string | []byte](b []byte, text T) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"', c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
