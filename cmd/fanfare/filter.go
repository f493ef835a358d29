package main

import (
	"cmp"
	"context"
	"net/http"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A filterTrial is what a filter would have let through, as the API has it.
type filterTrial struct {
	Looked, Matched int
	Misses          []struct{ ID, EventType, Why string }
}

func filterCommand(e *env) *cobra.Command {
	var types, channels []string
	verbs := e.inApp(verb{
		use: "try EXPRESSION", short: "Show which of the newest messages a filter would let through",
		long: "Tries a filter on the newest messages of an application, 1000 at most: how many it would\n" +
			"let through, and which of the newest it would not. Nothing is sent or changed.\n\n" +
			"A filter is an expression over eventType, payload, channels and tags, such as\n\n" +
			"    payload.status == 'open' && changed('status')",
		example: "fanfare filter try \"payload.status == 'open'\" --type 'record.*'",
		flags: func(flags *pflag.FlagSet) {
			flags.StringSliceVarP(&types, "type", "t", nil, `only messages of these event types, such as "record.*"`)
			flags.StringSliceVar(&channels, "channel", nil, "only messages of these channels")
		},
		do: func(ctx context.Context, r *request) error {
			path, err := r.within(ctx, "filter", "try")
			if err != nil {
				return err
			}
			body := map[string]any{"filter": r.args[0], "eventTypes": types, "channels": channels}
			return show(ctx, r, http.MethodPost, path, body, func(t *filterTrial) error { return t.show(r) })
		},
	})
	return noun("filter", "Filters: which messages an endpoint is sent", verbs...)
}

func (t *filterTrial) show(r *request) error {
	if t.Looked == 0 {
		r.say("There are no messages to try it on.")
		return nil
	}
	r.say("It lets %d of %s through.", t.Matched, counted(t.Looked, "message"))
	if len(t.Misses) == 0 {
		return nil
	}
	misses := r.table("NOT LET THROUGH", "EVENT TYPE", "WHY")
	for _, m := range t.Misses {
		misses.row(m.ID, m.EventType, cmp.Or(m.Why, "it is false"))
	}
	return r.flush(misses)
}
