package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

func TestNoExampleIsCutOff(t *testing.T) {
	e := &env{stdin: strings.NewReader(""), stdout: new(bytes.Buffer), stderr: new(bytes.Buffer), getenv: func(string) string { return "" }}
	var look func(*cobra.Command)
	look = func(cmd *cobra.Command) {
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			if n := utf8.RuneCountInString(line); n > exampleWidth {
				t.Errorf("%s: an example is %d wide: %s", cmd.CommandPath(), n, line)
			}
		}
		for _, below := range cmd.Commands() {
			look(below)
		}
	}
	look(rootCommand(t.Context(), e))
}

func TestExamplesAreFoldedBetweenWords(t *testing.T) {
	line := `fanfare event-type create record.created --description "A record was created" --schema record.json --validation reject`
	want := []string{
		`fanfare event-type create record.created \`,
		`--description "A record was created" --schema record.json \`,
		`--validation reject`,
	}
	if got := fold(line); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("folded:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
