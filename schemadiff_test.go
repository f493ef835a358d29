package fanfare_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestWhatAVersionOfASchemaHasOtherwise(t *testing.T) {
	typ := &fanfare.EventType{Name: "order.created", Schemas: []byte(`{
		"1": {"type":"object","required":["id","at"],"properties":{
			"id":{"type":"integer"},"at":{"type":"string"},"note":{"type":["string","null"]},
			"old":{"type":"object","properties":{"a":{"type":"string"}}},
			"lines":{"type":"array","items":{"$ref":"#/$defs/line"}}},
			"$defs":{"line":{"type":"object","required":["sku"],"properties":{"sku":{"type":"string"},"n":{"type":"integer"}}}}},
		"2": {"type":"object","required":["id","note"],"allOf":[{"required":["at"]}],"properties":{
			"id":{"type":"string"},"at":{"type":"string"},"note":{"type":["null","string"]},"a/b":{"properties":{"c":{}}},
			"lines":{"items":{"$ref":"#/$defs/line"}}},
			"$defs":{"line":{"type":"object","properties":{"sku":{"type":"string"},"price":{"type":"number"},"parent":{"$ref":"#/$defs/line"}}}}},
		"10": {"required":["free"]}}`)}
	got, err := typ.Diff("1", "2")
	if err != nil {
		t.Fatal(err)
	}
	want := &fanfare.SchemaDiff{
		From: "1", To: "2",
		Added: []fanfare.SchemaField{
			{Path: "/a~1b", Type: "object"}, {Path: "/lines/*/parent", Type: "object"}, {Path: "/lines/*/price", Type: "number"},
		},
		Removed:  []fanfare.SchemaField{{Path: "/lines/*/n", Type: "integer"}, {Path: "/old", Type: "object"}},
		Retyped:  []fanfare.Retyped{{Path: "/id", From: "integer", To: "string"}},
		Required: []string{"/note"},
		Optional: []string{"/lines/*/sku"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("it says %+v, want %+v", got, want)
	}

	got, err = typ.Diff("", "")
	if err != nil || got.From != "2" || got.To != "10" || !reflect.DeepEqual(got.Added, []fanfare.SchemaField{{Path: "/free", Type: "any", Required: true}}) {
		t.Errorf("of the newest and the one before it says %+v, %v", got, err)
	}
	if got, err = typ.Diff("2", "2"); err != nil || !reflect.DeepEqual(got, &fanfare.SchemaDiff{From: "2", To: "2"}) {
		t.Errorf("of the same it says %+v, %v", got, err)
	}
}

func TestVersionsThatCannotBeCompared(t *testing.T) {
	var wide strings.Builder
	for i := range 5001 {
		fmt.Fprintf(&wide, `"p%d":{},`, i)
	}
	branching := `{"$ref":"#/$defs/a","$defs":{"a":{"properties":{"l":{"$ref":"#/$defs/a"},"r":{"$ref":"#/$defs/a"}}}}}`
	merging := `{"$ref":"#/$defs/a","$defs":{"a":{"allOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}]}}}`
	long := strings.ReplaceAll(branching, `"l"`, `"`+strings.Repeat("l", 100_000)+`"`)
	circular := `{"$ref":"#"}`
	for _, test := range []struct{ schemas, from, to, field, reason string }{
		{`{"1":{},"2":{},"10":{}}`, "1", "3", "to", `there is no version "3"; there are "1", "2", "10"`},
		{`{"1":{},"2":{}}`, "0", "2", "from", `there is no version "0"; there are "1", "2"`},
		{`{"1":{}}`, "", "", "from", `there is no version before "1"`},
		{`{}`, "", "", "from", "has no schema"},
		{`{"1":{},"2":{"properties":{` + wide.String() + `"z":{}}}}`, "1", "2", "to", "more than 5000 properties"},
		{`{"1":` + branching + `,"2":{}}`, "1", "2", "from", "more than 5000 properties"},
		{`{"1":` + merging + `,"2":{}}`, "1", "2", "from", "more than 5000 properties"},
		{`{"1":{},"2":` + long + `}`, "1", "2", "to", "more than 5000 properties"},
		{`{"1":` + circular + `,"2":{}}`, "1", "2", "", ""},
	} {
		_, err := (&fanfare.EventType{Name: "a", Schemas: []byte(test.schemas)}).Diff(test.from, test.to)
		var invalid *fanfare.InvalidError
		if test.field == "" && err == nil {
			continue
		}
		if !errors.As(err, &invalid) || invalid.Field != test.field || !strings.Contains(invalid.Reason, test.reason) {
			t.Errorf("%.40s from %q to %q: %v", test.schemas, test.from, test.to, err)
		}
	}
}
