package main

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"
)

// helpWith has help drawn, for what there is; for a command that does not exist
// e.misnamed says so. Fang draws it, and is not given the rest because it asks the
// terminal for its colours before it prints an error.
func (e *env) helpWith(ctx context.Context, root *cobra.Command) {
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		if rest := cmd.Flags().Args(); cmd.HasSubCommands() && len(rest) > 0 {
			e.misnamed = noCommand(cmd, rest[0])
			return
		}
		root.SetArgs(append(strings.Fields(cmd.CommandPath())[1:], "--help"))
		fang.Execute(ctx, root, fang.WithVersion(version()), fang.WithoutManpage())
	})
	root.SetHelpCommand(&cobra.Command{
		Use: "help [COMMAND]", Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil {
				return usageError{err}
			}
			if cmd.HasSubCommands() && len(rest) > 0 {
				return noCommand(cmd, rest[0])
			}
			return cmd.Help()
		},
	})
	foldExamples(root)
}

// noCommand refuses a command that does not exist, and names one that does.
func noCommand(cmd *cobra.Command, name string) error {
	hint := fmt.Sprintf("see %q", cmd.CommandPath()+" --help")
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %q?", cmd.CommandPath()+" "+near[0])
	}
	return usagef("there is no command %q; %s", cmd.CommandPath()+" "+name, hint)
}

// exampleWidth is how wide an example may be, in characters: help cuts off what
// does not fit the terminal.
const exampleWidth = 72

// foldExamples divides the examples of a command and those below it into lines that
// are short enough, as a shell lets one.
func foldExamples(cmd *cobra.Command) {
	var lines []string
	for line := range strings.SplitSeq(cmd.Example, "\n") {
		lines = append(lines, fold(line)...)
	}
	cmd.Example = strings.Join(lines, "\n")
	for _, below := range cmd.Commands() {
		foldExamples(below)
	}
}

// fold divides a line of shell between words.
func fold(line string) []string {
	if utf8.RuneCountInString(line) <= exampleWidth || strings.HasPrefix(line, "#") {
		return []string{line}
	}
	var lines []string
	present := ""
	for _, word := range words(line) {
		if present != "" && utf8.RuneCountInString(present+" "+word+` \`) > exampleWidth {
			lines = append(lines, present+` \`)
			present = ""
		}
		if present != "" {
			present += " "
		}
		present += word
	}
	return append(lines, present)
}

// words divides a line of shell at the blanks that stand in no quotes, but keeps a
// flag with its value.
func words(line string) (all []string) {
	quote := rune(0)
	for _, word := range strings.FieldsFunc(line, func(r rune) bool {
		switch {
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case r == quote:
			quote = 0
		}
		return r == ' ' && quote == 0
	}) {
		if last := len(all) - 1; last >= 0 && strings.HasPrefix(all[last], "-") && !strings.Contains(all[last], " ") && !strings.HasPrefix(word, "-") {
			all[last] += " " + word
			continue
		}
		all = append(all, word)
	}
	return all
}
