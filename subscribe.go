package fanfare

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"
)

// KindFunction is the kind of an endpoint whose messages go to a function of the
// program that runs the Hub; see [Hub.Subscribe].
const KindFunction = "function"

// functionScheme begins what such an endpoint has for a URL; its UID is the rest.
const functionScheme = "function:"

// A Function is called with a message, once for each attempt to deliver it. It may
// not change the message. To return nil is to have taken it; an error, or a panic, is
// a failed attempt. The context ends with the endpoint's Timeout, and when the Hub
// gives up waiting for it to end: a function that does not heed it holds up both.
type Function func(ctx context.Context, msg *Message) error

// Subscribe has messages delivered to fn instead of by HTTP. They are deliveries as
// all others: on disk from the beginning, retried, in order if ep.Ordered says so,
// logged, resent on request, at least once.
//
// The endpoint is the one of ep.Application, an id or uid, that has the name ep.UID;
// it is of the KindFunction, listed with the others, and made if it is not there. So
// a program says who it is each time it starts, before Run or after, and what came
// meanwhile is delivered: while no function of that name is there deliveries wait.
// If it is there already, what ep says of EventTypes, Channels, Ordered, RateLimit,
// MaxInFlight, Timeout, Retry and RetryByType is stored, and the rest is left as it
// is; a function of that name from before is called no more. [Hub.DeleteEndpoint]
// ends it. In any case ep is the endpoint as stored.
//
// It returns ErrExists when an endpoint of another kind has the name.
func (h *Hub) Subscribe(ctx context.Context, ep *Endpoint, fn Function) error {
	switch {
	case fn == nil:
		return &InvalidError{"function", "give one"}
	case ep.UID == "":
		return &InvalidError{"uid", "give the function a name, the same at every start"}
	case ep.Kind != "" && ep.Kind != KindFunction:
		return &InvalidError{"kind", "leave it out: it is " + KindFunction}
	}
	app, err := h.Application(ctx, string(ep.Application))
	if err != nil {
		return err
	}
	ep.Application, ep.Kind, ep.URL = app.ID, KindFunction, functionScheme+ep.UID
	name := functionName{app.ID, ep.UID}
	before := h.functions.put(name, fn)
	if err := h.storeFunction(ctx, ep); err != nil {
		h.functions.restore(name, before)
		return err
	}
	return h.reconfigure(context.WithoutCancel(ctx), ep)
}

// storeFunction makes the endpoint of a function, or changes the one there is to what
// the program says of it now.
func (h *Hub) storeFunction(ctx context.Context, ep *Endpoint) error {
	for try := 1; ; try++ {
		now, err := h.Endpoint(ctx, ep.Application, ep.UID)
		switch {
		case errors.Is(err, ErrNotFound):
			err = h.CreateEndpoint(ctx, ep)
		case err != nil:
			return err
		case now.Kind != KindFunction:
			return fmt.Errorf("endpoint %q is no function: %w", ep.UID, ErrExists)
		default:
			now.EventTypes, now.Channels = slices.Clone(ep.EventTypes), slices.Clone(ep.Channels)
			now.Ordered, now.RateLimit, now.MaxInFlight, now.Timeout = ep.Ordered, ep.RateLimit, ep.MaxInFlight, ep.Timeout
			now.Retry, now.RetryByType = ep.Retry, ep.RetryByType
			if err = h.UpdateEndpoint(ctx, now); err == nil {
				*ep = *now
			}
		}
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrExists) || try == MaxAmends {
			return err
		}
	}
}

// Follow notes on msg that it was made because of cause, a message that a function
// was called with. So what goes round in a circle of functions ends, with ErrLoop,
// after MaxHops.
func (msg *Message) Follow(cause *Message) error {
	return msg.Passed(strconv.Itoa(cause.Hops() + 1))
}

