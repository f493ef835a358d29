package ui_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

func TestKeysAreShownOnceAndRevoked(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	d := w.get(200, "/key").says("Console: the admin key (this browser)")
	w.submit(422, d, "Make the key", "name", "Robot").says("at least one of")
	w.submit(422, d, "Make the key", "name", "Robot", "scope", "admin", "days", "0").says("number of days")
	w.submit(422, d, "Make the key", "name", "Robot", "scope", "admin", "application", "nobody").says("id or uid")
	d = w.submit(200, d, "Make the key", "name", "Robot", "scope", "messages:read", "application", "acme", "days", "3").says("Keep it now", "Robot")
	secret := regexp.MustCompile(`fan_key_\w{49}`).FindString(d.words())
	b, err := w.hub.Identify(t.Context(), secret)
	if err != nil || b.Key.Name != "Robot" || b.Key.Application != w.app.ID || !slices.Equal(b.Key.Scopes, []fanfare.Scope{fanfare.ScopeReadMessages}) || b.Key.ExpiresAt.IsZero() {
		t.Fatalf("the key is %+v, %v", b, err)
	}
	if d := w.get(200, "/key"); strings.Contains(d.text, secret) {
		t.Error("the key is shown a second time")
	}
	d = w.get(200, "/key/"+string(b.Key.ID)+"/revoke").says("Revoke Robot").lacks("will be logged out")
	w.submit(303, d, "Revoke it").says("The key is revoked").lacks("Robot")
	if _, err := w.hub.Identify(t.Context(), secret); err == nil {
		t.Error("the key is still good")
	}
	w.get(404, "/key/key_none/revoke")
}

func TestTheAuditLogIsReadAndNarrowed(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.post(200, "/key", "name", "Robot", "scope", "portal")
	d := w.get(200, "/audit").says("api-key.create", "admin", "Done")
	if rows := d.all("tr", ""); len(rows) != 3 {
		t.Errorf("the rows are %q", rows)
	}
	if rows := w.get(200, "/audit?actor=admin").all("tr", ""); len(rows) != 2 {
		t.Errorf("of the admin there are %q", rows)
	}
	w.get(200, w.link(w.get(200, "/audit?object=app_none").says("Nothing like that").lacks("Whatever is changed"), "Show all")).says("api-key.create")
}

func TestSettingsAreThoseTheServerRunsWith(t *testing.T) {
	w := newWorld(t, &ui.Options{Settings: []ui.Setting{{Name: "retention", Value: "720h", About: "how long messages are kept", Default: true}}})
	w.logIn(adminKey)
	w.get(200, "/setting").says("retention", "720h", "(unless told)", "how long messages are kept", "None of the addresses that deliveries come from are named", "stripe-2017", "fanfare backup", "/metrics", "Not sealed")
}

// TestPresetsLastAsLongEverywhere has the settings say of each what forms do.
func TestPresetsLastAsLongEverywhere(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	d := w.get(200, "/setting")
	for _, name := range fanfare.RetryPresets {
		_, over, ok := strings.Cut(fanfare.AboutRetry(name), " attempts ")
		over, _, _ = strings.Cut(over, ",")
		if ok && !slices.ContainsFunc(d.all("tr", ""), func(row string) bool { return strings.HasPrefix(row, name) && strings.Contains(row, over) }) {
			t.Errorf("no row has that %s tries %s", name, over)
		}
	}
}
