package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare/internal/manifest"
)

// A thing is an application, an endpoint, a source or an event type as the API shows it.
type thing map[string]json.RawMessage

func (t thing) text(name string) string {
	var s string
	_ = json.Unmarshal(t[name], &s) // null, and what is not text, is ""
	return s
}

// A change is one difference between what files say and what a server has.
type change struct {
	Action string        `json:"action"` // create, update or delete
	Kind   string        `json:"kind"`
	App    string        `json:"app,omitempty"`
	Name   string        `json:"name"`
	Fields []fieldChange `json:"fields,omitempty"`

	item *manifest.Item // nil for what is deleted
	path string         // of it, below /api/v1; of the list it goes into, if it is created
	seen string         // its updatedAt, as the plan was made
}

// A fieldChange is one field of a change. What must not be shown is neither in
// From nor in To.
type fieldChange struct {
	Name   string          `json:"name"`
	From   json.RawMessage `json:"from,omitempty"`
	To     json.RawMessage `json:"to,omitempty"`
	Hidden bool            `json:"hidden,omitempty"`

	value json.RawMessage // what to send
}

// A planner compares files with a server.
type planner struct {
	*request
	grammar    *manifest.Grammar
	prune      bool // what the files do not have is to go
	createOnly bool // what is there stays as it is
	sendHidden bool // also what cannot be compared

	at      map[string]string // where an application is that is there, by its name
	changes []*change
	kept    []string // what createOnly has left as it is
	blind   []string // what could not be compared, as the server does not show it
	unset   []string // or as variables are not set that it takes

	problems manifest.Problems // what the server would refuse
}

// grammar asks the server what fields there are.
func (r *request) grammar(ctx context.Context) (*manifest.Grammar, error) {
	text, err := r.document(ctx)
	if err != nil {
		return nil, err
	}
	return manifest.NewGrammar(text)
}

// plan finds what has to change for the server to have what m says: event types
// first, what goes last.
func (p *planner) plan(ctx context.Context, m *manifest.Manifest) error {
	for _, t := range m.EventTypes {
		if err := p.compare(ctx, t, "/event-type", t.Name); err != nil {
			return err
		}
	}
	p.at = make(map[string]string)
	for _, app := range m.Applications {
		if err := p.compare(ctx, app, "/app", app.Name); err != nil {
			return err
		}
	}
	for _, item := range slices.Concat(m.Endpoints, m.Sources) {
		app := cmp.Or(p.at[item.App], route("app", item.App))
		if err := p.compare(ctx, item, app+"/"+item.Kind.String(), item.Name); err != nil {
			return err
		}
	}
	if !p.prune {
		return nil
	}
	return p.planPrune(ctx, m)
}

// compare plans what to do about one item of a list.
func (p *planner) compare(ctx context.Context, item *manifest.Item, list, name string) error {
	have, path, err := p.find(ctx, list, name)
	if err != nil {
		return fmt.Errorf("%s: %s %q: %w", item.Where(), item.Kind, name, err)
	}
	if have == nil {
		p.changes = append(p.changes, &change{Action: "create", Kind: item.Kind.String(), App: item.App, Name: name, Fields: created(item), item: item, path: list})
		p.checkSecret(item)
		return nil
	}
	if item.Kind == manifest.Application {
		p.at[name] = path
	}
	if p.createOnly {
		p.kept = append(p.kept, title(item.Kind.String(), name, item.App))
		return nil
	}
	fields, err := p.differences(ctx, item, have, path)
	if err != nil || len(fields) == 0 {
		return err
	}
	p.changes = append(p.changes, &change{
		Action: "update", Kind: item.Kind.String(), App: item.App, Name: name, Fields: fields,
		item: item, path: path, seen: have.text("updatedAt"),
	})
	return nil
}

// find reads what a list has under a name, nil if nothing. A name that export made
// of an id finds what still has no other.
func (p *planner) find(ctx context.Context, list, name string) (have thing, path string, err error) {
	for _, ref := range []string{name, idOfUID(name)} {
		if ref == "" {
			continue
		}
		path = list + route(ref)
		_, err = p.call(ctx, http.MethodGet, path, nil, &have)
		var refused *apiError
		switch {
		case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
			continue
		case err != nil:
			return nil, "", err
		}
		return have, path, nil
	}
	return nil, "", nil
}

// uidOfID is what export calls a thing that has no uid: its id, but so spelt that
// it may be a uid. idOfUID undoes it, and returns "" for other names.
func uidOfID(id string) string { return strings.Replace(id, "_", "-", 1) }

func idOfUID(uid string) string {
	for _, prefix := range []string{"app-", "ep-", "src-"} {
		if rest, ok := strings.CutPrefix(uid, prefix); ok && len(rest) == 26 {
			return strings.TrimSuffix(prefix, "-") + "_" + rest
		}
	}
	return ""
}

// keptUnless are fields that a file leaves as they are if it does not name them:
// what operators, customers and the server itself say, and what has a reading of its own.
var keptUnless = []string{"disabled", "paused", "secret", "headers", "auth", "alertEmail"}

// usual are the values that fields have when nobody has said otherwise, beside
// null, false, 0 and what is empty.
var usual = map[string]string{
	"format": `"raw"`, "signature": `"standard"`, "kind": `"webhook"`, "onPause": `"hold"`,
	"validation": `"off"`, "retry": `{"preset":"inherit"}`, "success": `{"statuses":"200-299"}`,
}

// unset reports whether a field is as it would be if nobody had said anything.
func unset(name string, value json.RawMessage) bool {
	switch string(bytes.TrimSpace(value)) {
	case "", "null", "false", "0", `""`, "[]", "{}":
		return true
	}
	u, ok := usual[name]
	return ok && same(json.RawMessage(u), value)
}

