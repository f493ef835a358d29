package main

import (
	"os"
	"strings"
	"testing"
)

func TestTheREADMEBeginsAsHelpDoes(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "    " + strings.ReplaceAll(firstSteps, "\n", "\n    ") + "\n"; !strings.Contains(string(text), want) {
		t.Errorf("the README does not have what help begins with:\n%s", want)
	}
}
