package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// HandlerOptions change what a [Handler] does.
type HandlerOptions struct {
	// MaxBody is how many bytes a body may have; zero means 1 MiB.
	MaxBody int64

	// Memory knows the messages that were handled. Nil means the newest
	// 10,000, for 24 hours, in this process.
	Memory Memory

	// Logger is told why a message could not be handled; nil means
	// [slog.Default].
	Logger *slog.Logger
}

const defaultMaxBody = 1 << 20

// Handler receives webhooks: it verifies each, runs the function that
// [Handler.On] registered for its type, and answers with what came of it.
//
//	200  handled, handled before, or of a type that nothing is registered for
//	400  the body broke off
//	401  not verified; the body says why
//	405  not a POST
//	409  another delivery of the message is being handled this moment
//	413  the body is too long
//	500  the function returned an error or panicked, or the Memory failed
//
// After 409 and 500 a sender tries again, and an id is remembered only once
// its function has returned nil. Two deliveries of a message therefore never
// run at the same time in one process, and the function runs again only if it
// failed, if the process ended or the [Memory] failed before remembering it,
// or once the Memory has forgotten it.
//
// A webhook without an id, as some profiles have them, is handled each time.
//
// The sender waits while the function runs: one that takes seconds should
// store the event and return.
type Handler struct {
	verifier *Verifier
	maxBody  int64
	memory   Memory
	logger   *slog.Logger
	routes   map[string]func(context.Context, Event) error

	mu      sync.Mutex
	running map[string]struct{} // ids that are being handled
}

// NewHandler returns a handler of the webhooks that verifier accepts.
func NewHandler(verifier *Verifier, options *HandlerOptions) *Handler {
	if options == nil {
		options = new(HandlerOptions)
	}
	h := &Handler{
		verifier: verifier,
		maxBody:  options.MaxBody,
		memory:   options.Memory,
		logger:   options.Logger,
		routes:   make(map[string]func(context.Context, Event) error),
		running:  make(map[string]struct{}),
	}
	if h.maxBody == 0 {
		h.maxBody = defaultMaxBody
	}
	if h.memory == nil {
		h.memory = newWindow(windowIDs, windowAge)
	}
	if h.logger == nil {
		h.logger = slog.Default()
	}
	return h
}

// On registers what to do with the events of a type such as "record.create".
// A pattern that ends in an asterisk, such as "record.*" or "*" alone, stands
// for every type that begins with the rest. An exact pattern goes before these,
// a longer one before a shorter one; one function runs for an event.
//
// On panics if pattern is empty, has an asterisk elsewhere, or is registered
// already, and if do is nil. It must not be called once the handler serves.
func (h *Handler) On(pattern string, do func(context.Context, Event) error) {
	if pattern == "" || strings.Contains(strings.TrimSuffix(pattern, "*"), "*") {
		panic(fmt.Sprintf("webhook: pattern %q: want a type, or the beginning of one and an asterisk", pattern))
	}
	if do == nil {
		panic(fmt.Sprintf("webhook: pattern %q: nil function", pattern))
	}
	if _, ok := h.routes[pattern]; ok {
		panic(fmt.Sprintf("webhook: pattern %q is registered already", pattern))
	}
	h.routes[pattern] = do
}

// route returns the function for a type, or nil.
func (h *Handler) route(eventType string) func(context.Context, Event) error {
	if do := h.routes[eventType]; do != nil {
		return do
	}
	var longest string
	for pattern := range h.routes {
		prefix, wild := strings.CutSuffix(pattern, "*")
		if wild && strings.HasPrefix(eventType, prefix) && len(pattern) > len(longest) {
			longest = pattern
		}
	}
	return h.routes[longest]
}

// refusal is an answer other than 200.
type refusal struct {
	status int
	code   string
	detail string
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, refused := h.read(w, r)
	if refused != nil {
		refused.write(w)
		return
	}
	event, err := h.verifier.VerifyRequest(r, body, time.Now())
	if err != nil {
		(&refusal{http.StatusUnauthorized, "authentication_failed", err.Error()}).write(w)
		return
	}
	outcome, refused := h.handle(r.Context(), event)
	if refused != nil {
		refused.write(w)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"outcome": outcome})
}

// read returns the body of a POST. Its media type says nothing about whether
// it is what was signed, so it is not looked at.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, &refusal{http.StatusMethodNotAllowed, "method_not_allowed", "send webhooks with POST"}
	}
	tooLong := &refusal{http.StatusRequestEntityTooLarge, "payload_too_large", fmt.Sprintf("the body may have %d bytes at most", h.maxBody)}
	if r.ContentLength > h.maxBody {
		return nil, tooLong
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.maxBody))
	if over := new(http.MaxBytesError); errors.As(err, &over) {
		return nil, tooLong
	}
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "bad_request", "the body ended before its length"}
	}
	return body, nil
}

// handle runs what is registered for event, unless that was done before. The
// claim comes before the question to memory: whoever had it before has
// remembered the message by the time they give it up.
func (h *Handler) handle(ctx context.Context, event Event) (outcome string, refused *refusal) {
	do := h.route(event.Type)
	if do == nil {
		return "ignored", nil
	}
	failed := &refusal{http.StatusInternalServerError, "internal_error", "the message could not be handled; send it again later"}
	if event.ID == "" { // nothing to know it by when it comes again
		if err := run(ctx, do, event); err != nil {
			h.fault(ctx, "webhook not handled", event, err)
			return "", failed
		}
		return "handled", nil
	}
	if !h.claim(event.ID) {
		return "", &refusal{http.StatusConflict, "conflict", "another delivery of this message is being handled; send it again later"}
	}
	defer h.release(event.ID)

	done, err := h.memory.Has(ctx, event.ID)
	if err != nil {
		h.fault(ctx, "webhook memory failed", event, err)
		return "", failed
	}
	if done {
		return "duplicate", nil
	}
	if err := run(ctx, do, event); err != nil {
		h.fault(ctx, "webhook not handled", event, err)
		return "", failed
	}
	kept := context.WithoutCancel(ctx) // the sender has perhaps stopped waiting, but the work is done
	if err := h.memory.Add(kept, event.ID); err != nil {
		h.fault(ctx, "webhook handled but not remembered", event, err)
	}
	return "handled", nil
}

func (h *Handler) claim(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.running[id]; ok {
		return false
	}
	h.running[id] = struct{}{}
	return true
}

func (h *Handler) release(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.running, id)
}

func (h *Handler) fault(ctx context.Context, what string, event Event, err error) {
	h.logger.ErrorContext(ctx, what, "id", event.ID, "type", event.Type, "error", err)
}

// run calls do and makes an error of a panic.
func run(ctx context.Context, do func(context.Context, Event) error, event Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do(ctx, event)
}

func (f *refusal) write(w http.ResponseWriter) {
	if f.status == http.StatusConflict {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, f.status, map[string]string{"code": f.code, "detail": f.detail})
}

func writeJSON(w http.ResponseWriter, status int, answer map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer)
}
