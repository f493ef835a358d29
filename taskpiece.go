package fanfare

import (
	"cmp"
	"context"
	"errors"
)

// A piece is what there is to do in a part of what a task goes through.
type piece struct {
	endpoint EndpointID  // of the deliveries
	ordered  bool        // it is sent them in order
	again    []*Delivery // as a TaskStep has them
	counted  int         // of those, if they are only counted
	missing  []*Delivery
	to       *Endpoint // of those that are missing
	expunge  []MessageID

	next TaskPlace
	last bool // there is nothing behind it
}

func (p *piece) size() int { return p.counted + len(p.again) + len(p.missing) + len(p.expunge) }

// piece finds what a task is to do from a place on; with no limit how much that is.
// ErrNotFound: the task's endpoint is gone.
func (h *Hub) piece(ctx context.Context, t *Task, at TaskPlace, limit, look int) (*piece, error) {
	ep, at, err := h.taskEndpoint(ctx, t, at)
	if err != nil {
		return nil, err
	}
	if ep == nil && t.Kind == TaskBulkReplay {
		return &piece{next: at, last: true}, nil
	}
	w := Walk{Selection: t.Selection, After: at.Message, Look: look, Limit: limit}
	if w.After == "" {
		w.After = lastBefore(w.Since)
	}
	at.Probe = ""
	p := &piece{next: at}
	switch {
	case t.Kind == TaskPurge:
		err = h.purgePiece(ctx, t, w, p)
	case ep.Kind == KindPoller && t.Endpoint != "":
		err = errEndpointPolled
	case ep.Kind == KindPoller:
		p.next.Message = "" // what it would be sent would wait for ever
	case !ep.Within(w.Within) && t.Endpoint != "":
		err = errEndpointMoved
	case !ep.Within(w.Within):
		p.next.Message = ""
	case t.Kind == TaskReplayMissing:
		err = h.missingPiece(ctx, ep, w, p)
	default:
		err = h.againPiece(ctx, t, ep, w, p)
	}
	if err != nil {
		return nil, err
	}
	if p.last = p.next.Message == ""; p.last && t.Kind == TaskBulkReplay && t.Endpoint == "" {
		p.next, p.last, err = h.placeBehind(ctx, t.Application, ep.ID)
	}
	return p, err
}

// taskEndpoint is the endpoint that a task goes on with, and from where on; nil
// if it has none, or none is left.
func (h *Hub) taskEndpoint(ctx context.Context, t *Task, at TaskPlace) (*Endpoint, TaskPlace, error) {
	id := t.Endpoint
	if id == "" {
		id = at.Endpoint
	}
	if t.Kind == TaskPurge {
		return nil, at, nil
	}
	if id != "" {
		ep, err := h.store.Endpoint(ctx, t.Application, string(id))
		if err == nil || t.Endpoint != "" || !errors.Is(err, ErrNotFound) {
			return ep, at, err
		}
	}
	for { // the first, or the one behind one that was deleted
		var last bool
		var err error
		if at, last, err = h.placeBehind(ctx, t.Application, id); last || err != nil {
			return nil, at, err
		}
		ep, err := h.store.Endpoint(ctx, t.Application, string(at.Endpoint))
		if err == nil || !errors.Is(err, ErrNotFound) {
			return ep, at, err
		}
		id = at.Endpoint
	}
}

// placeBehind is the beginning of the endpoint behind one; last: there is none.
func (h *Hub) placeBehind(ctx context.Context, app ApplicationID, ep EndpointID) (at TaskPlace, last bool, err error) {
	eps, err := h.store.Endpoints(ctx, app, Page{Limit: 1, After: string(ep), Ascending: true})
	if len(eps) == 0 || err != nil {
		return TaskPlace{}, true, err
	}
	return TaskPlace{Endpoint: eps[0].ID}, false, nil
}

// ended are the states of deliveries that do not wait.
var ended = []State{Delivered, GivenUp, Cancelled}

func (h *Hub) againPiece(ctx context.Context, t *Task, ep *Endpoint, w Walk, p *piece) (err error) {
	switch {
	case t.Kind == TaskRecover:
		w.States = []State{GivenUp}
	case len(w.States) == 0:
		w.States = ended
	}
	p.endpoint, p.ordered = ep.ID, ep.Ordered
	switch {
	case len(w.Messages) > 0:
		p.again, err = h.namedDeliveries(ctx, t.Application, ep.ID, &w.Selection)
	case w.Limit == 0:
		p.counted, p.next.Message, err = h.store.CountDeliveries(ctx, t.Application, ep.ID, w)
	default:
		p.again, p.next.Message, err = h.store.WalkDeliveries(ctx, t.Application, ep.ID, w)
	}
	now := h.now()
	for _, d := range p.again {
		d.Due = now
	}
	return err
}

func (h *Hub) missingPiece(ctx context.Context, ep *Endpoint, w Walk, p *piece) error {
	w.Limit = cmp.Or(w.Limit, w.Look)
	msgs, next, err := h.store.WalkMessages(ctx, ep.Application, ep.ID, w)
	if err != nil {
		return err
	}
	p.to, p.endpoint, p.next.Message = ep, ep.ID, next
	now := h.now()
	for _, msg := range msgs {
		if wants, err := h.wantsPassed(ctx, ep, msg); err != nil {
			return err
		} else if !wants {
			continue
		}
		due := now
		if msg.DeliverAt.After(now) {
			due = msg.DeliverAt
		}
		p.missing = append(p.missing, &Delivery{Message: msg.ID, Endpoint: ep.ID, Due: due, OrderingKey: msg.OrderingKey})
	}
	return nil
}

func (h *Hub) purgePiece(ctx context.Context, t *Task, w Walk, p *piece) error {
	msgs, next, err := h.store.WalkMessages(ctx, t.Application, "", w)
	if err != nil {
		return err
	}
	p.next.Message = next
	for _, msg := range msgs {
		p.expunge = append(p.expunge, msg.ID)
	}
	return nil
}
