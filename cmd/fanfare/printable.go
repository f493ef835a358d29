package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// What came from outside may hold escape sequences that make a terminal lie:
// move the cursor, change its title, turn the order of letters around. The
// functions of this file show it as text instead.

// printable shows text on one line. Everything in the result is printable.
func printable(s string) string { return escape(s, "") }

// printableLines is printable but keeps line breaks and tabs.
func printableLines(s string) string { return escape(s, "\n\t") }

func escape(s, keep string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r) || strings.ContainsRune(keep, r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		s = s[n:]
	}
	return b.String()
}

// printableJSON returns the same JSON on one line, with what is not printable
// written as JSON escapes. Text that is not JSON becomes a JSON string.
func printableJSON(text []byte) []byte {
	var compact bytes.Buffer
	if json.Compact(&compact, text) != nil {
		compact.Reset()
		quoted, _ := json.Marshal(string(text)) // a string can always be marshalled
		compact.Write(quoted)
	}
	var b bytes.Buffer
	for _, r := range compact.String() {
		switch {
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.Bytes()
}

// cut shortens text to at most n characters.
func cut(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

// A paint colours text, or leaves it alone where there is nothing to colour for.
type paint bool

// paint returns the colours of a stream: only a terminal has them, and only
// without NO_COLOR.
func (e *env) paint(w io.Writer) paint {
	return paint(e.isTerminal(w) && e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb")
}

func (p paint) bold(s string) string   { return p.wrap("1", s) }
func (p paint) dim(s string) string    { return p.wrap("2", s) }
func (p paint) red(s string) string    { return p.wrap("31", s) }
func (p paint) green(s string) string  { return p.wrap("32", s) }
func (p paint) yellow(s string) string { return p.wrap("33", s) }
func (p paint) cyan(s string) string   { return p.wrap("36", s) }

func (p paint) wrap(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
