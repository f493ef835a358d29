package expression

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// texts declares the functions of strings. CEL's own extension has more, and makes
// strings of any size.
func texts() cel.EnvOption {
	str, list := cel.StringType, cel.ListType(cel.DynType)
	unary := func(name string, f func(string) string) cel.EnvOption {
		return cel.Function(name, cel.MemberOverload("string_"+name, []*cel.Type{str}, str,
			cel.UnaryBinding(func(s ref.Val) ref.Val { return types.String(f(string(s.(types.String)))) })))
	}
	return cel.Lib(functions{
		unary("lower", strings.ToLower), unary("upper", strings.ToUpper), unary("trim", strings.TrimSpace),
		cel.Function("replace", cel.MemberOverload("string_replace", []*cel.Type{str, str, str}, str, cel.FunctionBinding(replace))),
		cel.Function("split", cel.MemberOverload("string_split", []*cel.Type{str, str}, cel.ListType(str), cel.BinaryBinding(split))),
		cel.Function("join", cel.MemberOverload("list_join", []*cel.Type{list, str}, str, cel.BinaryBinding(join))),
		cel.Function("substring", cel.MemberOverload("string_substring", []*cel.Type{str, cel.IntType, cel.IntType}, str, cel.FunctionBinding(substring))),
	})
}

func replace(args ...ref.Val) ref.Val {
	s, before, after := string(args[0].(types.String)), string(args[1].(types.String)), string(args[2].(types.String))
	if len(s)+strings.Count(s, before)*len(after) > maxProduced {
		return errTooLong
	}
	return types.String(strings.ReplaceAll(s, before, after))
}

func split(s, by ref.Val) ref.Val {
	text, sep := string(s.(types.String)), string(by.(types.String))
	if strings.Count(text, sep) > maxCost {
		return errTooLong
	}
	return types.NewStringList(types.DefaultTypeAdapter, strings.Split(text, sep))
}

// join puts texts between which stands sep together; values that are no strings stand
// as in a template.
func join(list, sep ref.Val) ref.Val {
	var b strings.Builder
	for it, i := list.(traits.Lister).Iterator(), 0; it.HasNext() == types.True; i++ {
		if i > 0 {
			b.WriteString(string(sep.(types.String)))
		}
		b.WriteString(textOf(it.Next()))
		if b.Len() > maxProduced {
			return errTooLong
		}
	}
	return types.String(b.String())
}

// substring is the characters from one place up to another; places beyond the end are
// the end.
func substring(args ...ref.Val) ref.Val {
	s := []rune(string(args[0].(types.String)))
	n := types.Int(len(s))
	to := min(max(args[2].(types.Int), 0), n)
	from := min(max(args[1].(types.Int), 0), to)
	return types.String(string(s[from:to]))
}
