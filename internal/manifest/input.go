package manifest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// An Input is something that the user of a recipe has to say.
type Input struct {
	Name     string // stands in the recipe as ${NAME}
	About    string
	Default  string // "": there is none
	Example  string // a value that it may have, made up
	Secret   bool   // must not be shown
	Generate bool   // a random one will do, if it is not given
	Optional bool   // it may be empty
	Number   bool   // is one, and stands there as one

	pattern *regexp.Regexp // nil: anything
	line    int
	used    bool
}

// maxInput is how long a value may be, in bytes.
const maxInput = 16 << 10

var (
	inputName = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)
	decimal   = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?$`)
)

var inputMembers = []string{"about", "default", "example", "secret", "generate", "optional", "kind", "pattern"}

func (r *reader) inputs(n *yaml.Node) (all []*Input) {
	if n == nil || isNull(r.target(n)) {
		return nil
	}
	if n = r.target(n); n.Kind != yaml.MappingNode {
		r.fail(n, `inputs are names, such as SLACK_URL, and below each what it is`)
		return nil
	}
	for _, m := range r.members(n, 0) {
		if len(all) == maxInputs {
			r.fail(m.key, "more than %d inputs", maxInputs)
			break
		}
		if !inputName.MatchString(m.name) {
			r.fail(m.key, "an input's name has capital letters, digits and _ only, as SLACK_URL has")
			continue
		}
		all = append(all, r.input(m))
	}
	return all
}

func (r *reader) input(m member) *Input {
	in := &Input{Name: m.name, line: m.key.Line}
	n := r.target(m.value)
	if n.Kind != yaml.MappingNode {
		r.fail(m.key, `say what the input %s is; begin "about: " below it`, m.name)
		return in
	}
	for _, m := range r.members(n, 0) {
		text := r.text(m.name, m.value)
		switch m.name {
		case "about":
			in.About = text
		case "default":
			in.Default = text
		case "example":
			in.Example = text
		case "secret":
			in.Secret = r.yes(m, text)
		case "generate":
			in.Generate = r.yes(m, text)
		case "optional":
			in.Optional = r.yes(m, text)
		case "kind":
			if in.Number = text == "number"; !in.Number && text != "text" {
				r.fail(m.value, "kind is text or number")
			}
		case "pattern":
			var err error
			if in.pattern, err = regexp.Compile("^(?:" + text + ")$"); err != nil {
				r.fail(m.value, "%q is not a regular expression as Go has them", text)
			}
		default:
			r.fail(m.key, "an input has no %q%s", m.name, suggestion(m.name, inputMembers))
		}
	}
	r.sound(in, n)
	return in
}

// sound refuses an input that contradicts itself.
func (r *reader) sound(in *Input, n *yaml.Node) {
	switch {
	case in.About == "":
		r.fail(n, `say what the input %s is; begin "about: "`, in.Name)
	case in.Generate && (!in.Secret || in.Number):
		r.fail(n, "only a secret text can be made up by itself")
	case in.Optional && in.Number:
		r.fail(n, "a number is not optional; give it a default")
	case in.Secret && in.Default != "":
		r.fail(n, "a secret has no default, as everybody would have the same")
	case in.Example == "" && in.Default == "" && !in.Generate && !in.Optional:
		r.fail(n, "give the input %s an example", in.Name)
	}
	for _, text := range []string{in.Default, in.Example} {
		if text != "" {
			if err := in.check(text); err != nil {
				r.fail(n, "%s: %q: %v", in.Name, text, err)
			}
		}
	}
}

func (r *reader) yes(m member, text string) bool {
	if text != "true" && text != "false" {
		r.fail(m.value, "%s is true or false", m.name)
	}
	return text == "true"
}

// check says what is wrong with a value.
func (in *Input) check(text string) error {
	switch {
	case len(text) > maxInput:
		return fmt.Errorf("is longer than %d bytes", maxInput)
	case in.Number && !decimal.MatchString(text):
		return fmt.Errorf("is not a number, such as 12 or 0.5")
	case in.pattern != nil && !in.pattern.MatchString(text):
		return fmt.Errorf("is not as it has to be: %s", strings.TrimSuffix(strings.TrimPrefix(in.pattern.String(), "^(?:"), ")$"))
	}
	return nil
}

// Values are what the inputs come to: what is given, their defaults, or, if examples,
// their examples. made are those of them that were made up. The error is an
// *[InputError].
func (r *Recipe) Values(given map[string]string, examples bool) (values, made map[string]string, err error) {
	values, made = make(map[string]string), make(map[string]string)
	wrong := &InputError{Wrong: make(map[string]string)}
	for name := range given {
		if !slices.ContainsFunc(r.Inputs, func(in *Input) bool { return in.Name == name }) {
			names := make([]string, len(r.Inputs))
			for i, in := range r.Inputs {
				names[i] = in.Name
			}
			wrong.Wrong[name] = "is no input of this recipe" + suggestion(name, names)
		}
	}
	for _, in := range r.Inputs {
		value := given[in.Name]
		switch {
		case value != "":
			if err := in.check(value); err != nil {
				wrong.Wrong[in.Name] = err.Error() // which does not show it
			}
		case in.Default != "":
			value = in.Default
		case examples && in.Example != "":
			value = in.Example
		case in.Generate:
			value = strings.ToLower(rand.Text())
			made[in.Name] = value
		case !in.Optional:
			wrong.Missing = append(wrong.Missing, in)
		}
		values[in.Name] = value
	}
	if len(wrong.Missing)+len(wrong.Wrong) > 0 {
		return nil, nil, wrong
	}
	return values, made, nil
}

// An InputError says which inputs are missing, and what is wrong with others.
type InputError struct {
	Missing []*Input
	Wrong   map[string]string // by name
}

// Error says it in words.
func (e *InputError) Error() string {
	var all []string
	for _, in := range e.Missing {
		all = append(all, in.Name+" is missing: "+in.About)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Wrong)) {
		all = append(all, name+" "+e.Wrong[name])
	}
	return strings.Join(all, "; ")
}

// A filling puts values in the place of inputs.
type filling struct {
	*reader
	inputs []*Input
	values map[string]string
	size   int // of all texts that are filled in, in bytes
}

// maxFilled bounds the texts of a recipe once they are filled in, in bytes.
const maxFilled = 1 << 20

// item fills in the fields of a source or endpoint. A script has ${…} of its own, and
// is left as it is; a filter is all expression.
func (f *filling) item(n *yaml.Node) {
	if n.Kind == yaml.SequenceNode { // that is merged
		for _, inner := range n.Content {
			f.item(inner)
		}
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch key, value := n.Content[i], n.Content[i+1]; {
		case key.Tag == "!!merge":
			f.item(value)
		case key.Value != "transformation":
			f.value(value, key.Value == "filter")
		}
	}
}

func (f *filling) value(n *yaml.Node, filter bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		f.scalarNode(n, filter)
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			f.value(n.Content[i], filter)
		}
	case yaml.SequenceNode:
		for _, inner := range n.Content {
			f.value(inner, filter)
		}
	}
}

// scalarNode fills in one text. One that is an input and nothing else is of that input's
// kind.
func (f *filling) scalarNode(n *yaml.Node, filter bool) {
	var b strings.Builder
	text, last := n.Value, 0
	for _, at := range variable.FindAllStringIndex(text, -1) {
		found, before := text[at[0]:at[1]], text[last:at[0]]
		b.WriteString(before)
		last = at[1]
		if strings.HasPrefix(found, "$$") {
			b.WriteString(found[1:])
			continue
		}
		name, closed := strings.CutSuffix(found[len("${"):], "}")
		in := f.find(name)
		if !closed || in == nil {
			f.fail(n, "${ begins an input's name, as in ${SLACK_URL}, and there is none %q; write $${ for the characters themselves", name)
			return
		}
		in.used = true
		value := f.values[name]
		switch whole := found == text; {
		case in.Number && whole && !filter:
			n.Tag, n.Style = "!!float", 0
			if !strings.Contains(value, ".") {
				n.Tag = "!!int"
			}
		case !in.Number && (filter || within(text[:at[0]])):
			value = unbraced.Replace(quoted(value))
		}
		b.WriteString(value)
		if f.size += len(value); f.size > maxFilled {
			f.fail(n, "the recipe has more than %d MiB with what is put into it", maxFilled>>20)
			return
		}
	}
	n.Value = b.String() + text[last:]
}

func (f *filling) find(name string) *Input {
	for _, in := range f.inputs {
		if in.Name == name {
			return in
		}
	}
	return nil
}

// within reports whether what follows text stands in an expression of a template.
func within(text string) bool {
	return strings.LastIndex(text, "{{") > strings.LastIndex(text, "}}")
}

// quoted is text as JSON has it, and expressions.
func quoted(text string) string {
	var b bytes.Buffer
	writeText(&b, text)
	return b.String()
}

// unbraced has nothing in it that ends an expression of a template, or begins one.
var unbraced = strings.NewReplacer("{{", `\u007b\u007b`, "}}", `\u007d\u007d`)

// script is code, a JSON text, with the inputs before it that are no secrets, if it
// looks at them.
func (f *filling) script(code json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(code, &text) != nil || !strings.Contains(text, "inputs.") {
		return code
	}
	known := make(map[string]any)
	for _, in := range f.inputs {
		if in.Secret {
			continue
		}
		if strings.Contains(text, "inputs."+in.Name) {
			in.used = true
		}
		known[in.Name] = f.values[in.Name]
		if in.Number {
			known[in.Name] = json.RawMessage(f.values[in.Name])
		}
	}
	object, err := json.Marshal(known)
	if err != nil {
		return code // of texts and numbers there is always one
	}
	return json.RawMessage(quoted("const inputs = " + string(object) + "; " + text))
}

// unused refuses inputs that stand nowhere.
func (f *filling) unused() {
	for _, in := range f.inputs {
		if !in.used && len(f.problems) == 0 {
			f.problems.add(f.file, in.line, "the input %s stands nowhere, as %s", in.Name, strconv.Quote("${"+in.Name+"}"))
		}
	}
}
