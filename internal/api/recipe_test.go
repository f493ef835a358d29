package api

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/all"
	"github.com/fanfarehq/fanfare/storetest"
)

// anyScript takes every script, and returns what it is given.
type anyScript struct{}

func (anyScript) Transform(_ context.Context, _ string, in []byte) ([]byte, error) { return in, nil }
func (anyScript) Check(context.Context, string) error                              { return nil }

// recipeWorld has all connectors, and an application acme.
func recipeWorld(t *testing.T) *world {
	w := worldOn(t, storetest.NewModel(), &fanfare.Options{Connectors: all.Connectors(nil), Transformer: anyScript{}})
	w.app("acme")
	return w
}

// two is a recipe of a source and two endpoints, of which the second may be wrong.
const two = `recipe: two
about: Two of them
inputs:
  HOOK: {about: where to, secret: true, example: https://hooks.slack.com/services/T/B/example}
  LEAST: {about: how much, kind: number, default: 3}
  WORD: {about: what it must say, default: 'it''s "on"'}
  SIGN: {about: what is signed with, secret: true, generate: true}
sources:
- {uid: in, name: shop, profile: github, secret: "${SIGN}"}
endpoints:
- uid: chat
  kind: slack
  filter: payload.n >= ${LEAST} && payload.word == ${WORD}
  transformation: |
    function handler(webhook) { return { payload: { n: webhook.payload.n + inputs.LEAST, who: ` + "`${inputs.WORD}`" + ` } } }
  rateLimit: ${LEAST}
  config: {url: "${HOOK}", text: "$${n} is {{payload.n}}{{payload.n > ${LEAST} ? ' and ' + ${WORD} : ''}}"}
- {uid: more, kind: slack, eventTypes: ["big.*"], config: {url: "${HOOK}", text: MORE}}
`

func body(w *world, recipe string, more ...string) string {
	text := func(s string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
	}
	return `{"recipe":` + text(recipe) + strings.Join(more, "") + `}`
}

// What a recipe says is made, filled in, and goes again.
func TestARecipeIsInstalledAndRemoved(t *testing.T) {
	w := recipeWorld(t)
	made := w.do("POST", "/api/v1/app/acme/recipe", body(w, two, `,"inputs":{"HOOK":"https://hooks.slack.com/services/T/B/mine"}`)).want(201)
	var got recipeMadeOut
	made.decode(&got)
	if got.As != "two" || len(got.Sources) != 1 || len(got.Endpoints) != 2 || len(got.Made["SIGN"]) != 26 {
		t.Fatalf("made: %s", made.body)
	}
	if strings.Contains(string(made.body), "mine") {
		t.Error("the answer shows a secret that was given")
	}
	ep := w.do("GET", "/api/v1/app/acme/endpoint/recipe.two.chat", "").want(200).object()
	for name, want := range map[string]any{
		"filter": `payload.n >= 3 && payload.word == "it's \"on\""`, "rateLimit": 3.0,
		"transformation": `const inputs = {"LEAST":3,"WORD":"it's \"on\""}; function handler(webhook) { return { payload: { n: webhook.payload.n + inputs.LEAST, who: ` + "`${inputs.WORD}`" + " } } }\n",
	} {
		if ep[name] != want {
			t.Errorf("%s is %q, want %q", name, ep[name], want)
		}
	}
	if text := ep["config"].(map[string]any)["text"]; text != `${n} is {{payload.n}}{{payload.n > 3 ? ' and ' + "it's \"on\"" : ''}}` {
		t.Errorf("text is %q", text)
	}
	src, err := w.hub.Source(t.Context(), applicationID(w, "acme"), "recipe.two.in")
	if err != nil || src.Secrets[0].Text != got.Made["SIGN"] {
		t.Errorf("the source: %+v, %v", src, err)
	}

	again := w.do("POST", "/api/v1/app/acme/recipe", body(w, two, `,"inputs":{"HOOK":"https://hooks.slack.com/services/T/B/mine"}`)).want(409)
	if !strings.Contains(string(again.body), "Remove it first") {
		t.Errorf("again: %s", again.body)
	}
	w.do("POST", "/api/v1/app/acme/recipe", body(w, two, `,"as":"two-b","inputs":{"HOOK":"https://hooks.slack.com/services/T/B/other"}`)).want(201)
	w.do("DELETE", "/api/v1/app/acme/recipe/two", "").want(204)
	w.do("DELETE", "/api/v1/app/acme/recipe/two", "").want(404)
	if uids := everyUID(w); !slices.Equal(uids, []string{"recipe.two-b.chat", "recipe.two-b.in", "recipe.two-b.more"}) {
		t.Errorf("left are %v", uids)
	}
}

func applicationID(w *world, uid string) fanfare.ApplicationID {
	app, err := w.hub.Application(w.t.Context(), uid)
	if err != nil {
		w.t.Fatal(err)
	}
	return app.ID
}

