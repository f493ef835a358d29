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
	w.submit(422, w.get(200, "/recipe/"+name), "Dry run").says("of which application", "What GitHub signs with. Left empty, one is made up.", "The incoming webhook of the channel.")
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

// TestSecretsOfRecipesAreNotWrittenIntoPages looks for one after all that can be done with it.
func TestSecretsOfRecipesAreNotWrittenIntoPages(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	const name, secret = "messages-to-receiver", "whsec_bmV2ZXItd3JpdHRlbi1pbnRvLWEtcGFnZS1hZ2Fp" // no character of it is written otherwise in HTML
	pairs := []string{"app", "acme", "in.RECEIVER_URL", w.rcv.URL + "/hook", "in.WEBHOOK_SECRET", secret}
	pages := map[string]*doc{
		"refused":   w.submit(422, w.get(200, "/recipe/"+name), "Install", "app", "acme", "in.WEBHOOK_SECRET", secret).says("Type it once more"),
		"tried":     w.submit(200, w.get(200, "/recipe/"+name), "Dry run", pairs...).says("Type it once more"),
		"installed": w.submit(200, w.get(200, "/recipe/"+name), "Install", pairs...).says("It is installed").lacks("Type it once more"),
		"own": w.submit(200, w.get(200, "/recipe/new?copy="+name), "Install", "app", "acme", "as", "own",
			"inputs", "RECEIVER_URL="+w.rcv.URL+"/hook\nWEBHOOK_SECRET="+secret).says("It is installed as own"),
	}
	for when, d := range pages {
		if strings.Contains(d.text, secret) {
			t.Errorf("%s: the page has the secret", when)
		}
	}
	eps, err := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 10})
	if err != nil || len(eps) != 2 || eps[0].Secrets[0].Text != secret {
		t.Errorf("there are %v, %v", eps, err)
	}
}

// TestInputsOfARecipeOfOnesOwnComeBack after a dry run and after refusals, as they were given.
func TestInputsOfARecipeOfOnesOwnComeBack(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	const given = "  TARGET_URL = " + `https://a.example/?q=<b>&amp;"x"` + "\n\n"
	d := w.get(200, "/recipe/new")
	for what, answer := range map[string]struct {
		status        int
		button, again string
		pairs         []string
	}{
		"tried":         {200, "Dry run", given, []string{"app", "acme"}},
		"of nobody":     {422, "Install", given, nil},
		"of whom?":      {422, "Dry run", given, []string{"app", "nobody"}},
		"of an unknown": {422, "Dry run", given + "OTHER=1", []string{"app", "acme"}},
		"no line":       {422, "Dry run", given + "OTHER", []string{"app", "acme"}},
		"no recipe":     {422, "Install", given, []string{"app", "acme", "recipe", "recipe: ["}},
		"installed":     {200, "Install", "", []string{"app", "acme"}}, // there may be secrets among them
	} {
		sent := given
		if answer.again != "" {
			sent = answer.again
		}
		page := w.submit(answer.status, d, answer.button, append(answer.pairs, "inputs", sent)...)
		if got := strings.Join(valuesOf(page.formOf(answer.button))["inputs"], "|"); got != answer.again {
			t.Errorf("%s: they come back as %q, want %q", what, got, answer.again)
		}
	}
}
