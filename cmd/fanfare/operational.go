package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// inherit is the retry plan of an endpoint that has none of its own.
const inherit = "inherit"

// operationalCommand is endpointCommand for the operator's own endpoints, which
// belong to no application.
func operationalCommand(e *env) *cobra.Command {
	own := *e
	own.ours = true
	verbs := append(endpointVerbs(&own), endpointSecretVerbs(&own)...)
	verbs = append(append(verbs, verifyVerb(&own)...), tryNowVerb(&own)...)
	verbs = append(append(verbs, toldVerbs(&own)...), own.inApp(recoverVerb(&own))...)
	verbs = append(verbs, endpointHistoryVerbs(&own)...)
	for _, cmd := range verbs {
		cmd.Example = strings.ReplaceAll(cmd.Example, "fanfare endpoint ", "fanfare operational ")
	}
	cmd := noun("operational", "Operational webhooks: where you are told of endpoints and deliveries", verbs...)
	cmd.Long = "Endpoints that Fanfare itself tells when an endpoint is created, changed, disabled, failing or\n" +
		"well again, and when a message keeps failing, is given up or gets through after all."
	return cmd
}

// endpointNoun is what the commands about such endpoints begin with.
func (r *request) endpointNoun() string {
	if r.ours {
		return "operational"
	}
	return "endpoint"
}

// toEnable is the command that enables an endpoint again.
func (r *request) toEnable(id string) string {
	if r.ours {
		return r.atServer("operational update", id, "--disabled=false")
	}
	return r.inApp("endpoint enable", id)
}

// verifyVerb asks an endpoint's receiver again whether it wants messages.
func verifyVerb(e *env) []*cobra.Command {
	return e.inApp(verb{
		use: "verify ENDPOINT", short: "Ask its receiver whether it wants messages, in the way of its handshake",
		example: "fanfare endpoint create https://example.com/hooks --handshake challenge\nfanfare endpoint verify ep_…",
		do: func(ctx context.Context, r *request) error {
			path, err := r.atEndpoint(ctx, "verify")
			if err != nil {
				return err
			}
			return show(ctx, r, http.MethodPost, path, nil, func(ep *endpoint) error {
				if ep.Unverified != "" {
					return fmt.Errorf("%s", printable(ep.Unverified))
				}
				r.say("The receiver wants messages; what waited for it is on its way.")
				return nil
			})
		},
	})
}

// tryNowVerb has what waits for an endpoint that fails tried at once.
func tryNowVerb(e *env) []*cobra.Command {
	return e.inApp(verb{
		use: "try-now ENDPOINT", short: "Try what waits for an endpoint at once, if that fails",
		long:    "Tries an endpoint that fails with one delivery that waits for it. If it takes that, the others follow.",
		example: "fanfare endpoint try-now ep_…",
		do: func(ctx context.Context, r *request) error {
			path, err := r.atEndpoint(ctx, "try-now")
			if err != nil {
				return err
			}
			return show(ctx, r, http.MethodPost, path, nil, func(urged *struct{ Waits bool }) error {
				if !urged.Waits {
					r.say("Nothing waits for endpoint %s that can be tried.", r.args[0])
					return nil
				}
				r.say("Endpoint %s is tried at once with what waits.", r.args[0])
				return nil
			})
		},
	})
}

// toldVerbs say what became of what an operational endpoint was told, and tell it again.
func toldVerbs(e *env) []*cobra.Command {
	var limit int
	var failed bool
	return e.inApp(
		verb{use: "attempts ENDPOINT", short: "List the attempts to tell it something, newest first",
			example: "fanfare operational attempts ep_…\nfanfare operational attempts ep_… --failed",
			flags: func(flags *pflag.FlagSet) {
				limitFlag(&limit)(flags)
				flags.BoolVar(&failed, "failed", false, "only those that failed")
			},
			do: func(ctx context.Context, r *request) error {
				path, err := r.atEndpoint(ctx, "attempt")
				if err != nil {
					return err
				}
				query := make(url.Values)
				if !r.json {
					query.Set("with_content", "false")
				}
				if failed {
					query.Set("status", strconv.Itoa(statusFail))
				}
				return listing[attempt]{
					path: path, query: query, limit: limit,
					headings: []string{"ID", "MESSAGE", "EVENT TYPE", "RESULT", "TOOK", "AT", "WHY"},
					least:    []string{"ID", "TOOK", "WHY"},
					row: func(a *attempt) []string {
						return []string{a.ID, a.MsgID, a.EventType, a.result(), a.took(), stamp(a.Timestamp), a.why()}
					},
				}.show(ctx, r)
			}},
		verb{use: "resend ENDPOINT MESSAGE", short: "Tell it something again, whatever became of that",
			example: "fanfare operational resend ep_… msg_…",
			do: func(ctx context.Context, r *request) error {
				path, err := r.atEndpoint(ctx, "msg", r.args[1], "resend")
				if err != nil {
					return err
				}
				return show(ctx, r, http.MethodPost, path, nil, func(*struct{}) error {
					r.say("Message %s is sent to %s again; see %q.", r.args[1], r.args[0], r.atServer("operational attempts", r.args[0]))
					return nil
				})
			}},
	)
}

// planOfEndpoint asks the server when a delivery to an endpoint is tried again.
func planOfEndpoint(ctx context.Context, c *client, ep, eventType string) (*retryPlan, error) {
	path, err := c.within(ctx, "endpoint", ep, "retry-plan")
	if err != nil {
		return nil, err
	}
	var out struct {
		Preset, Source string
		Delays         []float64
	}
	if _, err := c.call(ctx, http.MethodGet, path+"?event_type="+url.QueryEscape(eventType), nil, &out); err != nil {
		return nil, err
	}
	plan := &retryPlan{Preset: out.Preset, Source: out.Source, Attempts: []plannedAttempt{{Attempt: 1}}}
	for i, delay := range out.Delays {
		plan.Total += delay
		plan.Attempts = append(plan.Attempts, plannedAttempt{Attempt: i + 2, Delay: delay, After: plan.Total})
	}
	return plan, nil
}
