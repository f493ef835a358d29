package manifest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fanfarehq/fanfare/internal/manifest"
)

// openapi is a small description of an API, with everything that the grammar looks
// at.
const openapi = `{
  "components": {"schemas": {
    "App": {"type":"object","required":["name"],"properties":{"uid":{"type":["string","null"]},"name":{"type":"string"},"rateLimit":{"type":["integer","null"]},"throttleRate":{"type":["integer","null"]},"metadata":{"type":["object","null"],"additionalProperties":{"type":"string"}}}},
    "Ep": {"type":"object","required":["url"],"properties":{"uid":{"type":["string","null"]},"url":{"type":"string"},"kind":{"type":["string","null"]},"config":{},"description":{"type":["string","null"]},"eventTypes":{"type":["array","null"],"items":{"type":"string"}},"filterTypes":{"type":["array","null"],"items":{"type":"string"}},"rateLimit":{"type":["integer","null"]},"timeout":{"type":["number","null"]},"version":{"type":["integer","null"]},"disabled":{"type":["boolean","null"]},"secret":{"type":["string","null"]},"headers":{"type":["object","null"],"additionalProperties":{"type":"string"}},"retry":{"$ref":"#/components/schemas/Retry"}}},
    "Type": {"type":"object","required":["name"],"properties":{"name":{"type":"string"},"description":{"type":["string","null"]},"schemas":{}}},
    "Retry": {"type":"object","properties":{"preset":{"type":"string","enum":["standard","none"]},"delays":{"type":["array","null"],"items":{"type":"number"}}}}
  }},
  "paths": {
    "/api/v1/app": {"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/App"}}}}}},
    "/api/v1/app/{app}/endpoint": {"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Ep"}}}}}},
    "/api/v1/event-type": {"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Type"}}}}}}
  }}`

