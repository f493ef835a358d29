package main

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/pflag"
)

// A schemaDiff is what two versions of a schema have otherwise, as the API has it.
type schemaDiff struct {
	From, To           string
	Added, Removed     []schemaField
	Retyped            []struct{ Path, From, To string }
	Required, Optional []string
}

type schemaField struct {
	Path, Type string
	Required   bool
}

// diffVerb compares two versions of an event type's schema.
func diffVerb() verb {
	var from, to string
	return verb{
		use: "diff NAME", short: "Compare two versions of the schema of an event type",
		long: "Shows what of the payload was added, removed, or has another type, and what must be there now or\n" +
			"may be missing now. * stands for each item of a list.",
		example: "fanfare event-type diff order.created --from 1 --to 2",
		flags: func(flags *pflag.FlagSet) {
			flags.StringVar(&from, "from", "", "a version; the one before --to otherwise")
			flags.StringVar(&to, "to", "", "another version; the newest otherwise")
		},
		do: func(ctx context.Context, r *request) error {
			query := make(url.Values)
			if from != "" {
				query.Set("from", from)
			}
			if to != "" {
				query.Set("to", to)
			}
			path := route("event-type", r.args[0], "diff")
			if len(query) > 0 {
				path += "?" + query.Encode()
			}
			return show(ctx, r, http.MethodGet, path, nil, func(d *schemaDiff) error { return d.show(r) })
		},
	}
}

func (d *schemaDiff) show(r *request) error {
	if len(d.Added)+len(d.Removed)+len(d.Retyped)+len(d.Required)+len(d.Optional) == 0 {
		r.say("Versions %q and %q have the same properties.", d.From, d.To)
		return nil
	}
	t := r.table("CHANGE", "PATH", "WHAT")
	add := func(change, path, what string) { t.row(change, cmp.Or(path, "(the payload)"), what) }
	for _, f := range d.Added {
		what := f.Type
		if f.Required {
			what += ", required"
		}
		add("added", f.Path, what)
	}
	for _, f := range d.Removed {
		add("removed", f.Path, f.Type)
	}
	for _, f := range d.Retyped {
		add("type", f.Path, f.From+" -> "+f.To)
	}
	for _, path := range d.Required {
		add("required", path, "was optional")
	}
	for _, path := range d.Optional {
		add("optional", path, "was required")
	}
	return r.flush(t)
}
