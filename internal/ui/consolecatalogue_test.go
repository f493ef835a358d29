package ui_test

import (
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestEventTypesAreMadeAndChanged(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.get(200, "/catalogue").says("No event types yet")
	d := w.get(200, "/catalogue/new")
	const schema = `{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}`
	w.submit(200, d, "Preview the example", "name", "record.created", "schema", schema).says("The schema allows it", `"id"`)
	w.submit(200, d, "Preview the example", "schema", schema, "examples", `[{"id":"x"}]`).says("The schema does not allow it")
	w.submit(422, d, "Save", "name", "record.created", "schema", "{").says("not valid JSON")
	w.submit(422, d, "Save", "name", "record.created", "validation", "reject").says("needs a schema")
	w.submit(422, d, "Save", "name", "no such name", "schema", schema).says("Not yet")
	d = w.submit(303, d, "Save", "name", "record.created", "description", "A record is new", "schema", schema, "featureFlags", "beta, gamma", "validation", "reject")
	d.says("The event type is there", "In use", "Schema, version 1")
	read := func() *fanfare.EventType {
		t.Helper()
		et, err := w.hub.EventType(t.Context(), "record.created")
		if err != nil {
			t.Fatal(err)
		}
		return et
	}
	if et := read(); et.Description != "A record is new" || string(et.Schemas) != `{"1":`+schema+`}` || strings.Join(et.FeatureFlags, " ") != "beta gamma" || et.Validation != fanfare.ValidationReject {
		t.Errorf("made: %+v", et)
	}
	w.submit(409, w.get(200, "/catalogue/new"), "Save", "name", "record.created").says("record.created")

	d = w.submit(303, d, "Save", "description", "New", "schema", strings.Replace(schema, `"integer"`, `"string"`, 1), "version", "on", "featureFlags", "", "examples", `[{"id":"a"}]`)
	d.says("Schema, version 2", "Schema, version 1", `"a"`)
	if et := read(); et.Description != "New" || !strings.Contains(string(et.Schemas), `"2":`) || !strings.Contains(string(et.Schemas), `"1":`) || et.FeatureFlags != nil || string(et.Examples) != `[{"id":"a"}]` {
		t.Errorf("changed: %+v", et)
	}
	w.get(200, "/catalogue/type/record.created/compare").says("Another type", "/id", "integer, now string")

	w.submit(303, d, "Deprecate").says("Deprecated")
	if !read().Deprecated {
		t.Error("it is not deprecated")
	}
	d = w.get(200, "/catalogue/type/record.created")
	w.submit(303, d, "It is not deprecated")
	d = w.submit(303, w.get(200, "/catalogue/type/record.created"), "Archive").says("Archived")
	if et := read(); et.Deprecated || !et.Archived {
		t.Errorf("archived: %+v", et)
	}
	w.get(200, "/catalogue").lacks("record.created")
	w.get(200, "/catalogue?archived=yes").says("record.created")
	w.submit(303, d, "Bring it back").says("In use")
	w.submit(303, w.get(200, "/catalogue/type/record.created/confirm"), "Remove it for good").says("removed")
	w.get(404, "/catalogue/type/record.created")
}

func TestAnImportIsShownBeforeItIsDone(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	const document = `{"openapi":"3.1.0","info":{"title":"x","version":"1"},"webhooks":{"book.sold":{"post":{"summary":"A book is sold","requestBody":{"content":{"application/json":{"schema":{"type":"object"}}}}}}}}`
	d := w.get(200, "/catalogue/import")
	d = w.submit(200, d, "Show what would change", "spec", document).says("book.sold")
	if types, _ := w.hub.EventTypes(t.Context(), fanfare.Page{Limit: 10}, true); len(types) != 0 {
		t.Errorf("showing it has made %d", len(types))
	}
	w.submit(303, d, "Import").says("imported", "book.sold")
	w.submit(422, w.get(200, "/catalogue/import"), "Import", "spec", "openapi: 1").says("Not yet")
}
