package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestTextFromOutsideCannotActOnTheTerminal(t *testing.T) {
	for in, want := range map[string]string{
		"plain, ünïcödé, 日本, 🎺": "plain, ünïcödé, 日本, 🎺",
		"\x1b[31mred":           `\x1b[31mred`,
		"a\rb\nc\td\x00\x7f":    `a\rb\nc\td\x00\x7f`,
		"\u009b31m":             `\u009b31m`,
		"user\u202egnp.exe":     `user\u202egnp.exe`,
		"\u2066a\u2069\u200b":   `\u2066a\u2069\u200b`,
		"\U000e0041":            `\U000e0041`,
		"\xff\xfe":              `\xff\xfe`,
		"a\u00a0b":              `a\u00a0b`,
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
	if got, want := printableLines("a\n\tb\r\x1b"), "a\n\tb"+`\r\x1b`; got != want {
		t.Errorf("printableLines = %q, want %q", got, want)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"", "a\x1b]0;title\a", "\u202e\u2028\r\n", "\xf0\x28\x8c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range printable(s) {
			if !unicode.IsPrint(r) {
				t.Fatalf("printable(%q) lets %U through", s, r)
			}
		}
		for _, r := range printableLines(s) {
			if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
				t.Fatalf("printableLines(%q) lets %U through", s, r)
			}
		}
		if !utf8.ValidString(printable(s)) {
			t.Fatalf("printable(%q) is not UTF-8", s)
		}
	})
}

func FuzzPrintableJSON(f *testing.F) {
	for _, s := range []string{`{"a":"\u202e"}`, "{\"a\":\"\u202e\x7f\U000e0041\"}", "not JSON\x1b", `[1, 2.50]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := printableJSON([]byte(s))
		for _, r := range string(out) {
			if !unicode.IsPrint(r) {
				t.Fatalf("printableJSON(%q) lets %U through", s, r)
			}
		}
		var before, after any
		if json.Unmarshal([]byte(s), &before) != nil {
			before = strings.ToValidUTF8(s, "\ufffd")
			if !utf8.ValidString(s) {
				return // how many marks stand for what was not UTF-8 is of no matter
			}
		}
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("printableJSON(%q) = %q: %v", s, out, err)
		}
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("printableJSON(%q) = %q means something else", s, out)
		}
	})
}

func TestTablesAlignAndBoundWhatTheyShow(t *testing.T) {
	var b strings.Builder
	table := newTable(&b, "ID", "NAME", "STATE")
	table.row("app_1", "Acme\x1b[2J", "")
	table.row("app_22", strings.Repeat("x", cellWidth+1), "ok")
	table.Flush()
	want := "ID      NAME" + strings.Repeat(" ", cellWidth-2) + "STATE\n" +
		"app_1   Acme\\x1b[2J" + strings.Repeat(" ", cellWidth-9) + "\n" +
		"app_22  " + strings.Repeat("x", cellWidth-1) + "…  ok\n"
	if b.String() != want {
		t.Errorf("the table is\n%swant\n%s", b.String(), want)
	}
}

func TestFieldsWithoutValueAreLeftOut(t *testing.T) {
	var b strings.Builder
	fields(&b, "id", "app_1", "uid", "", "rate limit", "5 a second")
	if want := "id          app_1\nrate limit  5 a second\n"; b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
