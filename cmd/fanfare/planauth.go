package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fanfarehq/fanfare/internal/manifest"
)

// What proves to a receiver who sends is written to the API and never shown: of a
// member "password" it only shows "hasPassword". The functions of this file compare
// and write what is shown.

// shownAs is the member that says whether there is one which is not shown.
func shownAs(name string) string {
	_, n := utf8.DecodeRuneInString(name)
	return "has" + strings.ToUpper(name[:n]) + name[n:]
}

// hiddenName undoes shownAs.
func hiddenName(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, "has")
	if !ok || rest == "" || rest[:1] != strings.ToUpper(rest[:1]) {
		return "", false
	}
	return strings.ToLower(rest[:1]) + rest[1:], true
}

// authDifference is how a file's auth differs from the server's, nil if not as far
// as can be seen. blind tells whether there was something that cannot be seen.
func authDifference(f *manifest.Field, have json.RawMessage, sendHidden bool) (change *fieldChange, blind bool) {
	var want, is map[string]any
	if json.Unmarshal(f.Value, &want) != nil || have != nil && json.Unmarshal(have, &is) != nil {
		return &fieldChange{Name: f.Name, Hidden: true, value: f.Value}, false
	}
	if agrees(want, is, &blind) && !(blind && sendHidden) {
		return nil, blind && !sendHidden
	}
	for name := range is {
		if _, there := want[name]; !there {
			want[name] = nil // or else it would stay
		}
	}
	value, err := json.Marshal(want)
	if err != nil { // it was JSON just now
		value = f.Value
	}
	return &fieldChange{Name: f.Name, Hidden: true, value: value}, false
}

// agrees compares members as far as they are shown.
func agrees(want, have map[string]any, blind *bool) bool {
	for name, w := range want {
		h, shown := have[name]
		if !shown && have[shownAs(name)] == true {
			*blind = true
			continue
		}
		inner, isObject := w.(map[string]any)
		if there, ok := h.(map[string]any); isObject && ok {
			if !agrees(inner, there, blind) {
				return false
			}
			continue
		}
		if !sameValue(w, h) {
			return false
		}
	}
	for name, h := range have {
		_, hidden := hiddenName(name)
		if _, there := want[name]; !there && !hidden && !sameValue(h, nil) && !(name == "style" && h == "basic") {
			return false
		}
	}
	return true
}

// sameValue compares two values; what is empty is as what is not there.
func sameValue(a, b any) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(b)
	return err == nil && (same(x, y) || unset("", x) && unset("", y))
}

// withVariables writes an endpoint's auth as a file has it, in which variables of
// the environment stand for what is not shown; it returns their names too.
func withVariables(auth json.RawMessage, names ...string) (json.RawMessage, []string, error) {
	var parts map[string]any
	if err := json.Unmarshal(auth, &parts); err != nil {
		return nil, nil, err
	}
	var variables []string
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		members, ok := parts[part].(map[string]any)
		if !ok {
			if text, isText := parts[part].(string); isText {
				parts[part] = manifest.Literal(text)
			}
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			hidden, ok := hiddenName(name)
			if text, isText := members[name].(string); isText {
				members[name] = manifest.Literal(text)
			}
			if !ok {
				continue
			}
			if members[name] == true {
				variable := variableFor(append(slices.Clone(names), hidden)...)
				variables = append(variables, variable)
				members[hidden] = "${" + variable + "}"
			}
			delete(members, name)
		}
	}
	text, err := json.Marshal(parts)
	return text, variables, err
}
