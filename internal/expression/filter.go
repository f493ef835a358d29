package expression

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// A Filter says of each message whether it is wanted. It may be used by many at once.
type Filter struct{ program *program }

// ParseFilter reads a filter. Its error says what is wrong, and where.
func ParseFilter(source string) (*Filter, error) {
	p, err := compile(source, cel.BoolType)
	if err != nil {
		return nil, err
	}
	return &Filter{p}, nil
}

// Match reports whether a message is wanted. One of which that cannot be said, as it
// lacks what the filter asks for, is not; why says so, in the words of a sentence's end.
func (f *Filter) Match(in *Input) (wanted bool, why string) {
	out, err := f.program.eval(in)
	switch {
	case err != nil:
		return false, fault(err)
	case out == types.True:
		return true, ""
	case out == types.False:
		return false, ""
	}
	return false, "it is neither true nor false for this message"
}
