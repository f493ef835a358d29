package storetest

import (
	"slices"

	"github.com/fanfarehq/fanfare"
)

var schemaTests = []test{
	{"event types whose messages are checked are listed by name", checkedEventTypes},
}

func checkedEventTypes(w *world) {
	list := func(page fanfare.Page) []string {
		w.Helper()
		types, err := w.store.CheckedEventTypes(w.Context(), page)
		w.ok(err)
		for _, t := range types {
			got, err := w.store.EventType(w.Context(), t.Name)
			w.ok(err)
			same(w, "as it is listed", t, got)
		}
		return each(types, func(t *fanfare.EventType) string { return t.Name })
	}
	same(w, "of none", list(everything), nil)
	for _, name := range []string{"z", "off", "a/b", "a", "gone", "B"} {
		t := w.eventType(name)
		t.Schemas, t.Archived, t.Validation = []byte("{}"), name == "gone", fanfare.ValidationReject
		switch name {
		case "off":
			t.Validation = fanfare.ValidationOff
		case "a":
			t.Validation = fanfare.ValidationWarn
		}
		w.ok(w.store.UpdateEventType(w.Context(), t))
	}
	names := []string{"B", "a", "a/b", "z"}
	same(w, "all", list(everything), names)
	same(w, "behind one that is not listed", list(fanfare.Page{Limit: 9, After: "off", Ascending: true}), []string{"z"})
	same(w, "two", list(fanfare.Page{Limit: 2, After: "B", Ascending: true}), []string{"a", "a/b"})
	slices.Reverse(names)
	same(w, "backwards", list(fanfare.Page{Limit: 9}), names)
	same(w, "backwards behind", list(fanfare.Page{Limit: 1, After: "a/b"}), []string{"a"})
	w.reopen()
	same(w, "after a restart", list(fanfare.Page{Limit: 9}), names)
}
