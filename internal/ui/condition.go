package ui

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A condition is one row of a filter that is put together: how a member of the message
// has to be. Its parts are as the form has them.
type condition struct {
	Member   string // such as payload.status
	Relation string // one of relations
	Value    string
}

// relations are what a condition may say, each with its words.
var relations = []string{
	"is", "is", "not", "is not", "contains", "contains", "more", "is more than", "less", "is less than", "has", "is a list with",
}

// symbols are those of relations that compare.
var symbols = map[string]string{"is": " == ", "not": " != ", "more": " > ", "less": " < "}

// conditions are a filter of rows, of which all have to hold, or any.
type conditions struct {
	Any  bool
	Rows []condition
}

// maxConditions bounds the rows of a filter.
const maxConditions = 20

func (c *conditions) joint() string {
	if c.Any {
		return " || "
	}
	return " && "
}

// expression is the filter that says what the rows do; a row without a member says
// nothing. Kinds are those of members, as far as they are known. problem says what is
// wrong with a row, "" if nothing is.
func (c *conditions) expression(kinds map[string]string) (text, problem string) {
	var parts []string
	for i, row := range c.Rows {
		if row.Member == "" && row.Value == "" {
			continue
		}
		path, ok := parsePath(row.Member)
		if !ok {
			return "", fmt.Sprintf("condition %d: %q is no member such as payload.status", i+1, cut(row.Member, 60))
		}
		parts = append(parts, row.expression(path, kinds[path]))
	}
	return strings.Join(parts, c.joint()), ""
}

func (row condition) expression(path, kind string) string {
	relation := row.Relation
	if relation == "contains" && kind == kindList {
		relation = "has"
	}
	switch relation {
	case "contains":
		return path + ".contains(" + textLiteral(row.Value) + ")"
	case "has":
		if path == "channels" || path == "tags" {
			kind = kindText
		} else {
			kind = ""
		}
		return literal(row.Value, kind) + " in " + path
	}
	symbol := symbols[relation]
	if symbol == "" {
		symbol = symbols["is"]
	}
	return path + symbol + literal(row.Value, kind)
}

// literal writes a value: as the number, truth or null it looks like, unless what it is
// compared with is known to be a text.
func literal(value, kind string) string {
	if kind != kindText && value != "" && strings.Contains("-0123456789tfn", value[:1]) && json.Valid([]byte(value)) {
		return value
	}
	return textLiteral(value)
}

// textLiteral writes a text. One in quotes is what is in them.
func textLiteral(value string) string {
	if text, err := strconv.Unquote(value); err == nil && value[0] == '"' {
		value = text
	}
	return strconv.Quote(strings.ToValidUTF8(value, "\uFFFD"))
}

// roots are what a member may begin with; what begins otherwise is the payload's.
var roots = []string{"payload", "eventType", "channels", "tags", "headers"}

// reserved words of CEL cannot stand behind a dot.
var reserved = strings.Fields("as break const continue else false for function if import in let loop package namespace null return true var void while")

