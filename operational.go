package fanfare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// OperationalApplication owns the endpoints to which Fanfare tells its operator of
// endpoints and deliveries. It is an application like any other to the engine, and
// to nobody else: no list has it, and no one can send to it. It comes into being
// with its first endpoint, and makes no operational messages itself.
const OperationalApplication ApplicationID = "app_00000000000000000000000004"

// The event types of operational messages. Names and payloads are Svix's, but for
// EndpointFailing and EndpointRecovered.
const (
	EndpointCreated   = "endpoint.created"
	EndpointUpdated   = "endpoint.updated"
	EndpointDeleted   = "endpoint.deleted"
	EndpointDisabled  = "endpoint.disabled"         // by its owner, by its own word, or after failing for too long
	EndpointEnabled   = "endpoint.enabled"          // again
	EndpointFailing   = "endpoint.failing"          // it fails so often that it is only probed
	EndpointRecovered = "endpoint.recovered"        // and then did not fail
	AttemptFailing    = "message.attempt.failing"   // for the fourth time
	AttemptExhausted  = "message.attempt.exhausted" // there is no other
	AttemptRecovered  = "message.attempt.recovered" // it succeeded after failing four times
)

// OperationalTypes are all event types of operational messages.
var OperationalTypes = []string{
	EndpointCreated, EndpointUpdated, EndpointDeleted, EndpointDisabled, EndpointEnabled,
	EndpointFailing, EndpointRecovered, AttemptFailing, AttemptExhausted, AttemptRecovered,
}

// failingFrom is the number of the failed attempt of which AttemptFailing tells.
const failingFrom = 4

// What is told of one endpoint in tellWindow: so many attempts of a kind one by one,
// and then one message that stands for all the rest; its health once.
const (
	tellWindow   = time.Hour
	tellAttempts = 60
)

// operations is what a Hub knows of who is to be told.
type operations struct {
	on    atomic.Bool // somebody is
	known atomic.Bool // on has been found out

	mu      sync.Mutex
	tally   map[tallied]tally
	changes int // counts what may have changed on, so that a reading that began before is not kept
}

type tallied struct {
	endpoint EndpointID
	kind     string
}

// A tally counts what was told since the beginning of its window.
type tally struct {
	since time.Time
	told  int
}

// maxTallies bounds what is counted; beyond it, windows that are over are dropped,
// and if there are none, all.
const maxTallies = 10_000

// allow counts one more thing to be told. n is how many there are in this window,
// which ends at end.
func (o *operations) allow(of tallied, now time.Time) (n int, end time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.allowLocked(of, now)
}

func (o *operations) allowLocked(of tallied, now time.Time) (n int, end time.Time) {
	t := o.tally[of]
	if t.told == 0 || now.Sub(t.since) >= tellWindow || now.Before(t.since) {
		t = tally{since: now}
		o.boundLocked(now)
	}
	t.told++
	o.tally[of] = t
	return t.told, t.since.Add(tellWindow)
}

func (o *operations) boundLocked(now time.Time) {
	if o.tally == nil {
		o.tally = make(map[tallied]tally)
	}
	if len(o.tally) < maxTallies {
		return
	}
	for of, t := range o.tally {
		if now.Sub(t.since) >= tellWindow {
			delete(o.tally, of)
		}
	}
	if len(o.tally) >= maxTallies {
		clear(o.tally)
	}
}

// Operational returns the operational application, which it makes when create says
// so and there is none; otherwise ErrNotFound.
func (h *Hub) Operational(ctx context.Context, create bool) (*Application, error) {
	app, err := h.store.Application(ctx, string(OperationalApplication))
	if !errors.Is(err, ErrNotFound) || !create {
		return app, err
	}
	now := h.now()
	app = &Application{ID: OperationalApplication, Name: "Operational webhooks", CreatedAt: now, UpdatedAt: now}
	if err := h.store.CreateApplication(ctx, app); err != nil && !errors.Is(err, ErrExists) {
		return nil, fmt.Errorf("operational application: %w", err)
	}
	return app, nil
}

