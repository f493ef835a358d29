package storetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/fanfarehq/fanfare"
)

func (h *history) createApplication() {
	id, at := h.stamp("app_")
	app := &fanfare.Application{ID: fanfare.ApplicationID(id), UID: h.uid(), Name: "A", CreatedAt: at, UpdatedAt: at}
	what := fmt.Sprintf("create application %s, uid %q", id, app.UID)
	err := h.do(what, func(s fanfare.Store) error { return s.CreateApplication(h.ctx, cloneApplication(app)) })
	if err == nil || len(h.apps) < 2 {
		h.apps = append(h.apps, app.ID)
	}
}

func (h *history) uid() string { return draw(h, "uid", "", "", "u1", "u2") }

func (h *history) updateApplication() {
	app := &fanfare.Application{ID: h.app(), UID: h.uid(), Name: draw(h, "name", "B", "C")}
	if now := h.model.applications[app.ID]; now != nil {
		app.CreatedAt, app.UpdatedAt = now.CreatedAt, start
	}
	app.Revision = h.revision()
	what := fmt.Sprintf("update application %s, uid %q, revision %d", app.ID, app.UID, app.Revision)
	h.do(what, func(s fanfare.Store) error { return s.UpdateApplication(h.ctx, cloneApplication(app)) })
}

func (h *history) deleteApplication() {
	if rapid.IntRange(0, 3).Draw(h.T, "really") > 0 {
		return
	}
	id, revision := h.app(), h.revision()
	what := fmt.Sprintf("delete application %s, revision %d", id, revision)
	h.do(what, func(s fanfare.Store) error { return s.DeleteApplicationAt(h.ctx, id, revision) })
}

// revision is one to be compared, or 0.
func (h *history) revision() int64 { return draw(h, "revision", int64(0), 0, 1, 2) }

func (h *history) createEndpoint(app fanfare.ApplicationID) {
	id, at := h.stamp("ep_")
	ep := &fanfare.Endpoint{
		ID: fanfare.EndpointID(id), Application: app, UID: h.uid(), URL: "https://example.com",
		Ordered: rapid.Bool().Draw(h.T, "ordered"), CreatedAt: at, UpdatedAt: at,
		Channels: draw(h, "channels", nil, []string{"x"}, []string{"y", "x"}),
	}
	what := fmt.Sprintf("create endpoint %s of %s, uid %q, ordered %t, channels %q", id, app, ep.UID, ep.Ordered, ep.Channels)
	if h.do(what, func(s fanfare.Store) error { return s.CreateEndpoint(h.ctx, cloneEndpoint(ep)) }) == nil {
		h.eps = append(h.eps, ep)
	}
}

func (h *history) updateEndpoint() {
	ep := h.endpointAsIs()
	ep.Application = h.owner(ep.Application)
	ep.UID, ep.Ordered, ep.Paused = h.uid(), rapid.Bool().Draw(h.T, "ordered"), rapid.Bool().Draw(h.T, "paused")
	ep.Revision = max(0, ep.Revision+draw(h, "derived from", int64(0), 0, -1, 1))
	what := fmt.Sprintf("update endpoint %s of %s, uid %q, ordered %t, revision %d", ep.ID, ep.Application, ep.UID, ep.Ordered, ep.Revision)
	h.do(what, func(s fanfare.Store) error { return s.UpdateEndpoint(h.ctx, cloneEndpoint(ep)) })
}

func (h *history) deleteEndpoint() {
	ep := h.endpointAsIs()
	app := h.owner(ep.Application)
	revision := h.revision()
	what := fmt.Sprintf("delete endpoint %s of %s, revision %d", ep.ID, app, revision)
	h.do(what, func(s fanfare.Store) error { return s.DeleteEndpointAt(h.ctx, app, ep.ID, revision) })
}

func (h *history) failingSince() {
	ep, t := h.endpointAsIs(), h.moment("since")
	what := fmt.Sprintf("%s fails since %v", ep.ID, t)
	h.do(what, func(s fanfare.Store) error { return s.SetFailingSince(h.ctx, ep.ID, t) })
}

