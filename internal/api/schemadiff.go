package api

import (
	"errors"

	"github.com/fanfarehq/fanfare"
)

type schemaDiffOut struct {
	From     string           `json:"from" doc:"The version that is compared."`
	To       string           `json:"to" doc:"The version that it is compared with."`
	Added    []schemaFieldOut `json:"added" doc:"What only the second has; what is below it is not listed."`
	Removed  []schemaFieldOut `json:"removed" doc:"What only the first has; what is below it is not listed."`
	Retyped  []retypedOut     `json:"retyped" doc:"What has another type."`
	Required []string         `json:"required" doc:"Paths of what was optional and must be there now."`
	Optional []string         `json:"optional" doc:"Paths of what was required and may be missing now."`
}

type schemaFieldOut struct {
	Path     string `json:"path" doc:"As a JSON pointer, with * for each item of a list."`
	Type     string `json:"type" doc:"As the schema has it; any where it says none."`
	Required bool   `json:"required" doc:"Whether it must be there."`
}

type retypedOut struct {
	Path string `json:"path" doc:"As a JSON pointer, with * for each item of a list."`
	From string `json:"from" doc:"The type before."`
	To   string `json:"to" doc:"The type now."`
}

func schemaDiffRoute() *route {
	from := param{name: "from", kind: "string", doc: "A version of its schema; the one before to, unless told."}
	to := param{name: "to", kind: "string", doc: "Another one; the newest, unless told."}
	return on("GET /event-type/{name}/diff", "Compare two versions of an event type's schema", readSchemaDiff, from, to).
		needs(fanfare.ScopeReadEventTypes, fanfare.ViewBase).inChannels().toAll()
}

func readSchemaDiff(c *call, _ *none) (*schemaDiffOut, error) {
	t, err := c.eventType()
	if err != nil {
		return nil, err
	}
	from, to := c.one("from"), c.one("to")
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	d, err := t.Diff(from, to)
	var wrong *fanfare.InvalidError
	if errors.As(err, &wrong) {
		c.mistake(wrong.Field, wrong.Reason)
		return nil, c.mistakes()
	}
	if err != nil {
		return nil, err
	}
	return showDiff(d), nil
}

func showDiff(d *fanfare.SchemaDiff) *schemaDiffOut {
	out := &schemaDiffOut{From: d.From, To: d.To, Added: showFields(d.Added), Removed: showFields(d.Removed), Retyped: []retypedOut{}}
	for _, r := range d.Retyped {
		out.Retyped = append(out.Retyped, retypedOut(r))
	}
	out.Required, out.Optional = append([]string{}, d.Required...), append([]string{}, d.Optional...)
	return out
}

func showFields(fields []fanfare.SchemaField) []schemaFieldOut {
	out := make([]schemaFieldOut, len(fields))
	for i, f := range fields {
		out[i] = schemaFieldOut(f)
	}
	return out
}
