package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/fanfarehq/fanfare"
)

// A photograph is all that a store shows of one application.
type photograph struct {
	Application *fanfare.Application // nil: there is none
	Endpoints   []*fanfare.Endpoint
	Messages    []*fanfare.Message
	Deliveries  []*fanfare.Delivery // by message and endpoint
	Attempts    []*fanfare.Attempt  // by message and age
	Waiting     []*fanfare.Delivery // by endpoint, as its lane has them
}

func (w *world) photograph(app *fanfare.Application) photograph {
	w.Helper()
	p, err := photographOf(w.Context(), w.store, app.ID)
	w.ok(err)
	return p
}

// photographOf reads an application from end to end.
func photographOf(ctx context.Context, s fanfare.Store, id fanfare.ApplicationID) (p photograph, err error) {
	p.Application, err = s.Application(ctx, string(id))
	if err != nil && !errors.Is(err, fanfare.ErrNotFound) {
		return p, err
	}
	p.Endpoints, err = all(func(page fanfare.Page) ([]*fanfare.Endpoint, error) {
		return s.Endpoints(ctx, id, page)
	}, func(ep *fanfare.Endpoint) string { return string(ep.ID) })
	if err != nil {
		return p, err
	}
	for _, ep := range p.Endpoints {
		ds, err := s.Waiting(ctx, fanfare.WaitingQuery{Endpoint: ep.ID, Limit: 1_000_000})
		if err != nil {
			return p, err
		}
		p.Waiting = append(p.Waiting, ds...)
	}
	p.Messages, err = all(func(page fanfare.Page) ([]*fanfare.Message, error) {
		return s.Messages(ctx, id, fanfare.MessageFilter{Page: page})
	}, func(msg *fanfare.Message) string { return string(msg.ID) })
	if err != nil {
		return p, err
	}
	for _, msg := range p.Messages {
		ds, err := all(func(page fanfare.Page) ([]*fanfare.Delivery, error) {
			return s.Deliveries(ctx, id, fanfare.DeliveryFilter{Page: page, Message: msg.ID})
		}, func(d *fanfare.Delivery) string { return string(d.Endpoint) })
		if err != nil {
			return p, err
		}
		as, err := all(func(page fanfare.Page) ([]*fanfare.Attempt, error) {
			return s.Attempts(ctx, id, fanfare.AttemptFilter{Page: page, Message: msg.ID})
		}, func(a *fanfare.Attempt) string { return string(a.ID) })
		if err != nil {
			return p, err
		}
		p.Deliveries, p.Attempts = append(p.Deliveries, ds...), append(p.Attempts, as...)
	}
	return p, nil
}

// all reads a list to its end, a page at a time.
func all[T any](list func(fanfare.Page) ([]*T, error), id func(*T) string) ([]*T, error) {
	var whole []*T
	page := everything
	for {
		part, err := list(page)
		if err != nil {
			return nil, err
		}
		if page.After != "" && len(part) > 0 && id(part[0]) <= page.After {
			return nil, fmt.Errorf("%s is behind %s", id(part[0]), page.After)
		}
		whole = append(whole, part...)
		if len(part) < page.Limit {
			return whole, nil
		}
		page.After = id(part[len(part)-1])
	}
}
