package pages_test

import (
	"strings"
	"testing"
)

// TestPortalByLetters goes everywhere in the portal by its keys, and by the console's
// nowhere where a visitor may not be.
func TestPortalByLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.endpoint("")
	b := w.tab(true)
	b.enter(w.link(`{}`))
	for letter, path := range map[string]string{"e": "/portal", "d": "/portal/log", "t": "/portal/catalogue", "i": "/portal/inbox", "p": "/portal/settings"} {
		b.open("/portal/endpoint/new")
		b.letter("g")
		b.letter(letter)
		b.at(path)
	}
	before := eval[int](b, `history.length`)
	b.letter("g")
	b.letter("q")
	b.key("?", "Slash", 191, "?")
	b.at("/portal/help")
	if after := eval[int](b, `history.length`); after != before+1 {
		t.Errorf("g q and ? have made %d pages of %d", after, before)
	}
	b.shows("Test inboxes")
	if keys := eval[string](b, `document.querySelector("main").innerText`); !strings.Contains(keys, "g p") || !strings.Contains(keys, "j, k") || strings.Contains(keys, "Queue") || strings.Contains(keys, "Ctrl") {
		t.Errorf("the keys are %s", keys)
	}
	b.open("/portal")
	b.press("Keyboard")
	b.at("/portal/help")

	// What is not in the navigation, no key leads to.
	var robot struct{ Token string }
	w.api("POST", "/api-key", `{"name":"Robot","scopes":["messages:read"]}`, &robot)
	b = w.tab(true)
	b.open("/login")
	b.types(robot.Token)
	b.enterKey()
	b.at("/")
	b.letter("g")
	b.letter("q")
	b.letter("g")
	b.letter("d")
	b.at("/delivery")
}

// presses counts what the keys press on the page that is there, and lets none of it happen.
func (b *tab) presses(keys ...string) int {
	b.t.Helper()
	eval[bool](b, `(() => { window.presses = 0; onclick = e => { e.preventDefault(); presses++; }; return true; })()`)
	for _, k := range keys {
		b.letter(k)
	}
	return eval[int](b, `presses`)
}

// TestALetterAfterGIsNoOtherKey where the navigation has nothing of that letter.
func TestALetterAfterGIsNoOtherKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ep := w.endpoint("")
	msg := w.send(1, `{}`)
	b := w.tab(true)
	b.enter(w.link(`{}`))
	b.open("/portal/message/" + msg.ID + "/to/" + ep.ID)
	if n := b.presses("g", "r", "g", "c"); n != 0 {
		t.Errorf("g r and g c press %d things", n)
	}
	if n := b.presses("g", "r", "r", "c"); n != 2 {
		t.Errorf("r and c press %d things, want 2", n)
	}
}

// TestKeysCanBeTurnedOff all but those that are held with another, and on again.
func TestKeysCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ep := w.endpoint("")
	msg := w.send(1, `{}`)
	b := w.tab(true)
	b.open("/login")
	b.types(adminKey)
	b.enterKey()
	b.at("/")
	at := "/message/" + msg.ID + "/to/" + ep.ID
	b.open("/help")
	b.press("Turn these keys off")
	b.shows("off in this browser")
	b.open("/app/acme" + at)
	if n := b.presses("r", "c", "j"); n != 0 {
		t.Errorf("with its keys off the console presses %d things", n)
	}
	b.letter("g")
	b.letter("d")
	b.key("?", "Slash", 191, "?")
	b.chord("k", "KeyK", 75)
	if !b.soon(`document.activeElement.matches("dialog.palette input")`) {
		t.Error("Ctrl K opens no palette")
	}
	b.key("Escape", "Escape", 27, "")
	if !b.soon(`!document.querySelector("dialog")`) || eval[string](b, `location.pathname`) != "/app/acme"+at {
		t.Errorf("Esc closes nothing, or a key has led to %s", eval[string](b, `location.pathname`))
	}
	b.open("/help")
	b.press("Turn these keys on")
	b.shows("Turn these keys off")
	b.letter("g")
	b.letter("d")
	b.at("/delivery")
}
