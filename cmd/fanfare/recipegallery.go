package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/fanfarehq/fanfare/internal/manifest"
	"github.com/fanfarehq/fanfare/recipes"
)

// galleryCommands need no server: the gallery is in the program.
func galleryCommands(e *env) []*cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List the recipes of the gallery", Args: takes}
	listJSON := list.Flags().Bool("json", false, "print JSON, one object a line")
	list.RunE = func(*cobra.Command, []string) error { return listRecipes(e, *listJSON) }

	one := &cobra.Command{Use: "show RECIPE", Short: "Show what a recipe does, and what it has to be told", Args: takes,
		Example: "fanfare recipe show github-to-slack\nfanfare recipe show github-to-slack --text >mine.yaml"}
	asText := one.Flags().Bool("text", false, "print the recipe itself, to make one of your own from it")
	oneJSON := one.Flags().Bool("json", false, "print JSON")
	one.RunE = func(_ *cobra.Command, args []string) error {
		text, head, err := e.recipeText(args[0])
		switch {
		case err != nil:
			return err
		case *asText:
			_, err = e.stdout.Write(text)
			return err
		case *oneJSON:
			return printRecipe(e, head)
		}
		return showRecipe(e, head)
	}

	begin := &cobra.Command{Use: "new [NAME]", Short: "Print a recipe to begin with", Args: takes,
		Example: "fanfare recipe new orders-to-slack >orders-to-slack.yaml"}
	begin.RunE = func(_ *cobra.Command, args []string) error {
		name := "mine"
		if len(args) > 0 {
			name = args[0]
		}
		if !manifest.RecipeNamed(name) {
			return usagef("a recipe's name has small letters, digits and - only, as orders-to-slack has")
		}
		_, err := fmt.Fprint(e.stdout, strings.Replace(skeleton, "NAME", name, 1))
		return err
	}
	return []*cobra.Command{list, one, begin}
}

func listRecipes(e *env, asJSON bool) error {
	t := newTable(e.stdout, "NAME", "WHAT IT DOES")
	t.whole, t.width = !e.isTerminal(e.stdout), columnsOf(e.stdout)
	for _, name := range recipes.Names() {
		text, _ := recipes.Text(name)
		head, err := manifest.ReadRecipe(name, text, nil, nil)
		if err != nil {
			return err
		}
		if asJSON {
			if err := printRecipe(e, head); err != nil {
				return err
			}
			continue
		}
		t.row(name, head.About)
	}
	if asJSON {
		return nil
	}
	_, err := t.Flush()
	return err
}

// An inputShown is an input as it is printed.
type inputShown struct {
	Name     string `json:"name"`
	About    string `json:"about"`
	Default  string `json:"default,omitempty"`
	Example  string `json:"example,omitempty"`
	Secret   bool   `json:"secret,omitempty"`
	Generate bool   `json:"generate,omitempty"`
	Optional bool   `json:"optional,omitempty"`
	Number   bool   `json:"number,omitempty"`
}

func printRecipe(e *env, head *manifest.Recipe) error {
	inputs := []inputShown{}
	for _, in := range head.Inputs {
		inputs = append(inputs, inputShown{in.Name, in.About, in.Default, in.Example, in.Secret, in.Generate, in.Optional, in.Number})
	}
	text, err := json.Marshal(struct {
		Name   string       `json:"name"`
		About  string       `json:"about"`
		Needs  string       `json:"needs"`
		Inputs []inputShown `json:"inputs"`
	}{head.Name, head.About, head.Needs, inputs})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "%s\n", printableJSON(text))
	return err
}

func showRecipe(e *env, head *manifest.Recipe) error {
	fmt.Fprintln(e.stdout, printableLines(head.Name+": "+head.About+"\n\n"+strings.TrimSpace(head.Needs)+"\n"))
	t := newTable(e.stdout, "INPUT", "WHAT IT IS", "UNLESS TOLD")
	t.whole, t.width = !e.isTerminal(e.stdout), columnsOf(e.stdout)
	for _, in := range head.Inputs {
		otherwise := in.Default
		switch {
		case in.Generate:
			otherwise = "(made up)"
		case in.Optional:
			otherwise = "(nothing)"
		case otherwise == "":
			otherwise = "(has to be told)"
		}
		t.row(in.Name, in.About, otherwise)
	}
	if _, err := t.Flush(); err != nil {
		return err
	}
	for _, ex := range head.Examples {
		fmt.Fprintln(e.stderr, printable("Example: "+ex.About+", "+ex.EventType))
	}
	_, err := fmt.Fprintf(e.stderr, "See what it would send: fanfare recipe try %s\n", head.Name)
	return err
}

// askFor asks the user for an input. What is secret is not shown as it is typed.
func (e *env) askFor(in *manifest.Input) (string, error) {
	fmt.Fprintf(e.stderr, "%s, %s: ", in.Name, printable(in.About))
	if f, ok := e.stdin.(*os.File); in.Secret && ok && e.isTerminal(f) {
		text, err := term.ReadPassword(f.Fd())
		fmt.Fprintln(e.stderr)
		return strings.TrimSpace(string(text)), err
	}
	text, err := bufio.NewReaderSize(oneByOne{e.stdin}, 16).ReadString('\n')
	if text = strings.TrimSpace(text); text != "" {
		err = nil
	}
	return text, err
}
