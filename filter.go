package fanfare

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare/internal/expression"
)

// filters are compiled filters, by their text.
type filters struct {
	mu     sync.RWMutex
	byText map[string]*expression.Filter
}

// maxFilters bounds them; beyond it, they begin anew.
const maxFilters = 10_000

// of is the filter of that text; nil for none.
func (f *filters) of(text string) (*expression.Filter, error) {
	if text == "" {
		return nil, nil
	}
	f.mu.RLock()
	known := f.byText[text]
	f.mu.RUnlock()
	if known != nil {
		return known, nil
	}
	parsed, err := expression.ParseFilter(text)
	if err != nil {
		return nil, &InvalidError{"filter", err.Error()}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byText == nil || len(f.byText) >= maxFilters {
		f.byText = make(map[string]*expression.Filter)
	}
	f.byText[text] = parsed
	return parsed, nil
}

// inputOf is msg as expressions see it.
func inputOf(msg *Message) *expression.Input {
	return &expression.Input{EventType: msg.EventType, Payload: msg.View(), Headers: msg.Headers(), Channels: msg.Channels, Tags: msg.Tags}
}

// A sieve is one message on its way through the filters of many endpoints.
type sieve struct {
	msg   *Message
	input *expression.Input // nil: no filter has asked yet
}

// passes reports whether t's filter lets the message through.
func (s *sieve) passes(h *Hub, t *target) bool {
	if t.filter == nil {
		return true
	}
	if s.input == nil {
		s.input = inputOf(s.msg)
	}
	wanted, _ := t.filter.Match(s.input)
	if !wanted {
		h.counters.filtered.Add(1)
	}
	return wanted
}

// passesFilter is passes for a message that is there already.
func (h *Hub) passesFilter(ep *Endpoint, msg *Message) (bool, error) {
	f, err := h.filters.of(ep.Filter)
	if f == nil || err != nil {
		return err == nil, err
	}
	wanted, _ := f.Match(inputOf(msg))
	return wanted, nil
}

// wantsPassed is wantsMessage for a message that a walk has passed, which is without its
// payload: that is read if a filter may ask for it. What is gone by now, or damaged, a
// filter cannot be said to match.
func (h *Hub) wantsPassed(ctx context.Context, ep *Endpoint, msg *Message) (bool, error) {
	if ep.Filter == "" || !ep.Wants(msg.EventType, msg.Channels) {
		return h.wantsMessage(ctx, ep, msg)
	}
	msg, err := h.store.Message(ctx, ep.Application, string(msg.ID))
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrDamaged):
		return false, nil
	case err != nil:
		return false, err
	}
	return h.wantsMessage(ctx, ep, msg)
}

// TrialMessages is how many messages a filter is tried on at most.
const TrialMessages = 1000

// maxMisses bounds those of a trial that are told of one by one.
const maxMisses = 20

// A FilterTrial says what a filter would have let through.
type FilterTrial struct {
	Looked, Matched int
	Since           time.Time    // the oldest of them was accepted; zero: there are none
	Misses          []FilterMiss // the newest
}

// A FilterMiss is a message that a filter does not let through.
type FilterMiss struct {
	Message   MessageID
	EventType string
	Why       string // where it is not that the filter says no: the end of a sentence
}

// TryFilter looks which of an application's newest messages, TrialMessages at most, a
// filter would let through of those that ep wants otherwise; ep need not be stored.
func (h *Hub) TryFilter(ctx context.Context, app ApplicationID, ep *Endpoint) (*FilterTrial, error) {
	f, err := h.filters.of(ep.Filter)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, &InvalidError{"filter", "is missing; give an expression, such as payload.status == \"open\""}
	}
	if err := allWrong(ep.checkEventTypes(), checkLabels("channels", ep.Channels)); err != nil {
		return nil, err
	}
	trial := &FilterTrial{}
	page := Page{Limit: pollPage}
	for seen := 0; seen < TrialMessages; {
		msgs, err := h.store.Messages(ctx, app, MessageFilter{Page: page, Bytes: pollBytes})
		if err != nil {
			return nil, fmt.Errorf("application %s: %w", app, err)
		}
		for _, msg := range msgs {
			if ep.Wants(msg.EventType, msg.Channels) && msg.Payload != nil {
				trial.look(f, msg)
			}
		}
		if seen += len(msgs); len(msgs) == 0 {
			break
		}
		page.After = string(msgs[len(msgs)-1].ID)
	}
	return trial, nil
}

func (t *FilterTrial) look(f *expression.Filter, msg *Message) {
	t.Looked++
	t.Since = msg.CreatedAt // they come the newest first
	wanted, why := f.Match(inputOf(msg))
	if wanted {
		t.Matched++
	} else if len(t.Misses) < maxMisses {
		t.Misses = append(t.Misses, FilterMiss{msg.ID, msg.EventType, why})
	}
}

func (ep *Endpoint) checkFilter(h *Hub) error {
	_, err := h.filters.of(ep.Filter)
	return err
}
