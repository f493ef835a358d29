package fanfare_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fanfarehq/fanfare"
)

// eventType puts one in the catalogue, or changes the one that is there.
func (w *world) eventType(t fanfare.EventType) {
	w.t.Helper()
	known, err := w.hub.EventType(w.t.Context(), t.Name)
	switch {
	case errors.Is(err, fanfare.ErrNotFound):
		err = w.hub.CreateEventType(w.t.Context(), &t)
	case err == nil:
		t.ID, t.CreatedAt = known.ID, known.CreatedAt
		err = w.hub.UpdateEventType(w.t.Context(), &t)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// sends returns what becomes of messages of the type with these payloads, sent
// at once: "ok", or why they are refused, and what is warned of.
func (w *world) sends(eventType string, payloads ...string) []string {
	w.t.Helper()
	var msgs []*fanfare.Message
	for _, p := range payloads {
		msgs = append(msgs, &fanfare.Message{EventType: eventType, Payload: []byte(p)})
	}
	errs, err := w.hub.SendBatch(w.t.Context(), "acme", msgs, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for i, err := range errs {
		text := "ok"
		var wrong *fanfare.InvalidError
		if errors.As(err, &wrong) {
			text = wrong.Field + " " + wrong.Reason
		} else if err != nil {
			text = err.Error()
		}
		for _, v := range msgs[i].Warnings {
			text += "; " + v.String()
		}
		out = append(out, text)
	}
	return out
}

func TestSchemasAreObeyed(t *testing.T) {
	const schemas = `{"1":false,"2":{"type":"object","required":["id"],"properties":{"id":{"type":"string"}}}}`
	inBubble(t, nil, func(t *testing.T, w *world) {
		want := func(name string, payloads, want []string) {
			t.Helper()
			if got := w.sends(name, payloads...); !slices.Equal(got, want) {
				t.Errorf("of %s:\ngot  %q\nwant %q", name, got, want)
			}
		}
		rcv := w.receiver("a.example", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		payloads := []string{`{"id":"a"}`, `{"id":1}`, `{}`, `text`}
		ok := []string{"ok", "ok", "ok", "ok"}
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(schemas)})
		want("a", payloads, ok)

		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(schemas), Validation: fanfare.ValidationReject})
		const no = `payload is not as version "2" of the schema of a wants it: `
		want("a", payloads, []string{"ok", no + "at /id: must be string, not number", no + "at /id: is missing", no + "is not JSON"})
		want("b", payloads, ok)
		if n := w.hub.Counters(); n.Accepted != 9 || n.SchemaRejects != 3 || n.SchemaWarnings != 0 {
			t.Errorf("counted %+v", n)
		}
		synctest.Wait()
		if got := rcv.bodies(); len(got) != 9 {
			t.Errorf("the endpoint got %q", got)
		}

		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(schemas), Validation: fanfare.ValidationWarn})
		want("a", payloads, []string{"ok", "ok; at /id: must be string, not number", "ok; at /id: is missing", "ok; is not JSON"})
		if n := w.hub.Counters(); n.Accepted != 13 || n.SchemaRejects != 3 || n.SchemaWarnings != 3 {
			t.Errorf("counted %+v", n)
		}
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(`{"1":false,"2":{"type":"string"},"10":{"type":"number"}}`), Validation: fanfare.ValidationReject})
		want("a", []string{`1`, `"x"`}, []string{"ok", `payload is not as version "10" of the schema of a wants it: must be number, not string`})

		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(schemas), Validation: fanfare.ValidationReject, Archived: true})
		want("a", payloads, ok)
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(schemas), Validation: fanfare.ValidationReject})
		want("a", []string{"1"}, []string{no + "must be object, not number"})
		if err := w.hub.DeleteEventType(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		want("a", payloads, ok)
	})
}

// What a Hub was told before holds after a restart too, and a refused message is
// not stored.
func TestSchemasAreReadFromTheStore(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		for i := range 600 { // more than a page
			w.eventType(fanfare.EventType{Name: fmt.Sprint("t", i), Schemas: []byte(`{"1":{"type":"number"}}`), Validation: fanfare.ValidationReject})
		}
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		w.run(nil)
		for _, name := range []string{"t0", "t250", "t599"} {
			if got := w.sends(name, `""`, `1`); !strings.HasSuffix(got[0], "must be number, not string") || got[1] != "ok" {
				t.Errorf("%s: %q", name, got)
			}
		}
		if all, err := w.hub.Messages(t.Context(), w.app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 10}}); err != nil || len(all) != 3 {
			t.Errorf("there are %d messages, %v; want 3", len(all), err)
		}
	})
}

