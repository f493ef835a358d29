package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long hostile input may take on a machine that is busy with
// much else. Without bounds it would take hours.
const patience = 20 * time.Second

// says is what a check says, a line each.
func says(t *testing.T, schema, doc string) []string {
	t.Helper()
	s, err := Compile([]byte(schema))
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	var lines []string
	for _, v := range s.Check([]byte(doc)) {
		lines = append(lines, v.Error())
	}
	return lines
}

const order = `{
	"type": "object",
	"required": ["id", "lines"],
	"additionalProperties": false,
	"properties": {
		"id": {"type": "string", "pattern": "^o_[0-9]{3}$"},
		"state": {"enum": ["new", "paid", 3]},
		"total": {"type": "number", "minimum": 0, "multipleOf": 0.01},
		"note": {"type": ["string", "null"], "maxLength": 5},
		"lines": {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"$ref": "#/$defs/line"}},
		"parent": {"$ref": "#"}
	},
	"$defs": {"line": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string", "minLength": 1}, "n": {"type": "integer"}}}}
}`

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		schema, doc string
		want        []string
	}{
		{order, `{"id":"o_123","lines":[{"sku":"a"}]}`, nil},
		{order, `{"id":"o_123","lines":[{"sku":"a","n":2.0}],"total":12.34,"note":null,"state":3.0,"parent":{"id":"o_124","lines":[{"sku":"b"}]}}`, nil},
		{order, `{}`, []string{"at /id: is missing", "at /lines: is missing"}},
		{order, `[]`, []string{"must be object, not array"}},
		{order, `{"id":"o_1","lines":[]}`, []string{"at /id: must match the pattern ^o_[0-9]{3}$", "at /lines: must have at least 1 items, not 0"}},
		{order, `{"id":7,"lines":[{"sku":""},{"n":1.5},{"n":1.5}]}`, []string{"at /id: must be string, not number", "at /lines: must have no item twice, and items 1 and 2 are the same", "at /lines/0/sku: must have at least 1 characters, not 0", "at /lines/1/n: must be integer, not number; and there are 3 more"}},
		{order, `{"id":"o_123","lines":[{"sku":"a"}],"a/b~c":1}`, []string{"at /a~1b~0c: is not in the schema; leave it out"}},
		{order, `{"id":"o_123","lines":[{"sku":"a"}],"state":"gone","total":-1,"note":"toolong"}`, []string{"at /note: must have at most 5 characters, not 7", `at /state: must be one of "new", "paid", 3`, "at /total: must be at least 0"}},
		{order, `{"id":"o_123","lines":[{"sku":"a"}],"total":0.005}`, []string{"at /total: must be a multiple of 0.01"}},
		{order, `{"id":"o_123","lines":[{"sku":"a"}],"parent":{"id":"x"}}`, []string{"at /parent/id: must match the pattern ^o_[0-9]{3}$", "at /parent/lines: is missing"}},
		{order, `{"id":"o_123"`, []string{"is not JSON"}},
		{order, ``, []string{"is not JSON"}},
		{order, `{} {}`, []string{"is more than one JSON value"}},
		{`true`, `{"any":1}`, nil},
		{`{}`, `null`, nil},
		{`false`, `1`, []string{"is not allowed by the schema"}},
		{`{"const":{"a":[1,2.0]}}`, `{"a":[1.0,2]}`, nil},
		{`{"const":"yes"}`, `"no"`, []string{`must be "yes"`}},
		{`{"exclusiveMinimum":1,"exclusiveMaximum":1e2}`, `1`, []string{"must be more than 1"}},
		{`{"exclusiveMinimum":1,"exclusiveMaximum":1e2}`, `100`, []string{"must be less than 100"}},
		{`{"maximum":0.5}`, `0.50000000000000000001`, []string{"must be at most 0.5"}},
		{`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `1`, []string{"fits none of the alternatives (anyOf)"}},
		{`{"oneOf":[{"type":"number"},{"minimum":2}]}`, `3`, []string{"fits more than one of the alternatives (oneOf)"}},
		{`{"oneOf":[{"type":"string"},{"type":"null"}]}`, `3`, []string{"fits none of the alternatives (oneOf)"}},
		{`{"not":{"type":"string"}}`, `""`, []string{"is what the schema excludes (not)"}},
		{`{"allOf":[{"required":["a"]},{"properties":{"b":false}}]}`, `{"b":1}`, []string{"at /a: is missing", "at /b: is not allowed by the schema"}},
		{`{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"maxProperties":0}}`, `{"a":1}`, []string{"at /b: is missing"}},
		{`{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"maxProperties":0}}`, `{"c":1}`, []string{"must have at most 0 members, not 1"}},
		{`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, []string{`at /b: is missing, as "a" is there`}},
		{`{"propertyNames":{"pattern":"^[a-z]+$"}}`, `{"A":1}`, []string{"at /A: is not a name that the schema allows"}},
		{`{"patternProperties":{"^n_":{"type":"number"}},"unevaluatedProperties":false}`, `{"n_a":"x","b":1}`, []string{"at /b: is not allowed by the schema", "at /n_a: must be number, not string"}},
		{`{"contains":{"type":"string"},"maxContains":1}`, `["a","b"]`, []string{"must have at most 1 items of a kind (contains), not 2"}},
		{`{"contains":{"type":"string"}}`, `[]`, []string{"has no item of the kind that must be there (contains)"}},
		{`{"prefixItems":[{"type":"string"}],"items":false}`, `["a",1]`, []string{"at /1: is not allowed by the schema"}},
		{`{"format":"date-time"}`, `"yesterday"`, nil}, // an annotation, by the specification
		{`{"$schema":"http://json-schema.org/draft-07/schema#","format":"date-time"}`, `"yesterday"`, []string{"must be of the format date-time"}},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"}],"additionalItems":false}`, `["a",1,2]`, []string{"has 2 items more than the schema has"}},
		{`{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true}`, `1`, []string{"must be more than 1"}},
		{`{"$id":"https://schemas.example.com/a.json","$ref":"a.json#/$defs/b","$defs":{"b":{"type":"string"}}}`, `1`, []string{"must be string, not number"}},
		{`{"$ref":"#there","$defs":{"b":{"$anchor":"there","type":"string"}}}`, `1`, []string{"must be string, not number"}},
		{`{"$ref":"#/odd/place","odd":{"place":{"type":"string"}}}`, `1`, []string{"must be string, not number"}},
		{`{"maximum":1}`, `1e400`, []string{"is a number beyond what can be checked: at most 64 digits, and an exponent up to 308"}},
		{`{"maximum":1}`, `{"a":[1,-1e-0000000000309]}`, []string{"at /a/1: is a number beyond what can be checked: at most 64 digits, and an exponent up to 308"}},
		{`{"maximum":1}`, `1E-308`, nil},
		{`{"maximum":1}`, `1e+00000000000308`, []string{"must be at most 1"}},
		{`{"uniqueItems":true}`, `[` + strings.Repeat("1,", 25) + `1e9999999]`, []string{"at /25: is a number beyond what can be checked: at most 64 digits, and an exponent up to 308"}},
	} {
		if got := says(t, c.schema, c.doc); !slices.Equal(got, c.want) {
			t.Errorf("%s\n by %s: %q, want %q", c.doc, c.schema, got, c.want)
		}
	}
}