// parsePath reads a member as people write it, such as status or payload.lines[0].name,
// and writes it as an expression does.
func parsePath(text string) (path string, ok bool) {
	rest := strings.TrimSpace(text)
	for begin := true; rest != ""; begin = false {
		var part string
		if inner, found := strings.CutPrefix(rest, "["); found && !begin {
			if part, rest, ok = cutIndex(inner); !ok {
				return "", false
			}
			path += part
			continue
		}
		if !begin {
			if rest, ok = strings.CutPrefix(rest, "."); !ok {
				return "", false
			}
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		name := strings.TrimSpace(rest[:end])
		rest = rest[end:]
		if name == "" || strings.ContainsAny(name, `"'()]`) {
			return "", false
		}
		if begin && !slices.Contains(roots, name) {
			path = "payload"
		} else if begin {
			path = name
			continue
		}
		path += member(name)
	}
	return path, path != ""
}

// cutIndex reads what stands in brackets, the first of which is gone: a name in quotes, or
// a number.
func cutIndex(text string) (part, rest string, ok bool) {
	if quoted, err := strconv.QuotedPrefix(text); err == nil && quoted[0] == '"' {
		name, _ := strconv.Unquote(quoted) // it is one, as it was found
		rest, ok = strings.CutPrefix(text[len(quoted):], "]")
		return named(name), rest, ok
	}
	number, rest, ok := strings.Cut(text, "]")
	return "[" + number + "]", rest, ok && isNumber(number)
}

func isNumber(text string) bool {
	return text != "" && len(text) < 9 && strings.Trim(text, "0123456789") == ""
}

// member is how a member of that name is asked for; a number is one of a list.
func member(name string) string {
	if isNumber(name) {
		return "[" + name + "]"
	}
	return named(name)
}

func named(name string) string {
	if isIdentifier(name) && !slices.Contains(reserved, name) {
		return "." + name
	}
	return "[" + strconv.Quote(strings.ToValidUTF8(name, "\uFFFD")) + "]"
}

func isIdentifier(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	return name != "" && strings.Trim(name, letters+"0123456789") == "" && strings.Contains(letters, name[:1])
}

// parseConditions reads rows out of an expression that says no more than they can. ok is
// false for any other.
func parseConditions(text string) (c conditions, ok bool) {
	rest := strings.TrimSpace(text)
	whole := rest
	for rest != "" {
		if len(c.Rows) > 0 {
			joint := c.joint()
			if len(c.Rows) == 1 && strings.HasPrefix(rest, " || ") {
				c.Any, joint = true, " || "
			}
			if rest, ok = strings.CutPrefix(rest, joint); !ok {
				return c, false
			}
		}
		var row condition
		if row, rest, ok = cutCondition(rest); !ok || len(c.Rows) == maxConditions {
			return c, false
		}
		c.Rows = append(c.Rows, row)
	}
	again, problem := c.expression(nil)
	return c, problem == "" && again == whole
}

// cutCondition reads one condition as expression writes it.
func cutCondition(text string) (row condition, rest string, ok bool) {
	if value, rest, found := cutLiteral(text); found {
		if rest, found = strings.CutPrefix(rest, " in "); !found {
			return row, "", false
		}
		row.Relation, row.Value = "has", shownLiteral(value, literal)
		row.Member, rest = cutPath(rest)
		return row, rest, row.Member != ""
	}
	if row.Member, rest = cutPath(text); row.Member == "" {
		return row, "", false
	}
	if inner, found := strings.CutPrefix(rest, ".contains("); found {
		value, rest, found := cutLiteral(inner)
		if !found {
			return row, "", false
		}
		row.Relation, row.Value = "contains", shownLiteral(value, func(v, _ string) string { return textLiteral(v) })
		rest, ok = strings.CutPrefix(rest, ")")
		return row, rest, ok
	}
	for relation, symbol := range symbols {
		if after, found := strings.CutPrefix(rest, symbol); found {
			value, rest, found := cutLiteral(after)
			row.Relation, row.Value = relation, shownLiteral(value, literal)
			return row, rest, found
		}
	}
	return row, "", false
}

// shownLiteral is a literal as people type it: without quotes, where it is understood so.
func shownLiteral(text string, write func(value, kind string) string) string {
	if plain, err := strconv.Unquote(text); err == nil && write(plain, "") == text {
		return plain
	}
	return text
}

// cutLiteral reads a literal at the beginning of text.
func cutLiteral(text string) (value, rest string, ok bool) {
	if quoted, err := strconv.QuotedPrefix(text); err == nil && quoted[0] == '"' {
		return quoted, text[len(quoted):], true
	}
	end := strings.IndexAny(text, " )")
	if end < 0 {
		end = len(text)
	}
	value = text[:end]
	return value, text[end:], value != "" && strings.Contains("-0123456789tfn", value[:1]) && json.Valid([]byte(value))
}

// cutPath reads a member at the beginning of text; "" if there is none.
func cutPath(text string) (path, rest string) {
	at := 0
	for at < len(text) {
		if text[at] == '[' {
			_, rest, ok := cutIndex(text[at+1:])
			if !ok {
				return "", text
			}
			at = len(text) - len(rest)
			continue
		}
		end := at
		if text[at] == '.' {
			end++
		} else if at > 0 {
			break
		}
		for end < len(text) && isIdentifier("_"+text[end:end+1]) {
			end++
		}
		if end < len(text) && text[end] == '(' || end == at {
			break // a function
		}
		at = end
	}
	return text[:at], text[at:]
}
