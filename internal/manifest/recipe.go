package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// A Recipe says what sources and endpoints are to be in an application: they have the
// fields that they have in a manifest, and what users have to say stands there as
// ${NAME}.
type Recipe struct {
	Name  string
	About string // in a line
	Needs string // what has to be there before, and what to do afterwards

	Inputs    []*Input // in the file's order
	Sources   []*Item
	Endpoints []*Item
	Examples  []*Example
}

// An Example is a message that shows what a recipe does.
type Example struct {
	About     string
	EventType string
	Payload   json.RawMessage
	Headers   map[string]string // as a source keeps them
	Channels  []string
	// Want are texts that stand in what is sent for it. Nothing is sent for one that
	// wants nothing.
	Want []string
}

// MaxRecipe is how long a recipe may be, in bytes.
const MaxRecipe = 256 << 10

// Bounds of a recipe.
const (
	maxInputs   = 50
	maxMade     = 20 // sources and endpoints
	maxExamples = 20
)

var recipeName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// RecipeNamed reports whether a recipe may have that name.
func RecipeNamed(name string) bool { return recipeName.MatchString(name) }

// ReadRecipe reads a recipe, with values in the place of inputs; see
// [Recipe.Values]. Without a grammar it does not look at sources and endpoints. The
// error is Problems, if it is the file's fault.
func ReadRecipe(file string, text []byte, g *Grammar, values map[string]string) (*Recipe, error) {
	r := &reader{file: file, grammar: g}
	if len(text) > MaxRecipe {
		r.problems.add(file, 1, "the recipe is larger than %d KiB", MaxRecipe>>10)
		return nil, r.problems
	}
	docs := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	err := docs.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		r.problems.add(file, 1, `the file is empty; a recipe begins with "recipe: " and its name`)
		return nil, r.problems
	}
	if err != nil {
		r.syntax(err)
		return nil, r.problems
	}
	if !errors.Is(docs.Decode(&more), io.EOF) {
		r.problems.add(file, 1, "a recipe is one document")
		return nil, r.problems
	}
	if r.noAliases(doc.Content[0]); len(r.problems) > 0 { // of which a few say very much
		return nil, r.problems
	}
	recipe := r.recipe(doc.Content[0], values)
	return recipe, r.problems.err()
}

// noAliases refuses them.
func (r *reader) noAliases(n *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		r.fail(n, "a recipe repeats nothing with *; write it out")
	}
	for _, inner := range n.Content {
		r.noAliases(inner)
	}
}

var recipeMembers = []string{"recipe", "about", "needs", "inputs", "sources", "endpoints", "examples"}

func (r *reader) recipe(n *yaml.Node, values map[string]string) *Recipe {
	recipe := &Recipe{}
	if n.Kind != yaml.MappingNode {
		r.fail(n, `a recipe begins with "recipe: " and its name`)
		return recipe
	}
	parts := make(map[string]*yaml.Node)
	for _, m := range r.members(n, 0) {
		if !slices.Contains(recipeMembers, m.name) {
			r.fail(m.key, "%q is not known here%s", m.name, suggestion(m.name, recipeMembers))
		}
		parts[m.name] = m.value
	}
	if recipe.Name = r.text("recipe", parts["recipe"]); !RecipeNamed(recipe.Name) {
		r.fail(n, `the recipe has no name, such as "recipe: github-slack", of small letters, digits and "-"`)
	}
	if recipe.About = r.text("about", parts["about"]); recipe.About == "" {
		r.fail(n, `the recipe does not say what it is for; begin "about: "`)
	}
	recipe.Needs = r.text("needs", parts["needs"])
	recipe.Inputs = r.inputs(parts["inputs"])
	r.examples(recipe, parts["examples"])
	if r.grammar != nil && len(r.problems) == 0 {
		f := &filling{reader: r, inputs: recipe.Inputs, values: values}
		recipe.Sources = r.made(Source, parts["sources"], f)
		recipe.Endpoints = r.made(Endpoint, parts["endpoints"], f)
		f.unused()
		if len(recipe.Endpoints) == 0 && len(r.problems) == 0 {
			r.fail(n, `the recipe has no endpoints; begin "endpoints:"`)
		}
		r.uids(recipe)
	}
	return recipe
}

