package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fanfarehq/fanfare/internal/verdict"
	"github.com/fanfarehq/fanfare/webhook"
)

// maxShown bounds what is shown of a body, in bytes.
const maxShown = 64 << 10

// A reporter prints what arrives.
type reporter struct {
	out         io.Writer
	paint       paint
	json, quiet bool
}

func (p *reporter) report(a *arrival) {
	switch {
	case p.json:
		p.object(a)
	case p.quiet:
		p.line(a)
	default:
		p.full(a)
	}
}

// full prints all of a. What came from outside is indented, so that it cannot be
// taken for what is said about it.
func (p *reporter) full(a *arrival) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\n", p.paint.bold("Logging "+printable(a.method)+" request:"),
		printable(cut(a.target, 500)), p.paint.dim(a.at.Format(time.TimeOnly)))
	b.WriteString(p.paint.bold("Headers:") + "\n")
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		for _, value := range a.header[name] {
			fmt.Fprintf(&b, "  %s %s\n", p.paint.cyan(printable(name)+":"), printable(value))
		}
	}
	b.WriteString(p.paint.bold("Body:") + "\n")
	b.WriteString(indent(shown(a.body)))
	if more := len(a.body) - maxShown; more > 0 && !a.tooLong {
		b.WriteString(p.paint.dim(fmt.Sprintf("(%s more)", bytesText(more))) + "\n")
	}
	if a.tooLong {
		b.WriteString(p.paint.dim("(longer than 1 MiB, the most that is taken)") + "\n")
	}
	if a.signature.State != "absent" {
		fmt.Fprintf(&b, "%s %s\n", p.paint.bold("signature:"), p.verdict(a.signature))
	}
	fmt.Fprintf(&b, "%s %s\n\n", p.paint.bold("answer:"), p.answer(a))
	io.WriteString(p.out, b.String())
}

// line prints a on one line.
func (p *reporter) line(a *arrival) {
	parts := []string{
		p.paint.dim(a.at.Format(time.TimeOnly)),
		printable(a.method), printable(cut(a.target, 60)), p.answer(a),
		bytesText(len(a.body)),
	}
	for _, name := range []string{webhook.HeaderEventType, webhook.HeaderID} {
		if value := a.header.Get(name); value != "" {
			if version := a.header.Get(webhook.HeaderEventTypeVersion); version != "" && name == webhook.HeaderEventType {
				value += " v" + version
			}
			parts = append(parts, printable(cut(value, 80)))
		}
	}
	if a.signature.State != "absent" && a.signature.State != "unchecked" {
		parts = append(parts, "signature "+p.verdict(a.signature))
	}
	fmt.Fprintln(p.out, strings.Join(parts, "  "))
}

// object prints a as a JSON object on one line.
func (p *reporter) object(a *arrival) {
	object := struct {
		At         time.Time `json:"at"`
		Method     string    `json:"method"`
		Target     string    `json:"target"`
		Headers    any       `json:"headers"`
		Body       *string   `json:"body,omitempty"`
		BodyBase64 []byte    `json:"bodyBase64,omitempty"`
		Truncated  bool      `json:"truncated,omitempty"`
		Signature  string    `json:"signature"`
		Scheme     string    `json:"signatureScheme,omitempty"`
		Reason     string    `json:"signatureReason,omitempty"`
		Status     int       `json:"status"`
		Problem    string    `json:"problem,omitempty"`
	}{
		At: a.at.UTC(), Method: a.method, Target: a.target, Headers: a.header, Truncated: a.tooLong,
		Signature: a.signature.State, Scheme: a.signature.Scheme, Reason: a.signature.Reason,
		Status: a.status, Problem: a.problem,
	}
	if utf8.Valid(a.body) {
		text := string(a.body)
		object.Body = &text
	} else {
		object.BodyBase64 = a.body
	}
	text, err := json.Marshal(object)
	if err != nil { // only a year beyond 9999 could do this
		text = []byte(`{"problem":"cannot be shown"}`)
	}
	fmt.Fprintf(p.out, "%s\n", printableJSON(text))
}

func (p *reporter) verdict(v verdict.Verdict) string {
	text := printable(wordsOf(v))
	switch v.State {
	case "valid":
		return p.paint.green(text)
	case "invalid":
		return p.paint.red(text)
	}
	return p.paint.dim(text)
}

func (p *reporter) answer(a *arrival) string {
	text := fmt.Sprint(a.status)
	if a.status < 300 {
		return p.paint.green(text)
	}
	if a.problem != "" {
		text += " " + printable(a.problem)
	}
	return p.paint.red(text)
}

// shown is as much of a body as is shown.
func shown(body []byte) string {
	return printableLines(string(body[:min(len(body), maxShown)]))
}

// indent puts each line of text two columns in, and ends it with a line break.
func indent(text string) string {
	if text == "" {
		return ""
	}
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}

// bytesText writes a size for people.
func bytesText(n int) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
