// Package expression evaluates what people write into filters and templates: CEL, the
// Common Expression Language (https://cel.dev), over a message. What an evaluation may
// cost is bounded, so that an expression can be taken from anyone.
//
// An expression sees
//
//	eventType  string           such as "record.created"
//	payload    any JSON value   such as payload.data.status
//	headers    map of strings   of what a source received, by lower-case name
//	channels   list of strings
//	tags       list of strings
//	answer     any JSON value   of what was looked up for the message; null elsewhere
//
// and has, beside CEL's own functions,
//
//	s.lower()  s.upper()  s.trim()  s.replace(a, b)  s.substring(from, to)
//	s.split(separator)  list.join(separator)
//	changed("status")                    whether that changed; see [Input]
//	distance(lat, lon, lat2, lon2)       metres along the earth's surface
//	within(lat, lon, lat2, lon2, metres) whether it is as near
//	within(lat, lon, [[lat, lon], …])    whether it is inside that polygon
package expression

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Bounds of an expression.
const (
	MaxSource = 4096 // bytes
	maxDepth  = 32   // of what is nested in it
)

// environment is what every expression is compiled in.
var environment = newEnvironment()

func newEnvironment() *cel.Env {
	env, err := cel.NewEnv(
		cel.Variable("eventType", cel.StringType),
		cel.Variable("payload", cel.DynType),
		cel.Variable("headers", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("channels", cel.ListType(cel.StringType)),
		cel.Variable("tags", cel.ListType(cel.StringType)),
		cel.Variable("answer", cel.DynType),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserRecursionLimit(maxDepth),
		cel.ParserExpressionSizeLimit(MaxSource),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(),
			cel.ValidateComprehensionNestingLimit(2)),
		changes(), places(), texts(), matching(),
	)
	if err != nil {
		panic(err) // it is the same each time
	}
	return env
}

// A program is a compiled expression.
type program struct {
	counted cel.Program // stops when it has cost too much
	simple  cel.Program // does not count, for what is short whatever it is asked; nil: it may be long
}

// simpleMost is how long a payload is at most that an expression without loops need
// not be counted on, in bytes.
const simpleMost = 16 << 10

// eval is the expression's value for in.
func (p *program) eval(in *Input) (ref.Val, error) {
	run := p.counted
	if p.simple != nil && len(in.Payload)+len(in.Answer) <= simpleMost {
		run = p.simple
	}
	out, _, err := run.Eval(in)
	return out, err
}

// compile makes a program of an expression whose result is of one of types.
func compile(source string, want ...*cel.Type) (*program, error) {
	if len(source) > MaxSource {
		return nil, fmt.Errorf("%d bytes; at most %d are allowed", len(source), MaxSource)
	}
	if strings.TrimSpace(source) == "" {
		return nil, errors.New("is empty")
	}
	checked, issues := environment.Compile(source)
	if err := issues.Err(); err != nil {
		return nil, errors.New(firstIssue(issues))
	}
	if len(want) > 0 && !isOneOf(checked.OutputType(), want) {
		return nil, fmt.Errorf("is %s, not %s", checked.OutputType(), want[0])
	}
	counted, err := environment.Program(checked, cel.CostLimit(maxCost), cel.CostTracking(costs{}), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, err
	}
	p := &program{counted: counted}
	if loops := ast.MatchDescendants(ast.NavigateAST(checked.NativeRep()), ast.KindMatcher(ast.ComprehensionKind)); len(loops) == 0 {
		p.simple, err = environment.Program(checked, cel.EvalOptions(cel.OptOptimize))
	}
	return p, err
}

func isOneOf(t *cel.Type, want []*cel.Type) bool {
	for _, w := range want {
		if t.IsExactType(w) || t.IsExactType(cel.DynType) {
			return true
		}
	}
	return false
}

// firstIssue says what is wrong with an expression and where, in a line.
func firstIssue(issues *cel.Issues) string {
	first := issues.Errors()[0]
	text, _, _ := strings.Cut(first.Message, "\n")
	return fmt.Sprintf("column %d: %s", first.Location.Column()+1, text)
}

// An Input is the message that an expression is about.
//
// A payload that tells what changed has the resource as it was in "previous", beside
// the resource itself or its "data"; or, as Stripe does, beside "data.object" in
// "data.previous_attributes" what of it is different now.
type Input struct {
	EventType      string
	Payload        []byte
	Headers        map[string]string // by lower-case name
	Channels, Tags []string
	Answer         []byte // nil: nothing was looked up

	payload, answer     ref.Val // nil: not looked at yet
	ofPayload, ofAnswer reading
}

// ResolveName finds a variable, for CEL.
func (in *Input) ResolveName(name string) (any, bool) {
	switch name {
	case "eventType":
		return types.String(in.EventType), true
	case "payload":
		if in.payload == nil {
			in.ofPayload = newReading(in.Payload)
			in.payload = document(in.Payload, &in.ofPayload)
		}
		return in.payload, true
	case "answer":
		switch {
		case in.Answer == nil:
			return types.NullValue, true
		case in.answer == nil:
			in.ofAnswer = newReading(in.Answer)
			in.answer = document(in.Answer, &in.ofAnswer)
		}
		return in.answer, true
	case "headers":
		return in.Headers, true
	case "channels":
		return in.Channels, true
	case "tags":
		return in.Tags, true
	}
	return nil, false
}

// Parent is what resolves names that are unknown here, for CEL: nothing.
func (in *Input) Parent() cel.Activation { return nil }

// fault says in a line why an evaluation ended without a result.
func fault(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	switch {
	case strings.Contains(text, "cost limit"):
		return "it takes too long on this message"
	case strings.HasPrefix(text, "no such key: "):
		return "the message has no " + strings.TrimPrefix(text, "no such key: ")
	case strings.HasPrefix(text, "no such overload"):
		return "something in the message is of another kind than the expression wants"
	}
	return text
}
