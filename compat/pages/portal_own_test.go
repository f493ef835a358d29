package pages_test

import (
	"strings"
	"testing"
)

// own lets the visitor make API keys.
func (b *tab) own(w *world) {
	link := w.link(`{"capabilities":["ManageKeys","ManageEndpoint"]}`)
	b.enter(strings.Replace(link, "#", "?", 1))
}

// TestCustomersHaveKeys makes an API key in the portal, uses it, and takes it back.
func TestCustomersHaveKeys(t *testing.T) {
	t.Parallel()
	program := axe(t)
	both(t, func(t *testing.T, w *world, b *tab) {
		b.own(w)
		w.endpoint(`,"description":"Books"`)
		b.open("/portal/settings")
		b.shows("It stays good when your link has ended")
		b.set("#f-name", "Reports")
		b.click(`[name=scope][value="endpoints:read"]`)
		b.set("#f-days", "30")
		b.press("Make the key")
		b.shows("it is not shown again")
		secret := eval[string](b, `document.querySelector(".why.ok code").innerText`)
		b.shot("p-own-key")
		made := w.key("Reports")
		for path, want := range map[string]int{"/msg": 200, "/endpoint": 403, "/key": 403} {
			if got, _ := w.asked(secret, "GET", "/api/v1/app/acme"+path, ""); got != want {
				t.Errorf("with it GET %s is answered %d, want %d", path, got, want)
			}
		}
		b.press("Done")
		if eval[bool](b, `document.documentElement.outerHTML.includes(`+quoted(secret)+`)`) {
			t.Error("the key is shown a second time")
		}
		if eval[bool](b, `document.documentElement.classList.contains("scripted")`) { // axe is one
			b.accessible(program, "/portal/settings")
		}
		b.open("/portal/settings")
		b.click("#" + made.ID + " a.row")
		b.shows("Revoke the key Reports?")
		b.press("Revoke it")
		b.shows("The key is revoked")
		if got, _ := w.asked(secret, "GET", "/api/v1/app/acme/msg", ""); got != 401 {
			t.Errorf("once revoked it is answered %d", got)
		}
	})
}

// TestCustomersAreWrittenTo has a customer say where, in the portal; what cannot be an
// address is not taken, and no mail is promised where nobody has set that up.
func TestCustomersAreWrittenTo(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world, b *tab) {
		b.own(w)
		address := func() string {
			var app struct{ AlertEmail string }
			w.api("GET", "/app/acme", "", &app)
			return app.AlertEmail
		}
		b.open("/portal/settings")
		b.shows("has not set up mail yet")
		b.set("#f-alertEmail", "yogi@example.com")
		b.press("Save the address")
		b.shows("The address is saved")
		b.has("#f-alertEmail", "yogi@example.com")
		b.set("#f-alertEmail", "yogi@localhost@example.com")
		eval[bool](b, `document.querySelector("#f-alertEmail").form.noValidate = true`)
		b.press("Save the address")
		b.shows("must be one address")
		b.has("#f-alertEmail", "yogi@localhost@example.com")
		if got := address(); got != "yogi@example.com" {
			t.Errorf("the address is %q", got)
		}
		w.api("POST", "/operational-webhook/endpoint", `{"kind":"smtp","filter":"has(payload.data.alertEmail)","config":{"server":"127.0.0.1:2525","security":"none","from":"a@example.com","to":"{{payload.data.alertEmail}}"}}`, nil)
		b.open("/portal/settings")
		b.shows("A mail goes there when one of your endpoints fails")
		b.set("#f-alertEmail", "")
		b.press("Save the address")
		b.shows("nobody is written to")
		if got := address(); got != "" {
			t.Errorf("the address is %q", got)
		}
	})
}
