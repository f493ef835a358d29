package ui

import (
	"fmt"
	"net/http"
	"strings"
)

// A schemaDiff is what a schema has otherwise than another, as the API has it.
type schemaDiff struct {
	From, To           string
	Added, Removed     []schemaField
	Retyped            []struct{ Path, From, To string }
	Required, Optional []string
}

type schemaField struct {
	Path, Type string
	Required   bool
}

// changes are all of it, what can break receivers first.
func (d *schemaDiff) changes() (all []schemaChange) {
	add := func(tone, word, path, text string) {
		all = append(all, schemaChange{badge{tone, word}, path, text})
	}
	for _, f := range d.Removed {
		add("bad", "Removed", f.Path, f.Type)
	}
	for _, f := range d.Retyped {
		add("bad", "Another type", f.Path, f.From+", now "+f.To)
	}
	for _, path := range d.Optional {
		add("wait", "May be missing", path, "it had to be there")
	}
	for _, f := range d.Added {
		text := f.Type
		if f.Required {
			text += ", always there"
		}
		add("ok", "Added", f.Path, text)
	}
	for _, path := range d.Required {
		add("ok", "Always there", path, "it could be missing")
	}
	return all
}

// Same reports whether nothing was found that differs.
func (d *schemaDiff) Same() bool { return len(d.changes()) == 0 }

// breaks says whom the change may break; nil: nobody.
func (d *schemaDiff) breaks() (warnings []string) {
	needed := append([]string{}, d.Required...)
	for _, f := range d.Added {
		if f.Required {
			needed = append(needed, f.Path)
		}
	}
	if len(needed) > 0 {
		warnings = append(warnings, "The schema does not allow messages without "+words(5, needed)+" any more: senders have to give it first.")
	}
	var lost []string
	for _, f := range d.Removed {
		lost = append(lost, f.Path)
	}
	for _, f := range d.Retyped {
		lost = append(lost, f.Path)
	}
	if lost = append(lost, d.Optional...); len(lost) > 0 {
		warnings = append(warnings, "Receivers that count on "+words(5, lost)+" may fail: it is gone, has another type or may be missing.")
	}
	return warnings
}

type importBody struct {
	Text    field
	Replace bool
	Problem string
	Once    string
	Plan    []*plannedType // what would be
	Totals  string
	Keeps   bool // a schema is replaced: how to keep the one before is said
	Planned bool
}

// A plannedType is an event type that an import would store.
type plannedType struct {
	Name        string
	Description string
	Deprecated  bool
	Change      string
	Diff        *schemaDiff // nil: its schema stays, or there was none

	State   badge          `json:"-"`
	Changes []schemaChange `json:"-"`
	More    int            `json:"-"` // changes beside these
	Breaks  []string       `json:"-"`
}

// mostChanges is how many changes of a schema are shown before it is imported.
const mostChanges = 50

var plannedStates = map[string]badge{"created": {"ok", "Created"}, "changed": {"wait", "Changed"}, "archived": {"idle", "Archived"}}

func showImport(v *visit) error { return v.showImport(http.StatusOK, importBody{}) }

func (v *visit) showImport(status int, body importBody) error {
	body.Once, body.Replace = once(), v.said("replace") != ""
	body.Text = field{Name: "spec", Label: "OpenAPI or AsyncAPI document", Kind: "textarea", Rows: 16, Code: true, Required: true, Value: v.r.PostFormValue("spec"),
		Hint: "OpenAPI 3.0 or 3.1, each webhook of which becomes an event type, or AsyncAPI 2 or 3, each message of which does; in JSON or YAML.", Problem: body.Problem}
	return v.showAs(status, "console/import", "Import event types", body)
}

// plan says what an import would do.
func (body *importBody) plan(all []*plannedType) {
	body.Planned, body.Plan = true, all
	number := map[string]int{}
	for _, t := range all {
		number[t.Change]++
		t.State = plannedStates[t.Change]
		if t.Diff == nil {
			continue
		}
		body.Keeps = true
		t.Changes, t.Breaks = t.Diff.changes(), t.Diff.breaks()
		t.More = max(0, len(t.Changes)-mostChanges)
		t.Changes = t.Changes[:len(t.Changes)-t.More]
	}
	body.Totals = fmt.Sprintf("%d created, %d changed, %d archived.", number["created"], number["changed"], number["archived"])
}

// importTypes says what a document would change, or takes it.
func importTypes(v *visit) error {
	dry := v.said("do") != "import"
	if dry {
		v.r.PostForm.Del("once") // it may be asked as often as one likes
	}
	in := map[string]any{"specRaw": v.r.PostFormValue("spec"), "replaceAll": v.said("replace") != "", "dryRun": dry, "withDiff": dry}
	var out struct {
		Data struct {
			ToModify []*plannedType `json:"to_modify"`
		}
	}
	err := v.ask(http.MethodPost, "/event-type/import/openapi", nil, in, &out)
	if told, ok := isRefused(err); ok && (told.Status == http.StatusUnprocessableEntity || told.Status == http.StatusBadRequest) {
		return v.showImport(told.Status, importBody{Problem: strings.TrimPrefix(told.Detail, "specRaw: ")})
	}
	if err != nil {
		return err
	}
	if dry {
		body := importBody{}
		body.plan(out.Data.ToModify)
		return v.showImport(http.StatusOK, body)
	}
	return v.to("/catalogue", "imported")
}