// everyUID are those of all endpoints and sources of acme.
func everyUID(w *world) (uids []string) {
	app := applicationID(w, "acme")
	eps, err := w.hub.Endpoints(w.t.Context(), app, fanfare.Page{Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, ep := range eps {
		uids = append(uids, ep.UID)
	}
	sources, err := w.hub.Sources(w.t.Context(), app, fanfare.Page{Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, src := range sources {
		uids = append(uids, src.UID)
	}
	slices.Sort(uids)
	return uids
}

// When the last thing is refused, nothing stays of those before it.
func TestARecipeIsInstalledWholeOrNotAtAll(t *testing.T) {
	w := recipeWorld(t)
	wrong := strings.Replace(two, "text: MORE", `text: "{{"`, 1)
	got := w.do("POST", "/api/v1/app/acme/recipe", body(w, wrong, `,"inputs":{"HOOK":"https://hooks.slack.com/services/T/B/mine"}`)).want(422)
	if text := string(got.body); !strings.Contains(text, "line 18: endpoint more: config.text") || strings.Contains(text, "mine") {
		t.Errorf("answered %s", text)
	}
	if uids := everyUID(w); len(uids) > 0 {
		t.Errorf("left are %v", uids)
	}
}

// What is wrong with a recipe, or with its inputs, is told with its place.
func TestARecipeThatIsWrong(t *testing.T) {
	w := recipeWorld(t)
	hook := `,"inputs":{"HOOK":"https://hooks.slack.com/services/T/B/x"}`
	for _, c := range []struct{ name, recipe, more, want string }{
		{"nothing given", two, "", `"inputs","HOOK"`},
		{"an input that is none", two, `,"inputs":{"HOOK":"x","HOOKS":"x"}`, `is no input of this recipe; did you mean`},
		{"no number", two, `,"inputs":{"HOOK":"x","LEAST":"1; drop"}`, `is not a number`},
		{"a field that is none", strings.Replace(two, "uid: more, ", "uid: more, kinds: x, ", 1), hook, `line 18: an endpoint has no field`},
		{"an input that is not there", strings.Replace(two, "${HOOK}", "${HOOKE}", 1), hook, `there is none`},
		{"an input that stands nowhere", strings.Replace(two, "inputs:", "inputs:\n  NOWHERE: {about: x, default: x}", 1), hook, `line 4: the input NOWHERE stands nowhere`},
		{"a secret with a default", strings.Replace(two, "{about: where to, secret: true", "{about: where to, default: x, secret: true", 1), hook, `everybody would have the same`},
		{"twice the same uid", strings.Replace(two, "uid: more", "uid: chat", 1), hook, `is there already`},
		{"no YAML", "recipe: [", hook, `this is not YAML`},
		{"no recipe", "applications: []", hook, `is not known here`},
		{"large", "# " + strings.Repeat("x", 300<<10), hook, `larger than`},
		{"a source of an unknown profile", strings.Replace(two, "profile: github", "profile: gothub", 1), hook, `source in: profile`},
		{"both", two, hook + `,"name":"github-to-slack"`, `give the name`},
	} {
		got := w.do("POST", "/api/v1/app/acme/recipe", body(w, c.recipe, c.more))
		if got.status != 422 || !strings.Contains(strings.ReplaceAll(string(got.body), `\"`, `'`), c.want) {
			t.Errorf("%s: %d %s; want %s", c.name, got.status, got.body, c.want)
		}
	}
	if uids := everyUID(w); len(uids) > 0 {
		t.Errorf("left are %v", uids)
	}
	w.do("POST", "/api/v1/app/acme/recipe", `{"name":"no-such"}`).want(404)
	w.do("GET", "/api/v1/recipe/no-such", "").want(404)
}

// A trial says of each message whether it is wanted, and shows what would be sent
// without its secrets; nothing is sent or made.
func TestARecipeIsTried(t *testing.T) {
	w := recipeWorld(t)
	recipe := strings.Replace(two, "  transformation: |\n    function handler(webhook) { return { payload: { n: webhook.payload.n + inputs.LEAST, who: `${inputs.WORD}` } } }\n", "", 1)
	small := w.message("acme", `{"eventType":"small.one","payload":{"n":1,"word":"x"}}`)
	w.message("acme", `{"eventType":"big.one","payload":{"n":5,"word":"it's \"on\""}}`)
	var got recipeTrialOut
	answer := w.do("POST", "/api/v1/app/acme/recipe/try", body(w, recipe, `,"last":10,"inputs":{"HOOK":"https://hooks.slack.com/services/T/B/mine"}`)).want(200)
	answer.decode(&got)
	if strings.Contains(string(answer.body), "mine") || len(got.Data) != 4 {
		t.Fatalf("answered %s", answer.body)
	}
	big, more, tiny := got.Data[0], got.Data[1], got.Data[2]
	if !big.Wanted || len(big.Previews) != 1 || big.Previews[0].To != "POST https://hooks.slack.com/********" ||
		strings.TrimSpace(big.Previews[0].Body) != `{"text":"${n} is 5 and it's \"on\""}` {
		t.Errorf("the big one: %+v", big)
	}
	if !more.Wanted || more.Endpoint != "more" {
		t.Errorf("the big one at the second: %+v", more)
	}
	if tiny.Wanted || tiny.Note != "the filter does not match" || string(*tiny.Message) != small || len(tiny.Previews) > 0 {
		t.Errorf("the small one: %+v", tiny)
	}
	one := w.do("POST", "/api/v1/app/acme/recipe/try", body(w, recipe, `,"eventType":"x","payload":{"n":3,"word":"it's \"on\""}`)).want(200)
	one.decode(&got)
	if len(got.Data) != 2 || got.Data[0].Previews[0].Body != `{"text":"${n} is 3"}`+"\n" || got.Data[1].Note != "it wants big.*, and this is x" {
		t.Errorf("a payload: %s", one.body)
	}
	if uids := everyUID(w); len(uids) > 0 {
		t.Errorf("a trial has made %v", uids)
	}
	w.do("POST", "/api/v1/app/acme/recipe/try", body(w, recipe, `,"last":101`)).want(422)
	w.do("POST", "/api/v1/app/acme/recipe/try", body(w, recipe)).want(422)
}
