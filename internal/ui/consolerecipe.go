package ui

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// recipePages are the gallery of what people do with webhooks.
func recipePages() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"GET /recipe":           listRecipes,
		"GET /recipe/new":       ownRecipe,
		"POST /recipe/new":      useOwnRecipe,
		"GET /recipe/{recipe}":  readRecipe,
		"POST /recipe/{recipe}": useRecipe,
	}
}

type recipeOut struct {
	Name, About string
	Needs, Text string
	Inputs      []recipeInput
}

type recipeInput struct {
	Name, About                        string
	Default, Example                   *string
	Secret, Generate, Optional, Number bool
}

type recipesBody struct {
	Rows      []recipeOut
	Installed []*installedRow
	Partial   bool // there are endpoints that were not looked at
}

func listRecipes(v *visit) error {
	var list listOf[recipeOut]
	if err := v.read(&list, "/recipe"); err != nil {
		return err
	}
	body := recipesBody{Rows: list.Data}
	var err error
	if body.Installed, body.Partial, err = v.installed(); err != nil {
		return err
	}
	return v.show("console/recipes", "Recipes", body)
}

type recipeBody struct {
	recipeOut
	Action  string // the end of the address of its form
	Copy    string // address of the form in which it can be changed
	Fields  []field
	Problem string
	Once    string
	Text    *copyable
	Trials  []recipeTrial
	Cut     bool        // there is more than is shown
	Made    *recipeMade // nil: it was not installed just now
}

// A recipeTrial is what a recipe would make of a message.
type recipeTrial struct {
	Message, Example    string
	EventType, Endpoint string
	Wanted              bool
	Note                string
	Payload             json.RawMessage
	Cancel              bool
	Missing             []string
	Previews            []struct {
		To, Body string
		Header   [][2]string
	}
	State badge      `json:"-"`
	Sent  []*payload `json:"-"`
}

// recipeMade is what a recipe made.
type recipeMade struct {
	As, Needs string
	Sources   []struct{ ID, Name, URL string }
	Endpoints []endpointOut
	Made      map[string]string
	App       string      `json:"-"`
	Secrets   []*copyable `json:"-"`
	Addresses []*copyable `json:"-"`
}

func readRecipe(v *visit) error { return v.showRecipe(http.StatusOK, nil, recipeBody{}) }

// showRecipe shows a recipe with a form for its inputs, and what came of trying it.
func (v *visit) showRecipe(status int, told *refusal, body recipeBody) error {
	if err := v.read(&body.recipeOut, "/recipe/"+url.PathEscape(v.r.PathValue("recipe"))); err != nil {
		return err
	}
	body.Copy = v.base + "/recipe/new?copy=" + url.QueryEscape(body.Name)
	body.Once, body.Text = once(), &copyable{Text: body.recipeOut.Text, Label: "the recipe", Block: true}
	app, err := v.anApplication()
	if err != nil {
		return err
	}
	body.Fields = append(body.Fields, app)
	for _, in := range body.Inputs {
		f := field{Name: "in." + in.Name, Label: in.Name, Kind: "text", Hint: sentence(in.About), Value: v.said("in." + in.Name)}
		if in.Example != nil {
			f.Placeholder = *in.Example
		}
		switch {
		case in.Secret:
			if f.Value != "" && body.Made == nil {
				f.Problem = "Type it once more: a secret is not written into a page."
			}
			f.Kind, f.Code, f.Value = "password", true, ""
		case v.r.Method != http.MethodPost && in.Default != nil:
			f.Value = *in.Default
		}
		if in.Generate {
			f.Hint += " Left empty, one is made up."
		} else if in.Optional {
			f.Hint += " It may be empty."
		}
		body.Fields = append(body.Fields, f)
	}
	body.Fields, body.Action = append(body.Fields, v.asAndLast()...), body.Name
	if told != nil {
		body.Problem = told.Detail
		for i, f := range body.Fields {
			body.Fields[i].Problem = cmp.Or(told.Fields[strings.Replace(f.Name, "in.", "inputs.", 1)], f.Problem)
		}
	}
	return v.showAs(status, "console/recipe", body.Name, body)
}

