// Package openapi reads the webhooks of an OpenAPI document, 3.0 or 3.1, or the
// messages of an AsyncAPI document, 2 or 3, in JSON or YAML: what each is called,
// what it means, and the JSON Schema of its body. Nothing outside of the document is
// read, and work is bounded.
package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bounds on a document.
const (
	MaxText     = 1 << 20  // bytes
	maxNodes    = 200_000  // values, with what YAML's aliases repeat
	maxDepth    = 100      // levels
	maxWebhooks = 2000     // webhooks, or messages, with those that are there several times
	maxSchemas  = 16 << 20 // about the bytes of all schemas, with what they share written out for each
	maxHops     = 16       // references from one to the next
	maxExamples = 32       // of one webhook; further ones are left out
)

// A Webhook is an entry of the document: a webhook, or a message.
type Webhook struct {
	Name        string
	Description string // "" if there is none
	Group       string // the first of its tags; "" if it has none
	Deprecated  bool
	Schema      json.RawMessage // of its JSON body, draft 2020-12, referring to nothing outside; nil if it has none
	Examples    []json.RawMessage
}

// An Error says what is wrong with a document.
type Error struct {
	Path   []string // names that lead there
	Reason string   // a sentence fragment that says what would be right
}

func (e *Error) Error() string {
	if len(e.Path) == 0 {
		return e.Reason
	}
	return "at " + cut(strings.Join(e.Path, " > "), 200) + ": " + e.Reason
}

func refuse(path []string, format string, args ...any) error {
	return &Error{slices.Clone(path), fmt.Sprintf(format, args...)}
}

// Read returns what a document describes, by name: of OpenAPI the webhooks, under
// webhooks or x-webhooks; of AsyncAPI the messages. An error is an *Error.
func Read(text []byte) ([]Webhook, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	r := &reader{root: root, left: maxSchemas}
	all := make(map[string]Webhook)
	if version, is := root["asyncapi"].(string); is {
		err = r.messages(version, all)
	} else {
		err = r.webhooks(all)
	}
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(all), func(a, b Webhook) int { return strings.Compare(a.Name, b.Name) }), nil
}

// A dialect is how schemas of a document differ from JSON Schema, draft 2020-12.
type dialect uint8

const (
	draft2020 dialect = iota // in nothing, as in OpenAPI 3.1
	openapi30
	draft07 // JSON Schema, draft 7, as in AsyncAPI
)

// A reader reads one document.
type reader struct {
	root    map[string]any
	dialect dialect // of the schema that is read
	left    int     // of maxSchemas
	read    int     // messages
}

func (r *reader) webhooks(all map[string]Webhook) error {
	version, _ := r.root["openapi"].(string)
	if !strings.HasPrefix(version, "3.") {
		return refuse(nil, `is not an OpenAPI document of version 3, nor an AsyncAPI document: give one that has "openapi": "3.1.0" or "asyncapi": "3.0.0" or the like`)
	}
	if strings.HasPrefix(version, "3.0") {
		r.dialect = openapi30
	}
	for _, section := range []string{"webhooks", "x-webhooks"} {
		if err := r.section(section, all); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return refuse(nil, "has no webhooks; describe them under webhooks (OpenAPI 3.1) or x-webhooks")
	}
	return nil
}

func (r *reader) section(name string, all map[string]Webhook) error {
	if r.root[name] == nil {
		return nil
	}
	items, ok := r.root[name].(map[string]any)
	if !ok {
		return refuse([]string{name}, "must be an object of webhooks by name")
	}
	if len(items) > maxWebhooks {
		return refuse([]string{name}, "has more than %d webhooks", maxWebhooks)
	}
	for _, key := range slices.Sorted(maps.Keys(items)) {
		hook, err := r.webhook(key, items[key], []string{name, key})
		if err != nil {
			return err
		}
		if _, twice := all[key]; !twice {
			all[key] = hook
		}
	}
	return nil
}

// methods are in the order in which they are looked for: a webhook is one request.
var methods = []string{"post", "put", "patch", "delete", "get", "options", "head", "trace"}

