package expression

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Values of a payload are read when an expression asks for them, and only as far as it
// does: most filters look at one or two members. What is passed over is not checked to
// be JSON; where that shows, the evaluation ends.

// document is the value of a whole payload.
func document(text []byte, within *reading) ref.Val {
	text = bytes.Trim(text, " \n\t\r")
	if len(text) > 0 && text[0] == '{' {
		return value(text, within) // it finds out by itself where it ends
	}
	if len(text) == 0 || pass(text, 0) != len(text) {
		return errNotJSON
	}
	return value(text, within)
}

var errNotJSON = types.NewErr("the payload is not JSON")

// value is the one that text, not empty, is.
func value(text []byte, within *reading) ref.Val {
	switch c := text[0]; {
	case c == '{':
		return &object{text: text, within: within}
	case c == '[':
		return &array{text: text, within: within}
	case c == '"':
		s, ok := unquote(text)
		if !ok {
			return errNotJSON
		}
		return types.String(s)
	case c == '-' || '0' <= c && c <= '9':
		return number(text)
	}
	switch string(text) {
	case "true":
		return types.True
	case "false":
		return types.False
	case "null":
		return types.NullValue
	}
	return errNotJSON
}

// number is an int where it is one that fits, and a double otherwise.
func number(text []byte) ref.Val {
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return types.Int(n)
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return errNotJSON
	}
	return types.Double(f)
}

// unquote reads a string with its quotes.
func unquote(text []byte) (string, bool) {
	if len(text) < 2 {
		return "", false
	}
	if bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return string(text[1 : len(text)-1]), true
	}
	var s string
	err := json.Unmarshal(text, &s)
	return s, err == nil
}

// space returns where what is not white space begins at i or behind.
func space(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// pass returns where the value that begins at i ends; -1 if it does not.
func pass(text []byte, i int) int {
	if i >= len(text) {
		return -1
	}
	switch text[i] {
	case '"':
		return passString(text, i)
	case '{', '[':
		return passNested(text, i)
	}
	begin := i
	for i < len(text) && !ends[text[i]] {
		i++
	}
	if i == begin {
		return -1
	}
	return i
}

// ends are the bytes that end a number or a word.
var ends = [256]bool{',': true, '}': true, ']': true, ':': true, ' ': true, '\n': true, '\t': true, '\r': true, '"': true, '{': true, '[': true}

// passString returns where the string whose quote is at i ends.
func passString(text []byte, i int) int {
	for from := i + 1; ; {
		n := bytes.IndexByte(text[from:], '"')
		if n < 0 {
			return -1
		}
		quote := from + n
		before := quote
		for before > i+1 && text[before-1] == '\\' {
			before--
		}
		from = quote + 1
		if (quote-before)%2 == 0 { // the backslashes before it escape each other
			return from
		}
	}
}

// passNested returns where the object or array that begins at i ends.
func passNested(text []byte, i int) int {
	for depth := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			if i = passString(text, i) - 1; i < 0 {
				return -1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}
