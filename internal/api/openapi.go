package api

import (
	"encoding/json"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/openapi"
)

// maxImportBody leaves room for a document of the largest size as a string.
const maxImportBody = 2*openapi.MaxText + 64<<10

type importIn struct {
	Spec       field[jsontext.Value] `json:"spec,omitzero" doc:"An OpenAPI document, 3.0 or 3.1, or an AsyncAPI document, 2 or 3, as an object."`
	SpecRaw    field[string]         `json:"specRaw,omitzero" doc:"The same as text, in JSON or YAML; exactly one of the two is given."`
	ReplaceAll field[bool]           `json:"replaceAll,omitzero" doc:"Whether to archive the event types that are not in the document; false unless told."`
	DryRun     field[bool]           `json:"dryRun,omitzero" doc:"Whether to change nothing, and say what would be; false unless told."`
	WithDiff   field[bool]           `json:"withDiff,omitzero" doc:"Whether a dry run says what is done to each event type, and what its schema has otherwise than before; false unless told."`
	DryRunOld  field[bool]           `json:"dry_run,omitzero" doc:"Old form of dryRun."`
}

type importOut struct {
	Data importData `json:"data"`
}

type importData struct {
	Modified []string        `json:"modified" doc:"The names of the event types that were created, changed or archived; none in a dry run."`
	ToModify *[]importedType `json:"to_modify" doc:"In a dry run, what would be; otherwise null."`
}

type importedType struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	GroupName   *string        `json:"groupName"`
	FeatureFlag *string        `json:"featureFlag"`
	Deprecated  bool           `json:"deprecated"`
	Schemas     jsontext.Value `json:"schemas"`
	Change      string         `json:"change,omitzero" enum:"created,changed,archived" doc:"With withDiff: what is done to it."`
	Diff        *schemaDiffOut `json:"diff,omitzero" doc:"With withDiff: what its schema has otherwise than before, which it replaces in place, as the newest version; left out if it stays, there was none, or it is too much to compare. Only of the first 100 that are changed."`
}

func importOpenAPIRoute() *route {
	rt := on("POST /event-type/import/openapi", "Create and change event types by the webhooks of an OpenAPI document, or the messages of an AsyncAPI document", importOpenAPI).needs(fanfare.ScopeWriteEventTypes, noSession).doing("event-type.import")
	rt.maxBody = maxImportBody
	return rt
}

// importOpenAPI answers 400 to neither document and to both, as clients expect.
func importOpenAPI(c *call, in *importIn) (*importOut, error) {
	types, err := readOpenAPI(in)
	if err != nil {
		return nil, err
	}
	dry := in.DryRun.or(in.DryRunOld).value
	c.planned = dry
	changed, err := c.hub.ImportEventTypes(c.r.Context(), &fanfare.TypeImport{Types: types, ArchiveOthers: in.ReplaceAll.value, DryRun: dry})
	if err != nil {
		return nil, err
	}
	out := &importOut{importData{Modified: []string{}}}
	if dry {
		out.Data.ToModify = &[]importedType{}
	}
	compared := 0
	for _, t := range changed {
		if !dry {
			out.Data.Modified = append(out.Data.Modified, t.Name)
			continue
		}
		one := planned(t)
		if in.WithDiff.value {
			one.Change = changeOf(t)
		}
		if one.Change == "changed" && compared < mostCompared {
			compared++
			if one.Diff, err = c.importDiff(t); err != nil {
				return nil, err
			}
		}
		*out.Data.ToModify = append(*out.Data.ToModify, one)
	}
	return out, nil
}

// mostCompared bounds of how many event types an import says what changes in the schema.
const mostCompared = 100

// planned is what a dry run says of an event type that it would store.
func planned(t *fanfare.EventType) importedType {
	one := importedType{
		Name: t.Name, Description: t.Description, GroupName: pointer(t.GroupName),
		Deprecated: t.Deprecated, Schemas: jsontext.Value(t.Schemas),
	}
	if len(t.FeatureFlags) > 0 {
		one.FeatureFlag = &t.FeatureFlags[0]
	}
	return one
}

func changeOf(t *fanfare.EventType) string {
	switch {
	case t.ID == "":
		return "created"
	case t.Archived:
		return "archived"
	}
	return "changed"
}

// importDiff is what an import would change in an event type's schema; nil: nothing, or it
// is too much to compare.
func (c *call) importDiff(t *fanfare.EventType) (*schemaDiffOut, error) {
	was, err := c.hub.EventType(c.r.Context(), t.Name)
	if errors.Is(err, fanfare.ErrNotFound) { // it was removed just now
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := t.DiffSince(was)
	if _, tooMuch := errors.AsType[*fanfare.InvalidError](err); tooMuch || err == nil && d == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return showDiff(d), nil
}

// readOpenAPI finds the event types in the document.
func readOpenAPI(in *importIn) ([]*fanfare.EventType, error) {
	text, name := []byte(in.SpecRaw.value), "specRaw"
	object := in.Spec.set && in.Spec.value.Kind() != 'n'
	if object == (len(text) > 0) {
		return nil, badRequest("Give the document either as an object in spec, or as text in specRaw.")
	}
	if object {
		text, name = in.Spec.value, "spec"
	}
	hooks, err := openapi.Read(text)
	var wrong *openapi.Error
	if errors.As(err, &wrong) {
		return nil, invalid(fieldError{append([]string{"body", name}, wrong.Path...), wrong.Reason, "value_error"})
	}
	if err != nil {
		return nil, err
	}
	types := make([]*fanfare.EventType, len(hooks))
	for i, hook := range hooks {
		types[i] = &fanfare.EventType{
			Name: hook.Name, Description: hook.Description, GroupName: hook.Group, Deprecated: hook.Deprecated,
		}
		if types[i].Schemas, err = versioned(hook.Schema); err != nil {
			return nil, err
		}
		if hook.Examples != nil {
			if types[i].Examples, err = json.Marshal(hook.Examples); err != nil {
				return nil, err
			}
		}
	}
	return types, nil
}

// versioned makes a schema version 1; none stays none.
func versioned(schema json.RawMessage) (json.RawMessage, error) {
	if schema == nil {
		return nil, nil
	}
	return json.Marshal(map[string]json.RawMessage{"1": schema})
}
