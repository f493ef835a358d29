// Package schema compiles JSON Schemas, checks JSON documents against them, and
// makes documents that fit them. Schemas and documents may come from anyone: what
// a schema refers to must be within it, and work is bounded before it is begun.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds on schemas and on what is checked against them.
const (
	MaxText  = 256 << 10 // bytes of a schema
	maxDepth = 64        // of schemas and documents
	maxParts = 5000      // objects and booleans of a schema: each may be a schema of its own
	maxRefs  = 1000
	maxNest  = 64 // of schemas that look at the same value: references, allOf and the like
)

// A Schema checks documents. It may be used concurrently: checks beyond maxCopies at
// a time wait for others.
type Schema struct {
	text   []byte
	copies chan *compiled // those that nobody uses
	made   atomic.Int32
}

// maxCopies bounds how often a schema is compiled, so that a document that takes
// long does not hold up others.
const maxCopies = 8

// A compiled is a schema that makes one check at a time: the library knows no bound
// on its work, and what counts it has room for one.
type compiled struct {
	root  *jsonschema.Schema
	meter meter
	cost  int // of looking at the root
}

// location is what the library believes schemas to be at, base what it resolves
// references by.
const (
	base     = "schema:///"
	location = base + "it"
)

// Compile reads a schema, by draft 2020-12 if it does not say which. An error is
// a *Violation, of the schema, which says what would be right.
func Compile(text []byte) (*Schema, error) {
	c, err := compile(text)
	if err != nil {
		return nil, err
	}
	s := &Schema{text: bytes.Clone(text), copies: make(chan *compiled, maxCopies)}
	s.made.Store(1)
	s.copies <- c
	return s, nil
}

// take returns a copy that nobody else uses, until it is put back into copies. A
// further one is only made when all are in use.
func (s *Schema) take() *compiled {
	select {
	case c := <-s.copies:
		return c
	default:
	}
	if s.made.Add(1) <= maxCopies {
		if c, err := compile(s.text); err == nil {
			return c
		}
	}
	s.made.Add(-1)
	return <-s.copies
}

func compile(text []byte) (_ *compiled, err error) {
	if len(text) > MaxText {
		return nil, &Violation{Reason: fmt.Sprintf("a schema has at most %d KiB", MaxText>>10)}
	}
	doc, err := read(text)
	if err != nil {
		return nil, err
	}
	var parts, refs int
	count(doc, &parts, &refs)
	switch doc.(type) {
	case map[string]any, bool:
	default:
		return nil, &Violation{Reason: "must be a JSON Schema, which is an object, true or false"}
	}
	if parts > maxParts || refs > maxRefs {
		return nil, &Violation{Reason: fmt.Sprintf("a schema has at most %d objects and booleans, and %d references", maxParts, maxRefs)}
	}
	defer func() {
		if recover() != nil { // the library on some that are very wrong
			err = &Violation{Reason: "is not a JSON Schema that can be read"}
		}
	}()
	s := &compiled{}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(nowhere{})
	c.UseRegexpEngine(newPatterns(&s.meter).compile)
	if err := c.AddResource(location, doc); err != nil {
		return nil, wrong(err)
	}
	if s.root, err = c.Compile(location); err != nil {
		return nil, wrong(err)
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	return s, nil
}

// nowhere is where schemas are loaded from that are not within the one at hand.
type nowhere struct{}

var errNowhere = errors.New("not within the schema")

// Load implements jsonschema.URLLoader.
func (nowhere) Load(string) (any, error) { return nil, errNowhere }

// count counts objects and booleans, each of which may be a schema, and references.
func count(v any, parts, refs *int) {
	switch v := v.(type) {
	case bool:
		*parts++
	case []any:
		for _, item := range v {
			count(item, parts, refs)
		}
	case map[string]any:
		*parts++
		for name, item := range v {
			if strings.HasSuffix(name, "$ref") || name == "$dynamicRef" || name == "$recursiveRef" {
				*refs++
			}
			count(item, parts, refs)
		}
	}
}

// Check says where a document is not as the schema wants it: at most four places,
// always the same ones, and that there are more. None: it is valid.
func (s *Schema) Check(doc []byte) []Violation {
	v, err := read(doc)
	if err != nil {
		var wrong *Violation
		if errors.As(err, &wrong) {
			return []Violation{*wrong}
		}
		return []Violation{{Reason: err.Error()}}
	}
	c := s.take()
	defer func() { s.copies <- c }()
	if err := c.validate(v); err != nil {
		return violations(err)
	}
	return nil
}

func (s *compiled) validate(v any) (err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case spent:
			err = &Violation{Reason: "takes too long to check against its schema; make it smaller, or the schema simpler"}
		default:
			panic(cause)
		}
	}()
	s.meter.left = budget
	s.meter.charge(s.cost)
	return s.root.Validate(v)
}

// read decodes JSON, with numbers as they stand. It refuses what would take
// much time or stack to check.
func read(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, &Violation{Reason: "is not JSON"}
	}
	if dec.More() {
		return nil, &Violation{Reason: "is more than one JSON value"}
	}
	path := make([]string, 0, maxDepth)
	return v, fits(v, path)
}

// fits refuses depth, and numbers that are expensive to calculate with.
func fits(v any, path []string) error {
	if len(path) > maxDepth {
		return &Violation{Path: slices.Clone(path[:3]), Reason: fmt.Sprintf("nests deeper than %d levels", maxDepth)}
	}
	switch v := v.(type) {
	case json.Number:
		if !modest(string(v)) {
			return &Violation{Path: slices.Clone(path), Reason: "is a number beyond what can be checked: at most 64 digits, and an exponent up to 308"}
		}
	case []any:
		for i, item := range v {
			if err := fits(item, append(path, strconv.Itoa(i))); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, item := range v {
			if err := fits(item, append(path, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// modest admits the numbers that programs have: no more digits than a decimal
// type, no larger exponent than a double.
func modest(number string) bool {
	digits, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	exponent = strings.TrimLeft(strings.TrimLeft(exponent, "+-"), "0")
	return len(digits) <= 66 && (len(exponent) < 3 || len(exponent) == 3 && exponent <= "308")
}
