package main

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// deliveryStatuses are the words for how a delivery stands, as the API numbers them.
var deliveryStatuses = map[string]int{
	"delivered": statusSuccess, "waiting": statusPending, "given-up": statusFail, "cancelled": statusCanceled,
}

// endpointReplayVerbs send again what was sent, and what was not.
func endpointReplayVerbs(e *env) []*cobra.Command {
	again := starter{
		would: "To be sent again: %d that were given up.",
		did:   "Sent again: %d that were given up. Watch them with \"fanfare tail\".",
	}
	missing := starter{
		would: "To be sent: %d that it has missed.",
		did:   "Sent: %d that it had missed. Watch them with \"fanfare tail\".",
	}
	var recovered, missed picker
	return append(e.inApp(
		verb{use: "recover ENDPOINT", short: "Send again what was given up",
			example: "fanfare endpoint recover ep_… --since 24h --plan\nfanfare endpoint recover ep_… --since 24h",
			flags:   func(flags *pflag.FlagSet) { recovered.span(flags, true); again.flags(flags) },
			do: func(ctx context.Context, r *request) error {
				return atEndpointSince(ctx, r, &again, &recovered, "recover")
			}},
		verb{use: "replay-missing ENDPOINT", short: "Send what it wants and was never sent, as it came later",
			example: "fanfare endpoint replay-missing ep_… --since 24h",
			flags:   func(flags *pflag.FlagSet) { missed.span(flags, true); missing.flags(flags) },
			do: func(ctx context.Context, r *request) error {
				return atEndpointSince(ctx, r, &missing, &missed, "replay-missing")
			}},
	), bulkReplayVerb(e))
}

func atEndpointSince(ctx context.Context, r *request, s *starter, p *picker, what string) error {
	if p.since == "" {
		return errNoSince
	}
	body, err := p.body()
	if err != nil {
		return err
	}
	path, err := r.atEndpoint(ctx, what)
	if err != nil {
		return err
	}
	return s.start(ctx, r, path, body)
}

func bulkReplayVerb(e *env) *cobra.Command {
	replay := starter{
		would: "To be sent again: %d.",
		did:   "Sent again: %d. Watch them with \"fanfare tail\".",
	}
	var picked picker
	var status string
	var class int
	var all bool
	return e.inApp(verb{use: "bulk-replay [ENDPOINT]", short: "Send messages again, whatever became of them",
		example: "fanfare endpoint bulk-replay ep_… --since 24h --type record.created --plan\n" +
			"fanfare endpoint bulk-replay --all-endpoints --since 2h --status delivered",
		flags: func(flags *pflag.FlagSet) {
			picked.span(flags, true)
			picked.kinds(flags)
			flags.StringVar(&status, "status", "", "only what is delivered, given-up, cancelled or waiting; all but waiting unless told")
			flags.IntVar(&class, "status-class", 0, "only what was last answered with this class of status: 200, 300, 400 or 500")
			flags.BoolVar(&all, "all-endpoints", false, "to all endpoints that had them, rather than one")
			replay.flags(flags)
		},
		do: func(ctx context.Context, r *request) error {
			if picked.since == "" {
				return errNoSince
			}
			if all == (len(r.args) > 0) {
				return usagef("name one endpoint, or give --all-endpoints")
			}
			body, err := picked.body()
			if err != nil {
				return err
			}
			if status != "" {
				n, ok := deliveryStatuses[status]
				if !ok {
					return usagef("%q is not delivered, given-up, cancelled or waiting", status)
				}
				body["status"] = n
			}
			if class != 0 {
				body["statusCodeClass"] = class
			}
			parts := []string{"msg", "bulk-replay"}
			if !all {
				parts = []string{"endpoint", r.args[0], "bulk-replay"}
			}
			path, err := r.within(ctx, parts...)
			if err != nil {
				return err
			}
			return replay.start(ctx, r, path, body)
		}})[0]
}

// messageExpungeVerb removes payloads.
func messageExpungeVerb(e *env) *cobra.Command {
	purge := starter{
		would: "Payloads to be removed for good: %d.",
		did:   "Payloads removed for good: %d.",
	}
	var picked picker
	var all bool
	return e.inApp(verb{use: "expunge [MESSAGE]", short: "Remove payloads for good: of a message, of those that flags pick, or all",
		example: "fanfare message expunge msg_…\nfanfare message expunge --tag customer-17 --plan\nfanfare message expunge --all",
		flags: func(flags *pflag.FlagSet) {
			picked.span(flags, false)
			picked.kinds(flags)
			flags.BoolVar(&all, "all", false, "of all messages of the application")
			purge.flags(flags)
		},
		do: func(ctx context.Context, r *request) error {
			filter, err := picked.body()
			if err != nil {
				return err
			}
			ways := 0
			for _, way := range []bool{len(r.args) > 0, len(filter) > 0, all} {
				if way {
					ways++
				}
			}
			switch {
			case ways != 1:
				return usagef("name one message, or pick some with --since, --until, --type, --channel or --tag, or give --all")
			case len(r.args) > 0:
				return expungeOne(ctx, r, purge.plan)
			case all:
				filter = nil
			}
			what, body := "expunge-all-contents", any(nil)
			if filter != nil {
				what, body = "bulk-expunge", map[string]any{"filter": filter}
			}
			path, err := r.within(ctx, "msg", what)
			if err != nil {
				return err
			}
			return purge.start(ctx, r, path, body)
		}})[0]
}

func expungeOne(ctx context.Context, r *request, plan bool) error {
	if plan {
		return usagef("one payload need not be planned; leave out --plan")
	}
	path, err := r.atMessage(ctx, "content")
	if err != nil {
		return err
	}
	if _, err := r.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
		return err
	}
	r.say("The payload of message %s is removed for good.", r.args[0])
	return nil
}
