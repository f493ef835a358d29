package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Write writes the manifest as one YAML document that says the same whatever
// order its items came in: they are sorted by name, and stand under what they are
// in.
func (m *Manifest) Write(w io.Writer) error {
	doc, err := m.document()
	if err != nil {
		return err
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return err
	}
	return enc.Close()
}

// WriteJSON writes the same as JSON, on one line.
func (m *Manifest) WriteJSON(w io.Writer) error {
	doc, err := m.document()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	(&reader{}).write(&b, doc, asItIs, 0)
	b.WriteByte('\n')
	_, err = b.WriteTo(w)
	return err
}

func (m *Manifest) document() (*yaml.Node, error) {
	doc := &yaml.Node{Kind: yaml.MappingNode}
	list := func(name string, items []*Item, into *yaml.Node, inside func(*Item, *yaml.Node) error) error {
		if len(items) == 0 {
			return nil
		}
		nodes := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range sorted(items) {
			n, err := item.node()
			if err != nil {
				return err
			}
			if err := inside(item, n); err != nil {
				return err
			}
			nodes.Content = append(nodes.Content, n)
		}
		into.Content = append(into.Content, textNode(name), nodes)
		return nil
	}
	nothing := func(*Item, *yaml.Node) error { return nil }
	err := list("eventTypes", m.EventTypes, doc, nothing)
	if err == nil {
		err = list("applications", m.Applications, doc, func(app *Item, n *yaml.Node) error {
			of := func(items []*Item) []*Item {
				return slices.DeleteFunc(slices.Clone(items), func(item *Item) bool { return item.App != app.Name })
			}
			return errors.Join(list("endpoints", of(m.Endpoints), n, nothing), list("sources", of(m.Sources), n, nothing))
		})
	}
	return doc, err
}

func sorted(items []*Item) []*Item {
	return slices.SortedFunc(slices.Values(items), func(a, b *Item) int { return strings.Compare(a.Name, b.Name) })
}

// first are the fields that people look for first.
var first = []string{"name", "url", "description"}

// node is the item in YAML: what names it, then the fields by name.
func (i *Item) node() (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	n.Content = append(n.Content, textNode(i.Kind.identity()), textNode(i.Name))
	place := func(name string) int {
		if at := slices.Index(first, name); at >= 0 {
			return at
		}
		return len(first)
	}
	fields := slices.SortedFunc(slices.Values(i.Fields), func(a, b Field) int {
		if d := place(a.Name) - place(b.Name); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	for _, f := range fields {
		dec := json.NewDecoder(bytes.NewReader(f.Value))
		dec.UseNumber()
		value, err := jsonNode(dec)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %s: %w", i.Kind, i.Name, f.Name, err)
		}
		n.Content = append(n.Content, textNode(f.Name), value)
	}
	return n, nil
}

// jsonNode reads one JSON value, whose members keep their order.
func jsonNode(dec *json.Decoder) (*yaml.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if v == '{' {
			n.Kind = yaml.MappingNode
		}
		for dec.More() {
			inner, err := jsonNode(dec)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, inner)
		}
		if len(n.Content) == 0 {
			n.Style = yaml.FlowStyle
		}
		_, err := dec.Token()
		return n, err
	case string:
		return textNode(v), nil
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(v.String(), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: v.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

// textNode is text, in quotes where it would be taken for something else.
func textNode(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if strings.TrimSpace(text) != strings.TrimSuffix(text, "\n") || slices.Contains(oldBooleans, strings.ToLower(text)) || !readsAs(n, text) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// oldBooleans are words that readers of YAML 1.1 take for true and false.
var oldBooleans = []string{"y", "yes", "on", "n", "no", "off"}

// readsAs reports whether a node is written so that it is read as that text.
func readsAs(n *yaml.Node, text string) bool {
	out, err := yaml.Marshal(&yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{n}})
	if err != nil {
		return false
	}
	var doc yaml.Node
	if yaml.Unmarshal(out, &doc) != nil || len(doc.Content) != 1 || len(doc.Content[0].Content) != 1 {
		return false
	}
	back := doc.Content[0].Content[0]
	return back.ShortTag() == "!!str" && back.Value == text
}
