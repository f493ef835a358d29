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
	w.submit(422, d, "Save", "name", "record.created", "schema", "{\n  \"a\": }").says("The schema is not valid JSON, at line 2, column 8")
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

// TestExamplesStayAsTheyAre keeps and shows what is special in HTML as it was written, and
// shows the example of the version that is sent.
func TestExamplesStayAsTheyAre(t *testing.T) {
	w := newWorld(t, nil)
	et := &fanfare.EventType{Name: "record.created", Schemas: []byte(`{"1":{"examples":[{"said":"<one> & x"}]},"2":{"examples":[{"said":"two"}]}}`), CurrentVersion: 1}
	if err := w.hub.CreateEventType(t.Context(), et); err != nil {
		t.Fatal(err)
	}
	w.get(200, "/portal/catalogue/record.created").says(`{ "said": "<one> & x" } Raw`)
	w.asOperator()
	w.get(200, "/app/acme/send?type=record.created").says(`"said": "<one> & x"`)
	d := w.get(200, "/catalogue/type/record.created")
	d = w.submit(303, d, "Save", "examples", `[{"said":"<b> & c"}]`)
	if got, err := w.hub.EventType(t.Context(), "record.created"); err != nil || string(got.Examples) != `[{"said":"<b> & c"}]` {
		t.Errorf("the examples are %s, %v", got.Examples, err)
	}
	d.says(`"said": "<b> & c"`)
}

// TestAnImportSaysWhatItDoes to each event type, and whom it may break.
func TestAnImportSaysWhatItDoes(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	for name, schema := range map[string]string{
		"book.sold": `{"1":{"type":"object"},"2":{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"old":{"type":"string"}}}}`,
		"book.same": `{"1":{"type":"object"}}`, "book.gone": `{"1":{"type":"object"}}`,
	} {
		if err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: name, Schemas: []byte(schema)}); err != nil {
			t.Fatal(err)
		}
	}
	hook := func(name, schema string) string {
		return `"` + name + `":{"post":{"summary":"` + name + `","requestBody":{"content":{"application/json":{"schema":` + schema + `}}}}}`
	}
	document := `{"openapi":"3.1.0","info":{"title":"x","version":"1"},"webhooks":{` +
		hook("book.sold", `{"type":"object","required":["id","price"],"properties":{"id":{"type":"integer"},"price":{"type":"number"}}}`) + "," +
		hook("book.same", `{"type":"object"}`) + "," + hook("book.new", `{"type":"object"}`) + `}}`
	d := w.submit(200, w.get(200, "/catalogue/import"), "Show what would change", "spec", document, "replace", "on")
	d.says("1 created, 2 changed, 1 archived.", "replaced in place, as its newest version",
		"book.newCreated", "book.sameChanged", "book.goneArchived", "book.soldChanged",
		"Its schema, version 2, is replaced.", "Removed /old", "Added /price number, always there",
		"does not allow messages without /price any more", "Receivers that count on /old may fail")
	d = w.submit(200, w.get(200, "/catalogue/import"), "Show what would change", "spec", `{"openapi":"3.1.0","info":{"title":"x","version":"1"},"webhooks":{`+hook("book.new", `{"type":"object"}`)+`}}`)
	d.says("1 created, 0 changed, 0 archived.", "book.newCreated").lacks("in place", "may fail")
	if got, err := w.hub.EventType(t.Context(), "book.sold"); err != nil || !strings.Contains(string(got.Schemas), "old") {
		t.Errorf("showing it has changed %s, %v", got.Schemas, err)
	}
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
	d = w.submit(200, w.get(200, "/catalogue/import"), "Show what would change", "spec", "asyncapi: 3.0.0\r\nchannels:\r\n  books: {messages: {book.lent: {summary: Somebody has it, payload: {type: object}}}}")
	d.says("book.lent", "Somebody has it")
	w.submit(303, d, "Import").says("imported", "book.lent")
	w.submit(422, w.get(200, "/catalogue/import"), "Import", "spec", `{"asyncapi":"2.6.0","channels":{"a":{"subscribe":{"message":{"$ref":"a.yaml#/b"}}}}}`).says("bundle it into one document first")
}
