package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Bounds on a file.
const (
	MaxBytes = 8 << 20
	maxNodes = 500_000 // with what aliases repeat
	maxDepth = 64
)

// Read reads a file of YAML documents. Where a URL, a header or a secret has
// ${NAME}, getenv says what stands for it; $${ is an ordinary ${. What it has no
// value for is told by [Manifest.Unset]. The error is Problems, if it is the file's
// fault.
func Read(file string, text []byte, g *Grammar, getenv func(string) string) (*Manifest, error) {
	r := &reader{file: file, grammar: g, getenv: getenv, m: &Manifest{}}
	if len(text) > MaxBytes {
		r.problems.add(file, 1, "the file is larger than %d MiB; divide it", MaxBytes>>20)
		return nil, r.problems
	}
	docs := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		err := docs.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			r.syntax(err)
			return nil, r.problems
		}
		if len(doc.Content) > 0 {
			r.document(doc.Content[0])
		}
	}
	if err := r.problems.err(); err != nil {
		return nil, err
	}
	return r.m, r.m.checkTwice()
}

// A reader reads one file.
type reader struct {
	file     string
	grammar  *Grammar
	getenv   func(string) string // nil: a recipe is read, which is filled in already
	m        *Manifest
	nodes    int
	problems Problems
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.problems.add(r.file, n.Line, format, args...)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax notes what the YAML parser says.
func (r *reader) syntax(err error) {
	text, line := err.Error(), 1
	if found := yamlLine.FindStringSubmatch(text); found != nil {
		text = text[len(found[0]):]
		if n, err := strconv.Atoi(found[1]); err == nil {
			line = n
		}
	}
	r.problems.add(r.file, line, "this is not YAML: %s", text)
}

// A member is one name of a mapping with its value.
type member struct {
	name  string
	key   *yaml.Node
	value *yaml.Node
}

// target follows an alias.
func (r *reader) target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// enter counts a node, and reports whether it may be looked into.
func (r *reader) enter(n *yaml.Node, depth int) bool {
	r.nodes++
	if r.nodes == maxNodes {
		r.fail(n, "the file has more than %d values, with those that aliases repeat; divide it", maxNodes)
	}
	if depth == maxDepth {
		r.fail(n, "nests deeper than %d levels", maxDepth)
	}
	return r.nodes < maxNodes && depth < maxDepth
}

// members are those of a mapping, with what "<<" merges into it.
func (r *reader) members(n *yaml.Node, depth int) []member {
	var all, merged []member
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := r.target(n.Content[i]), n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			r.fail(n.Content[i], "a name is text")
		case key.Tag == "!!merge":
			merged = append(merged, r.merge(value, depth+1)...)
		case seen[key.Value]:
			r.fail(key, "%q is there twice; keep one", key.Value)
		default:
			seen[key.Value] = true
			all = append(all, member{key.Value, key, value})
		}
	}
	for _, m := range merged {
		if !seen[m.name] {
			seen[m.name] = true
			all = append(all, m)
		}
	}
	return all
}

func (r *reader) merge(value *yaml.Node, depth int) []member {
	n := r.target(value)
	switch {
	case !r.enter(n, depth):
	case n.Kind == yaml.MappingNode:
		return r.members(n, depth)
	case n.Kind == yaml.SequenceNode:
		var all []member
		for _, item := range n.Content {
			all = append(all, r.merge(item, depth+1)...)
		}
		return all
	default:
		r.fail(value, "<< merges what an alias stands for")
	}
	return nil
}

// isNull reports whether a value is left out.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func (r *reader) document(n *yaml.Node) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, `a file begins with "applications:" or "eventTypes:"`)
		return
	}
	for _, m := range r.members(n, 0) {
		switch m.name {
		case "applications":
			r.m.HasApplications = true
			r.each(m.value, func(n *yaml.Node) { r.application(n) })
		case "eventTypes":
			r.m.HasEventTypes = true
			r.each(m.value, func(n *yaml.Node) {
				if item := r.item(EventType, n, nil); item != nil {
					r.m.EventTypes = append(r.m.EventTypes, item)
				}
			})
		default:
			r.fail(m.key, "%q is not known here%s", m.name, suggestion(m.name, []string{"applications", "eventTypes"}))
		}
	}
}

// each reads a list.
func (r *reader) each(n *yaml.Node, read func(*yaml.Node)) {
	n = r.target(n)
	switch {
	case isNull(n):
	case n.Kind != yaml.SequenceNode:
		r.fail(n, `must be a list, each beginning with "- "`)
	default:
		for _, item := range n.Content {
			if r.enter(item, 0) {
				read(r.target(item))
			}
		}
	}
}

