package fanfare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A version of an event type is a number, and one of its schemas has it for a name,
// such as "2" or "v2". A message that says which one it is of is a rendition of its
// event: the sender makes one for each version that some endpoint still wants, under
// the same EventID.
const (
	// MaxEventTypeVersion is the largest number a version may have.
	MaxEventTypeVersion = math.MaxInt32

	// MaxPins is how many versions an endpoint may pin.
	MaxPins = 100

	maxKnownNumbers = 10_000 // event types whose versions are kept in memory
)

// numbered are the names of t's versions that have a number. Where two have the same
// one, as "2" and "v2" have, it is that of the plain one.
func (t *EventType) numbered() (map[int]string, error) {
	all, err := t.versions()
	if err != nil {
		return nil, err
	}
	names := make(map[int]string, len(all))
	for name := range all {
		n, err := strconv.Atoi(strings.TrimPrefix(name, "v"))
		if err != nil || n < 1 || n > MaxEventTypeVersion {
			continue
		}
		if was, ok := names[n]; !ok || compareNames(name, was) < 0 {
			names[n] = name
		}
	}
	return names, nil
}

// compareNames puts the shorter one first.
func compareNames(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// CheckVersion refuses, as an *InvalidError of that field, a version of t that there is
// no schema of.
func (t *EventType) CheckVersion(field string, version int) error {
	names, err := t.numbered()
	if err != nil {
		return err
	}
	return numbersOf(names, t.CurrentVersion).check(field, version)
}

// VersionNumbers are t's versions, in order.
func (t *EventType) VersionNumbers() []int { return t.numbers().all }

// DropLostVersions makes t say nothing any more of versions that Schemas has not.
func (t *EventType) DropLostVersions() {
	all := t.numbers().all
	if !slices.Contains(all, t.CurrentVersion) {
		t.CurrentVersion = 0
	}
	kept := make(map[int]Retirement, len(t.Versions))
	for version, r := range t.Versions {
		if slices.Contains(all, version) {
			kept[version] = r
		}
	}
	t.Versions = kept
}

// numbers are the versions of an event type.
type numbers struct {
	all     []int // in order
	current int   // 0: there are none
}

func numbersOf(names map[int]string, current int) numbers {
	n := numbers{all: slices.Sorted(maps.Keys(names)), current: current}
	if n.current == 0 && len(n.all) > 0 {
		n.current = n.all[len(n.all)-1]
	}
	return n
}

// numbers are t's versions. One whose schemas cannot be read has none.
func (t *EventType) numbers() numbers {
	names, _ := t.numbered()
	return numbersOf(names, t.CurrentVersion)
}

func (n numbers) check(field string, version int) error {
	switch {
	case slices.Contains(n.all, version):
		return nil
	case len(n.all) == 0:
		return &InvalidError{field, `the event type has no versions; give it a schema for each in schemas, such as {"1": {}}`}
	}
	texts := make([]string, len(n.all))
	for i, v := range n.all {
		texts[i] = strconv.Itoa(v)
	}
	return &InvalidError{field, fmt.Sprintf("there is no version %d; there are %s", version, strings.Join(texts, ", "))}
}

// knownNumbers keeps the versions of event types in memory as they are asked for:
// only messages and endpoints with versions do.
type knownNumbers struct {
	mu     sync.Mutex
	byName map[string]numbers
	epoch  int // counts what was forgotten, so that a reading that began before is not kept
}

// numbersOf are the versions of an event type; it has none if the catalogue does not
// have it.
func (h *Hub) numbersOf(ctx context.Context, eventType string) (numbers, error) {
	k := &h.numbers
	k.mu.Lock()
	n, ok := k.byName[eventType]
	epoch := k.epoch
	k.mu.Unlock()
	if ok {
		return n, nil
	}
	t, err := h.store.EventType(ctx, eventType)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return numbers{}, fmt.Errorf("reading the versions of event type %q: %w", eventType, err)
	}
	if err == nil {
		n = t.numbers()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.epoch == epoch {
		if k.byName == nil || len(k.byName) >= maxKnownNumbers {
			k.byName = make(map[string]numbers)
		}
		k.byName[eventType] = n
	}
	return n, nil
}

// forgetTypes makes the next message see that the catalogue has changed.
func (h *Hub) forgetTypes() {
	h.checks.forget()
	k := &h.numbers
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epoch++
	k.byName = nil
}

// currentFor is the current version of msg's type, as far as it matters to who wants
// msg: 0 if neither msg has a version nor any endpoint may have pinned one. It
// returns an *InvalidError if msg has one that there is none of; other errors are
// faults.
func (h *Hub) currentFor(ctx context.Context, pins bool, msg *Message) (int, error) {
	if msg.EventTypeVersion == 0 && !pins {
		return 0, nil
	}
	n, err := h.numbersOf(ctx, msg.EventType)
	if err != nil {
		return 0, err
	}
	if msg.EventTypeVersion != 0 {
		if err := n.check("eventTypeVersion", msg.EventTypeVersion); err != nil {
			return 0, err
		}
	}
	return n.current, nil
}

// wantsMessage is Wants for messages that are there already, whose version the
// catalogue may not have any more.
func (h *Hub) wantsMessage(ctx context.Context, ep *Endpoint, msg *Message) (bool, error) {
	if !ep.Wants(msg.EventType, msg.Channels) {
		return false, nil
	}
	if passes, err := h.passesFilter(ep, msg); !passes {
		return false, err
	}
	if msg.EventTypeVersion == 0 && ep.EventTypeVersions[msg.EventType] == 0 {
		return true, nil
	}
	n, err := h.numbersOf(ctx, msg.EventType)
	return ep.WantsVersion(msg.EventType, msg.EventTypeVersion, n.current), err
}

// WantsVersion reports whether, of messages of a type that ep wants, those of a
// version are for it. Version 0 is that of messages that say none, which are taken for
// the current one. An endpoint that has pinned a version of the type is sent that one,
// another endpoint the current one. Where the catalogue knows no version (current is
// 0) all are for all: there is one rendition at most.
func (ep *Endpoint) WantsVersion(eventType string, version, current int) bool {
	pin := 0
	if ep.EventTypeVersions != nil {
		pin = ep.EventTypeVersions[eventType]
	}
	if pin == 0 {
		return version == 0 || current == 0 || version == current
	}
	is := cmp.Or(version, current)
	return is == 0 || is == pin
}

// checkPins holds the versions that ep has pinned to their bounds. That there is such
// a version is not asked: an event type may come later, and a version go.
func (ep *Endpoint) checkPins() error {
	if len(ep.EventTypeVersions) > MaxPins {
		return &InvalidError{"eventTypeVersions", fmt.Sprintf("at most %d", MaxPins)}
	}
	for _, name := range slices.Sorted(maps.Keys(ep.EventTypeVersions)) {
		if err := checkEventType("eventTypeVersions", name); err != nil {
			return err
		}
		if v := ep.EventTypeVersions[name]; v < 1 || v > MaxEventTypeVersion {
			return &InvalidError{"eventTypeVersions", fmt.Sprintf("the version of %q must be from 1 to %d", bound(name, 64), MaxEventTypeVersion)}
		}
	}
	return nil
}
