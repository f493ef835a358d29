package fanfare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
)

// Bounds on what comes from outside.
const (
	maxRate        = 1_000_000
	maxMetadata    = 50
	maxHeaders     = 32
	maxHeaderValue = 4096
	maxHeaderSum   = 16 << 10
	maxChannels    = 10
	maxEventTypes  = 500
	minTimeout     = time.Second
	maxTimeout     = 60 * time.Second
	minDebounce    = 100 * time.Millisecond
	maxDebounce    = 24 * time.Hour
)

// checkEndpoint tells all that is wrong with ep at once.
func (h *Hub) checkEndpoint(ctx context.Context, ep *Endpoint) error {
	return allWrong(
		checkUID(ep.UID),
		h.checkTarget(ep),
		must(len(ep.Description) <= 4096, "description", "at most 4096 bytes"),
		must(0 <= ep.RateLimit && ep.RateLimit <= maxRate, "rateLimit", fmt.Sprintf("0 (no limit) to %d a second", maxRate)),
		must(0 <= ep.MaxInFlight && ep.MaxInFlight <= 10_000, "maxInFlight", "0 (the default) to 10000"),
		must(ep.Timeout == 0 || minTimeout <= ep.Timeout && ep.Timeout <= maxTimeout, "timeout", fmt.Sprintf("from %v to %v", minTimeout, maxTimeout)),
		must(ep.Debounce == 0 || minDebounce <= ep.Debounce && ep.Debounce <= maxDebounce, "debounce", fmt.Sprintf("0 (every message is sent) or from %v to %v", minDebounce, maxDebounce)),
		must(ep.Debounce == 0 || !ep.Ordered, "debounce", "an ordered endpoint is sent every message; turn one of the two off"),
		must(len(ep.Secrets) <= maxSecrets, "secret", fmt.Sprintf("at most %d at once", maxSecrets)),
		ep.checkEventTypes(),
		ep.checkPins(),
		ep.checkFilter(h),
		h.checkTransformation(ctx, ep),
		checkText("description", ep.Description),
		checkLabels("channels", ep.Channels),
		checkMetadata(ep.Metadata),
		checkHeaders(ep.Headers),
		ep.checkFormat(),
		ep.checkSignature(),
		ep.checkBatch(),
		h.checkAuth(ep),
		ep.Retry.settle(),
		ep.checkRetryByType(),
		ep.checkHandshake(),
		ep.checkOnPause(),
		ep.checkOrderingKey(),
		ep.Success.Check(),
	)
}

// must is nil if something is as it must be, or else says what would be right.
func must(is bool, field, reason string) error {
	if is {
		return nil
	}
	return &InvalidError{field, reason}
}

// allWrong joins what checks say, once for each field: what else is wrong with one
// mostly follows from the first. An error that is no *InvalidError goes alone.
func allWrong(checks ...error) error {
	var wrong []error
	seen := map[string]bool{}
	for _, err := range checks {
		var one *InvalidError
		switch {
		case err == nil:
		case !errors.As(err, &one):
			return err
		case !seen[one.Field]:
			seen[one.Field] = true
			wrong = append(wrong, err)
		}
	}
	if len(wrong) == 1 {
		return wrong[0]
	}
	return errors.Join(wrong...)
}

func (ep *Endpoint) checkEventTypes() error {
	if len(ep.EventTypes) > maxEventTypes {
		return &InvalidError{"eventTypes", fmt.Sprintf("at most %d", maxEventTypes)}
	}
	for _, pattern := range ep.EventTypes {
		if err := checkPattern("eventTypes", pattern); err != nil {
			return err
		}
	}
	return nil
}

// reservedHeaders are set by us or by HTTP itself.
var reservedHeaders = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Deprecation", "Expect", "Host",
	"Idempotency-Key", "Keep-Alive", "Sunset", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
	"X-Idempotency-Key", // net/http would send a request with this one again by itself, unrecorded
}

