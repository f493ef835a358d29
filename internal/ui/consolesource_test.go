package ui_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestSourcesAreMadeAndLookedAfter(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.get(200, "/source").says("No sources here")
	d := w.submit(303, w.get(200, "/source"), "Go on", "app", "acme").says("New source", "Of Acme")
	w.submit(422, d, "Make the source", "name", "Shop", "profile", "github").says("It is not saved", "give the one that the sender signs with")
	w.submit(422, d, "Make the source", "name", "Shop", "profile", "hmac", "secret", "eight characters", "hmac.header", "").says("header", "Type it once more").lacks("eight characters")
	d = w.submit(303, d, "Make the source", "name", "Shop", "profile", "github", "secret", "a secret of enough characters", "filter", "payload.n > 1")
	sources, err := w.hub.Sources(t.Context(), w.app.ID, fanfare.Page{Limit: 10})
	if err != nil || len(sources) != 1 {
		t.Fatalf("%d sources, %v", len(sources), err)
	}
	src := sources[0]
	if src.Name != "Shop" || src.Profile != "github" || src.Filter != "payload.n > 1" || len(src.Secrets) != 1 {
		t.Errorf("made: %+v", src)
	}
	d.says("The source is there", "Give the sender this address", "/in/"+src.Token, "the url is the Payload URL, and the secret the Secret", "Receiving", "payload.n > 1")
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

func TestASourceIsChanged(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	src := &fanfare.Source{Application: w.app.ID, Name: "Shop", Profile: "github", Secrets: []fanfare.Secret{{Text: "a secret of enough characters"}}, RateLimit: 7}
	if err := w.hub.CreateSource(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	again := func() *fanfare.Source {
		t.Helper()
		src, err := w.hub.Source(t.Context(), w.app.ID, string(src.ID))
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	at := "/app/" + string(w.app.ID) + "/source/" + string(src.ID)
	d := w.get(200, w.link(w.get(200, at), "Change")).says("Change Shop", "A source of Acme")
	if got := valuesOf(d.formOf("Save")); got["name"][0] != "Shop" || got["profile"][0] != "github" || got["rateLimit"][0] != "7" || got["filter"][0] != "" {
		t.Errorf("the form has %v", got)
	}
	w.submit(303, d, "Save").says("The source is saved") // as it was
	if got := again(); got.RateLimit != 7 || got.Profile != "github" || len(got.Secrets) != 1 || got.Token != src.Token || got.Name != "Shop" || got.HMAC != src.HMAC {
		t.Errorf("saved as it was it is %+v", got)
	}
	for _, wrong := range []struct{ name, value string }{
		{"filter", "payload.n >"}, {"eventType", "{{payload."}, {"dedupe", "everything"}, {"rateLimit", "many"}, {"rateLimit", "-1"}, {"response.status", "500"}, {"publicUrl", "nowhere"}, {"uid", "a b"},
	} {
		got := w.submit(422, d, "Save", wrong.name, wrong.value).says("Not yet")
		if values := valuesOf(got.formOf("Save")); values[wrong.name][0] != wrong.value {
			t.Errorf("the form has %q for %s", values[wrong.name], wrong.name)
		}
	}
	w.submit(422, d, "Save", "profile", "hmac", "hmac.header", "").says("Not yet")
	if got := again(); got.RateLimit != 7 || got.Filter != "" || got.Profile != "github" {
		t.Errorf("what was refused has changed it: %+v", got)
	}
	w.submit(303, d, "Save", "name", "Till", "uid", "till", "description", "At the door", "profile", "hmac", "hmac.header", "X-Till", "hmac.prefix", "sha1=", "hmac.algorithm", "sha1", "hmac.encoding", "base64",
		"eventType", "till.{{payload.kind}}", "filter", "payload.n > 1", "dedupe", "header:X-Id", "response.status", "201", "response.body", "{\"n\":\r\n{{payload.n}}}", "rateLimit", "").
		says("Till", "At the door", "X-Till sha1=", "payload.n > 1", "201")
	want := *src
	want.Name, want.UID, want.Description, want.Profile, want.EventType, want.Filter, want.Dedupe, want.RateLimit = "Till", "till", "At the door", "hmac", "till.{{payload.kind}}", "payload.n > 1", "header:X-Id", 0
	want.HMAC.Header, want.HMAC.Prefix, want.HMAC.Algorithm, want.HMAC.Encoding = "X-Till", "sha1=", "sha1", "base64"
	want.Response = fanfare.SourceResponse{Status: 201, Body: "{\"n\":\n{{payload.n}}}"}
	got := again()
	want.UpdatedAt, want.Revision = got.UpdatedAt, got.Revision
	if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) {
		t.Errorf("it is %+v\nwant %+v", *got, want)
	}
	d = w.get(200, at+"/edit")
	if values := valuesOf(d.formOf("Save")); values["hmac.algorithm"][0] != "sha1" || values["response.status"][0] != "201" {
		t.Errorf("the form has %v", values)
	}
	w.submit(303, d, "Save", "uid", "", "eventType", "", "filter", "", "dedupe", "", "response.status", "", "response.body", "", "profile", "none").lacks("payload.n > 1", "At the door?")
	if got := again(); got.UID+got.EventType+got.Filter+got.Dedupe != "" || got.Response != (fanfare.SourceResponse{}) || got.Profile != "none" || got.HMAC != src.HMAC || len(got.Secrets) != 0 {
		t.Errorf("emptied it is %+v", got)
	}
	w.get(404, "/app/acme/source/src_0/edit")
}

// TestANewSourceIsToldAllAtOnce fills in everything that can be changed later too.
func TestANewSourceIsToldAllAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	d := w.get(200, "/app/acme/source/new")
	said := []string{"name", "Till", "profile", "hmac", "secret", "a secret of enough characters", "hmac.header", "X-Till", "hmac.prefix", "v0=", "hmac.algorithm", "sha512", "hmac.encoding", "base64",
		"uid", "till", "description", "At the counter", "dedupe", "header:X-Id", "response.status", "201", "response.body", "thanks", "rateLimit", "7"}
	d = w.submit(422, d, "Make the source", append(said, "eventType", "no such {{")...).says("Type it once more")
	if got := d.all("input", "value"); !slices.Contains(got, "At the counter") || !slices.Contains(got, "X-Till") || slices.Contains(got, "a secret of enough characters") {
		t.Errorf("in the form is %q", got)
	}
	w.submit(303, d, "Make the source", append(said, "eventType", "till.opened")...)
	src, err := w.hub.Source(t.Context(), w.app.ID, "till")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(src.Name, src.Description, src.HMAC, src.Dedupe, src.Response, src.RateLimit, src.EventType); got != "TillAt the counter{X-Till sha512 base64 v0=}header:X-Id{201 thanks} 7till.opened" {
		t.Errorf("made: %s", got)
	}
}
