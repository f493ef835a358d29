package fanfare

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bounds on ordering keys, and on where in a payload one is looked for.
const (
	maxOrderingKey = 256
	maxPointer     = 256
)

// A pointer is where in a payload a value stands: a JSON pointer (RFC 6901), in its
// parts. nil: there is none.
type pointer []string

func parsePointer(text string) (p pointer, ok bool) {
	if text == "" {
		return nil, true
	}
	if text[0] != '/' || len(text) > maxPointer || checkText("", text) != nil {
		return nil, false
	}
	for part := range strings.SplitSeq(text[1:], "/") {
		plain := strings.ReplaceAll(strings.ReplaceAll(part, "~0", ""), "~1", "")
		if strings.Contains(plain, "~") {
			return nil, false
		}
		p = append(p, strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~"))
	}
	return p, true
}

func (ep *Endpoint) checkOrderingKey() error {
	_, ok := parsePointer(ep.OrderingKey)
	return cmp.Or(
		must(ok, "orderingKey", `a JSON pointer to where the key stands in a payload, such as "/customer/id", of at most 256 bytes; in names write ~0 for "~" and ~1 for "/"`),
		must(ep.OrderingKey == "" || ep.Ordered, "orderingKey", "is for ordered endpoints; set ordered too, or leave it out"),
	)
}

// keyAt is where ordering keys stand in what ep is sent; nil: nowhere.
func (ep *Endpoint) keyAt() (pointer, error) {
	p, ok := parsePointer(ep.OrderingKey)
	if !ok {
		return nil, fmt.Errorf("ordering key: %q is not a JSON pointer", ep.OrderingKey)
	}
	return p, nil
}

// A keyReader finds ordering keys in a payload, which it judges once, however many
// endpoints look into it.
type keyReader struct {
	payload []byte
	judged  bool
	isJSON  bool
}

// at is the ordering key at p: a string, or a number as it is written. "": there is
// none there that a message could have.
func (r *keyReader) at(p pointer) string {
	if !r.judged {
		r.judged, r.isJSON = true, json.Valid(r.payload)
	}
	if !r.isJSON {
		return ""
	}
	value := trimSpace(r.payload)
	for _, part := range p {
		if value = child(value, part); value == nil {
			return ""
		}
	}
	key := ""
	switch c := value[0]; {
	case c == '"':
		key = unquoted(value)
	case c == '-' || '0' <= c && c <= '9':
		key = string(value)
	}
	if len(key) > maxOrderingKey || checkText("orderingKey", key) != nil {
		return ""
	}
	return key
}

// orderingKeyOf is the ordering key of a delivery of msg to ep: what ep finds in the
// payload goes before what the sender said.
func (ep *Endpoint) orderingKeyOf(msg *Message) string {
	if ep.OrderingKey == "" {
		return msg.OrderingKey
	}
	p, _ := parsePointer(ep.OrderingKey)
	r := keyReader{payload: msg.Payload}
	return cmp.Or(r.at(p), msg.OrderingKey)
}

// findKeys gives deliveries that are to be made of messages accepted earlier the
// ordering keys that ep finds in them. A message that is gone, or damaged, keeps the
// sender's.
func (h *Hub) findKeys(ctx context.Context, ep *Endpoint, ds []*Delivery) error {
	if ep == nil || ep.OrderingKey == "" {
		return nil
	}
	for _, d := range ds {
		msg, err := h.store.Message(ctx, ep.Application, string(d.Message))
		switch {
		case err == nil:
			d.OrderingKey = ep.orderingKeyOf(msg)
		case !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged):
			return err
		}
	}
	return nil
}

// child is the member of an object of that name, the last one if there are several,
// or the element of an array at that place; nil: there is none. value is valid JSON,
// here and below, and begins where it begins.
func child(value []byte, part string) (found []byte) {
	isArray := value[0] == '['
	if !isArray && value[0] != '{' {
		return nil
	}
	wanted, err := strconv.Atoi(part)
	if isArray && (err != nil || strconv.Itoa(wanted) != part) {
		return nil // such as "-", "01" and "+1"
	}
	rest := trimSpace(value[1:])
	for n := 0; rest[0] != ']' && rest[0] != '}'; n++ {
		is := isArray && n == wanted
		if !isArray {
			name := rest[:valueEnd(rest)]
			is = isName(name, part)
			rest = trimSpace(trimSpace(rest[len(name):])[1:]) // behind the colon
		}
		end := valueEnd(rest)
		if is {
			found = rest[:end]
			if isArray {
				return found
			}
		}
		if rest = trimSpace(rest[end:]); rest[0] == ',' {
			rest = trimSpace(rest[1:])
		}
	}
	return found
}

// isName reports whether a member's name, as it is written, is that text.
func isName(written []byte, text string) bool {
	if bytes.IndexByte(written, '\\') < 0 {
		return string(written[1:len(written)-1]) == text
	}
	return unquoted(written) == text
}

func unquoted(written []byte) (text string) {
	_ = json.Unmarshal(written, &text) // it is valid
	return text
}

// valueEnd is the length of the value that b begins with.
func valueEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default: // of a number or a word, or what stands between values
			if depth == 0 && (i+1 == len(b) || strings.IndexByte(" \t\r\n,:]}", b[i+1]) >= 0) {
				return i + 1
			}
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(b)
}

func trimSpace(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\n") }
