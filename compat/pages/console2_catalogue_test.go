package pages_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// An eventType as the API has it.
type eventType struct {
	Name, Description, GroupName, Validation string
	Archived, Deprecated                     bool
	Schemas                                  map[string]json.RawMessage
	Examples                                 []json.RawMessage
	FeatureFlags                             []string
}

func (w *world) eventType(name string) (t eventType) {
	w.t.Helper()
	w.api("GET", "/event-type/"+name, "", &t)
	return t
}

// TestTheCatalogueIsEdited takes an event type through its life.
func TestTheCatalogueIsEdited(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		b.open("/catalogue")
		b.shows("No event types yet")
		b.press("New event type")
		b.fill("name", "book.sold")
		b.fill("description", "A book was sold.")
		b.fill("schema", `{"type":"object"`)
		b.press("Save")
		b.shows("The schema is not valid JSON")
		b.fill("schema", `{"type":"object","properties":{"title":{"type":"string"}},"required":["title"]}`)
		b.fill("examples", `[{"title":7}]`)
		b.fill("validation", "reject")
		b.fill("featureFlags", "beta, press")
		b.press("Preview the example")
		b.shows("The schema does not allow it")
		b.fill("examples", `[{"title":"Emma"}]`)
		b.press("Preview the example")
		b.shows("The schema allows it.")
		if status, _ := w.asked(adminKey, "GET", "/api/v1/event-type/book.sold", ""); status != 404 {
			t.Errorf("before it is saved it is answered %d", status)
		}
		b.press("Save")
		b.shows("The event type is there")
		made := w.eventType("book.sold")
		if made.Description != "A book was sold." || made.Validation != "reject" || !slices.Equal(made.FeatureFlags, []string{"beta", "press"}) || len(made.Schemas) != 1 || string(made.Examples[0]) != `{"title":"Emma"}` {
			t.Fatalf("made: %+v", made)
		}
		for payload, want := range map[string]int{`{}`: 422, `{"title":"Emma"}`: 202} {
			if status, text := w.asked(adminKey, "POST", "/api/v1/app/acme/msg", `{"eventType":"book.sold","payload":`+payload+`}`); status != want {
				t.Errorf("%s is answered %d: %s", payload, status, text)
			}
		}
		b.shot("o7-type")

		b.fill("description", "A book was sold, or given away.")
		b.fill("groupName", "Books")
		b.fill("schema", `{"type":"object","properties":{"title":{"type":"string"},"price":{"type":"number"}},"required":["title"]}`)
		b.click("[name=version]")
		b.press("Save")
		b.shows("The event type is saved")
		if now := w.eventType("book.sold"); now.Description != "A book was sold, or given away." || now.GroupName != "Books" || len(now.Schemas) != 2 || !strings.Contains(string(now.Schemas["2"]), "price") || strings.Contains(string(now.Schemas["1"]), "price") {
			t.Errorf("changed: %+v", now)
		}
		b.press("What has changed between versions")
		b.reads("Added", "price", "number")
		b.press("Back to the event type")

		b.press("Deprecate")
		b.shows("whoever sends or is sent it is told")
		if !w.eventType("book.sold").Deprecated {
			t.Error("it is not deprecated")
		}
		b.press("It is not deprecated")
		b.shows("The event type is saved")
		if w.eventType("book.sold").Deprecated {
			t.Error("it is deprecated still")
		}
		b.press("Archive")
		b.shows("The event type is archived")
		if !w.eventType("book.sold").Archived {
			t.Error("it is not archived")
		}
		b.open("/catalogue")
		b.lacks("book.sold")
		b.press("Show those that are archived too")
		b.reads("book.sold", "Archived")
		b.press("book.sold")
		b.press("Bring it back")
		b.shows("The event type is saved")
		if w.eventType("book.sold").Archived {
			t.Error("it is archived still")
		}
		b.press("Remove…")
		b.shows("removed for good")
		b.press("Remove it for good")
		b.shows("The event type is removed")
		if status, _ := w.asked(adminKey, "GET", "/api/v1/event-type/book.sold", ""); status != 404 {
			t.Errorf("once removed it is answered %d", status)
		}
	})
}