func (h *history) eventTypeStep() {
	t := &fanfare.EventType{
		ID: fanfare.EventTypeID(idAt("evtype_", start)), Name: draw(h, "name", "a", "a.b", "B"),
		Archived: rapid.Bool().Draw(h.T, "archived"), Schemas: draw(h, "schemas", nil, json.RawMessage(`{ "1":{}}`)),
		Validation:     draw(h, "validation", fanfare.ValidationOff, fanfare.ValidationWarn, fanfare.ValidationReject),
		CurrentVersion: draw(h, "current version", 0, 0, 1),
	}
	op := draw(h, "operation", "create", "update", "delete", "list")
	what := fmt.Sprintf("%s event type %s, archived %t", op, t.Name, t.Archived)
	switch op {
	case "create":
		h.do(what, func(s fanfare.Store) error { return s.CreateEventType(h.ctx, cloneEventType(t)) })
	case "update":
		if now := h.model.eventTypes[t.Name]; now != nil {
			t.CreatedAt = now.CreatedAt
		}
		t.Revision = h.revision()
		h.do(what, func(s fanfare.Store) error { return s.UpdateEventType(h.ctx, cloneEventType(t)) })
	case "delete":
		revision := h.revision()
		h.do(what, func(s fanfare.Store) error { return s.DeleteEventTypeAt(h.ctx, t.Name, revision) })
	case "list":
		page := h.page("a", "b", "a.b")
		both(h, what, func(s fanfare.Store) ([]*fanfare.EventType, error) { return s.EventTypes(h.ctx, page, t.Archived) })
		both(h, what, func(s fanfare.Store) ([]*fanfare.EventType, error) { return s.CheckedEventTypes(h.ctx, page) })
	}
}

// accept sends a batch to endpoints of any application, there or gone.
func (h *history) accept() {
	app := h.app()
	if rapid.IntRange(0, 3).Draw(h.T, "to the first") > 0 {
		app = h.apps[0]
	}
	var batch []*fanfare.Intake
	for range rapid.IntRange(1, 3).Draw(h.T, "messages") {
		batch = append(batch, h.intake(app))
	}
	var key *fanfare.Idempotency
	if name := draw(h, "key", "", "", "", "k1", "k2"); name != "" {
		key = &fanfare.Idempotency{Key: name, Fingerprint: [32]byte{byte(rapid.IntRange(0, 1).Draw(h.T, "fingerprint"))}}
	}
	type answer struct {
		Earlier []fanfare.MessageID
		Taken   []bool
		Placed  [][]fanfare.Delivery // as the latest ones have become
	}
	what := fmt.Sprintf("accept for %s, key %v:", app, key)
	for _, in := range batch {
		what += fmt.Sprintf(" %s (event %q, %d deliveries)", in.Message.ID, in.Message.EventID, len(in.Deliveries))
	}
	got, err := both(h, what, func(s fanfare.Store) (answer, error) {
		mine := each(batch, func(in *fanfare.Intake) *fanfare.Intake {
			return &fanfare.Intake{Message: cloneMessage(in.Message), Deliveries: slices.Clone(in.Deliveries)}
		})
		earlier, err := s.Accept(h.ctx, app, mine, key)
		return answer{
			earlier,
			each(mine, func(in *fanfare.Intake) bool { return in.Err != nil }),
			each(mine, func(in *fanfare.Intake) []fanfare.Delivery { return in.Deliveries }),
		}, err
	})
	for i, in := range batch {
		if err == nil && got.Earlier == nil && !got.Taken[i] {
			h.msgs = append(h.msgs, in.Message)
		}
	}
}