// differences are the fields in which an item differs from what there is.
func (p *planner) differences(ctx context.Context, item *manifest.Item, have thing, path string) ([]fieldChange, error) {
	var fields []fieldChange
	if uid := have.text("uid"); item.Kind != manifest.EventType && uid != item.Name {
		text, err := json.Marshal(item.Name)
		if err != nil {
			return nil, err
		}
		fields = append(fields, fieldChange{Name: "uid", From: have["uid"], To: text, value: text})
	}
	for _, name := range p.grammar.Fields(item.Kind) {
		f := item.Field(name)
		value, shown := have[name]
		switch {
		case f != nil && len(f.Unset) > 0:
			p.unset = append(p.unset, fmt.Sprintf("%s of %s, as %s is not set", name, title(item.Kind.String(), item.Name, item.App), f.Unset[0].Name))
		case name == "secret" && item.Kind == manifest.Endpoint, name == "headers" && item.Kind == manifest.Endpoint:
		case f != nil && item.Kind == manifest.Endpoint && partlyShown[name] != nil:
			c, blind := partlyShown[name](f, value, p.sendHidden || name == "config" && item.EndpointKind() != have.text("kind"))
			if c != nil {
				fields = append(fields, *c)
			}
			if blind {
				p.blind = append(p.blind, "the secrets of "+name+" of "+title(item.Kind.String(), item.Name, item.App))
			}
		case derived(item, name, have):
		case f == nil && (slices.Contains(keptUnless, name) || !shown || unset(name, value)):
		case f == nil:
			fields = append(fields, fieldChange{Name: name, From: value, value: json.RawMessage("null")})
		case !shown && !p.sendHidden:
			p.blind = append(p.blind, name+" of "+title(item.Kind.String(), item.Name, item.App))
		case !shown:
			fields = append(fields, fieldChange{Name: name, Hidden: true, value: f.Value})
		case !agree(name, f.Value, value):
			c := fieldChange{Name: name, Hidden: f.Hidden, value: f.Value}
			if !f.Hidden {
				c.From, c.To = value, f.Value
			}
			fields = append(fields, c)
		}
	}
	if item.Kind != manifest.Endpoint {
		return fields, nil
	}
	if err := p.checkKeptSecret(ctx, item, have, path); err != nil {
		return nil, err
	}
	more, err := p.hiddenDifferences(ctx, item, path)
	return append(fields, more...), err
}

// hiddenDifferences are those of an endpoint's secret and headers, which the API
// shows elsewhere or not at all.
func (p *planner) hiddenDifferences(ctx context.Context, item *manifest.Item, path string) (fields []fieldChange, err error) {
	if f := item.Field("secret"); f != nil && len(f.Unset) == 0 {
		var have struct{ Key json.RawMessage }
		if _, err := p.call(ctx, http.MethodGet, path+"/secret", nil, &have); err != nil {
			return nil, err
		}
		if !same(have.Key, f.Value) {
			fields = append(fields, fieldChange{Name: "secret", Hidden: true, value: f.Value})
		}
	}
	f := item.Field("headers")
	if f == nil || len(f.Unset) > 0 {
		return fields, nil
	}
	have, err := p.headers(ctx, path)
	if err != nil {
		return nil, err
	}
	var want map[string]string
	if err := json.Unmarshal(f.Value, &want); err != nil {
		return nil, fmt.Errorf("%s: headers: %w", item.Where(), err)
	}
	set := make(map[string]*string)
	for name, value := range want {
		old, is := have.value(name)
		switch {
		case have.hides(name) && !p.sendHidden:
			p.blind = append(p.blind, "header "+name+" of "+title(item.Kind.String(), item.Name, item.App))
		case !is || old != value:
			set[name] = &value
		}
	}
	for name := range maps.Keys(have.all()) {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(want)), func(w string) bool { return strings.EqualFold(w, name) }) {
			set[name] = nil
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		c := fieldChange{Name: "headers." + name, Hidden: f.Hidden || have.hides(name)}
		if c.value, err = json.Marshal(set[name]); err != nil {
			return nil, err
		}
		if old, is := have.value(name); is && !c.Hidden {
			c.From, _ = json.Marshal(old) // text can always be marshalled
		}
		if set[name] != nil && !c.Hidden {
			c.To = c.value
		}
		fields = append(fields, c)
	}
	return fields, nil
}

// endpointHeaders are an endpoint's, as the API shows them.
type endpointHeaders struct {
	Headers   map[string]string
	Sensitive []string // names of those whose values are not shown
}

func (r *request) headers(ctx context.Context, endpoint string) (*endpointHeaders, error) {
	var h endpointHeaders
	_, err := r.call(ctx, http.MethodGet, endpoint+"/headers", nil, &h)
	return &h, err
}

func (h *endpointHeaders) value(name string) (string, bool) {
	for have, value := range h.Headers {
		if strings.EqualFold(have, name) {
			return value, true
		}
	}
	return "", false
}

func (h *endpointHeaders) hides(name string) bool {
	return slices.ContainsFunc(h.Sensitive, func(s string) bool { return strings.EqualFold(s, name) })
}

// all are the names there are.
func (h *endpointHeaders) all() map[string]bool {
	names := make(map[string]bool)
	for name := range h.Headers {
		names[name] = true
	}
	for _, name := range h.Sensitive {
		names[name] = true
	}
	return names
}

// title names a thing.
func title(kind, name, app string) string {
	text := kind + " " + name
	if app != "" {
		text += " (app " + app + ")"
	}
	return text
}
