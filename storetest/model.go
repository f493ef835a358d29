package storetest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
)

// keyRetention is how long idempotency keys and remembered answers are kept.
const keyRetention = 24 * time.Hour

// A Model is a [fanfare.Store] in memory that is easy to see correct: maps under
// one mutex, read from end to end, and deep copies in and out. It is what the
// contract means, written as code; other stores are compared with it. It starts
// no goroutine and never blocks with its mutex held, so it may be used inside a
// synctest bubble. Its clock is time.Now.
type Model struct {
	mu           sync.Mutex // guards everything below
	applications map[fanfare.ApplicationID]*fanfare.Application
	endpoints    map[fanfare.EndpointID]*fanfare.Endpoint
	eventTypes   map[string]*fanfare.EventType
	messages     map[fanfare.MessageID]*fanfare.Message
	deliveries   map[way]*fanfare.Delivery
	attempts     map[fanfare.AttemptID]*fanfare.Attempt
	requests     map[requestKey]request
	answers      map[answerKey]kept
	settings     map[string][]byte
	audit        map[fanfare.AuditID]*fanfare.AuditEntry
	tasks        map[fanfare.TaskID]*fanfare.Task
	parts        map[partOf][]byte
	keys         map[fanfare.KeyID]*fanfare.Key
	sources      map[fanfare.SourceID]*fanfare.Source
	mutes        map[fanfare.MuteID]*fanfare.Mute
	tallies      map[tallyKey]fanfare.Tally
	sheets       map[sheetKey]fanfare.EndpointTally
	sessions     map[[32]byte]*fanfare.Session
	newest       [16]byte
	consumers    map[consumerKey]*fanfare.Consumer
	places       map[fanfare.AttemptID]fanfare.Place
	lastPlace    fanfare.Place
}

// A way is what identifies a delivery.
type way struct {
	message  fanfare.MessageID
	endpoint fanfare.EndpointID
}

type requestKey struct {
	application fanfare.ApplicationID
	key         string
}

// A request is one that Accept took under an idempotency key.
type request struct {
	fingerprint [32]byte
	ids         []fanfare.MessageID // "" where a message was left out
	until       time.Time
}

type answerKey struct{ scope, key string }

type kept struct {
	answer *fanfare.Answer
	until  time.Time
}

// NewModel returns an empty Model.
func NewModel() *Model {
	return &Model{
		applications: map[fanfare.ApplicationID]*fanfare.Application{},
		endpoints:    map[fanfare.EndpointID]*fanfare.Endpoint{},
		eventTypes:   map[string]*fanfare.EventType{},
		messages:     map[fanfare.MessageID]*fanfare.Message{},
		deliveries:   map[way]*fanfare.Delivery{},
		attempts:     map[fanfare.AttemptID]*fanfare.Attempt{},
		requests:     map[requestKey]request{},
		answers:      map[answerKey]kept{},
		settings:     map[string][]byte{},
		consumers:    map[consumerKey]*fanfare.Consumer{},
		places:       map[fanfare.AttemptID]fanfare.Place{},
		tasks:        map[fanfare.TaskID]*fanfare.Task{}, parts: map[partOf][]byte{},
		keys:     map[fanfare.KeyID]*fanfare.Key{},
		sessions: map[[32]byte]*fanfare.Session{},
	}
}

var _ fanfare.Store = (*Model)(nil)

// Newest implements [fanfare.Store].
func (m *Model) Newest(context.Context) ([16]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.newest, nil
}

// Close does nothing: a Model can be used again after it, as a store that was
// opened again.
func (m *Model) Close() error { return nil }

// sawLocked notes the identifier of a message or attempt that was stored.
func (m *Model) sawLocked(prefix, id string) {
	raw, ok := fanfare.DecodeID(prefix, id)
	if ok && slices.Compare(raw[:], m.newest[:]) > 0 {
		m.newest = raw
	}
}

// endpointLocked finds an endpoint of that application and no other.
func (m *Model) endpointLocked(app fanfare.ApplicationID, id fanfare.EndpointID) (*fanfare.Endpoint, bool) {
	ep, ok := m.endpoints[id]
	return ep, ok && ep.Application == app
}

// messageLocked finds a message of that application and no other.
func (m *Model) messageLocked(app fanfare.ApplicationID, id fanfare.MessageID) (*fanfare.Message, bool) {
	msg, ok := m.messages[id]
	return msg, ok && msg.Application == app
}

// dropMessageLocked removes a message with its deliveries and attempts.
func (m *Model) dropMessageLocked(id fanfare.MessageID) {
	delete(m.messages, id)
	for w := range m.deliveries {
		if w.message == id {
			delete(m.deliveries, w)
		}
	}
	for _, a := range m.attempts {
		if a.Message == id {
			delete(m.attempts, a.ID)
		}
	}
}

// dropEndpointLocked removes an endpoint with its deliveries and attempts.
func (m *Model) dropEndpointLocked(id fanfare.EndpointID) {
	delete(m.endpoints, id)
	m.dropConsumersLocked(id)
	m.dropMutesLocked(id)
	for w := range m.deliveries {
		if w.endpoint == id {
			delete(m.deliveries, w)
		}
	}
	for _, a := range m.attempts {
		if a.Endpoint == id {
			delete(m.attempts, a.ID)
		}
	}
}

// pick copies out the page of a list: those of all that want admits, in order
// of id, behind the place the page says.
func pick[K comparable, V any](all map[K]*V, page fanfare.Page, id func(*V) string, want func(*V) bool, clone func(*V) *V) []*V {
	var found []*V
	for _, v := range all {
		order := cmp.Compare(id(v), page.After)
		behind := page.After == "" || page.Ascending && order > 0 || !page.Ascending && order < 0
		if behind && want(v) {
			found = append(found, v)
		}
	}
	slices.SortFunc(found, func(a, b *V) int {
		if page.Ascending {
			return cmp.Compare(id(a), id(b))
		}
		return cmp.Compare(id(b), id(a))
	})
	found = found[:min(page.Limit, len(found))]
	for i, v := range found {
		found[i] = clone(v)
	}
	return found
}

// look is the page of a list that looks only so far, at those of its owner: it sets how
// far that is, and gives want for what is not further.
func look[K comparable, V any](all map[K]*V, page fanfare.Page, id func(*V) string, of, want func(*V) bool) func(*V) bool {
	if page.Look == nil {
		return want
	}
	at := page
	at.Limit = page.Look.Most
	looked := pick(all, at, id, of, func(v *V) *V { return v })
	if page.Look.Last = ""; len(looked) < page.Look.Most {
		return want
	}
	last := id(looked[len(looked)-1])
	page.Look.Last = last
	return func(v *V) bool { return want(v) && (id(v) == last || (id(v) < last) == page.Ascending) }
}

// within reports whether t is in [since, until), where a zero bound is none.
func within(t, since, until time.Time) bool {
	return (since.IsZero() || !t.Before(since)) && (until.IsZero() || t.Before(until))
}