// nested is open n times, then middle, then closed as often.
func nested(open, middle, closed string, n int) string {
	return strings.Repeat(open, n) + middle + strings.Repeat(closed, n)
}

func TestCompileRefuses(t *testing.T) {
	many := func(n int, one string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, one, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for _, c := range []struct{ schema, want string }{
		{``, "is not JSON"}, {`{`, "is not JSON"}, {`{}{}`, "is more than one JSON value"}, {`{"a":NaN}`, "is not JSON"},
		{`1`, "must be a JSON Schema"}, {`"x"`, "must be a JSON Schema"}, {`null`, "must be a JSON Schema"}, {`[]`, "must be a JSON Schema"},
		{`{"type":"text"}`, `at /type: must be "object", "array"`}, {`{"properties":{"a":{"type":1}}}`, "at /properties/a/type: "}, {`{"properties":[]}`, "at /properties: must be object, not array"},
		{`{"minLength":-1}`, "at /minLength: must be at least 0"}, {`{"minLength":1.5}`, "at /minLength: must be integer, not number"}, {`{"multipleOf":0}`, "at /multipleOf: must be more than 0"},
		{`{"required":"a"}`, "at /required: must be array, not string"}, {`{"required":["a","a"]}`, "at /required: must have no item twice"}, {`{"items":[{}]}`, "at /items: must be boolean or object"},
		{`{"properties":{"a":1}}`, "at /properties/a: must be"}, {`{"allOf":[]}`, "at /allOf: must have at least 1 items"}, {`{"$defs":{"a":{"enum":1}}}`, "at /$defs/a/enum: must be array"},
		{`{"maximum":1e400}`, "at /maximum: is a number beyond"}, {`{"maximum":1e999999999999}`, "at /maximum: is a number beyond"}, {`{"enum":[1e-99999]}`, "at /enum/0: is a number beyond"}, {`{"minLength":` + strings.Repeat("9", 1000) + `}`, "at /minLength: is a number beyond"},
		{`{"$ref":"#"}`, "circle"}, {`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`, "circle"}, {`{"allOf":[{"anyOf":[{"not":{"$ref":"#"}}]}]}`, "circle"},
		{`{"properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"if":{"$ref":"#/$defs/a"}}}}`, "circle"}, {`{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#"}`, "circle"},
		{`{"$ref":"#/$defs/a"}`, "$defs/a"}, {`{"$ref":"#nowhere"}`, "nowhere"}, {`{"$ref":"%zz"}`, ""}, {`{"$ref":"#/%zz"}`, ""}, {`{"$ref":1}`, "at /$ref: must be string"},
		{`{"$ref":"https://example.com/a.json"}`, `"https://example.com/a.json", which is not within it`}, {`{"$ref":"file:///etc/passwd"}`, `"file:///etc/passwd", which is not within it`}, {`{"$ref":"a.json#/b"}`, `"a.json", which is not within it`},
		{`{"$ref":"http://169.254.169.254/"}`, "not within it"}, {`{"$schema":"https://example.com/mine"}`, "not within it"}, {`{"$schema":"file:///etc/passwd"}`, "not within it"},
		{`{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, "not within it"}, {`{"$ref":"http://json-schema.org/draft-07/schema#"}`, "not within it"},
		{`{"$dynamicRef":"#a","$defs":{"a":{"$dynamicAnchor":"a"}}}`, "$dynamicRef"}, {`{"$schema":"https://json-schema.org/draft/2019-09/schema","items":{"$recursiveRef":"#"}}`, "$dynamicRef and $recursiveRef"},
		{`{"$id":"%"}`, ""}, {`{"properties":{"a":{"$id":"x"},"b":{"$id":"x"}}}`, ""}, {`{"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}}`, ""},
		{`{"pattern":"("}`, "at /pattern: "}, {`{"pattern":"(?=a)"}`, "at /pattern: is no pattern that is known here"}, {`{"pattern":"(a)\\1"}`, "at /pattern: is no pattern that is known here"}, {`{"patternProperties":{"[":{}}}`, "at /patternProperties/["},
		{`{"pattern":"(x{1000}){1000}"}`, "at /pattern: "}, {`{"pattern":"(abcdefghijkl){999}"}`, "repeats too much"}, {`{"pattern":"` + strings.Repeat("x", 1025) + `"}`, "at most 1024 bytes"}, {`{"pattern":"` + nested("(", "x", ")", 1100) + `"}`, "at /pattern: "},
		{`{"allOf":[` + many(20, `{"pattern":"(%dabcd){900}"},`) + `]}`, "repeats too much"},
		{nested(`{"items":`, "{}", "}", 65), "nests deeper"}, {nested(`{"not":`, "{}", "}", 5_000), "nests deeper"}, {nested("[", "", "]", 9_000), "nests deeper"},
		{`{"properties":{` + many(100_000, `"%d":{},`) + `}}`, "at most 256 KiB"}, {`{"properties":{` + many(20_000, `"%d":{},`) + `}}`, "at most 5000 objects"}, {`{"enum":[` + many(6_000, `{"a":%d},`) + `]}`, "at most 5000 objects"},
		{`{"allOf":[` + many(1_001, `{"$ref":"#/$defs/%d"},`) + `],"$defs":{` + many(1_001, `"%d":{},`) + `}}`, "1000 references"},
		{`{"$ref":"#/$defs/0","$defs":{` + strings.ReplaceAll(many(99, `"%d":{"$ref":"#/$defs/+%[1]d"},`), "+", "1+") + `"99":{}}}`, ""},
		{chain(99), "lie within one another"},
	} {
		begun := time.Now()
		s, err := Compile([]byte(c.schema))
		var wrong *Violation
		if s != nil || !errors.As(err, &wrong) || !strings.Contains(wrong.Error(), c.want) || len(wrong.Error()) > 500 || strings.Contains(wrong.Error(), "schema:///") {
			t.Errorf("%.100s: %v, want a refusal that says %q", c.schema, err, c.want)
		}
		if took := time.Since(begun); took > patience {
			t.Errorf("%.100s took %v", c.schema, took)
		}
	}
}

// chain is a schema whose references lead n times to the next.
func chain(n int) string {
	defs := make(map[string]any)
	for i := range n {
		defs[fmt.Sprint(i)] = map[string]any{"$ref": fmt.Sprint("#/$defs/", i+1)}
	}
	defs[fmt.Sprint(n)] = map[string]any{"type": "string"}
	text, err := json.Marshal(map[string]any{"$ref": "#/$defs/0", "$defs": defs})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Each of these would take the library minutes, or for ever.
func TestChecksEnd(t *testing.T) {
	doubled := map[string]any{"0": map[string]any{"type": "string"}}
	for i := range 30 {
		ref := map[string]any{"$ref": fmt.Sprint("#/$defs/", i)}
		doubled[fmt.Sprint(i+1)] = map[string]any{"allOf": []any{ref, ref}}
	}
	tree, _ := json.Marshal(map[string]any{"$ref": "#/$defs/30", "$defs": doubled})
	var enum []string
	for i := range 20_000 {
		enum = append(enum, fmt.Sprint(i))
	}
	numbers := strings.Join(enum, ",")
	deep := nested("[", "1", "]", 60)
	for name, c := range map[string]struct{ schema, doc string }{
		"references that double":  {string(tree), `"x"`},
		"recursion that doubles":  {`{"allOf":[{"items":{"$ref":"#"}},{"prefixItems":[{"$ref":"#"}]}]}`, deep},
		"doubling within not":     {`{"not":{"$ref":"#/$defs/a"},"$defs":{"a":{"type":"array","contains":{"$ref":"#/$defs/a"},"items":{"$ref":"#/$defs/a"}}}}`, deep},
		"alternatives that fail":  {`{"anyOf":[{"items":{"$ref":"#"},"minItems":1},{"contains":{"$ref":"#"},"minItems":2}],"type":"array"}`, deep},
		"a large enum":            {`{"items":{"enum":[` + numbers + `]}}`, "[" + strings.Repeat("-1,", 20_000) + "1]"},
		"a large const":           {`{"items":{"anyOf":[{"const":[` + numbers + `,-1]},{"const":[` + numbers + `,-2]}]}}`, "[" + strings.Repeat("["+numbers+",0],", 8) + "1]"},
		"patterns on long text":   {`{"items":{"pattern":"(.*x){900}$"}}`, `["` + strings.Repeat("x", 1<<20) + `"]`},
		"many patterns of names":  {manyPatterns(500), manyNames(40_000)},
		"unique lists in lists":   {`{"uniqueItems":true,"items":{"$ref":"#"}}`, nested("[", strings.Repeat("1.5,", 100_000)+"1", "]", 50)},
		"what was not evaluated":  {`{"allOf":[` + strings.Repeat(`{"properties":{"a":true}},`, 500) + `true],"unevaluatedProperties":true}`, manyNames(40_000)},
		"values that none allows": {`{"items":{"type":"string"}}`, "[" + strings.Repeat("1,", 500_000) + "1]"},
		"many names required":     {`{"items":{"required":[` + `"` + strings.ReplaceAll(numbers, ",", `","`) + `"]}}`, "[" + strings.Repeat("{},", 10_000) + "1]"},
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			s, err := Compile([]byte(c.schema))
			if err != nil {
				t.Fatal(err)
			}
			compiled := time.Since(begun)
			got := s.Check([]byte(c.doc))
			if took := time.Since(begun); took > patience {
				t.Errorf("took %v", took)
			} else {
				t.Log("compile", compiled, "check", took-compiled)
			}
			if len(got) == 0 || len(got) > 4 || len(got[0].Reason) > 500 {
				t.Errorf("%d violations, the first %+v", len(got), got)
			}
		})
	}
}

// TestALongCheckHoldsUpNoOther has all copies in use but one, and then all.
func TestALongCheckHoldsUpNoOther(t *testing.T) {
	s, err := Compile([]byte(`{"type":"string"}`))
	if err != nil {
		t.Fatal(err)
	}
	var used []*compiled
	for range maxCopies - 1 {
		used = append(used, s.take())
	}
	for range 3 {
		if got := s.Check([]byte(`1`)); len(got) != 1 {
			t.Errorf("with one copy left: %v", got)
		}
	}
	used = append(used, s.take())
	done := make(chan []Violation)
	go func() { done <- s.Check([]byte(`"x"`)) }()
	select {
	case <-done:
		t.Errorf("there are more than %d copies", maxCopies)
	case s.copies <- used[0]: // which the check then uses
		if got := <-done; got != nil {
			t.Errorf("after it has waited: %v", got)
		}
	}
	if n := s.made.Load(); n != maxCopies {
		t.Errorf("%d copies were made", n)
	}
}

func manyPatterns(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%d$":{"type":"string"},`, i)
	}
	return `{"patternProperties":{` + b.String() + `"x":true},"maxProperties":1}`
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%d":1,`, i)
	}
	return "{" + b.String() + `"a":1}`
}

