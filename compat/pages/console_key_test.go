package pages_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
)

// chord presses a key while Ctrl is down.
func (b *tab) chord(key, code string, number int64) {
	b.t.Helper()
	const ctrl = 2
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
		call(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: key, Code: code, WindowsVirtualKeyCode: number, Modifiers: ctrl})
	}
}

// letter presses the key of a small letter.
func (b *tab) letter(c string) {
	b.t.Helper()
	upper := strings.ToUpper(c)
	b.key(c, "Key"+upper, int64(upper[0]), c)
}

// at waits until the page of a path is there.
func (b *tab) at(path string) {
	b.t.Helper()
	if !b.soon(`location.pathname + location.search === ` + quoted(path) + ` && document.readyState === "complete"`) {
		b.t.Fatalf("the page is %s, not %s: %s", eval[string](b, `location.href`), path, eval[string](b, `document.body.innerText`))
	}
}

// TestConsoleByKeys logs in, goes everywhere and does the main things without a pointer.
func TestConsoleByKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.says(500)
	ep := w.endpoint(`,"description":"Books"`)
	msg := w.send(1, `{"n":1}`)
	w.until(func() bool { return w.fare(ep).FailingSince != nil })
	w.answers(nil)
	var app, src struct{ ID string }
	w.api("GET", "/app/acme", "", &app)
	w.api("POST", "/app/acme/source", `{"name":"Shop","profile":"none"}`, &src)
	w.api("POST", "/event-type", `{"name":"record.created"}`, nil)
	w.api("POST", "/app", `{"name":"The newest one"}`, nil) // whose nothing of all this is
	var tasked task
	w.api("POST", "/app/acme/msg/bulk-replay", `{"since":"2026-01-02T15:04:05Z","tag":"none"}`, &tasked)
	var attempts list[struct{ ID string }]
	w.api("GET", "/app/acme/attempt/msg/"+msg.ID, "", &attempts)
	var robot apiKey
	w.api("POST", "/api-key", `{"name":"Robot","scopes":["portal"]}`, &robot)

	b := w.tab(true)
	b.open("/issue")
	b.at("/login?to=%2Fissue")
	b.types(adminKey) // the field has the focus
	b.enterKey()
	b.at("/issue")

	at := "/app/" + app.ID
	for id, want := range map[string]string{
		app.ID: at, ep.ID: at + "/endpoint/" + ep.ID, msg.ID: at + "/message/" + msg.ID, attempts.Data[0].ID: at + "/message/" + msg.ID + "/to/" + ep.ID,
		src.ID: at + "/source/" + src.ID, tasked.ID: "/task/" + tasked.ID, robot.ID: "/audit?actor=" + robot.ID, "record.created": "/catalogue/type/record.created",
		"recover failed since 2h acme": "/app/acme/recover?since=2h", w.rcv.URL + "/hook": "/endpoint?search=" + strings.NewReplacer(":", "%3A", "/", "%2F").Replace(w.rcv.URL+"/hook"),
		"newest one": "", "audit": "/audit",
	} {
		b.chord("k", "KeyK", 75)
		if !b.soon(`document.activeElement.matches("dialog.palette input")`) {
			t.Fatal("Ctrl K opens no palette")
		}
		b.types(id)
		if want == "" {
			if !b.soon(`document.querySelector("#ways").innerText.includes("Application The newest one")`) {
				t.Errorf("%q leads to %s", id, eval[string](b, `document.querySelector("#ways").innerText`))
			}
			b.key("Escape", "Escape", 27, "")
			continue
		}
		if !b.soon(`(a => !!a && a.pathname + a.search === ` + quoted(want) + `)(document.querySelector("#ways a"))`) {
			t.Fatalf("%q leads to %s, want %s", id, eval[string](b, `[...document.querySelectorAll("#ways a")].map(a => a.href).join()`), want)
		}
		b.enterKey()
		b.at(want)
	}

	b.open("/issue")
	b.tabTo("Deliveries")
	b.chord("k", "KeyK", 75)
	b.soon(`document.querySelectorAll("#ways a").length > 3`)
	b.key("ArrowDown", "ArrowDown", 40, "")
	if !b.soon(`document.activeElement === document.querySelector("#ways a")`) {
		t.Error("the arrow does not lead into the palette")
	}
	b.key("Escape", "Escape", 27, "")
	if !b.soon(`!document.querySelector("dialog") && document.activeElement.innerText === "Deliveries"`) {
		t.Errorf("after Esc the focus is on %s", eval[string](b, `document.activeElement.outerHTML`))
	}

	for letter, path := range map[string]string{"h": "/", "i": "/issue", "a": "/app", "m": "/message", "d": "/delivery", "e": "/endpoint",
		"t": "/catalogue", "s": "/source", "r": "/recipe", "q": "/queue", "b": "/task", "x": "/inspector", "p": "/setting"} {
		b.letter("g")
		b.letter(letter)
		b.at(path)
	}
	b.key("?", "Slash", 191, "?")
	b.at("/help")
	b.shows("g i")

	b.open("/app")
	b.key("/", "Slash", 191, "/")
	b.types("acme")
	b.enterKey()
	b.at("/app?search=acme")
	for _, step := range []struct{ from, to string }{{"/app?search=acme", at}, {"/issue", at + "/endpoint/" + ep.ID}, {"/endpoint", at + "/endpoint/" + ep.ID}, {"/message?app=acme", at + "/message/" + msg.ID}} {
		b.open(step.from)
		b.letter("j")
		b.letter("j")
		b.letter("k")
		b.enterKey()
		b.at(step.to)
	}
	b.open("/delivery")
	b.letter("j")
	b.enterKey()
	if !b.soon(`!!document.querySelector("dialog.drawer[open]")`) {
		t.Fatal("Enter opens no drawer")
	}
	eval[bool](b, `(navigator.clipboard.writeText = async text => { window.copied = text; }, true)`)
	b.letter("c")
	if !b.soon(`!!window.copied`) {
		t.Fatal("c copies nothing")
	}
	if got, want := eval[string](b, `copied`), eval[string](b, `document.querySelector("[data-key=c] code").textContent`); got != want || !strings.HasPrefix(got, "curl -i -X POST '"+w.rcv.URL+"/hook'") {
		t.Errorf("c copies %q, want %q", got, want)
	}
	b.shows("Copied")
	b.letter("r")
	b.shows("It is being sent again")
	w.until(func() bool { return w.state(ep, msg) == "success" })
}