func (h *history) intake(app fanfare.ApplicationID) *fanfare.Intake {
	id, at := h.stamp("msg_")
	msg := &fanfare.Message{
		ID: fanfare.MessageID(id), Application: app, CreatedAt: at,
		EventID:   draw(h, "event", "", "", "e1", "e2", "e3"),
		EventType: draw(h, "type", "a", "b"),

		EventTypeVersion: draw(h, "version", 0, 0, 1, 2),

		Payload:     []byte(draw(h, "payload", payloads[:6]...)),
		Channels:    draw(h, "channels", nil, []string{"x"}, []string{"y", "x"}),
		Tags:        draw(h, "tags", nil, []string{"x"}, []string{"x", fanfare.TestTag}),
		OrderingKey: draw(h, "ordering key", "", "k", "l"),
	}
	if rapid.IntRange(0, 50).Draw(h.T, "large") == 50 {
		msg.Payload = []byte(payloads[len(payloads)-2]) // 1 MiB
	}
	in := &fanfare.Intake{Message: msg}
	due := at.Add(draw(h, "delay", 0, time.Minute))
	for _, ep := range h.eps {
		if rapid.Bool().Draw(h.T, "goes to") {
			now := cmp.Or(h.model.endpoints[ep.ID], ep)
			in.Deliveries = append(in.Deliveries, fanfare.Delivery{
				Message: msg.ID, Endpoint: ep.ID, Due: due, Rank: fanfare.RankOf(now.Ordered, due),
				OrderingKey: draw(h, "own key", msg.OrderingKey, msg.OrderingKey, "k", "m"),
				Latest:      msg.OrderingKey != "" && rapid.IntRange(0, 3).Draw(h.T, "latest") == 0,
			})
		}
	}
	return in
}

// record is an attempt at a delivery that is there, or at any message and any
// endpoint of the same application, or one that was recorded before.
func (h *history) record() {
	id, at := h.stamp("atmpt_")
	ep, msg := h.endpointAsIs(), h.msg()
	if there := h.deliveries(); len(there) > 0 && rapid.IntRange(0, 2).Draw(h.T, "at any") > 0 {
		d := draw(h, "delivery", there...)
		ep, msg = h.model.endpoints[d.Endpoint], h.model.messages[d.Message]
	}
	if ep.Application != msg.Application {
		return
	}
	state := draw(h, "state", fanfare.Waiting, fanfare.Delivered, fanfare.GivenUp, fanfare.GivenUp)
	o := &fanfare.Outcome{
		Attempt: &fanfare.Attempt{
			ID: fanfare.AttemptID(id), Message: msg.ID, Endpoint: ep.ID, EventType: cmp.Or(msg.EventType, "a"), Test: msg.IsTest(), Number: 1, URL: ep.URL, StartedAt: at,
			Status: draw(h, "status", 0, 200, 404, 503), Class: draw(h, "class", fanfare.ClassSuccess, fanfare.ClassStatus),
			ResponseBody: []byte(draw(h, "body", "", "\x00\xff")), State: state,
		},
		Delivery: fanfare.Delivery{Message: msg.ID, Endpoint: ep.ID, State: state, OrderingKey: msg.OrderingKey, Attempts: 1},
	}
	if state == fanfare.Waiting {
		o.Delivery.Due = at.Add(time.Minute)
		o.Delivery.Rank = fanfare.RankOf(ep.Ordered, o.Delivery.Due)
	}
	if len(h.outcomes) > 0 && rapid.IntRange(0, 3).Draw(h.T, "again") == 3 {
		o = draw(h, "outcome", h.outcomes...)
	}
	h.outcomes = append(h.outcomes, o)
	what := fmt.Sprintf("record %s: %s to %s is %v", o.Attempt.ID, o.Attempt.Message, o.Attempt.Endpoint, o.Delivery.State)
	h.do(what, func(s fanfare.Store) error {
		return s.Record(h.ctx, &fanfare.Outcome{Attempt: cloneAttempt(o.Attempt), Delivery: o.Delivery})
	})
}

