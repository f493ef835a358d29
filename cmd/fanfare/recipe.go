package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/manifest"
	"github.com/fanfarehq/fanfare/recipes"
)

func recipeCommand(e *env) *cobra.Command {
	verbs := append(galleryCommands(e), e.inApp(tryRecipeVerb(e), addRecipeVerb(e), removeRecipeVerb())...)
	return noun("recipe", "Recipes: a source, a filter, a script and a connector in one file", verbs...)
}

// recipeText is the recipe that the user names, of the gallery or a file, and what the
// head of it says.
func (e *env) recipeText(ref string) ([]byte, *manifest.Recipe, error) {
	text, ok := recipes.Text(ref)
	if !ok {
		if manifest.RecipeNamed(ref) {
			if _, err := os.Stat(ref); err != nil {
				return nil, nil, fmt.Errorf("there is no recipe %q, nor a file of that name; \"fanfare recipe list\" names the recipes there are", ref)
			}
		}
		var err error
		if text, err = e.readFile(ref, manifest.MaxRecipe); err != nil {
			return nil, nil, err
		}
	}
	head, err := manifest.ReadRecipe(ref, text, nil, nil)
	return text, head, err
}

// inputFlag is the flag --set, which may be there many times.
func inputFlag(flags *pflag.FlagSet, set *[]string) {
	flags.StringArrayVar(set, "set", nil, "an input, NAME=VALUE; NAME=@FILE is what is in the file, and NAME alone the environment variable of that name")
}

// inputs are what the user says of them by --set.
func (e *env) inputs(head *manifest.Recipe, set []string) (map[string]string, error) {
	given := make(map[string]string)
	for _, one := range set {
		name, value, told := strings.Cut(one, "=")
		if _, twice := given[name]; twice {
			return nil, usagef("--set %s is there twice; leave one out", name)
		}
		if !told {
			if value = e.getenv(name); value == "" {
				return nil, usagef("--set %s takes the environment variable %s, which is not set; say %s=… instead", name, name, name)
			}
		}
		text, err := e.orFile(value)
		if err != nil {
			return nil, err
		}
		given[name] = strings.TrimSuffix(string(text), "\n")
	}
	var wrong *manifest.InputError
	if _, _, err := head.Values(given, true); errors.As(err, &wrong) && len(wrong.Wrong) > 0 {
		name := slices.Sorted(maps.Keys(wrong.Wrong))[0]
		return nil, usagef("%s %s", name, wrong.Wrong[name])
	}
	return given, nil
}

// complete asks for the inputs that are missing, where there is somebody to ask.
func (e *env) complete(head *manifest.Recipe, given map[string]string) error {
	var wrong *manifest.InputError
	if _, _, err := head.Values(given, false); !errors.As(err, &wrong) || len(wrong.Missing) == 0 {
		return err
	}
	if !e.isTerminal(e.stdin) {
		lines := make([]string, len(wrong.Missing))
		for i, in := range wrong.Missing {
			lines[i] = fmt.Sprintf("  --set %s=…  %s", in.Name, in.About)
			if in.Example != "" && !in.Secret {
				lines[i] += ", such as " + in.Example
			}
		}
		return usagef("the recipe %s has to be told\n%s", head.Name, strings.Join(lines, "\n"))
	}
	for _, in := range wrong.Missing {
		value, err := e.askFor(in)
		if err != nil {
			return err
		}
		given[in.Name] = value
	}
	_, _, err := head.Values(given, false)
	return err
}

