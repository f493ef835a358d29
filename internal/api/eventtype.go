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
	Examples     field[jsontext.Value] `json:"examples,omitzero" doc:"A list of payloads; without it, those of the schema are the examples."`
	Validation   field[string]         `json:"validation,omitzero" doc:"What becomes of messages that the schema of their version, or else the current one, does not allow: off (nothing, unless told), warn (they are accepted, with Fanfare-Schema-Warnings) or reject (422)."`
	FeatureFlags field[[]string]       `json:"featureFlags,omitzero"`
	FeatureFlag  field[string]         `json:"featureFlag,omitzero" doc:"Old form of featureFlags."`
	Archived     field[bool]           `json:"archived,omitzero"`
	Deprecated   field[bool]           `json:"deprecated,omitzero"`
	Retry        field[retryIn]        `json:"retry,omitzero" doc:"When to try again, for endpoints that do not say; null leaves it to the application."`
	lifecycleFields
}

func (f *eventTypeFields) apply(t *fanfare.EventType) error {
	f.Description.into(&t.Description)
	f.GroupName.into(&t.GroupName)
	f.Archived.into(&t.Archived)
	if f.Retry.set {
		t.Retry = f.Retry.value.retry()
	}
	if f.FeatureFlag.set {
		t.FeatureFlags = nil
		if flag := f.FeatureFlag.value; flag != "" {
			t.FeatureFlags = []string{flag}
		}
	}
	f.FeatureFlags.into(&t.FeatureFlags)
	if f.Validation.set {
		if t.Validation = fanfare.Validation(f.Validation.value); t.Validation == "off" {
			t.Validation = fanfare.ValidationOff
		}
	}
	if err := valueInto(&t.Examples, f.Examples, '[', "examples", "must be a list of payloads"); err != nil {
		return err
	}
	if err := valueInto(&t.Schemas, f.Schemas, '{', "schemas", "must be an object of schemas by version"); err != nil {
		return err
	}
	if err := f.lifecycleFields.apply(t, f.Deprecated); err != nil {
		return err
	}
	f.settle(t)
	return nil
}

// valueInto gives JSON of a kind, or null for none, to its place.
func valueInto(to *json.RawMessage, f field[jsontext.Value], kind jsontext.Kind, name, wrong string) error {
	if !f.set {
		return nil
	}
	switch f.value.Kind() {
	case kind:
		*to = json.RawMessage(bytes.Clone(f.value))
	case 'n':
		*to = nil
	default:
		return invalid(fieldError{[]string{"body", name}, wrong, "type_error"})
	}
	return nil
}

// replace makes t what f says and nothing else.
func (f *eventTypeFields) replace(t *fanfare.EventType) error {
	*t = fanfare.EventType{ID: t.ID, Name: t.Name, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
		Retry: t.Retry, Examples: t.Examples, Validation: t.Validation,
		CurrentVersion: t.CurrentVersion, DeprecatedAt: t.DeprecatedAt, SunsetAt: t.SunsetAt, Versions: t.Versions}
	f.Deprecated.set = true // left out it is false
	return f.apply(t)
}

type eventTypeOut struct {
	Name         string         `json:"name"`
	Description  string         `json:"description"`
	GroupName    *string        `json:"groupName"`
	Schemas      jsontext.Value `json:"schemas" doc:"JSON Schemas by version, or null."`
	Examples     jsontext.Value `json:"examples" newer:"true" doc:"A list of payloads, or null."`
	Validation   string         `json:"validation" newer:"true" enum:"off,warn,reject" doc:"What becomes of messages that the schema of their version, or else the current one, does not allow."`
	FeatureFlags *[]string      `json:"featureFlags" newer:"true"`
	FeatureFlag  *string        `json:"featureFlag"`
	Archived     bool           `json:"archived"`
	Deprecated   bool           `json:"deprecated"`
	DeprecatedAt *time.Time     `json:"deprecatedAt" newer:"true" doc:"From when on nobody should begin to rely on it, which may be still to come; null: it is not deprecated."`
	SunsetAt     *time.Time     `json:"sunsetAt" newer:"true" doc:"When it is likely to be gone; null: nobody has said."`

	CurrentVersion *int                     `json:"currentVersion" newer:"true" doc:"The version that messages are taken for which do not say theirs, and that endpoints are sent which have pinned none; null: the newest of schemas."`
	Versions       map[string]retirementOut `json:"versions" newer:"true" doc:"When versions go out of use, where that is before the type does."`

	Retry     retryIn             `json:"retry" newer:"true" doc:"When to try again, for endpoints that do not say."`
	CreatedAt time.Time           `json:"createdAt"`
	UpdatedAt time.Time           `json:"updatedAt"`
	ID        fanfare.EventTypeID `json:"id" newer:"true"`
}