// checkFunction is checkTarget for an endpoint of a function. Only who has the
// function may make one: elsewhere its messages would wait for ever.
func (h *Hub) checkFunction(ep *Endpoint) error {
	if ep.ID == "" && h.functions.of(ep) == nil {
		return &InvalidError{"kind", "webhook or poller; a " + KindFunction + " is made by the program that has it, with Hub.Subscribe"}
	}
	ep.URL = functionScheme + ep.UID
	return allWrong(
		must(ep.UID != "", "uid", "is the function's name, and cannot be left out"),
		must(ep.Batch == Batching{}, "batch", "a function is called for each message"),
		must(ep.Format == "" || ep.Format == "raw", "format", "a function gets the message itself"),
		must(ep.Handshake.Kind == "", "handshake", "a function needs none"),
		must(ep.Auth.OAuth2 == nil, "auth", "a function needs none"),
	)
}

// checkKind compares ep with what is stored of it: what is masked in its Config stays
// as it is. It refuses to make the endpoint of a function of another, or another of it:
// the program that has the function would not know, and its messages go elsewhere, or
// wait for ever.
func (h *Hub) checkKind(ctx context.Context, ep *Endpoint) error {
	now, err := h.store.Endpoint(ctx, ep.Application, string(ep.ID))
	switch {
	case errors.Is(err, ErrNotFound):
		return nil // and storing it says so
	case err != nil:
		return err
	case now.Kind == ep.Kind:
		h.unmask(ep, now)
		return nil
	case now.Kind == KindFunction:
		return &InvalidError{"kind", "is " + KindFunction + ", of the program that has the function, and stays one; make another endpoint, and delete this one if the function is no more"}
	case ep.Kind == KindFunction:
		return &InvalidError{"kind", "an endpoint does not become a " + KindFunction + "; the program that has one makes its endpoint with Hub.Subscribe, under a uid that no other has"}
	}
	return nil
}

// functions are those that were given to Subscribe, by name.
type functions struct {
	mu     sync.RWMutex
	byName map[functionName]Function
}

type functionName struct {
	application ApplicationID
	name        string
}

// put makes fn the function of that name, and returns the one before; nil: none.
func (f *functions) put(name functionName, fn Function) (before Function) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byName == nil {
		f.byName = make(map[functionName]Function)
	}
	before = f.byName[name]
	f.byName[name] = fn
	return before
}

func (f *functions) restore(name functionName, before Function) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byName[name] = before; before == nil {
		delete(f.byName, name)
	}
}

// of is the function that ep's messages go to; nil when there is none (now).
func (f *functions) of(ep *Endpoint) Function {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.byName[functionName{ep.Application, ep.UID}]
}

// awaits reports whether t's deliveries wait for their function, or for a program
// that has their connector.
func (t *target) awaits() bool {
	return t.Kind == KindFunction && t.function == nil || t.connects() && t.connector == nil
}

// call makes the attempt a by calling t's function.
func (h *Hub) call(ctx context.Context, t *target, msg *Message, a *Attempt) {
	begun := time.Now()
	within, cancel := context.WithTimeout(ctx, orDefault(t.Timeout, h.opt.Timeout))
	defer cancel()
	own := *msg
	err := h.guarded(within, t, &own)
	a.Duration = time.Since(begun).Truncate(time.Microsecond)
	switch {
	case err == nil:
		a.Class = ClassSuccess
		return
	case ctx.Err() != nil:
		a.Class = ClassInterrupted
	case within.Err() != nil && errors.Is(err, context.DeadlineExceeded):
		a.Class = ClassTimeout
	default:
		a.Class = ClassFunction
	}
	a.Detail = detail(err)
}

// guarded calls t's function, and makes an error of its panic, which is logged where
// it happened.
func (h *Hub) guarded(ctx context.Context, t *target, msg *Message) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			h.opt.Logger.ErrorContext(ctx, "a function panicked", "endpoint", t.ID, "function", t.UID, "message", msg.ID, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return t.function(ctx, msg)
}
