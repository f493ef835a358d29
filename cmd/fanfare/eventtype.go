package main

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// An eventType as the API has it.
type eventType struct {
	Name        string
	Description string
	GroupName   string
	Archived    bool
	Deprecated  bool
	Validation  string
	Schemas     json.RawMessage
	CreatedAt   time.Time
	lifecycle
}

func (t *eventType) show(r *request) error {
	return fields(r.out, "name", t.Name, "description", t.Description, "group", t.GroupName,
		"state", t.state(), "schema versions", strings.Join(t.versions(), ", "), "current version", t.current(), "going", t.going(), "validation", t.validation(), "created", stamp(t.CreatedAt))
}

// versions are the names of the versions of its schema.
func (t *eventType) versions() []string {
	var schemas map[string]json.RawMessage
	if json.Unmarshal(t.Schemas, &schemas) != nil { // it is not shown as what it is not
		return nil
	}
	return slices.Sorted(maps.Keys(schemas))
}

// validation is what becomes of messages that the schema does not allow; "" if
// nothing does.
func (t *eventType) validation() string {
	if t.Validation == "off" {
		return ""
	}
	return t.Validation
}

func (t *eventType) state() string {
	switch {
	case t.Archived:
		return "archived"
	case t.Deprecated && t.DeprecatedAt.IsZero(): // as servers had it before there were dates
		return "deprecated"
	}
	return t.retirement.String()
}

func eventTypeCommand(e *env) *cobra.Command {
	var limit int
	var archived, deprecated bool
	var description, group string
	var current int
	var schema schemaFlags
	describe := func(flags *pflag.FlagSet) {
		flags.StringVar(&description, "description", "", "what it means that this happened")
		flags.StringVar(&group, "group", "", "group it belongs to")
		flags.BoolVar(&deprecated, "deprecated", false, "it should not be used any more; see deprecate")
		flags.IntVar(&current, "current-version", 0, "version that messages without one are of, and endpoints are sent that have pinned none; 0: the newest")
		schema.flags(flags)
	}
	change := func(r *request) map[string]any {
		body := make(map[string]any)
		if r.given("description") {
			body["description"] = description
		}
		if r.given("group") {
			body["groupName"] = orNull(group)
		}
		if r.given("deprecated") {
			body["deprecated"] = deprecated
		}
		if r.given("current-version") {
			body["currentVersion"] = orNull(current)
		}
		return body
	}
	verbs := e.atServer(
		verb{use: "list", short: "List the catalogue of event types",
			flags: func(flags *pflag.FlagSet) {
				limitFlag(&limit)(flags)
				flags.BoolVar(&archived, "archived", false, "also those that are archived")
			},
			do: func(ctx context.Context, r *request) error {
				query := make(url.Values)
				if archived {
					query.Set("include_archived", "true")
				}
				return listing[eventType]{
					path: "/event-type", query: query, limit: limit,
					headings: []string{"NAME", "DESCRIPTION", "GROUP", "STATE"},
					row: func(t *eventType) []string {
						return []string{t.Name, t.Description, t.GroupName, cmp.Or(t.state(), t.going())}
					},
				}.show(ctx, r)
			}},
		verb{use: "get NAME", short: "Show an event type",
			do: func(ctx context.Context, r *request) error {
				return show(ctx, r, http.MethodGet, route("event-type", r.args[0]), nil, func(t *eventType) error { return t.show(r) })
			}},
		verb{use: "create NAME", short: "Add an event type to the catalogue", flags: describe,
			example: `fanfare event-type create record.created --description "A record was created" --schema record.json --validation reject`,
			do: func(ctx context.Context, r *request) error {
				body := change(r)
				body["name"], body["description"] = r.args[0], description
				if err := schema.into(ctx, e, r, body, false); err != nil {
					return err
				}
				return show(ctx, r, http.MethodPost, "/event-type", body, func(t *eventType) error { return t.show(r) })
			}},
		verb{use: "update NAME", short: "Change an event type", flags: describe,
			do: func(ctx context.Context, r *request) error {
				body := change(r)
				if err := schema.into(ctx, e, r, body, true); err != nil {
					return err
				}
				return show(ctx, r, http.MethodPatch, route("event-type", r.args[0]), body, func(t *eventType) error { return t.show(r) })
			}},
		verb{use: "delete NAME", short: "Archive an event type; messages of the type stay",
			do: func(ctx context.Context, r *request) error {
				if _, err := r.call(ctx, http.MethodDelete, route("event-type", r.args[0]), nil, nil); err != nil {
					return err
				}
				r.say("Event type %s is archived.", r.args[0])
				return nil
			}},
		importVerb(e),
		validateVerb(e),
		diffVerb(),
		deprecateVerb(),
	)
	return noun("event-type", "Event types: the catalogue of what can happen", verbs...)
}
