// Package webhook signs webhooks and verifies them when they arrive.
//
// It speaks Standard Webhooks, v1 (HMAC-SHA256) and v1a (ed25519), and the ways of
// others: see [Profile]. A receiver imports this package alone:
//
//	h := webhook.NewHandler(webhook.NewVerifier(secret), nil)
//	h.On("record.*", func(ctx context.Context, e webhook.Event) error { return save(ctx, e.Body) })
//	http.Handle("/webhooks", h)
//
// For another profile its verifier is webhook.GitHub.Verifier("the secret").
//
// It promises that nothing unverified reaches a handler, that verifying is
// bounded work whatever the headers hold, that bodies are the bytes that were
// signed, and that a message that has an id is handled once however often it is
// delivered, for as long as a [Memory] keeps that.
//
// It leaves to others how a webhook is sent and retried, where secrets are
// kept, and what a body means.
package webhook

import "time"

// The headers of a signed webhook. HeaderEventType is Fanfare's own addition:
// it says what happened, so that a payload can be any bytes at all, and
// HeaderEventTypeVersion which version of that the payload is of, if it has one.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
	HeaderEventType = "webhook-event-type"

	HeaderEventTypeVersion = "webhook-event-type-version"

	// HeaderApplication says whose the message is, where the endpoint is set to.
	HeaderApplication = "webhook-application"

	// HeaderTest is "true" where somebody is only trying the endpoint out.
	HeaderTest = "webhook-test"
)

// Event is a webhook whose signature has been verified.
type Event struct {
	// ID names the message. It is the same in every delivery of it, and empty
	// where the profile has none. Only Standard and Query sign it.
	ID string

	// Type says what happened, such as "record.create". It comes from
	// the header webhook-event-type or else from the text at "type" or
	// "event" of a JSON body, and is empty when neither is there. The
	// header is not signed: over plain HTTP, whoever can alter a request
	// can alter it.
	Type string

	// Application says whose the message is among the applications of the sender, by
	// its name there, from the header webhook-application; empty where the sender
	// does not say. The header is not signed either: where an endpoint is shared by
	// parties that must not be mistaken for each other, take the format envelope,
	// which has it in the body too, or give each a secret of its own.
	Application string

	// Test says that nothing has happened: the sender, or somebody for it, is trying
	// the endpoint out. It comes from the header webhook-test, which is not signed.
	Test bool

	// Time is when this delivery was signed, to the second; zero where the
	// profile does not sign that.
	Time time.Time

	// Body is the payload, byte for byte as it was signed.
	Body []byte
}

// maxID bounds the ids that are signed and accepted.
const maxID = 256

// ValidID reports whether id can be signed: 1 to 256 visible ASCII characters
// with no dot among them, because dots separate the parts of what is signed.
func ValidID(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '.' {
			return false
		}
	}
	return true
}