// watched reports whether anybody is to be told of what happens.
func (h *Hub) watched(ctx context.Context) bool {
	if !h.operations.known.Load() {
		if err := h.readOperations(ctx); err != nil {
			h.opt.Logger.ErrorContext(ctx, "reading the operational endpoints", "error", err)
			return true
		}
	}
	return h.operations.on.Load()
}

// readOperations finds out whether anybody is to be told.
func (h *Hub) readOperations(ctx context.Context) error {
	for {
		changes := h.operations.seen()
		r, err := h.catalogue.of(ctx, string(OperationalApplication))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		on := err == nil && slices.ContainsFunc(r.targets, func(t *target) bool { return !t.Disabled })
		if h.operations.learn(on, changes) {
			return nil
		}
	}
}

// changed notes that what is known holds no longer.
func (o *operations) changed() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changes++
	o.known.Store(false)
}

// seen is how many changes there were. What is read afterwards goes into learn.
func (o *operations) seen() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changes
}

// learn keeps what was read after so many changes, unless there are more by now.
func (o *operations) learn(on bool, changes int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changes != changes {
		return false
	}
	o.on.Store(on)
	o.known.Store(true)
	return true
}

// operationsChanged is readOperations after a change to an endpoint of app.
func (h *Hub) operationsChanged(ctx context.Context, app ApplicationID) {
	if app != OperationalApplication {
		return
	}
	h.operations.changed() // should the reading fail, it is tried again
	if err := h.readOperations(context.WithoutCancel(ctx)); err != nil {
		h.opt.Logger.ErrorContext(ctx, "reading the operational endpoints", "error", err)
	}
}

// News is an operational message on its way.
type news struct {
	Type string `json:"type"`
	Data any    `json:"data"`

	once string    // a name under which it is told once only; "": whenever it happens
	at   time.Time // not before; zero: at once
}

// endpointNews and attemptNews are the data of news.
type endpointNews struct {
	App         ApplicationID `json:"appId"`
	AppUID      string        `json:"appUid,omitempty"`
	Endpoint    EndpointID    `json:"endpointId"`
	EndpointUID string        `json:"endpointUid,omitempty"`
	Name        string        `json:"endpointName"`         // for people: see [Endpoint.oneLine]
	AlertEmail  string        `json:"alertEmail,omitempty"` // of the application, where its customer is to be told: see [Hub.mail]
	FailSince   *time.Time    `json:"failSince,omitempty"`
	Trigger     string        `json:"trigger,omitempty"` // of EndpointDisabled: manual or automatic; of EndpointFailing manual, if somebody had it told
	Reason      string        `json:"reason,omitempty"`  // in words, of EndpointFailing and of an EndpointDisabled that is not manual

	address string // the application's, which only Hub.mail lets out
}

type attemptNews struct {
	App      ApplicationID `json:"appId"`
	AppUID   string        `json:"appUid,omitempty"`
	Endpoint EndpointID    `json:"endpointId"`
	Message  MessageID     `json:"msgId"`
	EventID  string        `json:"msgEventId,omitempty"`
	Last     lastAttempt   `json:"lastAttempt"`
	// Until says that this stands for all that went the same way until then, since
	// they were too many to be told one by one.
	Until *time.Time `json:"andOthersUntil,omitempty"`
}

type lastAttempt struct {
	ID     AttemptID `json:"id"`
	Status int       `json:"responseStatusCode"`
	At     time.Time `json:"timestamp"`
}