func grammar(t interface{ Fatal(...any) }) *manifest.Grammar {
	g, err := manifest.NewGrammar([]byte(openapi))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func environment(name string) string {
	return map[string]string{"TOKEN": "t0ken", "HOST": "example.com"}[name]
}

func read(t interface{ Fatal(...any) }, text string) (*manifest.Manifest, error) {
	return manifest.Read("f.yaml", []byte(text), grammar(t), environment)
}

func TestReadingAFile(t *testing.T) {
	m, err := read(t, `
eventTypes:
  - name: a.b
    schemas: {"1": {"z": 1.0, "a": [1e2, null, true]}}
---
applications:
  - uid: acme
    name: Acme
    throttleRate: 5
    metadata: {plan: gold}
    endpoints:
      - &usual
        uid: one
        url: https://${HOST}/$${x}
        filterTypes: [a.*]
        version: 3
        description:
        retry: {delays: [5, 0x3c]}
        headers:
          Authorization: Bearer ${TOKEN}
          X-Plain: ""
      - <<: *usual
        uid: two
        url: https://two.example/
        secret: whsec_x
---
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, items := range [][]*manifest.Item{m.EventTypes, m.Applications, m.Endpoints} {
		for _, i := range items {
			got = append(got, fmt.Sprintf("%s %s/%s at %s", i.Kind, i.App, i.Name, i.Where()))
			for _, f := range i.Fields {
				got = append(got, fmt.Sprintf("  %d %s=%s %v", f.Line, f.Name, f.Value, f.Hidden))
			}
		}
	}
	want := []string{
		"event type /a.b at f.yaml:3", `  4 schemas={"1":{"z":1.0,"a":[1e2,null,true]}} false`,
		"application /acme at f.yaml:7", `  8 name="Acme" false`, "  9 rateLimit=5 false", `  10 metadata={"plan":"gold"} false`,
		"endpoint acme/one at f.yaml:12", `  14 url="https://example.com/${x}" true`, `  15 eventTypes=["a.*"] false`, `  18 retry={"delays":[5,60]} false`, `  19 headers={"Authorization":"Bearer t0ken","X-Plain":""} true`,
		"endpoint acme/two at f.yaml:22", `  24 url="https://two.example/" false`, `  25 secret="whsec_x" false`, `  15 eventTypes=["a.*"] false`, `  18 retry={"delays":[5,60]} false`, `  19 headers={"Authorization":"Bearer t0ken","X-Plain":""} true`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("read:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !m.HasApplications || !m.HasEventTypes {
		t.Error("the lists are not noted to be there")
	}
}

func TestAnEndpointThatItsConfigLeads(t *testing.T) {
	m, err := read(t, `
applications:
  - uid: acme
    name: Acme
    endpoints:
      - uid: chat
        kind: slack
        config: {url: "https://${HOST}/${TOKEN}", text: "$${x} {{payload}}", blocks: [{n: 1.0, text: "${TOKEN}"}]}
`)
	if err != nil {
		t.Fatal(err)
	}
	f := m.Endpoints[0].Field("config")
	const want = `{"url":"https://example.com/t0ken","text":"${x} {{payload}}","blocks":[{"n":1.0,"text":"t0ken"}]}`
	if m.Endpoints[0].EndpointKind() != "slack" || string(f.Value) != want || !f.Hidden {
		t.Errorf("read: %s %s %v; want %s", m.Endpoints[0].EndpointKind(), f.Value, f.Hidden, want)
	}
}

func TestWhatIsWrongIsToldWithItsLine(t *testing.T) {
	app := "applications:\n- uid: a\n  name: A\n"
	ep := app + "  endpoints:\n  - uid: e\n    url: https://x.example\n"
	for text, want := range map[string][]string{
		"":                           nil,
		"# nothing\n":                nil,
		"applications:\n":            nil,
		"- a\n":                      {`f.yaml:1: a file begins with "applications:" or "eventTypes:"`},
		"apps: []\n":                 {`f.yaml:1: "apps" is not known here; there are applications, eventTypes`},
		"eventtypes: []\n":           {`f.yaml:1: "eventtypes" is not known here; did you mean "eventTypes"?`},
		"applications: {}\n":         {`f.yaml:1: must be a list, each beginning with "- "`},
		"applications: [a]\n":        {`f.yaml:1: an application has fields, such as "uid: …"`},
		"applications:\n- {}\n":      {`f.yaml:2: the application has no uid; it is known by that`},
		"a: [\n":                     {`f.yaml:1: this is not YAML: did not find expected node content`},
		"\tapplications:\n":          {`f.yaml:1: this is not YAML: found character that cannot start any token`},
		"applications:\n- uid: a":    {`f.yaml:2: application "a" has no name`},
		app + "  ratelimit: 5\n":     {`f.yaml:4: an application has no field "ratelimit"; did you mean "rateLimit"?`},
		app + "  endpoint: []\n":     {`f.yaml:4: an application has no field "endpoint"; did you mean "endpoints"?`},
		app + "  qqqqqqqqqqqq: 1\n":  {`f.yaml:4: an application has no field "qqqqqqqqqqqq"; there are endpoints, metadata, name, rateLimit, sources, throttleRate, uid`},
		app + "  rateLimit: 1.5\n":   {`f.yaml:4: rateLimit must be a whole number`},
		app + "  rateLimit: [1]\n":   {`f.yaml:4: rateLimit must be a whole number`},
		app + "  name: B\n":          {`f.yaml:4: "name" is there twice; keep one`},
		app + "  metadata: {a: 1}\n": {`f.yaml:4: metadata.a must be text; put it in quotes: "1"`},
		app + "  rateLimit: 1\n  throttleRate: 1\n":     {`f.yaml:5: "throttleRate" says again what another name says above; keep one`},
		app + "- uid: a\n  name: B\n":                   {`f.yaml:4: application "a" is at f.yaml:2 already; keep one of the two`},
		ep + "  - uid: e\n    url: https://y.example\n": {`f.yaml:7: endpoint "e" is at f.yaml:5 already; keep one of the two`},
		ep + "    retry: none\n":                        {`f.yaml:7: retry must be fields of its own, a line each`},
		ep + "    retry: {preset: nune}\n":              {`f.yaml:7: retry.preset cannot be "nune"; did you mean "none"?`},
		ep + "    retry: {presets: none}\n":             {`f.yaml:7: retry has no field "presets"; did you mean "preset"?`},
		ep + "    retry: {delays: [5, x]}\n":            {`f.yaml:7: retry.delays must be a number`},
		ep + "    timeout: .inf\n":                      {`f.yaml:7: ".inf" is not a number that can be sent`},
		ep + "    disabled: yes\n":                      {`f.yaml:7: disabled must be true or false`},
		ep + "    description: !!binary aGk=\n":         {`f.yaml:7: values of the type !!binary have no place here`},
		ep + "    secret: ${MISSING}\n":                 {`f.yaml:7: the environment variable MISSING is not set`},
		ep + "    secret: ${TOKEN\n":                    {`f.yaml:7: ${ begins the name of an environment variable, as in ${NAME}; write $${ for the characters themselves`},
		ep + "    description: ${MISSING}\n":            nil,
		ep + "  - uid: p\n    kind: poller\n":           nil,
		ep + "  - uid: p\n    kind: webhook\n":          {`f.yaml:7: endpoint "p" has no url`},
		ep + "  - uid: p\n    url: [a]\n":               {`f.yaml:8: url must be text`},
		ep + "    eventTypes: a.b\n    timeout: x\n":    {`f.yaml:7: eventTypes must be a list`, `f.yaml:8: timeout must be a number`},
	} {
		m, err := read(t, text)
		if err == nil {
			err = m.Unset()
		}
		var problems manifest.Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("%q: %v", text, err)
		}
		var got []string
		if len(problems) > 0 {
			got = strings.Split(problems.Error(), "\n")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\nis refused with %q\nwant %q", text, got, want)
		}
		if strings.Contains(strings.Join(got, ""), "t0ken") {
			t.Errorf("%s: what the environment has is told: %q", text, got)
		}
	}
}

func TestFilesHaveBounds(t *testing.T) {
	bomb := "eventTypes:\n- name: a\n  schemas:\n    x0: &x0 [1,1,1,1,1,1,1,1,1,1]\n"
	for i := range 9 {
		bomb += fmt.Sprintf("    x%d: &x%d [%s*x%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*x%d, ", i), 9), i)
	}
	for name, text := range map[string]string{
		"bomb":      bomb,
		"itself":    "eventTypes:\n- name: a\n  schemas: &x [*x]\n",
		"merge":     "eventTypes:\n- &x\n  name: a\n  <<: *x\n",
		"deep":      "eventTypes:\n- name: a\n  schemas: " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "\n",
		"large":     "# " + strings.Repeat("x", manifest.MaxBytes),
		"many":      strings.Repeat("a: 1\n", 100),
		"problems":  "applications:\n" + strings.Repeat("- x: 1\n", 1000),
		"long name": "applications:\n- " + strings.Repeat("x", 100_000) + ": 1\n",
	} {
		_, err := read(t, text)
		var problems manifest.Problems
		if !errors.As(err, &problems) || len(problems) > 20 {
			t.Errorf("%s: %d problems, %.200v", name, len(problems), err)
		}
	}
}

func TestFilesAddUp(t *testing.T) {
	one, err := read(t, "applications:\n- uid: a\n  name: A\n")
	if err != nil {
		t.Fatal(err)
	}
	two, err := read(t, "eventTypes:\n- name: a.b\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Add(two); err != nil || len(one.EventTypes) != 1 || !one.HasEventTypes {
		t.Errorf("together: %v, %+v", err, one)
	}
	if err := one.Add(two); err == nil || err.Error() != `f.yaml:2: event type "a.b" is at f.yaml:2 already; keep one of the two` {
		t.Errorf("the same again: %v", err)
	}
}

// values makes any JSON value, with objects whose names are all different.
func values() *rapid.Generator[any] {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", "1", "true", "null", "~", "yes", "2026-01-02", "0x1f", "1e3", ".inf", "<<", "- a", "a: b", "#c", "a #c", "'", `"`, "\n", "a\nb\n", " a", "a ", "\t", "!!str x", "&a", "*a", "%", "@", "`", "{", "[", "? ", "|", ">", "é\u2028\u0085", "\x00", "\ufeff",
	}))
	return rapid.OneOf(
		rapid.Map(text, func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.Float64Range(-1e300, 1e300), func(n float64) any { return n }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just[any](nil),
		rapid.Map(rapid.SliceOfN(rapid.Deferred(values), 0, 4), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(text, rapid.Deferred(values), 0, 4), func(m map[string]any) any { return m }),
	)
}

func TestWhatIsWrittenIsReadAsTheSame(t *testing.T) {
	g := grammar(t)
	rapid.Check(t, func(t *rapid.T) {
		value, err := json.Marshal(values().Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		description, err := json.Marshal(rapid.String().Draw(t, "description"))
		if err != nil {
			t.Fatal(err)
		}
		m := &manifest.Manifest{
			EventTypes: []*manifest.Item{{Kind: manifest.EventType, Name: "b"}, {Kind: manifest.EventType, Name: "a.b", Fields: []manifest.Field{
				{Name: "schemas", Value: value}, {Name: "description", Value: description},
			}}},
			Applications: []*manifest.Item{{Kind: manifest.Application, Name: "1", Fields: []manifest.Field{{Name: "name", Value: description}}}},
			Endpoints:    []*manifest.Item{{Kind: manifest.Endpoint, App: "1", Name: "true", Fields: []manifest.Field{{Name: "url", Value: []byte(`"https://x.example/$${HOST}"`)}}}},
		}
		var first bytes.Buffer
		if err := m.Write(&first); err != nil {
			t.Fatal(err)
		}
		again, err := manifest.Read("f", first.Bytes(), g, environment)
		if err != nil {
			t.Fatalf("%v\n%s", err, first.Bytes())
		}
		got := again.EventTypes[0]
		if f := got.Field("schemas"); string(value) != "null" && !equal(t, f.Value, value) {
			t.Errorf("%s became %s by way of\n%s", value, f.Value, first.Bytes())
		}
		if f := got.Field("description"); !equal(t, f.Value, description) {
			t.Errorf("%s became %s by way of\n%s", description, f.Value, first.Bytes())
		}
		if again.Applications[0].Name != "1" || again.Endpoints[0].App != "1" || again.Endpoints[0].Name != "true" {
			t.Errorf("names changed in\n%s", first.Bytes())
		}
		var asJSON bytes.Buffer
		if err := m.WriteJSON(&asJSON); err != nil || !json.Valid(asJSON.Bytes()) {
			t.Errorf("as JSON: %v, %s", err, asJSON.Bytes())
		}
		if _, err := manifest.Read("f", asJSON.Bytes(), g, environment); err != nil {
			t.Errorf("%v: %s", err, asJSON.Bytes())
		}
	})
}

// equal compares two JSON values as what they mean.
func equal(t *rapid.T, a, b []byte) bool {
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Fatal(err)
	}
	p, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	q, err := json.Marshal(y)
	return err == nil && bytes.Equal(p, q)
}
