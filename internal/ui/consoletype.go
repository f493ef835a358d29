package ui

import (
	"net/http"
	"net/url"
	"strings"
)

// typeActs are what can be done to an event type at once.
func (v *visit) typeActs(t *typeFull) (acts []*act) {
	at := pathOfType(t.Name) + "/do/"
	if t.Archived {
		return append(acts, v.act(at+"restore", "Bring it back", "main"))
	}
	if t.Deprecated {
		acts = append(acts, v.act(at+"revive", "It is not deprecated", ""))
	} else {
		acts = append(acts, v.act(at+"deprecate", "Deprecate", ""))
	}
	return append(acts, v.act(at+"archive", "Archive", ""))
}

// addType creates an event type, or shows the form again with what is wrong with it.
func addType(v *visit) error {
	if v.said("do") == "preview" {
		return v.showType(http.StatusOK, nil, nil)
	}
	in, err := v.typeForm(nil)
	if err == nil {
		in["name"] = v.said("name")
		err = v.ask(http.MethodPost, "/event-type", nil, in, nil)
	}
	if told, ok := isRefused(err); ok && (told.Status == http.StatusUnprocessableEntity || told.Status == http.StatusConflict) {
		return v.showType(told.Status, nil, told)
	}
	if err != nil {
		return err
	}
	return v.to(pathOfType(v.said("name")), "type")
}

func saveType(v *visit) error {
	t, err := v.typeAt()
	if err != nil {
		return err
	}
	if v.said("do") == "preview" {
		return v.showType(http.StatusOK, t, nil)
	}
	in, err := v.typeForm(t)
	if err == nil {
		err = v.ask(http.MethodPatch, "/event-type/"+url.PathEscape(t.Name), nil, in, nil)
	}
	if told, ok := isRefused(err); ok && told.Status == http.StatusUnprocessableEntity {
		return v.showType(told.Status, t, told)
	}
	if err != nil {
		return err
	}
	return v.to(pathOfType(t.Name), "typesaved")
}

// actOnType does at once what a button says.
func actOnType(v *visit) error {
	changes := map[string]struct {
		done string
		in   map[string]any
	}{
		"deprecate": {"typedeprecated", map[string]any{"deprecated": true}},
		"revive":    {"typesaved", map[string]any{"deprecated": false}},
		"archive":   {"typearchived", map[string]any{"archived": true}},
		"restore":   {"typesaved", map[string]any{"archived": false}},
	}
	change, ok := changes[v.r.PathValue("act")]
	if !ok {
		return noPage(v)
	}
	name := v.r.PathValue("name")
	if err := v.ask(http.MethodPatch, "/event-type/"+url.PathEscape(name), nil, change.in, nil); err != nil {
		return err
	}
	return v.to(pathOfType(name), change.done)
}

type typeGoneBody struct {
	typeFull
	Do *act
}

// confirmTypeGone asks before an event type is removed for good.
func confirmTypeGone(v *visit) error {
	t, err := v.typeAt()
	if err != nil {
		return err
	}
	return v.show("console/typegone", "Remove "+t.Name, typeGoneBody{*t, v.act(pathOfType(t.Name)+"/confirmed", "Remove it for good", "danger")})
}

func removeType(v *visit) error {
	name := v.r.PathValue("name")
	if err := v.ask(http.MethodDelete, "/event-type/"+url.PathEscape(name), url.Values{"expunge": {"true"}}, nil, nil); err != nil {
		return err
	}
	return v.to("/catalogue", "typegone")
}

type compareBody struct {
	Name     string
	From, To string
	Fields   []field // to choose versions by
	Changes  []schemaChange
}

// A schemaChange is one thing that two versions of a schema differ in.
type schemaChange struct {
	What badge
	Path string
	Text string
}

func compareType(v *visit) error {
	t, err := v.typeAt()
	if err != nil {
		return err
	}
	type schemaField struct {
		Path, Type string
		Required   bool
	}
	var diff struct {
		From, To       string
		Added, Removed []schemaField
		Retyped        []struct{ Path, From, To string }
		Required       []string
		Optional       []string
	}
	if err := v.read(&diff, "/event-type/"+url.PathEscape(t.Name)+"/diff", "from", v.asked("from"), "to", v.asked("to")); err != nil {
		return err
	}
	body := compareBody{Name: t.Name, From: diff.From, To: diff.To}
	for _, p := range []struct{ name, label, chosen string }{{"from", "From version", diff.From}, {"to", "To version", diff.To}} {
		f := field{Name: p.name, Label: p.label, Kind: "select"}
		for name := range t.Schemas {
			f.Options = append(f.Options, option{name, name, name == p.chosen})
		}
		sortOptions(f.Options)
		body.Fields = append(body.Fields, f)
	}
	add := func(tone, word, path, text string) {
		body.Changes = append(body.Changes, schemaChange{badge{tone, word}, path, text})
	}
	for _, f := range diff.Removed {
		add("bad", "Removed", f.Path, f.Type)
	}
	for _, f := range diff.Retyped {
		add("bad", "Another type", f.Path, f.From+", now "+f.To)
	}
	for _, path := range diff.Optional {
		add("wait", "May be missing", path, "it had to be there")
	}
	for _, f := range diff.Added {
		text := f.Type
		if f.Required {
			text += ", always there"
		}
		add("ok", "Added", f.Path, text)
	}
	for _, path := range diff.Required {
		add("ok", "Always there", path, "it could be missing")
	}
	return v.show("console/compare", "Versions of "+t.Name, body)
}

type importBody struct {
	Text    field
	Replace bool
	Problem string
	Once    string
	Plan    []plannedType // what would be
	Planned bool
}

type plannedType struct {
	Name        string
	Description string
	Deprecated  bool
}

func showImport(v *visit) error { return v.showImport(http.StatusOK, importBody{}) }

func (v *visit) showImport(status int, body importBody) error {
	body.Once, body.Replace = once(), v.said("replace") != ""
	body.Text = field{Name: "spec", Label: "OpenAPI document", Kind: "textarea", Rows: 16, Code: true, Required: true, Value: v.r.PostFormValue("spec"),
		Hint: "Version 3.0 or 3.1, in JSON or YAML. Each of its webhooks becomes an event type.", Problem: body.Problem}
	return v.showAs(status, "console/import", "Import event types", body)
}

// importTypes says what a document would change, or takes it.
func importTypes(v *visit) error {
	dry := v.said("do") != "import"
	if dry {
		v.r.PostForm.Del("once") // it may be asked as often as one likes
	}
	in := map[string]any{"specRaw": v.r.PostFormValue("spec"), "replaceAll": v.said("replace") != "", "dryRun": dry}
	var out struct {
		Data struct {
			ToModify []plannedType `json:"to_modify"`
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
		return v.showImport(http.StatusOK, importBody{Planned: true, Plan: out.Data.ToModify})
	}
	return v.to("/catalogue", "imported")
}
