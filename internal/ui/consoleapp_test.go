package ui_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestApplicationIsAddedChangedAndDeleted(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	d := w.get(200, "/app/new")
	w.submit(422, d, "Add application", "name", "").says("Not yet")
	w.submit(409, d, "Add application", "name", "Second", "uid", "acme").says("is taken by another application")
	w.submit(422, d, "Add application", "name", "Second", "rateLimit", "many").says("Not yet")
	w.submit(303, d, "Add application", "name", "Second", "uid", "second", "rateLimit", "7", "alertEmail", "yogi@example.com").says("The application is there", "Second", "7 deliveries a second", "yogi@example.com", "No endpoints yet")
	app, err := w.hub.Application(t.Context(), "second")
	if err != nil || app.Name != "Second" || app.RateLimit != 7 || app.AlertEmail != "yogi@example.com" {
		t.Fatalf("the application is %+v, %v", app, err)
	}
	d = w.get(200, "/app/second/settings")
	w.submit(422, d, "Save", "alertEmail", "yogi").says("must be one address")
	w.submit(303, d, "Save", "name", "Third", "uid", "", "rateLimit", "", "alertEmail", "").says("The application is saved", "Third").lacks("second", "yogi")
	if app, err = w.hub.Application(t.Context(), string(app.ID)); err != nil || app.Name != "Third" || app.UID != "" || app.RateLimit != 0 || app.AlertEmail != "" {
		t.Fatalf("the application is %+v, %v", app, err)
	}
	at := "/app/" + string(app.ID)
	d = w.get(200, at+"/delete").says("Delete Third?", "cannot be undone")
	w.submit(422, d, "Delete it", "confirm", "third").says("Write its name")
	if _, err := w.hub.Application(t.Context(), string(app.ID)); err != nil {
		t.Fatalf("it was deleted without its name: %v", err)
	}
	w.submit(303, d, "Delete it", "confirm", "Third").says("The application is deleted", "Acme").lacks("Third")
	if _, err := w.hub.Application(t.Context(), string(app.ID)); err == nil {
		t.Error("it was not deleted")
	}
	w.get(404, at)
	entries, err := w.hub.AuditEntries(t.Context(), fanfare.AuditFilter{Page: fanfare.Page{Limit: 10, Ascending: true}})
	var done []string
	for _, e := range entries {
		done = append(done, e.Action)
	}
	if want := []string{"application.create", "application.update", "application.delete"}; err != nil || !slices.Equal(done, want) {
		t.Errorf("the audit log has %q, want %q; %v", done, want, err)
	}
}

// TestAnApplicationsFormChangesWhatWasChanged, and nothing that others have changed since it
// was opened.
func TestAnApplicationsFormChangesWhatWasChanged(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.app.AlertEmail = "old@example.com"
	if err := w.hub.UpdateApplication(t.Context(), w.app); err != nil {
		t.Fatal(err)
	}
	d := w.get(200, "/app/acme/settings").says("Alert e-mail")
	operator := w.cookie
	w.enter(fanfare.ManageEndpoint)
	w.submit(303, w.get(200, "/portal/settings"), "Save the address", "alertEmail", "yogi@example.com")
	w.cookie = operator
	d = w.submit(422, d, "Save", "rateLimit", "many").says("Not yet") // with it the form still knows how it was opened
	w.submit(303, d, "Save", "rateLimit", "7").says("The application is saved", "7 deliveries a second", "yogi@example.com")
	d = w.get(200, "/app/acme/settings")
	w.submit(303, d, "Save").says("The application is saved")
	w.submit(303, d, "Save", "alertEmail", "").says("The application is saved").lacks("yogi")
	app, err := w.hub.Application(t.Context(), "acme")
	if err != nil || app.Name != "Acme" || app.RateLimit != 7 || app.AlertEmail != "" {
		t.Errorf("the application is %+v, %v", app, err)
	}
}