func checkHeaders(headers map[string]string) error {
	if len(headers) > maxHeaders {
		return &InvalidError{"headers", fmt.Sprintf("at most %d", maxHeaders)}
	}
	sum := 0
	seen := make(map[string]bool, len(headers))
	for name, value := range headers {
		key := textproto.CanonicalMIMEHeaderKey(name)
		lower := strings.ToLower(name)
		switch {
		case len(name) > 128 || !httpguts.ValidHeaderFieldName(name):
			return &InvalidError{"headers", fmt.Sprintf("%q is not a header name", bound(name, 32))}
		case seen[key]:
			return &InvalidError{"headers", fmt.Sprintf("%s is there twice", key)}
		case slices.Contains(reservedHeaders, key), strings.HasPrefix(lower, "webhook-"),
			strings.HasPrefix(lower, "proxy-"), strings.HasPrefix(lower, "svix-"), strings.HasPrefix(lower, "fanfare-"):
			return &InvalidError{"headers", fmt.Sprintf("%s is set by Fanfare or by HTTP itself", key)}
		case len(value) > maxHeaderValue:
			return &InvalidError{"headers", fmt.Sprintf("the value of %s is longer than %d bytes", key, maxHeaderValue)}
		case !printable(value):
			return &InvalidError{"headers", fmt.Sprintf("the value of %s has characters other than printable ASCII", key)}
		}
		seen[key] = true
		sum += len(name) + len(value)
	}
	if sum > maxHeaderSum {
		return &InvalidError{"headers", fmt.Sprintf("at most %d bytes together", maxHeaderSum)}
	}
	return nil
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// checkUID admits what can stand in a path and cannot be taken for an id.
func checkUID(uid string) error {
	if uid == "" {
		return nil
	}
	if len(uid) > 256 {
		return &InvalidError{"uid", "at most 256 bytes"}
	}
	for _, c := range []byte(uid) {
		if !isWord(c) && c != '.' {
			return &InvalidError{"uid", `letters, digits, "_", "-" and "." only`}
		}
	}
	for _, prefix := range []string{"app_", "ep_", "msg_"} {
		if _, ok := DecodeID(prefix, uid); ok {
			return &InvalidError{"uid", "must not look like one of Fanfare's own ids"}
		}
	}
	return nil
}

// isWord reports whether c is a letter, a digit, "_" or "-".
func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

func checkLabels(field string, labels []string) error {
	if len(labels) > maxChannels {
		return &InvalidError{field, fmt.Sprintf("at most %d", maxChannels)}
	}
	for _, l := range labels {
		if l == "" || len(l) > 128 || !printable(l) {
			return &InvalidError{field, "each has 1 to 128 printable ASCII characters"}
		}
	}
	return nil
}

func checkMetadata(m map[string]string) error {
	if len(m) > maxMetadata {
		return &InvalidError{"metadata", fmt.Sprintf("at most %d entries", maxMetadata)}
	}
	sum := 0
	for k, v := range m {
		if err := checkText("metadata", k+v); err != nil {
			return err
		}
		sum += len(k) + len(v)
	}
	if sum > 4096 {
		return &InvalidError{"metadata", "at most 4096 bytes together"}
	}
	return nil
}

// checkText refuses what no person would write and some store or screen would
// choke on.
func checkText(field, s string) error {
	if !utf8.ValidString(s) {
		return &InvalidError{field, "must be valid UTF-8"}
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' || r == utf8.RuneError }) {
		return &InvalidError{field, "must not contain control characters"}
	}
	return nil
}

func (h *Hub) checkMessage(msg *Message) error {
	if len(msg.Payload) > h.opt.MaxPayload {
		return &InvalidError{"payload", fmt.Sprintf("at most %d bytes", h.opt.MaxPayload)}
	}
	return msg.check(h.now())
}

// Check says, as an *InvalidError, whether there is something in msg that no Hub
// would accept. A Hub may ask more: see [Options.MaxPayload], and the schemas of
// event types.
func (msg *Message) Check() error { return msg.check(time.Now()) }

func (msg *Message) check(now time.Time) error {
	if err := checkEventType("eventType", msg.EventType); err != nil {
		return err
	}
	switch {
	case msg.Payload == nil:
		return &InvalidError{"payload", "give the message a payload"}
	case len(msg.EventID) > 256 || !printable(msg.EventID):
		return &InvalidError{"eventId", "at most 256 printable ASCII characters"}
	case msg.EventTypeVersion < 0 || msg.EventTypeVersion > MaxEventTypeVersion:
		return &InvalidError{"eventTypeVersion", fmt.Sprintf("from 1 to %d, or none", MaxEventTypeVersion)}
	case len(msg.OrderingKey) > maxOrderingKey:
		return &InvalidError{"orderingKey", "at most 256 bytes"}
	case len(msg.ContentType) > 256 || !httpguts.ValidHeaderFieldValue(msg.ContentType):
		return &InvalidError{"contentType", "must be a media type"}
	case msg.DeliverAt.After(now.Add(maxDelay)):
		return &InvalidError{"deliverAt", "at most 30 days ahead"}
	}
	if _, ok := DecodeID("msg_", msg.EventID); ok {
		return &InvalidError{"eventId", "must not look like one of Fanfare's own ids"}
	}
	if err := checkText("orderingKey", msg.OrderingKey); err != nil {
		return err
	}
	if err := msg.checkTags(); err != nil {
		return err
	}
	return checkLabels("channels", msg.Channels)
}

func (key *Idempotency) check() error {
	if key != nil && (key.Key == "" || len(key.Key) > 256 || !printable(key.Key)) {
		return &InvalidError{"Idempotency-Key", "1 to 256 printable ASCII characters"}
	}
	return nil
}

// bound cuts s to at most n bytes, for messages that quote what came in.
func bound(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

const userAgent = "Fanfare/1"

// constantHeader is what every attempt to ep carries beside what changes with
// the message: its own headers in order of name, and what proves who we are.
func constantHeader(ep *Endpoint) []Header {
	header := []Header{{Name: "User-Agent", Value: userAgent}, firstHop}
	for _, name := range slices.Sorted(maps.Keys(ep.Headers)) {
		header = append(header, Header{Name: name, Value: ep.Headers[name]})
	}
	return append(header, ep.Auth.header()...)
}
