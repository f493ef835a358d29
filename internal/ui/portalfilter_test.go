package ui_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// fields are those of a form, which can be changed before it is sent.
type fields map[string][]string

// fieldsOf reads what the form with a button would send, but for the button.
func (w *world) fieldsOf(d *doc, button string) (action string, f fields) {
	w.t.Helper()
	form := d.formOf(button)
	if form == nil {
		w.t.Fatalf("%s has no button %q: %s", d.path, button, d.words())
	}
	return attr(form, "action"), valuesOf(form)
}

func (w *world) sendForm(status int, action string, f fields) *doc {
	w.t.Helper()
	var flat []string
	for name, all := range f {
		for _, v := range all {
			flat = append(flat, name, v)
		}
	}
	return w.post(status, action, flat...)
}

// TestFilterIsPutTogether adds rows, has them tried, changes the expression by hand, and
// saves: without scripts.
func TestFilterIsPutTogether(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	for _, payload := range []string{`{"status":"open","amount":5,"tags":["a"]}`, `{"status":"open","amount":50}`, `{"status":"closed","amount":500}`, `{"note":"none"}`} {
		w.message(1, payload)
	}
	at := "/portal/endpoint/" + string(ep.ID) + "/settings"
	d := w.get(200, at)
	if got := d.all("option", "value"); !slices.Contains(got, "payload.status") || !slices.Contains(got, "payload.amount") || !slices.Contains(got, "eventType") {
		t.Errorf("there are to choose %q", got)
	}
	action, f := w.fieldsOf(d, "Try it on what came")
	f["member"], f["relation"], f["value"] = []string{"status"}, []string{"is"}, []string{"open"}
	f["do"] = []string{"row"}
	d = w.sendForm(200, action, f).says("2 of 4", "the message has no status")
	_, f = w.fieldsOf(d, "Try it on what came")
	if len(f["member"]) != 2 || f["member"][0] != "payload.status" || f["filter"][0] != `payload.status == "open"` {
		t.Fatalf("the form is %q", f)
	}
	f["member"][1], f["relation"][1], f["value"][1] = "payload.amount", "more", "10"
	f["do"] = []string{"try"}
	d = w.sendForm(200, action, f).says("1 of 4")
	_, f = w.fieldsOf(d, "Save")
	if f["filter"][0] != `payload.status == "open" && payload.amount > 10` {
		t.Errorf("the expression is %q", f["filter"])
	}
	f["value"][0] = "closed" // and saved without being tried
	f["do"] = []string{"save"}
	w.sendForm(303, action, f).says("The settings are saved")
	if got := w.filterOf(ep); got != `payload.status == "closed" && payload.amount > 10` {
		t.Errorf("the filter is %q", got)
	}

	d = w.get(200, at)
	_, f = w.fieldsOf(d, "Save")
	if len(f["member"]) != 2 || f["value"][0] != "closed" {
		t.Errorf("what is stored is shown as %q", f)
	}
	f["filter"], f["do"] = []string{`payload.amount > 10 || changed("status")`}, []string{"try"}
	f["value"][0] = "other" // what was written goes before the rows
	d = w.sendForm(200, action, f).says("2 of 4", "says more than rows of conditions can")
	_, f = w.fieldsOf(d, "Save")
	f["do"] = []string{"save"}
	w.sendForm(303, action, f)
	if got := w.filterOf(ep); got != `payload.amount > 10 || changed("status")` {
		t.Errorf("the filter written by hand is %q", got)
	}

	_, f = w.fieldsOf(w.get(200, at), "Save")
	f["filter"], f["do"] = []string{""}, []string{"save"}
	w.sendForm(303, action, f)
	if got := w.filterOf(ep); got != "" {
		t.Errorf("the filter is still %q", got)
	}
}

// TestFilterSaysWhatIsWrong names the row, or the place in the expression, and keeps what
// was said.
func TestFilterSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t, nil)
	w.message(0, `{"a":1}`)
	action, f := w.fieldsOf(w.get(200, "/portal/endpoint/new"), "Add endpoint")
	f["url"] = []string{w.rcv.URL}
	f["member"], f["value"] = []string{"a b("}, []string{"1"}
	for _, do := range []string{"try", "row"} {
		f["do"] = []string{do}
		w.sendForm(200, action, f).says(`condition 1: "a b(" is no member`)
	}
	f["do"] = []string{"add"}
	d := w.sendForm(422, action, f).says(`condition 1: "a b(" is no member`)
	_, f = w.fieldsOf(d, "Add endpoint")
	if f["member"][0] != "a b(" || f["value"][0] != "1" {
		t.Errorf("what was said has become %q", f)
	}
	f["member"][0], f["do"] = "a", []string{"add"}
	w.sendForm(303, action, f)
	eps, err := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 10})
	if err != nil || len(eps) != 1 || eps[0].Filter != "payload.a == 1" {
		t.Errorf("the endpoints are %+v, %v", eps, err)
	}

	_, f = w.fieldsOf(w.get(200, "/portal/endpoint/new"), "Add endpoint")
	f["filter"], f["do"] = []string{"payload.("}, []string{"try"}
	w.sendForm(200, action, f).says("Not yet:", "column")
}

