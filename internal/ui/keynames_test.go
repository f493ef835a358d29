package ui_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestListsSayNamesNotIds of applications and of keys; the id is behind the name.
func TestListsSayNamesNotIds(t *testing.T) {
	w := newWorld(t, nil)
	id := string(w.app.ID)
	key := &fanfare.Key{Name: "Robot", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}}
	secret, err := w.hub.CreateKey(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	w.logIn(secret)
	of := &fanfare.Key{Name: "Acme's", Scopes: []fanfare.Scope{fanfare.ScopePortal}, Application: w.app.ID}
	if _, err := w.hub.CreateKey(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Paused = true })
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	if _, err := w.hub.Send(t.Context(), "acme", "a.b", []byte(`1`)); err != nil {
		t.Fatal(err)
	}
	task := &fanfare.Task{Kind: fanfare.TaskRecover, Application: w.app.ID, Endpoint: ep.ID, Selection: fanfare.Selection{Since: time.Now().Add(-time.Hour)}}
	if err := w.hub.StartTask(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	w.post(303, "/app/"+id+"/endpoint/"+string(ep.ID)+"/do/pause")
	w.comes("/queue", "Paused")
	for path, want := range map[string]string{"/queue": "Acme", "/task": "Acme", "/key": "Acme", "/audit": "of Acme"} {
		d := w.get(200, path).says(want).lacks(id)
		if !slices.Contains(append(d.all("span", "title"), d.all("a", "title")...), id) {
			t.Errorf("%s has the id nowhere", path)
		}
	}
	d := w.get(200, "/audit").says("Robot, in the console", "by Robot")
	if strings.Contains(d.words(), "by key_") {
		t.Errorf("it names keys by their ids: %s", d.words())
	}
}
