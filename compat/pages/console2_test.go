package pages_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// desk opens a tab at the console, and logs in as whoever runs the server does.
func (w *world) desk(scripts bool) *tab {
	w.t.Helper()
	b := w.tab(scripts)
	b.open("/login")
	b.fill("key", adminKey)
	b.press("Log in")
	b.shows("The last 24 hours")
	return b
}

// atDesk runs a test in the console with scripts and without.
func atDesk(t *testing.T, do func(t *testing.T, w *world, b *tab)) {
	for name, scripts := range map[string]bool{"scripts": true, "no scripts": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			do(t, w, w.desk(scripts))
		})
	}
}

// asked asks the server for something with a key, and returns the status and the body.
func (w *world) asked(key, method, to, body string, header ...string) (status int, text string) {
	w.t.Helper()
	if strings.HasPrefix(to, "/") {
		to = w.url + to
	}
	r, err := http.NewRequest(method, to, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(all)
}

// reads waits until a row of a table has all of these texts.
func (b *tab) reads(texts ...string) {
	b.t.Helper()
	if !b.hasRow(texts...) {
		b.t.Fatalf("%s has no row with %q: %s", eval[string](b, `location.href`), texts, eval[string](b, `document.body.innerText`))
	}
}

func (b *tab) hasRow(texts ...string) bool {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = quoted(text)
	}
	return b.soon(`[...document.querySelectorAll("tbody tr")].some(r => [` + strings.Join(list, ",") + `].every(t => r.innerText.includes(t)))`)
}

// lacks fails the test if the page has a text.
func (b *tab) lacks(text string) {
	b.t.Helper()
	if eval[bool](b, `document.body.innerText.includes(`+quoted(text)+`)`) {
		b.t.Errorf("%s shows %q", eval[string](b, `location.href`), text)
	}
}

// tabTo presses Tab until what has the focus says that, or has it as its name or value.
// Wherever the focus comes by it has to be seen.
func (b *tab) tabTo(what string) {
	b.t.Helper()
	b.soon(`document.readyState === "complete" && !!document.activeElement`)
	for range 80 {
		b.key("Tab", "Tab", 9, "")
		seen := eval[string](b, `(() => {
			const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
			if (e === document.body) return "";
			if (!e.matches(":focus-visible")) return "is not :focus-visible";
			if (s.outlineStyle === "none" || parseFloat(s.outlineWidth) < 2) return "has no outline";
			return r.width > 0 && r.height > 0 ? "" : "has no size";
		})()`)
		if seen != "" {
			b.t.Errorf("%s: what has the focus %s: %s", eval[string](b, `location.pathname`), seen, eval[string](b, `document.activeElement.outerHTML`))
		}
		if eval[bool](b, `(e => [e.innerText && e.innerText.trim(), e.name, e.type === "checkbox" ? e.value : ""].includes(`+quoted(what)+`))(document.activeElement)`) {
			return
		}
	}
	b.t.Fatalf("Tab does not lead to %q: %s", what, eval[string](b, `document.body.innerText`))
}

// types writes where the focus is.
func (b *tab) types(text string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) enterKey() { b.t.Helper(); b.key("Enter", "Enter", 13, "\r") }

func (b *tab) space() { b.t.Helper(); b.key(" ", "Space", 32, " ") }
