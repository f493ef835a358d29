package ui_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestSourcesAreMadeAndLookedAfter(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.get(200, "/source").says("No sources here")
	d := w.submit(303, w.get(200, "/source"), "Go on", "app", "acme").says("New source", "Of Acme")
	w.submit(422, d, "Make the source", "name", "Shop", "profile", "github").says("secret")
	w.submit(422, d, "Make the source", "name", "Shop", "profile", "hmac", "secret", "eight characters", "header", "").says("header")
	d = w.submit(303, d, "Make the source", "name", "Shop", "profile", "github", "secret", "a secret of enough characters", "filter", "payload.n > 1")
	sources, err := w.hub.Sources(t.Context(), w.app.ID, fanfare.Page{Limit: 10})
	if err != nil || len(sources) != 1 {
		t.Fatalf("%d sources, %v", len(sources), err)
	}
	src := sources[0]
	if src.Name != "Shop" || src.Profile != "github" || src.Filter != "payload.n > 1" || len(src.Secrets) != 1 {
		t.Errorf("made: %+v", src)
	}
	d.says("The source is there", "Give the sender this address", "/in/"+src.Token, "Receiving", "payload.n > 1")
	if strings.Contains(d.text, "a secret of enough") {
		t.Error("the page shows the secret")
	}
	w.hub.NoteRefusal(src, fanfare.Refusal{Status: 401, Reason: "no signature matches", Method: "POST", Address: "192.0.2.7", ContentType: "text/x", Size: 12})
	at := "/app/" + string(w.app.ID) + "/source/" + string(src.ID)
	d = w.get(200, at).says("Refused 401", "no signature matches", "POST text/x, 12 bytes", "192.0.2.7")
	w.get(200, "/source").says("Shop", "Acme")
	w.get(200, "/app/acme/source").says("Shop")

	again := func() *fanfare.Source {
		t.Helper()
		src, err := w.hub.Source(t.Context(), w.app.ID, string(src.ID))
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	w.submit(303, d, "New address").says("has a new address", "is good for a while yet")
	if now := again(); now.Token == src.Token || now.OldToken.Text != src.Token {
		t.Error("the address is the old one")
	}
	w.submit(303, d, "Disable").says("Disabled")
	if !again().Disabled {
		t.Error("it is not disabled")
	}
	w.submit(303, w.get(200, at), "Enable").says("Receiving")
	w.submit(303, d, "Add the secret", "secret", "another secret, long enough").says("The secret is added", "2")
	if n := len(again().Secrets); n != 2 {
		t.Errorf("it has %d secrets", n)
	}
	w.submit(303, w.get(200, at+"/delete"), "Delete it").says("deleted")
	w.get(404, at)
	if a := w.form(at + "/do/nothing"); a.Code != http.StatusNotFound {
		t.Errorf("an act that there is not was answered %d", a.Code)
	}
}
