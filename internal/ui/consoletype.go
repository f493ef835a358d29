package ui

import (
	"net/http"
	"net/url"
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
	var diff schemaDiff
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
	body.Changes = diff.changes()
	return v.show("console/compare", "Versions of "+t.Name, body)
}
