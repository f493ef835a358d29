package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// endpointStateVerbs stop and start endpoints, and look after what they missed.
func endpointStateVerbs(e *env) []*cobra.Command {
	var cancel bool
	return append(e.inApp(
		verb{use: "pause ENDPOINT", short: "Stop sending to an endpoint; what is for it waits",
			example: "fanfare endpoint pause ep_…\nfanfare endpoint pause ep_… --cancel",
			flags: func(flags *pflag.FlagSet) {
				flags.BoolVar(&cancel, "cancel", false, "cancel what waits for it, too")
			},
			do: func(ctx context.Context, r *request) error { return pause(ctx, r, cancel) }},
		verb{use: "resume ENDPOINT", short: "Send to a paused endpoint again",
			do: func(ctx context.Context, r *request) error {
				path, err := r.atEndpoint(ctx, "resume")
				if err != nil {
					return err
				}
				return show(ctx, r, http.MethodPost, path, nil, func(ep *endpoint) error {
					r.say("Endpoint %s is sent to again.", r.args[0])
					return nil
				})
			}},
		changeVerb("enable", "Make deliveries to a disabled endpoint again", "disabled", false, "is enabled"),
		changeVerb("disable", "Make no more deliveries to an endpoint", "disabled", true, "is disabled"),
	), append(endpointHistoryVerbs(e), endpointReplayVerbs(e)...)...)
}

// changeVerb is a verb that sets one field of an endpoint.
func changeVerb(name, short, field string, value bool, done string) verb {
	return verb{use: name + " ENDPOINT", short: short, do: func(ctx context.Context, r *request) error {
		path, err := r.atEndpoint(ctx)
		if err != nil {
			return err
		}
		return show(ctx, r, http.MethodPatch, path, map[string]bool{field: value}, func(ep *endpoint) error {
			r.say("Endpoint %s %s.", ep.ID, done)
			return nil
		})
	}}
}

func pause(ctx context.Context, r *request, cancel bool) error {
	path, err := r.atEndpoint(ctx, "pause")
	if err != nil {
		return err
	}
	body := make(map[string]string)
	if cancel {
		body["waiting"] = "cancel"
	}
	return show(ctx, r, http.MethodPost, path, body, func(c *cancelled) error {
		r.say("Endpoint %s is paused; resume it with %q.", r.args[0], r.inApp("endpoint resume", r.args[0]))
		if cancel {
			r.say("%s", *c)
		}
		return nil
	})
}

// cancelled is how many deliveries were cancelled.
type cancelled struct{ Cancelled int }

func (c cancelled) String() string {
	if c.Cancelled == 1 {
		return "1 delivery that waited is cancelled."
	}
	return fmt.Sprintf("%d deliveries that waited are cancelled.", c.Cancelled)
}

func endpointHistoryVerbs(e *env) []*cobra.Command {
	var since, until string
	type stats struct{ Success, Pending, Fail, Sending, Canceled int }
	span := func(flags *pflag.FlagSet) {
		flags.StringVar(&since, "since", "", "messages accepted from then on: a time, or how long ago, such as 2h")
		flags.StringVar(&until, "until", "", "messages accepted before then")
	}
	return e.inApp(
		verb{use: "stats ENDPOINT", short: "Count an endpoint's deliveries by how they stand", flags: span,
			do: func(ctx context.Context, r *request) error {
				path, err := r.atEndpoint(ctx, "stats")
				if err != nil {
					return err
				}
				query := make(url.Values)
				if err := setTimes(query.Set, since, until); err != nil {
					return err
				}
				return show(ctx, r, http.MethodGet, path+"?"+query.Encode(), nil, func(s *stats) error {
					return fields(r.out, "delivered", fmt.Sprint(s.Success), "waiting", fmt.Sprint(s.Pending),
						"sending", fmt.Sprint(s.Sending), "given up", fmt.Sprint(s.Fail), "cancelled", fmt.Sprint(s.Canceled))
				})
			}},
	)
}

// setTimes sets "since" and "until", where the user gave them.
func setTimes(set func(name, value string), since, until string) error {
	now := time.Now()
	for _, bound := range [][2]string{{"since", since}, {"until", until}} {
		if bound[1] == "" {
			continue
		}
		t, err := timeOf(bound[1], now)
		if err != nil {
			return err
		}
		set(bound[0], t.UTC().Format(time.RFC3339Nano))
	}
	return nil
}
