// Package source is where other people's webhooks come in: the handler of
// /in/{token}. A request is verified as the source that has the token says, made one
// message or several, and answered once they are on disk; from then on they are like
// any other messages of the source's application.
//
// It promises that nothing unverified is kept, that the payload of a message is the
// body byte for byte, with its content type, and that a request that comes again is
// taken once. Who may make a source, and what becomes of messages, it leaves to the
// Hub.
package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// Path is what the addresses of all sources begin with, before their tokens.
const Path = "/in/"

// Options are the settings of a Handler. The zero value of each field is a good
// default.
type Options struct {
	Logger  *slog.Logger // nil: slog.Default()
	MaxBody int64        // bytes of a body, and of what is compressed in it; 0: 1 MiB

	// BaseURL is where the world reaches the handler's server, for profiles that sign
	// the address; "": where the request says it was sent.
	BaseURL string
}

// A Handler takes requests to the sources of a Hub:
//
//	2xx  kept, kept before, or not wanted by the source's filter
//	400  the body cannot be read as what the profile sends
//	401  not verified, or nothing to verify it by
//	404  there is no source of that token
//	405  not a POST, nor what the profile's service asks in another way
//	410  the source is disabled
//	413  the body is too long
//	415  the body is compressed in an unknown way
//	422  it makes no message: of an unfit type, or one that a schema refuses
//	429  more than the source's rate
//	503  the store is away; the same may be sent again
//	508  the message has come round
type Handler struct {
	hub     *fanfare.Hub
	log     *slog.Logger
	maxBody int64
	base    string
}

// NewHandler makes the handler of hub's sources.
func NewHandler(hub *fanfare.Hub, opt *Options) *Handler {
	if opt == nil {
		opt = &Options{}
	}
	h := &Handler{hub: hub, log: opt.Logger, maxBody: opt.MaxBody, base: strings.TrimRight(opt.BaseURL, "/")}
	if h.log == nil {
		h.log = slog.Default()
	}
	if h.maxBody == 0 {
		h.maxBody = 1 << 20
	}
	return h
}

// A refusal is an answer other than 2xx. Its reason shows no secret.
type refusal struct {
	status int
	code   string
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status, code, fmt.Sprintf(format, args...)}
}

var (
	unknown = refuse(http.StatusNotFound, "not_found", "There is nothing at this address; check it with whoever gave it to you.")
	away    = refuse(http.StatusServiceUnavailable, "unavailable", "It is not known whether it was kept; send the same again.")
)

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	src, err := h.hub.SourceOf(ctx, strings.TrimPrefix(r.URL.Path, Path))
	if errors.Is(err, fanfare.ErrNotFound) {
		unknown.write(w, r)
		return
	}
	if err != nil {
		h.fault(ctx, "finding a source", err)
		away.write(w, r)
		return
	}
	a := &arrival{Handler: h, src: src, r: r}
	out, err := a.take(ctx, w)
	if err == nil {
		out.write(w)
		return
	}
	refused := refusalOf(err)
	if refused == nil {
		h.fault(ctx, "receiving", err, "application", src.Application, "source", src.ID)
		refused = away
	}
	if refused.status == http.StatusUnauthorized && a.src.Profile == string(webhook.Basic) {
		w.Header().Set("WWW-Authenticate", `Basic realm="webhooks"`) // some send credentials only when asked
	}
	if refused != away {
		h.hub.NoteRefusal(src, fanfare.Refusal{
			Status: refused.status, Reason: refused.reason, Method: r.Method, Address: addressOf(r),
			ContentType: r.Header.Get("Content-Type"), Size: len(a.body),
		})
	}
	refused.write(w, r)
}

// fault logs a fault. That a sender did not wait for the answer is none.
func (h *Handler) fault(ctx context.Context, doing string, err error, about ...any) {
	if !errors.Is(err, context.Canceled) {
		h.log.ErrorContext(ctx, doing, append(about, "error", err)...)
	}
}

// refusalOf is what an error is to the sender; nil for a fault.
func refusalOf(err error) *refusal {
	var schema *fanfare.SchemaError
	var wrong *fanfare.InvalidError
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	switch {
	case errors.As(err, &schema), errors.As(err, &wrong):
		return refuse(http.StatusUnprocessableEntity, "invalid", "It makes no message: %v.", err)
	case errors.Is(err, fanfare.ErrLoop):
		return refuse(http.StatusLoopDetected, "loop_detected", "This has come round: more than %d deliveries have led to it (%s).", fanfare.MaxHops, fanfare.HeaderHops)
	case errors.Is(err, fanfare.ErrNotFound): // its application went meanwhile
		return unknown
	}
	return nil
}

