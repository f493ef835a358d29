package fanfare

import (
	"encoding/json"
	"strconv"
	"testing"
)

// FuzzKeyIn holds what is read at a place in any payload against encoding/json.
func FuzzKeyIn(f *testing.F) {
	for _, payload := range []string{`{"a":{"b":"x"}}`, ` {"a" : [ 1.5e3 , "\u0061\"]" ] } `, `{"a":1,"\u0061":{"b":2}}`, `[[],{},"a",-0]`, `7`, `{"a":[{"0":"k"}]}`, ``, `{"a":tru}`} {
		for _, at := range []string{"/a", "/a/b", "/a/1", "/a/0/0", "/3", "/~01"} {
			f.Add([]byte(payload), at)
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte, at string) {
		p, ok := parsePointer(at)
		if !ok || p == nil {
			return
		}
		r := keyReader{payload: payload}
		if got, want := r.at(p), slowKey(payload, p); got != want {
			t.Errorf("at %q in %q there is %q, want %q", at, payload, got, want)
		}
	})
}

// slowKey is keyReader.at written as it is meant.
func slowKey(payload []byte, p pointer) string {
	value := json.RawMessage(payload)
	if !json.Valid(value) {
		return ""
	}
	for _, part := range p {
		var members map[string]json.RawMessage
		var elements []json.RawMessage
		if json.Unmarshal(value, &members) == nil {
			value = members[part]
		} else if json.Unmarshal(value, &elements) == nil {
			i, err := strconv.Atoi(part)
			if err != nil || strconv.Itoa(i) != part || i < 0 || i >= len(elements) {
				return ""
			}
			value = elements[i]
		}
		if members == nil && elements == nil || value == nil {
			return ""
		}
	}
	var key string
	var number json.Number
	if json.Unmarshal(value, &key) != nil && json.Unmarshal(value, &number) == nil {
		key = string(value)
	}
	if len(key) > 256 || checkText("", key) != nil {
		return ""
	}
	return key
}
