package ui

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode/utf8"
)

// What the components are given: each has a folder in component, with a template of
// the same name.

// A badge is a state in a word. Its tone gives it a mark and a colour beside.
type badge struct {
	Tone string // ok, bad, wait or idle
	Word string
}

// Long reports whether its word may take two lines where there is little room.
func (b badge) Long() bool { return len(b.Word) > 12 }

// When is a moment, shown by how long ago it is or how long it takes until then.
type when struct {
	At, Now time.Time
	Instead string // what is said in its place; "": nothing
}

func (w when) IsZero() bool    { return w.At.IsZero() }
func (w when) Machine() string { return w.At.UTC().Format(time.RFC3339Nano) }
func (w when) Absolute() string {
	return w.At.UTC().Format("2006-01-02 15:04:05 UTC")
}

// Relative is such as "3 min ago" or "in 5 s".
func (w when) Relative() string {
	d := w.Now.Sub(w.At)
	if d < 0 {
		return "in " + long(-d)
	}
	if d < time.Second {
		return "just now"
	}
	return long(d) + " ago"
}

func long(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(max(d, time.Second)/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d/time.Hour))
	}
	return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
}

func (v *visit) when(t time.Time) when { return when{At: t, Now: v.now} }

// past is of what has happened, if only since the visit began.
func (v *visit) past(t time.Time) when {
	w := v.when(t)
	if w.Now.Before(t) {
		w.Now = t
	}
	return w
}

// An empty says that there is nothing, and what to do.
type empty struct {
	Heading, Text string
	Links         []place
}

// A pager leads to other pages of a list; "": there are none that way.
type pager struct {
	First, Next string
	Further     bool // the next was not reached by this page, which looked for so long
}

// none says that nothing was found, as far as that is known.
func (p *pager) none(text string) string {
	if p.Further {
		text += ", as far back as was looked"
	}
	return text + "."
}

// A field is one of a form.
type field struct {
	Name, Label, Value string
	Kind               string // of the input: text, url, email, password, number, textarea, select, checkbox
	Hint               string
	Problem            string // what is wrong with the value
	Placeholder        string
	Options            []option
	Required           bool
	Code               bool // in a monospaced font
	Checked            bool
	Rows               int
}

// An option is one that a field can have.
type option struct {
	Value, Text string
	Chosen      bool
}

// options are pairs of value and text, and what is chosen if it is none of them.
func options(chosen string, pairs ...string) (all []option) {
	known := false
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, option{pairs[i], pairs[i+1], pairs[i] == chosen})
		known = known || pairs[i] == chosen
	}
	if !known && chosen != "" {
		all = append(all, option{chosen, chosen, true})
	}
	return all
}

// An act is a button that does something at once.
type act struct {
	URL, Text string
	Here      string // where to come back to
	Tone      string // main, quiet or danger; "": plain
	Hidden    []place
	Once      string // so that it is done once, however often it is sent
}

// act is a button that posts to an address below v.base, and may come back to this page.
func (v *visit) act(path, text, tone string, hidden ...place) *act {
	return &act{URL: v.base + path, Text: text, Here: v.r.URL.RequestURI(), Tone: tone, Hidden: hidden, Once: once()}
}

// once is a key for one submission of a form.
func once() string { return rand.Text() }

// A copyable is a text with a button that copies it.
type copyable struct {
	Text, Label string
	Block       bool // of several lines
}

// A payload is what was sent or answered, for people to read: always text, never more.
type payload struct {
	ID, Title   string
	Pretty, Raw string // the same; Pretty is "" if there is no nicer form of it
	Note        string
}

// maxShown bounds what a page shows of a body, in bytes.
const maxShown = 64 << 10

// newPayload shows a body, and what is JSON of it in lines.
func newPayload(id, title, body string) *payload {
	p := &payload{ID: id, Title: title, Raw: body}
	if len(body) > maxShown {
		p.Raw = cut(body, maxShown)
		p.Note = fmt.Sprintf("The first 64 KiB of %d bytes.", len(body))
		return p
	}
	p.Pretty = pretty([]byte(body))
	return p
}

// pretty is JSON in lines, with numbers and strings as they are; "" for what is none,
// or would be too long.
func pretty(text []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil || b.Len() > 4*maxShown || bytes.Equal(b.Bytes(), text) {
		return ""
	}
	return b.String()
}

// cut bounds s to about n bytes, at the end of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// funcs are what templates can call.
var funcs = template.FuncMap{
	"cut":      func(n int, s string) string { return cut(s, n) },
	"join":     func(sep string, all []string) string { return strings.Join(all, sep) },
	"words":    words,
	"copyable": func(label, text string) copyable { return copyable{Text: text, Label: label} },
}

// words is a few of what a list has, and how many more.
func words(n int, all []string) string {
	if len(all) <= n {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:n], ", "), len(all)-n)
}
