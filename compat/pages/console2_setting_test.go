package pages_test

import (
	"slices"
	"strings"
	"testing"
)

// A key as the API has it.
type apiKey struct {
	ID, Name, Application string
	Scopes                []string
	ExpiresAt             string
}

func (w *world) key(name string) (k apiKey) {
	w.t.Helper()
	var all list[apiKey]
	w.api("GET", "/api-key?limit=250", "", &all)
	i := slices.IndexFunc(all.Data, func(k apiKey) bool { return k.Name == name })
	if i < 0 {
		w.t.Fatalf("there is no key %q: %v", name, all.Data)
	}
	return all.Data[i]
}

// TestKeysAreMadeAndRevoked makes an API key, uses it, and takes it back.
func TestKeysAreMadeAndRevoked(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		b.open("/key")
		b.reads("Console: the admin key (this browser)", "Good", "admin")
		b.fill("name", "Robot")
		b.press("Make the key")
		b.shows("at least one of")
		b.fill("days", "0")
		b.click(`[name=scope][value="messages:read"]`)
		b.press("Make the key")
		b.shows("Not yet:")
		b.fill("application", "acme")
		b.fill("days", "3")
		b.press("Make the key")
		b.shows("Keep it now: it is not shown again")
		secret := eval[string](b, `document.querySelector(".why.ok code").innerText`)
		b.shot("o12-key")
		made := w.key("Robot")
		if !strings.HasPrefix(secret, "fan_key_") || !strings.HasPrefix(made.Application, "app_") || made.ExpiresAt == "" || !slices.Equal(made.Scopes, []string{"messages:read"}) {
			t.Errorf("the key is %q, %+v", secret, made)
		}
		for path, want := range map[string]int{"/app/acme/msg": 200, "/app": 403, "/api-key": 403} {
			if got, _ := w.asked(secret, "GET", "/api/v1"+path, ""); got != want {
				t.Errorf("with it GET %s is answered %d, want %d", path, got, want)
			}
		}
		for _, path := range []string{"/key", "/key/" + made.ID + "/revoke", "/audit"} {
			b.open(path)
			if eval[bool](b, `document.documentElement.outerHTML.includes(`+quoted(secret)+`)`) {
				t.Errorf("%s shows the key a second time", path)
			}
		}
		b.open("/key")
		b.click("#" + made.ID + " a.row")
		b.shows("Revoke Robot")
		b.press("Revoke it")
		b.shows("The key is revoked")
		if got, _ := w.asked(secret, "GET", "/api/v1/app/acme/msg", ""); got != 401 {
			t.Errorf("once revoked it is answered %d", got)
		}

		b.open("/audit?object=" + made.ID)
		b.reads("api-key.create", made.ID, "Done")
		b.reads("api-key.revoke", made.ID, "Done")
		if n := eval[int](b, `document.querySelectorAll("tbody tr").length`); n != 2 {
			t.Errorf("of the key %d things are noted", n)
		}
		var entries list[struct{ Action, Object, Actor string }]
		w.api("GET", "/audit?object="+made.ID, "", &entries)
		mine := w.key("Console: the admin key").ID
		if len(entries.Data) != 2 || entries.Data[0].Action != "api-key.revoke" || entries.Data[1].Action != "api-key.create" || entries.Data[0].Actor != mine {
			t.Errorf("noted is %+v, and the login is %s", entries.Data, mine)
		}
		b.open("/audit")
		b.fill("actor", "nobody")
		b.press("Filter")
		b.shows("Nothing is noted")
		b.fill("actor", mine)
		b.press("Filter")
		b.reads("api-key.revoke")

		b.open("/key/" + mine + "/revoke")
		b.shows("You are logged in by it, and will be logged out")
		b.press("Revoke it")
		b.shows("The admin key, which the server showed")
	})
}

// TestTheServersSettingsAreShown has them in groups, with what follows from them, and no
// secret.
func TestTheServersSettingsAreShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "--retention", "48h", "--egress", "203.0.113.7", "--allow", "10.1.0.0/16", "--retry", "wufoo", "--portal-name", "Acme & Sons")
	for _, scripts := range []bool{true, false} {
		b := w.desk(scripts)
		b.open("/setting")
		b.reads("retention", "48h0m0s")
		b.reads("allow", "10.1.0.0/16")
		b.reads("retry", "wufoo")
		b.reads("portal-name", "Acme & Sons")
		b.reads("audit-retention", "2160h0m0s", "(unless told)")
		b.shows("Deliveries come from 203.0.113.7.")
		var sealing struct{ Key string }
		w.api("GET", "/secrets-key", "", &sealing)
		b.shows("is sealed with the key " + sealing.Key)
		b.shows("fanfare backup")
		b.shows(w.url + "/metrics")
		b.press("The presets")
		b.reads("stripe-2017", "73", "over 3 days")
		b.shot("o12-settings")
		if eval[bool](b, `document.documentElement.outerHTML.includes(`+quoted(adminKey)+`)`) {
			t.Error("the settings show the admin key")
		}
		if status, text := w.asked("", "GET", "/metrics", ""); status != 200 || !strings.Contains(text, "fanfare_") {
			t.Errorf("the figures are answered %d", status)
		}
		for _, press := range [][2]string{{"Dark", "dark"}, {"Light", "light"}, {"As the system", ""}} {
			b.press(press[0])
			if !b.soon(`document.readyState === "complete" && (document.documentElement.dataset.theme || "") === ` + quoted(press[1])) {
				t.Errorf("%s does not choose the colours", press[0])
			}
			b.open("/audit")
			if got := eval[string](b, `document.documentElement.dataset.theme || ""`); got != press[1] {
				t.Errorf("on the next page the colours are %q, want %q", got, press[1])
			}
			b.open("/setting")
		}
	}
}
