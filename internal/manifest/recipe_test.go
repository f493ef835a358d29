package manifest_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/fanfarehq/fanfare/internal/expression"
	"github.com/fanfarehq/fanfare/internal/manifest"
)

const recipe = `recipe: r
about: Says what is said
inputs:
  WORD: {about: any text, example: x}
  N: {about: any number, kind: number, default: 5}
endpoints:
- uid: one
  url: https://example.com/${WORD}
  filter: payload.word == ${WORD} && payload.n == ${N}
  rateLimit: ${N}
  headers: {X-Word: "{{payload.word == ${WORD}}} ${WORD} $${WORD}"}
`

// Whatever an input is, it is a value where it stands: it neither ends a text nor
// begins an expression, and is not looked into again.
func TestInputsAreValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(rapid.StringN(1, 20, -1), rapid.SampledFrom([]string{
			`" || true || "`, `' || true || '`, `${WORD}`, `$${N}`, "a\nb: c", `\`, `\u0022`, `{{payload}}`, `}}`, `a}}}`, "\u2028", `# x`, `<&>`,
		})).Draw(t, "word")
		if strings.ContainsRune(word, utf8.RuneError) { // what is no UTF-8 comes by no API
			t.Skip()
		}
		head, err := manifest.ReadRecipe("r", []byte(recipe), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		values, _, err := head.Values(map[string]string{"WORD": word}, false)
		if err != nil {
			t.Fatal(err)
		}
		schema := strings.Replace(openapi, `"eventTypes"`, `"filter":{"type":"string"},"eventTypes"`, 1)
		g, err := manifest.NewGrammar([]byte(schema))
		if err != nil {
			t.Fatal(err)
		}
		r, err := manifest.ReadRecipe("r", []byte(recipe), g, values)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range r.Endpoints {
			var url, filter string
			var headers map[string]string
			for name, into := range map[string]any{"url": &url, "filter": &filter, "headers": &headers} {
				if err := json.Unmarshal(item.Field(name).Value, into); err != nil {
					t.Fatal(err)
				}
			}
			if url != "https://example.com/"+word || string(item.Field("rateLimit").Value) != "5" {
				t.Errorf("%s: url %q, rateLimit %s", item.Name, url, item.Field("rateLimit").Value)
			}
			f, err := expression.ParseFilter(filter)
			if err != nil {
				t.Fatalf("%s: %v", filter, err)
			}
			payload, err := json.Marshal(map[string]any{"word": word, "n": 5})
			if err != nil {
				t.Fatal(err)
			}
			if ok, why := f.Match(&expression.Input{Payload: payload}); !ok {
				t.Errorf("%s does not match %s: %s", filter, payload, why)
			}
			if ok, _ := f.Match(&expression.Input{Payload: []byte(`{"word":"another word than that","n":5}`)}); ok {
				t.Errorf("%s matches anything", filter)
			}
			if strings.Contains(word, "{{") {
				continue // outside of an expression it is one
			}
			tm, err := expression.ParseTemplate(headers["X-Word"])
			if err != nil {
				t.Fatalf("%s: %v", headers["X-Word"], err)
			}
			if got, err := tm.Text(&expression.Input{Payload: payload}, nil); err != nil || got != "true "+word+" ${WORD}" {
				t.Errorf("%s renders %q, %v", headers["X-Word"], got, err)
			}
		}
	})
}

// A small file cannot say much: each of these is refused before it takes memory or time.
func TestARecipeIsBounded(t *testing.T) {
	const head = "recipe: r\nabout: x\n"
	for name, c := range map[string]struct{ text, want string }{
		"lists in lists": {head + "examples: [&a [1,1], &b [*a,*a], [*b,*b]]", "repeats nothing with *"},
		"merged":         {head + "examples:\n- &b {eventType: x}\n- {<<: [" + strings.Repeat("*b,", 40_000) + "]}", "repeats nothing with *"},
		"itself":         {head + "endpoints:\n- &a [*a, *a]", "repeats nothing with *"},
		"filled":         {head + "inputs: {A: {about: x, example: x}}\nendpoints:\n- {uid: x, url: \"" + strings.Repeat("${A}", 50_000) + "\"}", "more than 1 MiB"},
		"deep":           {head + "examples:\n- {eventType: x, payload: " + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + "}", "deeper than 64"},
		"long":           {head + "# " + strings.Repeat("x", manifest.MaxRecipe), "larger than 256 KiB"},
		"examples":       {head + "examples: [" + strings.Repeat("{eventType: x, payload: 1},", 21) + "]", "more than 20 examples"},
		"endpoints":      {head + "endpoints: [" + strings.Repeat("{uid: x, url: x},", 21) + "]", "more than 20 endpoints"},
		"two documents":  {head + "---\n" + head, "one document"},
		"empty":          {"# nothing", "the file is empty"},
	} {
		_, err := manifest.ReadRecipe("r", []byte(c.text), grammar(t), map[string]string{"A": strings.Repeat("x", 16_000)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

// What comes from anyone is read or refused, within bounds.
func FuzzReadingARecipe(f *testing.F) {
	g, err := manifest.NewGrammar([]byte(openapi))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(recipe)
	f.Add("recipe: x\nabout: &a [*a]\nendpoints: [*a]")
	f.Add("recipe: r\nabout: x\nendpoints:\n- &a\n  uid: x\n  url: x\n  headers: {a: *a}\n  <<: [*a, *a]\n")
	f.Add("recipe: r\nabout: x\ninputs: {A: {about: x, kind: number, default: 1e9}}\nexamples: [{eventType: x, payload: {a: .inf}}]\n")
	f.Add("recipe: r\nabout: x\nendpoints:\n- &a [*a, *a] ") // which would not end
	f.Add("---\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		head, err := manifest.ReadRecipe("r", []byte(text), nil, nil)
		if err != nil {
			return
		}
		values, _, err := head.Values(nil, true)
		if err != nil {
			return
		}
		r, err := manifest.ReadRecipe("r", []byte(text), g, values)
		if err != nil {
			return
		}
		for _, item := range append(r.Sources, r.Endpoints...) {
			if body, err := item.Body("recipe.r."); err != nil || !json.Valid(body) {
				t.Errorf("%s: %s, %v", item.Where(), body, err)
			}
		}
	})
}
