package expression

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// changes declares changed(path).
func changes() cel.EnvOption {
	const full = "@changed"
	macro := cel.GlobalMacro("changed", 1, func(eh cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		return eh.NewCall(full, eh.NewIdent("payload"), args[0]), nil
	})
	function := cel.Function(full, cel.Overload("changed_dyn_string", []*cel.Type{cel.DynType, cel.StringType}, cel.BoolType,
		cel.BinaryBinding(func(payload, path ref.Val) ref.Val { return changed(payload, string(path.(types.String))) })))
	return cel.Lib(library{macro, function})
}

// A library is options for the environment, some of them macros.
type library struct {
	macro    cel.Macro
	function cel.EnvOption
}

// CompileOptions is cel.Library's.
func (l library) CompileOptions() []cel.EnvOption {
	return []cel.EnvOption{cel.Macros(l.macro), l.function}
}

// ProgramOptions is cel.Library's.
func (l library) ProgramOptions() []cel.ProgramOption { return nil }

// changed reports whether what stands at path, names with dots between, differs from
// what stood there before. Where a payload does not tell what was before, nothing did.
func changed(payload ref.Val, path string) ref.Val {
	attributes, before := at(payload, "data.previous_attributes"), at(payload, "previous")
	was := at(attributes, path)
	if err := firstError(attributes, before, was); err != nil {
		return err
	}
	if attributes != nil {
		return types.Bool(was != nil)
	}
	if _, ok := before.(traits.Mapper); !ok {
		return types.False
	}
	now := payload
	if data, ok := at(payload, "data").(traits.Mapper); ok {
		now = data
	}
	a, b := at(before, path), at(now, path)
	if err := firstError(a, b); err != nil {
		return err
	}
	if a == nil || b == nil {
		return types.Bool((a == nil || a == types.NullValue) != (b == nil || b == types.NullValue))
	}
	return types.Bool(a.Equal(b) != types.True)
}

// firstError is the first of some values that could not be read; nil: all could.
func firstError(values ...ref.Val) ref.Val {
	for _, v := range values {
		if types.IsError(v) {
			return v
		}
	}
	return nil
}

// at is the value at a path of names with dots between; nil: there is none.
func at(v ref.Val, path string) ref.Val {
	for more := true; more; {
		var name string
		name, path, more = strings.Cut(path, ".")
		m, ok := v.(traits.Mapper)
		if !ok {
			return nil
		}
		if v, ok = m.Find(types.String(name)); !ok {
			return nil
		}
		if types.IsError(v) {
			return v
		}
	}
	return v
}
