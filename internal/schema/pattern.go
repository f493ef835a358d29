package schema

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds on patterns. They take linear time, whatever they are, but it grows with
// their size too.
const (
	maxPattern     = 1024   // bytes of one
	maxPatternSize = 10_000 // steps of one, once its repetitions are written out
	maxPatternSum  = 50_000 // of all patterns of a schema
)

// patterns compile the patterns of one schema, each once.
type patterns struct {
	meter *meter
	known map[string]*pattern
	sum   int
}

func newPatterns(m *meter) *patterns {
	return &patterns{meter: m, known: make(map[string]*pattern)}
}

// A pattern pays for what it looks at.
type pattern struct {
	*regexp.Regexp
	size  int
	meter *meter
}

// MatchString implements jsonschema.Regexp.
func (p *pattern) MatchString(s string) bool {
	p.meter.charge(4 + len(s)*p.size/64)
	return p.Regexp.MatchString(s)
}

// compile implements jsonschema.RegexpEngine.
func (p *patterns) compile(text string) (jsonschema.Regexp, error) {
	if known, ok := p.known[text]; ok {
		return known, nil
	}
	if len(text) > maxPattern {
		return nil, fmt.Errorf("a pattern has at most %d bytes", maxPattern)
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	size := stepsOf(tree)
	if p.sum += size; size > maxPatternSize || p.sum > maxPatternSum {
		return nil, fmt.Errorf("repeats too much: a pattern has at most %d steps once its repetitions are written out, all patterns together %d", maxPatternSize, maxPatternSum)
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	p.known[text] = &pattern{compiled, size, p.meter}
	return p.known[text], nil
}

// stepsOf is about how many steps a pattern has once it is compiled.
func stepsOf(tree *syntax.Regexp) int {
	steps := 1 + len(tree.Rune)
	for _, sub := range tree.Sub {
		steps += stepsOf(sub)
	}
	if tree.Op == syntax.OpRepeat {
		steps *= max(1, tree.Min, tree.Max)
	}
	return min(steps, maxPatternSize+1)
}
