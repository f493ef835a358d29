package fanfare

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fanfarehq/fanfare/internal/schema"
)

// A Validation says what becomes of messages whose payload is not as the schema of
// their event type wants it: that of their version, or else of the current one.
type Validation string

// What may become of them. Schemas are those of JSON Schema, draft 2020-12 unless
// "$schema" names an older one; nothing is read that lies outside of them.
const (
	ValidationOff    Validation = ""       // payloads are not looked at
	ValidationWarn   Validation = "warn"   // they are accepted, and Message.Warnings tells of it
	ValidationReject Validation = "reject" // they are refused with a SchemaError
)

// A SchemaError refuses a message whose payload is not as the schema of its event
// type wants it. It wraps an [InvalidError] of the payload.
type SchemaError struct {
	EventType  string
	Version    string // of the schema
	Violations []Violation
}

// A Violation is one place where a payload is not as a schema wants it.
type Violation struct {
	Path   []string `json:"path"`   // names and places in lists that lead there, within the payload
	Reason string   `json:"reason"` // a sentence fragment that says what would be right
}

// String is the place as a JSON Pointer, and the reason.
func (v Violation) String() string {
	return (&schema.Violation{Path: v.Path, Reason: v.Reason}).Error()
}

func (e *SchemaError) Error() string { return e.Unwrap().Error() }

// Unwrap makes errors.As find an [InvalidError].
func (e *SchemaError) Unwrap() error {
	texts := make([]string, len(e.Violations))
	for i, v := range e.Violations {
		texts[i] = v.String()
	}
	return &InvalidError{"payload", fmt.Sprintf("is not as version %q of the schema of %s wants it: %s", bound(e.Version, 32), e.EventType, strings.Join(texts, "; "))}
}

// Bounds on what an event type has.
const (
	maxVersions     = 100
	maxExamples     = 32
	maxExampleBytes = 256 << 10
)

// versions are t's schemas by the names of their versions.
func (t *EventType) versions() (map[string]json.RawMessage, error) {
	var all map[string]json.RawMessage
	if t.Schemas == nil {
		return nil, nil
	}
	if err := json.Unmarshal(t.Schemas, &all); err != nil {
		return nil, &InvalidError{"schemas", `must be an object of schemas by version, such as {"1": {"type": "object"}}`}
	}
	return all, nil
}

// newestSchema is the schema that messages are checked by, and its version; "" if
// there is none.
func (t *EventType) newestSchema() (version string, text json.RawMessage, err error) {
	all, err := t.versions()
	if err != nil || len(all) == 0 {
		return "", nil, err
	}
	version = slices.MaxFunc(slices.Collect(maps.Keys(all)), compareVersions)
	return version, all[version], nil
}

// checkSchemas holds schemas and examples to their bounds. That the current schema
// can be used is only asked if messages are to be checked by it: catalogues hold
// much that was written for other programs.
func (t *EventType) checkSchemas() error {
	switch t.Validation {
	case ValidationOff, ValidationWarn, ValidationReject:
	default:
		return &InvalidError{"validation", "one of off, warn and reject"}
	}
	if t.Schemas != nil && !json.Valid(t.Schemas) {
		return &InvalidError{"schemas", "must be a JSON object of schemas by version"}
	}
	all, err := t.versions()
	if err != nil && t.Validation != ValidationOff {
		return err
	}
	if len(all) > maxVersions {
		return &InvalidError{"schemas", fmt.Sprintf("at most %d versions", maxVersions)}
	}
	for version, text := range all {
		if len(text) > schema.MaxText {
			return &InvalidError{"schemas", fmt.Sprintf("version %q has more than %d KiB", bound(version, 32), schema.MaxText>>10)}
		}
	}
	if t.Validation != ValidationOff {
		if _, _, err := t.compile(0); err != nil {
			return err
		}
	}
	return t.checkExamples()
}

func (t *EventType) checkExamples() error {
	if t.Examples == nil {
		return nil
	}
	var list []json.RawMessage
	if len(t.Examples) > maxExampleBytes || json.Unmarshal(t.Examples, &list) != nil || len(list) > maxExamples {
		return &InvalidError{"examples", fmt.Sprintf("a list of at most %d payloads, together at most %d KiB", maxExamples, maxExampleBytes>>10)}
	}
	return nil
}

// schemaOf is the schema of a version, 0 being the current one, and its name; "" if
// there is none.
func (t *EventType) schemaOf(version int) (name string, text json.RawMessage, err error) {
	if version = cmp.Or(version, t.CurrentVersion); version == 0 {
		return t.newestSchema()
	}
	names, err := t.numbered()
	if err != nil || names[version] == "" {
		return "", nil, err
	}
	all, err := t.versions()
	return names[version], all[names[version]], err
}

// compile makes the schema of a version ready to check payloads by; 0: of the
// current one.
func (t *EventType) compile(number int) (version string, s *schema.Schema, err error) {
	version, text, err := t.schemaOf(number)
	if err != nil {
		return "", nil, err
	}
	if text == nil && number == 0 && t.CurrentVersion != 0 {
		if err := t.CheckVersion("currentVersion", t.CurrentVersion); err != nil {
			return "", nil, err
		}
	}
	if text == nil {
		return "", nil, &InvalidError{"validation", "needs a schema to check by; give the event type one in schemas"}
	}
	s, err = schema.Compile(text)
	if err != nil {
		return "", nil, &InvalidError{"schemas." + bound(version, 32), err.Error()}
	}
	return version, s, nil
}

