package openapi

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parse reads JSON or YAML.
func parse(text []byte) (map[string]any, error) {
	switch {
	case len(text) > MaxText:
		return nil, refuse(nil, "a document has at most %d MiB", MaxText>>20)
	case !utf8.Valid(text):
		return nil, refuse(nil, "is not valid UTF-8")
	}
	p := &parser{}
	v, err := p.parse(text)
	if err != nil {
		return nil, err
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, refuse(nil, "must be an OpenAPI or AsyncAPI document, which is an object")
	}
	return root, nil
}

type parser struct{ nodes int }

func (p *parser) parse(text []byte) (v any, err error) {
	if json.Valid(text) {
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			return nil, refuse(nil, "is not JSON: %s", cut(err.Error(), 100))
		}
		return v, p.measure(v, 0)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, refuse(nil, "is neither JSON nor YAML: %s", cut(strings.TrimPrefix(err.Error(), "yaml: "), 100))
	}
	if len(doc.Content) == 0 {
		return nil, refuse(nil, "is empty")
	}
	return p.value(doc.Content[0], 0)
}

// enter counts a value.
func (p *parser) enter(depth int) error {
	p.nodes++
	switch {
	case p.nodes > maxNodes:
		return refuse(nil, "has more than %d values, with what aliases repeat", maxNodes)
	case depth > maxDepth:
		return refuse(nil, "nests deeper than %d levels", maxDepth)
	}
	return nil
}

func (p *parser) measure(v any, depth int) error {
	if err := p.enter(depth); err != nil {
		return err
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if err := p.measure(item, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, item := range v {
			if err := p.measure(item, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// value makes of a node of YAML what JSON would have been decoded to.
func (p *parser) value(n *yaml.Node, depth int) (any, error) {
	if err := p.enter(depth); err != nil {
		return nil, err
	}
	switch n.Kind {
	case yaml.AliasNode:
		return p.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			var err error
			if list[i], err = p.value(item, depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case yaml.MappingNode:
		return p.mapping(n, depth)
	}
	return scalar(n)
}

func (p *parser) mapping(n *yaml.Node, depth int) (any, error) {
	out := make(map[string]any, len(n.Content)/2)
	var merged []map[string]any
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return nil, refuse(nil, "line %d: a name must be text", key.Line)
		}
		v, err := p.value(value, depth+1)
		if err != nil {
			return nil, err
		}
		if key.Tag == "!!merge" {
			if merged, err = sources(v, merged, key.Line); err != nil {
				return nil, err
			}
			continue
		}
		if _, twice := out[key.Value]; twice {
			return nil, refuse(nil, "line %d: the name %q is there twice", key.Line, cut(key.Value, 64))
		}
		out[key.Value] = v
	}
	for _, from := range merged { // what stands here itself goes before
		for name, v := range from {
			if _, own := out[name]; !own {
				out[name] = v
			}
		}
	}
	return out, nil
}

// sources are the mappings that "<<" takes in, the first of which goes before.
func sources(v any, already []map[string]any, line int) ([]map[string]any, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, one := range list {
		m, ok := one.(map[string]any)
		if !ok {
			return nil, refuse(nil, "line %d: << takes in mappings only", line)
		}
		already = append(already, m)
	}
	return already, nil
}

// scalar reads a word: as YAML 1.2 does, a date is text.
func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int":
		if i, err := strconv.ParseInt(n.Value, 0, 64); err == nil {
			return json.Number(strconv.FormatInt(i, 10)), nil
		}
		return number(n)
	case "!!float":
		return number(n)
	}
	return n.Value, nil
}

func number(n *yaml.Node) (any, error) {
	if json.Valid([]byte(n.Value)) {
		return json.Number(n.Value), nil
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(n.Value, "_", ""), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, refuse(nil, "line %d: %q is not a number that JSON has", n.Line, cut(n.Value, 64))
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), nil
}