func TestApplicationsArePagedAndFound(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	for i := range 60 {
		if err := w.hub.CreateApplication(t.Context(), &fanfare.Application{Name: fmt.Sprintf("Shop %02d", i), UID: fmt.Sprintf("s%02d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	d := w.get(200, "/app").says("Shop 59", "Shop 10").lacks("Shop 09", "Acme")
	w.get(200, w.link(d, "Older")).says("Shop 09", "Acme").lacks("Shop 10")
	w.get(200, "/app?search=shop+4").says("Shop 44").lacks("Shop 59", "Acme")
	w.get(200, "/app?search=s07").says("Shop 07").lacks("Shop 17")
	w.get(200, "/app?search="+url.QueryEscape(string(w.app.ID))).says("Acme").lacks("Shop")
	w.get(200, "/app?search=nobody").says("Nothing like that")
}

// link is where the link of these words leads.
func (w *world) link(d *doc, words string) (to string) {
	w.t.Helper()
	texts, links := d.all("a", ""), d.all("a", "href")
	if i := slices.Index(texts, words); i >= 0 && len(texts) == len(links) {
		return links[i]
	}
	w.t.Fatalf("%s has no link %q: %q", d.path, words, texts)
	return ""
}

func TestOperatorSeesThePortalAsItsCustomerDoes(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	r := httptest.NewRequest(http.MethodPost, "/app/acme/portal", nil)
	a := w.send(r)
	if a.Code != http.StatusSeeOther || a.Header().Get("Location") != "/portal" {
		t.Fatalf("it was answered %d, to %q", a.Code, a.Header().Get("Location"))
	}
	cookies := a.Result().Cookies()
	if len(cookies) != 1 || cookies[0].Path != "/portal" || !cookies[0].HttpOnly {
		t.Fatalf("the cookies are %v", cookies)
	}
	w.cookie = cookies[0].String()
	w.get(200, "/portal").says("Books")
	if a := w.send(httptest.NewRequest(http.MethodGet, "/app/acme", nil)); a.Code != http.StatusSeeOther {
		t.Errorf("the portal's session opens the console: %d", a.Code)
	}
}

func TestPortalLinksAreMadeAndEnded(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	operator := w.cookie
	open := func(without ...string) *fanfare.Session {
		t.Helper()
		d := w.submit(200, w.get(200, "/app/acme"), "Make a link", append(without, "expiry", "3600")...)
		d.says("It is not shown again")
		_, key, ok := strings.Cut(d.words(), "/portal#key=")
		if !ok {
			t.Fatalf("there is no link: %s", d.words())
		}
		key, _, _ = strings.Cut(key, " ")
		key = strings.TrimSuffix(key, "Copy")
		b, err := w.hub.Identify(t.Context(), key)
		if err != nil || b.Session == nil || b.Session.Application != w.app.ID {
			t.Fatalf("the link's key %q is of %+v, %v", key, b, err)
		}
		w.cookie = "fanfare_portal=" + key
		return b.Session
	}
	if s := open(); !s.Has(fanfare.ManageEndpoint) || s.Has(fanfare.ManageKeys) || time.Until(s.ExpiresAt) > time.Hour {
		t.Errorf("the session is %+v", s)
	}
	w.get(200, "/portal").says("Add endpoint")
	w.cookie = operator
	if s := open("ManageEndpoint", "", "CreateAttempts", "", "ManageEndpointSecret", "", "ManageTransformations", ""); !slices.Equal(s.Capabilities, []fanfare.Capability{fanfare.ViewBase, fanfare.ViewEndpointSecret}) {
		t.Errorf("a link to look only, at secrets too, has %q", s.Capabilities)
	}
	session := w.cookie
	w.get(200, "/portal").lacks("Add endpoint")
	w.cookie = operator
	if s := open("ManageKeys", "on"); !s.Has(fanfare.ManageKeys) || !s.Has(fanfare.ManageEndpoint) {
		t.Errorf("a link to make keys too has %q", s.Capabilities)
	}
	w.cookie = operator
	w.post(422, "/app/acme/link", "expiry", "999999999").says("Choose how long")
	w.submit(303, w.get(200, "/app/acme/expire").says("End all links"), "End all links").says("All links to the portal have ended")
	w.cookie = session
	w.get(401, "/portal").says("This link has expired")
}
