package ui

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/fanfarehq/fanfare"
)

// requestOf adds what the newest attempt sent, as far as the endpoint's format says it, and
// the command that sends it again. The API has shown the message and the endpoint already;
// here they are as they are stored, as the command takes bytes.
func (v *visit) requestOf(body *deliveryBody, a *attemptOut) error {
	ctx := v.r.Context()
	app, err := v.hub.Application(ctx, string(v.app)) // the path may say its uid
	if err != nil {
		return err
	}
	id := app.ID
	msg, err := v.hub.Message(ctx, id, body.ID)
	if err != nil && !errors.Is(err, fanfare.ErrDamaged) {
		return err
	}
	ep, err := v.hub.Endpoint(ctx, id, body.Endpoint.ID)
	if err != nil {
		return err
	}
	sent, exact, err := v.hub.RequestBody(ctx, ep, msg)
	if err != nil {
		return err
	}
	body.CurlHint = "With the body that is sent by the settings of now: the signature is of it unless they have changed since. What opens doors is left out."
	switch {
	case !exact:
		sent, body.CurlHint = msg.Payload, "With the payload as it came in, which is not the body that was sent: the signature is not of it. What opens doors is left out."
		if ep.Transformation != "" {
			body.Script = v.base + "/endpoint/" + body.Endpoint.ID + "/transform?message=" + url.QueryEscape(body.ID)
		}
	case !bytes.Equal(sent, msg.Payload):
		body.Sent = newPayload("sent", "The body that was sent", text(sent))
		if body.Sent.Note == "" {
			body.Sent.Note = "It is made of the payload, in the format that the endpoint has now."
		}
	}
	switch {
	case msg.Payload == nil || msg.Damaged:
		body.CurlHint = "The payload is no more."
	case len(sent) > maxShown || !utf8.Valid(sent):
		body.CurlHint = "The body is too long for a command, or no text."
	default:
		body.Curl = &copyable{Text: curl(a, sent), Label: "the request as curl", Block: true}
	}
	return nil
}

// curl is a command that makes a request as an attempt did. What was not shown of its
// headers is left out.
func curl(a *attemptOut, body []byte) string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	var b strings.Builder
	b.WriteString("curl -i -X POST " + quote(a.URL))
	for _, h := range a.RequestHeaders {
		if h[1] != "(not shown)" && http.CanonicalHeaderKey(h[0]) != "Content-Length" {
			b.WriteString(" \\\n  -H " + quote(h[0]+": "+h[1]))
		}
	}
	b.WriteString(" \\\n  --data-raw " + quote(string(body)))
	return b.String()
}