func tryRecipeVerb(e *env) verb {
	var set []string
	var last int
	var message string
	return verb{use: "try RECIPE", short: "Show what a recipe would send; nothing is sent or made",
		long: "Shows what a recipe, of the gallery or a file, would make of its own examples, or of past\n" +
			"messages of the application: whether each is wanted, what the script makes of it, and what\n" +
			"would be sent, without secrets. Inputs that are not told are as the recipe's examples have them.",
		example: "fanfare recipe try github-to-slack\nfanfare recipe try mine.yaml --last 100 --set THRESHOLD=10",
		flags: func(flags *pflag.FlagSet) {
			inputFlag(flags, &set)
			flags.IntVar(&last, "last", 0, "try it on so many of the newest messages, 100 at most, instead of its examples")
			flags.StringVar(&message, "message", "", "try it on the message with this id")
		},
		do: func(ctx context.Context, r *request) error {
			text, head, err := e.recipeText(r.args[0])
			if err != nil {
				return err
			}
			given, err := e.inputs(head, set)
			if err != nil {
				return err
			}
			body := map[string]any{"recipe": string(text), "inputs": given}
			if r.given("last") {
				body["last"] = last
			}
			if message != "" {
				body["message"] = message
			}
			path, err := r.within(ctx, "recipe", "try")
			if err != nil {
				return err
			}
			var trial recipeTrial
			err = show(ctx, r, http.MethodPost, path, body, func(t *recipeTrial) error {
				trial = *t
				return t.show(r)
			})
			if err == nil && trial.lacks() {
				return exitCode(1)
			}
			return err
		}}
}

// A recipeMade is what a recipe made, as the API has it.
type recipeMade struct {
	As, Needs string
	Sources   []*sourceShown
	Endpoints []*endpoint
	Made      map[string]string
}

func addRecipeVerb(e *env) verb {
	var set []string
	var as string
	return verb{use: "add RECIPE", short: "Make the sources and endpoints of a recipe, all or none",
		long: "Makes what a recipe, of the gallery or a file, says, in an application: its sources and\n" +
			"endpoints, all or none. What it has to be told and is not is asked for in a terminal.",
		example: "fanfare recipe add github-to-slack --set SLACK_URL=@hook.txt\nSLACK_URL=https://… fanfare recipe add github-to-slack --set SLACK_URL\nfanfare recipe add mine.yaml --as mine-2",
		flags: func(flags *pflag.FlagSet) {
			inputFlag(flags, &set)
			flags.StringVar(&as, "as", "", "what it is known by, in case the application has the recipe already")
		},
		do: func(ctx context.Context, r *request) error {
			text, head, err := e.recipeText(r.args[0])
			if err != nil {
				return err
			}
			given, err := e.inputs(head, set)
			if err != nil {
				return err
			}
			if err := e.complete(head, given); err != nil {
				return err
			}
			path, err := r.within(ctx, "recipe")
			if err != nil {
				return err
			}
			body := map[string]any{"recipe": string(text), "inputs": given}
			if as != "" {
				body["as"] = as
			}
			return show(ctx, r, http.MethodPost, path, body, func(m *recipeMade) error { return m.show(r) })
		}}
}

// show says what was made, and what is to be done now.
func (m *recipeMade) show(r *request) error {
	t := r.table("MADE", "UID", "KIND", "WHERE")
	for _, s := range m.Sources {
		t.row("source", s.UID, s.Profile, s.URL)
	}
	for _, ep := range m.Endpoints {
		t.row("endpoint", ep.UID, ep.Kind, ep.to())
	}
	t.whole = true // an address has to be there whole
	if err := r.flush(t); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m.Made)) {
		r.say("%s, which is not shown again: %s", name, m.Made[name])
	}
	for _, s := range m.Sources {
		if words := fanfare.WhereToPaste(s.Profile); words != "" {
			r.say("%s", words)
		}
	}
	if m.Needs != "" {
		r.say("\n%s", strings.TrimSpace(m.Needs))
	}
	r.say("\nTo have it gone: %s", r.inApp("recipe", "remove", m.As))
	return nil
}

func removeRecipeVerb() verb {
	return verb{use: "remove NAME", short: "Delete the sources and endpoints that a recipe made",
		long:    "Deletes what \"fanfare recipe add\" has made under that name. Messages stay.",
		example: "fanfare recipe remove github-to-slack",
		loses: func(_ context.Context, r *request) (string, error) {
			return "Whoever sends to the sources of " + r.args[0] + " is answered 404 from now on, and what waits for its endpoints is cancelled", nil
		},
		do: func(ctx context.Context, r *request) error {
			path, err := r.within(ctx, "recipe", r.args[0])
			if err != nil {
				return err
			}
			if _, err := r.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
				return err
			}
			r.say("What recipe %s had made is gone.", r.args[0])
			return nil
		}}
}
