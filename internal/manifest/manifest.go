// Package manifest reads and writes the files that say which applications,
// endpoints, sources and event types there should be: YAML, or JSON, which is YAML. A recipe
// is such a file too, of what is to be in one application, with inputs that are
// filled in. The package promises that what it writes it reads back as the same, and that what is wrong
// with a file is told with its line. What fields there are it is told by the
// server's own description of its API, so that it cannot lag behind; what to do
// about a difference is its caller's affair.
package manifest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A Kind is what an item is.
type Kind int

// The kinds, in the order in which they are made.
const (
	EventType Kind = iota
	Application
	Endpoint
	Source
)

// String returns the kind in words.
func (k Kind) String() string {
	return [...]string{"event type", "application", "endpoint", "source"}[k]
}

// one is the kind in words, with its article.
func (k Kind) one() string {
	if k == Source {
		return "a source"
	}
	return "an " + k.String()
}

// identity is the field by which things of a kind are known.
func (k Kind) identity() string {
	if k == EventType {
		return "name"
	}
	return "uid"
}

// A Manifest is what files say there should be.
type Manifest struct {
	EventTypes   []*Item
	Applications []*Item
	Endpoints    []*Item // of all applications
	Sources      []*Item // of all applications

	// HasEventTypes and HasApplications tell a list that is empty from one that
	// is not there.
	HasEventTypes, HasApplications bool
}

// An Item is one thing that should be there.
type Item struct {
	Kind   Kind
	App    string  // uid of the application it is in, for an endpoint or a source
	Name   string  // its uid; the name of an event type
	Fields []Field // in the file's order, by the API's names; neither those that name it nor those that are null

	File string
	Line int
}

// A Field is what a file says of one field.
type Field struct {
	Name   string
	Value  json.RawMessage
	Line   int
	Hidden bool // it has come from the environment, and must not be shown
	Unset  []Variable
}

// A Variable of the environment has no value where a field takes it.
type Variable struct {
	Name string
	Line int
}

// all are the lists of items.
func (m *Manifest) all() [][]*Item {
	return [][]*Item{m.EventTypes, m.Applications, m.Endpoints, m.Sources}
}

// Unset tells which variables of the environment have to be set before anything can
// be made of m; nil if none.
func (m *Manifest) Unset() error {
	var problems Problems
	for _, items := range m.all() {
		for _, item := range items {
			for _, f := range item.Fields {
				for _, v := range f.Unset {
					problems.add(item.File, v.Line, "the environment variable %s is not set", v.Name)
				}
			}
		}
	}
	return problems.err()
}

// Where says where in which file the item stands.
func (i *Item) Where() string { return fmt.Sprintf("%s:%d", i.File, i.Line) }

// Field returns the item's field of that name, nil if the file does not have it.
func (i *Item) Field(name string) *Field {
	for n := range i.Fields {
		if i.Fields[n].Name == name {
			return &i.Fields[n]
		}
	}
	return nil
}

// EndpointKind is what kind of endpoint the item is, if it is one: webhook, unless the
// file says otherwise. Those of other kinds need no url.
func (i *Item) EndpointKind() string {
	kind := "webhook"
	if f := i.Field("kind"); f != nil {
		_ = json.Unmarshal(f.Value, &kind) // the grammar has seen to it that it is text
	}
	return kind
}

// Add takes in what another file says. It fails where both say the same thing.
func (m *Manifest) Add(other *Manifest) error {
	m.EventTypes = append(m.EventTypes, other.EventTypes...)
	m.Applications = append(m.Applications, other.Applications...)
	m.Endpoints = append(m.Endpoints, other.Endpoints...)
	m.Sources = append(m.Sources, other.Sources...)
	m.HasEventTypes = m.HasEventTypes || other.HasEventTypes
	m.HasApplications = m.HasApplications || other.HasApplications
	return m.checkTwice()
}

// checkTwice refuses what is there twice.
func (m *Manifest) checkTwice() error {
	var problems Problems
	type key struct {
		kind      Kind
		app, name string
	}
	seen := make(map[key]*Item)
	for _, items := range m.all() {
		for _, item := range items {
			k := key{item.Kind, item.App, item.Name}
			if first := seen[k]; first != nil {
				problems.add(item.File, item.Line, "%s %q is at %s already; keep one of the two", item.Kind, item.Name, first.Where())
				continue
			}
			seen[k] = item
		}
	}
	return problems.err()
}

// Problems are what is wrong with a file.
type Problems []Problem

// A Problem is one thing that is wrong, and where.
type Problem struct {
	File string
	Line int
	Text string
}

// maxProblems bounds how many are told at once.
const maxProblems = 20

func (p *Problems) add(file string, line int, format string, args ...any) {
	if len(*p) < maxProblems {
		*p = append(*p, Problem{file, line, fmt.Sprintf(format, args...)})
	}
}

// err returns p if there are any.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// Error returns a line for each.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = fmt.Sprintf("%s:%d: %s", problem.File, problem.Line, problem.Text)
	}
	return strings.Join(lines, "\n")
}
