package schema

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// A Violation says where something is not as it should be, and what would be
// right.
type Violation struct {
	Path   []string // names and places in lists that lead there
	Reason string   // a sentence fragment of at most some 300 bytes
}

func (v *Violation) Error() string {
	if len(v.Path) == 0 {
		return v.Reason
	}
	return "at " + v.Pointer() + ": " + v.Reason
}

// Pointer is the path as a JSON Pointer.
func (v *Violation) Pointer() string {
	var b strings.Builder
	for _, name := range v.Path {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(cut(name)))
	}
	return b.String()
}

// maxViolations is how many are told of at once.
const maxViolations = 4

// violations are the first of what err says, in order of place.
func violations(err error) []Violation {
	var known *Violation
	if errors.As(err, &known) {
		return []Violation{*known}
	}
	var tree *jsonschema.ValidationError
	if !errors.As(err, &tree) {
		return []Violation{{Reason: cut(err.Error())}}
	}
	var list []Violation
	collect(tree, &list)
	slices.SortFunc(list, func(a, b Violation) int {
		return cmp.Or(slices.Compare(a.Path, b.Path), cmp.Compare(a.Reason, b.Reason))
	})
	list = slices.CompactFunc(list, func(a, b Violation) bool {
		return a.Reason == b.Reason && slices.Equal(a.Path, b.Path)
	})
	if more := len(list) - maxViolations; more > 0 {
		list = slices.Clone(list[:maxViolations])
		last := &list[maxViolations-1]
		last.Reason += fmt.Sprintf("; and there are %d more", more)
	}
	return list
}

// collect finds the leaves. Of alternatives it only says that none fits: what is
// wrong with each would be too much.
func collect(e *jsonschema.ValidationError, list *[]Violation) {
	at := func(reason string, inside ...string) {
		*list = append(*list, Violation{slices.Concat(e.InstanceLocation, inside), reason})
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		for _, cause := range e.Causes {
			collect(cause, list)
		}
	case *kind.Required:
		for _, name := range k.Missing {
			at("is missing", name)
		}
	case *kind.DependentRequired:
		for _, name := range k.Missing {
			at("is missing, as "+quoted(k.Prop)+" is there", name)
		}
	case *kind.Dependency:
		for _, name := range k.Missing {
			at("is missing, as "+quoted(k.Prop)+" is there", name)
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			at("is not in the schema; leave it out", name)
		}
	case *kind.PropertyNames:
		at("is not a name that the schema allows", k.Property)
	default:
		at(reasonOf(k))
	}
}

const noAlternative = "fits none of the alternatives"

// reasonOf says what a value should be.
func reasonOf(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return "must be " + cut(strings.Join(k.Want, " or ")) + ", not " + k.Got
	case *kind.Enum:
		return "must be one of " + values(k.Want)
	case *kind.Const:
		return "must be " + values([]any{k.Want})
	case *kind.Format:
		if k.Want == "regex" {
			return noPattern(k.Err)
		}
		return "must be of the format " + cut(k.Want)
	case *kind.Pattern:
		return "must match the pattern " + cut(k.Want)
	case *kind.Minimum:
		return "must be at least " + number(k.Want)
	case *kind.Maximum:
		return "must be at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be more than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + number(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + number(k.Want)
	case *kind.AnyOf:
		return noAlternative + " (anyOf)"
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return "fits more than one of the alternatives (oneOf)"
		}
		return noAlternative + " (oneOf)"
	case *kind.Not:
		return "is what the schema excludes (not)"
	case *kind.FalseSchema:
		return "is not allowed by the schema"
	}
	return sizeReason(k)
}

// sizeReason says how many or how long something should be.
func sizeReason(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters, not %d", k.Want, k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters, not %d", k.Want, k.Got)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d items, not %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d items, not %d", k.Want, k.Got)
	case *kind.MinProperties:
		return fmt.Sprintf("must have at least %d members, not %d", k.Want, k.Got)
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %d members, not %d", k.Want, k.Got)
	case *kind.AdditionalItems:
		return fmt.Sprintf("has %d items more than the schema has", k.Count)
	case *kind.UniqueItems:
		return fmt.Sprintf("must have no item twice, and items %d and %d are the same", k.Duplicates[0], k.Duplicates[1])
	case *kind.Contains:
		return "has no item of the kind that must be there (contains)"
	case *kind.MinContains:
		return fmt.Sprintf("must have at least %d items of a kind (contains), not %d", k.Want, len(k.Got))
	case *kind.MaxContains:
		return fmt.Sprintf("must have at most %d items of a kind (contains), not %d", k.Want, len(k.Got))
	}
	return "is not what the schema wants"
}

// wrong says what the library finds wrong with a schema.
func wrong(err error) error {
	var meta *jsonschema.SchemaValidationError
	var pattern *jsonschema.InvalidRegexError
	var load *jsonschema.LoadURLError
	switch {
	case errors.As(err, &meta):
		first := violations(meta.Err)[0]
		if n := len(first.Path); n > 0 && first.Path[n-1] == "type" && strings.HasPrefix(first.Reason, noAlternative) {
			first.Reason = `must be "object", "array", "string", "number", "integer", "boolean" or "null", or a list of these`
		}
		first.Path = append(pointer(meta.URL), first.Path...)
		return &first
	case errors.As(err, &pattern):
		return &Violation{pointer(pattern.URL), noPattern(pattern.Err)}
	case errors.As(err, &load):
		return &Violation{Reason: "refers to " + quoted(strings.TrimPrefix(load.URL, base)) + ", which is not within it; put that under $defs"}
	}
	return &Violation{Reason: cut(strings.NewReplacer(location, "", base, "").Replace(err.Error()))}
}

func noPattern(err error) string {
	return "is no pattern that is known here (Go's, without lookaround and back references): " + cut(err.Error())
}

// pointer is the path in what follows "#" of a location.
func pointer(location string) []string {
	_, fragment, _ := strings.Cut(location, "#")
	if fragment == "" {
		return nil
	}
	path := strings.Split(strings.TrimPrefix(fragment, "/"), "/")
	for i, name := range path {
		if plain, err := url.PathUnescape(name); err == nil {
			name = plain
		}
		path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	}
	return path
}

// values shows the first of a list of values.
func values(list []any) string {
	var texts []string
	for _, v := range list[:min(len(list), 5)] {
		text, err := json.Marshal(v)
		if err != nil {
			return "those of the schema"
		}
		texts = append(texts, cut(string(text)))
	}
	if len(list) > 5 {
		texts = append(texts, "…")
	}
	return strings.Join(texts, ", ")
}

func number(n *big.Rat) string {
	if n.IsInt() {
		return cut(n.Num().String())
	}
	near, _ := n.Float64()
	return strconv.FormatFloat(near, 'g', -1, 64)
}

func quoted(s string) string { return `"` + cut(s) + `"` }

// cut bounds what is told of a schema or document.
func cut(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "")
}
