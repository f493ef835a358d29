package api

import (
	"bytes"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The field's Go client refuses answers with members that it does not know, up
// to the version that looseMinor is the first after. It tells by its User-Agent
// who it is, and is shown only what it knows: not what is tagged newer.
const (
	strictAgent = "svix-libs/1."
	looseMinor  = 57
)

// strict reports whether the client is such a one.
func (c *call) strict() bool {
	version, ok := strings.CutPrefix(c.agent(), strictAgent)
	if !ok {
		return false
	}
	version, language, _ := strings.Cut(version, "/")
	minor, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(minor)
	return err == nil && n < looseMinor && language == "go"
}

// agent is the client's name for itself.
func (c *call) agent() string {
	if names := c.r.Header["User-Agent"]; len(names) > 0 {
		return names[0]
	}
	return ""
}

// known is what a strict client knows of a type.
type known struct {
	newer map[string]bool   // members to leave out
	inner map[string]*known // members to look into, objects or lists of them
}

// knownOf reads a type's tags.
func knownOf(t reflect.Type) *known {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	k := &known{newer: map[string]bool{}, inner: map[string]*known{}}
	if t.Kind() != reflect.Struct {
		return k
	}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "" || len(f.Index) > 1 && k.newer[name]:
		case f.Tag.Get("newer") != "":
			k.newer[name] = true
		case name == "data" || name == "msg":
			k.inner[name] = knownOf(f.Type)
		}
	}
	return k
}

// only appends value, which is ours and valid, without what is newer. The rest
// stays byte for byte.
func (k *known) only(b []byte, value jsontext.Value) []byte {
	if kind := value.Kind(); kind != '{' && kind != '[' {
		return append(b, value...)
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(value), lenient, lenientText)
	open, _ := dec.ReadToken()
	b = append(b, byte(open.Kind()))
	first := true
	for dec.PeekKind() != '}' && dec.PeekKind() != ']' && dec.PeekKind() != 0 {
		item, name := k, ""
		if open.Kind() == '{' {
			token, _ := dec.ReadToken()
			name = token.String()
			item = k.inner[name]
		}
		v, _ := dec.ReadValue()
		if name != "" && k.newer[name] {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		if name != "" {
			b = append(quote(b, name), ':')
		}
		if item == nil {
			b = append(b, v...)
		} else {
			b = item.only(b, v)
		}
	}
	if open.Kind() == '{' {
		return append(b, '}')
	}
	return append(b, ']')
}
