package fanfare

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/fanfarehq/fanfare/internal/safedial"
	"github.com/fanfarehq/fanfare/webhook"
)

const (
	maxResponse  = 64 << 10    // bytes of a response's body that are read
	bodyGrace    = time.Second // how long a body may take once the header is there
	maxDetail    = 256         // bytes of an attempt's detail
	maxRecorded  = 64          // lines of a response's header that are recorded
	maxRecordedV = 1024        // bytes of each
)

// deliver makes one attempt to send msg to t. It always returns an attempt: to
// be refused is an outcome, not an error. What comes next is not decided here.
func (h *Hub) deliver(ctx context.Context, t *target, msg *Message) *Attempt {
	started := h.now()
	a := &Attempt{
		ID:      AttemptID(h.ids.next(started, "atmpt_")),
		Message: msg.ID, Endpoint: t.ID, EventType: msg.EventType,
		URL: t.URL, StartedAt: started,
	}
	if msg.Payload == nil {
		a.Class = ClassNoPayload
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, orDefault(t.Timeout, h.opt.Timeout))
	defer cancel()
	var answered bool
	trace := &httptrace.ClientTrace{GotFirstResponseByte: func() { answered = true }}
	req := t.request(httptrace.WithClientTrace(ctx, trace), msg, started)
	a.RequestHeader = recordHeader(req.Header)

	begun := time.Now()
	res, err := h.transport.RoundTrip(req)
	if err != nil {
		a.Duration = time.Since(begun).Truncate(time.Microsecond)
		a.Class, a.Detail = classify(err, answered), detail(err)
		if errors.Is(ctx.Err(), context.Canceled) {
			a.Class = ClassInterrupted
		}
		return a
	}
	a.FirstByte = time.Since(begun).Truncate(time.Microsecond)
	a.Status = res.StatusCode
	a.ResponseHeader = recordHeader(res.Header)
	a.ResponseBody, a.Truncated = readBody(res, cancel)
	a.Duration = time.Since(begun).Truncate(time.Microsecond)
	a.Class = t.Success.judge(a.Status, a.ResponseBody)
	return a
}

// request makes the HTTP request of an attempt. It has no GetBody, so that
// net/http never sends it a second time by itself.
func (t *target) request(ctx context.Context, msg *Message, at time.Time) *http.Request {
	header := make(http.Header, len(t.header)+5)
	for name, values := range t.header {
		header[name] = values
	}
	values := [...]string{
		orDefault(msg.ContentType, "application/json"),
		string(msg.ID),
		strconv.FormatInt(at.Unix(), 10),
		t.sign(msg.ID, at, msg.Payload),
		msg.EventType,
	}
	for i, name := range [...]string{"Content-Type", webhook.HeaderID, webhook.HeaderTimestamp, webhook.HeaderSignature, webhook.HeaderEventType} {
		header[http.CanonicalHeaderKey(name)] = values[i : i+1 : i+1]
	}
	req := &http.Request{
		Method: http.MethodPost, URL: t.url, Host: t.url.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(msg.Payload)), ContentLength: int64(len(msg.Payload)),
	}
	return req.WithContext(ctx)
}

// readBody reads a response's body as far as it is of use: a verdict hangs on
// the status, and a receiver that dawdles over the rest holds nothing up. cancel
// ends the request.
func readBody(res *http.Response, cancel func()) (body []byte, truncated bool) {
	defer res.Body.Close()
	if res.ContentLength == 0 {
		return nil, false
	}
	late := time.AfterFunc(bodyGrace, cancel)
	defer late.Stop()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxResponse+1))
	if len(body) > maxResponse {
		return body[:maxResponse], true
	}
	return body, err != nil
}

// classify sorts the faults that keep a response from coming.
func classify(err error, answered bool) Class {
	var denied *safedial.DeniedError
	var dns *net.DNSError
	var unknownCA x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	var invalid x509.CertificateInvalidError
	var untrusted *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	var alert tls.AlertError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &denied):
		return ClassDenied
	case errors.As(err, &dns):
		return ClassDNS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return ClassTimeout
	case errors.As(err, &unknownCA), errors.As(err, &wrongHost), errors.As(err, &invalid),
		errors.As(err, &untrusted), errors.As(err, &notTLS), errors.As(err, &alert):
		return ClassTLS
	case errors.Is(err, syscall.ECONNREFUSED):
		return ClassRefused
	case answered:
		return ClassBadResponse
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ClassReset
	}
	return ClassNetwork
}

// detail gives an error's text, bounded and printable whatever a receiver put
// into it.
func detail(err error) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, bound(strings.ToValidUTF8(err.Error(), "\ufffd"), maxDetail))
}

// recordHeader writes a header down in order of name.
func recordHeader(header http.Header) []Header {
	lines := make([]Header, 0, len(header))
	for name, values := range header {
		for _, v := range values {
			lines = append(lines, Header{name, bound(v, maxRecordedV)})
		}
	}
	slices.SortStableFunc(lines, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	return lines[:min(len(lines), maxRecorded)]
}