func TestExample(t *testing.T) {
	for _, c := range []struct{ schema, want string }{
		{`{"type":"object","properties":{"id":{"type":"string"},"n":{"type":"integer"},"ok":{"type":"boolean"}}}`, `{"id":"string","n":1,"ok":true}`},
		{order, `{"id":"o_000","lines":[{"n":1,"sku":"string"}],"note":"strin","state":"new","total":0}`},
		{`{"examples":[{"a": 1}]}`, `{"a":1}`},
		{`{"properties":{"a":{"const":5},"b":{"enum":["x","y"]},"c":{"default":[1]},"d":{"example":null,"type":"null"},"e":{"examples":[7]}}}`, `{"a":5,"b":"x","c":[1],"d":null,"e":7}`},
		{`{"properties":{"at":{"type":"string","format":"date-time"},"on":{"format":"date"},"by":{"type":"string","format":"email"}}}`, `{"at":"2026-01-02T15:04:05Z","by":"user@example.com","on":"2026-01-02"}`},
		{`{"required":["a"]}`, `{"a":{}}`},
		{`{"allOf":[{"$ref":"#/$defs/base"},{"properties":{"b":{"type":"number","minimum":2.5}},"required":["b"]}],"$defs":{"base":{"properties":{"a":{"type":"null"}},"required":["a"]}}}`, `{"a":null,"b":2.5}`},
		{`{"oneOf":[{"type":"string","minLength":9},{"type":"number"}]}`, `"stringxxx"`},
		{`{"type":["null","integer"],"exclusiveMinimum":3,"multipleOf":5}`, `5`},
		{`{"type":"integer","maximum":-3}`, `-4`},
		{`{"type":"array","minItems":2,"items":{"type":"boolean"}}`, `[true,true]`},
		{`{"prefixItems":[{"type":"string"},{"type":"number"}],"items":false}`, `["string",1]`},
		{`{"type":"string","pattern":"^[A-Z]{3}-\\d+(x|y)?\\.csv$"}`, `"AAA-0.csv"`},
		{`{"type":"object","properties":{"next":{"$ref":"#"},"v":{"type":"number"}}}`, `{"v":1}`},
		{`{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#"}}}}`, `{"kids":[]}`},
		{`{"properties":{"a":{"type":"string","pattern":"^b"}},"maxProperties":0}`, `{}`},
		{`{"properties":{"a":{"type":"string","pattern":"(?=x)"}}}`, `{}`},
		{`{"required":["a"],"properties":{"a":{"$ref":"#"}}}`, ``},
		{`{"type":"array","items":{"type":"boolean"},"minItems":3,"uniqueItems":true}`, ``},
		{`{"type":"string","minLength":1e300}`, ``},
		{`{"type":"array","minItems":1e300}`, ``},
		{`{"type":"number","minimum":1e308,"multipleOf":1e-308}`, ``},
		{`false`, ``}, {`null`, ``}, {`1`, ``}, {``, ``}, {`{"$ref":"#"}`, ``}, {`{"$ref":"https://example.com"}`, ``}, {`{"enum":[]}`, ``}, {`true`, `{}`},
	} {
		got, ok := Example([]byte(c.schema))
		if string(got) != c.want || ok != (c.want != "") {
			t.Errorf("of %s: %s, %v; want %s", c.schema, got, ok, c.want)
		}
	}
}

