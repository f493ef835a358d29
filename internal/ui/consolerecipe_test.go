package ui_test

import (
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestRecipesAreTriedAndInstalled(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	const name = "github-to-slack"
	w.get(200, "/recipe").says("Recipes", name)
	w.submit(422, w.get(200, "/recipe/"+name), "Dry run").says("of which application")
	w.submit(404, w.get(200, "/recipe/"+name), "Dry run", "app", "nobody")
	w.submit(200, w.get(200, "/recipe/"+name), "Dry run", "app", "acme").says("What would be sent", "github.issues.opened")
	if eps, _ := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 10}); len(eps) != 0 {
		t.Errorf("the dry run has made %d endpoints", len(eps))
	}
	pairs := []string{"app", "acme", "in.SLACK_URL", "https://hooks.example.com/services/1"}
	w.submit(422, w.get(200, "/recipe/"+name), "Install", "app", "acme").says("SLACK_URL")
	w.submit(200, w.get(200, "/recipe/"+name), "Install", pairs...).says("It is installed as "+name, "Give the sender this address", "/in/", "Made up, and not shown again, GITHUB_SECRET")
	eps, _ := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 10})
	if len(eps) == 0 || !strings.HasPrefix(eps[0].UID, "recipe."+name+".") {
		t.Errorf("it has made %+v", eps)
	}
	w.submit(409, w.get(200, "/recipe/"+name), "Install", pairs...).says("already")
	w.get(404, "/recipe/none")
}
