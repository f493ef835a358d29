package expression

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of a template.
const (
	maxTemplate = 64 << 10 // bytes
	maxHoles    = 200
	maxText     = 1 << 20 // bytes of what comes out
)

// A Template is text with expressions in it, each between {{ and }}. It may be used by
// many at once.
type Template struct {
	pieces []piece
}

// A piece is text, or an expression whose result stands there.
type piece struct {
	text    string
	program *program // nil: text
}

// ParseTemplate reads a template. Its error says what is wrong, and where.
func ParseTemplate(source string) (*Template, error) {
	if len(source) > maxTemplate {
		return nil, fmt.Errorf("%d bytes; at most %d are allowed", len(source), maxTemplate)
	}
	t := &Template{}
	for rest := source; rest != ""; {
		text, after, hole := strings.Cut(rest, "{{")
		if text != "" {
			t.pieces = append(t.pieces, piece{text: text})
		}
		if !hole {
			break
		}
		inner, next, closed := strings.Cut(after, "}}")
		if !closed {
			return nil, errors.New("a {{ is not closed by }}")
		}
		program, err := compile(strings.TrimSpace(inner))
		if err != nil {
			return nil, fmt.Errorf("{{%s}}: %w", inner, err)
		}
		t.pieces = append(t.pieces, piece{program: program})
		if len(t.pieces) > 2*maxHoles {
			return nil, fmt.Errorf("more than %d expressions", maxHoles)
		}
		rest = next
	}
	return t, nil
}

// Text fills the template in for a message. What an expression asks for and the
// message does not have is left empty; escape, if it is not nil, is applied to what
// comes from the message. Objects and lists stand as JSON.
func (t *Template) Text(in *Input, escape func(string) string) (string, error) {
	var b strings.Builder
	for _, p := range t.pieces {
		if p.program == nil {
			b.WriteString(p.text)
			continue
		}
		out, err := p.program.eval(in)
		if err != nil {
			if strings.HasPrefix(err.Error(), "no such key: ") {
				continue
			}
			return "", errors.New(fault(err))
		}
		s := textOf(out)
		if escape != nil {
			s = escape(s)
		}
		b.WriteString(s)
		if b.Len() > maxText {
			return "", fmt.Errorf("more than %d bytes", maxText)
		}
	}
	return b.String(), nil
}

// JSON fills the template in for a message as a JSON value: if it is one expression and
// nothing else that expression's, and null where the message does not have what is
// asked for; else its text.
func (t *Template) JSON(in *Input) (json.RawMessage, error) {
	if len(t.pieces) != 1 || t.pieces[0].program == nil {
		text, err := t.Text(in, nil)
		if err != nil {
			return nil, err
		}
		return jsontext.AppendQuote(nil, text)
	}
	out, err := t.pieces[0].program.eval(in)
	if err != nil {
		if strings.HasPrefix(err.Error(), "no such key: ") {
			return json.RawMessage("null"), nil
		}
		return nil, errors.New(fault(err))
	}
	value, err := jsonv2.Marshal(plainOf(out), jsonv2.Deterministic(true), jsontext.AllowDuplicateNames(true))
	switch {
	case err != nil:
		return nil, errors.New("it is nothing that JSON can say")
	case len(value) > maxText:
		return nil, fmt.Errorf("more than %d bytes", maxText)
	}
	return value, nil
}

// Holes is how many expressions there are in it.
func (t *Template) Holes() int {
	n := 0
	for _, p := range t.pieces {
		if p.program != nil {
			n++
		}
	}
	return n
}

// textOf is a value as it stands in text.
func textOf(v ref.Val) string {
	switch v := v.(type) {
	case types.String:
		return string(v)
	case types.Null:
		return ""
	case types.Int:
		return strconv.FormatInt(int64(v), 10)
	case types.Double:
		return strconv.FormatFloat(float64(v), 'f', -1, 64)
	case *object:
		return string(v.text)
	case *array:
		return string(v.text)
	}
	if s, ok := v.ConvertToType(types.StringType).(types.String); ok {
		return string(s)
	}
	text, err := json.Marshal(plainOf(v))
	if err != nil {
		return ""
	}
	return string(text)
}

// plainOf is a value as Go has it, for JSON.
func plainOf(v ref.Val) any {
	switch v := v.(type) {
	case *object:
		return json.RawMessage(v.text)
	case *array:
		return json.RawMessage(v.text)
	case types.Null:
		return nil
	case traits.Lister:
		all := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			all = append(all, plainOf(it.Next()))
		}
		return all
	case traits.Mapper:
		all := make(map[string]any)
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			all[textOf(key)] = plainOf(v.Get(key))
		}
		return all
	}
	return v.Value()
}
