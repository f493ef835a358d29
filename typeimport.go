package fanfare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// maxImport bounds how many event types are imported at once.
const maxImport = 2000

// TypeImport is a catalogue that was written elsewhere, to be taken in.
type TypeImport struct {
	// Types are what is said of each event type there. Of one that exists already,
	// the description, the group, whether it is deprecated, and the examples if
	// there are any, become what is said; the schema becomes that of its newest
	// version; it is no longer archived; all else stays.
	Types []*EventType
	// ArchiveOthers also archives the event types that are not among them.
	ArchiveOthers bool
	// DryRun changes nothing, and says what would be.
	DryRun bool
}

// ImportEventTypes takes a catalogue in and returns the event types that it
// changed, as they now are. All are checked before the first is stored. When
// storing one fails, those before it stay; the same import again goes on from
// there.
func (h *Hub) ImportEventTypes(ctx context.Context, in *TypeImport) ([]*EventType, error) {
	if len(in.Types) > maxImport {
		return nil, &InvalidError{"", fmt.Sprintf("at most %d event types at once", maxImport)}
	}
	var changed []*EventType
	named := make(map[string]*EventType)
	for _, said := range in.Types {
		if named[said.Name] != nil {
			return nil, &InvalidError{"", fmt.Sprintf("the event type %q is there twice", bound(said.Name, 64))}
		}
		named[said.Name] = said
		t, differs, err := h.merge(ctx, said)
		if err != nil {
			return nil, err
		}
		if differs {
			changed = append(changed, t)
		}
	}
	if in.ArchiveOthers {
		others, err := h.typesOtherThan(ctx, named)
		if err != nil {
			return nil, err
		}
		changed = append(changed, others...)
	}
	if in.DryRun {
		return changed, nil
	}
	for i, t := range changed {
		var err error
		if changed[i], err = h.takeIn(ctx, t, named[t.Name]); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

// takeIn stores an event type of an import. What somebody else has made of it since
// it was looked at stays, but for what is said of it; nil: it is to be archived.
func (h *Hub) takeIn(ctx context.Context, t, said *EventType) (*EventType, error) {
	for try := 1; ; try++ {
		store := h.UpdateEventType
		if t.ID == "" {
			store = h.CreateEventType
		}
		err := store(ctx, t)
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrExists) || try == MaxAmends {
			return t, err
		}
		if said != nil {
			t, _, err = h.merge(ctx, said)
		} else if t, err = h.EventType(ctx, t.Name); err == nil {
			t.Archived = true
		}
		if err != nil {
			return nil, err
		}
	}
}

// merge is the event type as it is to be, without an id if it is new.
func (h *Hub) merge(ctx context.Context, said *EventType) (t *EventType, differs bool, err error) {
	t, err = h.EventType(ctx, said.Name)
	if errors.Is(err, ErrNotFound) {
		t, err, differs = &EventType{Name: said.Name}, nil, true
	}
	if err != nil {
		return nil, false, err
	}
	was := *t
	t.Description, t.GroupName, t.Archived = said.Description, said.GroupName, false
	t.SetDeprecated(said.Deprecated, h.now())
	if said.Examples != nil {
		t.Examples = said.Examples
	}
	if err := t.putSchema(said); err != nil {
		return nil, false, err
	}
	if err := t.check(); err != nil {
		var wrong *InvalidError
		if errors.As(err, &wrong) {
			err = &InvalidError{"", fmt.Sprintf("event type %q: %v", bound(t.Name, 64), wrong)}
		}
		return nil, false, err
	}
	differs = differs || was.Description != t.Description || was.GroupName != t.GroupName || was.Deprecated != t.Deprecated ||
		was.Archived || !bytes.Equal(was.Examples, t.Examples) || !bytes.Equal(was.Schemas, t.Schemas)
	return t, differs, nil
}

// putSchema makes the newest schema of said that of t's newest version.
func (t *EventType) putSchema(said *EventType) error {
	_, text, err := said.newestSchema()
	if err != nil || text == nil {
		return err
	}
	version, before, err := t.newestSchema()
	if err != nil || before == nil {
		t.Schemas = said.Schemas // there is nothing to keep
		t.DropLostVersions()
		return nil
	}
	if bytes.Equal(before, text) {
		return nil
	}
	all, err := t.versions()
	if err != nil {
		return err
	}
	all[version] = text
	t.Schemas, err = json.Marshal(all)
	return err
}

// typesOtherThan are the event types not named, archived.
func (h *Hub) typesOtherThan(ctx context.Context, named map[string]*EventType) ([]*EventType, error) {
	var others []*EventType
	for page := (Page{Limit: MaxPage, Ascending: true}); ; {
		some, err := h.store.EventTypes(ctx, page, false)
		if err != nil {
			return nil, err
		}
		for _, t := range some {
			if named[t.Name] == nil {
				t.Archived = true
				others = append(others, t)
			}
		}
		if len(some) < page.Limit {
			return others, nil
		}
		page.After = some[len(some)-1].Name
	}
}
