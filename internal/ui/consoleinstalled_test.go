package ui_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestWhatARecipeMadeIsLookedAfter(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.get(200, "/recipe").says("None yet. Choose one")
	const name = "messages-to-receiver"
	w.submit(200, w.get(200, "/recipe/"+name), "Install", "app", "acme", "in.RECEIVER_URL", w.rcv.URL+"/hook", "in.WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").says("It is installed")
	w.get(200, "/recipe").says(name+"AcmeAt work1", "Installed")
	at := "/app/" + string(w.app.ID) + "/recipe/" + name
	w.get(200, at).says("A receiver of one's own", "An endpoint of the kind webhook", "It has not run yet")
	w.answers(500, "no")
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Not of the recipe" })
	w.message(2, `{}`)
	d := w.get(200, at).says("record.created", "500 Internal Server Error").lacks("Not of the recipe")
	if rows := d.all("tr", ""); len(rows) != 4 {
		t.Errorf("the rows are %q", rows)
	}
	w.comes("/recipe", "Failing for").lacks("At work") // what the attempt says of the endpoint is stored after it
	w.get(404, "/app/acme/recipe/none")
	w.get(404, "/app/acme/recipe/none/remove")
	d = w.get(200, at+"/remove").says("the endpoint A receiver of one's own. What waits")
	w.submit(303, d, "Remove it").says("The recipe is removed", "None yet. Choose one")
	eps, err := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 10})
	if err != nil || len(eps) != 1 || eps[0].Description != "Not of the recipe" {
		t.Errorf("there are %v, %v", eps, err)
	}
	w.get(404, at)
}

func TestWhatCameByASourceIsListed(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	src := &fanfare.Source{Application: w.app.ID, Name: "Shop", Profile: "none"}
	if err := w.hub.CreateSource(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	at := "/app/" + string(w.app.ID) + "/source/" + string(src.ID)
	w.get(200, at).says("Nothing has come that was kept")
	for range 2 {
		if _, err := w.hub.Receive(t.Context(), src, []*fanfare.Message{{EventType: "shop.sold", EventID: "shop:1", Payload: []byte(`{}`)}}); err != nil {
			t.Fatal(err)
		}
	}
	d := w.get(200, at)
	rows := d.all("tr", "")
	if len(rows) != 3 || !strings.HasPrefix(rows[1], "shop.sold") || !strings.HasSuffix(rows[1], "There alreadyIt was sent to no endpoint. Those that poll ask for it themselves.") || !strings.HasSuffix(rows[2], "KeptIt was sent to no endpoint. Those that poll ask for it themselves.") {
		t.Errorf("the rows are %q", rows)
	}
	for _, href := range d.all("a", "href") {
		if strings.Contains(href, "/message/") {
			w.get(200, href).says("shop:1")
		}
	}
}

// TestWhatBecameOfWhatCameIsShown has a recipe and an endpoint of one's own take what comes
// by a source.
func TestWhatBecameOfWhatCameIsShown(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	const name = "messages-to-receiver"
	w.submit(200, w.get(200, "/recipe/"+name), "Install", "app", "acme", "in.EVENT_TYPES", "shop.*", "in.RECEIVER_URL", w.rcv.URL+"/hook", "in.WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").says("It is installed")
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	w.endpoint(func(ep *fanfare.Endpoint) {
		ep.Description, ep.URL, ep.EventTypes = "Books", elsewhere.URL, []string{"shop.sold"}
	})
	src := &fanfare.Source{Application: w.app.ID, Name: "Shop", Profile: "none"}
	if err := w.hub.CreateSource(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	for n, msg := range map[int]*fanfare.Message{1: {EventType: "shop.opened", Payload: []byte(`{}`)}, 2: {EventType: "shop.sold", EventID: "shop:1", Payload: []byte(`{}`)}} {
		msg.KeepHeaders(http.Header{"User-Agent": {"Till/1"}})
		if _, err := w.hub.Receive(t.Context(), src, []*fanfare.Message{msg}); err != nil {
			t.Fatal(err)
		}
		w.attempts(msg, n)
	}
	w.get(200, "/message").says("shop.sold", "shop.opened").lacks("fanfare-header", "Till/1")
	at := "/app/" + string(w.app.ID) + "/source/" + string(src.ID)
	d := w.comes(at, "KeptDelivered A receiver of one's own, of the recipe "+name+"Given up Books", "shop.opened")
	w.get(200, w.link(d, "Books")).says("shop.sold", "Given up")
	w.get(200, w.link(d, name)).says("shop.opened", "A receiver of one's own")
	for i := range 6 {
		w.endpoint(func(ep *fanfare.Endpoint) {
			ep.Description, ep.EventTypes = fmt.Sprintf("Shelf %d", i), []string{"till.closed"}
		})
	}
	if _, err := w.hub.Receive(t.Context(), src, []*fanfare.Message{{EventType: "till.closed", Payload: []byte(`{}`)}}); err != nil {
		t.Fatal(err)
	}
	w.get(200, at).says("Shelf 4", "Shelf 0", "and others: see the message").lacks("Shelf 5")

	w.visitor(nil, fanfare.ScopeReadApplications, fanfare.ScopeReadMessages, fanfare.ScopeWriteMessages)
	w.get(200, at).says("shop.sold", "Books").lacks("is not kept")
	if n, err := w.store.Prune(t.Context(), time.Now().Add(time.Hour), 100); err != nil || n < 2 {
		t.Fatalf("%d are removed, %v", n, err)
	}
	w.get(200, at).says("It is not kept any more.", "shop.sold").lacks("Books")
}

func TestARecipeIsWrittenTriedAndInstalled(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.get(200, "/recipe/new?copy=github-to-slack").says("recipe: github-to-slack")
	d := w.get(200, "/recipe/new").says("A recipe of your own", "recipe: my-recipe")
	w.submit(422, d, "Dry run").says("of which application")
	w.submit(422, d, "Dry run", "app", "acme", "inputs", "TARGET_URL").says("is no line such as NAME=value")
	w.submit(422, d, "Dry run", "app", "acme", "recipe", "recipe: x\nabout: y\nendpoint: []").says("line 3")
	w.submit(422, d, "Install", "app", "acme").says("TARGET_URL is missing")
	inputs := "\n TARGET_URL = " + w.rcv.URL + "/own\n"
	d = w.submit(200, d, "Dry run", "app", "acme").says("What would be sent", "Would be sent", "POST https://receiver.example.com/hook")
	d = w.submit(200, d, "Dry run", "inputs", inputs).says("POST " + w.rcv.URL + "/own")
	if eps, _ := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 10}); len(eps) != 0 {
		t.Errorf("the dry run has made %d endpoints", len(eps))
	}
	w.submit(200, d, "Install").says("It is installed as my-recipe")
	eps, err := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 10})
	if err != nil || len(eps) != 1 || eps[0].UID != "recipe.my-recipe.out" || eps[0].URL != w.rcv.URL+"/own" {
		t.Errorf("made: %v, %v", eps, err)
	}
	w.get(200, "/recipe").says("my-recipe")
}
