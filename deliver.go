package fanfare

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/fanfarehq/fanfare/internal/post"
	"github.com/fanfarehq/fanfare/internal/safedial"
	"github.com/fanfarehq/fanfare/webhook"
)

const (
	maxDetail    = 256  // bytes of an attempt's detail
	maxRecorded  = 64   // lines of a response's header that are recorded
	maxRecordedV = 1024 // bytes of each
)

// deliver makes one attempt to send msg to t. It always returns an attempt: to
// be refused is an outcome, not an error. What comes next is not decided here.
func (h *Hub) deliver(ctx context.Context, t *target, msg *Message) *Attempt {
	a := h.newAttempt(t, msg)
	if msg.Payload == nil {
		a.Class = ClassNoPayload
		return a
	}
	var added []Header
	if t.Transformation != "" {
		if msg, added = h.transform(ctx, t, msg, a); msg == nil {
			return a
		}
	}
	if t.function != nil {
		h.call(ctx, t, msg, a)
		return a
	}
	if t.connector != nil {
		h.connect(ctx, t, msg, a)
		return a
	}
	if n := msg.Hops(); n > 0 {
		t = t.passing(n)
	}
	out := t.format(msg, t.owner)
	if added != nil {
		out.header = append(out.header, added...)
	}
	if msg.EventTypeVersion != 0 {
		out.header = append(out.header, Header{webhook.HeaderEventTypeVersion, strconv.Itoa(msg.EventTypeVersion)})
	}
	if msg.IsTest() {
		out.header = append(out.header, testHeader)
	}
	if r := h.Retirement(ctx, msg.EventType, msg.EventTypeVersion); !r.IsZero() {
		out.header = append(out.header, r.Header()...)
	}
	h.transmit(ctx, t, msg, out, a)
	return a
}

// newAttempt begins an attempt to send msg to t.
func (h *Hub) newAttempt(t *target, msg *Message) *Attempt {
	started := h.now()
	return &Attempt{
		ID:      AttemptID(h.ids.next(started, "atmpt_")),
		Message: msg.ID, Endpoint: t.ID, EventType: msg.EventType, Test: msg.IsTest(),
		URL: t.URL, StartedAt: started,
	}
}

// transmit makes the attempt a: it signs out with the id and type of msg, sends it
// and takes down what came of it.
func (h *Hub) transmit(ctx context.Context, t *target, msg *Message, out formatted, a *Attempt) {
	to := t.to
	if t.signers[0].Signer != nil {
		a.RequestHeader = t.requestHeader(msg, out, a.StartedAt)
	} else {
		var query string
		if a.RequestHeader, query = t.profileHeader(msg, &out, a.StartedAt); query != "" {
			a.URL, to = t.withQuery(query)
		}
	}
	lines := appendLines(make([]byte, 0, 256), a.RequestHeader[len(t.constant):])
	begun := time.Now()
	deadline := begun.Add(orDefault(t.Timeout, h.opt.Timeout))
	var e *errand
	var res *post.Response
	var err error
	if !t.special {
		res, err = h.client.Post(ctx, deadline, to, lines, out.body)
	} else {
		e = newErrand(h, t, a, out)
		e.to, e.lines, e.begun, e.deadline = to, lines, begun, deadline
		res, err = e.run(ctx)
	}
	a.Duration = time.Since(begun).Truncate(time.Microsecond)
	if err != nil {
		a.Class, a.Detail = classify(err), detail(err)
		if ctx.Err() != nil {
			a.Class = ClassInterrupted
		}
		return
	}
	a.FirstByte = res.HeaderAfter.Truncate(time.Microsecond)
	a.Status = res.Status
	class, why := t.Success.Judge(a.Status, res.Header.Get("Location"), res.Body)
	if e != nil {
		class, why = e.end(res, class, why)
	}
	a.ResponseHeader = recordHeader(res.Header)
	a.ResponseBody, a.Truncated = res.Body, res.Truncated
	a.Class, a.Detail = class, plain(why)
	if asked := res.Header[HeaderDelivery]; asked != nil {
		a.obey(asked)
	}
}

// requestHeader is the header of an attempt: what is the same in all to t, then
// what is this message's. What stands for several messages has no type.
func (t *target) requestHeader(msg *Message, out formatted, at time.Time) []Header {
	header := make([]Header, len(t.constant), len(t.constant)+5+len(out.header))
	copy(header, t.constant)
	header = append(header,
		Header{Name: "Content-Type", Value: out.contentType},
		Header{Name: webhook.HeaderID, Value: string(msg.ID)},
		Header{Name: webhook.HeaderTimestamp, Value: strconv.FormatInt(at.Unix(), 10)},
		Header{Name: webhook.HeaderSignature, Value: t.signer(at).Sign(string(msg.ID), at, out.body)},
	)
	if msg.EventType != "" {
		header = append(header, Header{Name: webhook.HeaderEventType, Value: msg.EventType})
	}
	return append(header, out.header...)
}

// appendLines writes a header as HTTP has it.
func appendLines(b []byte, header []Header) []byte {
	for _, h := range header {
		b = append(append(append(append(b, h.Name...), ": "...), h.Value...), "\r\n"...)
	}
	return b
}

// classify sorts the faults that keep a response from coming.
func classify(err error) Class {
	var token *tokenError
	var response *post.ResponseError
	var denied *safedial.DeniedError
	var dns *net.DNSError
	var unknownCA x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	var invalid x509.CertificateInvalidError
	var untrusted *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &token):
		return ClassToken
	case errors.As(err, &response):
		return ClassBadResponse
	case errors.As(err, &denied):
		return ClassDenied
	case errors.As(err, &dns):
		return ClassDNS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return ClassTimeout
	case errors.As(err, &unknownCA), errors.As(err, &wrongHost), errors.As(err, &invalid),
		errors.As(err, &untrusted), errors.As(err, &notTLS),
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"): // so crypto/tls marks alerts
		return ClassTLS
	case errors.Is(err, syscall.ECONNREFUSED):
		return ClassRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ClassReset
	}
	return ClassNetwork
}

// detail gives an error's text.
func detail(err error) string { return plain(err.Error()) }

// plain makes text bounded and printable, whatever a receiver put into it.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, bound(strings.ToValidUTF8(text, "\ufffd"), maxDetail))
}

// recordHeader writes a header down in order of name.
func recordHeader(header http.Header) []Header {
	lines := make([]Header, 0, len(header))
	for name, values := range header {
		for _, v := range values {
			lines = append(lines, Header{Name: name, Value: bound(v, maxRecordedV)})
		}
	}
	slices.SortStableFunc(lines, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	return lines[:min(len(lines), maxRecorded)]
}
