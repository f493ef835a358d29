package main

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// An application as the API has it.
type application struct {
	ID         string
	UID        string
	Name       string
	RateLimit  int
	AlertEmail string
	CreatedAt  time.Time
}

func (a *application) show(r *request) error {
	return fields(r.out, "id", a.ID, "uid", a.UID, "name", a.Name,
		"rate limit", perSecond(a.RateLimit), "alert e-mail", a.AlertEmail, "created", stamp(a.CreatedAt))
}

func appCommand(e *env) *cobra.Command {
	var limit, rate int
	var uid, name, alert string
	const createApp = "fanfare app create Acme --uid acme"
	describe := func(flags *pflag.FlagSet) {
		flags.StringVar(&name, "name", "", "what it is called")
		flags.StringVar(&uid, "uid", "", "your own name for it, which may stand wherever its id may")
		flags.IntVar(&rate, "rate-limit", 0, "deliveries started per second at most; 0: no limit")
		flags.StringVar(&alert, "alert-email", "", "where its customer wants a mail when an endpoint fails or is disabled; see \"fanfare operational\"")
	}
	change := func(r *request) map[string]any {
		body := make(map[string]any)
		if r.given("uid") {
			body["uid"] = orNull(uid)
		}
		if r.given("rate-limit") {
			body["rateLimit"] = orNull(rate)
		}
		if r.given("alert-email") {
			body["alertEmail"] = orNull(alert)
		}
		if name != "" {
			body["name"] = name
		}
		return body
	}
	verbs := e.atServer(
		verb{use: "list", short: "List applications", flags: limitFlag(&limit),
			do: func(ctx context.Context, r *request) error {
				return listing[application]{
					path: "/app", limit: limit,
					headings: []string{"ID", "UID", "NAME", "CREATED"}, least: []string{"CREATED"},
					row: func(a *application) []string { return []string{a.ID, a.UID, a.Name, stamp(a.CreatedAt)} },
				}.show(ctx, r)
			}},
		verb{use: "get APP", short: "Show an application",
			do: func(ctx context.Context, r *request) error {
				return show(ctx, r, http.MethodGet, route("app", r.args[0]), nil, func(a *application) error { return a.show(r) })
			}},
		verb{use: "create [NAME]", short: "Make an application", example: createApp, flags: describe,
			do: func(ctx context.Context, r *request) (err error) {
				if name, err = r.named("name", name, createApp); err != nil {
					return err
				}
				return show(ctx, r, http.MethodPost, "/app", change(r), func(a *application) error { return a.show(r) })
			}},
		verb{use: "update APP", short: "Change an application",
			flags: describe,
			do: func(ctx context.Context, r *request) error {
				return show(ctx, r, http.MethodPatch, route("app", r.args[0]), change(r), func(a *application) error { return a.show(r) })
			}},
		verb{use: "delete APP", short: "Delete an application with its endpoints and messages", loses: losesApplication,
			do: func(ctx context.Context, r *request) error {
				if _, err := r.call(ctx, http.MethodDelete, route("app", r.args[0]), nil, nil); err != nil {
					return err
				}
				r.say("Application %s is gone.", r.args[0])
				return nil
			}},
	)
	return noun("app", "Applications: whose endpoints and messages these are", verbs...)
}