// TestRowsComeAndGo takes a row away, and has no more than there may be.
func TestRowsComeAndGo(t *testing.T) {
	w := newWorld(t, nil)
	action, f := w.fieldsOf(w.get(200, "/portal/endpoint/new"), "Add endpoint")
	f["member"], f["relation"], f["value"] = []string{"a", "b", "c"}, []string{"is", "more", "not"}, []string{"x", "2", "z"}
	f["do"] = []string{"drop-2"}
	_, f = w.fieldsOf(w.sendForm(200, action, f).says("no messages yet to try it on"), "Add endpoint")
	if got := f["filter"][0]; got != `payload.a == "x" && payload.c != "z"` || len(f["member"]) != 2 {
		t.Errorf("without the second it is %q", f)
	}
	f["any"], f["do"] = []string{"any"}, []string{"try"}
	_, f = w.fieldsOf(w.sendForm(200, action, f), "Add endpoint")
	if got := f["filter"][0]; got != `payload.a == "x" || payload.c != "z"` || f["any"][0] != "any" {
		t.Errorf("if any will do it is %q", f)
	}
	f["member"], f["relation"], f["value"] = nil, nil, nil
	for range 30 {
		f["member"], f["relation"], f["value"] = append(f["member"], "a"), append(f["relation"], "is"), append(f["value"], "x")
	}
	f["do"] = []string{"row"}
	d := w.sendForm(200, action, f).lacks("Add a condition")
	if _, f = w.fieldsOf(d, "Add endpoint"); len(f["member"]) != 20 {
		t.Errorf("there are %d rows", len(f["member"]))
	}
}

func (w *world) filterOf(ep *fanfare.Endpoint) string {
	w.t.Helper()
	now, err := w.hub.Endpoint(w.t.Context(), w.app.ID, string(ep.ID))
	if err != nil {
		w.t.Fatal(err)
	}
	return now.Filter
}

// TestAuthIsNeverShown gives an endpoint each kind in turn; no page has its secret, and
// what is left empty stays.
func TestAuthIsNeverShown(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	at := "/portal/endpoint/" + string(ep.ID) + "/settings"
	stored := func() *fanfare.Auth {
		now, err := w.hub.Endpoint(t.Context(), w.app.ID, string(ep.ID))
		if err != nil {
			t.Fatal(err)
		}
		return &now.Auth
	}
	w.get(200, at).says("By the signature only")
	w.submit(303, w.get(200, at), "Save", "auth", "basic", "auth.basic.username", "jane", "auth.basic.password", "hush-hush")
	if a := stored(); a.Basic == nil || a.Basic.Username != "jane" || a.Basic.Password != "hush-hush" {
		t.Errorf("of basic there is %+v", a.Basic)
	}
	w.submit(303, w.get(200, at).says("There is one"), "Save", "auth.basic.username", "joan")
	if a := stored(); a.Basic.Username != "joan" || a.Basic.Password != "hush-hush" {
		t.Errorf("of basic there is %+v", a.Basic)
	}
	w.hides(at, "hush-hush")
	d := w.submit(422, w.get(200, at), "Save", "auth", "bearer", "auth.bearer.token", "a b").says("Not yet:")
	if strings.Contains(d.text, `"a b"`) {
		t.Error("a refused token is in the page")
	}
	w.submit(303, w.get(200, at), "Save", "auth", "bearer", "auth.bearer.token", "sesame-sesame")
	if a := stored(); a.Basic != nil || a.Bearer == nil || a.Bearer.Token != "sesame-sesame" {
		t.Errorf("the auth is %+v", a)
	}
	w.submit(422, w.get(200, at), "Save", "auth", "oauth2", "auth.oauth2.tokenUrl", "nowhere", "auth.oauth2.clientId", "me", "auth.oauth2.clientSecret", "s").says("Not yet:")
	w.submit(303, w.get(200, at), "Save", "auth", "oauth2", "auth.oauth2.tokenUrl", w.rcv.URL+"/token", "auth.oauth2.clientId", "me", "auth.oauth2.clientSecret", "so-secret", "auth.oauth2.scopes", "read write", "auth.oauth2.style", "body")
	if o := stored().OAuth2; o == nil || o.ClientID != "me" || o.ClientSecret != "so-secret" || !slices.Equal(o.Scopes, []string{"read", "write"}) || o.Style != "body" {
		t.Errorf("of OAuth 2 there is %+v", o)
	}
	w.hides(at, "so-secret")
	w.submit(303, w.get(200, at), "Save", "description", "Named")
	if o := stored().OAuth2; o == nil || o.ClientSecret != "so-secret" || len(o.Scopes) != 2 {
		t.Errorf("after another change of OAuth 2 there is %+v", o)
	}
	w.enter(fanfare.ViewBase)
	w.get(200, at).says("OAuth 2 client credentials, as me").lacks("so-secret")
	w.enter(fanfare.Capabilities()...)
	w.submit(303, w.get(200, at), "Save", "auth", "none")
	if a := stored(); *a != (fanfare.Auth{}) {
		t.Errorf("the auth is still %+v", a)
	}
}

// hides fails the test if a page has a text anywhere.
func (w *world) hides(path, text string) {
	w.t.Helper()
	if d := w.get(http.StatusOK, path); strings.Contains(d.text, text) || strings.Contains(d.text, url.QueryEscape(text)) {
		w.t.Errorf("%s has %q in it", path, text)
	}
}
