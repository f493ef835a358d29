package api

import (
	stdjson "encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/manifest"
	"github.com/fanfarehq/fanfare/recipes"
)

// recipeRef says which recipe, and what its inputs are.
type recipeRef struct {
	Name   string            `json:"name,omitzero" doc:"Of a recipe of the gallery; GET /recipe lists them."`
	Recipe string            `json:"recipe,omitzero" doc:"The text of a recipe of your own, YAML, in place of name."`
	Inputs map[string]string `json:"inputs,omitzero" doc:"Values of its inputs."`
}

type recipeIn struct {
	recipeRef
	As string `json:"as,omitzero" doc:"What the installation is known by, in case the application is to have the recipe more than once: small letters, digits and -. Its own name unless told."`
}

type recipeInputOut struct {
	Name     string  `json:"name"`
	About    string  `json:"about" doc:"What it is."`
	Default  *string `json:"default" doc:"What it is unless told; null: it must be told, unless it is optional or made up."`
	Example  *string `json:"example" doc:"A value that it may have, made up."`
	Secret   bool    `json:"secret" doc:"Whether it must not be shown."`
	Generate bool    `json:"generate" doc:"Whether a random one is made up if it is not given."`
	Optional bool    `json:"optional" doc:"Whether it may be empty."`
	Number   bool    `json:"number" doc:"Whether it is a number."`
}

type recipeSummary struct {
	Name   string           `json:"name"`
	About  string           `json:"about" doc:"What it does, in a line."`
	Inputs []recipeInputOut `json:"inputs" doc:"What has to be said to use it."`
}

type recipesOut struct {
	Data []recipeSummary `json:"data"`
}

type recipeOut struct {
	recipeSummary
	Needs string `json:"needs" doc:"What has to be there before, and what to do afterwards."`
	Text  string `json:"text" doc:"The recipe itself, YAML."`
}

type recipeMadeOut struct {
	As        string            `json:"as" doc:"What the installation is known by."`
	Needs     string            `json:"needs" doc:"What is to be done now, outside of Fanfare."`
	Sources   []*sourceOut      `json:"sources" doc:"Each has the url that its sender is to be given."`
	Endpoints []*endpointOut    `json:"endpoints" doc:"As they were made."`
	Made      map[string]string `json:"made" doc:"Secrets that were made up, by the name of their input. They are not shown again."`
}

func (s *server) recipeRoutes() []*route {
	install := on("POST /app/{app}/recipe", "Make the sources and endpoints of a recipe, all or none", installRecipe).answering(http.StatusCreated).exactly().doing("recipe.install")
	install.ownKeys = true // as secrets that were made up are not to be kept
	return []*route{
		on("GET /recipe", "List the recipes of the gallery", listRecipes).needs(fanfare.ScopeReadEndpoints, noSession).toAll(),
		on("GET /recipe/{recipe}", "Read a recipe of the gallery", readRecipe).needs(fanfare.ScopeReadEndpoints, noSession).toAll(),
		install,
		on("POST /app/{app}/recipe/try", "Show what a recipe would send, for its examples or for past messages", tryRecipe).needs(fanfare.ScopeReadMessages, noSession).exactly().unaudited(),
		on("DELETE /app/{app}/recipe/{recipe}", "Delete the sources and endpoints that a recipe made", removeRecipe).doing("recipe.remove"),
	}
}

// summarize reads of a recipe what is to be known before its inputs are.
func summarize(r *manifest.Recipe) recipeSummary {
	out := recipeSummary{Name: r.Name, About: r.About, Inputs: []recipeInputOut{}}
	for _, in := range r.Inputs {
		out.Inputs = append(out.Inputs, recipeInputOut{
			Name: in.Name, About: in.About, Default: pointer(in.Default), Example: pointer(in.Example),
			Secret: in.Secret, Generate: in.Generate, Optional: in.Optional, Number: in.Number,
		})
	}
	return out
}

func listRecipes(*call, *none) (*recipesOut, error) {
	out := &recipesOut{Data: []recipeSummary{}}
	for _, name := range recipes.Names() {
		text, _ := recipes.Text(name)
		r, err := manifest.ReadRecipe(name, text, nil, nil)
		if err != nil {
			return nil, err
		}
		out.Data = append(out.Data, summarize(r))
	}
	return out, nil
}

func readRecipe(c *call, _ *none) (*recipeOut, error) {
	name, err := c.ref("recipe")
	if err != nil {
		return nil, err
	}
	text, ok := recipes.Text(name)
	if !ok {
		return nil, noRecipe(name)
	}
	r, err := manifest.ReadRecipe(name, text, nil, nil)
	if err != nil {
		return nil, err
	}
	return &recipeOut{summarize(r), r.Needs, string(text)}, nil
}