func (r *reader) webhook(name string, item any, path []string) (Webhook, error) {
	hook := Webhook{Name: name}
	at, err := r.object(item, path)
	if err != nil {
		return hook, err
	}
	for _, method := range methods {
		if at[method] == nil {
			continue
		}
		path = append(path, method)
		op, err := r.object(at[method], path)
		if err != nil {
			return hook, err
		}
		hook.Description = description(op, at)
		if tags, _ := op["tags"].([]any); len(tags) > 0 {
			hook.Group, _ = tags[0].(string)
		}
		hook.Deprecated, _ = op["deprecated"].(bool)
		return hook, r.body(&hook, op["requestBody"], append(path, "requestBody"))
	}
	return hook, refuse(path, "has no operation; describe the request under post")
}

// description is what is said of an operation, or else of the whole item.
func description(objects ...map[string]any) string {
	for _, o := range objects {
		for _, word := range []string{"description", "summary"} {
			if text, _ := o[word].(string); strings.TrimSpace(text) != "" {
				return cut(strings.ReplaceAll(strings.TrimSpace(text), "\r", ""), 4000)
			}
		}
	}
	return ""
}

// body reads what is said of the JSON body of a request.
func (r *reader) body(hook *Webhook, value any, path []string) error {
	if value == nil {
		return nil
	}
	body, err := r.object(value, path)
	if err != nil {
		return err
	}
	content, _ := body["content"].(map[string]any)
	for _, media := range slices.SortedFunc(maps.Keys(content), byPreference) {
		if preference(media) > maxPreference {
			continue
		}
		path := append(path, "content", media)
		in, err := r.object(content[media], path)
		if err != nil {
			return err
		}
		if hook.Examples, err = r.examples(in, path); err != nil {
			return err
		}
		if in["schema"] != nil {
			hook.Schema, err = r.schema(in["schema"], append(path, "schema"))
		}
		return err
	}
	return nil
}

// maxPreference is the last of those that are JSON.
const maxPreference = 2

func preference(media string) int {
	media, _, _ = strings.Cut(strings.ToLower(media), ";")
	switch media = strings.TrimSpace(media); {
	case media == "application/json":
		return 0
	case strings.HasSuffix(media, "+json"):
		return 1
	case media == "*/*" || media == "application/*":
		return maxPreference
	}
	return maxPreference + 1
}

func byPreference(a, b string) int {
	if a, b := preference(a), preference(b); a != b {
		return a - b
	}
	return strings.Compare(a, b)
}

// examples are those of a media type; nil if it has none.
func (r *reader) examples(in map[string]any, path []string) ([]json.RawMessage, error) {
	var values []any
	if v, ok := in["example"]; ok {
		values = append(values, v)
	}
	named, _ := in["examples"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(named)) {
		one, err := r.object(named[name], append(path, "examples", name))
		if err != nil {
			return nil, err
		}
		if v, ok := one["value"]; ok {
			values = append(values, v)
		}
	}
	var list []json.RawMessage
	for _, v := range values[:min(len(values), maxExamples)] {
		text, err := r.write(v, path)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, nil
}

// object is a value that must be an object, or a reference to one.
func (r *reader) object(value any, path []string) (map[string]any, error) {
	for range maxHops {
		o, ok := value.(map[string]any)
		if !ok {
			return nil, refuse(path, "must be an object")
		}
		ref, ok := o["$ref"].(string)
		if !ok {
			return o, nil
		}
		var err error
		if value, err = r.lookUp(ref, path); err != nil {
			return nil, err
		}
	}
	return nil, refuse(path, "leads through more than %d references", maxHops)
}

// lookUp finds what a reference within the document points to.
func (r *reader) lookUp(ref string, path []string) (any, error) {
	pointer, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil, refuse(path, "refers to %q, which is not within the document; bundle it into one document first", cut(ref, 64))
	}
	var at any = r.root
	for _, name := range tokens(pointer) {
		next, ok := child(at, name)
		if !ok {
			return nil, refuse(path, "refers to %q, which is not there", cut(ref, 64))
		}
		at = next
	}
	return at, nil
}

// cut bounds s to about n bytes.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	return strings.ToValidUTF8(s, "")
}