// newsOf is news of an endpoint, whose application may be gone already.
func (h *Hub) newsOf(ctx context.Context, kind string, ep *Endpoint) (*news, *endpointNews) {
	data := &endpointNews{App: ep.Application, Endpoint: ep.ID, EndpointUID: ep.UID, Name: ep.oneLine()}
	if app, err := h.store.Application(ctx, string(ep.Application)); err == nil {
		data.AppUID, data.address = app.UID, app.AlertEmail
	}
	return &news{Type: kind, Data: data}, data
}

// announce tells of an endpoint that somebody has changed. The change is on disk
// already, so that this failing cannot undo it: then it is logged.
func (h *Hub) announce(ctx context.Context, kind string, ep *Endpoint) {
	if ep.Application == OperationalApplication || !h.watched(ctx) {
		return
	}
	n, data := h.newsOf(ctx, kind, ep)
	if kind == EndpointDisabled {
		data.Trigger = "manual"
	}
	if err := h.tell(context.WithoutCancel(ctx), n); err != nil {
		h.opt.Logger.ErrorContext(ctx, "telling of an endpoint", "event", kind, "endpoint", ep.ID, "error", err)
	}
}

// before reads an endpoint as it is ahead of a change, if somebody is to be told of
// what the change does; else nil.
func (h *Hub) before(ctx context.Context, ep *Endpoint) *Endpoint {
	if ep.Application == OperationalApplication || !h.watched(ctx) {
		return nil
	}
	old, err := h.store.Endpoint(ctx, ep.Application, string(ep.ID))
	if err != nil {
		return nil // and the change will say why
	}
	return old
}

// announceChange tells what an update of an endpoint has done.
func (h *Hub) announceChange(ctx context.Context, old, ep *Endpoint) {
	h.operationsChanged(ctx, ep.Application)
	if old == nil {
		return
	}
	h.announce(ctx, EndpointUpdated, ep)
	switch {
	case !old.Disabled && ep.Disabled:
		h.announce(ctx, EndpointDisabled, ep)
	case old.Disabled && !ep.Disabled:
		h.announce(ctx, EndpointEnabled, ep)
	}
}

// announceDisabling tells that ep, which is not disabled yet, is about to be. It
// comes first, so that no crash leaves an endpoint disabled of which nobody has
// heard; and only once, however many see the reason at the same time.
func (h *Hub) announceDisabling(ctx context.Context, ep *Endpoint, reason string) error {
	if ep.Application == OperationalApplication || !h.watched(ctx) {
		return nil
	}
	n, data := h.newsOf(ctx, EndpointDisabled, ep)
	since := ep.FailingSince
	if since.IsZero() {
		since = h.now()
	}
	data.FailSince, data.Trigger, data.Reason = &since, "automatic", reason
	n.once = fmt.Sprintf("%s:%s:%d", EndpointDisabled, ep.ID, ep.UpdatedAt.UnixMicro())
	h.mail(n, data)
	return h.tell(ctx, n)
}

// tell accepts news as a message of the operational application. When it returns
// nil the message is on disk, or was before.
func (h *Hub) tell(ctx context.Context, n *news) error {
	r, err := h.catalogue.of(ctx, string(OperationalApplication))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(r.targets, func(t *target) bool { return !t.Disabled && t.Wants(n.Type, nil) }) {
		return nil
	}
	payload, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("writing %s: %w", n.Type, err)
	}
	msg := &Message{EventType: n.Type, Payload: payload, EventID: n.once, DeliverAt: n.at}
	errs, err := h.sendBatch(ctx, r, []*Message{msg}, nil)
	if err == nil && !errors.Is(errs[0], ErrExists) {
		err = errs[0]
	}
	return err
}

// told reports whether news of that name was told before and is still kept.
func (h *Hub) told(ctx context.Context, once string) (bool, error) {
	_, err := h.store.Message(ctx, OperationalApplication, once)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// healthName is the name of news about a run of failures.
func healthName(kind string, ep EndpointID, since time.Time) string {
	return strings.Join([]string{kind, string(ep), fmt.Sprint(since.UnixMicro())}, ":")
}
