package pages_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A way is how a page is looked at.
type way struct {
	scheme string
	width  int64
}

var ways = []way{{"light", 1280}, {"dark", 1280}, {"dark", 360}, {"light", 360}}

// axe is the program that looks for what keeps people out.
func axe(t *testing.T) string {
	text, err := os.ReadFile("../node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "; null"
}

// as has pages looked at in a way, without motion.
func (b *tab) as(w way) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: w.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: w.width, Height: 900, DeviceScaleFactor: 1})
}

// accessible has axe look at a page: light and wide and dark and narrow at everything, and
// the other two ways round at the colours, which are all that differs then.
func (b *tab) accessible(program, path string) {
	b.t.Helper()
	b.as(ways[0])
	b.open(path)
	b.looksGood(program, path)
}

// looksGood is accessible for the page as it is.
func (b *tab) looksGood(program, path string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[*struct{}](program)); err != nil {
		b.t.Fatal(err)
	}
	for i, w := range ways {
		b.as(w)
		b.shot(strings.Trim(strings.NewReplacer("/", "_", "?", "_", "&", "_").Replace(path), "_") + fmt.Sprintf("-%s-%d", w.scheme, w.width))
		if wide := eval[int](b, `document.documentElement.scrollWidth`); wide > int(w.width) {
			b.t.Errorf("%s is %d wide on a screen of %d", path, wide, w.width)
		}
		if n := eval[int](b, `document.getAnimations().length`); n != 0 {
			b.t.Errorf("%s moves, %d times, for those who have asked for less of it", path, n)
		}
		rules := `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`
		if i%2 == 1 {
			rules = `{type: "rule", values: ["color-contrast"]}`
		}
		text := eval[string](b, `axe.run(document, {runOnly: `+rules+`, resultTypes: ["violations"], preload: false}).then(r => JSON.stringify(r.violations.map(v => [v.impact, v.id, v.help, v.nodes.slice(0, 3).map(n => n.html + " " + n.failureSummary)])))`)
		var found [][]any
		if err := json.Unmarshal([]byte(text), &found); err != nil {
			b.t.Fatal(err)
		}
		for _, f := range found {
			b.t.Errorf("%s, %s, %d wide: %v", path, w.scheme, w.width, f)
		}
	}
}

// TestTheRestOfTheConsoleIsAccessible looks at every page of these screens: first when
// there is nothing, then with something of everything.
func TestTheRestOfTheConsoleIsAccessible(t *testing.T) {
	t.Parallel()
	program := axe(t)
	w := newWorld(t)
	b := w.desk(true)
	for _, path := range []string{"/catalogue", "/source", "/app/acme/source", "/recipe", "/task", "/queue", "/operational", "/audit?object=nothing"} {
		b.accessible(program, path)
	}

	w.api("POST", "/event-type", `{"name":"record.created","description":"A record was made.","groupName":"Records","examples":[{"name":"small"}],"schemas":{"1":{"type":"object"},"2":{"type":"object","properties":{"name":{"type":"string"}}}}}`, nil)
	w.api("POST", "/event-type", `{"name":"record.lost","archived":true,"deprecated":true}`, nil)
	w.answers(func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "out of order", 500) })
	var told struct{ ID string }
	w.api("POST", "/operational-webhook/endpoint", `{"url":`+quoted(w.rcv.URL)+`,"description":"Alerts"}`, &told)
	ep := w.endpoint(`,"description":"Books"`)
	w.api("POST", "/app/acme/endpoint", `{"url":`+quoted(w.rcv.URL)+`,"description":"Shelves","ordered":true,"retry":{"delays":[1800]}}`, nil)
	w.api("POST", "/app/acme/msg", `{"eventType":"record.created","payload":{"name":"small"},"orderingKey":"red shelf"}`, nil)
	var src source
	w.api("POST", "/app/acme/source", `{"name":"Shop","profile":"github","secret":"a secret of enough characters"}`, &src)
	w.pushes(src.URL, "a secret of enough characters", "1", `{"n":1}`)
	w.pushes(src.URL, "", "2", `{"n":2}`)
	w.api("POST", "/app/acme/recipe", `{"name":"messages-to-receiver","inputs":{"RECEIVER_URL":`+quoted(w.rcv.URL)+`,"WEBHOOK_SECRET":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}`, nil)
	w.send(3, `{"name":"small"}`)
	var replay task
	w.api("POST", "/app/acme/endpoint/"+ep.ID+"/recover", `{"since":"2026-01-02T15:04:05Z"}`, &replay)
	var robot apiKey
	w.api("POST", "/api-key", `{"name":"Robot","scopes":["portal"]}`, &robot)
	for _, path := range []string{
		"/catalogue?archived=yes", "/catalogue/new", "/catalogue/import", "/catalogue/type/record.created", "/catalogue/type/record.created/compare", "/catalogue/type/record.created/confirm",
		"/source", "/app/acme/source", "/app/acme/source/new", "/app/acme/source/" + src.ID, "/app/acme/source/" + src.ID + "/delete",
		"/recipe", "/recipe/new", "/recipe/github-to-slack", "/app/acme/recipe/messages-to-receiver", "/app/acme/recipe/messages-to-receiver/remove",
		"/task", "/task/new", "/task/" + replay.ID, "/queue", "/setting", "/key", "/key/" + robot.ID + "/revoke", "/operational", "/operational/endpoint/" + told.ID, "/audit",
	} {
		b.accessible(program, path)
	}
}

