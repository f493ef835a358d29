package ui_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/api"
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

// A sealed server has its secrets sealed so.
type sealed struct{ as api.Sealing }

func (s *sealed) Sealing(context.Context) (api.Sealing, error) { return s.as, nil }
func (s *sealed) Rotate(context.Context) error                 { return nil }

// TestSettingsSayHowSecretsAreSealed while the key is changed on several servers.
func TestSettingsSayHowSecretsAreSealed(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	of := &sealed{}
	w.asking(w.hub, api.New(w.hub, w.store, &api.Options{KeyHash: api.HashKey(adminKey), Secrets: of}))
	for _, c := range []struct {
		as        api.Sealing
		says, not string
	}{
		{api.Sealing{}, "Not sealed", "secrets rotate” is run"},
		{api.Sealing{Key: "k_1"}, "is sealed with the key k_1. “fanfare secrets rotate” makes a new key.", "still with"},
		{api.Sealing{Key: "k_1", Next: "k_2", Lacking: []string{"one", "two"}}, "A new key waits What is secret in the database is sealed with the key k_1. The key k_2 is to seal, but is not the first one of one, two.", "makes a new key"},
		{api.Sealing{Key: "k_1", Next: "k_2"}, "The key k_2 is to seal, once “fanfare secrets rotate” is run.", "makes a new key"},
		{api.Sealing{Key: "k_2", Old: []string{"k_1", "k_0"}, Left: 7}, "is sealed with the key k_2, 7 records still with k_1, k_0.", "is to seal"},
	} {
		of.as = c.as
		w.get(200, "/setting").says(c.says).lacks(c.not)
	}
}