func FuzzCompileAndCheck(f *testing.F) {
	f.Add(order, `{"id":"o_123","lines":[{"sku":"a"}]}`)
	f.Add(`{"$ref":"#/$defs/a","$defs":{"a":{"items":{"$ref":"#"}}}}`, `[[1]]`)
	f.Add(`{"$schema":"http://json-schema.org/draft-04/schema#","id":"a","dependencies":{"a":["b"],"c":{}},"pattern":"^a{3}"}`, `{"a":1e9}`)
	f.Add(`{"unevaluatedItems":false,"prefixItems":[true],"contains":{"multipleOf":0.1}}`, `[1,2]`)
	f.Fuzz(func(t *testing.T, schema, doc string) {
		begun := time.Now()
		if made, ok := Example([]byte(schema)); ok && !json.Valid(made) {
			t.Errorf("the example of %s is %s", schema, made)
		}
		s, err := Compile([]byte(schema))
		if (s == nil) == (err == nil) {
			t.Errorf("%s: %v, %v", schema, s, err)
		}
		if err != nil {
			return
		}
		first := fmt.Sprint(s.Check([]byte(doc)))
		if again := fmt.Sprint(s.Check([]byte(doc))); again != first {
			t.Errorf("%s by %s: %s, then %s", doc, schema, first, again)
		}
		if took := time.Since(begun); took > patience {
			t.Errorf("%s by %s took %v", doc, schema, took)
		}
	})
}
