package ui

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Kinds of members, as far as a filter has to know them.
const (
	kindText = "text"
	kindList = "list"
)

// Bounds on what is looked at to find members.
const (
	sampleMessages = 5
	sampleTypes    = 8
	maxMembers     = 200
	memberDepth    = 6
	memberSamples  = 3
)

// members are what payloads have, by path as an expression writes it.
type members map[string]*memberSeen

// A memberSeen is one of them, with values that were seen.
type memberSeen struct {
	Kind    string // "" if it is neither text nor list, or not always the same
	Samples []string
	seen    bool
}

func (m members) note(path, kind, sample string) {
	one := m[path]
	if one == nil {
		if len(m) >= maxMembers {
			return
		}
		one = &memberSeen{Kind: kind}
		m[path] = one
	}
	if one.Kind != kind {
		one.Kind = ""
	}
	if sample = cut(sample, 24); sample != "" && len(one.Samples) < memberSamples && !slices.Contains(one.Samples, sample) {
		one.Samples = append(one.Samples, sample)
	}
}

// read notes what is in a payload, below a path.
func (m members) read(path string, v any, depth int) {
	switch v := v.(type) {
	case map[string]any:
		if depth == 0 {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			m.read(path+named(name), v[name], depth-1)
		}
	case []any:
		var some []string
		for _, e := range v {
			if text, ok := e.(string); ok && len(some) < memberSamples {
				some = append(some, text)
			}
		}
		m.note(path, kindList, strings.Join(some, " "))
	case string:
		m.note(path, kindText, v)
	case nil: // it may be anything at other times
	default:
		m.note(path, "", fmt.Sprint(v))
	}
}

func (m members) payload(raw json.RawMessage) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) == nil {
		m.read("payload", v, memberDepth)
	}
}

// kinds are those of members, by path.
func (m members) kinds() map[string]string {
	kinds := map[string]string{"eventType": kindText}
	for path, one := range m {
		kinds[path] = one.Kind
	}
	return kinds
}

// options are the members to choose among, each with what was seen in it.
func (m members) options() (all []option) {
	for _, path := range slices.Sorted(maps.Keys(m)) {
		all = append(all, option{Value: path, Text: cmp.Or(strings.Join(m[path].Samples, ", "), m[path].Kind)})
	}
	return all
}

// members looks what messages have in them: the newest of these event types, all if there
// are none, and the examples of the catalogue.
func (v *visit) members(types []string) (members, error) {
	m := members{}
	if v.own {
		m.payload(someNews)
		return m, nil
	}
	var list listOf[messageOut]
	if err := v.read(&list, v.of("msg"), "limit", fmt.Sprint(sampleMessages), "event_types", strings.Join(types, ",")); err != nil {
		return nil, err
	}
	for _, msg := range list.Data {
		m.note("eventType", kindText, msg.EventType)
		m.payload(msg.Payload)
		for path, labels := range map[string][]string{"channels": msg.Channels, "tags": msg.Tags} {
			if len(labels) > 0 {
				m.note(path, kindList, labels[0])
			}
		}
	}
	examples, err := v.examples(types)
	for _, example := range examples {
		m.payload(example)
	}
	return m, err
}

// examples are those of event types by name, or of the first there are.
func (v *visit) examples(names []string) (all []json.RawMessage, err error) {
	if len(names) == 0 {
		var list listOf[eventTypeOut]
		if err := v.read(&list, "/event-type", "limit", fmt.Sprint(sampleTypes), "with_content", "false"); err != nil {
			return nil, err
		}
		for _, t := range list.Data {
			names = append(names, t.Name)
		}
	}
	for _, name := range names[:min(sampleTypes, len(names))] {
		if strings.HasSuffix(name, "*") {
			continue
		}
		var t eventTypeOut
		if err := v.read(&t, "/event-type/"+url.PathEscape(name)); err != nil {
			if _, refused := isRefused(err); refused {
				continue // it is not in the catalogue
			}
			return nil, err
		}
		if text, err := t.kept().Example(0); err == nil {
			all = append(all, text)
		}
	}
	return all, nil
}
