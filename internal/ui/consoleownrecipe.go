package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// firstRecipe is what stands in the form for a recipe of one's own until something else
// does.
const firstRecipe = `recipe: my-recipe
about: What it does, in a line
inputs:
  TARGET_URL:
    about: where messages go
    pattern: https?://.+
    example: https://receiver.example.com/hook
endpoints:
  - uid: out
    description: What it is for
    url: ${TARGET_URL}
    eventTypes: ["record.*"]
examples:
  - about: a record is made
    eventType: record.created
    payload: {id: r-7}
    want: ["POST https://receiver.example.com/hook", '"id":"r-7"']
`

// ownRecipe is where a recipe is written, or one of the gallery is changed.
func ownRecipe(v *visit) error { return v.showOwnRecipe(http.StatusOK, nil, recipeBody{}) }

func (v *visit) showOwnRecipe(status int, told *refusal, body recipeBody) error {
	text := firstRecipe
	if name := v.asked("copy"); name != "" {
		var of recipeOut
		if err := v.read(&of, "/recipe/"+url.PathEscape(name)); err != nil {
			return err
		}
		text = of.Text
	}
	if v.r.Method == http.MethodPost {
		text = v.r.PostFormValue("recipe")
	}
	inputs := v.r.PostFormValue("inputs")
	if body.Made != nil {
		inputs = "" // there may be secrets among them
	}
	app, err := v.anApplication()
	if err != nil {
		return err
	}
	body.Once, body.Action = once(), "new"
	body.Fields = append([]field{
		{Name: "recipe", Label: "The recipe", Kind: "textarea", Rows: 24, Code: true, Value: text, Hint: "YAML: where messages come from, what is made of them, and where that goes; doc/recipes.md has all of it. It is not kept here: keep it where you keep your other files."},
		{Name: "inputs", Label: "Inputs", Kind: "textarea", Rows: 4, Code: true, Value: inputs, Placeholder: "TARGET_URL=https://receiver.example.com/hook", Hint: "Each on a line of its own. A dry run takes the examples of those that are not given."},
		app,
	}, v.asAndLast()...)
	if told != nil {
		body.Problem = told.Detail
		for at, reason := range told.Fields {
			name, input, _ := strings.Cut(at, ".")
			for i, f := range body.Fields {
				if f.Name == name {
					body.Fields[i].Problem = strings.TrimSpace(input + " " + reason)
				}
			}
		}
	}
	return v.showAs(status, "console/recipe", "A recipe of your own", body)
}

// useOwnRecipe shows what a recipe that was written here would send, or makes what it
// says.
func useOwnRecipe(v *visit) error {
	inputs := map[string]string{}
	for line := range strings.Lines(v.r.PostFormValue("inputs")) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return v.showOwnRecipe(http.StatusUnprocessableEntity, wrongField("inputs", fmt.Sprintf("%q is no line such as NAME=value.", cut(line, 60))), recipeBody{})
		}
		inputs[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return v.useWith(map[string]any{"recipe": v.r.PostFormValue("recipe"), "inputs": inputs}, v.showOwnRecipe)
}
