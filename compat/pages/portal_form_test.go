package pages_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestPutAFilterTogether has rows of conditions write an expression, by the script as
// they change, without it when a button is pressed, and saves what came of it.
func TestPutAFilterTogether(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world, b *tab) {
		ep := w.endpoint(`,"description":"Books"`)
		for _, payload := range []string{`{"status":"open","amount":5}`, `{"status":"open","amount":50}`, `{"status":"closed","amount":500}`} {
			w.send(1, payload)
		}
		b.open("/portal/endpoint/" + ep.ID + "/settings")
		b.shows("Send a message if")
		if n := eval[int](b, `document.querySelectorAll("#members option").length`); n < 3 {
			t.Errorf("there are %d members to choose among", n)
		}
		scripts := eval[bool](b, `document.documentElement.classList.contains("scripted")`)
		b.set("#f-member-1", "payload.status")
		b.set("#f-value-1", "open")
		if scripts {
			b.has("#f-filter", `payload.status == "open"`)
			b.shows("2 of 3")
		}
		b.press("Add a condition")
		if !b.soon(`!!document.querySelector("#f-member-2")`) {
			t.Fatal("there is no second row")
		}
		b.has("#f-filter", `payload.status == "open"`)
		b.set("#f-member-2", "amount")
		b.set("#f-relation-2", "more")
		b.set("#f-value-2", "10")
		if !scripts {
			b.press("Try it on what came")
		}
		b.has("#f-filter", `payload.status == "open" && payload.amount > 10`)
		b.shows("1 of 3")
		if scripts && eval[string](b, `document.querySelector("#f-value-2").value`) != "10" {
			t.Error("what is typed has gone")
		}
		b.set("#f-filter", `payload.amount > 10`)
		if !scripts {
			b.press("Try it on what came")
		}
		b.shows("2 of 3")
		if !b.soon(`document.querySelectorAll("[name=member]").length === 1 && document.querySelector("#f-member-1").value === "payload.amount"`) {
			t.Error("the rows are not those of the expression")
		}
		b.press("Save")
		b.shows("The settings are saved")
		var now struct{ Filter string }
		w.api("GET", "/app/acme/endpoint/"+ep.ID, "", &now)
		if now.Filter != "payload.amount > 10" {
			t.Errorf("the filter is %q", now.Filter)
		}
	})
}

// TestTellWhoComes gives an endpoint a password in its settings, which no page shows
// again, and sends with it.
func TestTellWhoComes(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world, b *tab) {
		ep := w.endpoint("")
		came := make(chan string, 10)
		w.answers(func(_ http.ResponseWriter, r *http.Request) {
			name, password, _ := r.BasicAuth()
			came <- name + ":" + password
		})
		at := "/portal/endpoint/" + ep.ID + "/settings"
		b.open(at)
		seen := `(name => { const f = document.querySelector("[name='" + name + "']"); return !!f && !!f.offsetParent; })`
		if eval[bool](b, seen+`("auth.basic.username")`) {
			t.Error("a name is asked for before that kind is chosen")
		}
		if !b.soon(`(() => { const r = document.querySelector("[name=auth][value=basic]"); r.click(); return r.checked; })()`) {
			t.Fatal("the kind cannot be chosen")
		}
		if !b.soon(seen + `("auth.basic.username")`) {
			t.Error("no name is asked for")
		}
		b.set(`[name="auth.basic.username"]`, "jane")
		b.set(`[name="auth.basic.password"]`, "hush-hush")
		b.press("Save")
		b.shows("The settings are saved")
		b.shows("There is one. Leave this empty to keep it.")
		if text := eval[string](b, `document.documentElement.outerHTML`); strings.Contains(text, "hush-hush") {
			t.Error("the password is in the page")
		}
		b.press("Save")
		b.shows("The settings are saved")
		w.send(1, `{}`)
		if got := <-came; got != "jane:hush-hush" {
			t.Errorf("the receiver was told %q", got)
		}
	})
}

