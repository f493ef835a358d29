package fanfare

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// An EventType is an entry of the catalogue: a name such as "record.created" or
// "random_number:generate", and what is known of its payload. Messages may be
// sent with types the catalogue does not have.
type EventType struct {
	ID           EventTypeID
	Name         string
	Description  string
	GroupName    string
	Schemas      json.RawMessage // JSON Schemas by version, as the caller gave them; nil: none
	Examples     json.RawMessage // a list of payloads, as the caller gave it; nil: those of the schema
	Validation   Validation      // what becomes of messages that the schema does not allow
	FeatureFlags []string
	Archived     bool
	Deprecated   bool  // DeprecatedAt has come; if that is zero, set it for one that is now
	Retry        Retry // for endpoints that have no plan of their own; zero: the application's
	CreatedAt    time.Time
	UpdatedAt    time.Time

	// CurrentVersion is which version endpoints are sent that have pinned none, and
	// messages are of that do not say; 0: the newest that Schemas has.
	CurrentVersion int

	DeprecatedAt time.Time          // zero: it is not; to undo it, clear this
	SunsetAt     time.Time          // see [Retirement]
	Versions     map[int]Retirement // of versions that go out of use before the type does

	// Revision counts the changes. UpdateEventType returns ErrConflict when it is not
	// that of what is stored; 0: it is not compared.
	Revision int64
}

// CreateEventType checks and stores t, and fills in its id and times. It
// returns ErrExists when the name is taken.
func (h *Hub) CreateEventType(ctx context.Context, t *EventType) error {
	if err := t.dated(h.now()).check(); err != nil {
		return err
	}
	if err := h.floor(ctx); err != nil {
		return err
	}
	now := h.now()
	t.ID = EventTypeID(h.ids.next(now, "evtype_"))
	t.CreatedAt, t.UpdatedAt = now, now
	if err := h.store.CreateEventType(ctx, t); err != nil {
		return fmt.Errorf("event type %q: %w", t.Name, err)
	}
	h.noteTypeRetry(ctx, t.Name, t.Retry)
	h.noteTypeName(ctx, t.Name)
	h.forgetTypes()
	return nil
}

// EventType finds an event type by name.
func (h *Hub) EventType(ctx context.Context, name string) (*EventType, error) {
	t, err := h.store.EventType(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("event type %q: %w", name, err)
	}
	return t.dated(h.now()), nil
}

// EventTypes lists the catalogue by name; archived ones only if asked for.
func (h *Hub) EventTypes(ctx context.Context, page Page, archived bool) ([]*EventType, error) {
	types, err := h.store.EventTypes(ctx, page, archived)
	now := h.now()
	for _, t := range types {
		t.dated(now)
	}
	return types, err
}

// UpdateEventType stores t as it now is. It returns ErrConflict when it was changed
// since t was read.
func (h *Hub) UpdateEventType(ctx context.Context, t *EventType) error {
	if err := t.dated(h.now()).check(); err != nil {
		return err
	}
	t.UpdatedAt = h.now()
	if err := h.store.UpdateEventType(ctx, t); err != nil {
		return fmt.Errorf("event type %q: %w", t.Name, err)
	}
	h.noteTypeRetry(ctx, t.Name, t.Retry)
	h.forgetTypes()
	return nil
}

// DeleteEventType removes an event type from the catalogue; messages of the
// type stay.
func (h *Hub) DeleteEventType(ctx context.Context, name string) error {
	return h.DeleteEventTypeAt(ctx, name, 0)
}

// DeleteEventTypeAt is DeleteEventType, but for one whose Revision is another, which
// is ErrConflict; 0: whichever it is.
func (h *Hub) DeleteEventTypeAt(ctx context.Context, name string, revision int64) error {
	if err := h.store.DeleteEventTypeAt(ctx, name, revision); err != nil {
		return fmt.Errorf("event type %q: %w", name, err)
	}
	h.noteTypeRetry(ctx, name, Retry{})
	h.noteTypeName(ctx, name)
	h.forgetTypes()
	return nil
}

func (t *EventType) check() error {
	if err := checkEventType("name", t.Name); err != nil {
		return err
	}
	if len(t.Description) > 4096 {
		return &InvalidError{"description", "at most 4096 bytes"}
	}
	if len(t.GroupName) > maxEventType {
		return &InvalidError{"groupName", fmt.Sprintf("at most %d bytes", maxEventType)}
	}
	if err := checkText("groupName", t.GroupName); err != nil {
		return err
	}
	if err := t.checkFlags(); err != nil {
		return err
	}
	if err := t.checkSchemas(); err != nil {
		return err
	}
	if err := t.checkDates(); err != nil {
		return err
	}
	if err := t.Retry.settle(); err != nil {
		return err
	}
	return checkText("description", t.Description)
}

func (t *EventType) checkFlags() error {
	if len(t.FeatureFlags) > maxTypeFlags {
		return &InvalidError{"featureFlags", fmt.Sprintf("at most %d", maxTypeFlags)}
	}
	for _, flag := range t.FeatureFlags {
		if flag == "" || len(flag) > maxEventType {
			return &InvalidError{"featureFlags", fmt.Sprintf("each has 1 to %d bytes", maxEventType)}
		}
		if err := checkText("featureFlags", flag); err != nil {
			return err
		}
	}
	return nil
}

// maxTypeFlags bounds the feature flags of an event type.
const maxTypeFlags = 32

// maxEventType bounds the name of an event type, in bytes.
const maxEventType = 256

// checkEventType holds names to letters, digits and "_", "-", and to "." ":"
// "/" between their parts.
func checkEventType(field, name string) error {
	switch {
	case name == "":
		return &InvalidError{field, `name the event type, such as "record.created"`}
	case len(name) > maxEventType:
		return &InvalidError{field, fmt.Sprintf("at most %d bytes", maxEventType)}
	}
	part := 0
	for _, c := range []byte(name) {
		switch {
		case isWord(c):
			part++
		case (c == '.' || c == ':' || c == '/') && part > 0:
			part = 0
		default:
			return &InvalidError{field, `letters, digits, "_" and "-", in parts divided by "." ":" or "/"`}
		}
	}
	if part == 0 {
		return &InvalidError{field, "must not end with a divider"}
	}
	return nil
}

// checkPattern admits an exact name, "group.*" (or "group:*", "group/*") and "*".
func checkPattern(field, pattern string) error {
	if pattern == "*" {
		return nil
	}
	if group, ok := strings.CutSuffix(pattern, "*"); ok {
		if group == "" || !strings.ContainsRune(".:/", rune(group[len(group)-1])) {
			return &InvalidError{field, `a wildcard stands for whole parts at the end, such as "record.*"`}
		}
		return checkEventType(field, group[:len(group)-1])
	}
	return checkEventType(field, pattern)
}

// typeMatches reports whether an event type falls under a pattern that
// checkPattern admits.
func typeMatches(pattern, name string) bool {
	group, wild := strings.CutSuffix(pattern, "*")
	if wild {
		return strings.HasPrefix(name, group)
	}
	return name == pattern
}
