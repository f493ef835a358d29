package openapi

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/schema"
)

// patience is how long hostile input may take on a machine that is busy with
// much else. Without bounds it would take hours.
const patience = 20 * time.Second

func read(t *testing.T, file string) []Webhook {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	hooks, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return hooks
}

// shown is a webhook as a line, without its schema.
func shown(h Webhook) string {
	return fmt.Sprintf("%s|%s|%s|%t|%s", h.Name, h.Description, h.Group, h.Deprecated, h.Examples)
}

func TestRead31(t *testing.T) {
	hooks := read(t, "shop.yaml")
	want := []string{
		`category.moved|A category has another parent||false|[]`,
		`order.cancelled|An order will not be delivered|orders|true|[]`,
		`order.created|Sent once for each order, as soon as it is paid for.|orders|false|[{"id":"o_1","placed":"2026-01-02","total":10} {"id":"o_2","total":12.50}]`,
		`ping|||false|[]`,
	}
	var got []string
	for _, h := range hooks {
		got = append(got, shown(h))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	const (
		category = `{"properties":{"createdAt":{"format":"date-time","type":"string"},"default":{"type":"boolean"},"name":{"type":"string"},"parent":{"$ref":"#/$defs/Category"}},"type":"object"}`
		gift     = `{"properties":{"value":{"format":"int64","minimum":16,"type":"integer"}},"type":"object"}`
		order    = `"properties":{"createdAt":{"format":"date-time","type":"string"},"gift":{"$ref":"#/$defs/Gift~1Card","description":"What pays for it"},"id":{"examples":["o_1"],"pattern":"^o_[0-9]+$","type":"string"},"state":{"default":"new","enum":["new","yes","no",3],"type":"string"},"total":{"exclusiveMinimum":0,"type":["number","null"]}},"required":["id"],"type":"object"}`
	)
	for i, want := range []string{
		`{"$defs":{"Category":` + category + `,"createdAt":{"format":"date-time","type":"string"}},"properties":{"at":{"$ref":"#/$defs/createdAt"},"category":{"$ref":"#/$defs/Category"}},"required":["category"],"type":"object"}`,
		`{"$defs":{"Gift/Card":` + gift + `},` + order,
		`{"$defs":{"Gift/Card":` + gift + `,"Order":{` + order + `},"allOf":[{"$ref":"#/$defs/Order"},{"required":["total"]}]}`,
		``,
	} {
		if got := string(hooks[i].Schema); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", hooks[i].Name, got, want)
		}
	}
	created, err := schema.Compile(hooks[2].Schema)
	if err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]string{
		`{"id":"o_1","total":1,"gift":{"value":16}}`: "[]",
		`{"id":"o_1","total":0,"gift":{"value":15}}`: "[{[gift value] must be at least 16} {[total] must be more than 0}]",
	} {
		if got := fmt.Sprint(created.Check([]byte(doc))); got != want {
			t.Errorf("%s: %s, want %s", doc, got, want)
		}
	}
}

func TestRead30(t *testing.T) {
	hooks := read(t, "old.json")
	if len(hooks) != 1 || shown(hooks[0]) != `user.updated|A user changed|users|false|[{"id":12345678901234567890}]` {
		t.Fatalf("%+v", hooks)
	}
	s, err := schema.Compile(hooks[0].Schema)
	if err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]string{
		`{"id":1,"score":10,"name":null,"role":null,"boss":{"name":"Bo"},"pet":null}`: "[]",
		`{"id":0,"score":11}`:                              "[{[id] must be more than 0} {[score] must be at most 10}]",
		`{"id":1,"role":"guest","boss":null}`:              `[{[boss] must be object, not null} {[role] must be one of "admin", "user", null}]`,
		`{"id":1,"pet":{"kind":"cat","lives":9.5}}`:        "[]",
		`{"id":1,"pet":{"kind":"cat","lives":9,"name":1}}`: "[]",
		`{"id":1,"pet":{"kind":"cat","lives":9}}`:          "[{[pet] fits none of the alternatives (anyOf)}]", // a person has no rule against lives
	} {
		if got := fmt.Sprint(s.Check([]byte(doc))); got != want {
			t.Errorf("%s: %s, want %s", doc, got, want)
		}
	}
	for _, gone := range []string{"nullable", "discriminator", "externalDocs", `"example"`, "means nothing"} {
		if strings.Contains(string(hooks[0].Schema), gone) {
			t.Errorf("%s is still in %s", gone, hooks[0].Schema)
		}
	}
}

