package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
)

type eventTypeIn struct {
	Name string `json:"name" doc:"Such as record.created."`
	eventTypeFields
}

type eventTypePut struct {
	eventTypeFields
}

type eventTypeFields struct {
	Description  field[string]         `json:"description,omitzero"`
	GroupName    field[string]         `json:"groupName,omitzero"`
	Schemas      field[jsontext.Value] `json:"schemas,omitzero" doc:"JSON Schemas by version."`
	FeatureFlags field[[]string]       `json:"featureFlags,omitzero"`
	FeatureFlag  field[string]         `json:"featureFlag,omitzero" doc:"Old form of featureFlags."`
	Archived     field[bool]           `json:"archived,omitzero"`
	Deprecated   field[bool]           `json:"deprecated,omitzero"`
}

func (f *eventTypeFields) apply(t *fanfare.EventType) error {
	f.Description.into(&t.Description)
	f.GroupName.into(&t.GroupName)
	f.Archived.into(&t.Archived)
	f.Deprecated.into(&t.Deprecated)
	if f.FeatureFlag.set {
		t.FeatureFlags = nil
		if flag := f.FeatureFlag.value; flag != "" {
			t.FeatureFlags = []string{flag}
		}
	}
	f.FeatureFlags.into(&t.FeatureFlags)
	if f.Schemas.set {
		switch schemas := f.Schemas.value; schemas.Kind() {
		case '{':
			t.Schemas = json.RawMessage(bytes.Clone(schemas))
		case 'n':
			t.Schemas = nil
		default:
			return invalid(fieldError{[]string{"body", "schemas"}, "must be an object of schemas by version", "type_error"})
		}
	}
	return nil
}

// replace makes t what f says and nothing else.
func (f *eventTypeFields) replace(t *fanfare.EventType) error {
	*t = fanfare.EventType{ID: t.ID, Name: t.Name, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt}
	return f.apply(t)
}

type eventTypeOut struct {
	Name         string              `json:"name"`
	Description  string              `json:"description"`
	GroupName    *string             `json:"groupName"`
	Schemas      jsontext.Value      `json:"schemas" doc:"JSON Schemas by version, or null."`
	FeatureFlags *[]string           `json:"featureFlags" newer:"true"`
	FeatureFlag  *string             `json:"featureFlag"`
	Archived     bool                `json:"archived"`
	Deprecated   bool                `json:"deprecated"`
	CreatedAt    time.Time           `json:"createdAt"`
	UpdatedAt    time.Time           `json:"updatedAt"`
	ID           fanfare.EventTypeID `json:"id" newer:"true"`
}

func showEventType(t *fanfare.EventType) (*eventTypeOut, error) {
	out := &eventTypeOut{
		ID: t.ID, Name: t.Name, Description: t.Description, GroupName: pointer(t.GroupName),
		Schemas: jsontext.Value(t.Schemas), FeatureFlags: someOf(t.FeatureFlags),
		Archived: t.Archived, Deprecated: t.Deprecated, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
	}
	if len(t.FeatureFlags) > 0 {
		out.FeatureFlag = &t.FeatureFlags[0]
	}
	return out, nil
}

func (s *server) eventTypeRoutes() []*route {
	archived := param{name: "include_archived", kind: "boolean", doc: "Whether to list archived ones too; false unless told."}
	expunge := param{name: "expunge", kind: "boolean", doc: "Whether to remove it for good rather than archive it."}
	return []*route{
		on("GET /event-type", "List the catalogue of event types", listEventTypes, params(archived, contentParam)...),
		on("POST /event-type", "Create an event type, or bring an archived one back", createEventType).answering(http.StatusCreated),
		on("GET /event-type/{name}", "Read an event type", readEventType),
		on("PUT /event-type/{name}", "Replace an event type, or create it", replaceEventType),
		on("PATCH /event-type/{name}", "Change an event type", changeEventType),
		on("DELETE /event-type/{name}", "Archive an event type", deleteEventType, expunge),
	}
}

func (c *call) eventType() (*fanfare.EventType, error) {
	name, err := c.ref("name")
	if err != nil {
		return nil, err
	}
	t, err := c.hub.EventType(c.r.Context(), name)
	return t, missing(err, "event type", name, here)
}

func listEventTypes(c *call, _ *none) (*list[*eventTypeOut], error) {
	archived := c.boolean("include_archived", false)
	content := c.boolean("with_content", true)
	return paged(c, listing[*fanfare.EventType]{
		id: func(t *fanfare.EventType) string { return t.Name },
		fetch: func(p fanfare.Page) ([]*fanfare.EventType, error) {
			return c.hub.EventTypes(c.r.Context(), p, archived)
		},
	}, func(t *fanfare.EventType) (*eventTypeOut, error) {
		out, err := showEventType(t)
		if !content {
			out.Schemas = nil
		}
		return out, err
	})
}

// createEventType answers 409 for a name that is taken, unless it is archived.
func createEventType(c *call, in *eventTypeIn) (*eventTypeOut, error) {
	t := &fanfare.EventType{Name: in.Name}
	if err := in.apply(t); err != nil {
		return nil, err
	}
	err := c.hub.CreateEventType(c.r.Context(), t)
	if errors.Is(err, fanfare.ErrExists) {
		t, err = c.revive(in, err)
	}
	if err != nil {
		return nil, taken(err, "name", in.Name, byEventType)
	}
	return showEventType(t)
}

func (c *call) revive(in *eventTypeIn, taken error) (*fanfare.EventType, error) {
	t, err := c.hub.EventType(c.r.Context(), in.Name)
	if err != nil {
		return nil, err
	}
	if !t.Archived {
		return nil, taken
	}
	if err := in.replace(t); err != nil {
		return nil, err
	}
	return t, c.hub.UpdateEventType(c.r.Context(), t)
}

func readEventType(c *call, _ *none) (*eventTypeOut, error) {
	t, err := c.eventType()
	if err != nil {
		return nil, err
	}
	return showEventType(t)
}

// replaceEventType creates what does not exist with 201.
func replaceEventType(c *call, in *eventTypePut) (*eventTypeOut, error) {
	t, err := c.eventType()
	switch {
	case err == nil:
		if err = in.replace(t); err == nil {
			err = c.hub.UpdateEventType(c.r.Context(), t)
		}
	case errors.Is(err, fanfare.ErrNotFound):
		c.status = http.StatusCreated
		t = &fanfare.EventType{Name: c.r.PathValue("name")}
		if err = in.apply(t); err == nil {
			err = c.hub.CreateEventType(c.r.Context(), t)
		}
	}
	if err != nil {
		return nil, err
	}
	return showEventType(t)
}

func changeEventType(c *call, in *eventTypePut) (*eventTypeOut, error) {
	t, err := c.eventType()
	if err != nil {
		return nil, err
	}
	if err := in.apply(t); err != nil {
		return nil, err
	}
	if err := c.hub.UpdateEventType(c.r.Context(), t); err != nil {
		return nil, err
	}
	return showEventType(t)
}

func deleteEventType(c *call, _ *none) (none, error) {
	expunge := c.boolean("expunge", false)
	if err := c.mistakes(); err != nil {
		return none{}, err
	}
	t, err := c.eventType()
	if err != nil {
		return none{}, err
	}
	if expunge {
		return none{}, c.hub.DeleteEventType(c.r.Context(), t.Name)
	}
	t.Archived = true
	return none{}, c.hub.UpdateEventType(c.r.Context(), t)
}
