// Package connect is what the connectors in the packages below it share: reading an
// endpoint's config, filling in its templates, and making a request. It keeps nothing
// and decides nothing; what becomes of an answer is each connector's to say.
package connect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/expression"
)

// Decode reads config, a JSON object, into the struct that into points to, by the tags
// of its fields, over the defaults that are there. Each member that it does not know or
// that is of another kind is an *InvalidError with a field such as "config.text"; all
// of them are told at once.
func Decode(config []byte, into any) error {
	var members map[string]jsontext.Value
	if err := jsonv2.Unmarshal(config, &members); err != nil {
		return &fanfare.InvalidError{Field: "config", Reason: "is not a JSON object with each member once"}
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(members)) {
		one, err := json.Marshal(map[string]json.RawMessage{name: json.RawMessage(members[name])})
		if err == nil {
			err = jsonv2.Unmarshal(one, into, jsonv2.RejectUnknownMembers(true))
		}
		if err != nil {
			problems = append(problems, wrong(name, err, into))
		}
	}
	return errors.Join(problems...)
}

// wrong says what is wrong with the member of that name.
func wrong(name string, err error, into any) error {
	invalid := &fanfare.InvalidError{Field: "config." + name, Reason: "cannot be read"}
	var semantic *jsonv2.SemanticError
	if !errors.As(err, &semantic) {
		return invalid
	}
	if path := strings.Trim(strings.ReplaceAll(string(semantic.JSONPointer), "/", "."), "."); path != "" {
		invalid.Field = "config." + path
	}
	switch {
	case errors.Is(err, jsonv2.ErrUnknownName):
		invalid.Reason = "is not known here"
		if !strings.Contains(strings.TrimPrefix(invalid.Field, "config."), ".") {
			invalid.Reason += "; there are " + strings.Join(names(reflect.TypeOf(into).Elem()), ", ")
		}
	case semantic.GoType != nil:
		invalid.Reason = "must be " + inWords(semantic.GoType)
	}
	return invalid
}

// names are those of the members that a struct is read from.
func names(t reflect.Type) []string {
	var all []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct && name == "":
			all = append(all, names(f.Type)...)
		case f.IsExported() && name != "-":
			all = append(all, cmp.Or(name, f.Name))
		}
	}
	return all
}

func inWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return inWords(t.Elem())
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint16:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "something else"
}

// Must is an *InvalidError about the member of that name unless ok. The reason is a
// sentence fragment that says what would be right.
func Must(ok bool, member, reason string) error {
	if ok {
		return nil
	}
	return &fanfare.InvalidError{Field: "config." + member, Reason: reason}
}

// A Template is what people write to say what becomes of a message: text with
// expressions in it. See [expression.Template].
type Template = expression.Template

// Text reads a template, which is what the member of that name holds.
func Text(member, source string) (*Template, error) {
	t, err := expression.ParseTemplate(source)
	if err != nil {
		return nil, &fanfare.InvalidError{Field: "config." + member, Reason: err.Error()}
	}
	return t, nil
}

// Fill fills the template in that the member of that name holds. An error is one that the
// same message meets each time.
func Fill(member string, t *Template, in *expression.Input, escape func(string) string) (string, error) {
	text, err := t.Text(in, escape)
	if err != nil {
		return "", fmt.Errorf("%s: %w", member, err)
	}
	return text, nil
}

// URL reads an address to send requests to, which is what the member of that name
// holds: by http or https, and with a host. The error does not show it, as it may hold a
// secret; example is shown in its place.
func URL(member, text, example string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil, Must(false, member, "is missing; give a URL such as "+example)
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, Must(false, member, "is not a URL such as "+example)
	case u.User != nil:
		return nil, Must(false, member, "has a name and password before the host, where there is no place for them")
	}
	return u, nil
}

// InputOf is msg as templates see it. It is for one goroutine.
func InputOf(msg *fanfare.Message) *expression.Input {
	return &expression.Input{EventType: msg.EventType, Payload: msg.View(), Headers: msg.Headers(), Channels: msg.Channels, Tags: msg.Tags}
}

// Unfit is the Reply for a message that a config cannot be applied to, whatever is
// tried again: why says what is wrong with which member, such as "text renders empty".
func Unfit(format string, args ...any) fanfare.Reply {
	return fanfare.Reply{Class: fanfare.ClassRejected, Detail: fmt.Sprintf(format, args...)}
}
