package fanfare

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare/internal/schema"
)

// Example returns the example at place i of t's own, or else of those that its
// current schema has under "examples", byte for byte, or the only one under
// "example", whatever i is. Both are keywords of JSON Schema and of OpenAPI.
// Without any, it is a small payload made to fit the schema.
func (t *EventType) Example(i int) (json.RawMessage, error) { return t.exampleOf(0, i) }

// exampleOf is Example of a version; t's own are of the current one, which is 0.
func (t *EventType) exampleOf(number, i int) (json.RawMessage, error) {
	var list []json.RawMessage
	if number == 0 && t.Examples != nil && json.Unmarshal(t.Examples, &list) == nil && len(list) > 0 {
		return exampleAt(list, i)
	}
	version, text, err := t.schemaOf(number)
	if err != nil {
		return nil, &InvalidError{"eventType", "its schemas are not an object of schemas by version; give it such an object"}
	}
	if text == nil {
		return nil, &InvalidError{"eventType", `has no schema, and so no example; give it a schema, or "examples"`}
	}
	var words map[string]json.RawMessage
	if json.Unmarshal(text, &words) == nil && json.Unmarshal(words["examples"], &list) == nil && len(list) > 0 {
		return exampleAt(list, i)
	}
	if only := words["example"]; only != nil && string(only) != "null" {
		return only, nil
	}
	if made, ok := schema.Example(text); ok {
		return made, nil
	}
	return nil, &InvalidError{"eventType", fmt.Sprintf(`has no example in version %q of its schema, and none can be made of it; add one to its "examples"`, bound(version, 32))}
}

func exampleAt(list []json.RawMessage, i int) (json.RawMessage, error) {
	if i < 0 || i >= len(list) {
		return nil, &InvalidError{"exampleIndex", fmt.Sprintf("from 0 to %d: there are no more examples", len(list)-1)}
	}
	return list[i], nil
}

// compareVersions puts numbers in their order, and behind all other names.
func compareVersions(a, b string) int {
	return cmp.Or(cmp.Compare(versionNumber(a), versionNumber(b)), strings.Compare(a, b))
}

func versionNumber(name string) int {
	if n, err := strconv.Atoi(strings.TrimPrefix(name, "v")); err == nil {
		return n
	}
	return -1
}

// SendExample accepts the example of t at place i as a new message, for ep and no
// other endpoint, whether or not ep asks for such messages. If ep has pinned another
// version than the current one, it is an example of that. The round is a manual one, and
// the message a test: see [TestTag].
func (h *Hub) SendExample(ctx context.Context, ep *Endpoint, t *EventType, i int) (*Message, error) {
	versions := t.numbers()
	pin := ep.EventTypeVersions[t.Name]
	if pin == versions.current || !slices.Contains(versions.all, pin) {
		pin = 0
	}
	payload, err := t.exampleOf(pin, i)
	if err != nil {
		return nil, err
	}
	msg := &Message{Application: ep.Application, EventType: t.Name, EventTypeVersion: pin, Payload: payload, Channels: slices.Clone(ep.Channels), Tags: []string{TestTag}}
	if err := h.sendAlone(ctx, ep, msg); err != nil {
		return nil, err
	}
	return msg, nil
}

// SendTo accepts msg as a new message of ep's application, for ep and no other endpoint,
// whether or not ep asks for such messages. The round is a manual one. What the catalogue
// says of the payload holds as in [Hub.SendBatch].
func (h *Hub) SendTo(ctx context.Context, ep *Endpoint, msg *Message) error {
	checks, err := h.loadChecks(ctx)
	if err != nil {
		return err
	}
	if _, err := h.currentFor(ctx, false, msg); err != nil {
		return err
	}
	if by := checks[msg.EventType]; by != nil {
		if err := h.checkPayload(by, msg); err != nil {
			return err
		}
	}
	return h.sendAlone(ctx, ep, msg)
}

func (h *Hub) sendAlone(ctx context.Context, ep *Endpoint, msg *Message) error {
	if ep.Disabled {
		return &InvalidError{"endpoint", "is disabled, and would not be sent it; enable it first"}
	}
	if err := ep.checkSent(); err != nil {
		return err
	}
	msg.Application = ep.Application
	if err := h.checkMessage(msg); err != nil {
		return err
	}
	if err := h.floor(ctx); err != nil {
		return err
	}
	err := h.acceptAlone(ctx, ep, msg)
	for n := 1; n < acceptTries && h.overtaken(err); n++ {
		err = h.acceptAlone(ctx, ep, msg)
	}
	if err != nil {
		return fmt.Errorf("application %s: accepting a message for endpoint %s alone: %w", ep.Application, ep.ID, err)
	}
	h.counters.accept(msg)
	h.rouse(ctx, ep.Application, ep.ID)
	return nil
}

func (h *Hub) acceptAlone(ctx context.Context, ep *Endpoint, msg *Message) error {
	arriving := h.feed.begin(ep.Application, &h.ids)
	defer h.feed.end(arriving)
	now := h.now()
	msg.ID, msg.CreatedAt = MessageID(h.ids.next(now, "msg_")), now
	due := now
	if msg.DeliverAt.After(now) {
		due = msg.DeliverAt
	}
	in := &Intake{Message: msg, Deliveries: []Delivery{{
		Message: msg.ID, Endpoint: ep.ID, Manual: true,
		Due: due, Rank: RankOf(ep.Ordered, due), OrderingKey: ep.orderingKeyOf(msg),
	}}}
	if _, err := h.store.Accept(ctx, ep.Application, []*Intake{in}, nil); err != nil {
		return err
	}
	if in.Err != nil {
		return fmt.Errorf("event id %q: %w", msg.EventID, in.Err)
	}
	h.awaitOrder(ctx, []*Intake{in})
	arriving.newest = msg.ID
	return nil
}