func TestRefusalsOfSchemasSayWhy(t *testing.T) {
	et := &fanfare.EventType{Name: "a", Schemas: []byte(`{"1":{"properties":{"a/b":{"type":"string"},"n":{"minimum":3}}}}`)}
	err := et.Validate([]byte(`{"a/b":1,"n":2}`))
	var refused *fanfare.SchemaError
	if !errors.As(err, &refused) || refused.EventType != "a" || refused.Version != "1" || len(refused.Violations) != 2 {
		t.Fatalf("%#v", err)
	}
	if got := refused.Violations[0]; !slices.Equal(got.Path, []string{"a/b"}) || got.Reason != "must be string, not number" {
		t.Errorf("the first is %+v", got)
	}
	if want := `payload: is not as version "1" of the schema of a wants it: at /a~1b: must be string, not number; at /n: must be at least 3`; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	if err := et.Validate([]byte(`{"n":3}`)); err != nil {
		t.Error(err)
	}
	for schemas, want := range map[string]string{
		"": "validation", "{}": "validation", "[]": "schemas", `{"1":null}`: "schemas.1", `{"1":{},"v2":{"type":1}}`: "schemas.v2",
	} {
		et := &fanfare.EventType{Name: "a"}
		if schemas != "" {
			et.Schemas = []byte(schemas)
		}
		var wrong *fanfare.InvalidError
		if err := et.Validate([]byte("1")); !errors.As(err, &wrong) || wrong.Field != want {
			t.Errorf("by %q: %v, want a refusal of %s", schemas, err, want)
		}
	}
}

