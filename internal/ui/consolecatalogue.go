package ui

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// cataloguePages are where event types are looked after.
func cataloguePages() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"GET /catalogue":                        editCatalogue,
		"GET /catalogue/new":                    newType,
		"POST /catalogue/new":                   addType,
		"GET /catalogue/import":                 showImport,
		"POST /catalogue/import":                importTypes,
		"GET /catalogue/type/{name}":            editType,
		"POST /catalogue/type/{name}":           saveType,
		"POST /catalogue/type/{name}/do/{act}":  actOnType,
		"GET /catalogue/type/{name}/compare":    compareType,
		"GET /catalogue/type/{name}/confirm":    confirmTypeGone,
		"POST /catalogue/type/{name}/confirmed": removeType,
	}
}

// typeFull is an event type as those see it who look after it.
type typeFull struct {
	eventTypeOut
	Validation   string
	FeatureFlags []string
	Archived     bool
	DeprecatedAt time.Time
	SunsetAt     time.Time
	UpdatedAt    time.Time
}

// State is a word for what has become of it.
func (t typeFull) State() badge {
	switch {
	case t.Archived:
		return badge{"idle", "Archived"}
	case t.Deprecated:
		return badge{"wait", "Deprecated"}
	}
	return badge{"ok", "In use"}
}

type catalogueRow struct {
	typeFull
	Updated when
}

type catalogueEditBody struct {
	Rows     []catalogueRow
	Archived bool // those are listed too
	Pager    pager
	Empty    empty
}

func editCatalogue(v *visit) error {
	var list listOf[typeFull]
	archived := v.asked("archived") != ""
	if err := v.read(&list, "/event-type", "limit", fmt.Sprint(pageSize), "with_content", "false", "include_archived", fmt.Sprint(archived), "iterator", v.asked("at")); err != nil {
		return err
	}
	body := catalogueEditBody{Archived: archived, Pager: list.pager(v, "/catalogue")}
	for _, t := range list.Data {
		body.Rows = append(body.Rows, catalogueRow{t, v.when(t.UpdatedAt)})
	}
	body.Empty = empty{"No event types yet", "The catalogue tells customers what they can be told of, and checks what is sent. Messages of types that it does not have are taken all the same.",
		[]place{{Text: "New event type", URL: v.base + "/catalogue/new"}, {Text: "Import OpenAPI or AsyncAPI", URL: v.base + "/catalogue/import"}}}
	return v.show("console/catalogue", "Event types", body)
}

// pathOfType is where an event type is looked after.
func pathOfType(name string) string { return "/catalogue/type/" + url.PathEscape(name) }

type typeBody struct {
	*typeFull      // nil: it is a new one
	There     bool // it is not
	Fields    []field
	Problem   string
	Once      string
	Preview   *payload // the example that the form would make
	Checked   string   // what was found of it
	Versions  []*payload
	Compare   bool // there are versions to compare
	Acts      []*act
	Action    string
}

func newType(v *visit) error { return v.showType(http.StatusOK, nil, nil) }

func editType(v *visit) error {
	t, err := v.typeAt()
	if err != nil {
		return err
	}
	return v.showType(http.StatusOK, t, nil)
}

// typeAt reads the event type that the path names.
func (v *visit) typeAt() (*typeFull, error) {
	t := &typeFull{}
	return t, v.read(t, "/event-type/"+url.PathEscape(v.r.PathValue("name")))
}

// newest is the name of the newest version of its schema, "" for none.
func (t *typeFull) newest() string {
	top, name := 0, ""
	for version := range t.Schemas {
		if n, err := strconv.Atoi(version); err == nil && n > top {
			top, name = n, version
		}
	}
	return name
}

// showType shows an event type in a form, or what the form said before.
func (v *visit) showType(status int, t *typeFull, told *refusal) error {
	body := typeBody{typeFull: t, There: t != nil, Once: once(), Action: v.base + "/catalogue/new"}
	title := "New event type"
	if t != nil {
		title, body.Action = t.Name, v.base+pathOfType(t.Name)
		for _, name := range slices.Backward(slices.SortedFunc(maps.Keys(t.Schemas), byNumber)) {
			body.Versions = append(body.Versions, newPayload("version-"+name, "Schema, version "+name, string(t.Schemas[name])))
		}
		body.Compare = len(t.Schemas) > 1
		body.Acts = v.typeActs(t)
	}
	body.Fields = v.typeFields(t, told)
	if told != nil {
		body.Problem = told.Detail
	}
	if v.said("do") == "preview" {
		body.Preview, body.Checked = v.previewType()
	} else if t != nil && told == nil {
		body.Preview = t.example()
	}
	return v.showAs(status, "console/type", title, body)
}

// byNumber compares names of versions, which are numbers mostly.
func byNumber(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	if x != y {
		return x - y
	}
	return strings.Compare(a, b)
}