// hook is a document with one webhook whose body has that schema.
func hook(schema string) string {
	return `{"openapi":"3.1.0","webhooks":{"a":{"post":{"requestBody":{"content":{"application/json":{"schema":` + schema + `}}}}}},"components":{"schemas":{"x":{"type":"string"}}}}`
}

// laughs is YAML in which each line has the one before it ten times.
func laughs(n int) string {
	var b strings.Builder
	b.WriteString("openapi: 3.1.0\nx0: &x0 [a]\n")
	for i := range n {
		fmt.Fprintf(&b, "x%d: &x%[1]d [%s]\n", i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d,", i), 10), ","))
	}
	return b.String()
}

func TestReadRefuses(t *testing.T) {
	deep := strings.Repeat(`{"items":`, 99) + "{}" + strings.Repeat("}", 99)
	var shared strings.Builder
	shared.WriteString(`{"openapi":"3.1.0","components":{"schemas":{"big":{"description":"` + strings.Repeat("x", 200_000) + `"}}},"webhooks":{`)
	for i := range 500 {
		fmt.Fprintf(&shared, `"w%d":{"post":{"requestBody":{"content":{"application/json":{"schema":{"items":{"$ref":"#/components/schemas/big"}}}}}}},`, i)
	}
	tooMany := `{"openapi":"3.1.0","webhooks":{` + strings.TrimSuffix(strings.Repeat(`"w":{"post":{}},`, 2), ",") + "}}"
	for _, c := range []struct{ text, want string }{
		{"", "is empty"}, {"# nothing", "is empty"}, {"null", "must be an OpenAPI or AsyncAPI document"}, {"[]", "must be an OpenAPI or AsyncAPI document"}, {"text", "must be an OpenAPI or AsyncAPI document"},
		{"{", "is neither JSON nor YAML"}, {"a: b: c", "is neither JSON nor YAML"}, {"\xff", "is not valid UTF-8"}, {"a: *b", "is neither JSON nor YAML"}, {"a: !!float x", ""},
		{"{}", "version 3"}, {`{"swagger":"2.0"}`, "version 3"}, {"openapi: 3.1", "version 3"}, {`{"openapi":"4.0.0"}`, "version 3"},
		{`{"openapi":"3.1.0"}`, "has no webhooks"}, {`{"openapi":"3.1.0","webhooks":{}}`, "has no webhooks"}, {`{"openapi":"3.1.0","webhooks":null}`, "has no webhooks"},
		{`{"openapi":"3.1.0","webhooks":[]}`, "at webhooks: must be an object"}, {`{"openapi":"3.1.0","webhooks":{"a":1}}`, "at webhooks > a: must be an object"},
		{`{"openapi":"3.1.0","webhooks":{"a":{}}}`, "at webhooks > a: has no operation"}, {`{"openapi":"3.1.0","webhooks":{"a":{"post":[]}}}`, "at webhooks > a > post: must be an object"},
		{`{"openapi":"3.1.0","webhooks":{"a":{"$ref":"#/webhooks/a"}}}`, "more than 16 references"}, {`{"openapi":"3.1.0","webhooks":{"a":{"$ref":"#/nowhere"}}}`, `"#/nowhere", which is not there`},
		{`{"openapi":"3.1.0","webhooks":{"a":{"post":{"requestBody":1}}}}`, "requestBody: must be an object"}, {`{"openapi":"3.1.0","webhooks":{"a":{"post":{"requestBody":{"content":{"application/json":1}}}}}}`, "application/json: must be an object"},
		{hook("1"), "schema: must be a schema"}, {hook(`{"items":[1]}`), "schema > items > 0: must be a schema"}, {hook(`{"properties":{"a":"b"}}`), "schema > properties > a: must be a schema"},
		{hook(`{"$ref":"other.yaml#/a"}`), `"other.yaml#/a", which is not within the document`}, {hook(`{"items":{"$ref":"http://127.0.0.1/"}}`), "not within the document"}, {hook(`{"items":{"$ref":"file:///etc/passwd"}}`), "not within the document"},
		{hook(`{"$ref":"#/components/schemas/y"}`), "which is not there"}, {hook(`{"allOf":[{"$ref":"#/components/schemas/x/0"}]}`), "which is not there"}, {hook(`{"$ref":"#/info"}`), "which is not there"}, {hook(`{"$ref":"#/openapi"}`), "must be a schema"},
		{hook(`{"$ref":"#/webhooks/a/post/requestBody/content/application~1json/schema"}`), "more than 16 references"},
		{hook(deep), "nests deeper than 100 levels"}, {strings.Repeat("[", 20_000), ""}, {"a: " + strings.Repeat("{a: ", 20_000), ""}, {strings.Repeat("- ", 20_000), ""},
		{laughs(4), "has no webhooks"}, {laughs(8), "more than 200000 values"}, {laughs(1000), "more than 200000 values"},
		{"openapi: 3.1.0\na: &a [*a]", "nests deeper"}, {"openapi: 3.1.0\na: &a\n  b: *a", "nests deeper"}, {"a: &a {<<: *a}", "nests deeper"}, {"a: {<<: 1}", "takes in mappings only"},
		{"a: 1\na: 2", "is there twice"}, {"a: .nan", "not a number"}, {"a: -.inf", "not a number"}, {"? [a]\n: b", "a name must be text"},
		{strings.TrimSuffix(shared.String(), ",") + "}}", "larger than 16 MiB"}, {"#" + strings.Repeat(" ", MaxText), "at most 1 MiB"},
		{`{"openapi":"3.1.0","a":[` + strings.Repeat("1,", 200_000) + `1]}`, "more than 200000 values"}, {strings.Replace(tooMany, `"w":`, many(2001)+`"w":`, 1), "more than 2000 webhooks"},
	} {
		begun := time.Now()
		hooks, err := Read([]byte(c.text))
		var wrong *Error
		if hooks != nil || !errors.As(err, &wrong) || !strings.Contains(wrong.Error(), c.want) || len(wrong.Error()) > 600 {
			t.Errorf("%.100q: %v, want a refusal that says %q", c.text, err, c.want)
		}
		if took := time.Since(begun); took > patience {
			t.Errorf("%.100q took %v", c.text, took)
		}
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"w%d":{"post":{}},`, i)
	}
	return b.String()
}

func FuzzRead(f *testing.F) {
	for _, file := range []string{"shop.yaml", "old.json", "async2.yaml", "async3.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(hook(`{"allOf":[{"$ref":"#/components/schemas/x"}]}`)))
	f.Add([]byte("a: &a {b: !!int 0x1f, <<: [*a]}\n? |\n c\n: >-\n  d\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		begun := time.Now()
		hooks, err := Read(text)
		var wrong *Error
		if err != nil && !errors.As(err, &wrong) {
			t.Errorf("%q: %v", text, err)
		}
		for _, h := range hooks {
			if h.Schema != nil {
				if _, err := schema.Compile(h.Schema); err != nil {
					var wrong *schema.Violation
					if !errors.As(err, &wrong) {
						t.Errorf("%q: %v", h.Schema, err)
					}
				}
			}
		}
		if took := time.Since(begun); took > patience {
			t.Errorf("%q took %v", text, took)
		}
	})
}