func TestEventTypesAreChecked(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"%d":{}`, i+1)
		}
		return "{" + b.String()[1:] + "}"
	}
	inBubble(t, nil, func(t *testing.T, w *world) {
		for _, c := range []struct {
			validation        fanfare.Validation
			schemas, examples string
			field             string // "": it is taken
		}{
			{"", `{"1":{"type":"wrong"}}`, "", ""}, // catalogues that nobody checks by may hold anything
			{"", `{"1":{"$ref":"https://example.com/"}}`, "", ""},
			{"", `{`, "", "schemas"},
			{"", many(100), "", ""},
			{"", many(101), "", "schemas"},
			{"", `{"1":"` + strings.Repeat("x", 256<<10) + `"}`, "", "schemas"},
			{"", ``, `[1,{"a":1}]`, ""},
			{"", ``, `{"a":1}`, "examples"},
			{"", ``, `[1`, "examples"},
			{"", ``, "[" + strings.Repeat("1,", 32) + "1]", "examples"},
			{"", ``, `["` + strings.Repeat("x", 256<<10) + `"]`, "examples"},
			{"on", `{"1":{}}`, "", "validation"},
			{"off", `{"1":{}}`, "", "validation"},
			{fanfare.ValidationWarn, ``, "", "validation"},
			{fanfare.ValidationWarn, `{}`, "", "validation"},
			{fanfare.ValidationWarn, `[]`, "", "schemas"},
			{fanfare.ValidationReject, `{"1":{"type":"wrong"}}`, "", "schemas.1"},
			{fanfare.ValidationReject, `{"1":{"$ref":"#"}}`, "", "schemas.1"},
			{fanfare.ValidationReject, `{"1":{"type":"wrong"},"2":{"type":"object"}}`, "", ""},
		} {
			et := &fanfare.EventType{Name: "a", Validation: c.validation}
			if c.schemas != "" {
				et.Schemas = []byte(c.schemas)
			}
			if c.examples != "" {
				et.Examples = []byte(c.examples)
			}
			err := w.hub.CreateEventType(t.Context(), et)
			var wrong *fanfare.InvalidError
			switch {
			case c.field == "" && err != nil:
				t.Errorf("%.80s %.80s: %v", c.schemas, c.examples, err)
			case c.field != "" && (!errors.As(err, &wrong) || wrong.Field != c.field || len(wrong.Reason) > 300):
				t.Errorf("%s %.80s %.80s: %v, want a refusal of %s", c.validation, c.schemas, c.examples, err, c.field)
			}
			if err == nil {
				if err := w.hub.DeleteEventType(t.Context(), "a"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestOwnExamplesGoFirst(t *testing.T) {
	et := &fanfare.EventType{Name: "a", Schemas: []byte(`{"1":{"examples":["theirs"]}}`), Examples: []byte(`[ {"b": 1.0} , null]`)}
	for i, want := range []string{`{"b": 1.0}`, "null"} {
		if got, err := et.Example(i); err != nil || string(got) != want {
			t.Errorf("example %d is %s, %v; want %s", i, got, err, want)
		}
	}
	if _, err := et.Example(2); err == nil {
		t.Error("there is a third")
	}
	et.Examples = []byte("[]")
	if got, err := et.Example(0); err != nil || string(got) != `"theirs"` {
		t.Errorf("without own ones: %s, %v", got, err)
	}
}

func TestImportEventTypes(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.eventType(fanfare.EventType{Name: "kept", Description: "old", Schemas: []byte(`{"1":{"a":1},"2":{"type":"string"}}`), FeatureFlags: []string{"f"}, Validation: fanfare.ValidationReject, Archived: true})
		w.eventType(fanfare.EventType{Name: "same", Schemas: []byte(`{"1": {}}`)})
		w.eventType(fanfare.EventType{Name: "other"})
		in := &fanfare.TypeImport{ArchiveOthers: true, DryRun: true, Types: []*fanfare.EventType{
			{Name: "kept", Description: "new", GroupName: "g", Deprecated: true, Schemas: []byte(`{"1":{"type":"number"}}`)},
			{Name: "made", Schemas: []byte(`{"1":true}`), Examples: []byte(`[1]`)},
			{Name: "same", Schemas: []byte(`{"1":{}}`)},
		}}
		names := func() []string {
			t.Helper()
			changed, err := w.hub.ImportEventTypes(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, et := range changed {
				names = append(names, et.Name)
			}
			return names
		}
		if got := names(); !slices.Equal(got, []string{"kept", "made", "other"}) {
			t.Errorf("would change %q", got)
		}
		if _, err := w.hub.EventType(t.Context(), "made"); !errors.Is(err, fanfare.ErrNotFound) {
			t.Errorf("a dry run made it: %v", err)
		}
		in.DryRun = false
		if got := names(); !slices.Equal(got, []string{"kept", "made", "other"}) {
			t.Errorf("changed %q", got)
		}
		kept, err := w.hub.EventType(t.Context(), "kept")
		if err != nil {
			t.Fatal(err)
		}
		if string(kept.Schemas) != `{"1":{"a":1},"2":{"type":"number"}}` || kept.Archived || !kept.Deprecated || kept.GroupName != "g" ||
			kept.Description != "new" || kept.Validation != fanfare.ValidationReject || !slices.Equal(kept.FeatureFlags, []string{"f"}) {
			t.Errorf("kept is %+v", kept)
		}
		if other, err := w.hub.EventType(t.Context(), "other"); err != nil || !other.Archived {
			t.Errorf("other is %+v, %v", other, err)
		}
		if got := names(); got != nil {
			t.Errorf("again, it changes %q", got)
		}
		if got := w.sends("kept", `"x"`); !strings.Contains(got[0], "must be number") {
			t.Errorf("messages are checked by the old schema: %q", got)
		}

		in.Types = []*fanfare.EventType{{Name: "first"}, {Name: "kept", Schemas: []byte(`{"1":{"type":"wrong"}}`)}}
		var wrong *fanfare.InvalidError
		if _, err := w.hub.ImportEventTypes(t.Context(), in); !errors.As(err, &wrong) || !strings.Contains(wrong.Reason, `event type "kept": schemas.2: at /type`) {
			t.Errorf("a schema that cannot be used: %v", err)
		}
		if _, err := w.hub.EventType(t.Context(), "first"); !errors.Is(err, fanfare.ErrNotFound) {
			t.Errorf("it was stored though another is refused: %v", err)
		}
		in.Types = []*fanfare.EventType{{Name: "a"}, {Name: "a"}}
		if _, err := w.hub.ImportEventTypes(t.Context(), in); !errors.As(err, &wrong) {
			t.Errorf("one twice: %v", err)
		}
	})
}

// TestASchemaThatCannotBeUsedIsNoFaultOfMessages has some in the store that this
// program does not understand, as another version of it may have written them.
func TestASchemaThatCannotBeUsedIsNoFaultOfMessages(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		for _, validation := range []fanfare.Validation{fanfare.ValidationWarn, fanfare.ValidationReject} {
			et := &fanfare.EventType{Name: "a." + string(validation), Schemas: []byte(`{"1":{"type":"new"}}`), Validation: validation}
			if err := w.store.CreateEventType(t.Context(), et); err != nil {
				t.Fatal(err)
			}
		}
		const want = `ok; was not looked at, as the schema cannot be used by this program: schemas.1: at /type: must be`
		if got := w.sends("a.warn", `1`); !strings.HasPrefix(got[0], want) {
			t.Errorf("warned of: %q, want %q…", got, want)
		}
		var invalid *fanfare.InvalidError
		errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{{EventType: "a.reject", Payload: []byte("1")}}, nil)
		if err == nil || errors.As(err, &invalid) {
			t.Errorf("rejected: %v, %v; want a fault", errs, err)
		}
	})
}