const (
	shopAPI = `{"openapi":"3.1.0","info":{"title":"Shop","version":"1"},"webhooks":{"order.paid":{"post":{"description":"An order was paid.",
		"requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{"id":{"type":"string"}}},"example":{"id":"o-1"}}}}}}}}`
	depotAPI = `{"openapi":"3.1.0","info":{"title":"Depot","version":"1"},"webhooks":{"stock.low":{"post":{"description":"Little is left.",
		"requestBody":{"content":{"application/json":{"schema":{"type":"object"}}}}}}}}`
)

// TestEventTypesAreImported reads them from documents: first what would change, then it
// does.
func TestEventTypesAreImported(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		b.open("/catalogue")
		b.press("Import OpenAPI or AsyncAPI")
		b.fill("spec", `{"openapi":`)
		b.press("Show what would change")
		b.shows("Not yet:")
		b.fill("spec", shopAPI)
		b.press("Show what would change")
		b.reads("order.paid", "An order was paid.")
		var all list[eventType]
		if w.api("GET", "/event-type", "", &all); len(all.Data) != 0 {
			t.Errorf("what was only looked at has made %v", all.Data)
		}
		b.press("Import")
		b.shows("The document is imported")
		if got := w.eventType("order.paid"); got.Description != "An order was paid." || len(got.Schemas) != 1 {
			t.Errorf("imported: %+v", got)
		}
		b.open("/catalogue/import")
		b.fill("spec", depotAPI)
		b.click("[name=replace]")
		b.press("Import")
		b.shows("The document is imported")
		b.reads("stock.low")
		if !w.eventType("order.paid").Archived || w.eventType("stock.low").Archived {
			t.Error("what is not in the document is not archived")
		}
	})
}

// TestListsArePagedWithoutScripts goes to the end of the lists of these screens and back.
func TestListsArePagedWithoutScripts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const many = 52
	for i := range many {
		n := fmt.Sprintf("%02d", i)
		w.api("POST", "/event-type", `{"name":"paged.t`+n+`"}`, nil)
		w.api("POST", "/api-key", `{"name":"Paged `+n+`","scopes":["portal"]}`, nil)
		w.api("POST", "/app/acme/source", `{"name":"Paged `+n+`","profile":"none"}`, nil)
		w.api("POST", "/app/acme/msg/bulk-replay", `{"since":"2026-01-02T15:04:05Z","tag":"paged"}`, nil)
	}
	b := w.desk(false)
	for path, texts := range map[string][2]string{
		"/catalogue":       {"paged.t00", "paged.t51"},
		"/key":             {"Paged 51", "Paged 00"},
		"/app/acme/source": {"Paged 51", "Paged 00"},
		"/audit":           {"api-key.create", "admin"},
		"/task":            {"Send messages again", "Send messages again"},
	} {
		b.open(path)
		b.reads(texts[0])
		first := eval[string](b, `document.querySelector("tbody").innerText`)
		for range 20 {
			if !eval[bool](b, `!!document.querySelector("a[rel=next]")`) {
				break
			}
			at := eval[string](b, `location.search`)
			b.press("Older")
			if !b.soon(`location.search !== ` + quoted(at) + ` && document.readyState === "complete"`) {
				t.Fatalf("%s: Older leads nowhere", path)
			}
		}
		b.reads(texts[1])
		if last := eval[string](b, `document.querySelector("tbody").innerText`); last == first || eval[bool](b, `!!document.querySelector("a[rel=next]")`) {
			t.Errorf("%s has no second page, or no end", path)
		}
		b.press("Newest")
		b.reads(texts[0])
		if !b.soon(`!document.querySelector("a.button[data-key=p]")`) {
			t.Errorf("%s: Newest does not lead back", path)
		}
	}
}
