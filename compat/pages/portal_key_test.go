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
	b.letter("g")
	b.letter("q")
	b.key("?", "Slash", 191, "?")
	b.at("/portal/help")
	b.shows("Test inboxes")
	if keys := eval[string](b, `document.querySelector("main").innerText`); !strings.Contains(keys, "g p") || !strings.Contains(keys, "j, k") || strings.Contains(keys, "Queue") || strings.Contains(keys, "Ctrl") {
		t.Errorf("the keys are %s", keys)
	}
	b.open("/portal")
	b.press("Keys")
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
