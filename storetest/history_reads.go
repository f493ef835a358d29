package storetest

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/fanfarehq/fanfare"
)

// lookUp finds one of each by any kind of reference.
func (h *history) lookUp() {
	msg, ep, app := h.msg(), h.endpointAsIs(), h.app()
	ref := draw(h, "reference", "", "u1", "u2", "e1", "e2", string(app), string(ep.ID), string(msg.ID), "\x00", "%")
	what := fmt.Sprintf(" %q of %s", ref, app)
	both(h, "application"+what, func(s fanfare.Store) (*fanfare.Application, error) { return s.Application(h.ctx, ref) })
	both(h, "endpoint"+what, func(s fanfare.Store) (*fanfare.Endpoint, error) { return s.Endpoint(h.ctx, app, ref) })
	both(h, "message"+what, func(s fanfare.Store) (*fanfare.Message, error) { return s.Message(h.ctx, app, ref) })
	both(h, "event type"+what, func(s fanfare.Store) (*fanfare.EventType, error) { return s.EventType(h.ctx, ref) })
	if len(h.outcomes) > 0 {
		a := draw(h, "attempt", h.outcomes...).Attempt
		id := draw(h, "of message", a.Message, msg.ID)
		both(h, fmt.Sprintf("attempt %s of %s of %s", a.ID, id, app), func(s fanfare.Store) (*fanfare.Attempt, error) {
			return s.Attempt(h.ctx, app, id, a.ID)
		})
	}
}

func (h *history) readLane() {
	q := fanfare.WaitingQuery{Endpoint: h.endpointAsIs().ID, Limit: draw(h, "limit", 1, 2, 1000)}
	if there := h.deliveries(); len(there) > 0 && rapid.IntRange(0, 2).Draw(h.T, "from the beginning") > 0 {
		d := draw(h, "behind", there...)
		q.Endpoint, q.AfterMessage, q.AfterRank = d.Endpoint, d.Message, d.Rank
	}
	if key := draw(h, "key", "all", "", "k"); key != "all" {
		q.Key = &key
	}
	both(h, fmt.Sprintf("waiting %+v", q), func(s fanfare.Store) ([]*fanfare.Delivery, error) { return s.Waiting(h.ctx, q) })
}

func (h *history) readMessages() {
	msg := h.msg()
	app := h.owner(msg.Application)
	f := fanfare.MessageFilter{
		Page: h.page(string(msg.ID)), Since: h.moment("since"), Until: h.moment("until"),
		EventTypes: h.types(), Channel: h.label("channel"), Tag: h.label("tag"), Within: h.within(),
	}
	both(h, fmt.Sprintf("messages of %s %+v", app, f), func(s fanfare.Store) ([]*fanfare.Message, error) { return s.Messages(h.ctx, app, f) })
}

func (h *history) types() []string {
	return draw(h, "types", nil, nil, []string{"a"}, []string{"b", "c"})
}

func (h *history) within() []string {
	return draw(h, "within", nil, nil, []string{"x"}, []string{"y", "x"})
}

func (h *history) label(of string) string { return draw(h, of, "", "", "x", "y") }

func (h *history) readDeliveries() {
	msg, ep := h.msg(), h.endpointAsIs()
	f := fanfare.DeliveryFilter{
		Since: h.moment("since"), Until: h.moment("until"),
		States:     draw(h, "states", nil, nil, []fanfare.State{fanfare.Waiting}, []fanfare.State{fanfare.GivenUp, fanfare.Cancelled}),
		EventTypes: h.types(), Channel: h.label("channel"), Tag: h.label("tag"), Within: h.within(),
	}
	app := h.owner(msg.Application)
	if draw(h, "by", "message", "endpoint") == "message" {
		f.Message, f.Page = msg.ID, h.page(string(ep.ID))
	} else {
		f.Endpoint, f.Page = ep.ID, h.page(string(msg.ID))
		app = h.owner(ep.Application)
	}
	both(h, fmt.Sprintf("deliveries of %s %+v", app, f), func(s fanfare.Store) ([]*fanfare.Delivery, error) { return s.Deliveries(h.ctx, app, f) })
}

func (h *history) readAttempts() {
	msg, ep := h.msg(), h.endpointAsIs()
	f := fanfare.AttemptFilter{
		Since: h.moment("since"), Until: h.moment("until"),
		Outcome:     draw(h, "outcome", fanfare.AnyOutcome, fanfare.OnlySuccesses, fanfare.OnlyFailures),
		StatusClass: draw(h, "class", 0, 0, 2, 4, 5),
		EventTypes:  h.types(), Channel: h.label("channel"), Tag: h.label("tag"), Within: h.within(),
	}
	app := h.owner(msg.Application)
	by := draw(h, "by", "message", "endpoint", "both")
	if by != "endpoint" {
		f.Message = msg.ID
	}
	if by != "message" {
		f.Endpoint, app = ep.ID, h.owner(ep.Application)
	}
	after := []string{""}
	for _, o := range h.outcomes {
		after = append(after, string(o.Attempt.ID))
	}
	f.Page = h.page(after...)
	both(h, fmt.Sprintf("attempts of %s %+v", app, f), func(s fanfare.Store) ([]*fanfare.Attempt, error) { return s.Attempts(h.ctx, app, f) })
}

func (h *history) readStats() {
	ep := h.endpointAsIs()
	app, since, until := h.owner(ep.Application), h.moment("since"), h.moment("until")
	what := fmt.Sprintf("stats of %s of %s from %v to %v", ep.ID, app, since, until)
	both(h, what, func(s fanfare.Store) (map[fanfare.State]int, error) {
		got, err := s.Stats(h.ctx, app, ep.ID, since, until)
		return counts(got), err
	})
}