// sentence is what begins in small letters and ends with no point, as a sentence.
func sentence(words string) string {
	if words == "" {
		return ""
	}
	return strings.TrimSuffix(capital(words), ".") + "."
}

// asAndLast are the fields that the forms of all recipes end with.
func (v *visit) asAndLast() []field {
	return []field{
		{Name: "as", Label: "Known as", Kind: "text", Code: true, Value: v.said("as"), Hint: "In case the application is to have it more than once; its own name unless told."},
		{Name: "last", Label: "Dry run on", Kind: "select", Options: options(v.said("last"), "", "the recipe's own examples", "5", "the last 5 messages", "20", "the last 20 messages")},
	}
}

// useRecipe shows what a recipe would send, or makes what it says.
func useRecipe(v *visit) error {
	inputs := map[string]string{}
	for name, values := range v.r.PostForm {
		if input, ok := strings.CutPrefix(name, "in."); ok && values[0] != "" {
			inputs[input] = values[0]
		}
	}
	return v.useWith(map[string]any{"name": v.r.PathValue("recipe"), "inputs": inputs}, v.showRecipe)
}

// useWith tries or installs what in says, and shows what came of it.
func (v *visit) useWith(in map[string]any, show func(int, *refusal, recipeBody) error) error {
	at := "/app/" + url.PathEscape(v.said("app")) + "/recipe"
	if v.said("app") == "" {
		return show(http.StatusUnprocessableEntity, wrongField("app", "Say of which application."), recipeBody{})
	}
	body, err := recipeBody{}, error(nil)
	if v.said("do") == "install" {
		if as := v.said("as"); as != "" {
			in["as"] = as
		}
		body.Made, err = v.installRecipe(at, in)
	} else {
		v.r.PostForm.Del("once") // it may be tried as often as one likes
		if n, bad := strconv.Atoi(v.said("last")); bad == nil {
			in["last"] = n
		}
		body.Trials, body.Cut, err = v.tryRecipe(at+"/try", in)
	}
	if told, ok := isRefused(err); ok && told.Status != http.StatusForbidden && told.Status != http.StatusUnauthorized {
		told = atField(told)
		return show(told.Status, told, recipeBody{})
	}
	if err != nil {
		return err
	}
	return show(http.StatusOK, nil, body)
}

func (v *visit) tryRecipe(at string, in map[string]any) (trials []recipeTrial, cut bool, err error) {
	var out struct {
		Data []recipeTrial
		Cut  bool
	}
	if err := v.ask(http.MethodPost, at, nil, in, &out); err != nil {
		return nil, false, err
	}
	for i := range out.Data {
		t := &out.Data[i]
		switch {
		case len(t.Missing) > 0:
			t.State = badge{"bad", "Not as it should be"}
		case !t.Wanted:
			t.State = badge{"idle", "Not wanted"}
		case t.Cancel:
			t.State = badge{"idle", "Cancelled by the script"}
		default:
			t.State = badge{"ok", "Would be sent"}
		}
		for j, p := range t.Previews {
			shown := newPayload(fmt.Sprintf("trial-%d-%d", i, j), p.To, p.Body)
			t.Sent = append(t.Sent, shown)
		}
	}
	return out.Data, out.Cut, nil
}

func (v *visit) installRecipe(at string, in map[string]any) (*recipeMade, error) {
	made := &recipeMade{App: v.said("app")}
	if err := v.ask(http.MethodPost, at, nil, in, made); err != nil {
		return nil, err
	}
	for _, s := range made.Sources {
		made.Addresses = append(made.Addresses, &copyable{Text: s.URL, Label: "the address of " + s.Name})
	}
	for name, secret := range made.Made {
		made.Secrets = append(made.Secrets, &copyable{Text: secret, Label: name})
	}
	return made, nil
}
