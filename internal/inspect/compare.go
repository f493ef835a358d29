package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Bounds of what is compared.
const (
	maxDifferences = 500
	maxLines       = 1000 // of each of two texts
	maxShownValue  = 300  // bytes of a value
)

// A Difference is something that two requests do not have alike.
type Difference struct {
	Where string // a header, a parameter, or where in the body
	State string // changed, added or removed
	A, B  string
}

// A Comparison is how one request differs from another.
type Comparison struct {
	Line, Header, Query, Body []Difference

	By     string // what the bodies were compared as: JSON, fields, lines or bytes
	Equal  bool   // the bodies are the same, byte for byte
	Alike  bool   // they say the same, though they are written otherwise
	Common int    // headers that both have alike
	More   bool   // there is more than is listed
}

// Compare says in what b differs from a.
func Compare(a, b *Request) Comparison {
	c := Comparison{Equal: bytes.Equal(a.Body, b.Body)}
	c.Line = c.pair(c.Line, "Method", a.Method, b.Method)
	pathA, queryA, _ := strings.Cut(a.Target, "?")
	pathB, queryB, _ := strings.Cut(b.Target, "?")
	c.Line = c.pair(c.Line, "Path", pathA, pathB)
	c.Line = c.pair(c.Line, "From", a.Address, b.Address)
	c.Line = c.pair(c.Line, "Answered", fmt.Sprint(a.Answer), fmt.Sprint(b.Answer))
	c.Header, c.Common = c.values(a.Header, b.Header)
	c.Query, _ = c.values(fields(queryA), fields(queryB))
	if !c.Equal {
		c.bodies(a, b)
	}
	return c
}

func fields(query string) http.Header {
	values, _ := url.ParseQuery(query) // what can be read of it
	return http.Header(values)
}

func (c *Comparison) bodies(a, b *Request) {
	var x, y any
	switch {
	case a.Cut || b.Cut || !isText(a.Body) || !isText(b.Body):
		c.By = "bytes"
		c.Body = c.pair(nil, "Bytes", fmt.Sprint(len(a.Body)), fmt.Sprint(len(b.Body)))
	case a.Kind() == KindForm && b.Kind() == KindForm:
		c.By = "fields"
		c.Body, _ = c.values(fields(string(a.Body)), fields(string(b.Body)))
	case number(a.Body, &x) && number(b.Body, &y):
		c.By = "JSON"
		c.walk("", x, y)
	default:
		c.By = "lines"
		c.lines(strings.Split(string(a.Body), "\n"), strings.Split(string(b.Body), "\n"))
	}
	c.Alike = len(c.Body) == 0 && (c.By == "JSON" || c.By == "fields")
}

// number reads JSON with its numbers as they are written.
func number(text []byte, into *any) bool {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return dec.Decode(into) == nil && !dec.More()
}

// pair adds what differs in one place.
func (c *Comparison) pair(to []Difference, where, a, b string) []Difference {
	switch {
	case a == b:
		return to
	case len(to) >= maxDifferences:
		c.More = true
		return to
	}
	d := Difference{Where: bounded(where), State: "changed", A: bounded(a), B: bounded(b)}
	return append(to, d)
}

func bounded(s string) string {
	if s = valid(s); len(s) > maxShownValue {
		s = strings.ToValidUTF8(s[:maxShownValue], "") + "…"
	}
	return s
}

// values compares what has names, and counts what is alike.
func (c *Comparison) values(a, b http.Header) (all []Difference, common int) {
	names := slices.Sorted(maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		x, inA := a[name]
		y, inB := b[name]
		if slices.Equal(x, y) {
			common++
			continue
		}
		if len(all) >= maxDifferences {
			c.More = true
			break
		}
		d := Difference{Where: bounded(name), State: state(inA, inB), A: bounded(strings.Join(x, ", ")), B: bounded(strings.Join(y, ", "))}
		all = append(all, d)
	}
	return all, common
}

func state(inA, inB bool) string {
	switch {
	case !inA:
		return "added"
	case !inB:
		return "removed"
	}
	return "changed"
}

// walk compares two JSON values that stand at the same place.
func (c *Comparison) walk(at string, a, b any) {
	kind := kindOf(a)
	switch {
	case kind != kindOf(b) || kind == 0:
		c.place(at, true, true, a, b)
	case kind == '{':
		c.members(at, a.(map[string]any), b.(map[string]any))
	default:
		listA, listB := a.([]any), b.([]any)
		for i := range max(len(listA), len(listB)) {
			c.place(fmt.Sprintf("%s[%d]", at, i), i < len(listA), i < len(listB), element(listA, i), element(listB, i))
		}
	}
}

func element(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func (c *Comparison) members(at string, a, b map[string]any) {
	names := slices.Collect(maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		x, inA := a[name]
		y, inB := b[name]
		where := name
		if at != "" {
			where = at + "." + name
		}
		c.place(where, inA, inB, x, y)
	}
}

// place compares what two values have at a place, if both have something there.
func (c *Comparison) place(at string, inA, inB bool, a, b any) {
	switch {
	case len(c.Body) >= maxDifferences:
		c.More = true
		return
	case inA && inB && (kindOf(a) != 0 && kindOf(a) == kindOf(b)):
		c.walk(at, a, b)
		return
	case inA && inB && written(a) == written(b):
		return
	}
	d := Difference{Where: bounded(at), State: state(inA, inB)}
	if d.Where == "" {
		d.Where = "(the whole)"
	}
	if inA {
		d.A = bounded(written(a))
	}
	if inB {
		d.B = bounded(written(b))
	}
	c.Body = append(c.Body, d)
}

// kindOf tells apart the values that have others in them; 0: it has none.
func kindOf(v any) int {
	switch v.(type) {
	case map[string]any:
		return '{'
	case []any:
		return '['
	}
	return 0
}

func written(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// lines lists the lines that only one of two texts has, by the longest run of lines that
// both have in this order.
func (c *Comparison) lines(a, b []string) {
	if len(a) > maxLines || len(b) > maxLines {
		a, b, c.More = a[:min(len(a), maxLines)], b[:min(len(b), maxLines)], true
	}
	longest := make([][]uint16, len(a)+1) // common lines from here on
	for i := range longest {
		longest[i] = make([]uint16, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case len(c.Body) >= maxDifferences:
			c.More = true
			return
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && longest[i+1][j] >= longest[i][j+1]:
			c.Body = append(c.Body, Difference{Where: fmt.Sprintf("line %d", i+1), State: "removed", A: bounded(a[i])})
			i++
		default:
			c.Body = append(c.Body, Difference{Where: fmt.Sprintf("line %d", j+1), State: "added", B: bounded(b[j])})
			j++
		}
	}
}