func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// An arrival is one request to a source.
type arrival struct {
	*Handler
	src  *fanfare.Source
	r    *http.Request
	wire []byte // the body as it was sent
	body []byte // without what the way here has compressed
}

// take sees to the request. Nothing of it is kept when there is an error.
func (a *arrival) take(ctx context.Context, w http.ResponseWriter) (*answer, error) {
	if a.src.Disabled {
		return nil, refuse(http.StatusGone, "gone", "This address takes nothing any more; stop sending here.")
	}
	if a.r.Method != http.MethodPost {
		return a.greet(w)
	}
	if !a.hub.AdmitToSource(a.src) {
		return nil, refuse(http.StatusTooManyRequests, "rate_limit", "At most %d requests a second are taken here; send it again later.", a.src.RateLimit)
	}
	if err := a.read(w); err != nil {
		return nil, err
	}
	event, err := a.verify()
	if err != nil {
		return nil, err
	}
	if challenge, ok := a.challenge(); ok {
		return plain(challenge), nil
	}
	msgs, err := a.messages(event)
	if err != nil {
		return nil, err
	}
	outcomes, err := a.hub.Receive(ctx, a.src, msgs)
	if err != nil {
		return nil, err
	}
	return a.answer(msgs, outcomes), nil
}

// greet answers what is no event: services ask in this way whether anyone is there. It
// is not signed, and shows nothing.
func (a *arrival) greet(w http.ResponseWriter) (*answer, error) {
	challenge := a.r.URL.Query().Get("challenge")
	get := a.r.Method == http.MethodGet
	switch profile := webhook.Profile(a.src.Profile); {
	case get && profile == webhook.Dropbox && challenge != "" && len(challenge) <= maxChallenge:
		return plain(challenge), nil
	case a.r.Method == http.MethodHead, get && profile == webhook.Mandrill:
		return &answer{status: http.StatusOK}, nil
	}
	w.Header().Set("Allow", "POST, HEAD")
	return nil, refuse(http.StatusMethodNotAllowed, "method_not_allowed", "Send webhooks with POST.")
}

// maxChallenge bounds what is said back, in bytes.
const maxChallenge = 4096

// read reads the body, and what is compressed in it, neither beyond the bound.
func (a *arrival) read(w http.ResponseWriter) (err error) {
	tooLong := refuse(http.StatusRequestEntityTooLarge, "payload_too_large", "At most %d bytes are taken.", a.maxBody)
	if a.r.ContentLength > a.maxBody {
		return tooLong
	}
	a.wire, err = io.ReadAll(http.MaxBytesReader(w, a.r.Body, a.maxBody))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return tooLong
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "bad_request", "The body ended before its length.")
	}
	switch coding := strings.ToLower(strings.Join(a.r.Header["Content-Encoding"], ",")); coding {
	case "", "identity":
		a.body = a.wire
		return nil
	case "gzip", "x-gzip":
	default:
		return refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", "Of the ways to compress a body only gzip is known.")
	}
	return a.unzip(tooLong)
}

func (a *arrival) unzip(tooLong *refusal) error {
	broken := refuse(http.StatusBadRequest, "bad_request", "The body is not gzip, as Content-Encoding says it is.")
	zr, err := gzip.NewReader(bytes.NewReader(a.wire))
	if err != nil {
		return broken
	}
	body, err := io.ReadAll(io.LimitReader(zr, a.maxBody+1))
	switch {
	case err != nil:
		return broken
	case int64(len(body)) > a.maxBody:
		return tooLong
	}
	a.body = body
	return nil
}

// verify returns what the request says of itself once it is known to be by one of the
// source's secrets: signed is what the sender had before it was compressed, or after.
func (a *arrival) verify() (webhook.Event, error) {
	now := time.Now()
	v, err := a.src.Verifier(now)
	if err != nil {
		return webhook.Event{}, refuse(http.StatusUnauthorized, "authentication_failed", "This source has nothing to verify requests by, and takes none: %v.", err)
	}
	if v.URL = a.src.PublicURL; v.URL == "" && a.base != "" {
		v.URL = a.base + a.r.URL.EscapedPath()
	}
	event, err := v.VerifyRequest(a.r, a.body, now)
	if err != nil && len(a.r.Header["Content-Encoding"]) > 0 {
		if signed, err := v.VerifyRequest(a.r, a.wire, now); err == nil {
			signed.Body = a.body
			return signed, nil
		}
	}
	if err != nil {
		return webhook.Event{}, refuse(http.StatusUnauthorized, "authentication_failed", "Not verified: %v.", err)
	}
	return event, nil
}

// Before returns a handler that serves the sources below [Path], and has next serve all
// else.
func (h *Handler) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, Path) {
			h.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
