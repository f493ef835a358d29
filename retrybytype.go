package fanfare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// RetrySource says whose setting decided when a delivery is tried again. They
// stand in the order in which they are asked.
type RetrySource string

// The sources of a retry plan; the first that says something is obeyed.
const (
	RetryByType        RetrySource = "endpoint by event type" // Endpoint.RetryByType
	RetryByEndpoint    RetrySource = "endpoint"               // Endpoint.Retry
	RetryByEventType   RetrySource = "event type"             // EventType.Retry
	RetryByApplication RetrySource = "application"            // Application.Retry
	RetryByDeployment  RetrySource = "deployment"             // Options.Retry, and else the preset "standard"
)

// maxRetryByType bounds an endpoint's plans for event types.
const maxRetryByType = 50

// IsZero reports whether s says nothing, so that whoever is asked next decides.
func (s Retry) IsZero() bool { return s.Preset == "" && len(s.Delays) == 0 && s.Formula == "" }

func (ep *Endpoint) checkRetryByType() error {
	if len(ep.RetryByType) > maxRetryByType {
		return &InvalidError{"retryByType", fmt.Sprintf("at most %d", maxRetryByType)}
	}
	for pattern, retry := range ep.RetryByType {
		if err := checkPattern("retryByType", pattern); err != nil {
			return err
		}
		if retry.IsZero() {
			return &InvalidError{"retryByType", fmt.Sprintf("%q has neither a preset nor delays; give one, or leave it out", pattern)}
		}
		formula := retry.Formula != ""
		if err := retry.settle(); err != nil {
			return err
		}
		if formula {
			ep.RetryByType = maps.Clone(ep.RetryByType) // the caller may have it elsewhere too
			ep.RetryByType[pattern] = retry
		}
	}
	return nil
}

// A typedRetry is a plan for the event types of a pattern.
type typedRetry struct {
	pattern string
	retry   Retry
}

// A plans is what a target knows of when to try again. byType has exact names
// first, then the longest group.
type plans struct {
	byType []typedRetry
	own    bool // the endpoint has a plan of its own, so that event types are not asked
	rest   Retry
	source RetrySource // of rest
}

func plansOf(app *Application, ep *Endpoint, deployment Retry) plans {
	p := plans{rest: deployment, source: RetryByDeployment}
	switch {
	case !ep.Retry.IsZero():
		p.rest, p.source, p.own = ep.Retry, RetryByEndpoint, true
	case !app.Retry.IsZero():
		p.rest, p.source = app.Retry, RetryByApplication
	}
	for pattern, retry := range ep.RetryByType {
		p.byType = append(p.byType, typedRetry{pattern, retry})
	}
	slices.SortFunc(p.byType, func(a, b typedRetry) int {
		wildA, wildB := strings.HasSuffix(a.pattern, "*"), strings.HasSuffix(b.pattern, "*")
		switch {
		case wildA && !wildB:
			return 1
		case wildB && !wildA:
			return -1
		}
		return cmp.Or(cmp.Compare(len(b.pattern), len(a.pattern)), strings.Compare(a.pattern, b.pattern))
	})
	return p
}

// retryOf is the plan for deliveries of an event type to t. Where nobody has a plan
// for event types it is two looks at nil.
func (h *Hub) retryOf(t *target, eventType string) Retry {
	if t.plans.byType == nil && h.typeRetries.Load() == nil {
		return t.plans.rest
	}
	retry, _ := h.decide(&t.plans, eventType)
	return retry
}

func (h *Hub) decide(p *plans, eventType string) (Retry, RetrySource) {
	for _, typed := range p.byType {
		if typeMatches(typed.pattern, eventType) {
			return typed.retry, RetryByType
		}
	}
	if known := h.typeRetries.Load(); known != nil && !p.own {
		if retry, ok := (*known)[eventType]; ok {
			return retry, RetryByEventType
		}
	}
	return p.rest, p.source
}

// patience is how long t may do nothing but fail before it is disabled, at the
// least: as long as its longest plan takes, so that no delivery is held before its
// last attempt.
func (h *Hub) patience(t *target) time.Duration {
	longest := t.plans.rest.longest()
	for _, typed := range t.plans.byType {
		longest = max(longest, typed.retry.longest())
	}
	if known := h.typeRetries.Load(); known != nil && !t.plans.own {
		for name, retry := range *known {
			if t.wantsType(name) {
				longest = max(longest, retry.longest())
			}
		}
	}
	return longest
}

// RetryPlan returns when a delivery of that event type to ep is tried again if it
// fails, and who has decided that: ep for types of that kind, ep itself, the event
// type, the application, or the deployment, whichever says something first.
func (h *Hub) RetryPlan(ctx context.Context, ep *Endpoint, eventType string) (Retry, RetrySource, error) {
	if err := checkEventType("eventType", eventType); err != nil {
		return Retry{}, "", err
	}
	app, err := h.store.Application(ctx, string(ep.Application))
	if err != nil {
		return Retry{}, "", fmt.Errorf("application %s: %w", ep.Application, err)
	}
	if !h.typesRead.Load() {
		if err := h.readTypeRetries(ctx); err != nil {
			return Retry{}, "", err
		}
	}
	p := plansOf(app, ep, h.opt.Retry)
	retry, source := h.decide(&p, eventType)
	if retry.IsZero() {
		retry.Preset = "standard"
	}
	return retry, source, nil
}

// readTypeRetries reads which event types of the catalogue have a plan. Afterwards
// noteTypeRetry keeps that up to date.
func (h *Hub) readTypeRetries(ctx context.Context) error {
	h.typesMu.Lock()
	defer h.typesMu.Unlock()
	var found map[string]Retry
	page := Page{Limit: MaxPage, Ascending: true}
	for {
		types, err := h.store.EventTypes(ctx, page, true)
		if err != nil {
			return fmt.Errorf("reading the event types: %w", err)
		}
		for _, t := range types {
			if !t.Retry.IsZero() {
				if found == nil {
					found = make(map[string]Retry)
				}
				found[t.Name] = t.Retry
			}
		}
		if len(types) < page.Limit {
			break
		}
		page.After = types[len(types)-1].Name
	}
	h.setTypeRetriesLocked(found)
	h.typesRead.Store(true)
	return nil
}

// noteTypeRetry takes note of an event type's plan after a change of it; the zero
// Retry means none. It reads what is stored, as of several who change it at once the
// last to come here need not be the last who stored his.
func (h *Hub) noteTypeRetry(ctx context.Context, name string, retry Retry) {
	h.typesMu.Lock()
	defer h.typesMu.Unlock()
	known := h.typeRetries.Load()
	if retry.IsZero() && (known == nil || (*known)[name].IsZero()) {
		return
	}
	switch t, err := h.store.EventType(context.WithoutCancel(ctx), name); {
	case err == nil:
		retry = t.Retry
	case errors.Is(err, ErrNotFound):
		retry = Retry{}
	default:
		h.opt.Logger.ErrorContext(ctx, "reading an event type", "eventType", name, "error", err)
	}
	changed := make(map[string]Retry)
	if known != nil {
		maps.Copy(changed, *known)
	}
	if retry.IsZero() {
		delete(changed, name)
	} else {
		changed[name] = retry
	}
	h.setTypeRetriesLocked(changed)
}

// setTypeRetriesLocked replaces the map, which never changes itself.
func (h *Hub) setTypeRetriesLocked(m map[string]Retry) {
	if len(m) == 0 {
		h.typeRetries.Store(nil)
		return
	}
	h.typeRetries.Store(&m)
}
