package call

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/net/http/httpguts"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/internal/expression"
)

// HeaderIdempotency names the message in each request, so that who is asked to do the
// same again can tell (draft-ietf-httpapi-idempotency-key-header).
const HeaderIdempotency = "Idempotency-Key"

// An Outcome is what came of a request.
type Outcome struct {
	Reply  fanfare.Reply
	Answer []byte // its body, whatever it holds
}

// Taken reports whether the request was a success.
func (o *Outcome) Taken() bool { return o.Reply.Class == "" || o.Reply.Class == fanfare.ClassSuccess }

// Call makes the request for msg, of which templates see what is in in. An error is a
// fault on the way there.
func (r *Caller) Call(ctx context.Context, msg *fanfare.Message, in *expression.Input) (*Outcome, error) {
	req, err := r.request(ctx, msg, in)
	if err != nil {
		return &Outcome{Reply: connect.Unfit("%v", err)}, nil
	}
	where := fanfare.MaskURL(req.URL.String())
	token := ""
	if r.tokens != nil {
		if token, err = r.tokens.take(ctx); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			return &Outcome{Reply: fanfare.Reply{Class: fanfare.ClassToken, Detail: r.clean(err.Error(), ""), URL: where}}, nil
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	a, err := connect.Do(r.way, req, r.secret...)
	if err != nil {
		return nil, err
	}
	class, detail := r.judge(a, msg)
	if token != "" && a.Status == http.StatusUnauthorized {
		r.tokens.forget(token)
		detail += "; the next attempt fetches a new access token"
	}
	reply := a.Reply(class, r.clean(detail, token))
	reply.URL, reply.ResponseBody = where, []byte(r.clean(string(a.Body), token))
	for i := range reply.ResponseHeader {
		reply.ResponseHeader[i].Value = r.clean(reply.ResponseHeader[i].Value, token)
	}
	return &Outcome{reply, a.Body}, nil
}

// clean is text without the secrets that stand in it, and without a token that was
// fetched; "": none was.
func (r *Caller) clean(text, token string) string {
	for _, secret := range append(r.values[:len(r.values):len(r.values)], token) {
		if len(secret) >= leastSecret {
			text = strings.ReplaceAll(text, secret, fanfare.Masked)
		}
	}
	return text
}

// leastSecret is how many bytes a secret has that is taken out of answers: a shorter one
// may stand there by chance.
const leastSecret = 8

// request fills everything in for msg. An error is one that the same message meets each
// time.
func (r *Caller) request(ctx context.Context, msg *fanfare.Message, in *expression.Input) (*http.Request, error) {
	to, err := r.fillURL(in)
	if err != nil {
		return nil, err
	}
	body, contentType, err := r.fillBody(msg, in)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, r.method, to, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New(r.under + "url renders what is no URL")
	}
	req.Header.Set(HeaderIdempotency, string(msg.ID))
	for _, h := range r.header {
		value, err := connect.Fill(r.under+"headers."+h.name, h.value, in, nil)
		if err != nil {
			return nil, err
		}
		if value = strings.TrimSpace(value); !httpguts.ValidHeaderFieldValue(value) || len(value) > maxURL {
			return nil, fmt.Errorf("%sheaders.%s renders what no header can hold", r.under, h.name)
		}
		req.Header.Set(h.name, value)
	}
	for name, values := range r.fixed {
		req.Header[name] = values
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set(fanfare.HeaderHops, strconv.Itoa(msg.Hops()+1))
	return req, nil
}

// fillURL wants each expression to come to something: /things/{{payload.id}} must not
// become the list of all things.
func (r *Caller) fillURL(in *expression.Input) (string, error) {
	filled := 0
	to, err := connect.Fill(r.under+"url", r.url, in, func(s string) string {
		if s = escapeURL(s); s != "" {
			filled++
		}
		return s
	})
	switch {
	case err != nil:
		return "", err
	case filled < r.url.Holes():
		return "", fmt.Errorf("%surl has an expression that renders empty", r.under)
	case len(to) > maxURL:
		return "", fmt.Errorf("%surl renders more than %d bytes", r.under, maxURL)
	}
	u, err := url.Parse(to)
	if err != nil || u.Host != r.host {
		return "", errors.New(r.under + "url renders what is no URL")
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if r.url.Holes() > 0 && (segment == "." || segment == "..") {
			return "", errors.New(r.under + "url renders a path that leads elsewhere, by . or ..")
		}
	}
	return to, nil
}

// fillBody is what is sent, and as what.
func (r *Caller) fillBody(msg *fanfare.Message, in *expression.Input) (body []byte, contentType string, err error) {
	contentType = r.contentType
	switch {
	case r.method == http.MethodGet || r.method == http.MethodDelete:
		return nil, "", nil
	case r.shape != nil:
		if body, err = r.shape.Fill(in, nil); err != nil {
			err = fmt.Errorf("%sbody: %w", r.under, err)
		}
	case r.text != nil:
		var text string
		text, err = connect.Fill(r.under+"body", r.text, in, escaping(contentType))
		body = []byte(text)
	default:
		body = msg.Payload
		if contentType == "" {
			contentType = msg.ContentType
		}
	}
	if contentType == "" {
		contentType = "application/json"
	}
	return body, contentType, err
}

// escaping is how what comes from a message is written within text of that type: in
// JSON as it stands between quotes.
func escaping(contentType string) func(string) string {
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case media == "" || err == nil && (media == "application/json" || strings.HasSuffix(media, "+json")):
		return func(s string) string {
			quoted, err := jsontext.AppendQuote(nil, s)
			if err != nil { // it is no UTF-8
				return ""
			}
			return string(quoted[1 : len(quoted)-1])
		}
	case media == "application/x-www-form-urlencoded":
		return url.QueryEscape
	case media == "text/html" || media == "text/xml" || media == "application/xml" || strings.HasSuffix(media, "+xml"):
		return html.EscapeString
	}
	return nil
}