// consoleScreens are the pages of the first half of the console that the portal has not;
// ep and msg are an endpoint's and a message's id.
func consoleScreens(ep, msg string) []string {
	const at = "/app/acme"
	return []string{
		"/", "/issue", "/issue/muted", "/issue/muted/confirm", "/app", "/app/new", at, at + "/settings", at + "/delete", at + "/expire", at + "/recover", at + "/send",
		"/message", at + "/message/" + msg, at + "/message/" + msg + "/to/" + ep, "/delivery", "/endpoint", "/endpoint/confirm/resume", "/endpoint/confirm/enable", at + "/endpoint/" + ep, at + "/endpoint/" + ep + "/confirm/recover",
		at + "/endpoint/" + ep + "/confirm/retry", at + "/endpoint/" + ep + "/confirm/cancel", "/issue/of/acme/" + ep, "/issue/group?host=x&cause=y",
		"/go?q=acme", "/help", at + "/nowhere", "/nowhere",
	}
}

// sharedScreens are those that the portal has too.
func sharedScreens(ep string) []string {
	const at = "/app/acme"
	of := at + "/endpoint/" + ep
	return []string{at + "/log", at + "/endpoint/new", of + "/settings", of + "/test", of + "/transform", of + "/confirm/rotate", of + "/confirm/delete"}
}

// TestFocusIsSeen gives the focus to everything that can have it, on every page.
func TestFocusIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ep, msg := w.furnish()
	b := w.desk(true)
	things := 0
	for _, path := range append(consoleScreens(ep.ID, msg.ID), sharedScreens(ep.ID)...) {
		b.open(path)
		b.key("Tab", "Tab", 9, "")
		unseen := eval[[]string](b, `[...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")].filter(e => e.checkVisibility() && !e.disabled && e.type !== "hidden").map(e => {
			e.focus();
			const drawn = part => {
				const s = getComputedStyle(e, part);
				return (!part || s.content !== "none") && s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 && s.outlineColor !== "rgba(0, 0, 0, 0)";
			};
			return document.activeElement === e && e.matches(":focus-visible") && (drawn() || drawn("::after")) ? "seen" : e.outerHTML.slice(0, 200);
		})`)
		for _, html := range unseen {
			if things++; html != "seen" {
				t.Errorf("%s: the focus cannot be seen on %s", path, html)
			}
		}
	}
	if things < 500 {
		t.Errorf("only %d things were looked at", things)
	}
}

// furnish fills the store with something of everything that these screens show.
func (w *world) furnish() (ep endpoint, msg message) {
	w.t.Helper()
	w.api("POST", "/event-type", `{"name":"record.created","description":"A record was made.","examples":[{"name":"small"}]}`, nil)
	ep = w.endpoint(`,"description":"Books","headers":{"X-A":"1"},"filterTypes":["record.created"]`)
	w.send(1, `{"name":"large"}`)
	msg = w.fails(ep, 500)
	w.says(410)
	off := w.endpoint(`,"description":"Shelves","filterTypes":["shelf.lost"]`)
	w.api("POST", "/app/acme/msg", `{"eventType":"shelf.lost","payload":{},"channels":["shelves"]}`, nil)
	w.until(func() bool { return w.fare(off).Disabled })
	w.fails(ep, 503)
	w.api("POST", "/app/acme/endpoint/"+ep.ID+"/mute", `{"cause":"status-500"}`, nil)
	w.api("POST", "/app/acme/endpoint", `{"url":`+quoted(w.rcv.URL)+`,"description":"Waits","paused":true}`, nil)
	w.api("POST", "/app/acme/msg", `{"eventType":"record.created","payload":"plain","tags":["red"]}`, nil)
	w.answers(nil)
	return ep, msg
}

// TestConsoleIsAccessible looks at every page of these screens: first when there is
// nothing, then with something of everything.
func TestConsoleIsAccessible(t *testing.T) {
	t.Parallel()
	program := axe(t)
	empty := bareWorld(t)
	b := empty.desk(true)
	for _, path := range []string{"/", "/issue", "/issue/muted", "/app", "/message", "/delivery", "/endpoint", "/go?q=nothing.at.all"} {
		b.accessible(program, path)
	}
	w := newWorld(t)
	b = w.tab(true)
	b.accessible(program, "/login")
	b = w.desk(true)
	for _, path := range []string{"/app/acme", "/app/acme/log", "/app/acme/recover"} {
		b.accessible(program, path)
	}
	ep, msg := w.furnish()
	for _, path := range consoleScreens(ep.ID, msg.ID) {
		b.accessible(program, path)
	}
	b.open("/delivery")
	b.click("#list a.row")
	b.shows("The request as curl")
	b.looksGood(program, "the drawer")
	b.open("/")
	b.chord("k", "KeyK", 75)
	b.soon(`document.querySelectorAll("#ways a").length > 3`)
	b.looksGood(program, "the palette")
}