func (r *reader) application(n *yaml.Node) {
	lists := map[string]struct {
		kind  Kind
		items *[]*Item
	}{"endpoints": {Endpoint, &r.m.Endpoints}, "sources": {Source, &r.m.Sources}}
	var within []member
	app := r.item(Application, n, func(m member) bool {
		_, is := lists[m.name]
		if is {
			within = append(within, m)
		}
		return is
	})
	if app == nil {
		return
	}
	r.m.Applications = append(r.m.Applications, app)
	for _, m := range within {
		list := lists[m.name]
		r.each(m.value, func(n *yaml.Node) {
			if item := r.item(list.kind, n, nil); item != nil {
				item.App = app.Name
				*list.items = append(*list.items, item)
			}
		})
	}
}

// item reads one thing, but for the members that other takes. It returns nil if
// it has no name.
func (r *reader) item(k Kind, n *yaml.Node, other func(member) bool) *Item {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s has fields, such as %q", k.one(), k.identity()+": …")
		return nil
	}
	schema := r.grammar.kinds[k]
	if schema == nil {
		r.fail(n, "the server takes no %s: it is older than this program", k)
		return nil
	}
	before := len(r.problems)
	item := &Item{Kind: k, File: r.file, Line: n.Line}
	seen := make(map[string]bool)
	for _, m := range r.members(n, 0) {
		name := m.name
		if other != nil && other(m) {
			continue
		}
		s := r.grammar.resolve(schema.Properties[name])
		if schema.Properties[name] == nil {
			names := slices.Collect(maps.Keys(schema.Properties))
			if other != nil {
				names = append(names, "endpoints", "sources")
			}
			r.fail(m.key, "%s has no field %q%s", k.one(), name, suggestion(name, names))
			continue
		}
		if alias := Aliases[name]; alias != "" {
			name = alias
		}
		if seen[name] {
			r.fail(m.key, "%q says again what another name says above; keep one", m.name)
		}
		seen[name] = true
		r.field(item, name, m, s)
	}
	if item.Name == "" {
		r.fail(n, "the %s has no %s; it is known by that", k, k.identity())
		return nil
	}
	if k == Endpoint && item.Field("url") == nil && item.EndpointKind() == "webhook" && (!seen["url"] || len(r.problems) == before) {
		r.fail(n, "%s %q has no url", k, item.Name)
	}
	for _, name := range schema.Required {
		if name != k.identity() && name != "url" && !seen[name] {
			r.fail(n, "%s %q has no %s", k, item.Name, name)
		}
	}
	return item
}

// field reads one field into item.
func (r *reader) field(item *Item, name string, m member, s *Schema) {
	value := r.target(m.value)
	if isNull(value) || slices.Contains(meaningless, name) {
		return
	}
	before := len(r.problems)
	r.check(name, value, s, 0)
	if len(r.problems) > before {
		return
	}
	if name == item.Kind.identity() {
		item.Name = value.Value
		return
	}
	f := Field{Name: name, Line: m.key.Line}
	expand := asItIs
	if r.getenv != nil && Expands(item.Kind, name) {
		expand = func(n *yaml.Node) string { return r.expand(n, &f) }
	}
	var b bytes.Buffer
	r.write(&b, value, expand, 0)
	f.Value = b.Bytes()
	item.Fields = append(item.Fields, f)
}

// check holds a value to a schema.
func (r *reader) check(name string, n *yaml.Node, s *Schema, depth int) {
	n = r.target(n)
	s = r.grammar.resolve(s)
	if s == nil || isNull(n) || !r.enter(n, depth) {
		return
	}
	kind := kindOf(n)
	switch {
	case kind == "integer" && s.is("number"):
	case !s.is(kind):
		hint := ""
		if s.is("string") && n.Kind == yaml.ScalarNode {
			hint = fmt.Sprintf("; put it in quotes: %q", n.Value)
		}
		r.fail(n, "%s must be %s%s", name, s.wants(), hint)
		return
	}
	switch kind {
	case "array":
		for _, item := range n.Content {
			r.check(name, item, s.Items, depth+1)
		}
	case "object":
		r.checkMembers(name, n, s, depth)
	case "string":
		r.checkWord(name, n, s)
	}
}

func (r *reader) checkMembers(name string, n *yaml.Node, s *Schema, depth int) {
	for _, m := range r.members(n, depth) {
		switch inner, known := s.Properties[m.name]; {
		case known:
			r.check(name+"."+m.name, m.value, inner, depth+1)
		case s.Additional != nil || len(s.Properties) == 0:
			r.check(name+"."+m.name, m.value, s.Additional, depth+1)
		default:
			r.fail(m.key, "%s has no field %q%s", name, m.name, suggestion(m.name, slices.Collect(maps.Keys(s.Properties))))
		}
	}
}

func (r *reader) checkWord(name string, n *yaml.Node, s *Schema) {
	var words []string
	for _, word := range s.Enum {
		if text, ok := word.(string); ok {
			words = append(words, text)
		}
	}
	if len(words) > 0 && !slices.Contains(words, n.Value) {
		r.fail(n, "%s cannot be %q%s", name, n.Value, suggestion(n.Value, words))
	}
}