// Validate says whether a payload is as t's current schema wants it, whatever
// becomes of messages: nil, a *SchemaError, or an *InvalidError if t has no
// schema that can be used.
func (t *EventType) Validate(payload []byte) error {
	version, s, err := t.compile(0)
	if err != nil {
		return err
	}
	if found := violations(s, payload); found != nil {
		return &SchemaError{t.Name, version, found}
	}
	return nil
}

func violations(s *schema.Schema, payload []byte) []Violation {
	var list []Violation
	for _, v := range s.Check(payload) {
		list = append(list, Violation(v))
	}
	return list
}

// A check is what the payloads of an event type are checked by.
type check struct {
	of      *EventType
	current int                     // version, where they have numbers
	compile map[int]func() compiled // by version, 0 for the current one; once, when first asked
}

type compiled struct {
	version string
	schema  *schema.Schema
	err     error
}

func newCheck(t *EventType) *check {
	n := t.numbers()
	by := &check{t, n.current, make(map[int]func() compiled, len(n.all)+1)}
	for _, version := range append(n.all, 0) {
		by.compile[version] = sync.OnceValue(func() (c compiled) {
			c.version, c.schema, c.err = t.compile(version)
			return c
		})
	}
	return by
}

// checks are the event types whose payloads are checked, or that say which version
// is current or when they go out of use. Most catalogues have none, and then a
// message costs one look.
type checks struct {
	byName atomic.Pointer[map[string]*check] // nil: it is to be read from the store

	mu      sync.Mutex
	changes int               // counts what was forgotten, so that a load that began before is not kept
	last    map[string]*check // as they were last read, for those that have not changed since
}

// loadChecks returns them by name.
func (h *Hub) loadChecks(ctx context.Context) (map[string]*check, error) {
	c := &h.checks
	for {
		if m := c.byName.Load(); m != nil {
			return *m, nil
		}
		c.mu.Lock()
		changes, last := c.changes, c.last
		c.mu.Unlock()
		m, err := h.readChecks(ctx, last)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		if c.changes == changes {
			c.last = m
			c.byName.Store(&m)
		}
		c.mu.Unlock()
	}
}

func (h *Hub) readChecks(ctx context.Context, last map[string]*check) (map[string]*check, error) {
	m := make(map[string]*check)
	for page := (Page{Limit: MaxPage, Ascending: true}); ; {
		some, err := h.store.CheckedEventTypes(ctx, page)
		if err != nil {
			return nil, fmt.Errorf("reading what messages are checked by: %w", err)
		}
		for _, t := range some {
			if known := last[t.Name]; known != nil && known.of.UpdatedAt.Equal(t.UpdatedAt) && known.of.CurrentVersion == t.CurrentVersion && bytes.Equal(known.of.Schemas, t.Schemas) {
				m[t.Name] = &check{t, known.current, known.compile}
				continue
			}
			m[t.Name] = newCheck(t)
		}
		if len(some) < page.Limit {
			return m, nil
		}
		page.After = some[len(some)-1].Name
	}
}

// forget makes the next message see that the catalogue has changed.
func (c *checks) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.byName.Store(nil)
}

// checkPayload checks a message by the schema of its event type. It returns a
// *SchemaError if the message is to be refused for it; other errors are faults, but
// for the *InvalidError of a version whose schema is of no use. A schema that cannot
// be used is no reason to refuse what is only warned of.
func (h *Hub) checkPayload(c *check, msg *Message) error {
	if c.of.Validation == ValidationOff || c.of.Archived {
		return nil
	}
	compile := c.compile[msg.EventTypeVersion]
	if compile == nil { // it has gone just now
		return c.of.CheckVersion("eventTypeVersion", msg.EventTypeVersion)
	}
	by := compile()
	if by.err != nil && c.of.Validation == ValidationReject {
		if msg.EventTypeVersion != 0 {
			return &InvalidError{"eventTypeVersion", fmt.Sprintf("the schema of version %d cannot be used by this program, so that the payload cannot be checked: %v", msg.EventTypeVersion, by.err)}
		}
		return fmt.Errorf("event type %q: its schema cannot be used by this program: %s", c.of.Name, by.err.Error()) // not %w: it is not the message that is invalid
	}
	var found []Violation
	if by.err != nil {
		found = []Violation{{Reason: plain("was not looked at, as the schema cannot be used by this program: " + by.err.Error())}}
	} else if found = violations(by.schema, msg.Payload); found == nil {
		return nil
	}
	if c.of.Validation == ValidationReject {
		h.counters.schemaRejects.Add(1)
		return &SchemaError{c.of.Name, by.version, found}
	}
	h.counters.schemaWarnings.Add(1)
	msg.Warnings = found
	return nil
}

// refusal reports whether err refuses one message rather than being a fault.
func refusal(err error) bool {
	var wrong *InvalidError
	return errors.As(err, &wrong)
}

// Checks is the part of a store that messages are checked by.
type Checks interface {
	// CheckedEventTypes lists, by name, the event types that are not archived and whose
	// Validation is not off, and all that have a CurrentVersion, dates of their own or
	// Versions.
	CheckedEventTypes(ctx context.Context, page Page) ([]*EventType, error)
}
