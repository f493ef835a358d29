package expression

import (
	"regexp"
	"regexp/syntax"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Bounds of matches. What it takes follows from what is looked at and from the size of
// the pattern, of which CEL would take any, out of the message too.
const (
	maxPattern  = 256 // bytes
	maxProgram  = 500 // instructions it is compiled to
	maxMatching = 1 << 20
)

// matching declares matches, whose pattern is a literal (RE2).
func matching() cel.EnvOption {
	const bounded = "@matches"
	expand := func(eh cel.MacroExprFactory, text, pattern ast.Expr) (ast.Expr, *cel.Error) {
		literal, ok := types.String(""), pattern.Kind() == ast.LiteralKind
		if ok {
			literal, ok = pattern.AsLiteral().(types.String)
		}
		if !ok {
			return nil, eh.NewError(pattern.ID(), "the pattern of matches is a text in quotes")
		}
		if fault := checkPattern(string(literal)); fault != "" {
			return nil, eh.NewError(pattern.ID(), fault)
		}
		return eh.NewCall(bounded, text, pattern), nil
	}
	return cel.Lib(functions{
		cel.Macros(
			cel.ReceiverMacro("matches", 1, func(eh cel.MacroExprFactory, text ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
				return expand(eh, text, args[0])
			}),
			cel.GlobalMacro("matches", 2, func(eh cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
				return expand(eh, args[0], args[1])
			}),
		),
		cel.Function(bounded, cel.Overload("matches_bounded", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType,
			cel.BinaryBinding(func(text, pattern ref.Val) ref.Val {
				return matches(string(text.(types.String)), string(pattern.(types.String)))
			}))),
	})
}

// checkPattern says what is wrong with a pattern; "" if nothing is.
func checkPattern(pattern string) string {
	if len(pattern) > maxPattern {
		return "the pattern is too long"
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return err.Error()
	}
	if p, err := syntax.Compile(parsed.Simplify()); err != nil || len(p.Inst) > maxProgram {
		return "the pattern repeats too much"
	}
	return ""
}

// patterns are those in use, by their text.
var patterns struct {
	mu     sync.RWMutex
	byText map[string]*regexp.Regexp
}

// maxPatterns bounds them; beyond it, they begin anew.
const maxPatterns = 1000

func matches(text, pattern string) ref.Val {
	if len(text)*len(pattern) > maxMatching {
		return errTooLong
	}
	patterns.mu.RLock()
	re := patterns.byText[pattern]
	patterns.mu.RUnlock()
	if re == nil {
		var err error
		if re, err = regexp.Compile(pattern); err != nil {
			return types.NewErr("%s", err)
		}
		patterns.mu.Lock()
		if patterns.byText == nil || len(patterns.byText) >= maxPatterns {
			patterns.byText = make(map[string]*regexp.Regexp)
		}
		patterns.byText[pattern] = re
		patterns.mu.Unlock()
	}
	return types.Bool(re.MatchString(text))
}