// deliveries are all that are there, in order.
func (h *history) deliveries() []*fanfare.Delivery {
	var there []*fanfare.Delivery
	for _, d := range h.model.deliveries {
		there = append(there, cloneDelivery(d))
	}
	slices.SortFunc(there, func(a, b *fanfare.Delivery) int {
		return cmp.Or(cmp.Compare(a.Message, b.Message), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	return there
}

func (h *history) resend() {
	ep, msg := h.endpointAsIs(), h.msg()
	app, due := h.owner(msg.Application), start.Add(time.Hour)
	key := draw(h, "own key", msg.OrderingKey, "m")
	what := fmt.Sprintf("resend %s to %s by %s", msg.ID, ep.ID, app)
	h.do(what, func(s fanfare.Store) error {
		return s.Resend(h.ctx, app, &fanfare.Delivery{
			Message: msg.ID, Endpoint: ep.ID, Due: due, Rank: fanfare.RankOf(ep.Ordered, due), Manual: true,
			OrderingKey: key,
		})
	})
}

// again has a task make deliveries wait again, those that a walk finds now or
// one that was as it says at some time.
func (h *history) again() {
	ep := h.endpointAsIs()
	app := h.owner(ep.Application)
	w := fanfare.Walk{
		Selection: fanfare.Selection{Since: h.moment("since"), Until: h.moment("until"), States: draw(h, "states", nil, []fanfare.State{fanfare.GivenUp})},
		After:     draw(h, "behind", "", h.msg().ID), Look: draw(h, "look", 3, 1000), Limit: rapid.IntRange(1, 3).Draw(h.T, "limit"),
	}
	what := fmt.Sprintf("walk to %s of %s, %+v", ep.ID, app, w)
	found, _ := both(h, what, func(s fanfare.Store) ([]*fanfare.Delivery, error) {
		ds, _, err := s.WalkDeliveries(h.ctx, app, ep.ID, w)
		return ds, err
	})
	found = append(found, &fanfare.Delivery{Message: h.msg().ID, Endpoint: ep.ID, State: draw(h, "state", fanfare.Waiting, fanfare.GivenUp)})
	id, at := h.stamp("qtask_")
	t := &fanfare.Task{ID: fanfare.TaskID(id), Kind: fanfare.TaskRecover, Application: app, CreatedAt: at, UpdatedAt: at}
	err := h.do("create task "+id, func(s fanfare.Store) error { return s.CreateTask(h.ctx, cloneTask(t), fanfare.TaskKeep{Most: 3}) })
	if err != nil {
		return
	}
	both(h, fmt.Sprintf("%d deliveries wait again, by task %s", len(found), id), func(s fanfare.Store) (*fanfare.Task, error) {
		step := &fanfare.TaskStep{Task: t.ID, State: fanfare.TaskFinished, Time: at}
		for _, d := range found {
			d = cloneDelivery(d)
			d.Due = start.Add(time.Hour)
			step.Again = append(step.Again, d)
		}
		if _, err := s.StepTask(h.ctx, step); err != nil {
			return nil, err
		}
		return s.Task(h.ctx, t.ID)
	})
}

func (h *history) cancel() {
	msg := h.msg()
	app := h.owner(msg.Application)
	both(h, fmt.Sprintf("cancel %s of %s", msg.ID, app), func(s fanfare.Store) ([]fanfare.EndpointID, error) {
		eps, err := s.Cancel(h.ctx, app, msg.ID)
		slices.Sort(eps)
		return eps, err
	})
}

func (h *history) cancelLane() {
	ep := h.endpointAsIs()
	app := h.owner(ep.Application)
	both(h, fmt.Sprintf("cancel lane %s of %s", ep.ID, app), func(s fanfare.Store) (int, error) { return s.CancelLane(h.ctx, app, ep.ID) })
}

func (h *history) expunge() {
	msg := h.msg()
	app := h.owner(msg.Application)
	h.do(fmt.Sprintf("expunge %s of %s", msg.ID, app), func(s fanfare.Store) error { return s.ExpungePayload(h.ctx, app, msg.ID) })
}

func (h *history) prune() {
	t, limit := h.moment("before"), rapid.IntRange(1, 4).Draw(h.T, "limit")
	both(h, fmt.Sprintf("prune %d before %v", limit, t), func(s fanfare.Store) (int, error) { return s.Prune(h.ctx, t, limit) })
}

func (h *history) remember() {
	scope, key := draw(h, "scope", "s", "t"), draw(h, "key", "k", "l")
	status := rapid.IntRange(200, 202).Draw(h.T, "status")
	h.do("remember "+scope+" "+key, func(s fanfare.Store) error { return s.Remember(h.ctx, scope, key, &fanfare.Answer{Status: status}) })
	other := draw(h, "other key", "k", "l", "m")
	both(h, "answer "+scope+" "+other, func(s fanfare.Store) (*fanfare.Answer, error) { return s.Answer(h.ctx, scope, other) })
}

func (h *history) setting() {
	name, value := draw(h, "name", "s", "t"), draw(h, "value", "", "1", "\x00")
	h.do("set "+name, func(s fanfare.Store) error { return s.SetSetting(h.ctx, name, []byte(value)) })
	other := draw(h, "other name", "s", "t", "u")
	both(h, "setting "+other, func(s fanfare.Store) ([]byte, error) { return s.Setting(h.ctx, other) })
}