// TestSettingsOfALink goes through what a visitor can take along and choose.
func TestSettingsOfALink(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world, b *tab) {
		b.press("Settings")
		b.shows("Addresses to let in")
		b.shows("It lets you")
		b.press("Dark")
		if !b.soon(`document.documentElement.dataset.theme === "dark" && getComputedStyle(document.documentElement).colorScheme === "dark"`) {
			t.Error("it is not dark")
		}
		b.press("End this link…")
		b.shows("cannot be undone: ask")
		b.press("End this link")
		b.shows("Open the portal")
		b.open("/portal/log")
		b.shows("This link has expired")
	})
}

// TestHoldTheList has news wait behind a button for as long as the visitor likes.
func TestHoldTheList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.endpoint("")
	w.send(1, `{}`)
	b := w.tab(true)
	b.enter(w.link(`{}`))
	b.follow("/portal/log")
	rows := `document.querySelectorAll("#list tbody tr").length`
	b.soon(rows + " === 1")
	b.press("Hold new ones back")
	eval[bool](b, `(document.activeElement.blur(), true)`)
	w.send(1, `{}`)
	b.shows("Show 1 new attempt")
	if got := eval[int](b, rows); got != 1 {
		t.Errorf("the held list has %d rows", got)
	}
	b.press("Hold new ones back")
	if !b.soon(rows + " === 2") {
		t.Error("let go, the list does not show what came")
	}
}

// TestFormsAreAccessible has axe look at what forms become when they are worked with.
func TestFormsAreAccessible(t *testing.T) {
	t.Parallel()
	program := axe(t)
	w := newWorld(t, "--egress", "203.0.113.7")
	ep := w.endpoint(`,"filter":"payload.a == 1 && payload.b == 2","auth":{"oauth2":{"tokenUrl":"` + w.rcv.URL + `/t","clientId":"me","clientSecret":"secret"}}`)
	w.send(0, `{"a":1,"b":3,"c":{"d":"text"}}`)
	b := w.tab(true)
	b.enter(w.link(`{}`))
	for _, path := range []string{"/portal/settings", "/portal/settings/end", "/portal/endpoint/new", "/portal/endpoint/" + ep.ID + "/settings"} {
		b.as(ways[0])
		b.open(path)
		if strings.Contains(path, "endpoint") {
			eval[bool](b, `(document.querySelectorAll("details").forEach(d => d.open = true), true)`)
			b.press("Add a condition")
			b.set("#f-member-1", "payload.a")
			b.set("#f-value-1", "2")
			b.shows("of 1")
		}
		b.looksGood(program, path)
	}
	b.as(ways[0])
	path := "/portal/endpoint/" + ep.ID + "/transform"
	b.open(path)
	b.fill("code", "function handler(webhook) { webhook.payload.a = 2; return webhook; }")
	b.press("Try it")
	b.shows("What the script changes")
	b.looksGood(program, path)
}

// set gives what a selector finds a value, as somebody who types it and goes on would.
func (b *tab) set(selector, value string) {
	b.t.Helper()
	if !b.soon(`(() => {
		const f = document.querySelector(` + quoted(selector) + `);
		if (!f) return false;
		f.focus();
		f.value = ` + quoted(value) + `;
		f.dispatchEvent(new Event("input", {bubbles: true}));
		f.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})()`) {
		b.t.Fatalf("there is no %s", selector)
	}
}

// has waits until a field has a value.
func (b *tab) has(selector, value string) {
	b.t.Helper()
	at := `document.querySelector(` + quoted(selector) + `)`
	if !b.soon(`!!` + at + ` && ` + at + `.value === ` + quoted(value)) {
		b.t.Fatalf("%s does not have %q: %s", selector, value, eval[string](b, `String(`+at+` && `+at+`.value)`))
	}
}
