package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// A place is the flags by which a command says where it does what it does, as far
// as the next command needs them again. What the environment says is there for that
// one too.
type place struct{ serverFlag, appFlag string }

func (e *env) placeOf(cmd *cobra.Command) place {
	given := func(name string) string {
		f := cmd.Flags().Lookup(name)
		if f == nil || !f.Changed {
			return ""
		}
		text := f.Value.String()
		for _, variable := range f.Annotations[fromEnv] {
			if value := e.getenv(variable); value != "" {
				if value == text {
					return ""
				}
				break
			}
		}
		return fmt.Sprintf(" --%s %s", name, shellWord(text))
	}
	return place{given("server"), given("app")}
}

// inApp is a command for the user to type that works within the same application.
func (p place) inApp(words ...string) string { return p.atServer(words...) + p.appFlag }

// atServer is one that needs no application.
func (p place) atServer(words ...string) string {
	for i, word := range words[1:] {
		words[i+1] = shellWord(word)
	}
	return "fanfare " + strings.Join(words, " ") + p.serverFlag
}

// plainWord are the characters that mean nothing to a shell.
const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/=@%+,"

// shellWord writes text as one word of a shell's.
func shellWord(text string) string {
	if text != "" && strings.Trim(text, plainWord) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