func showEventType(t *fanfare.EventType) (*eventTypeOut, error) {
	out := &eventTypeOut{
		ID: t.ID, Name: t.Name, Description: t.Description, GroupName: pointer(t.GroupName),
		Schemas: jsontext.Value(t.Schemas), Examples: jsontext.Value(t.Examples), Validation: string(t.Validation), FeatureFlags: someOf(t.FeatureFlags),
		Archived: t.Archived, Deprecated: t.Deprecated, Retry: showRetry(t.Retry), CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
		DeprecatedAt: pointer(t.DeprecatedAt), SunsetAt: pointer(t.SunsetAt), CurrentVersion: pointer(t.CurrentVersion), Versions: showVersions(t.Versions),
	}
	if t.Validation == fanfare.ValidationOff {
		out.Validation = "off"
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
		on("GET /event-type", "List the catalogue of event types", listEventTypes, params(archived, contentParam)...).needs(fanfare.ScopeReadEventTypes, fanfare.ViewBase).inChannels().toAll(),
		on("POST /event-type", "Create an event type, or bring an archived one back", createEventType).answering(http.StatusCreated).needs(fanfare.ScopeWriteEventTypes, noSession).doing("event-type.create"),
		on("GET /event-type/{name}", "Read an event type", readEventType).needs(fanfare.ScopeReadEventTypes, fanfare.ViewBase).inChannels().toAll(),
		on("PUT /event-type/{name}", "Replace an event type, or create it", replaceEventType).amending().needs(fanfare.ScopeWriteEventTypes, noSession).doing("event-type.replace"),
		on("PATCH /event-type/{name}", "Change an event type", changeEventType).amending().needs(fanfare.ScopeWriteEventTypes, noSession).doing("event-type.update"),
		on("DELETE /event-type/{name}", "Archive an event type", deleteEventType, expunge).amending().needs(fanfare.ScopeWriteEventTypes, noSession).doing("event-type.delete"),
		importOpenAPIRoute(),
		schemaDiffRoute(),
	}
}

func (c *call) eventType() (*fanfare.EventType, error) {
	name, err := c.ref("name")
	if err != nil {
		return nil, err
	}
	t, err := c.hub.EventType(c.r.Context(), name)
	if err == nil && !c.who.sees(t) {
		t, err = nil, fanfare.ErrNotFound
	}
	return t, missing(err, "event type", name, here)
}

func listEventTypes(c *call, _ *none) (*list[*eventTypeOut], error) {
	archived := c.boolean("include_archived", false)
	content := c.boolean("with_content", true)
	return paged(c, listing[*fanfare.EventType]{
		id: func(t *fanfare.EventType) string { return t.Name },
		fetch: func(p fanfare.Page) ([]*fanfare.EventType, error) {
			return c.seen(p, archived)
		},
	}, func(t *fanfare.EventType) (*eventTypeOut, error) {
		out, err := showEventType(t)
		if !content {
			out.Schemas, out.Examples = nil, nil
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
	read := func() (*fanfare.EventType, error) { return c.hub.EventType(c.r.Context(), in.Name) }
	return amend(c, read, showEventType, func(t *fanfare.EventType) error {
		if !t.Archived {
			return taken
		}
		if err := in.replace(t); err != nil {
			return err
		}
		return c.hub.UpdateEventType(c.r.Context(), t)
	})
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
	t, err := c.amendEventType(func(t *fanfare.EventType) error {
		if err := in.replace(t); err != nil {
			return err
		}
		return c.hub.UpdateEventType(c.r.Context(), t)
	})
	if errors.Is(err, fanfare.ErrNotFound) {
		if err := c.mayCreate(); err != nil {
			return nil, err
		}
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
	t, err := c.amendEventType(func(t *fanfare.EventType) error {
		if err := in.apply(t); err != nil {
			return err
		}
		return c.hub.UpdateEventType(c.r.Context(), t)
	})
	if err != nil {
		return nil, err
	}
	return showEventType(t)
}

func deleteEventType(c *call, _ *none) (none, error) {
	expunge := c.boolean("expunge", false)
	if err := c.mistakes(); err != nil {
		return none{}, err
	}
	_, err := c.amendEventType(func(t *fanfare.EventType) error {
		if expunge {
			return c.hub.DeleteEventTypeAt(c.r.Context(), t.Name, t.Revision)
		}
		t.Archived = true
		return c.hub.UpdateEventType(c.r.Context(), t)
	})
	return none{}, err
}