// typeFields are the form, as it was sent or else as the event type is.
func (v *visit) typeFields(t *typeFull, told *refusal) []field {
	sent := v.r.Method == http.MethodPost
	value := func(name, kept string) string {
		if sent {
			return v.r.PostFormValue(name)
		}
		return kept
	}
	var was typeFull
	if t != nil {
		was = *t
	}
	var all []field
	if t == nil {
		all = append(all, field{Name: "name", Label: "Name", Kind: "text", Code: true, Required: true, Value: value("name", ""), Placeholder: "record.created", Hint: "It cannot be changed afterwards. Names with a dot are listed together by what stands before it."})
	}
	schema := "Schema, a new version"
	hint := "JSON Schema. What is saved becomes version 1."
	if newest := was.newest(); newest != "" {
		schema, hint = "Schema, version "+newest, "JSON Schema. Saving changes this version, unless it is to become a new one."
	}
	all = append(all,
		field{Name: "description", Label: "Description", Kind: "textarea", Rows: 3, Value: value("description", was.Description), Hint: "When it happens, for those who choose what they are told of."},
		field{Name: "groupName", Label: "Group", Kind: "text", Value: value("groupName", was.GroupName)},
		field{Name: "schema", Label: schema, Kind: "textarea", Rows: 14, Code: true, Value: value("schema", inForm(was.Schemas[was.newest()])), Hint: hint})
	if was.newest() != "" {
		all = append(all, field{Name: "version", Label: "Make it a new version, and keep the one before", Kind: "checkbox", Checked: v.said("version") != ""})
	}
	all = append(all,
		field{Name: "examples", Label: "Examples", Kind: "textarea", Rows: 6, Code: true, Value: value("examples", listLines(was.Examples)), Hint: "A list of payloads in JSON. Without it, one is made from the schema."},
		field{Name: "validation", Label: "Messages that the schema does not allow", Kind: "select", Options: options(value("validation", was.Validation), "off", "are taken", "warn", "are taken, with a warning", "reject", "are refused")},
		field{Name: "featureFlags", Label: "Feature flags", Kind: "text", Value: value("featureFlags", strings.Join(was.FeatureFlags, ", ")), Hint: "With commas. Portals show the event type only in sessions that have one of them. None: it is shown in all."})
	if told != nil {
		for i := range all {
			name := map[string]string{"schema": "schemas"}[all[i].Name]
			if name == "" {
				name = all[i].Name
			}
			for at, reason := range told.Fields {
				if at == name || strings.HasPrefix(at, name+".") {
					all[i].Problem = reason
				}
			}
		}
	}
	return all
}

// sortOptions orders versions, the newest first.
func sortOptions(all []option) {
	slices.SortFunc(all, func(a, b option) int { return byNumber(b.Value, a.Value) })
}

func listLines(examples []json.RawMessage) string {
	if examples == nil {
		return ""
	}
	return inForm(rawOf(examples))
}

// typeForm is what the form says, as the API is asked; t is what there is, nil for a
// new one.
func (v *visit) typeForm(t *typeFull) (map[string]any, error) {
	in := map[string]any{
		"description": v.said("description"), "groupName": nil, "validation": v.said("validation"),
		"featureFlags": nil, "schemas": nil, "examples": nil,
	}
	if group := v.said("groupName"); group != "" {
		in["groupName"] = group
	}
	if flags := split(v.said("featureFlags")); len(flags) > 0 {
		in["featureFlags"] = flags
	}
	schemas := map[string]json.RawMessage{}
	newest := ""
	if t != nil {
		newest = t.newest()
		for name, text := range t.Schemas {
			schemas[name] = text
		}
	}
	if text := v.said("schema"); text != "" {
		if !json.Valid([]byte(text)) {
			return nil, wrongField("schemas", "The schema is not valid JSON, "+jsonFault([]byte(text))+".")
		}
		name := newest
		if n, _ := strconv.Atoi(newest); newest == "" || v.said("version") != "" {
			name = strconv.Itoa(n + 1)
		}
		schemas[name] = json.RawMessage(text)
	} else if newest != "" {
		delete(schemas, newest)
	}
	if len(schemas) > 0 {
		in["schemas"] = schemas
	}
	if text := v.said("examples"); text != "" {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return nil, wrongField("examples", "The examples are no list in JSON, such as [{\"id\": 1}].")
		}
		in["examples"] = json.RawMessage(text)
	}
	return in, nil
}

func wrongField(name, detail string) *refusal {
	return &refusal{Status: http.StatusUnprocessableEntity, Detail: detail, Fields: map[string]string{name: detail}}
}

// split are words with commas between them; nil: there are none.
func split(text string) (words []string) {
	for w := range strings.SplitSeq(text, ",") {
		if w = strings.TrimSpace(w); w != "" {
			words = append(words, w)
		}
	}
	return words
}

// example is that of an event type, or nil.
func (t *eventTypeOut) example() *payload {
	text, err := t.kept().Example(0)
	if err != nil {
		return nil
	}
	return newPayload("example", "Example", string(text))
}

// previewType makes the example of what the form says, and holds it against the schema.
func (v *visit) previewType() (*payload, string) {
	in, err := v.typeForm(nil)
	if err != nil {
		return nil, err.Error()
	}
	t := fanfare.EventType{Name: "example"}
	schemas, _ := in["schemas"].(map[string]json.RawMessage)
	t.Schemas = rawOf(schemas)
	t.Examples, _ = in["examples"].(json.RawMessage)
	text, err := t.Example(0)
	if err != nil {
		return nil, "There is no example: " + err.Error()
	}
	shown := newPayload("example", "Example", string(text))
	if len(schemas) == 0 {
		return shown, "There is no schema to hold it against."
	}
	if err := t.Validate(text); err != nil {
		return shown, "The schema does not allow it: " + err.Error()
	}
	return shown, "The schema allows it."
}
