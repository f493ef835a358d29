package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
)

func portalCommand(e *env) *cobra.Command {
	all := make([]string, len(fanfare.Capabilities()))
	for i, c := range fanfare.Capabilities() {
		all[i] = string(c)
	}
	var capabilities, flagsOf, channels, sessions []string
	var expiry, in time.Duration
	var readOnly bool
	var session string
	verbs := e.inApp(
		verb{use: "create", short: "Begin a session of an application's portal, and print the link to it",
			long: "Begins a session of an application's portal, and prints the link that opens it, once. It\n" +
				"is for the application's owner alone.\n\n" +
				"Capabilities: " + strings.Join(all[:3], ", ") + ",\n" + strings.Join(all[3:], ", ") + ".\nEvery session has " + string(fanfare.ViewBase) + ". With " + string(fanfare.ManageKeys) + " it makes API keys that stay good when\nit has ended, which is why that has to be said.",
			example: "fanfare portal create --app acme --expires 24h\n" +
				"fanfare portal create --app acme --capability ManageEndpoint --session jane\n" +
				"fanfare portal create --app acme --read-only",
			flags: func(flags *pflag.FlagSet) {
				flags.StringSliceVar(&capabilities, "capability", nil, "what it may do; repeatable; all but "+string(fanfare.ManageKeys)+" unless told")
				flags.BoolVar(&readOnly, "read-only", false, "only what lets view is left of the capabilities")
				flags.DurationVar(&expiry, "expires", fanfare.MaxSession, "how long it lasts, from 1h to 168h")
				flags.StringVar(&session, "session", "", "your own name for it, to revoke it by")
				flags.StringSliceVar(&channels, "channel", nil, "the only channels that it is let into; repeatable; all unless told")
				flags.StringSliceVar(&flagsOf, "feature-flag", nil, "also show the event types that have this flag; repeatable")
			},
			do: func(ctx context.Context, r *request) error {
				path, err := r.access(ctx, "app-portal-access")
				if err != nil {
					return err
				}
				body := map[string]any{"readOnly": readOnly, "expiry": int64(expiry.Seconds()), "featureFlags": flagsOf, "sessionId": session}
				if len(channels) > 0 {
					body["channels"] = channels
				}
				if len(capabilities) > 0 {
					body["capabilities"] = capabilities
				}
				return show(ctx, r, http.MethodPost, path, body, func(s *struct{ URL string }) error {
					r.say("Whoever has this link is let in for %s; end it with %q.", span(expiry.Seconds()), r.inApp("portal revoke"))
					_, err := fmt.Fprintln(r.out, printable(s.URL))
					return err
				})
			}},
		verb{use: "revoke", short: "End the sessions of an application's portal",
			example: "fanfare portal revoke --app acme\nfanfare portal revoke --app acme --session jane",
			flags: func(flags *pflag.FlagSet) {
				flags.StringSliceVar(&sessions, "session", nil, "only the sessions of this name; repeatable; all unless told")
				flags.DurationVar(&in, "in", 0, "so long from now; at once unless told")
			},
			do: func(ctx context.Context, r *request) error {
				path, err := r.access(ctx, "app")
				if err != nil {
					return err
				}
				body := map[string]any{"expiry": int64(in.Seconds())}
				if len(sessions) > 0 {
					body["sessionIds"] = sessions
				}
				if _, err := r.call(ctx, http.MethodPost, path+"/expire-all", body, nil); err != nil {
					return err
				}
				r.say("They open nothing any more%s.", map[bool]string{true: " in " + span(in.Seconds())}[in > 0])
				return nil
			}},
	)
	return noun("portal", "Portal sessions: links by which applications see to their own endpoints", verbs...)
}

// access is a path about the sessions of the application that the user has named, or
// of the only one there is.
func (r *request) access(ctx context.Context, what string) (string, error) {
	if _, err := r.within(ctx); err != nil { // it settles which
		return "", err
	}
	return route("auth", what, r.app), nil
}
