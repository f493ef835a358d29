package ui_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// asksWith is what a request with a key to the API is answered.
func (w *world) asksWith(key, method, path string) int {
	w.t.Helper()
	r := httptest.NewRequest(method, "/api/v1/app/acme"+path, strings.NewReader("{}"))
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	a := httptest.NewRecorder()
	w.site.ServeHTTP(a, r)
	return a.Code
}

var keySecret = regexp.MustCompile(`fan_own_\w+`)

func TestCustomersMakeAndRevokeKeys(t *testing.T) {
	w := newWorld(t, nil)
	w.enter(fanfare.ManageKeys, fanfare.CreateAttempts)
	d := w.get(200, "/portal/settings").says("API keys", "stays good when your link has ended", "Send again, and send examples", "/api/v1/app/"+string(w.app.ID)+"/endpoint", "Make and revoke API keys")
	d.lacks("Add, change and delete endpoints", "Revoke…")
	w.submit(422, d, "Make the key", "name", "").says("give the key a name")
	action, f := w.fieldsOf(d, "Make the key")
	f["name"] = []string{"reports"}
	delete(f, "scope")
	w.sendForm(422, action, f).says("say at least one of: messages:read, endpoints:read, event-types:read, messages:write").lacks("messages:write, ", "admin", "applications:read")
	w.submit(422, d, "Make the key", "name", "reports", "scope", "endpoints:write").says("none that this session can give to a key")
	w.submit(422, d, "Make the key", "name", "reports", "days", "soon").says("Choose how long the key is good for")
	made := w.submit(200, d, "Make the key", "name", "reports <b>", "days", "30").says("reports <b>", "it is not shown again", "Good")
	secret := keySecret.FindString(made.text)
	if status := w.asksWith(secret, http.MethodGet, "/msg"); status != 200 {
		t.Errorf("with the key the messages are answered %d", status)
	}
	if status := w.asksWith(secret, http.MethodPost, "/endpoint"); status != 403 {
		t.Errorf("with the key a new endpoint is answered %d", status)
	}
	keys, err := w.hub.PortalKeys(t.Context(), w.app.ID)
	if err != nil || len(keys) != 1 || !slices.Equal(keys[0].Scopes, []fanfare.Scope{"messages:read", "endpoints:read"}) || time.Until(keys[0].ExpiresAt).Round(time.Hour) != 30*24*time.Hour {
		t.Fatalf("the keys are %+v, %v", keys, err)
	}
	again := w.get(200, "/portal/settings").says("reports <b>")
	if keySecret.MatchString(again.text) {
		t.Error("the key is shown again")
	}
	w.submit(200, again, "Make the key", "name", "for ever", "days", "0").says("for ever")
	at := "/portal/settings/key/" + string(keys[0].ID) + "/revoke"
	ask := w.get(200, at).says("Revoke the key reports <b>?", "cannot be undone")
	w.submit(303, ask, "Revoke it").says("The key is revoked", "for ever").lacks("reports")
	if status := w.asksWith(secret, http.MethodGet, "/msg"); status != 401 {
		t.Errorf("with the revoked key the messages are answered %d", status)
	}
	w.get(404, at)
	w.submit(303, ask, "Revoke it").says("The key is revoked")
}

// TestKeysAreOfTheLink: whoever is let into some channels sees their keys only, and
// those whose link does not say so none at all.
func TestKeysAreOfTheLink(t *testing.T) {
	w := newWorld(t, nil)
	k := &fanfare.Key{Name: "whole", Portal: true, Scopes: []fanfare.Scope{"messages:read"}, Application: w.app.ID}
	if _, err := w.hub.CreateKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	w.enter(fanfare.UsualCapabilities()...)
	w.get(200, "/portal/settings").lacks("API keys", "whole", "Make and revoke API keys")
	at := "/portal/settings/key/" + string(k.ID) + "/revoke"
	w.get(403, at)
	w.post(403, at)
	w.enterChannels([]string{"eu"}, fanfare.ManageKeys, fanfare.ManageEndpoint)
	d := w.get(200, "/portal/settings").says("API keys", "channels of your link only: eu").lacks("whole", "Alerts")
	w.get(404, at)
	w.post(303, at)
	if _, err := w.hub.Key(t.Context(), k.ID); err != nil {
		t.Errorf("a key of all channels is revoked from within some: %v", err)
	}
	w.submit(200, d, "Make the key", "name", "narrow").says("in eu only")
	w.post(403, "/portal/settings/alert", "alertEmail", "yogi@example.com")
	w.enter(fanfare.ManageKeys)
	w.get(200, "/portal/settings").says("narrow", "whole").lacks("Alerts")
}

// enterChannels is enter with a link for some channels.
func (w *world) enterChannels(channels []string, capabilities ...fanfare.Capability) {
	w.t.Helper()
	token, err := w.hub.CreateSession(w.t.Context(), &fanfare.Session{Application: w.app.ID, Capabilities: capabilities, Channels: channels}, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	w.cookie = "fanfare_portal=" + token
}

// TestKeysOfPortalsOpenNoConsole: a key that a customer made does not log in to the
// console, where it would become one of the provider's.
func TestKeysOfPortalsOpenNoConsole(t *testing.T) {
	w := newWorld(t, nil)
	k := &fanfare.Key{Name: "own", Portal: true, Scopes: []fanfare.Scope{"messages:read"}, Application: w.app.ID}
	secret, err := w.hub.CreateKey(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	w.cookie = ""
	w.post(403, "/login", "key", secret).says("opens a portal, not the console")
	w.cookie = "fanfare_console=" + secret
	w.get(303, "/delivery")
	w.asOperator()
	w.get(200, "/key").says("own", "Acme, made in its portal")
}

func TestCustomersSayWhomToMail(t *testing.T) {
	w := newWorld(t, nil)
	w.enter(fanfare.ManageEndpoint)
	d := w.get(200, "/portal/settings").says("Alerts", "has not set up mail yet").lacks("A mail goes there")
	w.submit(422, d, "Save the address", "alertEmail", "yogi").says("must be one address", "Not yet")
	w.submit(303, d, "Save the address", "alertEmail", "yogi@example.com").says("The address is saved")
	if app, err := w.hub.Application(t.Context(), "acme"); err != nil || app.AlertEmail != "yogi@example.com" || app.Name != "Acme" {
		t.Errorf("the application is %+v, %v", app, err)
	}
	if _, err := w.hub.Operational(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	config := json.RawMessage(`{"server":"127.0.0.1:2525","security":"none","from":"a@example.com","to":"{{payload.data.alertEmail}}"}`)
	if err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: fanfare.OperationalApplication, Kind: "smtp", Config: config}); err != nil {
		t.Fatal(err)
	}
	d = w.get(200, "/portal/settings").says("A mail goes there").lacks("has not set up mail yet")
	if !slices.Contains(d.all("input", "value"), "yogi@example.com") {
		t.Error("the address is not shown")
	}
	w.submit(303, d, "Save the address", "alertEmail", "").says("nobody is written to")
	w.enter(fanfare.ManageKeys, fanfare.CreateAttempts)
	w.get(200, "/portal/settings").lacks("Alerts")
}
