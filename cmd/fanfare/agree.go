package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// agree reports whether a file's value of a field is what the server shows. What
// it fills in where the file says nothing is no difference.
func agree(name string, want, have json.RawMessage) bool {
	switch name {
	case "url":
		var a, b string
		if json.Unmarshal(want, &a) == nil && json.Unmarshal(have, &b) == nil {
			return plainURL(a) == plainURL(b)
		}
	case "hmac":
		filled := map[string]string{"algorithm": `"sha256"`, "encoding": `"hex"`}
		want, have = withUsual(want, filled), withUsual(have, filled)
	case "retry":
		if made := ofFormula(want); made != nil {
			want = made
		}
	case "success":
		var a, b success
		if json.Unmarshal(want, &a) == nil && json.Unmarshal(have, &b) == nil {
			if a.Preset == "" && a.Statuses == "" {
				a.Statuses = "200-299"
			}
			return a == b
		}
	}
	return unset(name, want) && unset(name, have) || same(want, have)
}

// withUsual puts members into an object that it lacks.
func withUsual(object json.RawMessage, usual map[string]string) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return object
	}
	for name, value := range usual {
		if _, there := members[name]; !there {
			members[name] = json.RawMessage(value)
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		return object
	}
	return text
}

// plainURL is a URL as the server spells it.
func plainURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	u.Host = strings.TrimSuffix(strings.ToLower(u.Host), ".")
	return u.String()
}

// same reports whether two values are the same JSON: numbers by what they are
// worth, members in any order.
func same(a, b json.RawMessage) bool {
	x, err := plainJSON(a)
	if err != nil {
		return false
	}
	y, err := plainJSON(b)
	return err == nil && bytes.Equal(x, y)
}

// plainJSON writes JSON in the one way that encoding/json has.
func plainJSON(text json.RawMessage) ([]byte, error) {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
