package ui_test

import (
	"fmt"
	"testing"

	"golang.org/x/net/html"

	"github.com/fanfarehq/fanfare"
)

// chosen is the value of a field of a form, and whether it is chosen from a list.
func (d *doc) chosen(button, name string) (value string, listed bool) {
	d.t.Helper()
	form := d.formOf(button)
	if form == nil {
		d.t.Fatalf("%s has no button %q: %s", d.path, button, d.words())
	}
	each(form, func(n *html.Node) {
		listed = listed || n.Data == "select" && attr(n, "name") == name
	})
	all := valuesOf(form)[name]
	if len(all) != 1 {
		d.t.Fatalf("%s asks for %s %d times", d.path, name, len(all))
	}
	return all[0], listed
}

// TestApplicationsAreChosenFromAList where there are few; one that is not there is said
// beside the field, and the form is kept.
func TestApplicationsAreChosenFromAList(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	id := string(w.app.ID)
	forms := []struct{ path, button, field string }{
		{"/task/new", "Show how much it is", "app"}, {"/recipe/github-to-slack", "Dry run", "app"}, {"/recipe/new", "Dry run", "app"},
		{"/source", "Go on", "app"}, {"/key", "Make the key", "application"},
	}
	for _, f := range forms {
		d := w.get(200, f.path).says("Acme")
		if value, listed := d.chosen(f.button, f.field); !listed || value != "" {
			t.Errorf("%s has %q, listed: %v", f.path, value, listed)
		}
		d = w.submit(422, d, f.button, f.field, "nobody", "since", "1h", "kind", "again", "name", "Robot", "scope", "admin").says("Not yet:")
		if value, listed := d.chosen(f.button, f.field); listed || value != "nobody" {
			t.Errorf("%s has then %q, listed: %v", f.path, value, listed)
		}
	}
	if value, listed := w.get(200, "/task/new?app=acme").chosen("Show how much it is", "app"); !listed || value != id {
		t.Errorf("by its uid there is %q chosen, listed: %v", value, listed)
	}
	w.submit(422, w.get(200, "/source"), "Go on").says("Say of which application")
	for i := range 100 {
		if err := w.hub.CreateApplication(t.Context(), &fanfare.Application{Name: fmt.Sprint("App ", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range forms {
		if _, listed := w.get(200, f.path).chosen(f.button, f.field); listed {
			t.Errorf("%s lists many", f.path)
		}
	}
}