// judge says what an answer means. What may be the fault of the config, and not of the
// message, is tried again, so that nothing is lost until it is put right.
func (r *Caller) judge(a *connect.Answer, msg *fanfare.Message) (fanfare.Class, string) {
	class, detail := r.success.Judge(a.Status, a.Header.Get("Location"), a.Body)
	switch {
	case class == fanfare.ClassStatus && r.method == http.MethodDelete && (a.Status == http.StatusNotFound || a.Status == http.StatusGone):
		return fanfare.ClassSuccess, "" // it may be an attempt before this one that has deleted it
	case class == fanfare.ClassStatus:
		class = r.refusal(a)
	case class == fanfare.ClassBody && detail == "":
		detail = "the body of the answer is not as success wants it"
	case class == fanfare.ClassSuccess && r.expect != nil:
		in := connect.InputOf(msg)
		in.Answer = a.Body
		if ok, why := r.expect.Match(in); !ok {
			class, detail = fanfare.ClassBody, "the answer is not as success.expect wants it"
			if why != "" {
				detail += ": " + strings.Replace(why, "the message has", "it has", 1)
				detail = strings.Replace(detail, "the payload is", "it is", 1)
			}
		}
	}
	if class == fanfare.ClassSuccess {
		return class, ""
	}
	if detail == "" {
		detail = strings.TrimSuffix(fmt.Sprintf("%d %s: %s", a.Status, http.StatusText(a.Status), connect.FirstLine(a.Body)), ": ")
	}
	return class, detail
}

// refusal sorts statuses that are no success.
func (r *Caller) refusal(a *connect.Answer) fanfare.Class {
	switch a.Status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired:
		return fanfare.ClassStatus
	case http.StatusGone:
		if r.url.Holes() > 0 { // what is gone is what this message is about
			return fanfare.ClassRejected
		}
	}
	if class := a.Class(); class != fanfare.ClassSuccess {
		return class
	}
	return fanfare.ClassStatus // a 2xx that the config does not take
}