// made reads the sources or endpoints, filled in.
func (r *reader) made(k Kind, n *yaml.Node, f *filling) (items []*Item) {
	if n == nil {
		return nil
	}
	if r.grammar.kinds[k] == nil {
		r.fail(n, "the server has no %ss", k)
		return nil
	}
	r.each(n, func(n *yaml.Node) {
		f.item(n)
		item := r.item(k, n, nil)
		if item == nil {
			return
		}
		if code := item.Field("transformation"); code != nil {
			code.Value = f.script(code.Value)
		}
		if items = append(items, item); len(items) == maxMade+1 {
			r.fail(n, "more than %d %ss", maxMade, k)
		}
	})
	return items
}

// uids refuses those that are there twice.
func (r *reader) uids(recipe *Recipe) {
	for _, items := range [][]*Item{recipe.Sources, recipe.Endpoints} {
		seen := make(map[string]bool)
		for _, item := range items {
			if seen[item.Name] {
				r.problems.add(r.file, item.Line, "%s %q is there already; keep one of the two", item.Kind, item.Name)
			}
			seen[item.Name] = true
		}
	}
}

func (r *reader) examples(recipe *Recipe, n *yaml.Node) {
	if n == nil {
		return
	}
	r.each(n, func(n *yaml.Node) {
		if len(recipe.Examples) == maxExamples {
			r.fail(n, "more than %d examples", maxExamples)
			return
		}
		recipe.Examples = append(recipe.Examples, r.example(n))
	})
}

func (r *reader) example(n *yaml.Node) *Example {
	e := &Example{}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "an example has an eventType and a payload")
		return e
	}
	for _, m := range r.members(n, 0) {
		switch m.name {
		case "about":
			e.About = r.text(m.name, m.value)
		case "eventType":
			e.EventType = r.text(m.name, m.value)
		case "payload":
			var b bytes.Buffer
			r.write(&b, m.value, asItIs, 0)
			e.Payload = b.Bytes()
		case "headers":
			e.Headers = make(map[string]string)
			if headers := r.target(m.value); headers.Kind == yaml.MappingNode {
				for _, h := range r.members(headers, 0) {
					e.Headers[h.name] = r.text(h.name, h.value)
				}
			}
		case "channels":
			e.Channels = r.texts(m.name, m.value)
		case "want":
			e.Want = r.texts(m.name, m.value)
		default:
			r.fail(m.key, "an example has no %q%s", m.name, suggestion(m.name, []string{"about", "eventType", "payload", "headers", "channels", "want"}))
		}
	}
	if e.EventType == "" || len(e.Payload) == 0 {
		r.fail(n, "an example has an eventType and a payload")
	}
	return e
}

// text is what a node says; "" if it is not there.
func (r *reader) text(name string, n *yaml.Node) string {
	if n == nil {
		return ""
	}
	n = r.target(n)
	switch {
	case isNull(n):
		return ""
	case n.Kind != yaml.ScalarNode:
		r.fail(n, "%s must be text", name)
		return ""
	}
	return n.Value
}

func (r *reader) texts(name string, n *yaml.Node) (all []string) {
	r.each(n, func(n *yaml.Node) { all = append(all, r.text(name, n)) })
	return all
}

// Body is what makes the item, as the API wants it, under the uid with prefix before it.
func (i *Item) Body(prefix string) (json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	for _, f := range i.Fields {
		members[f.Name] = f.Value
	}
	uid, err := json.Marshal(prefix + i.Name)
	if err != nil {
		return nil, err
	}
	members[i.Kind.identity()] = uid
	body, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.Where(), err)
	}
	return body, nil
}