func noRecipe(name string) error {
	return refuse(http.StatusNotFound, "not_found", "There is no recipe "+echo(name)+" in the gallery; GET "+base+"/recipe lists them.")
}

// A filled recipe is one with its inputs.
type filledRecipe struct {
	*manifest.Recipe
	made map[string]string
}

// recipe reads the recipe that in names or holds. examples are taken for inputs that are
// not given, if wanted.
func (c *call) recipe(in *recipeRef, examples bool) (*filledRecipe, error) {
	text, file := []byte(in.Recipe), "recipe"
	switch {
	case (in.Name == "") == (in.Recipe == ""):
		return nil, invalid(fieldError{[]string{"body", "name"}, "give the name of a recipe of the gallery, or in recipe the text of one", "value_error"})
	case in.Name != "":
		file = in.Name
		var ok bool
		if text, ok = recipes.Text(in.Name); !ok {
			return nil, noRecipe(in.Name)
		}
	}
	g, err := c.grammar()
	if err != nil {
		return nil, err
	}
	r, err := manifest.ReadRecipe(file, text, nil, nil)
	if err != nil {
		return nil, recipeProblem(err)
	}
	values, made, err := r.Values(in.Inputs, examples)
	if err == nil {
		r, err = manifest.ReadRecipe(file, text, g, values)
	}
	if err != nil {
		return nil, recipeProblem(err)
	}
	return &filledRecipe{r, made}, nil
}

// newGrammar is what sources and endpoints of recipes may say: what the API takes.
func (s *server) newGrammar() (*manifest.Grammar, error) {
	text, err := stdjson.Marshal(newDocument(s.routes, ""))
	if err != nil {
		return nil, err
	}
	return manifest.NewGrammar(text)
}

// recipeProblem is what is wrong with a recipe or with its inputs, as an answer.
func recipeProblem(err error) error {
	var problems manifest.Problems
	var inputs *manifest.InputError
	var fields []fieldError
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			fields = append(fields, fieldError{[]string{"body", "recipe"}, "line " + strconv.Itoa(p.Line) + ": " + p.Text, "value_error"})
		}
	case errors.As(err, &inputs):
		for _, in := range inputs.Missing {
			fields = append(fields, fieldError{[]string{"body", "inputs", in.Name}, "is missing: " + in.About, "value_error.missing"})
		}
		for name, reason := range inputs.Wrong {
			fields = append(fields, fieldError{[]string{"body", "inputs", name}, reason, "value_error"})
		}
	default:
		return err
	}
	return invalid(fields...)
}

// recipeUIDs is what the uids of all that an installation made begin with.
func recipeUIDs(as string) string { return "recipe." + as + "." }

// recipeSource and recipeEndpoint are what items of a recipe say. An application that has the
// recipe already is told when they are stored.
func (c *call) recipeSource(app *fanfare.Application, item *manifest.Item, prefix string) (*fanfare.Source, error) {
	var in sourceIn
	if err := decodeItem(item, prefix, &in); err != nil {
		return nil, err
	}
	src := &fanfare.Source{Application: app.ID}
	in.apply(src)
	if in.Secret.value != "" {
		src.Secrets = []fanfare.Secret{{Text: in.Secret.value}}
	}
	return src, nil
}

func (c *call) recipeEndpoint(app *fanfare.Application, item *manifest.Item, prefix string) (*fanfare.Endpoint, error) {
	var in endpointIn
	if err := decodeItem(item, prefix, &in); err != nil {
		return nil, err
	}
	ep := &fanfare.Endpoint{Application: app.ID, URL: in.URL, Headers: in.Headers.value}
	in.apply(ep)
	if in.Secret.value != "" {
		ep.Secrets = []fanfare.Secret{{Text: in.Secret.value}}
	}
	return ep, inItem(item, c.settle(ep, &in.endpointFields, true))
}

func decodeItem(item *manifest.Item, prefix string, into any) error {
	body, err := item.Body(prefix)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(jsontext.Value(body), into); err != nil {
		return inItem(item, jsonProblem(err))
	}
	return nil
}

// inItem says of an error about an item which one it is.
func inItem(item *manifest.Item, err error) error {
	var p *problem
	mistakes := mistakesIn(err)
	if errors.As(err, &p) {
		mistakes = p.fields
	}
	if len(mistakes) == 0 {
		return err
	}
	var fields []fieldError
	for _, m := range mistakes {
		where := strings.Join(m.Loc[min(1, len(m.Loc)):], ".")
		fields = append(fields, fieldError{[]string{"body", "recipe"}, "line " + strconv.Itoa(item.Line) + ": " + item.Kind.String() + " " + item.Name + ": " + strings.TrimSpace(where+" "+m.Msg), "value_error"})
	}
	return invalid(fields...)
}
