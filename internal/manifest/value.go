package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// kindOf is what JSON calls a value.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "object"
	case n.Kind == yaml.SequenceNode:
		return "array"
	case n.Tag == "!!bool":
		return "boolean"
	case n.Tag == "!!int":
		return "integer"
	case n.Tag == "!!float":
		return "number"
	}
	return "string"
}

// Expands reports whether ${NAME} stands for a variable of the environment in a field of
// things of that kind.
func Expands(k Kind, field string) bool {
	switch k {
	case Endpoint:
		return slices.Contains([]string{"url", "secret", "headers", "auth", "config"}, field)
	case Source:
		return field == "secret"
	}
	return false
}

var variable = regexp.MustCompile(`\$?\$\{([^}]*)\}?`)

// expand puts in what the environment has, and notes that it must not be shown, or
// what is not there.
func (r *reader) expand(n *yaml.Node, f *Field) string {
	return variable.ReplaceAllStringFunc(n.Value, func(found string) string {
		if strings.HasPrefix(found, "$$") {
			return found[1:]
		}
		name, closed := strings.CutSuffix(found[len("${"):], "}")
		value := r.getenv(name)
		switch {
		case !closed || name == "":
			r.fail(n, "${ begins the name of an environment variable, as in ${NAME}; write $${ for the characters themselves")
		case value == "":
			f.Unset = append(f.Unset, Variable{name, n.Line})
		}
		f.Hidden = true
		return value
	})
}

// asItIs is the text of a node in which nothing stands for anything else.
func asItIs(n *yaml.Node) string { return n.Value }

// Literal is text as it must be written where ${NAME} would stand for something
// else.
func Literal(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// write writes a value as JSON, in the order of the file.
func (r *reader) write(b *bytes.Buffer, n *yaml.Node, expand func(*yaml.Node) string, depth int) {
	n = r.target(n)
	if !r.enter(n, depth) {
		return
	}
	switch kindOf(n) {
	case "object":
		b.WriteByte('{')
		for i, m := range r.members(n, depth) {
			if i > 0 {
				b.WriteByte(',')
			}
			writeText(b, m.name)
			b.WriteByte(':')
			r.write(b, m.value, expand, depth+1)
		}
		b.WriteByte('}')
	case "array":
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			r.write(b, item, expand, depth+1)
		}
		b.WriteByte(']')
	default:
		r.scalar(b, n, expand)
	}
}

func (r *reader) scalar(b *bytes.Buffer, n *yaml.Node, expand func(*yaml.Node) string) {
	var v any
	switch n.Tag {
	case "!!str", "!!timestamp":
		writeText(b, expand(n))
		return
	case "!!null", "!!bool":
		if err := n.Decode(&v); err != nil {
			r.fail(n, "%q is neither true nor false", n.Value)
			return
		}
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) { // exactly as it is written
			b.WriteString(n.Value)
			return
		}
		if err := n.Decode(&v); err != nil {
			r.fail(n, "%q is not a number", n.Value)
			return
		}
	default:
		r.fail(n, "values of the type %s have no place here", n.Tag)
		return
	}
	text, err := json.Marshal(v)
	if err != nil { // infinity, or not a number
		r.fail(n, "%q is not a number that can be sent", n.Value)
		return
	}
	b.Write(text)
}

// writeText writes a JSON string, with <, > and & as they are, and what may not
// stand in YAML escaped.
func writeText(b *bytes.Buffer, text string) {
	var quoted bytes.Buffer
	enc := json.NewEncoder(&quoted)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string can always be encoded
	for _, r := range strings.TrimSuffix(quoted.String(), "\n") {
		if r >= 0x7f && r < 0xa0 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
}