// TestTheRestOfTheConsoleByKeyboard does the main thing of each of these screens without
// a pointer.
func TestTheRestOfTheConsoleByKeyboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.answers(func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "out of order", 500) })
	ep := w.endpoint(`,"description":"Leaflets"`)
	w.send(1, `1`)
	w.api("POST", "/app/acme/endpoint", `{"url":`+quoted(w.rcv.URL)+`,"description":"Books","retry":{"delays":[1800]}}`, nil)
	w.send(2, `1`)
	b := w.desk(true)

	b.open("/catalogue")
	b.tabTo("New event type")
	b.enterKey()
	b.shows("It cannot be changed afterwards")
	b.tabTo("name")
	b.types("book.sold")
	b.tabTo("Save")
	b.enterKey()
	b.shows("The event type is there")
	w.eventType("book.sold")

	b.open("/source")
	b.tabTo("app")
	b.key("ArrowDown", "ArrowDown", 40, "")
	b.tabTo("Go on")
	b.enterKey()
	b.shows("Of Acme")
	b.tabTo("name")
	b.types("Shop")
	b.tabTo("profile")
	for range 20 {
		if eval[string](b, `document.activeElement.value`) == "none" {
			break
		}
		b.key("ArrowDown", "ArrowDown", 40, "")
	}
	b.tabTo("Make the source")
	b.enterKey()
	b.shows("The source is there")
	if all := w.sources(); len(all) != 1 || all[0].Name != "Shop" || all[0].Profile != "none" {
		t.Errorf("the sources are %v", all)
	}

	b.open("/recipe")
	b.tabTo("messages-to-receiver")
	b.enterKey()
	b.shows("Dry run on")
	b.tabTo("app")
	b.key("ArrowDown", "ArrowDown", 40, "")
	b.tabTo("Dry run")
	b.enterKey()
	b.shows("What would be sent")

	b.open("/task/new?endpoint=" + ep.ID)
	b.tabTo("app")
	b.key("ArrowDown", "ArrowDown", 40, "")
	b.tabTo("since")
	b.types("1h")
	b.enterKey()
	b.shows("Send again what was given up: 2")
	b.tabTo("Begin")
	b.enterKey()
	b.shows("Finished")
	if all := w.tasks(); len(all) != 1 || all[0].Done != 2 {
		t.Errorf("the tasks are %v", all)
	}

	b.open("/queue")
	b.reads("Books")
	b.tabTo("Pause")
	b.enterKey()
	b.shows("The endpoint is paused")
	if !w.named("Books").Paused {
		t.Error("it is not paused")
	}

	b.open("/key")
	b.tabTo("name")
	b.types("Robot")
	b.tabTo("portal")
	b.space()
	b.tabTo("Make the key")
	b.enterKey()
	b.shows("Keep it now")
	if got := w.key("Robot"); len(got.Scopes) != 1 || got.Scopes[0] != "portal" {
		t.Errorf("the key is %+v", got)
	}
}
